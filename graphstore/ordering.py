"""Sorts entities by the order that a question asks for, in plain Python."""

from collections.abc import Iterable
from typing import Final, TypeAlias, TypeVar

from lineal.graphstore.errors import LimitExceeded
from lineal.graphstore.kinds import PropertyType
from lineal.graphstore.queries import EntityOrderField, Ordering
from lineal.graphstore.records import Entity
from lineal.graphstore.values import Property, canonical_json

MOST_SORTED: Final = 100_000
"""The most matches that are sorted by a property."""

SortValue: TypeAlias = tuple[int, str | int | float]
"""A value with the rank of its type before it."""
SortPosition: TypeAlias = tuple[SortValue | None, str]
"""The value an entity is sorted by, None where it has none, and its urn."""

Item = TypeVar("Item")

_RANKS: Final = {
    PropertyType.BOOLEAN: 0,
    PropertyType.INTEGER: 1,
    PropertyType.FLOAT: 1,
    PropertyType.STRING: 2,
    PropertyType.TIMESTAMP: 3,
    PropertyType.JSON: 4,
}


def sort_value(entity: Entity, ordering: Ordering) -> SortValue | None:
    """The value that an entity as read is sorted by; None where it has none."""
    match ordering.field:
        case EntityOrderField.PROPERTY:
            values = (property_sort_value(each) for each in entity.properties if each.key == ordering.property_key)
            return next(values, None)
        case EntityOrderField.SOURCE_URI:
            value = None if entity.source is None else entity.source.uri
        case field:
            value = getattr(entity, field.lower())
    return None if value is None else (0, value)


def property_sort_value(property: Property) -> SortValue:
    """The value that an entity with the property is sorted by."""
    value = canonical_json(property.value) if property.type is PropertyType.JSON else property.value
    assert isinstance(value, str | int | float)
    return _RANKS[property.type], value


def sort_position(entity: Entity, ordering: Ordering) -> SortPosition:
    """The position of an entity in an order."""
    return sort_value(entity, ordering), entity.urn


def compared(left: SortPosition, right: SortPosition, ordering: Ordering) -> int:
    """Below 0 where the left comes first, above 0 where the right does: missing last either way, ties by urn."""
    (value, urn), (other, other_urn) = left, right
    if value == other:
        return (urn > other_urn) - (urn < other_urn) if ordering.field is not EntityOrderField.URN else 0
    if value is None or other is None:
        return 1 if value is None else -1
    return -1 if (value > other) is ordering.descending else 1


def in_order(entities: Iterable[Entity], ordering: Ordering, after: SortPosition | None = None) -> list[Entity]:
    """Entities in an order; only those after a position, where one is passed."""
    positioned = [(sort_position(entity, ordering), entity) for entity in entities]
    if after is not None:
        positioned = [each for each in positioned if compared(each[0], after, ordering) > 0]
    return [entity for _, entity in sorted_by_position(positioned, ordering)]


def sorted_by_position(
    positioned: Iterable[tuple[SortPosition, Item]], ordering: Ordering
) -> list[tuple[SortPosition, Item]]:
    """Items with their positions, in an order."""
    by_urn = sorted(positioned, key=lambda each: each[0][1])
    with_value = [(value, each) for each in by_urn if (value := each[0][0]) is not None]
    with_value.sort(key=lambda pair: pair[0], reverse=ordering.descending)  # a stable sort: ties stay by urn
    return [*(each for _, each in with_value), *(each for each in by_urn if each[0][0] is None)]


def check_sortable(total: int, ordering: Ordering) -> None:
    """Raises LimitExceeded where there are too many matches to sort by a property."""
    if ordering.field is EntityOrderField.PROPERTY and total > MOST_SORTED:
        raise LimitExceeded(
            f"more than {MOST_SORTED:,} entities match, too many to be sorted by a property: narrow the filter or the "
            "search, or order by a field such as NAME or OCCURRED_AT"
        )
