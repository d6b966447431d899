"""The store of blobs, on a folder and on a server that speaks S3."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import obstore
import pytest
from s3_server import BUCKET, serving_s3

from lineal.blobs.store import (
    BlobBusy,
    BlobDamaged,
    BlobStore,
    BlobsUnavailable,
    BlobTooLarge,
    DigestMismatch,
    claim_path,
    content_path,
    sweep_mark,
)
from lineal.blobs.sweeping import Swept, sweep

MOST = 10**8
LARGE = os.urandom(12 * 1024 * 1024 + 5)
"""More than two parts of an upload."""


@pytest.fixture(scope="module", params=["folder", "s3"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if request.param == "folder":
        yield f"file://{tmp_path_factory.mktemp('blobs')}"
        return
    with serving_s3() as variables, pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield f"s3://{BUCKET}/prod"


@pytest.fixture
def blobs(url: str, request: pytest.FixtureRequest) -> BlobStore:
    """An empty store of its own for each test."""
    return BlobStore.opened(f"{url}/{request.node.originalname}")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def pieces(content: bytes, size: int = 100_000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def paths(blobs: BlobStore) -> list[str]:
    return sorted([entry["path"] async for page in obstore.list(blobs.objects) for entry in page])


async def read_into(read: bytearray, blobs: BlobStore, content: bytes) -> None:
    async for piece in blobs.read_whole(sha256(content), len(content)):
        read += piece


async def put(blobs: BlobStore, account: str, content: bytes, most: int = MOST, most_in_all: int = 0) -> int:
    return await blobs.put(account, sha256(content), pieces(content), most, most_in_all)


@pytest.mark.parametrize("content", [b"", b"x", LARGE], ids=["empty", "small", "large"])
async def test_what_is_put_is_read(blobs: BlobStore, content: bytes) -> None:
    digest = sha256(content)
    assert await put(blobs, "acme", content) == len(content)
    assert await blobs.size("acme", digest) == len(content)
    assert b"".join([piece async for piece in blobs.read_whole(digest, len(content))]) == content
    start, end = len(content) // 3, len(content) // 2
    assert b"".join([piece async for piece in blobs.read(digest, start, end)]) == content[start:end]


async def test_bytes_are_kept_once_and_uploads_by_account(blobs: BlobStore) -> None:
    for account in ("acme", "acme", "..", "a/b", "a=2Fb"):
        await put(blobs, account, b"same")
    kept = await paths(blobs)
    assert len([path for path in kept if path.startswith("sha256/")]) == 1
    assert len([path for path in kept if path.startswith("accounts/")]) == 4
    assert not await blobs.holds("other", sha256(b"same")), "to know the digest is not to have uploaded the bytes"
    assert [await blobs.usage(account) for account in ("acme", "a/b", "other")] == [4, 4, 0]


async def test_an_upload_that_fails_leaves_nothing(blobs: BlobStore) -> None:
    async def broken() -> AsyncIterator[bytes]:
        async for piece in pieces(LARGE):
            yield piece
        raise ConnectionError("the client went away")

    for content in (b"short", LARGE):
        with pytest.raises(DigestMismatch, match=r"has the SHA-256 .*, not .*: send it again"):
            await blobs.put("acme", sha256(b"other"), pieces(content), MOST)
        with pytest.raises(BlobTooLarge, match="larger than 4 bytes"):
            await put(blobs, "acme", content, 4)
    with pytest.raises(BlobsUnavailable):
        await blobs.put("acme", sha256(LARGE), broken(), MOST)
    assert await paths(blobs) == []


async def test_an_account_has_a_quota(blobs: BlobStore) -> None:
    await put(blobs, "acme", b"12345", most_in_all=8)
    await put(blobs, "acme", b"12345", most_in_all=8)
    with pytest.raises(BlobTooLarge, match="would keep more than 8 bytes"):
        await put(blobs, "acme", b"6789", most_in_all=8)
    await put(blobs, "other", b"6789", most_in_all=8)


async def test_damaged_bytes_are_never_read_as_whole(blobs: BlobStore) -> None:
    content = LARGE[:3_000_000]
    await put(blobs, "acme", content)
    for damaged in (content[:-1] + b"!", content[:-1], content + b"!", b""):
        await obstore.put_async(blobs.objects, content_path(sha256(content)), damaged)
        read = bytearray()
        with pytest.raises(BlobDamaged, match="is damaged: restore it, or upload it again"):
            await read_into(read, blobs, content)
        assert bytes(read) != content


async def test_unused_content_is_swept(blobs: BlobStore) -> None:
    async def is_named(account: str, digest: str) -> bool:
        return (account, digest) in named

    contents = (b"named by both", b"named by acme", b"named by none")
    for account in ("acme", "other"):
        for content in contents:
            await put(blobs, account, content)
    named = {(account, sha256(b"named by both")) for account in ("acme", "other")}
    named.add(("acme", sha256(b"named by acme")))
    young = await sweep(blobs, is_named, unused_for=timedelta(hours=1), wait_seconds=0)
    assert young == Swept(0, 0, 0)
    swept = await sweep(blobs, is_named, unused_for=timedelta(0), wait_seconds=0)
    assert swept == Swept(3, 1, len(b"named by none"))
    uploads = [f"{claim_path(account, digest)}" for account, digest in named]
    assert [path.rpartition("/")[0] for path in await paths(blobs) if path.startswith("accounts/")] == sorted(uploads)
    assert not [path for path in await paths(blobs) if path.startswith("sweeping/")], "the marks are gone"
    assert await sweep(blobs, is_named, unused_for=timedelta(0), wait_seconds=0) == Swept(0, 0, 0)


async def test_uploads_and_recordings_during_a_sweep_fail_or_are_kept(blobs: BlobStore) -> None:
    """A sweep sees in its second look what was named after its first; who looks at its marks does not rely on it."""
    named: set[str] = set()
    waiting = asyncio.Event()

    async def is_named(account: str, digest: str) -> bool:
        waiting.set()
        return digest in named

    for content in (b"recorded meanwhile", b"unused"):
        await put(blobs, "acme", content)
    running = asyncio.create_task(sweep(blobs, is_named, unused_for=timedelta(0), wait_seconds=1))
    await waiting.wait()
    while len([path for path in await paths(blobs) if path.startswith("sweeping/")]) < 2:
        await asyncio.sleep(0.01)
    assert not await blobs.holds("acme", sha256(b"unused")), "a recording does not rely on it"
    with pytest.raises(BlobBusy, match="being deleted right now: send it again"):
        await put(blobs, "acme", b"unused")
    named.add(sha256(b"recorded meanwhile"))
    assert (await running).uploads == 1
    assert await blobs.holds("acme", sha256(b"recorded meanwhile"))
    assert not await blobs.holds("acme", sha256(b"unused"))
    await put(blobs, "acme", b"unused")


async def test_the_marks_of_a_killed_sweep_are_removed(blobs: BlobStore) -> None:
    async def is_named(account: str, digest: str) -> bool:
        return digest == sha256(b"named")

    for content in (b"named", b"unused"):
        await put(blobs, "acme", content)
        await obstore.put_async(blobs.objects, sweep_mark(claim_path("acme", sha256(content))), b"")
    await sweep(blobs, is_named, unused_for=timedelta(0), wait_seconds=0)
    assert await blobs.holds("acme", sha256(b"named"))
    assert await paths(blobs) == [
        f"{claim_path('acme', sha256(b'named'))}/{len(b'named')}",
        content_path(sha256(b"named")),
    ]


def test_a_wrong_address_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for url, problem in (
        ("file:relative", "names no absolute folder: write file:///absolute/folder"),
        (f"file://{tmp_path}/file", "cannot be made"),
        ("ftp://x", "is not the address of an object store"),
        ("nonsense", "is not the address of an object store"),
    ):
        with pytest.raises(ValueError, match=problem):
            BlobStore.opened(url)
