"""Journeys to the graph server, as few as the speed document allows (B8), whatever the depth and the width.

A journey is what is asked at once and waited for together; the one read of the lease, which every request makes for its
watermark, is not among them.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from unittest.mock import Mock

import pytest
from engines import Engine, emptied
from graphql_requests import data
from record_builders import EPOCH, entity, graph, id_of, properties, urn

from lineal.auth.permissions import Permission
from lineal.auth.scopes import EVERYTHING, Grant, GroupRule, Scope, default_group
from lineal.graphstore.batches import Batch, NewObservation, NewRevision
from lineal.graphstore.gremlin import metric_series, prefetcher
from lineal.graphstore.gremlin.client import GremlinClient
from lineal.graphstore.opening import open_store
from lineal.graphstore.queries import BucketsOf, Find, MetricsOf, SeriesOf
from lineal.graphstore.records import AsOf, View

ROOT = 'entity(urn: "lineal:a:DATASET:root")'
FILTERS = [
    "",
    'where: { kind: [DATASET], property: [{ key: "lr", gt: 0.1 }] }',
    'stopAt: { property: [{ key: "lr", lt: 0.1 }] }',
    'where: { tag: ["late"], status: [] }',
    'via: { role: { exists: false }, property: [{ key: "x", exists: false }] }',
    'where: { occurredAt: { lt: "2050-01-01T00:00:00Z" } }, via: { occurredAt: { gt: "2000-01-01T00:00:00Z" } }',
]


@pytest.fixture
def journeys(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many traversals each journey asked."""
    results: list[int] = []
    wait = GremlinClient.wait

    def counting(server: GremlinClient, *steps: object) -> object:
        if steps:
            results.append(len(steps))
        return wait(server, *steps)

    monkeypatch.setattr(GremlinClient, "wait", counting)
    return results


Ask = Callable[[str, int], object]


async def journeys_of(engine: Engine, query: str, width: int, made: list[int]) -> int:
    """How many one request makes, on a tree of three levels; half the entities are revised, half the edges untimed."""
    await emptied(engine.url)
    async with await open_store(engine.url) as store:
        tree = graph(*(f"root>{n}>{n}x{m}>{n}x{m}y" for n in range(width) for m in range(width)))
        names = [each.name for each in tree.entities]
        batch = Batch(
            tuple(entity(name, properties=properties(lr=0.5, n=index)) for index, name in enumerate(names)),
            tuple(replace(each, occurred_at=None) if n % 2 else each for n, each in enumerate(tree.associations)),
            tuple(NewRevision(urn(name), tags=("late",)) for name in names[::2]),
        )
        await store.record(batch, by="me")
        await store.secret("cursors")
        made.clear()
        answer = await data(store, query)
        assert answer["entity"] is not None
        return len(made)


@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("width", [2, 6])
async def test_hop_by_hop_takes_one_round_trip_a_level(
    graph_server: Engine, journeys: list[int], width: int, filters: str
) -> None:
    inner = f"descendants(depth: 1, first: 100 {filters}) {{ nodes {{ urn %s }} }}"
    query = f"{{ {ROOT} {{ {inner % (inner % (inner % ''))} }} }}"
    assert await journeys_of(graph_server, query, width, journeys) <= 1 + 3


@pytest.mark.parametrize("most_loaded", [prefetcher.MOST_LOADED, 3])
@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("depth", ["", "depth: 2"])
async def test_a_multi_hop_field_with_paths(
    graph_server: Engine,
    journeys: list[int],
    monkeypatch: pytest.MonkeyPatch,
    filters: str,
    depth: str,
    most_loaded: int,
) -> None:
    """Closure, matches or page, paths; however much has to be matched by the engine."""
    monkeypatch.setattr(prefetcher, "MOST_LOADED", most_loaded)
    query = f"{{ {ROOT} {{ descendants(first: 1000 {depth} {filters}) {{ totalCount countsByKind {{ kind }} edges {{ "
    query += "distance cursor node { urn properties { key } } path { type role occurredAt properties { key } } } } } }"
    assert await journeys_of(graph_server, query, 6, journeys) <= 1 + 3


async def test_threads_use_the_event_loop_only_for_round_trips(
    graph_server: Engine, journeys: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the view is later than the newest batch that the store knows of."""
    await emptied(graph_server.url)
    async with await open_store(graph_server.url) as store:
        await store.record(graph("a>b"), by="me")
        journeys.clear()
        hop = Mock(side_effect=asyncio.run_coroutine_threadsafe)
        monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", hop)
        view = View(EVERYTHING, AsOf(2**62))
        assert None not in await store.entities(view, [id_of("a"), id_of("b")])
        (page,) = await store.find([Find(view)])
        assert page.total == 2
        assert hop.call_count == len(journeys) == 2


async def test_associations_versions_and_history_of_many(graph_server: Engine, journeys: list[int]) -> None:
    """A walk's associations take two journeys; those of each node too, their versions and histories one each."""
    query = f"""{{ {ROOT} {{ descendants(first: 100) {{ associations(first: 5) {{ totalCount nodes {{ type }} }}
      nodes {{ versions {{ totalCount }} history {{ totalCount }} associations {{ totalCount }} }} }} }} }}"""
    assert await journeys_of(graph_server, query, 4, journeys) <= 1 + 2 + 2 + 2 + 1 + 1


async def test_observations_take_one_round_trip_a_verb(graph_server: Engine, journeys: list[int]) -> None:
    """Of however many entities and metrics, under a scope that hides some of them too."""
    await emptied(graph_server.url)
    async with await open_store(graph_server.url) as store:
        names = [f"n{number}" for number in range(30)]
        seen = [
            NewObservation(urn(name), metric, 0.5, n, EPOCH) for name in names for metric in "abc" for n in range(3)
        ]
        await store.record(Batch(tuple(map(entity, names)), observations=tuple(seen)), by="me")
        at = AsOf(await store.watermark())
        reader = frozenset({Permission.READ, Permission.READ_PROPERTIES})
        partly = Scope.of([GroupRule(default_group("a"), (Grant(reader, redacted=frozenset({"metrics.b"})),))])
        for scope, shown in ((EVERYTHING, "abc"), (partly, "ac")):
            view = View(scope, at)
            journeys.clear()
            metrics = await store.metrics([MetricsOf(view, id_of(name)) for name in names])
            assert [each.name for found in metrics for each in found] == list(shown) * 30
            assert len(journeys) == 1
            pages = await store.series([SeriesOf(view, id_of(name), m, 2) for name in names for m in "abc"])
            assert [page.total for page in pages] == [3 * (m in shown) for m in "abc"] * 30
            assert len(journeys) == 2
            buckets = await store.buckets([BucketsOf(view, id_of(name), "a", 2) for name in names])
            assert [len(found) for found in buckets] == [2] * 30
            assert len(journeys) == 3


async def test_validation_reads_only_chunks_of_the_same_steps(
    graph_server: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[list[str]] = []
    chunks = metric_series._chunks

    def reader(lines: list[str]) -> Iterator[metric_series.Chunk]:
        read.append(lines)
        return chunks(lines)

    await emptied(graph_server.url)
    async with await open_store(graph_server.url) as store:

        async def record(*steps: int, metric: str = "loss") -> tuple[bool, ...]:
            seen = tuple(NewObservation(urn("job"), metric, step / 2, step, EPOCH) for step in steps)
            return (await store.record(Batch(observations=seen), by="me")).observations_are_new

        await store.record(graph("job"), by="me")
        assert all(await record(*range(2500)))
        assert all(await record(*range(2500, 2510)))
        assert all(await record(1, metric="auc"))
        monkeypatch.setattr(metric_series, "_chunks", reader)
        for steps, chunks_read, new in (
            ((2510,), 0, 1),
            ((5, 7), 1, 0),
            ((2400, 2505, 2600), 3, 1),
            ((-1, 9999), 6, 2),
        ):
            read.clear()
            assert sum(await record(*steps)) == new
            assert [len(lines) for lines in read] == [chunks_read]
