"""Random histories and questions: every engine answers as the reference model does, in set and order."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any, Final

import pytest
from engines import Engine, emptied
from hypothesis import given, settings
from hypothesis import strategies as st
from record_builders import EPOCH
from reference_store import ReferenceStore
from strategies import (
    GROUPS,
    METRICS,
    association_filters,
    batches,
    entity_filters,
    maybe,
    orderings,
    scopes,
    searches,
    walks,
)

from lineal.auth.access_store import AccessChange, Membership
from lineal.auth.scopes import EVERYTHING
from lineal.graphstore.batches import Batch
from lineal.graphstore.embedded.memory.adjacency_cache import AdjacencyCache
from lineal.graphstore.embedded.sql import entity_pages as embedded_finding
from lineal.graphstore.embedded.sql import key_sets
from lineal.graphstore.errors import BatchRefused, LimitExceeded
from lineal.graphstore.gremlin import checkpoints, entity_pages, prefetcher, walk_prefetcher
from lineal.graphstore.kinds import EntityKind
from lineal.graphstore.opening import open_store
from lineal.graphstore.queries import (
    AssociationPosition,
    AssociationsOf,
    BucketsOf,
    EntityPosition,
    Find,
    HistoryOf,
    Limits,
    MetricsOf,
    ObservationPosition,
    PropertyKeys,
    Reach,
    ReachAssociations,
    RevisionPosition,
    SeriesOf,
    Walk,
)
from lineal.graphstore.records import AsOf, View
from lineal.graphstore.series import position_of
from lineal.graphstore.store import Store
from lineal.graphstore.walking.store import WalkingStore
from lineal.graphstore.walking.walk_cache import WalkCache

ON_SERVERS: Final = settings.default.max_examples // 5 if settings.default else 30
"""A graph server takes longer over each example."""


class Pair:
    """The engine and the model with the same history, recorded at the same times."""

    def __init__(self, engine: Store, history: list[Batch], data: st.DataObject) -> None:
        self.engine, self.model, self.history = engine, ReferenceStore(lambda: self.moments[-1]), history
        self.moments = [0]
        """Times of recording in the engine."""
        self.data = data

    async def record(self) -> None:
        scope = self.data.draw(st.just(EVERYTHING) | scopes())
        for batch in self.history:
            outcomes: list[Any] = []
            for store in (self.engine, self.model):
                try:
                    done = await store.record(batch, by="me", returning=scope)
                    if done.recorded_at not in (None, self.moments[-1]):
                        self.moments.append(done.recorded_at)
                    outcomes.append(done)
                except BatchRefused as refused:
                    outcomes.append([(problem.code, problem.path) for problem in refused.problems])
            engine, model = outcomes
            if list in (type(model), type(engine)):
                assert engine == model
                continue
            assert plain(engine) == plain(model)

    async def group(self, ids: list[str]) -> None:
        """Draw who is in which groups, and let some leave again."""
        drawn = st.lists(st.builds(Membership, st.sampled_from(GROUPS), st.sampled_from(ids)), max_size=6)
        changes = [AccessChange(joins=tuple(self.data.draw(drawn))), AccessChange(leaves=tuple(self.data.draw(drawn)))]
        for change in changes:
            for store in (self.engine, self.model):
                await store.change_access(change, epoch=(await store.newest()).epoch)

    def views(self) -> tuple[View, View]:
        """Draw a moment and a scope."""
        draw = self.data.draw
        recorded_at = self.moments[draw(st.integers(0, 3)) % len(self.moments)]
        occurred_at = draw(st.sampled_from([None, None, EPOCH, EPOCH + 2, recorded_at]))
        view = View(draw(st.just(EVERYTHING) | scopes() | scopes()), AsOf(recorded_at, occurred_at))
        return view, view

    async def alike(self, verb: str, engine: list[Any], model: list[Any]) -> list[Any]:
        """Ask both; the answers are equal. Gives the engine's."""
        answers: list[Any] = []
        for store, questions in ((self.engine, engine), (self.model, model)):
            try:
                answers.append(await getattr(store, verb)(questions))
            except LimitExceeded:
                answers.append("limit exceeded")
        assert plain(answers[0]) == plain(answers[1])
        return [] if answers[0] == "limit exceeded" else answers[0]


def plain(value: Any) -> Any:
    """A record without its view."""
    if is_dataclass(value) and not isinstance(value, type):
        kept = [field.name for field in fields(value) if field.name != "view"]
        return type(value).__name__, {name: plain(getattr(value, name)) for name in kept}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value


@contextmanager
def bounded(data: st.DataObject) -> Iterator[None]:
    """The bounds at which the Gremlin engine goes another way, so that small graphs go each."""
    before = {(module, name): getattr(module, name) for module, name in (*_BOUNDS, _EVERY)}
    try:
        for module, name in _BOUNDS:
            setattr(module, name, data.draw(st.sampled_from([before[module, name], 0, 2])))
        setattr(*_EVERY, data.draw(st.sampled_from([1, 2, 3])))
        yield
    finally:
        for (module, name), value in before.items():
            setattr(module, name, value)


_BOUNDS: Final = (
    (prefetcher, "MOST_LOADED"),
    (walk_prefetcher, "MOST_WALKED"),
    (walk_prefetcher, "MOST_GUESSED"),
    (walk_prefetcher, "MOST_SECONDS"),
    (entity_pages, "MOST_NAMED"),
)
_EVERY: Final = (checkpoints, "CHECKPOINT_EVERY")
"""Entities have few revisions here, and a checkpoint all the same."""


_FEW: Final = (
    (embedded_finding, "MOST_VERIFIED"),
    (embedded_finding, "FEW_MATCHES"),
    (key_sets, "MOST_LOOKED_UP"),
)
"""The bounds at which the embedded engine goes another way to find."""


@given(batches(), st.booleans(), st.data())
async def test_walks(history: list[Batch], in_memory: bool, data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patched:
        if not in_memory:
            patched.setattr(AdjacencyCache, "at", lambda present, connection: None)
        await _walks(await open_store("memory:"), history, data)


@settings(max_examples=ON_SERVERS)
@given(batches(), st.data())
async def test_walks_on_graph_servers(graph_server: Engine, history: list[Batch], data: st.DataObject) -> None:
    await emptied(graph_server.url)
    with bounded(data):
        await _walks(await open_store(graph_server.url), history, data)


async def _walks(opened: Store, history: list[Batch], data: st.DataObject) -> None:
    async with opened as engine:
        pair = Pair(engine, history, data)
        await pair.record()
        ids = sorted({each.id for page in await _all(engine) for each in page.items})
        if not ids:
            return
        await pair.group(ids)
        together: list[list[Reach]] = [[], []]
        for _ in range(data.draw(st.integers(1, 6))):
            views = pair.views()
            asked = data.draw(walks)
            starts = tuple(data.draw(st.lists(st.sampled_from(ids), min_size=1, max_size=3)))
            excluding = tuple(data.draw(st.just([]) | st.lists(st.sampled_from(ids), max_size=2)))
            limits = Limits(visits=data.draw(st.sampled_from([1_000_000, 1_000_000, 1, 2, 3])))
            both = [Walk(view, starts, excluding=excluding, limits=limits, **asked) for view in views]
            where, first = data.draw(st.none() | entity_filters), data.draw(st.sampled_from([1, 2, 100]))
            paths = data.draw(st.booleans())
            for questions, walk in zip(together, both, strict=True):
                questions.append(Reach(walk, where, first, None, paths))
            after = None
            for _ in range(50):
                pages = await pair.alike("reach", *([Reach(walk, where, first, after, paths)] for walk in both))
                page = pages[0] if pages else None
                if page is not None:
                    await _among(pair, both, page.cut_at)
                if page is None or not page.has_next:
                    break
                after = page.end
        if isinstance(engine, WalkingStore):
            engine._walks = WalkCache()
        await pair.alike("reach", *together)
        among = ([ReachAssociations(each.walk) for each in questions] for questions in together)
        await pair.alike("reach_associations", *among)


async def _among(pair: Pair, walks: list[Walk], up_to: Any) -> None:
    after = None
    for _ in range(50):
        pages = await pair.alike("reach_associations", *([ReachAssociations(w, 3, after, up_to)] for w in walks))
        if not pages or pages[0] is None or not pages[0].has_next:
            break
        last = pages[0].items[-1]
        after = AssociationPosition(last.source_urn, last.destination_urn, last.type, last.role)


async def _all(store: Store) -> list[Any]:
    return await store.find([Find(View(EVERYTHING, AsOf(await store.watermark())), first=1000)])


@given(batches(), st.booleans(), st.data())
async def test_everything_else(history: list[Batch], as_if_many: bool, data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patched:
        if as_if_many:
            for module, name in _FEW:
                patched.setattr(module, name, 0)
        await _everything_else(await open_store("memory:"), history, data)


@settings(max_examples=ON_SERVERS)
@given(batches(), st.data())
async def test_everything_else_on_graph_servers(
    graph_server: Engine, history: list[Batch], data: st.DataObject
) -> None:
    await emptied(graph_server.url)
    with bounded(data):
        await _everything_else(await open_store(graph_server.url), history, data)


async def _everything_else(opened: Store, history: list[Batch], data: st.DataObject) -> None:
    async with opened as engine:
        pair = Pair(engine, history, data)
        await pair.record()
        ids = sorted({each.id for page in await _all(engine) for each in page.items})
        if ids:
            await pair.group(ids)
        views = pair.views()
        exported = [[part async for part in s.export(v)] for s, v in zip((engine, pair.model), views, strict=True)]
        assert exported[0] == exported[1]
        where, order = data.draw(entity_filters), data.draw(orderings)
        within, search = data.draw(st.sampled_from([None, None, *GROUPS])), data.draw(maybe(searches))
        position: Any = None
        results = []
        for _ in range(50):
            (page,) = await pair.alike("find", *([Find(v, where, order, 2, position, within, search)] for v in views))
            results += page.items
            if not page.has_next:
                break
            position = EntityPosition(page.items[-1].urn)
        prefix, kind = data.draw(st.sampled_from(["", "k", "m."])), data.draw(st.sampled_from([None, EntityKind.MODEL]))
        keys = [
            await store.property_keys([PropertyKeys(view, prefix, kind)])
            for store, view in zip((engine, pair.model), views, strict=True)
        ]
        assert keys[0] == keys[1]
        await _observed(pair, views, ids)
        for entity in results[:3]:
            position = None
            for _ in range(50):
                (history_page,) = await pair.alike("history", *([HistoryOf(v, entity.id, 1, position)] for v in views))
                if not history_page.has_next:
                    break
                last = history_page.items[-1]
                position = RevisionPosition(last.occurred_at, last.rank, last.sequence)
            via = data.draw(st.none() | association_filters)
            direction = data.draw(walks)["direction"]
            position = None
            for _ in range(50):
                questions = ([AssociationsOf(v, entity.id, direction, via, 2, position)] for v in views)
                (page,) = await pair.alike("associations", *questions)
                if not page.has_next:
                    break
                final = page.items[-1]
                position = AssociationPosition(final.source_urn, final.destination_urn, final.type, final.role)


async def _observed(pair: Pair, views: tuple[View, View], ids: list[str]) -> None:
    """All metrics of all entities, and their series, by pages and in buckets."""
    names = pair.data.draw(st.sampled_from([None, None, ("loss",), ("é", "none")]))
    await pair.alike("metrics", *([MetricsOf(view, id, names) for id in ids] for view in views))
    most = pair.data.draw(st.sampled_from([1, 2, 3, 100]))
    series = [(id, metric) for id in ids for metric in METRICS]
    await pair.alike("buckets", *([BucketsOf(view, *each, most) for each in series] for view in views))
    places: dict[tuple[str, str], ObservationPosition | None] = dict.fromkeys(series)
    while places:
        asked = ([SeriesOf(view, *each, 2, after) for each, after in places.items()] for view in views)
        pages = await pair.alike("series", *asked)
        places = {each: position_of(page.items[-1]) for each, page in zip(places, pages, strict=True) if page.has_next}
