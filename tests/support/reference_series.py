"""What questions about observations ask for, among all that show: lists, in the plainest way."""

from lineal.graphstore.queries import BucketsOf, MetricsOf, SeriesOf
from lineal.graphstore.records import Bucket, Metric, Observation
from lineal.graphstore.store import SeriesPage


def _of_metric(shown: list[Observation], entity: str, metric: str) -> list[Observation]:
    found = [each for each in shown if each.entity_id == entity and each.metric == metric]
    return sorted(found, key=lambda each: (each.step, each.occurred_at))


def metrics_among(shown: list[Observation], question: MetricsOf) -> tuple[Metric, ...]:
    names = {each.metric for each in shown if each.entity_id == question.entity}
    told = []
    for name in sorted(names):
        if question.names is None or name in question.names:
            values = [each.value for each in _of_metric(shown, question.entity, name)]
            low, *_, high = sorted(values * 2)
            told.append(Metric(question.entity, name, values[-1], low, high, len(values), question.view))
    return tuple(told)


def page_among(shown: list[Observation], question: SeriesOf) -> SeriesPage:
    every = _of_metric(shown, question.entity, question.metric)
    left = every
    if question.after is not None:
        given = (question.after.step, question.after.occurred_at)
        left = [each for each in every if (each.step, each.occurred_at) > given]
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
        lowest = next(each for each in some if all(each.value <= other.value for other in some))
        highest = next(each for each in some if all(each.value >= other.value for other in some))
        buckets.append(Bucket(len(some), some[0], some[-1], lowest, highest))
    return tuple(buckets)
