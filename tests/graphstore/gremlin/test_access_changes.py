"""Changes of access whose server fails, or whose process dies, at any step: each is whole afterwards, or not there."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from engines import Engine, emptied
from gremlin_python.process.graph_traversal import GraphTraversal
from record_builders import entity, id_of

from lineal.auth.access_store import (
    AccessChange,
    AuditEntry,
    AuditQuestion,
    Document,
    EpochConflict,
    Membership,
    audit_digest,
)
from lineal.auth.scopes import default_group
from lineal.graphstore.batches import Batch
from lineal.graphstore.errors import OutcomeUnknown, Unavailable
from lineal.graphstore.gremlin import aborted_batches, access_graph, audit_log, writer_lease
from lineal.graphstore.gremlin.client import g
from lineal.graphstore.gremlin.lease_register import GraphRegister
from lineal.graphstore.gremlin.snapshots import AccessProgress, LeaseState, Snapshot
from lineal.graphstore.gremlin.store import GremlinStore
from lineal.graphstore.gremlin.transport import Address
from lineal.graphstore.gremlin.vertex_ids import number_of_group
from lineal.graphstore.gremlin.writer_lease import WriterLease

STEPS = 20
"""More than a change takes."""
ENTRY = AuditEntry(("a",), "a/ann", "shareCreate", "GROUP", "", True)
OpenStore = Callable[[], Awaitable[GremlinStore]]


@pytest.fixture
async def opened(graph_server: Engine, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OpenStore]:
    """Opens stores on one empty graph, each as a process of its own would."""
    await emptied(graph_server.url)
    monkeypatch.setattr(writer_lease, "LEASE_SECONDS", 1.0)
    monkeypatch.setattr(aborted_batches, "_PAUSE_SECONDS", 0.05)
    stores: list[GremlinStore] = []

    async def open_one() -> GremlinStore:
        stores.append(await GremlinStore.opened(Address.parsed(graph_server.url), 20.0))
        return stores[-1]

    yield open_one
    for store in stores:
        await store.close()


class Failing:
    """Lets the nth request of a store fail: it is not sent, or its answer is lost."""

    def __init__(self, store: GremlinStore, at: int, how: str, error: type[BaseException]) -> None:
        self._ask, self._at, self._how, self._error = store._server.ask, at, how, error
        self.asked = 0

    async def __call__(self, steps: GraphTraversal, seconds: float | None = None) -> list[Any]:
        self.asked += 1
        if self.asked != self._at:
            return await self._ask(steps, seconds)
        if self._how == "lost":
            await self._ask(steps, seconds)
        raise self._error("the graph server is tired")

    @property
    def has_failed(self) -> bool:
        return self.asked >= self._at


def whole(number: int) -> AccessChange:
    """A change with a part of every kind, all named by a number: its entity leaves one group and joins another."""
    word, id = str(number), id_of(f"n{number}")
    return AccessChange(
        (Document("group", word, "x"),),
        (Membership(f"new{number}", id),),
        (Membership("old", id),),
        (replace(ENTRY, resource=word),),
    )


async def seen(store: GremlinStore, number: int) -> list[bool]:
    """Of each part of a change, whether it is there."""
    documents = (await store.access_since(0)).documents
    log = await store.audit_log(AuditQuestion(None, first=1000, resource=str(number)))
    assert len(log.items) <= 1
    (entity_groups,) = await store.entity_groups([id_of(f"n{number}")])
    assert entity_groups is not None
    answer = await store._server.ask(g.V().has("urn", entity_groups.urn).values("group"))
    assert {*answer} == {number_of_group(group) for group in entity_groups.groups}
    extra = entity_groups.groups - {default_group("a")}
    assert extra in ({"old"}, {f"new{number}"})
    return [Document("group", str(number), "x") in documents, extra != {"old"}, bool(log.items)]


async def changed(store: GremlinStore, change: AccessChange) -> int:
    """Make a change, deciding anew where access has moved."""
    while True:
        try:
            return await store.change_access(change, epoch=(await store.newest()).epoch)
        except EpochConflict:
            continue


async def begun(store: GremlinStore) -> None:
    names = [f"n{number}" for number in range(STEPS + 1)]
    await store.record(Batch(tuple(map(entity, names))), by="me")
    await changed(store, AccessChange(joins=tuple(Membership("old", id_of(name)) for name in names)))


async def is_chained(store: GremlinStore) -> bool:
    records = (await store.audit_log(AuditQuestion(None, first=1000))).items
    previous = ""
    for sequence, record in enumerate(reversed(records), 1):
        if record.sequence != sequence or record.digest != audit_digest(sequence, record.at, record.entry, previous):
            return False
        previous = record.digest
    return True


@pytest.mark.slow
@pytest.mark.parametrize("how", ["not sent", "lost"])
async def test_a_change_whose_server_fails(opened: OpenStore, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    store = await opened()
    await begun(store)
    outcomes = set()
    for number in range(1, STEPS):
        epoch = (await store.newest()).epoch
        failing = Failing(store, number, how, Unavailable)
        outcome: type[BaseException] | None = None
        with monkeypatch.context() as patched:
            patched.setattr(store._server, "ask", failing)
            try:
                assert await store.change_access(whole(number), epoch=epoch) == epoch + 1
            except Unavailable as error:
                outcome = type(error)
        await changed(store, AccessChange((Document("group", "next", str(number)),)))
        there = await seen(store, number)
        assert there in ([True] * 3, [False] * 3), number
        if outcome is not OutcomeUnknown:
            assert there == [outcome is None] * 3, number
        outcomes.add((outcome, there[0]))
        if not failing.has_failed:
            break
    assert not failing.has_failed
    assert {(None, True), (Unavailable, False), (OutcomeUnknown, True)} <= outcomes
    assert await is_chained(store)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["not sent", "lost"])
async def test_a_change_whose_process_dies(opened: OpenStore, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """The next to change access, in another process, does what is left of it."""
    other = await opened()
    await begun(other)
    results = set()
    for number in range(1, STEPS):
        dying = await opened()
        await dying.audit([ENTRY])  # so that it has a turn already
        epoch = (await dying.newest()).epoch
        failing = Failing(dying, number, how, asyncio.CancelledError)
        with monkeypatch.context() as patched:
            patched.setattr(dying._server, "ask", failing)
            dead = asyncio.create_task(dying.change_access(whole(number), epoch=epoch))
            await asyncio.wait([dead])
        if dying._lease._keeper is not None:
            dying._lease._keeper.cancel()
        if not failing.has_failed:
            assert dead.result() == epoch + 1
            break
        await changed(other, AccessChange((Document("group", "next", str(number)),)))
        there = await seen(other, number)
        assert there in ([True] * 3, [False] * 3), number
        results.add(there[0])
    assert not failing.has_failed
    assert results == {True, False}
    assert await is_chained(other)


async def test_the_progress_of_access_survives_its_process(opened: OpenStore) -> None:
    first, second = await opened(), await opened()
    await begun(first)
    await changed(first, whole(1))
    progress = first._lease.snapshot.access
    assert progress == AccessProgress(2, 2, 1)
    await first.close()
    await second.audit([ENTRY])
    third = await opened()
    assert (await third.newest()).epoch == 2
    assert third._lease.snapshot.access == replace(progress, audited=2)
    assert await is_chained(third)


async def test_a_log_longer_than_one_read(opened: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in {"_WRITTEN_AT_ONCE": 4, "_FIRST_READ": 2, "_MOST_READ": 5}.items():
        monkeypatch.setattr(audit_log, name, size)
    store = await opened()
    await store.audit([replace(ENTRY, resource=str(number)) for number in range(23)])
    records = (await store.audit_log(AuditQuestion(None, first=100))).items
    assert [record.entry.resource for record in records] == [str(number) for number in reversed(range(23))]
    assert await is_chained(store)
    for number in range(23):
        page = await store.audit_log(AuditQuestion(None, resource=str(number)))
        assert [record.entry.resource for record in page.items] == [str(number)]
        page = await store.audit_log(AuditQuestion(None, until=records[number].at, first=2))
        assert page.items == records[number : number + 2]
        page = await store.audit_log(AuditQuestion(None, since=records[number].at, first=100))
        assert page.items == records[: number + 1]


@pytest.mark.parametrize("every", [2, 3, 4, 256])
@pytest.mark.parametrize("is_lost", [True, False])
async def test_more_changes_than_one_read_returns(
    opened: OpenStore, monkeypatch: pytest.MonkeyPatch, every: int, is_lost: bool
) -> None:
    """Be what they come to written down or not."""
    monkeypatch.setattr(access_graph, "_AT_ONCE", 2)
    monkeypatch.setattr(access_graph, "SUMMARY_EVERY", every)
    store = await opened()
    await begun(store)
    for number in range(5):
        await changed(
            store, AccessChange((Document("group", "same", str(number)), Document("share", str(number), "x")))
        )
    if is_lost:
        await store._server.ask(g.V(access_graph._summary_vertex(6 - 6 % every)).drop())
    sums = g.V([access_graph._summary_vertex(epoch) for epoch in range(1, 7)])
    assert await store._server.ask(sums.count()) == [6 // every - (is_lost and every < 6)]
    for epoch in range(7):
        news = await store.access_since(epoch)
        assert news.epoch == 6
        expected = {("group", "same", "4")} if epoch < 6 else set()
        expected |= {("share", str(number), "x") for number in range(max(epoch - 1, 0), 5)}
        assert {(each.part, each.id, each.content) for each in news.documents} == expected


def test_states_read_out_of_order() -> None:
    """The newest stays, however late the answer with an older one arrives; and a state survives its text."""
    early, late = AccessProgress(3, 1, 8), AccessProgress(4, 3, 9)
    lease = WriterLease(GraphRegister(None))  # type: ignore[arg-type]
    newest = LeaseState(7, snapshot=Snapshot(5, (4,), access=late))
    for state in (newest, LeaseState(6, snapshot=Snapshot(5, (), access=early))):
        lease._learn(state)
        assert lease.snapshot == newest.snapshot
    assert LeaseState.unpacked(newest.packed()) == newest


async def test_a_record_that_was_not_committed_is_not_chained_to(
    opened: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process takes its number: the next record of this one follows that."""
    one, other = await opened(), await opened()
    await one.audit([ENTRY])

    async def fails(*_: object) -> None:
        raise Unavailable("the commit fails")

    with monkeypatch.context() as patched:
        patched.setattr(one._lease, "commit_access", fails)
        with pytest.raises(Unavailable):
            await one.audit([replace(ENTRY, resource="lost")])
    await one._lease.release()
    await other.audit([replace(ENTRY, resource="other")])
    await one.audit([replace(ENTRY, resource="next")])
    assert await is_chained(other)
