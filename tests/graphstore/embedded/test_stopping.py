"""Reads stop at their deadline and with their callers, and small ones do not wait for large ones."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from record_builders import Down, distances, graph, id_of, now, reach

from lineal.auth.scopes import EVERYTHING
from lineal.graphstore.deadlines import deadline
from lineal.graphstore.embedded import store as embedded
from lineal.graphstore.embedded.sql import access_tables
from lineal.graphstore.errors import LimitExceeded
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
from lineal.graphstore.store import EntityPage, Store

ENDLESS = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
VIEW = View(EVERYTHING, AsOf(2**62))
NO_PAGE = EntityPage((), 0, {}, False)


@pytest.fixture(params=["memory:", "sqlite:///{}/x.db"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    async with await open_store(request.param.format(tmp_path)) as store:
        await store.record(graph("a>b>c"), by="me")
        yield store


class Endless:
    """A search that never ends by itself."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.count = 0

    def __call__(self, reader: Any, questions: Any) -> Any:
        self.count += 1
        self.begun.release()
        return reader.connection.execute(ENDLESS).fetchall()


def searches(store: Store, count: int) -> list["asyncio.Task[Any]"]:
    return [asyncio.create_task(store.find([Find(VIEW)])) for _ in range(count)]


async def test_abandoned_searches_stop_and_waiting_ones_never_begin(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = 1 if store._database.in_memory else embedded.LARGE_READERS  # type: ignore[attr-defined]
    endless = Endless()
    with monkeypatch.context() as patched:
        patched.setattr(embedded, "pages_of_turn", endless)
        abandoned = searches(store, embedded.LARGE_READERS + 5)
        for _ in range(running):
            assert await asyncio.to_thread(endless.begun.acquire, timeout=30)
        if running > 1:
            await store.ready()
            assert await store.newest() == await store.newest()
            assert [each and each.id for each in await store.entities(VIEW, [id_of("a")])] == [id_of("a")]
        # Those that wait first: a reader that stops would begin one of them at once.
        for each in reversed(abandoned):
            each.cancel()
        await asyncio.wait(abandoned)
        assert all(each.cancelled() for each in abandoned)
        await asyncio.wait_for(reach(store, "a"), 30)
    assert endless.count == running
    assert distances(await reach(store, "a")) == {"b": 1, "c": 2}
    (page,) = await asyncio.wait_for(store.find([Find(VIEW)]), 30)
    assert page.total == 3


async def test_a_search_stops_at_its_deadline(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(embedded, "pages_of_turn", Endless())
        with deadline(0.05):
            late = searches(store, embedded.LARGE_READERS)
        for each in late:
            with pytest.raises(LimitExceeded, match="took longer than a request may take: ask for less at once"):
                await asyncio.wait_for(each, 30)
    (page,) = await asyncio.wait_for(store.find([Find(VIEW)]), 30)
    assert page.total == 3


async def test_readiness_does_not_wait_for_any_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with await open_store(f"sqlite:///{tmp_path}/x.db") as store:
        release = threading.Event()
        monkeypatch.setattr(embedded, "pages_of_turn", lambda reader, questions: release.wait() and [NO_PAGE])
        monkeypatch.setattr(access_tables, "audit_log", lambda *asked, **named: release.wait())
        waiting: list[asyncio.Future[Any]] = [*searches(store, 10)]
        waiting += [asyncio.ensure_future(store.audit_log(None)) for _ in range(10)]  # type: ignore[arg-type]
        await store.ready()
        assert (await store.newest()).epoch == (await store.access_since(0)).epoch == 0
        assert await store.watermark() == 0
        assert not any(each.done() for each in waiting)
        release.set()
        await asyncio.wait(waiting)


READS: dict[str, Callable[[Store], Awaitable[Any]]] = {
    "entities": lambda store: store.entities(VIEW, [id_of("a")]),
    "find": lambda store: store.find([Find(VIEW)]),
    "associations": lambda store: store.associations([AssociationsOf(VIEW, id_of("a"))]),
    "history": lambda store: store.history([HistoryOf(VIEW, id_of("a"))]),
    "metrics": lambda store: store.metrics([MetricsOf(VIEW, id_of("a"))]),
    "series": lambda store: store.series([SeriesOf(VIEW, id_of("a"), "m")]),
    "buckets": lambda store: store.buckets([BucketsOf(VIEW, id_of("a"), "m", 10)]),
    "property_keys": lambda store: store.property_keys([PropertyKeys(VIEW, "")]),
    "reach": lambda store: store.reach([Reach(Walk(VIEW, (id_of("a"),), Down))]),
    "reach_associations": lambda store: store.reach_associations(
        [ReachAssociations(Walk(VIEW, (id_of("a"),), Down), 10)]
    ),
    "newest": lambda store: store.newest(),
}


@pytest.mark.parametrize("verb", READS)
async def test_every_read_has_a_deadline(store: Store, verb: str) -> None:
    with deadline(0), pytest.raises(LimitExceeded):
        await READS[verb](store)
    await READS[verb](store)


async def test_a_write_that_has_begun_ends_after_its_callers_deadline(store: Store) -> None:
    with deadline(0):
        await store.record(graph("d"), by="me")
    (page,) = await store.find([Find(await now(store))])
    assert page.total == 4
