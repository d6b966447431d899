"""Summaries of the observations of one metric: records, the metric, a page, buckets. The same for every engine."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, pairwise
from typing import NamedTuple

from lineal.graphstore.metric_values import NAN, sortable, value_of
from lineal.graphstore.queries import ObservationPosition, SeriesOf
from lineal.graphstore.records import Bucket, Metric, Observation, View
from lineal.graphstore.store import SeriesPage


class Point(NamedTuple):
    """An observation of a known series. The points of a series sort in its order: by (step, occurred_at, value).

    `sortable` is the value in its sortable form.
    """

    step: int
    occurred_at: int
    sortable: int
    recorded_at: int
    recorded_by: str


def position_of(observation: Observation) -> ObservationPosition:
    """Return the position of an observation in its series."""
    return ObservationPosition(observation.step, observation.occurred_at, sortable(observation.value))


class Series(NamedTuple):
    """The entity and metric of points, and the view under which they are read."""

    entity_id: str
    metric: str
    view: View

    def observation(self, point: Point) -> Observation:
        """Return the record of a point."""
        step, occurred_at, form, recorded_at, recorded_by = point
        return Observation(
            self.entity_id, self.metric, step, value_of(form), occurred_at, recorded_at, recorded_by, self.view
        )

    def metric_of(self, points: Sequence[Point]) -> Metric:
        """Return the metric of these points, which are in order and not empty."""
        numbers = [point.sortable for point in points if point.sortable != NAN]
        least, greatest = min(numbers, default=None), max(numbers, default=None)
        return self.metric_from(points[-1].sortable, least, greatest, len(points), len(points) - len(numbers))

    def metric_from(self, last: int, least: int | None, greatest: int | None, count: int, nan_count: int) -> Metric:
        """Return the metric of a series with these values, in their sortable forms."""
        smallest, largest = (None if form is None else value_of(form) for form in (least, greatest))
        return Metric(self.entity_id, self.metric, value_of(last), smallest, largest, count, nan_count, self.view)

    def page(self, points: Iterable[Point], total: int, question: SeriesOf) -> SeriesPage:
        """Return the page of the points, in order, that begin after the question's position."""
        shown = [self.observation(point) for point in islice(points, question.first + 1)]
        return SeriesPage(tuple(shown[: question.first]), total, len(shown) > question.first)

    def buckets(self, points: Iterable[Point], total: int, most: int) -> tuple[Bucket, ...]:
        """Return all points, in order, in at most `most` buckets (see `BucketsOf`).

        Only the points that buckets show are held in memory.
        """
        count = min(most, total)
        remaining = iter(points)
        bounds = [index * total // count for index in range(count + 1)] if count else []
        return tuple(self._bucket(remaining, end - start) for start, end in pairwise(bounds))

    def _bucket(self, points: Iterator[Point], count: int) -> Bucket:
        first = last = next(points)
        least = greatest = None
        nan_count = 0
        for last in chain((first,), islice(points, count - 1)):
            if last.sortable == NAN:
                nan_count += 1
                continue
            if least is None or last.sortable < least.sortable:
                least = last
            if greatest is None or last.sortable > greatest.sortable:
                greatest = last
        extremes = (None if point is None else self.observation(point) for point in (least, greatest))
        return Bucket(count, nan_count, self.observation(first), self.observation(last), *extremes)
