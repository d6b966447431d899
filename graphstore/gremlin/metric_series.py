"""Observations in the graph, in chunks: each is an edge from its entity to itself. Reads them as metrics and series.

A chunk has the observations of one metric of one entity in one batch, in order, at most `MOST_IN_CHUNK`: as `line`,
with the metric as `name`, the least and the greatest step, and the least `occurred_at`. Values are in their sortable
form.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import astuple
from itertools import islice
from typing import Any, Final, NamedTuple, TypeVar

from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.process.traversal import P
from gremlin_python.statics import long

from lineal.graphstore.batches import NewObservation
from lineal.graphstore.codes import KIND_BITS, ObservationKey
from lineal.graphstore.content_codec import packed
from lineal.graphstore.gremlin.codec import unpacked
from lineal.graphstore.gremlin.reader import Reader
from lineal.graphstore.gremlin.vertex_ids import number_of_id, number_of_vertex
from lineal.graphstore.metric_values import value_of
from lineal.graphstore.queries import BucketsOf, MetricsOf, SeriesOf
from lineal.graphstore.records import Bucket, Metric
from lineal.graphstore.series import Point, Series
from lineal.graphstore.store import SeriesPage
from lineal.graphstore.values import METRICS, text_problem

OBSERVED: Final = "OBSERVED"
MOST_IN_CHUNK: Final = 1000
_MOST_SPANS: Final = 50
"""For up to this many metrics a query has a span of steps for each; for more, one span for all."""
_EXPORTED_AT_ONCE: Final = 200
"""The most chunks that an export reads at once, unless a single metric has more."""

Question = TypeVar("Question", bound=SeriesOf | BucketsOf)
SeriesKey = tuple[int, str]
"""Entity key, metric."""


class Chunk(NamedTuple):
    """The content of an edge's `line`: each list has one value for each observation."""

    key: int
    metric: str
    recorded_at: int
    recorded_by: str
    steps: list[int]
    times: list[int]
    values: list[int]


# -- writing --


def chunks(observations: Collection[ObservationKey], stamp: int, by: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the edges for new observations: the key of the entity, and the properties of the edge."""
    series: defaultdict[SeriesKey, list[tuple[int, int, int]]] = defaultdict(list)
    for key, metric, step, occurred_at, form in observations:
        series[key, metric].append((step, occurred_at, form))
    for (key, metric), observed in series.items():
        ordered = iter(sorted(observed))
        while chunk := list(islice(ordered, MOST_IN_CHUNK)):
            steps, times, values = map(list, zip(*chunk, strict=True))
            yield (
                key,
                {
                    "line": packed(list(Chunk(key, metric, stamp, by, steps, times, values))),
                    "name": metric,
                    "first_step": long(steps[0]),
                    "last_step": long(steps[-1]),
                    "recorded_at": long(stamp),
                    "occurred_at": long(min(times)),
                },
            )


def recorded_observations(reader: Reader, keys: Collection[ObservationKey]) -> set[ObservationKey]:
    """Return the recorded ones of these observations, and others of the chunks in which they may be."""
    steps: defaultdict[str, list[int]] = defaultdict(list)
    for _, metric, step, *_ in keys:
        steps[metric].append(step)
    spans = [(P.eq(metric), min(of_metric), max(of_metric)) for metric, of_metric in steps.items()]
    if len(spans) > _MOST_SPANS:
        spans = [(P.within(sorted(steps)), min(span[1] for span in spans), max(span[2] for span in spans))]
    vertices = reader.visibility.known({key[0] for key in keys})
    # The conditions follow the edges at once, so that JanusGraph uses its index for them.
    edges = [
        reader.visibility.recorded(
            __.out_e(OBSERVED).has("name", name).has("last_step", P.gte(long(low))).has("first_step", P.lte(long(high)))
        )
        for name, low, high in spans
    ]
    (lines,) = reader.ask(vertices.union(*edges).values("line"))
    return {
        (chunk.key, chunk.metric, step, occurred_at, form)
        for chunk in _chunks(lines)
        for step, occurred_at, form in zip(*chunk[4:], strict=True)
    }


# -- reading --


def metrics_of(reader: Reader, questions: Sequence[MetricsOf]) -> list[tuple[Metric, ...]]:
    """Return the metrics of each question's entity."""
    names: set[str] | None = set()
    for question in questions:
        names = None if names is None or question.names is None else names.union(question.names)
    points_of = _points(reader, {question.entity for question in questions}, names)
    by_entity: defaultdict[str, dict[str, Metric]] = defaultdict(dict)
    for (entity, metric), points in sorted(points_of.items()):
        by_entity[entity][metric] = Series(entity, metric, reader.view).metric_of(points)
    return [
        tuple(
            metric
            for name, metric in by_entity[question.entity].items()
            if question.names is None or name in question.names
        )
        for question in questions
    ]


def series_pages(reader: Reader, questions: Sequence[SeriesOf]) -> list[SeriesPage]:
    """Return the page that each question asks for."""

    def page(series: Series, points: list[Point], question: SeriesOf) -> SeriesPage:
        after = None if question.after is None else astuple(question.after)
        beyond = (point for point in points if after is None or point[:3] > after)
        return series.page(beyond, len(points), question)

    return _answers(reader, questions, page)


def buckets_of(reader: Reader, questions: Sequence[BucketsOf]) -> list[tuple[Bucket, ...]]:
    """Return the buckets that each question asks for."""

    def buckets(series: Series, points: list[Point], question: BucketsOf) -> tuple[Bucket, ...]:
        return series.buckets(points, len(points), question.most)

    return _answers(reader, questions, buckets)


Answer = TypeVar("Answer")


def _answers(
    reader: Reader, questions: Sequence[Question], answer: Callable[[Series, list[Point], Question], Answer]
) -> list[Answer]:
    entities, names = {question.entity for question in questions}, {question.metric for question in questions}
    points = _points(reader, entities, names)
    return [
        answer(
            Series(question.entity, question.metric, question.view),
            points.get((question.entity, question.metric), []),
            question,
        )
        for question in questions
    ]


def _points(reader: Reader, ids: set[str], names: set[str] | None) -> dict[tuple[str, str], list[Point]]:
    """Return the points of visible series, in order, by entity id and metric; in one round trip."""
    numbers = [number for id in ids if (number := number_of_id(id)) is not None]
    valid_names = None if names is None else {name for name in names if not text_problem(name)}
    if reader.sees_nothing or not numbers or valid_names == set():
        return {}
    edges = _edges(reader, numbers, valid_names)
    (lines,) = reader.prefetcher.ids(ids, edges.values("line"))
    keys = reader.keys_of(ids)
    shown = _shown(reader, _chunks(lines), set(keys.values()))
    return {(id, metric): points for id, key in keys.items() for metric, points in shown.get(key, {}).items()}


def _edges(reader: Reader, numbers: Collection[int], names: Collection[str] | None = None) -> GraphTraversal:
    """Return the chunks of readable entities that may be in the view, by the numbers of the entities' vertices."""
    vertices = reader.visibility.by_number(numbers)
    if names is None:
        return reader.visibility.recorded(vertices.out_e(OBSERVED))
    return reader.visibility.recorded(vertices.out_e(OBSERVED).has("name", P.within(sorted(names))))


def _chunks(lines: Iterable[str]) -> Iterator[Chunk]:
    return (Chunk(*fields) for fields in unpacked(lines))


def _shown(reader: Reader, chunks: Iterable[Chunk], keys: Collection[int]) -> dict[int, dict[str, list[Point]]]:
    """Return the points of the view, in order, by entity key and metric. A chunk that was written twice counts once."""
    points_of: defaultdict[SeriesKey, set[Point]] = defaultdict(set)
    for chunk in chunks:
        if chunk.key in keys:
            for step, at, form in zip(*chunk[4:], strict=True):
                if reader.visibility.has_occurred(at):
                    points_of[chunk.key, chunk.metric].add(Point(step, at, form, chunk.recorded_at, chunk.recorded_by))
    shown: defaultdict[int, dict[str, list[Point]]] = defaultdict(dict)
    scopes = reader.entity_scopes({key for key, _ in points_of})
    for (key, metric), points in points_of.items():
        if not scopes[key].hides(METRICS + metric):
            shown[key][metric] = sorted(points)
    return shown


# -- export --


def portions(reader: Reader, keys: list[int]) -> list[list[SeriesKey]]:
    """Return the series of entities in the order of an export, in portions that are read at once."""
    if not keys:
        return []
    edges = _edges(reader, [key >> KIND_BITS for key in keys])
    key_of = {key >> KIND_BITS: key for key in keys}
    (chunks,) = reader.ask(edges.project("of", "name").by(__.out_v().id_()).by("name"))
    counts = Counter((key_of[number_of_vertex(chunk["of"])], chunk["name"]) for chunk in chunks)
    position = {key: index for index, key in enumerate(keys)}
    portions: list[list[SeriesKey]] = []
    room = 0
    for series in sorted(counts, key=lambda series: (position[series[0]], series[1])):
        if counts[series] > room:
            portions.append([])
            room = _EXPORTED_AT_ONCE
        portions[-1].append(series)
        room -= counts[series]
    return portions


def observations_of(reader: Reader, portion: list[SeriesKey]) -> list[NewObservation]:
    """Return the observations of series, in their order."""
    keys = list(dict.fromkeys(key for key, _ in portion))
    edges = _edges(reader, [key >> KIND_BITS for key in keys], {metric for _, metric in portion})
    (lines,) = reader.ask(edges.values("line"))
    shown, urns = _shown(reader, _chunks(lines), keys), reader.urns(keys)
    return [
        NewObservation(urns[key], metric, value_of(point.sortable), point.step, point.occurred_at)
        for key, metric in portion
        for point in shown.get(key, {}).get(metric, ())
    ]
