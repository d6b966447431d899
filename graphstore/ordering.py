"""The order of entities that a question asks for, in plain Python."""

from collections.abc import Iterable
from typing import Final, TypeAlias, TypeVar

from lineal.graphstore.errors import LimitExceeded
from lineal.graphstore.kinds import PropertyType
from lineal.graphstore.queries import EntityOrderField, Ordering
from lineal.graphstore.records import Entity
from lineal.graphstore.values import Property, canonical_json

MOST_SORTED: Final = 100_000
"""The most matches that are sorted by a property."""

Value: TypeAlias = tuple[int, str | int | float]
"""What sorts: the rank of its type, and the value."""
Place: TypeAlias = tuple[Value | None, str]
"""What an entity is sorted by, if it is there, and its urn."""

Item = TypeVar("Item")

_RANKS: Final = {
    PropertyType.BOOLEAN: 0,
    PropertyType.INTEGER: 1,
    PropertyType.FLOAT: 1,
    PropertyType.STRING: 2,
    PropertyType.TIMESTAMP: 3,
    PropertyType.JSON: 4,
}


def value_of(entity: Entity, ordering: Ordering) -> Value | None:
    """What an entity as read is sorted by; None where it has none."""
    value: str | int | None = None
    match ordering.field:
        case EntityOrderField.PROPERTY:
            return next(
                (value_of_property(each) for each in entity.properties if each.key == ordering.property_key), None
            )
        case EntityOrderField.SOURCE_URI:
            value = None if entity.source is None else entity.source.uri
        case field:
            value = getattr(entity, field.lower())
    return None if value is None else (0, value)


def value_of_property(property: Property) -> Value:
    """What an entity is sorted by that has the property."""
    value = canonical_json(property.value) if property.type is PropertyType.JSON else property.value
    assert isinstance(value, str | int | float)
    return _RANKS[property.type], value


def place_of(entity: Entity, ordering: Ordering) -> Place:
    """Where an entity stands in an order."""
    return value_of(entity, ordering), entity.urn


def compared(left: Place, right: Place, ordering: Ordering) -> int:
    """Below 0 where the left comes first, above where the right does: missing last either way, ties by urn."""
    (value, urn), (other, other_urn) = left, right
    if value == other:
        return (urn > other_urn) - (urn < other_urn) if ordering.field is not EntityOrderField.URN else 0
    if value is None or other is None:
        return 1 if value is None else -1
    return -1 if (value > other) is ordering.descending else 1


def in_order(entities: Iterable[Entity], ordering: Ordering, after: Place | None = None) -> list[Entity]:
    """Entities in an order, those beyond a place only."""
    entity_groups = [(place_of(entity, ordering), entity) for entity in entities]
    if after is not None:
        entity_groups = [each for each in entity_groups if compared(each[0], after, ordering) > 0]
    return [entity for _, entity in sorted_places(entity_groups, ordering)]


def sorted_places(entity_groups: Iterable[tuple[Place, Item]], ordering: Ordering) -> list[tuple[Place, Item]]:
    """What stands at places, in the order of these."""
    by_urn = sorted(entity_groups, key=lambda each: each[0][1])
    there = [(value, each) for each in by_urn if (value := each[0][0]) is not None]
    there.sort(key=lambda pair: pair[0], reverse=ordering.descending)  # which leaves ties as they are
    return [*(each for _, each in there), *(each for each in by_urn if each[0][0] is None)]


def check_sortable(total: int, ordering: Ordering) -> None:
    """Raises LimitExceeded where so many matches are too many to be sorted so."""
    if ordering.field is EntityOrderField.PROPERTY and total > MOST_SORTED:
        raise LimitExceeded(
            f"more than {MOST_SORTED:,} entities match, too many to be sorted by a property: narrow the filter or the "
            "search, or order by a field such as NAME or OCCURRED_AT"
        )
