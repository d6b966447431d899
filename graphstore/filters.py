"""Whether an entity or association as read matches a filter: the meaning that `queries` gives, in plain Python."""

from collections.abc import Callable, Iterable
from functools import lru_cache

from lineal.graphstore.kinds import LINEAGE_TYPE, NUMBERS, AssociationType, EntityKind, PropertyType
from lineal.graphstore.queries import (
    AssociationFilter,
    EntityFilter,
    Operand,
    PropertyFilter,
    StringFilter,
    TimeFilter,
)
from lineal.graphstore.records import Association, Entity
from lineal.graphstore.values import Property, canonical_json, parse_timestamp

Number = int | float


def matches_entity(entity: Entity, where: EntityFilter) -> bool:
    """Whether an entity as read matches."""
    return (
        (where.kind is None or entity.kind in where.kind)
        and (where.lineage_type is None or LINEAGE_TYPE[entity.kind] in where.lineage_type)
        and (where.type is None or entity.type in where.type)
        and (where.account is None or entity.account in where.account)
        and matches_text(entity.urn, where.urn)
        and matches_text(entity.name, where.name)
        and matches_text(entity.version, where.version)
        and matches_text(None if entity.source is None else entity.source.uri, where.source_uri)
        and (where.status is None or entity.status in where.status)
        and (where.tag is None or not set(where.tag).isdisjoint(entity.tags))
        and matches_time(entity.occurred_at, where.occurred_at)
        and matches_time(entity.recorded_at, where.recorded_at)
        and matches_text(entity.recorded_by, where.recorded_by)
        and (where.property is None or _match_properties(entity.properties, where.property))
        and (where.and_ is None or all(matches_entity(entity, each) for each in where.and_))
        and (where.or_ is None or any(matches_entity(entity, each) for each in where.or_))
        and (where.not_ is None or not matches_entity(entity, where.not_))
    )


def matches_restricted(where: EntityFilter) -> bool:
    """Whether an entity shown as restricted matches: only a filter that names nothing but kinds can hold for it."""
    return _names_only_kinds(where) and _holds_of_restricted(where)


def _names_only_kinds(where: EntityFilter) -> bool:
    inner = [*(where.and_ or ()), *(where.or_ or ()), *([where.not_] if where.not_ else [])]
    alone = EntityFilter(kind=where.kind, and_=where.and_, or_=where.or_, not_=where.not_)
    return where == alone and all(map(_names_only_kinds, inner))


def _holds_of_restricted(where: EntityFilter) -> bool:
    return (
        (where.kind is None or EntityKind.RESTRICTED in where.kind)
        and (where.and_ is None or all(map(_holds_of_restricted, where.and_)))
        and (where.or_ is None or any(map(_holds_of_restricted, where.or_)))
        and (where.not_ is None or not _holds_of_restricted(where.not_))
    )


def matches_bare(type: AssociationType, where: AssociationFilter) -> bool:
    """Whether an association matches that shows nothing but its type, as beside a hidden end."""
    return (
        (where.type is None or type in where.type)
        and matches_text(None, where.role)
        and matches_time(None, where.occurred_at)
        and matches_time(None, where.recorded_at)
        and (where.property is None or _match_properties((), where.property))
        and (where.not_ is None or not matches_bare(type, where.not_))
    )


def matches_association(association: Association, where: AssociationFilter) -> bool:
    """Whether an association matches."""
    return (
        (where.type is None or association.type in where.type)
        and matches_text(association.role, where.role)
        and matches_time(association.occurred_at, where.occurred_at)
        and matches_time(association.recorded_at, where.recorded_at)
        and (where.property is None or _match_properties(association.properties, where.property))
        and (where.not_ is None or not matches_association(association, where.not_))
    )


def matches_text(text: str | None, where: StringFilter | None) -> bool:
    """Whether a text, or None for a missing one, satisfies every operator given."""
    if where is None:
        return True
    if where.exists is not None and where.exists != (text is not None):
        return False
    asked = (where.eq, where.ne, where.in_, where.contains, where.starts_with)
    if all(operator is None for operator in asked):
        return True
    if text is None:
        return False
    fold: Callable[[str], str] = str.casefold if where.ignore_case else str
    text = fold(text)
    return (
        (where.eq is None or text == fold(where.eq))
        and (where.ne is None or text != fold(where.ne))
        and (where.in_ is None or text in map(fold, where.in_))
        and (where.contains is None or fold(where.contains) in text)
        and (where.starts_with is None or text.startswith(fold(where.starts_with)))
    )


def matches_time(moment: int | None, where: TimeFilter | None) -> bool:
    """Whether a time, or None for a missing one, lies within every bound given."""
    if where is None or moment is None:
        return where is None or where == TimeFilter()
    return (
        (where.gt is None or moment > where.gt)
        and (where.gte is None or moment >= where.gte)
        and (where.lt is None or moment < where.lt)
        and (where.lte is None or moment <= where.lte)
    )


def _match_properties(properties: Iterable[Property], wanted: tuple[PropertyFilter, ...]) -> bool:
    by_key = {property.key: property for property in properties}
    return all(_match_property(by_key.get(each.key), each) for each in wanted)


def _match_property(property: Property | None, where: PropertyFilter) -> bool:
    if where.exists is not None and where.exists != (property is not None):
        return False
    comparisons = (where.eq, where.ne, where.gt, where.gte, where.lt, where.lte)
    if all(asked is None for asked in (*comparisons, where.in_, where.contains, where.starts_with)):
        return True
    if property is None:
        return False
    text = property.value if property.type is PropertyType.STRING and isinstance(property.value, str) else None
    return (
        (where.eq is None or _equal(property, where.eq))
        and (where.ne is None or not _equal(property, where.ne))
        and (where.gt is None or _ordered(property, where.gt, lambda difference: difference > 0))
        and (where.gte is None or _ordered(property, where.gte, lambda difference: difference >= 0))
        and (where.lt is None or _ordered(property, where.lt, lambda difference: difference < 0))
        and (where.lte is None or _ordered(property, where.lte, lambda difference: difference <= 0))
        and (where.in_ is None or any(_equal(property, operand) for operand in where.in_))
        and (where.contains is None or (text is not None and where.contains in text))
        and (where.starts_with is None or (text is not None and text.startswith(where.starts_with)))
    )


@lru_cache(1024)
def _moment(text: str) -> int | None:
    try:
        return parse_timestamp(text)
    except ValueError:
        return None


def _comparable(property: Property, operand: Operand) -> tuple[str | Number, str | Number] | None:
    """Both sides as values of one ordered type, or None where they are of different types or have no order."""
    value = property.value
    if property.type in NUMBERS and operand.type in NUMBERS:
        assert isinstance(value, int | float)
        assert not isinstance(operand.value, str)
        return value, operand.value
    if operand.type is not PropertyType.STRING:
        return None
    assert isinstance(operand.value, str)
    if property.type is PropertyType.STRING:
        assert isinstance(value, str)
        return value, operand.value
    if property.type is PropertyType.TIMESTAMP:
        moment = _moment(operand.value)
        assert isinstance(value, int)
        return None if moment is None else (value, moment)
    return None


def _equal(property: Property, operand: Operand) -> bool:
    pair = _comparable(property, operand)
    if pair is not None:
        return pair[0] == pair[1]
    if property.type is not operand.type:
        return False
    if property.type is PropertyType.JSON:
        return canonical_json(property.value) == operand.value
    return property.type is PropertyType.BOOLEAN and property.value == operand.value


def _ordered(property: Property, operand: Operand, holds: Callable[[int], bool]) -> bool:
    pair = _comparable(property, operand)
    if pair is None:
        return False
    left, right = pair
    # Both sides are numbers or both are texts; Python compares an int and a float exactly.
    return holds((left > right) - (left < right))  # type: ignore[operator]
