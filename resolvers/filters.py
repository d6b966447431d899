"""Filters as given in GraphQL, turned into the store's frozen ones."""

from collections.abc import Callable
from enum import Enum
from typing import Any, Final

from strawberry import UNSET

from lineal.graphstore.errors import LimitExceeded
from lineal.graphstore.kinds import AssociationType, EntityKind, EntityStatus, LineageType, PropertyType
from lineal.graphstore.queries import (
    AssociationFilter,
    EntityFilter,
    Operand,
    PropertyFilter,
    StringFilter,
    TimeFilter,
)
from lineal.graphstore.values import INT64_MAX, INT64_MIN, Json, canonical_json, json_problem
from lineal.resolvers.errors import BadInput

MOST_CONDITIONS: Final = 100
"""The most conditions one filter may have, those nested in it included."""
MOST_WORDS: Final = 1000
"""The most values a list of one condition may have."""


def entity_filter(given: Any) -> EntityFilter | None:
    """An EntityFilter input, or None. Raises BadInput on a null operand, and LimitExceeded past the limits above."""
    _refuse_too_much(given)
    return _entity_filter(given)


def association_filter(given: Any) -> AssociationFilter | None:
    """An AssociationFilter input, or None. Raises as `entity_filter` does."""
    _refuse_too_much(given)
    return _association_filter(given)


def _refuse_too_much(given: Any) -> None:
    """Count what a filter asks, without recursion: it may nest deep."""
    waiting, conditions = [given], 0
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            if len(each) > MOST_WORDS:
                problem = f"a list in a filter holds {len(each)} values; the most is {MOST_WORDS}: ask in parts"
                raise LimitExceeded(problem)
            waiting += each
        elif each is not UNSET and hasattr(each, "__dict__") and not isinstance(each, Enum):
            conditions += 1
            waiting += vars(each).values()
        if conditions > MOST_CONDITIONS:
            raise LimitExceeded(f"a filter has more than {MOST_CONDITIONS} conditions: ask in parts")


def _entity_filter(given: Any) -> EntityFilter | None:
    if given is None:
        return None
    return EntityFilter(
        kind=_words(given.kind, EntityKind),
        lineage_type=_words(given.lineage_type, LineageType),
        type=_words(given.type),
        account=_words(given.account),
        urn=string_filter("urn", given.urn),
        name=string_filter("name", given.name),
        version=string_filter("version", given.version),
        source_uri=string_filter("sourceUri", given.source_uri),
        status=_words(given.status, EntityStatus),
        tag=_words(given.tag),
        occurred_at=time_filter("occurredAt", given.occurred_at),
        recorded_at=time_filter("recordedAt", given.recorded_at),
        recorded_by=string_filter("recordedBy", given.recorded_by),
        property=_properties(given.property),
        and_=None if given.and_ is None else tuple(_nested(each) for each in given.and_),
        or_=None if given.or_ is None else tuple(_nested(each) for each in given.or_),
        not_=_entity_filter(given.not_),
    )


def _association_filter(given: Any) -> AssociationFilter | None:
    if given is None:
        return None
    return AssociationFilter(
        type=_words(given.type, AssociationType),
        role=string_filter("role", given.role),
        occurred_at=time_filter("occurredAt", given.occurred_at),
        recorded_at=time_filter("recordedAt", given.recorded_at),
        property=_properties(given.property),
        not_=_association_filter(given.not_),
    )


def _nested(given: Any) -> EntityFilter:
    nested = _entity_filter(given)
    assert nested is not None
    return nested


def _words(given: list[str] | None, closed: Callable[[str], Any] = str) -> tuple[Any, ...] | None:
    # Words of a closed set may arrive as plain text: filters are compared and hashed by what they hold.
    return None if given is None else tuple(map(closed, given))


def _operators(where: str, given: Any, names: tuple[str, ...]) -> dict[str, Any]:
    operators = {name: getattr(given, name) for name in names if getattr(given, name) is not UNSET}
    for name, operand in operators.items():
        if operand is None:
            raise BadInput(
                f"{where}.{name.rstrip('_')} is null, which nothing compares with: leave it out, or ask exists: false"
            )
    return operators


def string_filter(where: str, given: Any) -> StringFilter | None:
    """A StringFilter input, or None. Raises BadInput on a null operand."""
    if given is None:
        return None
    operators = _operators(where, given, ("eq", "ne", "in_", "contains", "starts_with", "exists"))
    if "in_" in operators:
        operators["in_"] = tuple(operators["in_"])
    return StringFilter(**operators, ignore_case=bool(given.ignore_case))


def time_filter(where: str, given: Any) -> TimeFilter | None:
    """A TimeFilter input, or None. Raises BadInput on a null operand."""
    return None if given is None else TimeFilter(**_operators(where, given, ("gt", "gte", "lt", "lte")))


def _properties(given: list[Any] | None) -> tuple[PropertyFilter, ...] | None:
    return None if given is None else tuple(map(_property, given))


_COMPARISONS = ("eq", "ne", "gt", "gte", "lt", "lte")


def _property(given: Any) -> PropertyFilter:
    where = f"property {given.key[:64]!r}"
    operators = _operators(where, given, (*_COMPARISONS, "in_", "contains", "starts_with", "exists"))
    if not operators:
        raise BadInput(f"{where} asks nothing: give eq, ne, gt, gte, lt, lte, in, contains, startsWith or exists")
    for name in _COMPARISONS:
        if name in operators:
            operators[name] = operand(where, operators[name])
    if "in_" in operators:
        operators["in_"] = tuple(operand(where, value) for value in operators["in_"])
    return PropertyFilter(given.key, **operators)


def operand(where: str, value: Json) -> Operand:
    """A JSON value as an operand of its own type. Raises BadInput on null and on what no property can hold."""
    if problem := json_problem(value):
        raise BadInput(f"{where}: the value {problem}")
    match value:
        case bool():
            return Operand(PropertyType.BOOLEAN, value)
        case int() if INT64_MIN <= value <= INT64_MAX:
            return Operand(PropertyType.INTEGER, value)
        case float():
            return Operand(PropertyType.FLOAT, value)
        case str():
            return Operand(PropertyType.STRING, value)
        case list() | dict():
            return Operand(PropertyType.JSON, canonical_json(value))
    raise BadInput(f"{where}: null compares with nothing: leave it out, or ask exists: false")
