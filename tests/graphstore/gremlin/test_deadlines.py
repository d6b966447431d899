"""Reads stop at their deadline and with their callers, and give back their threads; writes do neither."""

import asyncio
from collections.abc import AsyncIterator
from operator import methodcaller
from typing import Any

import pytest
from engines import Engine, emptied
from gremlin_python.process.graph_traversal import __
from record_builders import distances, graph, id_of, reach

from lineal.auth.access_store import AuditQuestion
from lineal.auth.scopes import EVERYTHING
from lineal.graphstore.deadlines import deadline
from lineal.graphstore.errors import LimitExceeded, Unavailable
from lineal.graphstore.gremlin import store as gremlin_store
from lineal.graphstore.gremlin.client import g
from lineal.graphstore.gremlin.transport import Transport
from lineal.graphstore.kinds import LineageDirection
from lineal.graphstore.opening import open_store
from lineal.graphstore.queries import (
    AssociationsOf,
    BucketsOf,
    Find,
    HistoryOf,
    MetricsOf,
    PropertyKeys,
    Reach,
    ReachAssociations,
    SeriesOf,
    Walk,
)
from lineal.graphstore.records import AsOf, View
from lineal.graphstore.store import Store

WITHIN = 30.0
"""Seconds: far longer than any deadline below."""


@pytest.fixture
async def store(graph_server: Engine) -> AsyncIterator[Store]:
    await emptied(graph_server.url)
    async with await open_store(graph_server.url) as store:
        await store.record(graph("a>b>c"), by="me")
        yield store


class Silence:
    """A graph server that takes requests and does not answer, until the block ends."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.requests = 0
        self._taken, self._over = asyncio.Condition(), asyncio.Event()

    async def __aenter__(self) -> "Silence":
        self._ask = Transport.ask
        self._monkeypatch.setattr(Transport, "ask", lambda transport, *request: self._take())
        return self

    async def __aexit__(self, *error: object) -> None:
        self._monkeypatch.setattr(Transport, "ask", self._ask)
        self._over.set()

    async def _take(self) -> list[bytes]:
        async with self._taken:
            self.requests += 1
            self._taken.notify_all()
        await self._over.wait()
        raise Unavailable("the graph server was silent")

    async def has_taken(self, requests: int) -> None:
        """Return when it has taken so many requests."""
        async with self._taken:
            await asyncio.wait_for(self._taken.wait_for(lambda: self.requests >= requests), WITHIN)


def reads(view: View) -> list[methodcaller]:
    """A call of every verb that reads."""
    id, walk = id_of("a"), Walk(view, (id_of("a"),), LineageDirection.DESCENDANTS)
    return [
        methodcaller("entities", view, [id]),
        methodcaller("find", [Find(view)]),
        methodcaller("associations", [AssociationsOf(view, id)]),
        methodcaller("history", [HistoryOf(view, id)]),
        methodcaller("metrics", [MetricsOf(view, id)]),
        methodcaller("series", [SeriesOf(view, id, "loss", 10)]),
        methodcaller("buckets", [BucketsOf(view, id, "loss", 10)]),
        methodcaller("property_keys", [PropertyKeys(view, "")]),
        methodcaller("reach", [Reach(walk)]),
        methodcaller("reach_associations", [ReachAssociations(walk)]),
        methodcaller("watermark"),
        methodcaller("newest"),
        methodcaller("access_since", 0),
        methodcaller("entity_groups", [id]),
        methodcaller("audit_log", AuditQuestion(None)),
        methodcaller("keys_used", ["key"]),
    ]


@pytest.mark.parametrize("is_settled", [True, False])
async def test_every_read_stops_at_its_deadline(
    store: Store, monkeypatch: pytest.MonkeyPatch, is_settled: bool
) -> None:
    """On a worker thread, or before it where a view has to wait for the newest batch first."""
    at = await store.watermark() if is_settled else 2**62
    async with Silence(monkeypatch) as silence:
        for read in reads(View(EVERYTHING, AsOf(at))):
            with deadline(0.05), pytest.raises(LimitExceeded, match="took longer than a request may take"):
                await asyncio.wait_for(read(store), WITHIN)
        assert silence.requests
    assert distances(await reach(store, "a")) == {"b": 1, "c": 2}


def searches(store: Store, view: View, count: int) -> list["asyncio.Task[Any]"]:
    return [asyncio.create_task(store.find([Find(view)])) for _ in range(count)]


async def test_reads_of_callers_that_left_release_their_threads(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    view, workers = View(EVERYTHING, AsOf(await store.watermark())), gremlin_store.LARGE_READERS
    async with Silence(monkeypatch) as silence:
        for _ in range(2):
            before = silence.requests
            abandoned = searches(store, view, workers + 5)
            await silence.has_taken(before + workers)
            for each in abandoned:
                each.cancel()
            await asyncio.wait(abandoned)
            assert all(each.cancelled() for each in abandoned)
    (page,) = await store.find([Find(view)])
    assert page.total == 3


async def test_small_reads_do_not_wait_for_large_ones(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    view, workers = View(EVERYTHING, AsOf(await store.watermark())), gremlin_store.LARGE_READERS
    async with Silence(monkeypatch) as silence:
        waiting = searches(store, view, gremlin_store.READERS * 2)
        await silence.has_taken(workers)
        waiting.append(asyncio.create_task(store.entities(view, [id_of("a")])))
        await silence.has_taken(workers + 1)
    with pytest.raises(Unavailable):
        await asyncio.gather(*waiting)
    await asyncio.wait(waiting)


async def test_a_write_continues_after_the_deadline_of_its_caller(store: Store) -> None:
    with deadline(0):
        await store.record(graph("c>d"), by="me")
    assert distances(await reach(store, "a")) == {"b": 1, "c": 2, "d": 3}


async def test_the_server_stops_a_read_that_is_late(store: Store) -> None:
    """TinkerGraph's server runs one traversal after the other, so an endless one would hold up all others."""
    assert isinstance(store, gremlin_store.GremlinStore)
    server = store._server
    if not server.may_interrupt:
        pytest.skip("an interrupt makes BerkeleyJE unusable")
    endless = g.inject(0).repeat(__.identity()).until(__.is_(1)).count()
    for _ in range(3):
        with deadline(0.2), pytest.raises(LimitExceeded, match="took longer than a request may take"):
            await asyncio.to_thread(server.wait, *[endless] * 4)
    assert await asyncio.wait_for(server.ask(g.inject(1).count()), WITHIN) == [1]
    assert distances(await reach(store, "a")) == {"b": 1, "c": 2}
