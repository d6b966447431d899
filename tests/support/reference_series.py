"""What questions about observations ask for, among all that show: lists, in the plainest way."""

from collections.abc import Callable, Iterable
from dataclasses import astuple
from math import isnan

from lineal.graphstore.metric_values import sortable
from lineal.graphstore.queries import BucketsOf, MetricsOf, SeriesOf
from lineal.graphstore.records import Bucket, Metric, Observation
from lineal.graphstore.store import SeriesPage


def _of_metric(shown: list[Observation], entity: str, metric: str) -> list[Observation]:
    of_metric = [each for each in shown if each.entity_id == entity and each.metric == metric]
    return sorted(of_metric, key=place_in_series)


def place_in_series(each: Observation) -> tuple[int, int, bool, float]:
    """The order of a series: NaN comes before all numbers of its step and time."""
    return each.step, each.occurred_at, not isnan(each.value), each.value


def _first(some: list[Observation], best: Callable[[Iterable[float]], float]) -> Observation | None:
    """The first of those with the best value, NaN left out."""
    numbers = [each for each in some if not isnan(each.value)]
    return next((each for each in numbers if each.value == best(other.value for other in numbers)), None)


def metrics_among(shown: list[Observation], question: MetricsOf) -> tuple[Metric, ...]:
    names = {each.metric for each in shown if each.entity_id == question.entity}
    metrics = []
    for name in sorted(names):
        if question.names is None or name in question.names:
            every = _of_metric(shown, question.entity, name)
            low, high = _first(every, min), _first(every, max)
            nans = sum(isnan(each.value) for each in every)
            least = None if low is None else low.value
            greatest = None if high is None else high.value
            metrics.append(
                Metric(question.entity, name, every[-1].value, least, greatest, len(every), nans, question.view)
            )
    return tuple(metrics)


def page_among(shown: list[Observation], question: SeriesOf) -> SeriesPage:
    every = _of_metric(shown, question.entity, question.metric)
    left = every
    if question.after is not None:
        position = astuple(question.after)
        left = [each for each in every if (each.step, each.occurred_at, sortable(each.value)) > position]
    return SeriesPage(tuple(left[: question.first]), len(every), len(left) > question.first)


def buckets_among(shown: list[Observation], question: BucketsOf) -> tuple[Bucket, ...]:
    every = _of_metric(shown, question.entity, question.metric)
    many = min(len(every), question.most)
    inside: list[list[Observation]] = [[] for _ in range(many)]
    for place, each in enumerate(every):
        # The last bucket that begins at this place or before it.
        inside[max(i for i in range(many) if i * len(every) // many <= place)].append(each)
    buckets = []
    for some in inside:
        nans = sum(isnan(each.value) for each in some)
        buckets.append(Bucket(len(some), nans, some[0], some[-1], _first(some, min), _first(some, max)))
    return tuple(buckets)
