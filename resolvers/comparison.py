"""Comparison of entities: which parameters vary, which are constant, and which entity is best by a metric.

The parameters and metrics of a compared entity are its own and those of its parts: the components and jobs of a trial,
the producer of a model, the model of a model version with its producer; and the PARAMETERS that directly contributed to
any of these. Parts that the caller may not read do not count.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isnan
from typing import Any, Final, TypeAlias

from lineal.graphstore.errors import LimitExceeded
from lineal.graphstore.kinds import NUMBERS, EntityKind, LineageDirection, PropertyType
from lineal.graphstore.queries import AssociationFilter, EntityFilter, MetricsOf, Reach, Walk
from lineal.graphstore.records import Entity, View
from lineal.graphstore.values import METRICS, Property, canonical_json
from lineal.resolvers.context import Context
from lineal.resolvers.errors import BadInput
from lineal.resolvers.metrics import Metric, checked_names, metrics_of
from lineal.resolvers.pages import checked_count, checked_first
from lineal.resolvers.references import id_argument, name_argument
from lineal.resolvers.related import (
    COMPONENTS_OF_TRIAL,
    FLOW,
    MODEL_OF_VERSION,
    PRODUCERS_OF_MODEL,
    TRIALS_OF_EXPERIMENT,
    Relation,
    reached_of,
)
from lineal.resolvers.suggestions import warn_of_absent

MOST_TRIALS: Final = 1000
"""Greatest number of trials of an experiment that are compared."""
FIRST_TRIALS: Final = 100
"""Number of trials of an experiment that are compared by default."""
MOST_PARTS: Final = 1000
"""Greatest number of parts of a compared entity that are one association away."""
_RELATED_PARTS: Final = {
    EntityKind.TRIAL: COMPONENTS_OF_TRIAL,
    EntityKind.MODEL: PRODUCERS_OF_MODEL,
    EntityKind.MODEL_VERSION: MODEL_OF_VERSION,
}
"""By kind, the relation to the parts of an entity, apart from the PARAMETERS of all kinds."""


class MetricGoal(StrEnum):
    """Whether greater or smaller values of a metric are better."""

    MINIMUM = "MINIMUM"
    MAXIMUM = "MAXIMUM"


class MetricValue(StrEnum):
    """The value of a metric to compare."""

    LAST = "LAST"
    MIN = "MIN"
    MAX = "MAX"


@dataclass(frozen=True, slots=True)
class ParameterValue:
    """A distinct value of a parameter, and the first entity that records it."""

    source: Property
    from_: Entity

    @property
    def shown(self) -> Any:
        """The value; a timestamp as RFC 3339 text."""
        return self.source.shown

    @property
    def type(self) -> PropertyType:
        """The value's type."""
        return self.source.type


@dataclass(frozen=True, slots=True)
class ParameterCell:
    """The distinct values of a parameter of one compared entity."""

    of: Entity
    values: Sequence[ParameterValue]


@dataclass(frozen=True, slots=True)
class ComparedParameter:
    """A parameter of the compared entities, one cell each, in their order."""

    key: str
    is_varying: bool
    cells: Sequence[ParameterCell]


@dataclass(frozen=True, slots=True)
class MetricCell:
    """The metrics of one name of a compared entity: its own first, then its parts' by urn."""

    of: Entity
    metrics: Sequence[Metric]


@dataclass(frozen=True, slots=True)
class ComparedMetric:
    """A metric of the compared entities, one cell each, in their order."""

    name: str
    cells: Sequence[MetricCell]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The compared entities; and, by their ids, each with its parts: itself first, then by urn.

    `total_count` counts the entities there are to compare: those compared, or all trials of the experiment.
    """

    view: View
    entities: Sequence[Entity]
    parts_of: Mapping[str, Sequence[Entity]]
    total_count: int

    @property
    def is_complete(self) -> bool:
        """Whether all entities there are to compare are compared."""
        return len(self.entities) == self.total_count


async def comparison(
    context: Context,
    of: Sequence[Any] | None,
    experiment: Any,
    first: int | None,
    as_of: Any,
    path: Sequence[str | int],
) -> Comparison | None:
    """Compare the entities `of`, or the first trials of an experiment by URN.

    None where the caller may not read one of the entities, or the experiment. Raises BadInput unless one of both is
    given, LimitExceeded where an entity has more than MOST_PARTS parts.
    """
    if (of is None) == (experiment is None):
        raise BadInput("comparison takes either of, the entities to compare, or experiment: give one of them")
    size = checked_first(first, FIRST_TRIALS, MOST_TRIALS)
    view = context.view(as_of)
    if of is None:
        found_trials = await _comparison_of_trials(context, view, id_argument(experiment), size)
        if found_trials is None:
            await warn_of_absent(context, view, [name_argument(experiment)], path)
        return found_trials
    checked_count("of", of, 2)
    ids = list(map(id_argument, of))
    matches = await context.loaders.entity.load_many([(view, id) for id in ids])
    entities = [each for each in matches if each is not None]
    if len(entities) < len(ids):
        context.missed([id for id, each in zip(ids, matches, strict=True) if each is None])
        await warn_of_absent(context, view, list(map(name_argument, of)), path)
        return None
    parts_of = await _parts(context, view, list({each.id: each for each in entities}.values()))
    return Comparison(view, entities, parts_of, len(entities))


async def _comparison_of_trials(context: Context, view: View, id: str, size: int) -> Comparison | None:
    experiment = await context.loaders.entity.load((view, id))
    if experiment is None:
        context.missed([id])
        return None
    if experiment.kind is not EntityKind.EXPERIMENT:
        raise BadInput(f"experiment is {experiment.urn}, of the kind {experiment.kind}: give an EXPERIMENT")
    page = await context.loaders.reach.load(TRIALS_OF_EXPERIMENT.question(view, (id,), context.limits, size))
    trials = reached_of(page)
    return Comparison(view, trials, await _parts(context, view, trials), page.total if page else 0)


async def _parts(context: Context, view: View, entities: Sequence[Entity]) -> Mapping[str, Sequence[Entity]]:
    parts_of = {each.id: {each.id: each} for each in entities}
    pending = [(each.id, each.id, _RELATED_PARTS[each.kind]) for each in entities if each.kind in _RELATED_PARTS]
    while pending:
        related = await _related(context, view, pending)
        for (of, _, _), parts in zip(pending, related, strict=True):
            parts_of[of] |= {part.id: part for part in parts}
        # The producer of a version's model is a part of the version, too.
        pending = [
            (of, part.id, _RELATED_PARTS[part.kind])
            for (of, _, relation), parts in zip(pending, related, strict=True)
            if relation is MODEL_OF_VERSION
            for part in parts
        ]
    for id, parameters in zip(parts_of, await _parameters(context, view, list(parts_of.values())), strict=True):
        parts_of[id] |= {each.id: each for each in parameters}
    return {
        id: sorted(metrics_of.values(), key=lambda each: (each.id != id, each.urn))
        for id, metrics_of in parts_of.items()
    }


async def _related(
    context: Context, view: View, requests: Sequence[tuple[str, str, Relation]]
) -> Sequence[Sequence[Entity]]:
    questions = [relation.question(view, (id,), context.limits, MOST_PARTS) for _, id, relation in requests]
    return await _reached(context, questions)


async def _parameters(
    context: Context, view: View, parts_of: Sequence[Mapping[str, Entity]]
) -> Sequence[Sequence[Entity]]:
    where, via = EntityFilter(kind=(EntityKind.PARAMETERS,)), AssociationFilter(type=FLOW)
    walks = [
        Walk(view, tuple(metrics_of), LineageDirection.ASCENDANTS, depth=1, via=via, limits=context.limits)
        for metrics_of in parts_of
    ]
    return await _reached(context, [Reach(walk, where, MOST_PARTS) for walk in walks])


async def _reached(context: Context, questions: Sequence[Reach]) -> Sequence[Sequence[Entity]]:
    pages = await context.loaders.reach.load_many(questions)
    for page in pages:
        if page is not None and page.has_next:
            raise LimitExceeded(
                f"A compared entity has more than {MOST_PARTS} parts: compare the parts themselves, by their ids."
            )
    return [reached_of(page) for page in pages]


def parameters(
    context: Context, parent: Comparison, varying: bool | None, starts_with: str | None
) -> Sequence[ComparedParameter]:
    """The parameters with keys that start with a text, by key: the varying ones, the constant ones, or all."""
    by_key = _values_by_key(context, parent, starts_with)
    shown = []
    for key in sorted(by_key):
        values = [by_key[key].get(entity.id, {}) for entity in parent.entities]
        is_varying = any(each.keys() != values[0].keys() for each in values)
        if varying is None or varying == is_varying:
            cells = [
                ParameterCell(entity, list(each.values())) for entity, each in zip(parent.entities, values, strict=True)
            ]
            shown.append(ComparedParameter(key, is_varying, cells))
    return shown


def differing_only_in(
    context: Context, parent: Comparison, key: str, from_: Any, starts_with: str | None
) -> Sequence[ParameterCell]:
    """The entities that differ from one of the compared in the parameter of a key and in no other, in their order.

    `starts_with` leaves out the parameters whose keys do not start with it. Raises BadInput where `from_` is not among
    the compared, or none of them has the parameter.
    """
    by_key = _values_by_key(context, parent, starts_with)
    start = next((entity.id for entity in parent.entities if entity.id == id_argument(from_)), None)
    if start is None:
        raise BadInput("differingOnlyIn.from is not among the compared entities: give one of them")
    if key not in by_key:
        varying = [
            name for name, values in by_key.items() if len({_signature(values, e.id) for e in parent.entities}) > 1
        ]
        varying_keys = ", ".join(sorted(varying)[:10]) or "none"
        raise BadInput(f"none of the compared entities has the parameter {key}; those that vary are: {varying_keys}")
    others = [values for name, values in by_key.items() if name != key]
    return [
        ParameterCell(entity, list(by_key[key].get(entity.id, {}).values()))
        for entity in parent.entities
        if _signature(by_key[key], entity.id) != _signature(by_key[key], start)
        and all(_signature(values, entity.id) == _signature(values, start) for values in others)
    ]


_Values: TypeAlias = dict[str, dict[object, ParameterValue]]
"""The distinct values of a parameter, by the id of the compared entity, then by their signature."""


def _values_by_key(context: Context, parent: Comparison, starts_with: str | None) -> dict[str, _Values]:
    """The values of the parameters whose keys start with a text, by key."""
    by_key: dict[str, _Values] = {}
    context.nested(parent.view)
    for id, entity, property in _properties(parent):
        if property.key.startswith(starts_with or "") and not property.key.startswith(METRICS):
            values_of = by_key.setdefault(property.key, {}).setdefault(id, {})
            values_of.setdefault(_compared(property), ParameterValue(property, entity))
    return by_key


def _signature(values: _Values, id: str) -> frozenset[object]:
    """The signature of the values of an entity: equal for entities with equal values."""
    return frozenset(values.get(id, {}))


def _properties(parent: Comparison) -> Iterator[tuple[str, Entity, Property]]:
    for id, parts_of in parent.parts_of.items():
        for entity in parts_of:
            for property in entity.properties:
                yield id, entity, property


def _compared(property: Property) -> object:
    """The key by which values are equal, as in filters: 1 and 1.0 are equal, values of different types are not."""
    if property.type in NUMBERS:
        return "NUMBER", property.value
    is_json = property.type is PropertyType.JSON
    return property.type, canonical_json(property.value) if is_json else property.value


async def metrics(context: Context, parent: Comparison, names: Sequence[str] | None) -> Sequence[ComparedMetric]:
    """The metrics of the compared entities, by name. Raises LimitExceeded where an entity has too many."""
    requested, view = checked_names(names), context.nested(parent.view)
    parts_of = {part.id: part for part_ids in parent.parts_of.values() for part in part_ids}
    questions = [MetricsOf(view, each.id, requested) for each in parts_of.values()]
    observed = await context.loaders.metrics.load_many(questions)
    by_entity = {
        part.id: {metric.name: metric for metric in metrics_of(part, each, requested)}
        for part, each in zip(parts_of.values(), observed, strict=True)
    }
    return [
        ComparedMetric(name, [_metric_cell(parent, entity, by_entity, name) for entity in parent.entities])
        for name in sorted({name for each in by_entity.values() for name in each})
    ]


def _metric_cell(
    parent: Comparison, entity: Entity, by_entity: Mapping[str, Mapping[str, Metric]], name: str
) -> MetricCell:
    part_ids = [part.id for part in parent.parts_of[entity.id]]
    return MetricCell(entity, [by_entity[id][name] for id in part_ids if name in by_entity[id]])


def best(parent: ComparedMetric, goal: MetricGoal, by: MetricValue) -> MetricCell | None:
    """The cell with the best value, of equal values the first by urn; None where no cell has one but NaN."""
    sign = 1 if goal == MetricGoal.MINIMUM else -1
    ranked = []
    for index, cell in enumerate(parent.cells):
        values = [getattr(metric, by.lower()) for metric in cell.metrics]
        numbers = [sign * value for value in values if value is not None and not isnan(value)]
        if numbers:
            ranked.append((min(numbers), cell.of.urn, index))
    return parent.cells[min(ranked)[2]] if ranked else None
