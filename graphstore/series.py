"""What observations of one metric come to: records, its metric, a page, buckets. The same over every engine."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, pairwise
from typing import NamedTuple

from lineal.graphstore.metric_values import NAN, sortable, value_of
from lineal.graphstore.queries import ObservationPosition, SeriesOf
from lineal.graphstore.records import Bucket, Metric, Observation, View
from lineal.graphstore.store import SeriesPage


class Point(NamedTuple):
    """An observation of a series that is known. Points of one series sort in its order: by (step, occurred_at, value).

    `sortable` is the value in its sortable form.
    """

    step: int
    occurred_at: int
    sortable: int
    recorded_at: int
    recorded_by: str


def position_of(observation: Observation) -> ObservationPosition:
    """The position of an observation in its series."""
    return ObservationPosition(observation.step, observation.occurred_at, sortable(observation.value))


class Series(NamedTuple):
    """Whose points they are, and the view they are read under."""

    entity_id: str
    metric: str
    view: View

    def observation(self, point: Point) -> Observation:
        """The record of a point."""
        step, occurred_at, form, recorded_at, recorded_by = point
        return Observation(
            self.entity_id, self.metric, step, value_of(form), occurred_at, recorded_at, recorded_by, self.view
        )

    def metric_of(self, points: Sequence[Point]) -> Metric:
        """What the points, in order and not empty, come to."""
        numbers = [point.sortable for point in points if point.sortable != NAN]
        least, greatest = min(numbers, default=None), max(numbers, default=None)
        return self.metric_from(points[-1].sortable, least, greatest, len(points), len(points) - len(numbers))

    def metric_from(self, last: int, least: int | None, greatest: int | None, count: int, nan_count: int) -> Metric:
        """The metric of a series with these values, in their sortable forms."""
        smallest, largest = (None if form is None else value_of(form) for form in (least, greatest))
        return Metric(self.entity_id, self.metric, value_of(last), smallest, largest, count, nan_count, self.view)

    def page(self, points: Iterable[Point], total: int, question: SeriesOf) -> SeriesPage:
        """The page of the points, in order, that begin after the question's position."""
        shown = [self.observation(point) for point in islice(points, question.first + 1)]
        return SeriesPage(tuple(shown[: question.first]), total, len(shown) > question.first)

    def buckets(self, points: Iterable[Point], total: int, most: int) -> tuple[Bucket, ...]:
        """All points, in order, in at most so many buckets (see `BucketsOf`); only those that buckets show are kept."""
        count = min(most, total)
        going = iter(points)
        bounds = [place * total // count for place in range(count + 1)] if count else []
        return tuple(self._bucket(going, end - start) for start, end in pairwise(bounds))

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
