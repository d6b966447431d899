"""Deletes content that no entity names: uploads that were never recorded, and bytes that no account keeps.

Object stores have no transactions, so a sweep announces what it is about to delete. It writes a mark for each object,
waits longer than an upload or a recording takes from its look at the marks to its end, looks again whether the object
is in use, and deletes it only if it is not. An upload looks at the marks after its last write, and a recording before
it commits; both fail if they see one. So either they see the mark, or the second look sees their object in use. A sweep
that is killed leaves marks, which a later sweep removes.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import obstore

from lineal.blobs.store import SWEEPING, BlobStore, account_of, sweep_mark, unavailable

IsNamed = Callable[[str, str], Awaitable[bool]]
"""Tells of an account and a SHA-256 whether an entity of the account names the blob as its content."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep deleted: uploads of accounts, blobs without any upload, and the bytes of these blobs."""

    uploads: int
    blobs: int
    bytes: int


async def sweep(blobs: BlobStore, is_named: IsNamed, *, unused_for: timedelta, wait_seconds: float) -> Swept:
    """Delete the uploads older than `unused_for` that no entity names, and the bytes that no upload is left of.

    Raises BlobsUnavailable, and the errors of `is_named`; what is left then is for the next sweep.
    """
    before = datetime.now(UTC) - unused_for

    async def named(uploads: Collection[str]) -> set[str]:
        return {path for path in uploads if await is_named(*_upload(path))}

    async def kept(contents: Collection[str]) -> set[str]:
        digests = {_upload(path)[1] async for path, _, _ in _objects(blobs, "accounts")}
        return {path for path in contents if path.rpartition("/")[2] in digests}

    with unavailable():
        abandoned = datetime.now(UTC) - 2 * timedelta(seconds=wait_seconds)
        marks = [path async for path, _, at in _objects(blobs, SWEEPING) if at < abandoned]
        if marks:
            await obstore.delete_async(blobs.objects, marks)
        old = [path async for path, _, at in _objects(blobs, "accounts") if at < before]
        uploads = await _delete_unused(blobs, old, named, wait_seconds)
        sizes = {path: size async for path, size, at in _objects(blobs, "sha256") if at < before}
        contents = await _delete_unused(blobs, list(sizes), kept, wait_seconds)
    return Swept(len(uploads), len(contents), sum(sizes[path] for path in contents))


async def _delete_unused(
    blobs: BlobStore,
    paths: Sequence[str],
    used: Callable[[Collection[str]], Awaitable[set[str]]],
    wait_seconds: float,
) -> list[str]:
    """Delete the objects that are unused now and after the wait; returns their paths."""
    in_use = await used(paths)
    unused = [path for path in paths if path not in in_use]
    if not unused:
        return []
    marks = [sweep_mark(_marked(path)) for path in unused]
    for mark in marks:
        await obstore.put_async(blobs.objects, mark, b"")
    await asyncio.sleep(wait_seconds)
    in_use = await used(unused)
    deleted = [path for path in unused if path not in in_use]
    if deleted:
        await obstore.delete_async(blobs.objects, deleted)
    await obstore.delete_async(blobs.objects, marks)
    return deleted


def _marked(path: str) -> str:
    """Return what a mark names: the bytes, or an account's upload of them, whatever its size."""
    return path.rpartition("/")[0] if path.startswith("accounts/") else path


def _upload(path: str) -> tuple[str, str]:
    """Return the account and the SHA-256 of an upload by its path."""
    _, segment, sha256, _ = path.split("/")
    return account_of(segment), sha256


async def _objects(blobs: BlobStore, folder: str) -> AsyncIterator[tuple[str, int, datetime]]:
    """Yield path, size and time of the objects in a folder."""
    async for page in obstore.list(blobs.objects, folder):
        for entry in page:
            yield entry["path"], entry["size"], entry["last_modified"]
