"""Disk faults at every call of a store: while it opens after a crash, reads and writes, once and from then on.

Every failure is a StoreError, nothing acknowledged is lost, nothing is half there, no write is acknowledged after a
failed sync until the files were opened anew, and once the disk is well the same store goes on.
"""

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from failing_disk import ERRORS, FailingDisk
from numbered_writes import FIRST, numbers_in, write
from record_builders import id_of, now
from server_process import Server, serving
from torture import chance, rounds

from lineal.graphstore.embedded.sql.database import Database
from lineal.graphstore.errors import StoreError, StoreUnusable, Unavailable
from lineal.graphstore.opening import open_store
from lineal.graphstore.store import Store

pytestmark = pytest.mark.faults

BEFORE = range(6)
"""The writes acknowledged before the crash."""


@pytest.fixture
def disk() -> Iterator[FailingDisk]:
    disk = FailingDisk()
    yield disk
    disk.unregister()


@pytest.fixture
async def crashed(tmp_path: Path) -> Path:
    """A folder with a store as a killed process leaves it: with a log that has to be recovered."""
    folder = tmp_path / "crashed"
    folder.mkdir()
    store = await open_store(f"sqlite:///{tmp_path}/lineal.db")
    await store.record(FIRST, by="me")
    for number in BEFORE:
        await write(store, number)
    for suffix in ("", "-wal"):
        shutil.copy(tmp_path / f"lineal.db{suffix}", folder)
    await store.close()
    return folder


class Run:
    """One store on a disk with one fault: it is opened, read and written, and then the disk is well again."""

    def __init__(self, disk: FailingDisk, folder: Path) -> None:
        self.disk, self.url = disk, f"sqlite:///{folder}/lineal.db"
        self.acknowledged = set(BEFORE)

    async def under_faults(self, store: Store | None) -> Store | None:
        """Open the store if it is not, read, and write twice; None where it did not open."""
        if store is None:
            with suppress(StoreUnusable, Unavailable):
                store = await open_store(self.url)
        if store is None:
            return None
        with suppress(Unavailable):
            (found,) = await store.entities(await now(store), [id_of("first")])
            assert found is not None, "an empty answer where the disk failed"
        for number in (8, 9):
            await self.sent(store, number)
        return store

    async def sent(self, store: Store, number: int) -> bool:
        """Whether a write was acknowledged."""
        try:
            await write(store, number)
        except Unavailable:
            return False
        if self.disk.failed_at is not None:
            assert self.disk.opened > self.disk.failed_at, "acknowledged after a failed sync, with the same files"
        self.acknowledged.add(number)
        return True

    async def healed(self, store: Store | None) -> None:
        """Go on with the same store, and open it again in the end."""
        store = store or await open_store(self.url)
        for number in (8, 9, 14):
            for _ in range(3):
                if await self.sent(store, number):
                    break
            assert number in self.acknowledged, "no recovery"
        await store.close()
        database = Database(self.url.removeprefix("sqlite:///"))
        assert numbers_in(database) >= self.acknowledged
        database.close()


@pytest.mark.parametrize("opens", [True, False], ids=["in recovery", "in use"])
async def test_a_fault_at_every_call(opens: bool, crashed: Path, disk: FailingDisk, tmp_path: Path) -> None:
    cases = []
    for error in ERRORS:
        await one_run(crashed, tmp_path / f"counted-{error}", disk, error, 10**9, sticky=False, opens=opens)
        cases += [(error, number, sticky) for number in range(1, disk.calls + 1) for sticky in (False, True)]
    random = chance(f"disk faults {opens}")
    random.shuffle(cases)
    cases.sort(key=lambda case: case[0] != "EMFILE")  # few, so first: a short climb has every error
    felt: Counter[str] = Counter()
    for turn in rounds(short=50, whole=len(cases), share=0.03):
        if turn >= len(cases):
            break
        error, number, sticky = cases[turn]
        folder = tmp_path / f"run{turn}"
        await one_run(crashed, folder, disk, error, number, sticky=sticky, opens=opens)
        felt[error] += disk.felt
        shutil.rmtree(folder)
    print(f"{'recovery' if opens else 'use'}: {len(cases)} places, felt {dict(felt)}")
    # A store in use opens no file as long as all is well.
    assert {error for error, times in felt.items() if times} >= set(ERRORS) - (set() if opens else {"EMFILE"})


async def one_run(
    crashed: Path, folder: Path, disk: FailingDisk, error: str, number: int, *, sticky: bool, opens: bool
) -> None:
    """Everything once, with one fault, in a copy of the crashed store."""
    shutil.copytree(crashed, folder)
    run = Run(disk, folder)
    disk.failed_at = None
    store = None if opens else await open_store(run.url)
    disk.fail(error, number, sticky=sticky)
    try:
        store = await run.under_faults(store)
        calls = disk.calls
        disk.heal()
        await run.healed(store)
    except (AssertionError, StoreError) as failure:
        raise AssertionError(f"{error} at call {number}, sticky: {sticky}: {failure!r}") from failure
    disk.calls = calls


RECORD = """mutation ($n: String!, $d: String!) { lineageRecord(input: {entities: [
  {kind: DATASET, name: $n, description: $d}]}) { entities { isNew } userErrors { message } } }"""
READ = "query ($u: String!) { entity(urn: $u) { description } }"


def record(server: Server, name: str) -> bool:
    """Whether an entity of some 64 KiB was acknowledged."""
    answer = server.post(RECORD, n=name, d=name * (65536 // len(name)))
    if errors := answer.get("errors"):
        assert {each["extensions"]["code"] for each in errors} == {"UNAVAILABLE"}, errors
        return False
    return not answer["data"]["lineageRecord"]["userErrors"]


def is_there(server: Server, name: str) -> bool:
    """Whether an entity is there, whole."""
    found = server.ask(READ, u=f"lineal:local:DATASET:{name}")["entity"]
    return found is not None and found["description"] == name * (65536 // len(name))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 8 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root can make a small disk here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_written_to_again_once_it_has_room(small_disk: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{small_disk}/lineal.db"
    acknowledged: list[str] = []
    with serving(url, tmp_path) as server:
        assert record(server, "before")
        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        refused = [name for name in (f"full-{number}" for number in range(5)) if not record(server, name)]
        assert refused, "the disk was not full"
        assert is_there(server, "before")
        assert httpx.get(f"{server.url}/healthz").status_code == 200
        filler.unlink()
        for name in refused:
            assert any(record(server, name) for _ in range(3)), "no recovery without a restart"
            acknowledged.append(name)
        assert all(is_there(server, name) for name in ("before", *acknowledged))
        assert "Traceback" not in server.log.read_text()
    with serving(url, tmp_path) as again:
        assert all(is_there(again, name) for name in ("before", *acknowledged))
