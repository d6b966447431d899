"""What the embedded store keeps beyond the contract: its file, its durability, its connections."""

import asyncio
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import apsw
import pytest
from record_builders import EPOCH, Down, association, distances, entity, graph, id_of, now, reach, urn
from watched_disk import WatchedDisk

from lineal.auth.access_store import AccessChange, AuditEntry, AuditQuestion, Document, Membership
from lineal.auth.scopes import EVERYTHING
from lineal.graphstore.batches import Batch, NewObservation, NewRevision
from lineal.graphstore.embedded.memory import adjacency_cache
from lineal.graphstore.embedded.memory.adjacency_cache import AdjacencyCache
from lineal.graphstore.embedded.sql import connections
from lineal.graphstore.embedded.sql.connections import FULL, connect
from lineal.graphstore.embedded.sql.record_reader import carray_of
from lineal.graphstore.embedded.sql.schema_sql import VERSION
from lineal.graphstore.errors import OutcomeUnknown, StoreUnusable, Unavailable
from lineal.graphstore.opening import open_store
from lineal.graphstore.queries import Reach, SeriesOf, Walk
from lineal.graphstore.records import AsOf, View
from lineal.graphstore.store import Durability, Store
from lineal.graphstore.walking.breadth_first import WalkUnion
from lineal.graphstore.walking.reader_protocol import Reader
from lineal.graphstore.walking.walk_cache import WalkCache


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    store = await open_store(f"sqlite:///{path}")
    yield store
    await store.close()


@pytest.fixture
def disk() -> Iterator[WatchedDisk]:
    disk = WatchedDisk()
    yield disk
    disk.unregister()


def test_every_connection_syncs_fully_and_writes_ahead(path: Path) -> None:
    connection = connect(str(path), creates=True)
    assert (connection.pragma("synchronous"), connection.pragma("journal_mode")) == (FULL, "wal")


async def test_a_commit_is_synced_before_it_is_acknowledged(disk: WatchedDisk, store: Store) -> None:
    await store.record(graph("a"), by="me")
    disk.syncs.clear()
    await store.record(graph("a>b"), by="me")
    assert ".db-wal" in disk.syncs


async def test_a_commit_syncs_what_another_process_wrote_without_a_sync(
    disk: WatchedDisk, store: Store, path: Path
) -> None:
    other = await open_store(f"sqlite:///{path}")
    await other.record(graph("a"), by="me")
    disk.syncs.clear()
    await store.record(graph("b"), by="me", durability=Durability.CRASH)
    assert disk.syncs == []
    recorded = await other.record(graph("b"), by="me")
    assert recorded.entities_are_new == (False,)
    assert disk.syncs == [".db-wal"]
    await other.close()


async def test_after_a_failed_sync_nothing_is_acknowledged_until_everything_is_synced(
    disk: WatchedDisk, store: Store
) -> None:
    await store.record(graph("a"), by="me")
    export = store.export(await now(store))
    await anext(export)  # a reader in the midst of something
    disk.fails = lambda suffix: True
    with pytest.raises((OutcomeUnknown, Unavailable)):
        await store.record(graph("b"), by="me")
    for _ in range(2):
        with pytest.raises(Unavailable, match="the disk failed while writing, and the store has not come back"):
            await store.record(graph("c"), by="me")
    disk.fails = lambda suffix: False
    disk.syncs.clear()
    await asyncio.wait_for(store.record(graph("c"), by="me"), 10)
    assert disk.syncs.index(".db") < len(disk.syncs) - 1
    await export.aclose()  # type: ignore[attr-defined]


async def test_a_walk_as_of_the_future_is_not_cached(store: Store) -> None:
    later = View(EVERYTHING, AsOf(2**62))
    for edge, reached in (("a>b", 1), ("b>c", 2), ("c>d", 3)):
        await store.record(graph(edge), by="me")
        (page,) = await store.reach([Reach(Walk(later, (id_of("a"),), Down))])
        assert page is not None
        assert page.total == reached


@pytest.mark.parametrize("url", ["memory:", "sqlite:///{}"])
async def test_an_export_blocks_no_writer(url: str, path: Path) -> None:
    store = await open_store(url.format(path))
    await store.record(graph("a>b>c"), by="me")
    export = store.export(View(EVERYTHING, AsOf(2**62)))
    parts = [await anext(export)]
    await asyncio.wait_for(store.record(graph("c>d"), by="me"), 10)
    assert distances(await asyncio.wait_for(reach(store, "a"), 10)) == {"b": 1, "c": 2, "d": 3}
    parts += [part async for part in export]
    assert len(parts) == 5
    other = store.export(await now(store))
    await anext(other)
    await asyncio.wait_for(store.close(), 10)
    with pytest.raises(Unavailable, match="closed"):
        [part async for part in other]


async def test_a_failed_access_change_is_atomic(disk: WatchedDisk, store: Store, path: Path) -> None:
    await store.record(graph("a"), by="me")
    change = AccessChange(
        (Document("group", "1", "x"),), (Membership("g", id_of("a")),), audit=(AuditEntry((), "", "", "", "", True),)
    )
    bad = replace(change, audit=(*change.audit, AuditEntry((), "\ud800", "", "", "", True)))
    with pytest.raises(UnicodeEncodeError):
        await store.change_access(bad, epoch=0)
    assert await seen(store) == (0, 0, False, 0)
    disk.fails = lambda suffix: True
    with pytest.raises(OutcomeUnknown, match="the change may or may not be there: look, and make it again if not"):
        await store.change_access(change, epoch=0)
    disk.fails = lambda suffix: False
    for each in (store, await open_store(f"sqlite:///{path}")):
        assert await seen(each) in ((0, 0, False, 0), (1, 1, True, 1))
    while (await store.newest()).epoch < 1:
        await store.change_access(change, epoch=0)
    assert await seen(store) == (1, 1, True, 1)
    await each.close()


async def seen(store: Store) -> tuple[int, int, bool, int]:
    """The epoch, and how much of a change is there."""
    news = await store.access_since(0)
    (entity_groups,) = await store.entity_groups([id_of("a")])
    assert entity_groups is not None
    log = await store.audit_log(AuditQuestion(None))
    return news.epoch, len(news.documents), "g" in entity_groups.groups, len(log.items)


async def test_an_access_change_is_synced_before_it_is_acknowledged(disk: WatchedDisk, store: Store) -> None:
    for write in (
        lambda: store.change_access(AccessChange((Document("group", "1", "x"),)), epoch=0),
        lambda: store.audit([AuditEntry((), "", "", "", "", True)]),
    ):
        disk.syncs.clear()
        await write()
        assert ".db-wal" in disk.syncs


async def test_observations_stand_after_reopening(path: Path) -> None:
    observations = tuple(NewObservation(urn("a"), "loss", step / 4, step, EPOCH) for step in range(3))
    async with await open_store(f"sqlite:///{path}") as store:
        await store.record(graph("a"), by="me")
        done = await store.record(Batch(observations=observations[:2]), by="me")
        assert done.observations_are_new == (True, True)
    async with await open_store(f"sqlite:///{path}") as store:
        done = await store.record(Batch(observations=observations), by="me")
        assert done.observations_are_new == (False, False, True)
        (page,) = await store.series([SeriesOf(await now(store), id_of("a"), "loss")])
        assert [each.value for each in page.items] == [0, 0.25, 0.5]


async def test_group_membership_is_stored_by_compartments(store: Store, path: Path) -> None:
    """Entities in the same groups share one compartment; one that left all of them is in that of none."""
    await store.record(graph("a", "b", "c", "d"), by="me")
    member = {(group, name): Membership(group, id_of(name)) for group in "gh" for name in "abcd"}
    await store.change_access(AccessChange(joins=(member["h", "a"], member["g", "a"], member["g", "b"])), epoch=0)
    await store.change_access(AccessChange(joins=(member["h", "b"], member["g", "a"], member["g", "c"])), epoch=1)
    await store.change_access(AccessChange(leaves=(member["g", "c"], member["g", "d"])), epoch=2)
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT e.name, c.groups, p.epoch FROM placement p JOIN compartment c ON c.id = p.compartment "
            "JOIN entity e ON e.key = p.entity ORDER BY e.name"
        ).fetchall()
        (count,) = connection.execute("SELECT count(*) FROM compartment WHERE groups = ?", ('["g","h"]',)).fetchone()
    assert rows == [("a", '["g","h"]', 1), ("b", '["g","h"]', 2), ("c", "[]", 3)]
    assert count == 1


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("entity", "recorded_by"),
        ("entity_content", "description"),
        ("association", "recorded_by"),
        ("revision", "recorded_by"),
        ("revision_content", "description"),
        ("series", "metric"),
        ("observation", "value"),
        ("batch", "recorded_by"),
        ("audit", "principal"),
    ],
)
async def test_the_database_itself_refuses_changes(store: Store, path: Path, table: str, column: str) -> None:
    revision = NewRevision(urn("a"), tags=("x",), occurred_at=1)
    entities, observation = (entity("a", description="d"), entity("b")), NewObservation(urn("a"), "loss", 0.5)
    batch = Batch(entities, (association("a", "b"),), (revision,), (observation,))
    await store.record(batch, by="me", audit=[AuditEntry((), "", "", "", "", True)])
    with closing(sqlite3.connect(path)) as connection:
        for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET {column} = 0"):
            with pytest.raises(sqlite3.IntegrityError, match="nothing recorded is ever changed"):
                connection.execute(statement)


def _foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")


def _of_version(version: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        asyncio.run(_made(path))
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA user_version = {version}")

    return make


async def _made(path: Path) -> None:
    await (await open_store(f"sqlite:///{path}")).close()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (_foreign, "is an SQLite database, but not a Lineal store: name another file with --store"),
        (_of_version(VERSION + 1), "was written by a newer Lineal .*: upgrade Lineal, or open another store"),
        (
            _of_version(VERSION - 1),
            r"was written by an older Lineal .*: export it with that Lineal \(lineal export --store ... FILE\), and "
            "ingest that file into a new store with this one",
        ),
        (lambda path: path.write_text("hello" * 1000), "is not an SQLite database: name another file with --store"),
        (Path.mkdir, "is a directory: name a file in it with --store"),
    ],
)
def test_a_file_that_is_no_store_is_refused_and_unchanged(path: Path, make: object, sentence: str) -> None:
    assert callable(make)
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StoreUnusable, match=sentence):
        asyncio.run(_made(path))
    assert (path.read_bytes() if path.is_file() else None) == before


def test_an_old_sqlite_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "OLDEST_SQLITE", (99, 0, 0))
    with pytest.raises(StoreUnusable, match=r"install apsw 3\.51\.3 or later"):
        connect(str(path))


OPEN = """
import asyncio, sys, time
from lineal.graphstore.opening import open_store
async def main():
    while time.time() < float(sys.argv[2]): pass
    store = await open_store("sqlite:///" + sys.argv[1])
    await store.ready()
    await store.close()
asyncio.run(main())
"""


def test_servers_started_at_once_on_a_fresh_file_all_open_it(tmp_path: Path) -> None:
    for attempt in range(5):
        at = str(time.time() + 1.5)
        command = [sys.executable, "-c", OPEN, str(tmp_path / f"{attempt}.db"), at]
        started = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
        assert [process.communicate()[1] for process in started] == [""] * 4


PLANS = {
    "SELECT a.destination FROM carray(?) f CROSS JOIN association a ON a.source = f.value": "USING PRIMARY KEY",
    "SELECT a.source FROM carray(?) f CROSS JOIN association a ON a.destination = f.value": (
        "USING COVERING INDEX association_upstream"
    ),
}


async def test_walks_use_the_intended_indexes(store: Store, path: Path) -> None:
    await store.record(graph("a>b"), by="me")
    connection = apsw.Connection(str(path))
    for statement, plan in PLANS.items():
        details = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", (carray_of([1]),))]
        assert any(plan in detail for detail in details), details


async def test_walks_of_the_present_read_no_association_from_the_database(store: Store, path: Path) -> None:
    """What is held in memory is brought up to date with this store's batches and with another's."""
    other = await open_store(f"sqlite:///{path}")
    chain = [f"n{n}" for n in range(40)]
    for number, edge in enumerate(pairwise(chain), 1):
        await (store if number % 3 else other).record(graph(">".join(edge)), by="me")
        for each in (store, other):
            assert distances(await reach(each, "n0")) == {f"n{n}": n for n in range(1, number + 1)}
    asked: list[str] = []
    database = store._database  # type: ignore[attr-defined]
    for connection in database._idle:
        connection.trace_v2(apsw.SQLITE_TRACE_STMT, lambda event: asked.append(event["sql"]))
    assert (await reach(store, "n0", depth=39)).total == 39
    assert asked
    assert not [statement for statement in asked if "JOIN association" in statement]
    await other.close()


async def test_walks_read_the_database_while_the_adjacency_is_stale(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adjacency_cache, "MOST_INLINE", 1)
    release = threading.Event()
    build = AdjacencyCache._build
    monkeypatch.setattr(AdjacencyCache, "_build", lambda self: release.wait() and build(self))
    await store.record(graph("a>b>c>d"), by="me")
    assert distances(await reach(store, "a")) == {"b": 1, "c": 2, "d": 3}
    release.set()
    await store.record(graph("d>e"), by="me")
    assert distances(await reach(store, "a")) == {"b": 1, "c": 2, "d": 3, "e": 4}


async def test_the_newest_walk_stays_cached_and_older_ones_are_evicted(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_walks", WalkCache(1))
    walked: list[WalkUnion] = []
    advance = WalkUnion.advance

    def noted(steps: WalkUnion, reader: Reader) -> None:
        walked.append(steps)
        advance(steps, reader)

    monkeypatch.setattr(WalkUnion, "advance", noted)
    await store.record(graph("a>b>c>d>e"), by="me")
    page = await reach(store, "a", first=1)
    for _ in range(3):
        page = await reach(store, "a", first=1, after=page.end)
    assert distances(page) == {"e": 4}
    once = len(walked)
    await reach(store, "b")
    await reach(store, "a")
    assert len(walked) > once + 4
