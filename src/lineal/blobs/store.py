"""The store of blobs, on a folder or an object store.

The layout, under the root of the store:

- `sha256/ab/abcd...`: the bytes with this SHA-256, once for all accounts.
- `accounts/ACCOUNT/abcd.../123`: an empty object that states that the account uploaded these 123 bytes. An entity may
  name a blob as its content only if its account uploaded it: to know the SHA-256 of other people's bytes is not enough
  to read them.
- `sweeping/...`: marks of what a sweep is about to delete; see `lineal.blobs.sweeping`.
"""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, from_url

if TYPE_CHECKING:
    from obstore import GetOptions
    from obstore.store import RetryConfig

_READ_BYTES: Final = 1024 * 1024
"""Size of the pieces in which a blob is read."""
_RETRIES: "Final[RetryConfig]" = {"max_retries": 3, "retry_timeout": timedelta(seconds=15)}
_PARTS_AT_ONCE: Final = 2
"""Number of parts of an upload that are sent at once: each takes 5 MiB of memory."""
SWEEPING: Final = "sweeping"
"""Folder of the marks of sweeps."""
ABSENT: Final = (NotFoundError, FileNotFoundError)
"""The errors of an object that does not exist."""


class BlobsUnavailable(Exception):
    """The store of blobs cannot be reached or is full. The message says what to do."""


class BlobRefused(Exception):
    """An upload is not accepted. The message says why and what to do."""


class DigestMismatch(BlobRefused):
    """The bytes of an upload do not have the SHA-256 that it states."""


class BlobTooLarge(BlobRefused):
    """An upload is larger than one blob may be, or exceeds what the account may keep."""


class BlobBusy(BlobRefused):
    """A sweep is deleting the same bytes."""


class BlobDamaged(Exception):
    """Stored bytes do not have the SHA-256 under which they are stored."""


class BlobStore:
    """Blobs by their SHA-256, and the accounts that uploaded them.

    Every method raises BlobsUnavailable if the store does not answer.
    """

    def __init__(self, open_objects: Callable[[], Any], folder: Path | None) -> None:
        self._open_objects = open_objects
        self._folder = folder
        """The folder of a store of files, which this class syncs to the disk itself."""

    @cached_property
    def objects(self) -> Any:
        """The store of `obstore`. Raises OSError if it is a folder that cannot be made."""
        return self._open_objects()

    @classmethod
    def opened(cls, url: str) -> "BlobStore":
        """Return the store at `file:///folder`, or at an address that object stores have: `s3://bucket/prefix`.

        Object stores take their credentials from the environment, as their own tools do. Raises ValueError for an
        address of no known form.
        """
        if url.startswith("file:"):
            path = Path(url.removeprefix("file://") if url.startswith("file://") else url.removeprefix("file:"))
            if not path.is_absolute():
                raise ValueError(f"{url} names no absolute folder: write file:///absolute/folder")
            blobs = cls.in_folder(path)
            try:
                blobs.objects  # noqa: B018 (makes the folder)
            except OSError as error:
                raise ValueError(f"the folder {path} for content cannot be made ({error.strerror})") from error
            return blobs
        try:
            objects = from_url(url, retry_config=_RETRIES)
        except (BaseError, ValueError) as error:
            raise ValueError(f"{url} is not the address of an object store ({_reason(error)})") from error
        return cls(lambda: objects, None)

    @classmethod
    def in_folder(cls, folder: Path) -> "BlobStore":
        """Return the store in a folder, which is made when it is first used."""
        return cls(lambda: _folder_store(folder), folder)

    async def put(
        self, account: str, sha256: str, chunks: AsyncIterable[bytes], max_bytes: int, max_account_bytes: int = 0
    ) -> int:
        """Keep the bytes of `chunks` for an account, and return their number.

        The bytes are always written, even if another account uploaded the same before, so that the time of an upload
        does not reveal it. An account keeps at most `max_account_bytes`, each blob counted once; 0 sets no limit.
        Raises DigestMismatch, BlobTooLarge and BlobBusy, and whatever `chunks` raises: then nothing is kept.
        """
        used = await self.usage(account, without=sha256) if max_account_bytes else 0
        size = 0

        async def checked() -> AsyncIterator[bytes]:
            nonlocal size
            digest = hashlib.sha256()
            async for chunk in chunks:
                size += len(chunk)
                if size > max_bytes:
                    raise BlobTooLarge(f"the content is larger than {max_bytes} bytes: record where it lies instead")
                if max_account_bytes and used + size > max_account_bytes:
                    raise BlobTooLarge(
                        f"the account would keep more than {max_account_bytes} bytes of content: "
                        "delete content that is no longer needed, or ask for a larger quota"
                    )
                digest.update(chunk)
                yield chunk
            # The upload is completed only after this iterator ends, so an error here leaves nothing behind.
            if digest.hexdigest() != sha256:
                raise DigestMismatch(f"the content has the SHA-256 {digest.hexdigest()}, not {sha256}: send it again")

        path = content_path(sha256)
        with unavailable():
            await obstore.put_async(self.objects, path, checked(), max_concurrency=_PARTS_AT_ONCE)
            await self._sync(path)
            claim = f"{claim_path(account, sha256)}/{size}"
            await obstore.put_async(self.objects, claim, b"")
            await self._sync(claim)
        if await self.is_being_swept(account, sha256):
            raise BlobBusy("unused content of the same bytes is being deleted right now: send it again in some minutes")
        return size

    async def holds(self, account: str, sha256: str) -> bool:
        """Return whether the account uploaded the bytes, and no sweep is about to delete them."""
        is_there = await self.size(account, sha256) is not None
        return is_there and not await self.is_being_swept(account, sha256)

    async def size(self, account: str, sha256: str) -> int | None:
        """Return the number of bytes with a SHA-256 that the account uploaded, or None if it did not."""
        with unavailable():
            listed = [entry async for page in obstore.list(self.objects, claim_path(account, sha256)) for entry in page]
        return int(listed[0]["path"].rpartition("/")[2]) if listed else None

    async def usage(self, account: str, without: str = "") -> int:
        """Return the number of bytes that an account uploaded; those with the SHA-256 `without` do not count."""
        total = 0
        with unavailable():
            async for page in obstore.list(self.objects, f"accounts/{_segment(account)}"):
                for entry in page:
                    sha256, size = entry["path"].split("/")[-2:]
                    total += 0 if sha256 == without else int(size)
        return total

    async def read(self, sha256: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield the bytes from `start` up to `end`, in pieces. Raises one of `ABSENT` if there is no such blob."""
        if start < end:
            async for piece in self._pieces(sha256, {"range": (start, end)}):
                yield piece

    async def _pieces(self, sha256: str, options: "GetOptions") -> AsyncIterator[bytes]:
        with unavailable():
            result = await obstore.get_async(self.objects, content_path(sha256), options=options)
            async for piece in result.stream(min_chunk_size=_READ_BYTES):
                yield bytes(piece)

    async def read_whole(self, sha256: str, size: int) -> AsyncIterator[bytes]:
        """Yield all bytes of a blob; raises BlobDamaged before the last piece if they do not have the SHA-256."""
        digest, last, count = hashlib.sha256(), b"", 0
        async for piece in self._pieces(sha256, {}):
            if last:
                yield last
            digest.update(piece)
            count += len(piece)
            last = piece
        if count != size or digest.hexdigest() != sha256:
            raise BlobDamaged(f"the stored content {sha256} is damaged: restore it, or upload it again")
        if last:
            yield last

    async def is_being_swept(self, account: str, sha256: str) -> bool:
        """Return whether a sweep is about to delete the bytes, or the account's upload of them."""
        for mark in (sweep_mark(content_path(sha256)), sweep_mark(claim_path(account, sha256))):
            with unavailable():
                try:
                    await obstore.head_async(self.objects, mark)
                except ABSENT:
                    continue
                return True
        return False

    async def _sync(self, path: str) -> None:
        """Write a file and the folders that lead to it to the disk: object stores do so before they answer."""
        if self._folder is not None:
            await asyncio.to_thread(_sync_file, self._folder, path)


def content_path(sha256: str) -> str:
    """Return the path of the bytes with a SHA-256."""
    return f"sha256/{sha256[:2]}/{sha256}"


def claim_path(account: str, sha256: str) -> str:
    """Return the folder of the object that states that an account uploaded the bytes with a SHA-256."""
    return f"accounts/{_segment(account)}/{sha256}"


def sweep_mark(path: str) -> str:
    """Return the path of the mark that a sweep is about to delete a path."""
    return f"{SWEEPING}/{path}"


def _segment(account: str) -> str:
    """Return the name of an account as one segment of a path; `.` is encoded, since `..` has a meaning in paths."""
    return quote(account, safe="").replace(".", "%2E").replace("%", "=")


def _folder_store(path: Path) -> LocalStore:
    path.mkdir(parents=True, exist_ok=True)
    return LocalStore(path, mkdir=True)


def _sync_file(folder: Path, path: str) -> None:
    place = folder / path
    while True:
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if place == folder:
            return
        place = place.parent


def account_of(segment: str) -> str:
    """Return the account of a segment that `_segment` returned."""
    return unquote(segment.replace("=", "%"))


@contextmanager
def unavailable() -> Iterator[None]:
    """Turn the errors of an object store, but for `ABSENT`, into BlobsUnavailable."""
    try:
        yield
    except ABSENT:
        raise
    except (BaseError, OSError) as error:
        # The reason may name addresses that are none of the caller's business: it is for the log.
        raise BlobsUnavailable("The store of content does not answer: send the request again later.") from error


def _reason(error: BaseException) -> str:
    """Return the first line of an error: the others repeat its debug form."""
    return str(error).strip().partition("\n")[0][:300]
