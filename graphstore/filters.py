"""Decides in plain Python whether an entity or an association as read matches a filter."""

from collections.abc import Callable, Collection
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, TypeAlias, TypeVar

from lineal.graphstore.filter_compiler import compiled_association_filter, compiled_entity_filter
from lineal.graphstore.filter_expressions import (
    ASSOCIATION_OPERATORS,
    ENTITY_OPERATORS,
    NUMBER,
    AssociationField,
    Atom,
    EntityField,
    Expression,
    Operator,
    Range,
    Row,
    Table,
    checked,
    conjunction,
    translated,
)
from lineal.graphstore.kinds import NUMBERS, AssociationType, PropertyType
from lineal.graphstore.queries import AssociationFilter, EntityFilter
from lineal.graphstore.records import Association, Entity
from lineal.graphstore.values import Property, canonical_json

Record = TypeVar("Record")
Predicate: TypeAlias = Callable[[Record], bool]


@lru_cache(32)
def entity_matcher(where: EntityFilter) -> Predicate[Entity]:
    """The function that decides whether an entity as read matches a filter."""
    return _predicate(compiled_entity_filter(where).expression, ENTITY_TABLE)


@lru_cache(32)
def association_matcher(*filters: AssociationFilter) -> Predicate[Association]:
    """The function that decides whether an association as read matches all of some filters."""
    return _predicate(conjunction(map(compiled_association_filter, filters)), ASSOCIATION_TABLE)


def matches_restricted(where: EntityFilter) -> bool:
    """Whether a filter matches an entity that is shown as restricted: only one that names nothing but kinds can."""
    return compiled_entity_filter(where).matches_restricted


def matches_bare(type: AssociationType, where: AssociationFilter) -> bool:
    """Whether a filter matches an association of which only the type shows, because one of its ends is hidden."""

    def holds(atom: Atom) -> bool:
        return atom.field is AssociationField.TYPE and type in atom.operand

    return translated(compiled_association_filter(where), holds, all, any, lambda part: not part)


def _predicate(expression: Expression, table: Table[Predicate[Any]]) -> Predicate[Any]:
    return translated(expression, lambda atom: table[atom.field][atom.operator](atom), _all_of, _any_of, _negated)


def _all_of(parts: list[Predicate[Any]]) -> Predicate[Any]:
    def holds(record: Any) -> bool:
        for part in parts:  # noqa: SIM110 - twice as fast as all() of a generator
            if not part(record):
                return False
        return True

    return holds


def _any_of(parts: list[Predicate[Any]]) -> Predicate[Any]:
    def holds(record: Any) -> bool:
        for part in parts:  # noqa: SIM110
            if part(record):
                return True
        return False

    return holds


def _negated(part: Predicate[Any]) -> Predicate[Any]:
    return lambda record: not part(record)


# -- rows of the tables --


def _words(get: Callable[[Any], Any]) -> Row[Predicate[Any]]:
    """A field that holds one word, or None."""

    def among(atom: Atom) -> Predicate[Any]:
        return lambda record: get(record) in atom.operand

    return {Operator.IN: among}


def _text(get: Callable[[Any], str | None]) -> Row[Predicate[Any]]:
    """A field that holds a text, or None."""

    def row(holds: Callable[[str, Any], bool]) -> Callable[[Atom], Predicate[Any]]:
        def of(atom: Atom) -> Predicate[Any]:
            operand = atom.operand
            if atom.folded:
                return lambda record: (text := get(record)) is not None and holds(text.casefold(), operand)
            return lambda record: (text := get(record)) is not None and holds(text, operand)

        return of

    return {
        Operator.IN: row(lambda text, operand: text in operand),
        Operator.STARTS_WITH: row(str.startswith),
        Operator.CONTAINS: row(lambda text, operand: operand in text),
        Operator.EXISTS: row(lambda text, operand: True),
    }


def _time(get: Callable[[Any], int | None]) -> Row[Predicate[Any]]:
    """A field that holds a time, or None."""

    def within(atom: Atom) -> Predicate[Any]:
        holds = _within(atom.operand)
        return lambda record: (time := get(record)) is not None and holds(time)

    return {Operator.RANGE: within}


def _within(range: Range) -> Callable[[Any], bool]:
    low, high, includes_low, includes_high = range.low, range.high, range.includes_low, range.includes_high

    def holds(value: Any) -> bool:
        return (low is None or value > low or (includes_low and value == low)) and (
            high is None or value < high or (includes_high and value == high)
        )

    return holds


def _tags() -> Row[Predicate[Entity]]:
    def any_among(atom: Atom) -> Predicate[Entity]:
        return lambda entity: not atom.operand.isdisjoint(entity.tags)

    return {Operator.IN: any_among}


def _properties() -> Row[Predicate[Any]]:
    """The property of the atom's key."""

    def row(test_of: Callable[[Any], Callable[[PropertyType, Any], bool]]) -> Callable[[Atom], Predicate[Any]]:
        def of(atom: Atom) -> Predicate[Any]:
            key, test = atom.key, test_of(atom.operand)

            def holds(record: Any) -> bool:
                for property in record.properties:
                    if property.key == key:
                        return test(*_comparable(property))
                return False

            return holds

        return of

    def within(ranges: Collection[tuple[PropertyType, Range]]) -> Callable[[PropertyType, Any], bool]:
        tests = {type: _within(range) for type, range in ranges}
        return lambda type, value: type in tests and tests[type](value)

    return {
        Operator.IN: row(lambda operand: lambda type, value: (type, value) in operand),
        Operator.STARTS_WITH: row(
            lambda operand: lambda type, value: type is PropertyType.STRING and value.startswith(operand)
        ),
        Operator.CONTAINS: row(lambda operand: lambda type, value: type is PropertyType.STRING and operand in value),
        Operator.RANGE: row(within),
        Operator.EXISTS: row(lambda operand: lambda type, value: True),
    }


def _comparable(property: Property) -> tuple[PropertyType, Any]:
    """A property as a `Value`, or as the type and time of a timestamp."""
    if property.type in NUMBERS:
        return NUMBER, property.value
    if property.type is PropertyType.JSON:
        return property.type, canonical_json(property.value)
    return property.type, property.value


def _source_uri(entity: Entity) -> str | None:
    return None if entity.source is None else entity.source.uri


ENTITY_TABLE: Final = checked(
    {
        EntityField.URN: _text(attrgetter("urn")),
        EntityField.NAME: _text(attrgetter("name")),
        EntityField.SOURCE_URI: _text(_source_uri),
        EntityField.VERSION: _text(attrgetter("version")),
        EntityField.PROPERTY: _properties(),
        EntityField.TAG: _tags(),
        EntityField.TYPE: _words(attrgetter("type")),
        EntityField.STATUS: _words(attrgetter("status")),
        EntityField.OCCURRED_AT: _time(attrgetter("occurred_at")),
        EntityField.RECORDED_AT: _time(attrgetter("recorded_at")),
        EntityField.RECORDED_BY: _text(attrgetter("recorded_by")),
        EntityField.KIND: _words(attrgetter("kind")),
        EntityField.ACCOUNT: _words(attrgetter("account")),
    },
    ENTITY_OPERATORS,
)
ASSOCIATION_TABLE: Final = checked(
    {
        AssociationField.ROLE: _text(attrgetter("role")),
        AssociationField.PROPERTY: _properties(),
        AssociationField.OCCURRED_AT: _time(attrgetter("occurred_at")),
        AssociationField.RECORDED_AT: _time(attrgetter("recorded_at")),
        AssociationField.TYPE: _words(attrgetter("type")),
    },
    ASSOCIATION_OPERATORS,
)
