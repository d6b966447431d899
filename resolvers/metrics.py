"""Metrics of entities: summaries, pages and buckets of their observations."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lineal.graphstore.errors import LimitExceeded
from lineal.graphstore.kinds import NUMBERS
from lineal.graphstore.queries import BucketsOf, MetricsOf, ObservationPosition, SeriesOf
from lineal.graphstore.records import Bucket, Entity, Observation, Restricted, View
from lineal.graphstore.records import Metric as Observed
from lineal.graphstore.series import position_of
from lineal.graphstore.values import METRICS
from lineal.resolvers.context import Context
from lineal.resolvers.cursors import as_of_cursor
from lineal.resolvers.errors import BadInput
from lineal.resolvers.pages import MOST, NOTHING, Connection, checked_count, checked_first, connection

MOST_METRICS: Final = 1000
"""Greatest number of metrics of one entity that are returned without `names`."""
MOST_OBSERVATIONS: Final = 1000
"""Greatest number of observations of a page, and of buckets of a series."""
MOST_REQUESTED: Final = 100_000
"""Greatest number of observations and buckets of one request, over all its metrics."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of an entity, from its observations, or, without any, from its property `metrics.NAME`.

    For a property, `last`, `min` and `max` are its value, `count` and `nan_count` are 0. `min` and `max` are None where
    all values are NaN.
    """

    from_: Entity
    name: str
    last: float
    min: float | None
    max: float | None
    count: int
    nan_count: int


async def metrics(context: Context, parent: Entity | Restricted, names: Sequence[str] | None) -> Sequence[Metric]:
    """The metrics of an entity, by name; none of a restricted one. Raises LimitExceeded where they are too many."""
    view, requested = context.nested(parent.view), checked_names(names)
    if isinstance(parent, Restricted):
        return ()
    return metrics_of(parent, await context.loaders.metrics.load(MetricsOf(view, parent.id, requested)), requested)


def checked_names(names: Sequence[str] | None) -> tuple[str, ...] | None:
    """The distinct names. Raises BadInput where they are too many."""
    if names is None:
        return None
    checked_count("names", names)
    return tuple(dict.fromkeys(names))


def metrics_of(entity: Entity, observed: Sequence[Observed], names: tuple[str, ...] | None) -> Sequence[Metric]:
    """The metrics of an entity with these names, from its observations and its numeric properties, by name."""
    values = {
        property.key.removeprefix(METRICS): float(property.value)  # type: ignore[arg-type]
        for property in entity.properties
        if property.key.startswith(METRICS) and property.key != METRICS and property.type in NUMBERS
    }
    shown = {
        name: Metric(entity, name, value, value, value, 0, 0)
        for name, value in values.items()
        if names is None or name in names
    }
    shown |= {
        metric.name: Metric(entity, metric.name, metric.last, metric.min, metric.max, metric.count, metric.nan_count)
        for metric in observed
    }
    if names is None and len(shown) > MOST_METRICS:
        raise LimitExceeded(
            f"{entity.urn} has {len(shown)} metrics; the most is {MOST_METRICS}: give the `names` of up to {MOST}."
        )
    return [shown[name] for name in sorted(shown)]


async def series(context: Context, parent: Metric, first: int | None, after: str | None) -> Connection[Observation]:
    """A page of the observations of a metric, by step, time and value; empty for a property."""
    view, size = _requested(context, parent, checked_first(first, 100, MOST_OBSERVATIONS))
    page_cursors, position = context.cursors("series", view, parent.from_.id, parent.name), None
    if after is not None:
        page_cursors, position = page_cursors.read(after, ObservationPosition)
        view = as_of_cursor(view, page_cursors)
    if not parent.count:
        return NOTHING
    page = await context.loaders.series.load(SeriesOf(view, parent.from_.id, parent.name, size, position))
    return connection(
        page.items,
        lambda observation: page_cursors.make(position_of(observation)),
        page.has_next,
        page.total,
    )


async def buckets(context: Context, parent: Metric, most: int | None) -> Sequence[Bucket]:
    """The observations of a metric in at most `most` buckets (500 by default), in order; none for a property."""
    most = 500 if most is None else most
    if not 1 <= most <= MOST_OBSERVATIONS:
        raise BadInput(f"most is {most}: give 1 to {MOST_OBSERVATIONS}")
    view, size = _requested(context, parent, most)
    if not parent.count:
        return ()
    return await context.loaders.buckets.load(BucketsOf(view, parent.from_.id, parent.name, size))


def _requested(context: Context, parent: Metric, size: int) -> tuple[View, int]:
    """The view of a metric's entity, and the number of observations to read, at most as many as there are."""
    view, size = context.nested(parent.from_.view), min(size, max(parent.count, 1))
    context.observations_requested += size
    if context.observations_requested > MOST_REQUESTED:
        raise LimitExceeded(
            f"The request asks for more than {MOST_REQUESTED} observations: ask for fewer metrics, by `names`, for "
            "smaller pages with `first`, or for fewer buckets with `most`."
        )
    return view, size
