"""Filters as sent become filters of the store: each field, and how much one filter may ask."""

from dataclasses import fields, make_dataclass
from typing import Any

import pytest

from lineal.graphstore import queries
from lineal.graphstore.errors import LimitExceeded
from lineal.resolvers.filters import MOST_CONDITIONS, entity_filter, field_converters
from lineal.schema import inputs
from lineal.schema.inputs import EntityFilter, PropertyFilter
from lineal.schema.scalars import JSON


def of_properties(count: int) -> EntityFilter:
    return EntityFilter(property=[PropertyFilter(key=f"k{number}", eq=JSON(1)) for number in range(count)])


def test_only_fields_with_conditions_are_counted() -> None:
    converted = entity_filter(of_properties(MOST_CONDITIONS - 1))
    assert converted is not None
    assert converted.property is not None
    assert len(converted.property) == MOST_CONDITIONS - 1
    with pytest.raises(LimitExceeded, match="a filter has more than 100 conditions: ask in parts"):
        entity_filter(of_properties(MOST_CONDITIONS))


@pytest.mark.parametrize("name", ["EntityFilter", "AssociationFilter", "StringFilter", "TimeFilter", "PropertyFilter"])
def test_inputs_and_filters_of_the_store_have_the_same_fields(name: str) -> None:
    """A field that only the input has would be dropped, and its filter would match everything."""
    sent, stored = ({field.name for field in fields(getattr(module, name))} for module in (inputs, queries))
    assert sent == stored


def test_a_field_of_a_type_without_a_converter_stops_the_import() -> None:
    wider: Any = make_dataclass("EntityFilter", [("size", int | None, None)])
    with pytest.raises(KeyError, match="int"):
        field_converters(wider)
