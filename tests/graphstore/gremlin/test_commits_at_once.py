"""A group that is not large is written and committed in one request: how many there are, and what a failure leaves."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from engines import Engine, emptied
from gremlin_python.process.graph_traversal import GraphTraversal
from gremlin_python.process.traversal import P
from gremlin_python.statics import long
from record_builders import EPOCH, association, entity, graph, id_of, now, properties, urn

from lineal.auth.access_store import AuditEntry, AuditQuestion
from lineal.graphstore.batches import Batch, Idempotency, NewObservation, NewRevision
from lineal.graphstore.errors import OutcomeUnknown, Unavailable
from lineal.graphstore.gremlin import batch_writer, writer_lease
from lineal.graphstore.gremlin.client import GremlinClient, g
from lineal.graphstore.gremlin.index_backlog import IndexBacklog
from lineal.graphstore.gremlin.store import GremlinStore
from lineal.graphstore.gremlin.transport import Address, Transport

Open = Callable[[], Awaitable[GremlinStore]]
Ask = Callable[[GraphTraversal], Awaitable[list[Any]]]


@pytest.fixture
async def opened(graph_server: Engine, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Open]:
    """Opens stores on one graph; nothing is asked in the background."""
    await emptied(graph_server.url)
    monkeypatch.setattr(IndexBacklog, "start", lambda _: None)
    stores: list[GremlinStore] = []

    async def open_one() -> GremlinStore:
        stores.append(await GremlinStore.opened(Address.parsed(graph_server.url), 20.0))
        return stores[-1]

    yield open_one
    for store in stores:
        await store.close()


def is_commit(steps: GraphTraversal) -> bool:
    """Whether a traversal writes entities and commits them."""
    text = str(steps.bytecode)
    return "mergeV" in text and "kept_at" in text and "'record'" in text


async def left(store: GremlinStore, stamps: tuple[int, ...]) -> int:
    """How many vertices have one of the stamps."""
    (count,) = await store._server.ask(g.V().has("recorded_at", P.within([long(stamp) for stamp in stamps])).count())
    return int(count)


async def names_of(store: GremlinStore, names: str) -> str:
    """Those of some entities that exist."""
    entities = await store.entities(await now(store), [id_of(name) for name in names])
    return "".join(each.name for each in entities if each is not None)


async def requests_of(store: GremlinStore, batch: Batch, monkeypatch: pytest.MonkeyPatch, **more: Any) -> list[int]:
    """How many requests each round trip of a batch makes, while its process holds the lease."""
    monkeypatch.setattr(writer_lease, "HOLD_SECONDS", 60.0)
    await store.record(Batch((entity("first"),)), by="me", audit=more.get("audit", ()))
    assert store._lease._keeper is not None
    store._lease._keeper.cancel()
    trips: list[int] = []
    under_way = 0
    ask = Transport.ask

    async def counting(transport: Transport, *arguments: Any) -> list[bytes]:
        nonlocal under_way
        if under_way == 0:
            trips.append(0)
        trips[-1] += 1
        under_way += 1
        try:
            return await ask(transport, *arguments)
        finally:
            under_way -= 1

    with monkeypatch.context() as patched:
        patched.setattr(Transport, "ask", counting)
        await store.record(batch, by="me", **more)
    return trips


ENTITY = Batch((entity("a", properties=properties(k=1)),))
LINKED = Batch((entity("a"), entity("b")), (association("a", "b"),), (NewRevision(urn("a"), tags=("t",)),))
OBSERVED = Batch((entity("a"),), observations=(NewObservation(urn("a"), "loss", 0.5, 1, EPOCH),))
ENTRY = AuditEntry(("a",), "me", "record", "ACCOUNT", "a", True, (), "")


@pytest.mark.parametrize("batch", [ENTITY, LINKED, OBSERVED])
async def test_a_batch_takes_two_round_trips(opened: Open, monkeypatch: pytest.MonkeyPatch, batch: Batch) -> None:
    """What is recorded, and the commit."""
    assert await requests_of(await opened(), batch, monkeypatch) == [1, 1]


async def test_idempotency_and_audit_take_no_more(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    key = Idempotency("k", "f")
    assert await requests_of(await opened(), LINKED, monkeypatch, idempotency=key, audit=[ENTRY]) == [2, 1]


async def failing(store: GremlinStore, monkeypatch: pytest.MonkeyPatch, failing: Callable[[Ask, Any], Any]) -> None:
    """Record `b` while the commit fails in some way."""
    ask = store._server.ask

    async def faulty(steps: GraphTraversal, seconds: float | None = None) -> list[Any]:
        if is_commit(steps):
            rows: list[Any] = await failing(ask, steps)
            return rows
        return await ask(steps, seconds)

    with monkeypatch.context() as patched:
        patched.setattr(store._server, "ask", faulty)
        await store.record(Batch((entity("b"),)), by="me", audit=[ENTRY])


async def test_a_commit_whose_answer_is_lost(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked for, and found."""
    store = await opened()
    await store.record(Batch((entity("a"),)), by="me")

    async def lost(ask: Ask, steps: GraphTraversal) -> list[Any]:
        await ask(steps)
        raise Unavailable("the answer is lost")

    await failing(store, monkeypatch, lost)
    await store.record(Batch((entity("c"),)), by="me", audit=[ENTRY])
    assert await names_of(store, "abc") == "abc"
    assert len((await store.audit_log(AuditQuestion(None))).items) == 2


async def test_a_commit_that_arrives_late_does_nothing(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process has found that it had not arrived, and told the caller so."""
    store = await opened()
    await store.record(Batch((entity("a"),)), by="me")
    late: list[GraphTraversal] = []

    async def held_up(_: Ask, steps: GraphTraversal) -> list[Any]:
        late.append(steps)
        raise Unavailable("it is on its way")

    with pytest.raises(Unavailable, match="on its way"):
        await failing(store, monkeypatch, held_up)
    assert await store._server.ask(late[0]) == [0]
    await store.record(Batch((entity("c"),)), by="me")
    assert await store._server.ask(late[0]) == [0]
    assert await names_of(store, "abc") == "ac"
    assert (await store.audit_log(AuditQuestion(None))).items == ()


async def test_a_commit_of_a_process_that_lost_the_lease(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does nothing, however late its process learns of it."""
    monkeypatch.setattr(writer_lease, "LEASE_SECONDS", 1.0)
    late, other = await opened(), await opened()
    await late.record(Batch((entity("a"),)), by="me")

    async def frozen(ask: Ask, steps: GraphTraversal) -> list[Any]:
        assert late._lease._keeper is not None
        late._lease._keeper.cancel()
        await other.record(Batch((entity("c"),)), by="other")
        return await ask(steps)

    with pytest.raises(Unavailable, match="took the writer lease over"):
        await failing(late, monkeypatch, frozen)
    assert await names_of(other, "abc") == "ac"


async def test_a_commit_with_an_unknown_outcome(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_lease, "_SETTLE_SECONDS", 0.2)
    store = await opened()
    await store.record(Batch((entity("a"),)), by="me")

    async def silent(*_: Any) -> Any:
        raise Unavailable("no answer")

    with monkeypatch.context() as patched:
        patched.setattr(store._lease._register, "read", silent)
        with pytest.raises(OutcomeUnknown, match="with the same idempotency key"):
            await failing(store, monkeypatch, silent)
    await store.record(Batch((entity("c"),)), by="me")
    assert await names_of(store, "abc") == "ac"


async def test_leftovers_of_an_aborted_batch_are_overwritten(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """In steps, after the request that found it there."""
    store = await opened()
    monkeypatch.setattr(store._recording._cleanup, "start", lambda: None)
    in_flight = batch_writer._in_flight

    async def dies(most: int, write: Any, chunks: list[Any]) -> None:
        await in_flight(most, write, chunks)
        raise Unavailable("gone")

    with monkeypatch.context() as patched:
        patched.setattr(writer_lease.WriterLease, "writes_at_once", False)
        patched.setattr(batch_writer, "_in_flight", dies)
        with pytest.raises(Unavailable, match="gone"):
            await store.record(graph("a>b"), by="dead")
    await store.record(graph("a>b", "b>c"), by="me")
    (aborted,) = [store._lease.snapshot.aborted]
    assert aborted
    assert await left(store, aborted) == 0
    assert await names_of(store, "abc") == "abc"
    entities = await store.entities(await now(store), [id_of("a")])
    assert [each and each.recorded_by for each in entities] == ["me"]


async def test_a_large_batch_is_written_in_several_requests(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    store = await opened()
    monkeypatch.setattr(batch_writer, "MOST_AT_ONCE", 3)
    commits = 0
    ask = GremlinClient.ask

    async def counting(server: GremlinClient, steps: GraphTraversal, seconds: float | None = None) -> list[Any]:
        nonlocal commits
        commits += is_commit(steps)
        return await ask(server, steps, seconds)

    monkeypatch.setattr(GremlinClient, "ask", counting)
    await store.record(graph("a>b>c>d"), by="me")
    assert commits == 0
    await store.record(Batch((entity("e"),)), by="me")
    assert commits == 1
    assert await names_of(store, "abcde") == "abcde"


@pytest.mark.parametrize("backlog_is_next", [True, False])
async def test_a_batch_that_failed_stays_invisible_after_the_next_one(
    opened: Open, monkeypatch: pytest.MonkeyPatch, backlog_is_next: bool
) -> None:
    """Whatever is written next names it as aborted: a batch in one request, or the backlog of the index."""
    store = await opened()
    await store.record(graph("a"), by="me")

    async def fails(*_: Any) -> None:
        raise Unavailable("the graph server is tired")

    with monkeypatch.context() as patched:
        patched.setattr(store._lease, "commit", fails)
        patched.setattr(writer_lease.WriterLease, "writes_at_once", False)
        with pytest.raises(Unavailable, match="tired"):
            await store.record(graph("b"), by="me")
    if backlog_is_next:
        async with store._lease.held():
            await store._lease.set_unindexed("")
    await store.record(graph("c"), by="me")
    assert len(store._lease.snapshot.aborted) == 1
    assert await names_of(store, "abc") == "ac"


async def test_a_slow_commit_leaves_the_lease_to_its_keeper(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """It renews the lease afterwards, and releases it when there is nothing to write."""
    store, other = await opened(), await opened()
    write_at_once = store._lease._register.write_at_once

    async def slow(*arguments: Any) -> Any:
        await asyncio.sleep(4 * writer_lease._LOOK_SECONDS)
        return await write_at_once(*arguments)

    monkeypatch.setattr(store._lease._register, "write_at_once", slow)
    await store.record(graph("a"), by="me")
    keeper = store._lease._keeper
    assert keeper is not None
    assert not keeper.done()
    await keeper
    assert (await other._lease.refresh()).holder == 0
