"""The writer lease: handed over in bounded time; and records of a process that dies are never seen, and removed."""

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import graph_writer_process
import pytest
from engines import Engine, emptied
from gremlin_python.process.graph_traversal import GraphTraversal
from gremlin_python.process.traversal import P, T
from gremlin_python.statics import long
from record_builders import EPOCH, entity, graph, id_of, now, urn

from lineal.graphstore.batches import Batch, NewObservation
from lineal.graphstore.errors import OutcomeUnknown, Unavailable
from lineal.graphstore.gremlin import aborted_batches, batch_writer, writer_lease
from lineal.graphstore.gremlin.cassandra_register import CassandraRegister
from lineal.graphstore.gremlin.client import g
from lineal.graphstore.gremlin.index_backlog import IndexBacklog
from lineal.graphstore.gremlin.lease_register import LEASE, GraphRegister
from lineal.graphstore.gremlin.snapshots import AccessProgress, LeaseState, plan_vertex
from lineal.graphstore.gremlin.store import GremlinStore
from lineal.graphstore.gremlin.transport import Address
from lineal.graphstore.gremlin.upserts import vertex_steps
from lineal.graphstore.gremlin.vertex_ids import key_of_urn, vertex_of_key
from lineal.graphstore.kinds import LineageDirection
from lineal.graphstore.queries import MetricsOf, Reach, Walk

WITHIN = 30.0
KILLS = 8
RACES = 30
SUPPORT = Path(graph_writer_process.__file__).parent
OpenStore = Callable[[], Awaitable[GremlinStore]]


@pytest.fixture
async def graph_url(graph_server: Engine) -> str:
    await emptied(graph_server.url)
    return graph_server.url


@pytest.fixture
async def opened(graph_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OpenStore]:
    """Opens stores on one graph, each as a process of its own would."""
    monkeypatch.setattr(writer_lease, "LEASE_SECONDS", 2.0)
    # What is written in one request is tested apart: here a batch may be cut short at every step.
    monkeypatch.setattr(writer_lease.WriterLease, "writes_at_once", False)
    monkeypatch.setattr(aborted_batches, "_PAUSE_SECONDS", 0.05)
    stores: list[GremlinStore] = []

    async def open_one() -> GremlinStore:
        stores.append(await GremlinStore.opened(Address.parsed(graph_url), 20.0))
        return stores[-1]

    yield open_one
    for store in stores:
        await store.close()


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something that is done in the background."""
    began = monotonic()
    while not await holds():
        assert monotonic() - began < WITHIN
        await asyncio.sleep(0.05)


async def bearing(store: GremlinStore, *stamps: int) -> int:
    """How many vertices and edges bear one of the stamps: asked of the graph itself."""
    within = P.within([long(stamp) for stamp in stamps])
    (vertices,) = await store._server.ask(g.V().has("recorded_at", within).count())
    (edges,) = await store._server.ask(g.E().has("recorded_at", within).count())
    return int(vertices + edges)


async def swept(store: GremlinStore) -> None:
    """Wait until nothing in the graph bears a void stamp."""

    async def holds() -> bool:
        await store._lease.refresh()
        void = store._lease.snapshot.aborted
        return not void or not await bearing(store, *void)

    await until(holds)


def late_vertex(stamp: int, name: str = "late") -> dict[Any, Any]:
    """What a batch writes of an entity, or enough of it."""
    id = vertex_of_key(key_of_urn(urn(name)))
    return {T.id: id, T.label: "entity", "urn": urn(name), "recorded_at": long(stamp)}


async def reached(store: GremlinStore, start: str) -> set[str]:
    walk = Walk(await now(store), (id_of(start),), LineageDirection.DESCENDANTS)
    (page,) = await store.reach([Reach(walk, first=1000)])
    assert page is not None
    return {item.entity.name for item in page.items}


async def holder_of_lease(store: GremlinStore) -> int:
    """The number of the store that holds the lease; 0 if it is free."""
    return (await store._lease.refresh()).holder


async def until_free(store: GremlinStore) -> None:
    """Wait until the lease is free."""

    async def is_free() -> bool:
        return await holder_of_lease(store) == 0

    await until(is_free)


def stop_renewing(store: GremlinStore) -> None:
    """What happens to the lease of a process that dies, or freezes."""
    if store._lease._keeper is not None:
        store._lease._keeper.cancel()


async def take_over(store: GremlinStore) -> None:
    """Take the lease from its holder, as if it had expired."""
    while True:
        state = await store._lease.refresh()
        taken = state.next(holder=store._lease._me, process="", open=0)
        with suppress(writer_lease.Fenced):  # the state changed meanwhile: its holder released the lease
            await store._lease._replace(state, taken)
            break
    store._lease._held, store._lease._renewed_at = taken, writer_lease._clock()


async def dies(store: GremlinStore, batch: Batch, at: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """A batch whose process dies when a part of its vertices, or of its edges, is written; its stamp."""
    stamps = []
    begin = store._lease.begin
    in_flight = batch_writer._in_flight

    async def begun(stamp: int, plan: str) -> None:
        stamps.append(stamp)
        await begin(stamp, plan)

    async def some(most: int, write: Any, chunks: list[Any]) -> None:
        if write.__name__ == f"write_{at}":
            assert len(chunks) > 1
            await in_flight(most, write, chunks[:1])
            raise asyncio.CancelledError
        await in_flight(most, write, chunks)

    with monkeypatch.context() as patched:
        patched.setattr(batch_writer, "_VERTICES_AT_ONCE", 2)
        patched.setattr(batch_writer, "_EDGES_AT_ONCE", 2)
        patched.setattr(batch_writer, "_in_flight", some)
        patched.setattr(store._lease, "begin", begun)
        with pytest.raises(asyncio.CancelledError):
            await store.record(batch, by="the dead")
    stop_renewing(store)
    return stamps[0]


async def test_a_busy_writer_hands_the_lease_over(opened: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_lease, "HOLD_SECONDS", 0.2)
    monkeypatch.setattr(writer_lease, "WAIT_SECONDS", WITHIN)
    greedy, modest = await opened(), await opened()
    names = (f"greedy{number}" for number in count())
    stopped = asyncio.Event()
    written = []

    async def write() -> None:
        while not stopped.is_set():
            name = next(names)
            await greedy.record(graph(f"a>{name}"), by="greedy")
            written.append(name)

    tasks = [asyncio.create_task(write()) for _ in range(3)]
    while not written:
        await asyncio.sleep(0.01)
    mine = [f"modest{number}" for number in range(6)]
    for name in mine:
        before = len(written)
        await modest.record(graph(f"a>{name}"), by="modest")
        while len(written) == before:
            await asyncio.sleep(0.01)
    stopped.set()
    await asyncio.gather(*tasks)
    assert await reached(greedy, "a") == {*mine, *written}


async def test_a_lease_that_is_not_acquired_in_time(opened: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process, or another task of this one, keeps it: the write ends, and blocks nobody."""
    monkeypatch.setattr(writer_lease, "WAIT_SECONDS", 0.5)
    holder, other = await opened(), await opened()
    async with holder._lease.held():
        for store in (holder, other):
            with pytest.raises(Unavailable, match="nothing of this was written: send it again"):
                await store.record(graph("a>b"), by="me")
        assert await holder_of_lease(other) == holder._lease._me
    monkeypatch.setattr(writer_lease, "WAIT_SECONDS", WITHIN)
    await other.record(graph("a>b"), by="me")
    await holder.record(graph("a>c"), by="me")
    assert await reached(other, "a") == {"b", "c"}


async def test_a_wait_that_is_cancelled_blocks_nobody(opened: OpenStore) -> None:
    holder, other = await opened(), await opened()

    async def wait() -> None:
        async with other._lease.held():
            raise AssertionError("another store holds the lease")

    async def waits() -> bool:
        return await holder._lease._others_wait()

    async with holder._lease.held():
        waiting = asyncio.create_task(wait())
        await until(waits)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await holder_of_lease(other) == holder._lease._me
    await until_free(holder)
    await other.record(graph("a>b"), by="me")


async def test_a_commit_hands_the_lease_over_to_a_process_that_waits(
    opened: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which then writes without a request to acquire it."""
    monkeypatch.setattr(writer_lease, "HOLD_SECONDS", 0.0)
    holder, other = await opened(), await opened()
    acquired: list[LeaseState] = []
    replace_state = other._lease._register.replace

    async def noted(old: LeaseState, new: LeaseState, plan: str = "") -> bool:
        if old.holder != other._lease._me:
            acquired.append(new)
        return await replace_state(old, new, plan)

    async def waits() -> bool:
        return await holder._lease._others_wait()

    monkeypatch.setattr(other._lease._register, "replace", noted)
    async with holder._lease.held() as stamp:
        waiting = asyncio.create_task(other.record(graph("a>b"), by="me"))
        await until(waits)
        await holder._lease.begin(stamp)
        await holder._lease.commit(stamp, False, AccessProgress())
    await waiting
    assert acquired == []
    assert await reached(holder, "a") == {"b"}


@pytest.mark.parametrize("at", ["vertices", "edges"])
@pytest.mark.parametrize("same", [True, False])
async def test_leftovers_of_dead_processes_are_removed(
    opened: OpenStore, monkeypatch: pytest.MonkeyPatch, at: str, same: bool
) -> None:
    """All of it, and nothing that another recorded, be it of the same identities."""
    dead, other = await opened(), await opened()
    await other.record(graph("root>x", "root>y"), by="the living")
    seen = tuple(NewObservation(urn(name), "loss", 0.5, step, EPOCH) for name in ("x", "a") for step in range(3))
    batch = replace(graph("x>y", "root>a>b>c>d", "root>e", "x>f", "y>f"), observations=seen)
    stamp = await dies(dead, batch, at, monkeypatch)
    assert await bearing(other, stamp)
    assert await reached(other, "root") == {"x", "y"}
    assert await other.metrics([MetricsOf(await now(other), id_of("x"))]) == [()]
    await other.record(batch if same else graph("root>z"), by="the living")
    assert stamp in other._lease.snapshot.aborted
    await swept(other)
    assert not await bearing(other, stamp)
    expected = {"x", "y", "z"} if not same else {"x", "y", "a", "b", "c", "d", "e", "f"}
    assert await reached(other, "root") == expected
    (metrics,) = await other.metrics([MetricsOf(await now(other), id_of("x"))])
    assert [each.count for each in metrics] == ([3] if same else [])


async def test_a_batch_that_failed_is_removed_by_its_own_process(
    opened: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await opened()
    await store.record(graph("root>x"), by="me")

    in_flight = batch_writer._in_flight
    late: list[GraphTraversal] = []

    async def refused(most: int, write: Any, chunks: list[Any]) -> None:
        if write.__name__ == "write_edges":
            late.append(store._lease.fenced(chunks[0][0]["recorded_at"]))
            raise Unavailable("the graph server is tired")
        await in_flight(most, write, chunks)

    with monkeypatch.context() as patched:
        patched.setattr(batch_writer, "_in_flight", refused)
        with pytest.raises(Unavailable, match="tired"):
            await store.record(graph("x>y"), by="me")

    async def is_void() -> bool:
        return bool(store._lease.snapshot.aborted)

    await until(is_void)
    (stamp,) = store._lease.snapshot.aborted
    await swept(store)
    await store.record(graph("x>y"), by="me")
    assert await reached(store, "root") == {"x", "y"}
    assert not await bearing(store, stamp)
    # What of it was still on its way does nothing, though the process has gone on.
    assert await store._server.ask(vertex_steps(late[0], [late_vertex(stamp)])) == [0]
    assert not await bearing(store, stamp)


async def test_another_process_completes_an_interrupted_cleanup(
    opened: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aborted_batches, "_AT_ONCE", 1)
    dead, sweeper, other = await opened(), await opened(), await opened()
    stamp = await dies(dead, graph("a>b>c>d>e"), "edges", monkeypatch)
    remove = sweeper._recording._cleanup._remove
    calls = count(1)

    async def removed(stamp: int, vertices: list[long]) -> int:
        if next(calls) > 2:
            raise asyncio.CancelledError
        return await remove(stamp, vertices)

    monkeypatch.setattr(sweeper._recording._cleanup, "_remove", removed)
    await sweeper.record(graph("x"), by="me")

    async def is_cut_short() -> bool:
        return next(calls) > 3

    await until(is_cut_short)
    await sweeper.close()
    assert await bearing(other, stamp)
    await other.record(graph("y"), by="me")
    await swept(other)
    assert not await bearing(other, stamp)


async def test_an_idle_process_releases_the_lease(opened: OpenStore) -> None:
    """Another takes it at once, and the snapshot and the idle process go on."""
    idle, other = await opened(), await opened()
    await idle.record(graph("a>b"), by="idle")
    await until_free(other)
    await other.record(graph("x>y"), by="other")
    assert await holder_of_lease(idle) != idle._lease._me
    assert await reached(other, "a") == {"b"}
    await idle.record(graph("a>c"), by="idle")
    assert await reached(other, "a") == {"b", "c"}


async def test_an_aborted_stamp_is_dropped_after_its_cleanup(
    opened: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the first commit after a sweep that finds nothing more; the graph then holds nothing of it."""
    dead, other, reader = await opened(), await opened(), await opened()
    stamp = await dies(dead, graph("a>b>c>d"), "edges", monkeypatch)
    await other.record(graph("x"), by="me")
    await swept(other)
    assert stamp in (await reader._lease.refresh()).snapshot.aborted
    # As if that had been long ago.
    monkeypatch.setattr(aborted_batches, "FORGET_SECONDS", 0)

    async def is_forgotten() -> bool:
        other._recording._cleanup._due.clear()
        await other.record(graph(f"x>y{monotonic()}"), by="me")
        return stamp not in (await reader._lease.refresh()).snapshot.aborted

    await until(is_forgotten)
    assert not await reader._server.ask(g.V(plan_vertex(stamp)).count().is_(P.gt(0)))
    await reader.record(graph("a>b"), by="me")
    assert not (await other._lease.refresh()).snapshot.aborted
    assert await reached(other, "a") == {"b"}


async def test_an_aborted_stamp_cleaned_up_during_a_commit(opened: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is forgotten with the next one."""
    monkeypatch.setattr(GraphRegister, "has_late_writes", True)  # so that it is not forgotten at once
    dead, other = await opened(), await opened()
    stamp = await dies(dead, graph("a>b>c>d"), "edges", monkeypatch)
    await other.record(graph("x"), by="me")
    await swept(other)
    close = other._lease._close

    async def forgets(*arguments: Any) -> None:
        other._lease.forget(stamp)
        await close(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(other._lease, "_close", forgets)
        await other.record(graph("y"), by="me")
    assert stamp in other._lease.snapshot.aborted
    await other.record(graph("z"), by="me")
    assert stamp not in other._lease.snapshot.aborted


async def test_too_many_aborted_stamps(opened: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing more is written until some are forgotten, as every one costs every reader."""
    dead, other = await opened(), await opened()
    monkeypatch.setattr(writer_lease, "MOST_ABORTED", 0)
    await dies(dead, graph("a>b>c>d"), "edges", monkeypatch)
    with pytest.raises(Unavailable, match="too many batches failed within the hour"):
        await other.record(graph("x"), by="me")
    monkeypatch.setattr(writer_lease, "MOST_ABORTED", 1)
    await other.record(graph("x"), by="me")


async def test_late_requests_of_a_dead_process_are_rejected(opened: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    dead, other = await opened(), await opened()
    stamp = await dies(dead, graph("a>b>c>d"), "edges", monkeypatch)
    late = dead._lease.fenced(stamp)
    await other.record(graph("a>b"), by="the living")
    await swept(other)
    assert await dead._server.ask(vertex_steps(late, [late_vertex(stamp)])) == [0]
    assert not await bearing(other, stamp)


async def test_interleaved_writes_are_detected_before_the_commit(
    opened: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On an engine without isolation a late write of the dead takes the place of a vertex: the batch is refused."""
    monkeypatch.setattr(GraphRegister, "has_late_writes", True)
    dead, other = await opened(), await opened()
    stamp = await dies(dead, graph("a>b>c>d"), "edges", monkeypatch)
    await other.record(graph("x"), by="me")
    await swept(other)
    ask = other._server.ask

    async def then_comes_late(steps: GraphTraversal, seconds: float | None = None) -> list[Any]:
        answer = await ask(steps, seconds)
        if "mergeV" in str(steps.bytecode) and "constant" in str(steps.bytecode):
            late = g.V(vertex_of_key(key_of_urn(urn("y")))).property("recorded_at", long(stamp))
            await ask(late.count())
        return answer

    with monkeypatch.context() as patched:
        patched.setattr(other._server, "ask", then_comes_late)
        with pytest.raises(Unavailable, match="did not write all parts of the batch"):
            await other.record(graph("y"), by="me")
    assert await other.entities(await now(other), [id_of("y")]) == [None]
    await other.record(graph("y"), by="me")
    assert await other.entities(await now(other), [id_of("y")]) != [None]


@pytest.mark.parametrize("before", ["begin", "fenced", "commit"])
async def test_a_frozen_process_is_fenced(opened: OpenStore, monkeypatch: pytest.MonkeyPatch, before: str) -> None:
    """By its own clock, whether others took its place or not."""
    store = await opened()
    await store.record(graph("a>b"), by="me")
    real = getattr(store._lease, before)

    def wakes(*arguments: Any) -> Any:
        sleep(writer_lease.LEASE_SECONDS)
        return real(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(store._lease, before, wakes)
        with pytest.raises(Unavailable, match="nothing was written: send it again"):
            await store.record(graph("a>x"), by="me")
    await store.record(graph("a>c"), by="me")
    assert await reached(store, "a") == {"b", "c"}


async def test_a_commit_answered_late_counts(opened: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes the lease over meanwhile cannot abort it any more."""
    store, other = await opened(), await opened()
    await store.record(graph("a>b"), by="me")
    replace_state = store._lease._register.replace

    async def late(*arguments: Any) -> bool:
        is_replaced = await replace_state(*arguments)
        if arguments[1].open == 0:
            await take_over(other)
            sleep(writer_lease.LEASE_SECONDS)
        return is_replaced

    with monkeypatch.context() as patched:
        patched.setattr(store._lease._register, "replace", late)
        await store.record(graph("a>c"), by="me")
    assert await reached(other, "a") == {"b", "c"}
    await store.record(graph("a>d"), by="me")
    assert await reached(other, "a") == {"b", "c", "d"}
    assert not other._lease.snapshot.aborted


@pytest.mark.parametrize("is_sent", [True, False])
@pytest.mark.parametrize("is_taken_over", [True, False])
async def test_a_commit_whose_answer_is_lost(
    opened: OpenStore, monkeypatch: pytest.MonkeyPatch, is_sent: bool, is_taken_over: bool
) -> None:
    """The register says whether it took place; if not, its batch is aborted and nothing of it was written."""
    store, other = await opened(), await opened()
    await store.record(graph("a>b"), by="me")
    replace_state, lost = store._lease._register.replace, count()

    async def loses(*arguments: Any) -> bool:
        if arguments[1].open or next(lost):
            return await replace_state(*arguments)
        if is_sent:
            assert await replace_state(*arguments)
        if is_taken_over:
            await take_over(other)
        raise Unavailable("the answer is lost")

    monkeypatch.setattr(store._lease._register, "replace", loses)
    if is_sent:
        await store.record(graph("a>c"), by="me")
    else:
        with pytest.raises(Unavailable, match="the answer is lost") as raised:
            await store.record(graph("a>c"), by="me")
        assert not isinstance(raised.value, OutcomeUnknown)
    assert next(lost) >= 1
    assert await reached(other, "a") == ({"b", "c"} if is_sent else {"b"})
    await store.record(graph("a>c"), by="me")
    assert await reached(other, "a") == {"b", "c"}


async def test_a_commit_whose_outcome_cannot_be_read(opened: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store, other = await opened(), await opened()
    await store.record(graph("a>b"), by="me")
    replace_state = store._lease._register.replace

    async def fails(*_: Any) -> Any:
        raise Unavailable("the graph server is tired")

    async def loses(*arguments: Any) -> bool:
        if arguments[1].open:
            return await replace_state(*arguments)
        monkeypatch.setattr(store._lease._register, "read", fails)
        return bool(await fails())

    monkeypatch.setattr(store._lease._register, "replace", loses)
    with pytest.raises(OutcomeUnknown, match="may or may not be there"):
        await store.record(graph("a>c"), by="me")
    monkeypatch.undo()
    await store.record(graph("a>c"), by="me")
    assert await reached(other, "a") == {"b", "c"}


async def test_a_fencing_number_lost_to_a_clock(opened: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Cassandra, one host may give its writes earlier times than another gave before: they are made again."""
    store = await opened()
    ask, puts = store._server.ask, count(1)

    async def loses(steps: GraphTraversal, seconds: float | None = None) -> list[Any]:
        if "property" in str(steps.bytecode) and next(puts) % 3:
            return [1]
        return await ask(steps, seconds)

    monkeypatch.setattr(store._server, "ask", loses)
    await CassandraRegister(store._server, "a graph")._put_fence(5)
    assert next(puts) > 3
    assert await ask(g.V(LEASE).values("recorded_at")) == [5]


async def test_readers_see_whole_batches_during_commits(opened: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each read is of one commit, its watermark and its aborted batches together, and never older than the last."""
    store, reader = await opened(), await opened()
    written = {store._lease.snapshot}
    replace_state = store._lease._register.replace

    async def noted(old: LeaseState, new: LeaseState, plan: str = "") -> bool:
        written.add(new.snapshot)
        return await replace_state(old, new, plan)

    monkeypatch.setattr(store._lease._register, "replace", noted)

    async def write() -> None:
        for number in range(10):
            await store.record(graph(f"a>b{number}"), by="me")
            async with store._lease.held() as stamp:
                await store._lease.begin(stamp)  # and it fails

    writing = asyncio.create_task(write())
    watermark = 0
    while not writing.done():
        await reader._lease.refresh()
        assert reader._lease.snapshot in written
        assert reader._lease.snapshot.watermark >= watermark
        watermark = reader._lease.snapshot.watermark
    await writing
    assert len(written) > 10


async def test_a_delayed_answer_is_ignored(opened: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was frozen before it read how another stood does not think that one dead."""
    holder, other = await opened(), await opened()
    ask, calls = other._server.ask, count(1)

    async def waits() -> bool:
        return await holder._lease._others_wait()

    async def delayed(steps: GraphTraversal, seconds: float | None = None) -> list[Any]:
        answer = await ask(steps, seconds)
        if "union" in str(steps.bytecode) and next(calls) % 2 == 0:
            await asyncio.sleep(1.2 * writer_lease.LEASE_SECONDS)
        return answer

    async with holder._lease.held():
        task = asyncio.create_task(other.record(graph("a>b"), by="me"))
        await until(waits)
        monkeypatch.setattr(other._server, "ask", delayed)
        await asyncio.sleep(2 * writer_lease.LEASE_SECONDS)
        assert not task.done()
        assert await holder_of_lease(holder) == holder._lease._me
    monkeypatch.setattr(other._server, "ask", ask)
    await task


async def test_a_commit_of_a_process_that_was_declared_dead(opened: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its stamp is not put down as void then: it counts."""
    late, other = await opened(), await opened()
    arguments: list[Any] = []
    commit, replace_state = late._lease.commit, other._lease._replace

    async def kept(*given: Any) -> None:
        arguments.extend(given)
        raise asyncio.CancelledError

    async def then_commits(*given: Any) -> None:
        if arguments:
            monkeypatch.setattr(late._lease, "_is_late", lambda: False)
            await commit(*arguments)
            arguments.clear()
        await replace_state(*given)

    monkeypatch.setattr(late._lease, "commit", kept)
    monkeypatch.setattr(other._lease, "_replace", then_commits)
    with pytest.raises(asyncio.CancelledError):
        await late.record(graph("a>b"), by="late")
    stop_renewing(late)
    await other.record(graph("a>c"), by="other")
    assert not arguments
    assert await reached(other, "a") == {"b", "c"}
    assert not other._lease.snapshot.aborted


async def test_a_commit_during_a_takeover(opened: OpenStore) -> None:
    """One of the two takes place. A batch that a reader has seen stays, and one that is aborted was never seen."""
    late, other, reader = await opened(), await opened(), await opened()
    rng, outcomes = random.Random(8), set()

    async def delayed(work: Awaitable[Any]) -> Any:
        await asyncio.sleep(rng.uniform(0, 0.003))
        return await work

    for number in range(RACES):
        async with late._lease.held() as stamp:
            await late._lease.begin(stamp)
            state = await other._lease.refresh()
            taken = state.next(holder=other._lease._me, process="", open=0)
            committing = asyncio.create_task(delayed(late._lease.commit(stamp, False, AccessProgress())))
            takeover = asyncio.create_task(delayed(other._lease._register.replace(state, taken)))
            seen = set()
            while not (committing.done() and takeover.done()):
                await reader._lease.refresh()
                seen.add(reader._lease.snapshot.shows(stamp))
            ends: tuple[Any, Any] = await asyncio.gather(committing, takeover, return_exceptions=True)
            error, is_taken = ends
        stays = (await reader._lease.refresh()).snapshot.shows(stamp)
        assert stays or True not in seen, number
        assert stays == (error is None) == (not is_taken), number
        outcomes.add(stays)
        await take_over(late)
    assert outcomes == {True, False}


async def test_a_late_write_during_a_takeover(
    opened: OpenStore, graph_server: Engine, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record of an aborted batch hides no record of the same identity that a later batch writes."""
    # Only the test itself takes the lease over.
    monkeypatch.setattr(writer_lease, "LEASE_SECONDS", WITHIN)
    monkeypatch.setattr(IndexBacklog, "start", lambda _: None)
    if graph_server.cassandra is not None:
        request.applymarker(pytest.mark.xfail(strict=False, reason="Cassandra isolates nothing: see ADR 8"))
    late, other = await opened(), await opened()
    rng = random.Random(9)
    for number in range(RACES):
        names = [f"r{number}n{part}" for part in range(20)]
        async with late._lease.held() as stamp:
            await late._lease.begin(stamp)
            rows = [late_vertex(stamp, name) for name in names]
            writing = asyncio.create_task(late._server.ask(vertex_steps(late._lease.fenced(stamp), rows)))
            await asyncio.sleep(rng.uniform(0, 0.03))
            await take_over(other)
        await other.record(Batch(tuple(map(entity, names))), by="other")
        await writing
        recorded = await other.entities(await now(other), [id_of(name) for name in names])
        assert {each and each.recorded_by for each in recorded} == {"other"}, number
        await take_over(late)


def died(process: "subprocess.Popen[str]") -> list[str]:
    """End a process at once; the lines it had printed whole."""
    process.kill()
    text, _ = process.communicate()
    return text.splitlines() if text.endswith("\n") else text.splitlines()[:-1]


@pytest.mark.slow
async def test_processes_killed_while_they_race(graph_url: str, opened: OpenStore) -> None:
    """One winner for every name, whatever was acknowledged is there, and in the end nothing else is."""
    rng = random.Random(4)
    names = (f"writer{number}" for number in count())

    def started() -> "subprocess.Popen[str]":
        command = [sys.executable, graph_writer_process.__file__, graph_url, next(names)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    processes = [started(), started()]
    lines: list[str] = []
    try:
        for _ in range(KILLS):
            await asyncio.sleep(3 + rng.uniform(0, 2))
            dying = processes.pop(rng.randrange(2))
            assert dying.poll() is None
            lines += await asyncio.to_thread(died, dying)
            processes.append(started())
        await asyncio.sleep(6)
    finally:
        for process in processes:
            lines += died(process)
    acknowledged: dict[str, str | None] = {}
    for line in lines:
        for name, description in json.loads(line).items():
            assert acknowledged.setdefault(name, description) == description
    assert len(lines) > KILLS
    store = await opened()
    await store.record(graph("last"), by="me")
    await swept(store)
    entities = await store.entities(await now(store), [id_of(name) for name in acknowledged])
    assert [None if each is None else each.description for each in entities] == list(acknowledged.values())
    for line in lines:
        mine, *ours = json.loads(line)
        assert {mine, *ours[1:]} <= await reached(store, ours[0])
    # What is there was recorded whole, by one process each.
    (numbers,) = await store._server.ask(g.V().has("kind", 3).values("name").fold())
    races = {name.split("-")[0] for name in numbers if name.startswith("race")}
    for race in races:
        parts = await store.entities(
            await now(store), [id_of(f"{race}-{part}") for part in range(graph_writer_process.SIZE)]
        )
        assert len({each and (each.description, each.recorded_by, each.recorded_at) for each in parts}) == 1
