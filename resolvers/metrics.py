"""Metrics of entities: what their observations come to, pages of these, and buckets for plotting."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lineal.graphstore.errors import LimitExceeded
from lineal.graphstore.kinds import NUMBERS
from lineal.graphstore.queries import BucketsOf, MetricsOf, ObservationPosition, SeriesOf
from lineal.graphstore.records import Bucket, Entity, Observation, Restricted, View
from lineal.graphstore.records import Metric as Observed
from lineal.graphstore.values import METRICS
from lineal.resolvers.context import Context
from lineal.resolvers.cursors import as_of_cursor
from lineal.resolvers.errors import BadInput
from lineal.resolvers.pages import MOST, NOTHING, Connection, checked_count, checked_first, connection

MOST_METRICS: Final = 1000
"""The most metrics of one entity that are given without being named."""
MOST_OBSERVATIONS: Final = 1000
"""The most observations a page of a series may have, and buckets that it may be put in."""
MOST_ASKED: Final = 100_000
"""The most observations and buckets that one request may ask for, over all its metrics."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of an entity: of its observations, or, where it has none of that name, of its property `metrics.NAME`.

    Of a property `last`, `min` and `max` are its value and `count` is 0.
    """

    from_: Entity
    name: str
    last: float
    min: float
    max: float
    count: int


async def metrics(context: Context, parent: Entity | Restricted, names: Sequence[str] | None) -> Sequence[Metric]:
    """The metrics of an entity, by name; none of what is restricted. Raises LimitExceeded where they are too many."""
    view, asked = context.nested(parent.view), asked_names(names)
    if isinstance(parent, Restricted):
        return ()
    return told(parent, await context.loaders.metrics.load(MetricsOf(view, parent.id, asked)), asked)


def asked_names(names: Sequence[str] | None) -> tuple[str, ...] | None:
    """Names as they are asked for: each once. Raises BadInput where they are too many."""
    if names is None:
        return None
    checked_count("names", names)
    return tuple(dict.fromkeys(names))


def told(entity: Entity, observed: Sequence[Observed], names: tuple[str, ...] | None) -> Sequence[Metric]:
    """Metrics of an entity, by name: those observed, and the numbers among its properties, of the names asked for."""
    found = {
        each.key.removeprefix(METRICS): float(each.value)  # type: ignore[arg-type]
        for each in entity.properties
        if each.key.startswith(METRICS) and each.key != METRICS and each.type in NUMBERS
    }
    shown = {
        name: Metric(entity, name, value, value, value, 0)
        for name, value in found.items()
        if names is None or name in names
    }
    shown |= {each.name: Metric(entity, each.name, each.last, each.min, each.max, each.count) for each in observed}
    if names is None and len(shown) > MOST_METRICS:
        raise LimitExceeded(
            f"{entity.urn} has {len(shown)} metrics; the most is {MOST_METRICS}: give the `names` of up to {MOST}."
        )
    return [shown[name] for name in sorted(shown)]


async def series(context: Context, parent: Metric, first: int | None, after: str | None) -> Connection[Observation]:
    """The observations of a metric, by step and time; none of a property."""
    view, size = _asked(context, parent, checked_first(first, 100, MOST_OBSERVATIONS))
    made, position = context.cursors("series", view, parent.from_.id, parent.name), None
    if after is not None:
        made, position = made.read(after, ObservationPosition)
        view = as_of_cursor(view, made)
    if not parent.count:
        return NOTHING
    page = await context.loaders.series.load(SeriesOf(view, parent.from_.id, parent.name, size, position))
    return connection(
        page.items,
        lambda each: made.make(ObservationPosition(each.step, each.occurred_at)),
        page.has_next,
        page.total,
    )


async def buckets(context: Context, parent: Metric, most: int) -> Sequence[Bucket]:
    """The observations of a metric in at most so many buckets, in their order; none of a property."""
    if not 1 <= most <= MOST_OBSERVATIONS:
        raise BadInput(f"most is {most}: give 1 to {MOST_OBSERVATIONS}")
    view, size = _asked(context, parent, most)
    if not parent.count:
        return ()
    return await context.loaders.buckets.load(BucketsOf(view, parent.from_.id, parent.name, size))


def _asked(context: Context, parent: Metric, size: int) -> tuple[View, int]:
    """The view of what is asked of a metric, and how much of it: never more than there is."""
    view, size = context.nested(parent.from_.view), min(size, max(parent.count, 1))
    context.observations_asked += size
    if context.observations_asked > MOST_ASKED:
        raise LimitExceeded(
            f"The request asks for more than {MOST_ASKED} observations: ask for fewer metrics, by `names`, for smaller "
            "pages with `first`, or for fewer buckets with `most`."
        )
    return view, size
