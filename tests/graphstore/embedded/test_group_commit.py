"""Writes that wait are committed together: one sync for all, while every one is whole, judged and refused by itself."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest
from record_builders import association, entity, graph, id_of, now, urn
from watched_disk import WatchedDisk

from lineal.auth.access_store import AccessChange, AuditEntry, AuditQuestion, Document, EpochConflict
from lineal.graphstore.batches import Batch, NewRevision, Recorded
from lineal.graphstore.embedded.sql import access_tables, connections, transactions
from lineal.graphstore.embedded.sql.connections import connect
from lineal.graphstore.errors import BatchRefused, OutcomeUnknown, Unavailable
from lineal.graphstore.opening import open_store
from lineal.graphstore.queries import Find
from lineal.graphstore.store import Durability, Store

AUDIT = (AuditEntry((), "", "", "", "", True),)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.db"


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "GROUP_SECONDS", 60)


@pytest.fixture
def disk() -> Iterator[WatchedDisk]:
    disk = WatchedDisk()
    yield disk
    disk.unregister()


@pytest.fixture
async def store(path: Path, disk: WatchedDisk) -> AsyncIterator[Store]:
    async with await open_store(f"sqlite:///{path}") as store:
        yield store


@contextmanager
def locked(path: Path) -> Iterator[apsw.Connection]:
    """The database, held for writing as by another process."""
    with closing(connect(str(path))) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        if connection.in_transaction:
            connection.execute("ROLLBACK")


async def enqueued(*writes: Coroutine[Any, Any, Any]) -> list["asyncio.Task[Any]"]:
    """The writes as tasks, each of which waits for the writer."""
    tasks = [asyncio.create_task(write) for write in writes]
    await asyncio.sleep(0)
    return tasks


def chained(count: int) -> list[Batch]:
    """Batches that each need the one before."""
    return [
        Batch((entity(f"n{number}"),), (association(f"n{number - 1}", f"n{number}"),) if number else ())
        for number in range(count)
    ]


async def test_waiting_writes_share_one_sync(store: Store, disk: WatchedDisk, path: Path) -> None:
    disk.syncs.clear()
    with locked(path):
        tasks = await enqueued(*(store.record(batch, by="me", audit=AUDIT) for batch in chained(16)))
    recorded: list[Recorded] = await asyncio.gather(*tasks)
    assert disk.syncs == [".db-wal"]
    times = [each.recorded_at or 0 for each in recorded]
    assert times == sorted(set(times))
    assert times[0] > 0
    assert await store.watermark() == times[-1]
    (page,) = await store.find([Find(await now(store))])
    assert page.total == 16
    log = await store.audit_log(AuditQuestion(None, first=100))
    assert len({each.digest for each in log.items}) == 16


async def test_a_refused_batch_of_a_group_leaves_nothing(store: Store, path: Path) -> None:
    missing = Batch((entity("half"),), (association("half", "missing"),))
    conflict = Batch((entity("a", description="other"), entity("half")))
    unknown = Batch((entity("half"),), revisions=(NewRevision(urn("missing"), tags=("t",)),))
    with locked(path):
        tasks = await enqueued(
            store.record(graph("a"), by="me"),
            *(store.record(batch, by="me", audit=AUDIT) for batch in (missing, conflict, unknown)),
            store.record(graph("a>b"), by="me"),
            store.change_access(AccessChange((Document("group", "1", "x"),)), epoch=0),
            store.change_access(AccessChange((Document("group", "1", "y"),)), epoch=0),
        )
    first, *refused, last, changed, moved = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(each, BatchRefused) for each in refused)
    assert isinstance(first, Recorded)
    assert isinstance(last, Recorded)
    assert last.entities_are_new == (False, True)
    assert changed == 1
    assert isinstance(moved, EpochConflict)
    assert await store.entities(await now(store), [id_of("half")]) == [None]
    assert (await store.audit_log(AuditQuestion(None))).items == ()


async def test_a_failed_commit_leaves_the_outcome_of_its_group_unknown(
    store: Store, disk: WatchedDisk, path: Path
) -> None:
    await store.record(graph("a"), by="me")
    with locked(path):
        tasks = await enqueued(
            *(store.record(graph(name), by="me") for name in ("b", "c")),
            store.record(Batch((entity("a", description="other"),)), by="me"),
            store.audit(AUDIT),
        )
        disk.fails = lambda suffix: True
    *batches, audited = await asyncio.gather(*tasks, return_exceptions=True)
    for each in (*batches, audited):
        assert isinstance(each, OutcomeUnknown)
    assert all("the batch may or may not be there: send it again" in str(each) for each in batches)
    assert "the change may or may not be there: look, and make it again if not" in str(audited)
    disk.fails = lambda suffix: False
    recorded = await store.record(graph("b", "c"), by="me")
    assert recorded.entities_are_new in ((True, True), (False, False))
    (page,) = await store.find([Find(await now(store))])
    assert page.total == 3


async def test_groups_do_not_mix_durabilities(store: Store, disk: WatchedDisk, path: Path) -> None:
    disk.syncs.clear()
    with locked(path):
        unsynced = await enqueued(*(store.record(graph(name), by="me", durability=Durability.CRASH) for name in "ab"))
    await asyncio.gather(*unsynced)
    assert disk.syncs == []
    with locked(path):
        tasks = await enqueued(
            store.record(graph("c"), by="me", durability=Durability.CRASH), store.record(graph("d"), by="me")
        )
    await asyncio.gather(*tasks)
    assert ".db-wal" in disk.syncs
    (page,) = await store.find([Find(await now(store))])
    assert page.total == 4


async def test_a_write_whose_caller_left_early_is_not_written(store: Store, path: Path) -> None:
    with locked(path):
        abandoned, kept = await enqueued(store.record(graph("a"), by="me"), store.record(graph("b"), by="me"))
        abandoned.cancel()
        await asyncio.wait([abandoned])
    await kept
    entities = await store.entities(await now(store), [id_of("a"), id_of("b")])
    assert [each is not None for each in entities] == [False, True]


async def test_a_locked_database_fails_every_waiting_write(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "BUSY_MILLISECONDS", 1)
    async with await open_store(f"sqlite:///{path}") as store:
        with locked(path):
            tasks = await enqueued(*(store.record(graph(name), by="me") for name in "abc"))
            for each in await asyncio.gather(*tasks, return_exceptions=True):
                assert isinstance(each, Unavailable)
                assert "holds the database for writing, and nothing was written: send again" in str(each)
        await store.record(graph("a"), by="me")


async def test_a_failure_before_the_commit_writes_nothing_of_the_group(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: Any, **named: Any) -> None:
        raise apsw.FullError("no room")

    with monkeypatch.context() as patched:
        patched.setattr(access_tables, "key_used", fails)
        with locked(path):
            tasks = await enqueued(store.record(graph("a"), by="me"), store.key_used("k", 1))
        for each in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(each, Unavailable)
            assert "disk is full, and nothing was written: free some space, then send again (no room)" in str(each)
    (page,) = await store.find([Find(await now(store))])
    assert page.total == 0
    await store.record(graph("a"), by="me")
