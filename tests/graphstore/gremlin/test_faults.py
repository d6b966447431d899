"""What a store does while its graph server is killed, frozen or cut off: it says so in time, and is never wrong."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic

import pytest
from engines import Engine, emptied
from faulty_proxy import FaultyProxy
from record_builders import entity, graph, id_of, now
from structlog.testing import capture_logs

from lineal.auth.scopes import EVERYTHING
from lineal.graphstore.batches import Batch, Idempotency
from lineal.graphstore.errors import StoreUnusable, Unavailable
from lineal.graphstore.gremlin.client import g
from lineal.graphstore.gremlin.snapshots import ROOT
from lineal.graphstore.gremlin.store import GremlinStore
from lineal.graphstore.gremlin.transport import Address
from lineal.graphstore.kinds import LineageDirection
from lineal.graphstore.opening import open_store
from lineal.graphstore.queries import Reach, Walk
from lineal.graphstore.records import AsOf, View
from lineal.graphstore.walking.walk_cache import WalkCache

DEADLINE = 3.0
TOLD_WITHIN = 12.0
HEALED_WITHIN = 5.0


async def opened(url: str, seconds: float = DEADLINE) -> GremlinStore:
    return await GremlinStore.opened(Address.parsed(url), seconds)


async def reached(store: GremlinStore) -> int:
    """How many lie downstream of `a`, asked afresh."""
    view = await now(store)
    (page,) = await store.reach([Reach(Walk(view, (id_of("a"),), LineageDirection.DESCENDANTS))])
    assert page is not None
    store._walks = WalkCache()
    return page.total


async def fails_in_time(store: GremlinStore) -> None:
    """Reads, writes and readiness are refused: the first when no ping was answered, those that follow soon."""
    within = TOLD_WITHIN
    for ask in (lambda: reached(store), store.watermark, store.ready, lambda: store.record(graph("x>y"), by="me")):
        began = monotonic()
        with pytest.raises(Unavailable):
            await ask()
        assert monotonic() - began < within
        within = 2.0


async def heals(store: GremlinStore, expected: int) -> None:
    """Within seconds everything works again, and what was there is there."""
    began = monotonic()
    while True:
        try:
            assert await reached(store) == expected
            break
        except Unavailable:
            assert monotonic() - began < HEALED_WITHIN
            await asyncio.sleep(0.1)
    name = f"new{monotonic()}"
    await store.record(graph(f"a>{name}"), by="me")
    assert await reached(store) == expected + 1
    assert len([task for task in asyncio.all_tasks() if "_read" in repr(task)]) <= 8


@pytest.fixture
async def graph_url(graph_server: Engine) -> str:
    await emptied(graph_server.url)
    return graph_server.url


@pytest.fixture
async def proxy(graph_url: str, graph_server: Engine) -> AsyncIterator[FaultyProxy]:
    async with FaultyProxy(graph_server.port) as between:
        yield between


@pytest.fixture
async def store(proxy: FaultyProxy) -> AsyncIterator[GremlinStore]:
    """A store behind a proxy, holding a small graph, with a deadline that no test waits for."""
    created = await opened(proxy.url, 60)
    await created.record(graph("a>b>c", "a>d"), by="me")
    yield created
    await created.close()


async def test_frozen(graph_server: Engine, store: GremlinStore) -> None:
    graph_server.signal(signal.SIGSTOP)
    try:
        await fails_in_time(store)
    finally:
        graph_server.signal(signal.SIGCONT)
    await heals(store, 3)


async def test_concurrent_reads_of_a_frozen_server(gremlin_server: Engine) -> None:
    """They share a few threads, yet none waits for the others to be told."""
    await emptied(gremlin_server.url)
    async with await opened(gremlin_server.url, 60) as store:
        await store.record(graph("a>b>c", "a>d"), by="me")
        gremlin_server.signal(signal.SIGSTOP)
        try:
            began = monotonic()
            view = View(EVERYTHING, AsOf(store._lease.snapshot.watermark))
            asks = (store.entities(view, [id_of(f"x{number}")]) for number in range(300))
            assert all(isinstance(each, Unavailable) for each in await asyncio.gather(*asks, return_exceptions=True))
            assert monotonic() - began < TOLD_WITHIN
        finally:
            gremlin_server.signal(signal.SIGCONT)
        await heals(store, 3)


@pytest.mark.parametrize("mode", ["stall", "deaf", "truncate", "refuse"])
async def test_corrupted_connections(proxy: FaultyProxy, store: GremlinStore, mode: str) -> None:
    proxy.mode = mode
    if mode == "refuse":
        proxy.cut()
        await asyncio.sleep(0.1)
    await fails_in_time(store)
    proxy.mode = "pass"
    await heals(store, 3)
    assert proxy.open <= 8


async def test_connections_cut_under_load(proxy: FaultyProxy, store: GremlinStore) -> None:
    """Whatever was acknowledged is there; what was not, was refused; nobody is answered with less than there is."""
    acknowledged: list[str] = []

    async def write(worker: int) -> None:
        for number in range(15):
            name = f"w{worker}n{number}"
            while name not in acknowledged:
                try:
                    await store.record(graph(f"a>{name}"), by="me", idempotency=Idempotency(name, name))
                except Unavailable:
                    await asyncio.sleep(0.05)
                else:
                    acknowledged.append(name)

    async def read() -> None:
        while not writers.done():
            known = len(acknowledged)
            try:
                assert await reached(store) >= 3 + known
            except Unavailable:
                await asyncio.sleep(0.02)

    async def cut() -> None:
        while not writers.done():
            await asyncio.sleep(0.3)
            proxy.cut()

    writers = asyncio.gather(*(write(worker) for worker in range(4)))
    await asyncio.wait_for(asyncio.gather(writers, read(), cut()), 120)
    assert len(acknowledged) == 60
    await heals(store, 63)


@pytest.mark.slow
async def test_janusgraph_killed_under_load(tmp_path: Path) -> None:
    engine = Engine("janusgraph", tmp_path)
    engine.start()
    try:
        store = await opened(engine.url)
        await store.record(graph("a>b>c", "a>d"), by="me")
        acknowledged: list[str] = []

        async def write() -> None:
            number = 0
            while not stopped.is_set():
                number += 1
                names = [f"n{number}x{part}" for part in range(20)]
                try:
                    await store.record(graph(*(f"a>{name}" for name in names)), by="me")
                    acknowledged.extend(names)
                except Unavailable:
                    await asyncio.sleep(0.05)

        stopped = asyncio.Event()
        writer = asyncio.create_task(write())
        for _ in range(2):
            await asyncio.sleep(2)
            engine.kill()
            await asyncio.sleep(0.5)
            with pytest.raises(Unavailable):
                await reached(store)
            await asyncio.to_thread(engine.start)
            began = monotonic()
            known = len(acknowledged)
            while len(acknowledged) == known:
                assert monotonic() - began < HEALED_WITHIN
                await asyncio.sleep(0.1)
        stopped.set()
        await writer
        view = await now(store)
        assert None not in await store.entities(view, [id_of(name) for name in acknowledged])
        # Batches of twenty are there whole or not at all.
        assert (await reached(store) - 3) % 20 == 0
        assert await reached(store) >= 3 + len(acknowledged)
        await store.close()
        # A store opened afresh sees the same.
        again = await opened(engine.url)
        assert None not in await again.entities(await now(again), [id_of(name) for name in acknowledged])
        await again.close()
    finally:
        engine.stop()


async def test_emptied(graph_server: Engine, proxy: FaultyProxy, store: GremlinStore) -> None:
    """Nothing is answered from the new graph to who began with the old; one that is kept in memory is set up again."""
    keeps = graph_server.name != "gremlin-server"
    other = await opened(proxy.url)
    view = await now(store)
    assert await reached(store) == await reached(other) == 3
    await emptied(graph_server.url)
    proxy.cut()
    await asyncio.sleep(0.1)
    with capture_logs() as logs:
        for each in (store, other):
            with pytest.raises(Unavailable, match="emptied" if keeps else "had kept nothing"):
                await each.entities(view, [id_of("a")])
    if keeps:
        for ask in (store.watermark, store.ready, lambda: store.record(graph("x>y"), by="me")):
            with pytest.raises(Unavailable, match="emptied or replaced"):
                await ask()
    else:
        assert [each["log_level"] for each in logs] == ["warning", "warning"]
        await store.ready()
        assert await store.watermark() == await other.watermark() == 0
        assert not len(store._walks)
        await store.record(graph("a>b"), by="me")
        assert await reached(store) == await reached(other) == 1
    await other.close()


async def test_no_server() -> None:
    with pytest.raises(Unavailable, match="check that it runs"):
        await open_store("gremlin://127.0.0.1:1")


async def test_an_unknown_traversal_source(graph_url: str) -> None:
    with pytest.raises(StoreUnusable, match="not configured"):
        await open_store(f"{graph_url}/nowhere")


async def test_a_newer_graph(graph_url: str) -> None:
    store = await opened(graph_url)
    await store._server.ask(g.V(ROOT).property("schema", 99).count())
    await store.close()
    with pytest.raises(StoreUnusable, match="schema version 99"):
        await opened(graph_url)


@pytest.mark.parametrize(
    ("backend", "isolation", "message"),
    [
        ("berkeleyje", "READ_COMMITTED", "set it to REPEATABLE_READ"),
        ("hbase", "REPEATABLE_READ", "'hbase', which offers no compare-and-set"),
    ],
)
async def test_a_backend_without_compare_and_set(
    graph_url: str, monkeypatch: pytest.MonkeyPatch, backend: str, isolation: str, message: str
) -> None:
    async def script(*_: object) -> list[str]:
        return [backend, isolation]

    monkeypatch.setattr("lineal.graphstore.gremlin.client.GremlinClient.script", script)
    with pytest.raises(StoreUnusable, match=message):
        await opened(graph_url)


async def test_several_hosts(graph_url: str) -> None:
    """One that is down does not matter."""
    store = await opened(graph_url.replace("gremlin://", "gremlin://127.0.0.1:1,"))
    await store.record(Batch((entity("x"),)), by="me")
    assert await store.entities(View(EVERYTHING, AsOf(await store.watermark())), [id_of("x")])
    await store.close()


async def test_a_process_that_died_while_it_wrote(graph_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others wait until its lease expires, and never see its records, even if they record the same."""
    monkeypatch.setattr("lineal.graphstore.gremlin.writer_lease.LEASE_SECONDS", 1.0)
    # Step by step, so that it can die between two requests.
    monkeypatch.setattr("lineal.graphstore.gremlin.writer_lease.WriterLease.writes_at_once", False)
    dead = await opened(graph_url)

    async def never(*_: object) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(dead._lease, "commit", never)
    with pytest.raises(asyncio.CancelledError):
        await dead.record(graph("a>b"), by="the dead")
    if dead._lease._keeper is not None:
        dead._lease._keeper.cancel()
    other = await opened(graph_url)
    assert await other.watermark() == 0
    assert await other.entities(await now(other), [id_of("a")]) == [None]
    done = await other.record(graph("a>b>c"), by="the living", returning=EVERYTHING)
    assert {each and each.recorded_by for each in (*done.entities, *done.associations)} == {"the living"}
    assert all(done.entities_are_new)
    assert await reached(other) == 2
    # The dead process was only frozen, and goes on: it has lost the lease.
    with pytest.raises(Unavailable):
        await dead._lease.begin(done.recorded_at or 0)
    await other.close()
    await dead.close()
