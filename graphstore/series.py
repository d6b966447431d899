"""What observations of one metric come to: records, its metric, a page, buckets. The same over every engine."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise
from typing import NamedTuple

from lineal.graphstore.queries import SeriesOf
from lineal.graphstore.records import Bucket, Metric, Observation, View
from lineal.graphstore.store import SeriesPage


class Point(NamedTuple):
    """An observation of a series that is known. Points of one series sort in its order: by (step, occurred_at)."""

    step: int
    occurred_at: int
    value: float
    recorded_at: int
    recorded_by: str


class Series(NamedTuple):
    """Whose points they are, and the view they are read under."""

    entity_id: str
    metric: str
    view: View

    def observation(self, point: Point) -> Observation:
        """The record of a point."""
        step, occurred_at, value, recorded_at, recorded_by = point
        return Observation(self.entity_id, self.metric, step, value, occurred_at, recorded_at, recorded_by, self.view)

    def metric_of(self, points: Sequence[Point]) -> Metric:
        """What the points, in order and not empty, come to."""
        values = [point.value for point in points]
        return Metric(self.entity_id, self.metric, values[-1], min(values), max(values), len(values), self.view)

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
        first = last = least = greatest = next(points)
        for last in islice(points, count - 1):
            if last.value < least.value:
                least = last
            elif last.value > greatest.value:
                greatest = last
        return Bucket(count, *map(self.observation, (first, last, least, greatest)))
