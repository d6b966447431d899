"""Metrics, series and buckets of observations, by SQL. The column `value` holds the sortable form of a value."""

from collections.abc import Collection, Iterator, Sequence
from typing import Final, NamedTuple

import apsw

from lineal.graphstore.batches import NewObservation
from lineal.graphstore.codes import ObservationKey
from lineal.graphstore.embedded.sql.reader import Reader
from lineal.graphstore.embedded.sql.record_reader import carray_of
from lineal.graphstore.metric_values import NAN, sortable, value_of
from lineal.graphstore.queries import BucketsOf, MetricsOf, ObservationPosition, SeriesOf
from lineal.graphstore.records import Bucket, Metric
from lineal.graphstore.series import Point, Series
from lineal.graphstore.store import SeriesPage
from lineal.graphstore.values import INT64_MAX, METRICS, text_problem

_SERIES_AT_ONCE: Final = 500
_EXPORTED_AT_ONCE: Final = 10_000

SeriesKey = tuple[int, str]
"""Entity key, metric."""


# -- for the writer --


def series_numbers(connection: apsw.Connection, keys: Collection[int]) -> dict[SeriesKey, int]:
    """The numbers of all series of some entities."""
    rows = connection.execute(
        "SELECT s.entity, s.metric, s.id FROM carray(?) f CROSS JOIN series s ON s.entity = f.value", (carray_of(keys),)
    )
    return {(key, metric): number for key, metric, number in rows}


def recorded(connection: apsw.Connection, keys: Collection[ObservationKey]) -> set[ObservationKey]:
    """The observations among `keys` that are recorded, and possibly others of the same steps."""
    numbers = series_numbers(connection, {key[0] for key in keys})
    wanted: dict[SeriesKey, tuple[set[int], list[int]]] = {}
    for key, metric, step, occurred_at, _ in keys:
        if (key, metric) in numbers:
            steps, times = wanted.setdefault((key, metric), (set(), []))
            steps.add(step)
            times.append(occurred_at)
    recorded_keys: set[ObservationKey] = set()
    for (key, metric), (steps, times) in wanted.items():
        # Where all observations of a series are of one step, their times tell them apart.
        rows = connection.execute(
            "SELECT o.step, o.occurred_at, o.value FROM carray(?) f CROSS JOIN observation o "
            "ON o.series = ? AND o.step = f.value AND o.occurred_at BETWEEN ? AND ?",
            (carray_of(steps), numbers[key, metric], min(times), max(times)),
        )
        recorded_keys.update((key, metric, step, occurred_at, form) for step, occurred_at, form in rows)
    return recorded_keys


def insert(connection: apsw.Connection, new: Collection[ObservationKey], at: int) -> None:
    """Write observations, recorded at the time `at`."""
    if not new:
        return
    numbers = series_numbers(connection, {key[0] for key in new})
    for series in sorted({key[:2] for key in new} - numbers.keys()):
        numbers[series] = connection.execute(
            "INSERT INTO series (entity, metric) VALUES (?, ?) RETURNING id", series
        ).get
    rows = [(numbers[key[:2]], *key[2:], at) for key in new]
    connection.executemany("INSERT INTO observation VALUES (?, ?, ?, ?, ?)", sorted(rows))


# -- reading --


def metrics_of(reader: Reader, questions: Sequence[MetricsOf]) -> list[tuple[Metric, ...]]:
    """The metrics of the entity of every question."""
    keys = reader.keys_of({question.entity for question in questions})
    series: dict[int, list[tuple[str, int]]] = {}
    for (key, metric), number in sorted(series_numbers(reader.connection, keys.values()).items()):
        if not _is_hidden(reader, key, metric):
            series.setdefault(key, []).append((metric, number))
    requested: list[list[tuple[str, int]]] = []
    for question in questions:
        names = None if question.names is None else set(question.names)
        of_entity = series.get(keys.get(question.entity, 0), [])
        requested.append([(metric, number) for metric, number in of_entity if names is None or metric in names])
    summaries = _summaries(reader, {number for of_entity in requested for _, number in of_entity})
    view = reader.view
    return [
        tuple(
            Series(question.entity, metric, view).metric_from(*summaries[number])
            for metric, number in of_entity
            if number in summaries
        )
        for question, of_entity in zip(questions, requested, strict=True)
    ]


def _summaries(reader: Reader, numbers: Collection[int]) -> dict[int, tuple[int, int | None, int | None, int, int]]:
    """The arguments of `Series.metric_from`, by series number, for the series that have observations in the view."""
    last = (
        f"SELECT l.value FROM observation l WHERE l.series = f.value AND {reader.visibility.at_moment('l')} "
        "ORDER BY l.step DESC, l.occurred_at DESC, l.value DESC LIMIT 1"
    )
    rows = reader.connection.execute(
        f"SELECT f.value, ({last}), min(nullif(o.value, ?2)), max(nullif(o.value, ?2)), count(*), sum(o.value = ?2) "
        f"FROM carray(?1) f CROSS JOIN observation o ON o.series = f.value WHERE {reader.visibility.at_moment('o')} "
        "GROUP BY f.value",
        (carray_of(numbers), NAN),
    )
    return {number: summary for number, *summary in rows}


def series_pages(reader: Reader, questions: Sequence[SeriesOf]) -> list[SeriesPage]:
    """The page for every question."""
    numbers = _numbers(reader, questions)
    pages = []
    for question, number in zip(questions, numbers, strict=True):
        if number is None:
            pages.append(SeriesPage((), 0, False))
            continue
        series = Series(question.entity, question.metric, question.view)
        points = _points(reader, number, question.after, question.first + 1)
        pages.append(series.page(points, _count(reader, number), question))
    return pages


def buckets_of(reader: Reader, questions: Sequence[BucketsOf]) -> list[tuple[Bucket, ...]]:
    """The buckets for every question."""
    answers: list[tuple[Bucket, ...]] = []
    for question, number in zip(questions, _numbers(reader, questions), strict=True):
        series = Series(question.entity, question.metric, question.view)
        total = 0 if number is None else _count(reader, number)
        points = iter(()) if number is None else _points(reader, number, None, total)
        answers.append(series.buckets(points, total, question.most))
    return answers


def _numbers(reader: Reader, questions: Sequence[SeriesOf | BucketsOf]) -> list[int | None]:
    """The number of the series of every question; None where the series is hidden or not recorded."""
    keys = reader.keys_of({question.entity for question in questions})
    numbers: list[int | None] = []
    for question in questions:
        key, metric = keys.get(question.entity), question.metric
        if key is None or text_problem(metric) or _is_hidden(reader, key, metric):
            numbers.append(None)
            continue
        series = (key, metric)
        numbers.append(reader.connection.execute("SELECT id FROM series WHERE entity = ? AND metric = ?", series).get)
    return numbers


def _is_hidden(reader: Reader, key: int, metric: str) -> bool:
    return reader.visibility.hides(key, METRICS + metric)


def _count(reader: Reader, number: int) -> int:
    count: int = reader.connection.execute(
        f"SELECT count(*) FROM observation o WHERE o.series = ? AND {reader.visibility.at_moment('o')}", (number,)
    ).get
    return count


def _points(reader: Reader, number: int, after: ObservationPosition | None, most: int) -> Iterator[Point]:
    """The points of a series in the view, in order, after a position."""
    beyond = "true" if after is None else "(o.step, o.occurred_at, o.value) > (?, ?, ?)"
    bounds = () if after is None else (after.step, after.occurred_at, after.sortable)
    rows = reader.connection.execute(
        "SELECT o.step, o.occurred_at, o.value, o.recorded_at, b.recorded_by "
        "FROM observation o CROSS JOIN batch b ON b.recorded_at = o.recorded_at "
        f"WHERE o.series = ? AND {beyond} AND {reader.visibility.at_moment('o')} "
        "ORDER BY o.step, o.occurred_at, o.value LIMIT ?",
        (number, *bounds, most),
    )
    return map(Point._make, rows)


# -- export --


class ExportPosition(NamedTuple):
    """The last exported observation, or a series that is exported whole: an export continues after it."""

    urn: str
    metric: str
    step: int
    occurred_at: int
    sortable: int


FIRST: Final = ExportPosition("", "", INT64_MAX, INT64_MAX, INT64_MAX)
"""The position before all observations."""


def observations_after(reader: Reader, position: ExportPosition) -> tuple[list[NewObservation], ExportPosition | None]:
    """The next observations in the order of an export, and the position to continue from; None at the end."""
    if reader.sees_nothing:
        return [], None
    series: list[tuple[int, int, str, str]] = reader.connection.execute(
        "SELECT s.id, e.key, e.urn, s.metric FROM entity e CROSS JOIN series s ON s.entity = e.key "
        f"WHERE e.urn >= ?1 AND (e.urn > ?1 OR s.metric >= ?2) AND {reader.visibility.entity_shows()} "
        "ORDER BY e.urn, s.metric LIMIT ?3",
        (position.urn, position.metric, _SERIES_AT_ONCE),
    ).fetchall()  # type: ignore[assignment]
    observations: list[NewObservation] = []
    for number, key, urn, metric in series:
        if _is_hidden(reader, key, metric):
            continue
        after = ObservationPosition(*position[2:]) if (urn, metric) == position[:2] else None
        points = _points(reader, number, after, _EXPORTED_AT_ONCE - len(observations))
        observations += [
            NewObservation(urn, metric, value_of(point.sortable), point.step, point.occurred_at) for point in points
        ]
        if len(observations) == _EXPORTED_AT_ONCE:
            last = observations[-1]
            return observations, ExportPosition(urn, metric, last.step, last.occurred_at or 0, sortable(last.value))
    if len(series) < _SERIES_AT_ONCE:
        return observations, None
    return observations, ExportPosition(series[-1][2], series[-1][3], INT64_MAX, INT64_MAX, INT64_MAX)
