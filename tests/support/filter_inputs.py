"""The GraphQL inputs of filters of the store."""

import json
from typing import Any

from hypothesis import strategies as st

from lineal.graphstore.kinds import PropertyType
from lineal.graphstore.queries import (
    AssociationFilter,
    EntityFilter,
    Operand,
    Ordering,
    PropertyFilter,
    StringFilter,
    TimeFilter,
)
from lineal.graphstore.values import format_timestamp
from lineal.resolvers.filters import MOST_CONDITIONS

_OPERATORS = ("eq", "ne", "gt", "gte", "lt", "lte", "in_", "contains", "starts_with", "exists")


def inputs(filters: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Filters as inputs, none with more conditions than one may have."""
    return filters.map(as_input).filter(lambda input: str(input).count("{") <= MOST_CONDITIONS)


def as_input(where: Any) -> Any:
    """The input of a filter; None for a property filter without operators."""
    match where:
        case None:
            return None
        case TimeFilter():
            return {name: format_timestamp(at) for name, at in _fields_set(where, ("gt", "gte", "lt", "lte")).items()}
        case StringFilter():
            return {
                **_fields_set(where, ("eq", "ne", "in_", "contains", "starts_with", "exists")),
                "ignoreCase": where.ignore_case,
            }
        case PropertyFilter():
            fields = {name: _value(value) for name, value in _fields_set(where, _OPERATORS).items()}
            return {"key": where.key, **fields} if fields else None
        case EntityFilter() | AssociationFilter():
            return {name: _nested(value) for name, value in _fields_set(where, where.__slots__).items()}
    raise AssertionError(where)


def as_order(order: Ordering) -> dict[str, Any]:
    """An order as input."""
    direction = "DESCENDING" if order.descending else "ASCENDING"
    return {"field": str(order.field), "propertyKey": order.property_key, "direction": direction}


def _nested(value: Any) -> Any:
    if isinstance(value, tuple):
        nested = [_nested(item) for item in value]
        return [item for item in nested if item is not None]
    return str(value) if isinstance(value, str) else as_input(value)


def _fields_set(where: Any, names: Any) -> dict[str, Any]:
    fields = {name: getattr(where, name) for name in names if getattr(where, name) is not None}
    return {
        _camel(name): list(value) if isinstance(value, tuple) and name == "in_" else value
        for name, value in fields.items()
    }


def _camel(name: str) -> str:
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(word.capitalize() for word in rest)


def _value(value: Any) -> Any:
    if isinstance(value, list):
        return [_value(each) for each in value]
    if isinstance(value, Operand):
        return json.loads(str(value.value)) if value.type is PropertyType.JSON else value.value
    return value
