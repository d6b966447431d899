"""Converts filters as sent in GraphQL to the frozen filters of the store."""

from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from functools import partial
from types import NoneType
from typing import Any, Final, get_args, get_type_hints

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
from lineal.graphstore.urns import NotAUrn, canonical_beginning, canonical_part, canonical_urn
from lineal.graphstore.values import INT64_MAX, INT64_MIN, Json, canonical_json, json_problem
from lineal.resolvers.errors import BadInput

MOST_CONDITIONS: Final = 100
"""The most conditions of one filter, nested ones included."""
MOST_WORDS: Final = 1000
"""The most values in a list of one condition."""

Converter = Callable[[str, Any], Any]
"""From the name of an input field, for error texts, and its value, not None, to the value of the store's field."""


def entity_filter(sent: Any) -> EntityFilter | None:
    """An EntityFilter input, or None. Raises BadInput, and LimitExceeded past the limits above."""
    _check_size(sent)
    return None if sent is None else _entity_filter("", sent)


def association_filter(sent: Any) -> AssociationFilter | None:
    """An AssociationFilter input, or None. Raises as `entity_filter` does."""
    _check_size(sent)
    return None if sent is None else _association_filter("", sent)


def _check_size(sent: Any) -> None:
    """Count the conditions of a filter without recursion, because filters may nest deep."""
    waiting, conditions = [sent], 0
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            if len(part) > MOST_WORDS:
                problem = f"a list in a filter holds {len(part)} values; the most is {MOST_WORDS}: ask in parts"
                raise LimitExceeded(problem)
            waiting += part
        elif part is not UNSET and hasattr(part, "__dict__") and not isinstance(part, Enum):
            conditions += 1
            waiting += vars(part).values()
        if conditions > MOST_CONDITIONS:
            raise LimitExceeded(f"a filter has more than {MOST_CONDITIONS} conditions: ask in parts")


def _entity_filter(name: str, sent: Any) -> EntityFilter:
    return EntityFilter(**_converted(sent, _ENTITY_FIELDS))


def _association_filter(name: str, sent: Any) -> AssociationFilter:
    return AssociationFilter(**_converted(sent, _ASSOCIATION_FIELDS))


def _converted(sent: Any, converters: dict[str, Converter]) -> dict[str, Any]:
    values = {name: getattr(sent, name) for name in converters}
    return {name: converters[name](_input_name(name), value) for name, value in values.items() if value is not None}


def _input_name(name: str) -> str:
    first, *words = name.rstrip("_").split("_")
    return first + "".join(word.capitalize() for word in words)


def _each(convert: Converter, name: str, sent: list[Any]) -> tuple[Any, ...]:
    return tuple(convert(name, value) for value in sent)


def _word(words: Callable[[str], Any], name: str, sent: str) -> Any:
    # Members of an enum may arrive as plain text, and filters are compared and hashed by their values.
    return words(sent)


def _operators(sent: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """The operators that are set: clients send null for operators that they leave out."""
    values = {name: getattr(sent, name) for name in names}
    return {name: value for name, value in values.items() if value is not None and value is not UNSET}


def string_filter(where: str, sent: Any) -> StringFilter | None:
    """A StringFilter input, or None."""
    if sent is None:
        return None
    operators = _operators(sent, ("eq", "ne", "in_", "contains", "starts_with", "exists"))
    if "in_" in operators:
        operators["in_"] = tuple(operators["in_"])
    return StringFilter(**operators, ignore_case=bool(sent.ignore_case))


def time_filter(where: str, sent: Any) -> TimeFilter | None:
    """A TimeFilter input, or None."""
    return None if sent is None else TimeFilter(**_operators(sent, ("gt", "gte", "lt", "lte")))


_COMPARISONS = ("eq", "ne", "gt", "gte", "lt", "lte")


def _property_filter(name: str, sent: Any) -> PropertyFilter:
    where = f"property {sent.key[:64]!r}"
    operators = _operators(sent, (*_COMPARISONS, "in_", "contains", "starts_with", "exists"))
    if not operators:
        raise BadInput(f"{where} asks nothing: give eq, ne, gt, gte, lt, lte, in, contains, startsWith or exists")
    for comparison in _COMPARISONS:
        if comparison in operators:
            operators[comparison] = operand(where, operators[comparison])
    if "in_" in operators:
        operators["in_"] = tuple(operand(where, value) for value in operators["in_"])
    return PropertyFilter(sent.key, **operators)


def operand(where: str, value: Json) -> Operand:
    """A JSON value as an operand of its own type. Raises BadInput on null and on values that no property can hold."""
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


# -- which converter a field has --

_CONVERTERS: Final[dict[Any, Converter]] = {
    EntityFilter: _entity_filter,
    AssociationFilter: _association_filter,
    StringFilter: string_filter,
    TimeFilter: time_filter,
    tuple[EntityFilter, ...]: partial(_each, _entity_filter),
    tuple[PropertyFilter, ...]: partial(_each, _property_filter),
    **{
        tuple[words, ...]: partial(_each, partial(_word, words))  # type: ignore[valid-type]
        for words in (str, EntityKind, LineageType, EntityStatus, AssociationType)
    },
}
"""By the type of the store's field."""


def field_converters(filter_class: type) -> dict[str, Converter]:
    """The converter of each field of a filter class. Raises KeyError for a field of a type without a converter."""
    types = {
        name: next(part for part in get_args(hint) if part is not NoneType)
        for name, hint in get_type_hints(filter_class).items()
    }
    return {name: _CONVERTERS[type] for name, type in types.items()}


def _urn_filter(where: str, sent: Any) -> StringFilter | None:
    """The filter of a StringFilter input on URNs. Operands may have unencoded characters. Raises as `string_filter`."""
    condition = string_filter(where, sent)
    if condition is None:
        return None
    read = {"eq": _urn, "ne": _urn, "starts_with": canonical_beginning, "contains": canonical_part}
    operands: dict[str, Any] = {
        name: convert(text) for name, convert in read.items() if (text := getattr(condition, name)) is not None
    }
    among = None if condition.in_ is None else tuple(map(_urn, condition.in_))
    return replace(condition, in_=among, **operands)


def _urn(text: str) -> str:
    try:
        return canonical_urn(text)
    except NotAUrn:
        return text  # which no URN equals


_ENTITY_FIELDS: Final = {**field_converters(EntityFilter), "urn": _urn_filter}
_ASSOCIATION_FIELDS: Final = field_converters(AssociationFilter)
