"""Entities side by side: which parameters vary between them, which are held constant, and which is best by a metric.

Each compared entity is told by itself and by what is recorded beside it: a trial by its components and jobs, a model by
what produced it, a model version by its model and so by what produced that; and each of these by the PARAMETERS that
contributed to it directly. What the caller may not read tells nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from lineal.graphstore.errors import LimitExceeded
from lineal.graphstore.kinds import NUMBERS, EntityKind, LineageDirection, PropertyType
from lineal.graphstore.queries import AssociationFilter, EntityFilter, MetricsOf, Reach, Walk
from lineal.graphstore.records import Entity, View
from lineal.graphstore.values import METRICS, Property, canonical_json
from lineal.resolvers.context import Context
from lineal.resolvers.metrics import Metric, asked_names, told
from lineal.resolvers.pages import checked_count
from lineal.resolvers.related import (
    COMPONENTS_OF_TRIAL,
    FLOW,
    MODEL_OF_VERSION,
    PRODUCERS_OF_MODEL,
    Relation,
    reached_of,
)

MOST_PARTS: Final = 1000
"""The most entities that tell of one that is compared, found across one association."""
_PARTS: Final = {
    EntityKind.TRIAL: COMPONENTS_OF_TRIAL,
    EntityKind.MODEL: PRODUCERS_OF_MODEL,
    EntityKind.MODEL_VERSION: MODEL_OF_VERSION,
}
"""By kind, what else tells of an entity, beside the parameters of all of them."""


class MetricGoal(StrEnum):
    """Which values of a metric are the better ones."""

    MINIMUM = "MINIMUM"
    MAXIMUM = "MAXIMUM"


class MetricValue(StrEnum):
    """Which value of a metric counts."""

    LAST = "LAST"
    MIN = "MIN"
    MAX = "MAX"


@dataclass(frozen=True, slots=True)
class ParameterValue:
    """A value, as a property shows it, and the entity that tells it."""

    given: Property
    from_: Entity

    @property
    def shown(self) -> Any:
        """The value; a timestamp as RFC 3339 text."""
        return self.given.shown

    @property
    def type(self) -> PropertyType:
        """The value's type."""
        return self.given.type


@dataclass(frozen=True, slots=True)
class ParameterCell:
    """What is told of a parameter of one compared entity: each value once, by the first that tells it."""

    of: Entity
    values: Sequence[ParameterValue]


@dataclass(frozen=True, slots=True)
class ComparedParameter:
    """A parameter of all compared entities, in their order."""

    key: str
    is_varying: bool
    cells: Sequence[ParameterCell]


@dataclass(frozen=True, slots=True)
class MetricCell:
    """What is told of a metric of one compared entity, itself first, then by urn."""

    of: Entity
    metrics: Sequence[Metric]


@dataclass(frozen=True, slots=True)
class ComparedMetric:
    """A metric of all compared entities, in their order."""

    name: str
    cells: Sequence[MetricCell]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Entities side by side, and by their ids what tells of each: itself first, then by urn."""

    entities: Sequence[Entity]
    tellers: Mapping[str, Sequence[Entity]]


async def comparison(context: Context, ids: Sequence[str], as_of: Any) -> Comparison | None:
    """The entities of some ids side by side; None where one of them is not to be seen.

    Raises LimitExceeded where very much tells of one of them.
    """
    checked_count("of", ids, 2)
    view = context.view(as_of)
    found = await context.loaders.entity.load_many([(view, id) for id in ids])
    entities = [each for each in found if each is not None]
    if len(entities) < len(ids):
        context.missed([id for id, each in zip(ids, found, strict=True) if each is None])
        return None
    return Comparison(entities, await _tellers(context, view, list({each.id: each for each in entities}.values())))


async def _tellers(context: Context, view: View, entities: Sequence[Entity]) -> Mapping[str, Sequence[Entity]]:
    tellers = {each.id: {each.id: each} for each in entities}
    asked = [(each.id, each.id, _PARTS[each.kind]) for each in entities if each.kind in _PARTS]
    while asked:
        found = await _related(context, view, asked)
        for (of, _, _), parts in zip(asked, found, strict=True):
            tellers[of] |= {part.id: part for part in parts}
        # What is told by a model is told by what produced it.
        asked = [
            (of, part.id, _PARTS[part.kind])
            for (of, _, relation), parts in zip(asked, found, strict=True)
            if relation is MODEL_OF_VERSION
            for part in parts
        ]
    for id, parameters in zip(tellers, await _parameters(context, view, list(tellers.values())), strict=True):
        tellers[id] |= {each.id: each for each in parameters}
    return {id: sorted(told.values(), key=lambda each: (each.id != id, each.urn)) for id, told in tellers.items()}


async def _related(
    context: Context, view: View, asked: Sequence[tuple[str, str, Relation]]
) -> Sequence[Sequence[Entity]]:
    questions = [relation.asked(view, id, context.limits, MOST_PARTS) for _, id, relation in asked]
    return await _reached(context, questions)


async def _parameters(
    context: Context, view: View, tellers: Sequence[Mapping[str, Entity]]
) -> Sequence[Sequence[Entity]]:
    where, via = EntityFilter(kind=(EntityKind.PARAMETERS,)), AssociationFilter(type=FLOW)
    walks = [
        Walk(view, tuple(told), LineageDirection.ASCENDANTS, depth=1, via=via, limits=context.limits)
        for told in tellers
    ]
    return await _reached(context, [Reach(walk, where, MOST_PARTS) for walk in walks])


async def _reached(context: Context, questions: Sequence[Reach]) -> Sequence[Sequence[Entity]]:
    pages = await context.loaders.reach.load_many(questions)
    for page in pages:
        if page is not None and page.has_next:
            raise LimitExceeded(
                f"More than {MOST_PARTS} entities tell of one that is compared: compare those themselves, by their ids."
            )
    return [reached_of(page) for page in pages]


def parameters(
    context: Context, parent: Comparison, varying: bool | None, starts_with: str | None
) -> Sequence[ComparedParameter]:
    """The parameters that begin with a text, by key: those that vary, those that do not, or all of them."""
    context.nested(parent.entities[0].view)
    by_key: dict[str, dict[str, dict[object, ParameterValue]]] = {}
    for id, entity, property in _told(parent):
        if property.key.startswith(starts_with or "") and not property.key.startswith(METRICS):
            told_of = by_key.setdefault(property.key, {}).setdefault(id, {})
            told_of.setdefault(_compared(property), ParameterValue(property, entity))
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


def _told(parent: Comparison) -> Iterator[tuple[str, Entity, Property]]:
    for id, tellers in parent.tellers.items():
        for entity in tellers:
            for property in entity.properties:
                yield id, entity, property


def _compared(property: Property) -> object:
    """What two values are equal by, as filters compare them: 1 and 1.0 are, types apart."""
    if property.type in NUMBERS:
        return "NUMBER", property.value
    is_json = property.type is PropertyType.JSON
    return property.type, canonical_json(property.value) if is_json else property.value


async def metrics(context: Context, parent: Comparison, names: Sequence[str] | None) -> Sequence[ComparedMetric]:
    """The metrics that are told of any of the compared, by name. Raises LimitExceeded where one has too many."""
    asked = asked_names(names)
    tellers = {teller.id: teller for told_by in parent.tellers.values() for teller in told_by}
    questions = [MetricsOf(context.nested(each.view), each.id, asked) for each in tellers.values()]
    observed = await context.loaders.metrics.load_many(questions)
    found = {
        teller.id: {metric.name: metric for metric in told(teller, each, asked)}
        for teller, each in zip(tellers.values(), observed, strict=True)
    }
    return [
        ComparedMetric(name, [_metric_cell(parent, entity, found, name) for entity in parent.entities])
        for name in sorted({name for each in found.values() for name in each})
    ]


def _metric_cell(
    parent: Comparison, entity: Entity, found: Mapping[str, Mapping[str, Metric]], name: str
) -> MetricCell:
    told_by = [teller.id for teller in parent.tellers[entity.id]]
    return MetricCell(entity, [found[id][name] for id in told_by if name in found[id]])


def best(parent: ComparedMetric, goal: MetricGoal, by: MetricValue) -> MetricCell | None:
    """The cell of the best value, of equal ones the first by urn; None where no cell tells any."""
    value, sign = by.lower(), 1 if goal == MetricGoal.MINIMUM else -1
    ranked = [
        (min(sign * getattr(each, value) for each in cell.metrics), cell.of.urn, place)
        for place, cell in enumerate(parent.cells)
        if cell.metrics
    ]
    return parent.cells[min(ranked)[2]] if ranked else None
