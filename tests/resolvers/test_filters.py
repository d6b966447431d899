"""How much one filter may ask."""

import pytest

from lineal.graphstore.errors import LimitExceeded
from lineal.resolvers.filters import MOST_CONDITIONS, entity_filter
from lineal.schema.inputs import EntityFilter, PropertyFilter
from lineal.schema.scalars import JSON


def of_properties(count: int) -> EntityFilter:
    return EntityFilter(property=[PropertyFilter(key=f"k{number}", eq=JSON(1)) for number in range(count)])


def test_conditions_are_counted_and_not_the_fields_that_ask_nothing() -> None:
    found = entity_filter(of_properties(MOST_CONDITIONS - 1))
    assert found is not None
    assert found.property is not None
    assert len(found.property) == MOST_CONDITIONS - 1
    with pytest.raises(LimitExceeded, match="a filter has more than 100 conditions: ask in parts"):
        entity_filter(of_properties(MOST_CONDITIONS))
