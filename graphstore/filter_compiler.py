"""Compiles filters: the meaning that `queries` documents, as expressions that every engine translates.

Settled here, once for all engines:

- Presence: `ne` is "exists, and is not equal"; `exists: false` is "does not exist"; what is never absent exists.
- Empty lists: an empty `in`, `or` or list of words is NEVER; an empty `and` or `property` is ALWAYS.
- `eq` and `in` are one operator, IN; all bounds on one field are one RANGE.
- Case: texts under `ignore_case` are case-folded.
- Types: integers and floats are compared as one type; a text that is an integer in decimal is a number as well, and an
  RFC 3339 time or date a time; booleans and JSON have no order; bounds whose types have no order in common hold for no
  value.
- Lineage types are the kinds that belong to them.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

from lineal.graphstore.codes import kind_codes
from lineal.graphstore.filter_expressions import (
    ALWAYS,
    NEVER,
    NUMBER,
    OPERATORS,
    AssociationField,
    Atom,
    EntityField,
    Expression,
    Field,
    Operator,
    Range,
    Value,
    conjunction,
    conjuncts,
    disjunction,
    negation,
    translated,
)
from lineal.graphstore.kinds import LINEAGE_TYPE, NUMBERS, EntityKind, PropertyType
from lineal.graphstore.queries import (
    AssociationFilter,
    EntityFilter,
    Operand,
    PropertyFilter,
    StringFilter,
    TimeFilter,
)
from lineal.graphstore.values import parse_date_or_timestamp, parse_integer


def check_fields(filter_class: type, compiled: Collection[str]) -> None:
    """Raises LookupError where the fields of a filter class are not those that are compiled."""
    if different := {field.name for field in fields(filter_class)}.symmetric_difference(compiled):
        raise LookupError(f"{filter_class.__name__} and its compiler differ in: {', '.join(sorted(different))}")


check_fields(EntityFilter, {*(field.value for field in EntityField), "lineage_type", "and_", "or_", "not_"})
check_fields(AssociationFilter, {*(field.value for field in AssociationField), "not_"})
check_fields(StringFilter, {"eq", "ne", "in_", "contains", "starts_with", "exists", "ignore_case"})
check_fields(TimeFilter, {"gt", "gte", "lt", "lte"})
check_fields(PropertyFilter, {"key", "eq", "ne", "gt", "gte", "lt", "lte", "in_", "contains", "starts_with", "exists"})


@dataclass(frozen=True, slots=True)
class CompiledEntityFilter:
    """An entity filter as an expression, and the part of it that keys decide.

    `codes` are the codes of the kinds that the filter allows, None for all; `rest` is what must hold besides.
    `matches_restricted`: whether the filter matches an entity that is shown as restricted.
    """

    expression: Expression
    codes: frozenset[int] | None
    rest: Expression
    matches_restricted: bool

    @property
    def asks_only_kinds(self) -> bool:
        """Whether the kind of an entity decides."""
        return self.rest == ALWAYS


# A filter may hold a megabyte of operands, so the caches keep few.
@lru_cache(32)
def compiled_entity_filter(where: EntityFilter) -> CompiledEntityFilter:
    """A filter on entities, compiled."""
    expression = _entity_expression(where)
    parts = conjuncts(expression)
    kinds = [part.operand for part in parts if isinstance(part, Atom) and part.field is EntityField.KIND]
    rest = [part for part in parts if not isinstance(part, Atom) or part.field is not EntityField.KIND]
    return CompiledEntityFilter(
        expression,
        frozenset.intersection(*map(kind_codes, kinds)) if kinds else None,
        conjunction(rest),
        _names_only_kinds(where)
        and translated(expression, lambda atom: EntityKind.RESTRICTED in atom.operand, all, any, lambda part: not part),
    )


@lru_cache(32)
def compiled_association_filter(where: AssociationFilter) -> Expression:
    """A filter on associations, compiled."""
    parts = [
        part
        for field in AssociationField
        if (condition := getattr(where, field.value)) is not None
        for part in _field_expressions(field, condition)
    ]
    if where.not_ is not None:
        parts.append(negation(compiled_association_filter(where.not_)))
    return conjunction(parts)


def _names_only_kinds(where: EntityFilter) -> bool:
    nested = [*(where.and_ or ()), *(where.or_ or ()), *([where.not_] if where.not_ else [])]
    only_kinds = EntityFilter(kind=where.kind, and_=where.and_, or_=where.or_, not_=where.not_)
    return where == only_kinds and all(map(_names_only_kinds, nested))


def _entity_expression(where: EntityFilter) -> Expression:
    parts = [
        part
        for field in EntityField
        if (condition := getattr(where, field.value)) is not None
        for part in _field_expressions(field, condition)
    ]
    if where.lineage_type is not None:
        parts.append(_words(EntityField.KIND, [kind for kind, of in LINEAGE_TYPE.items() if of in where.lineage_type]))
    parts += map(_entity_expression, where.and_ or ())
    if where.or_ is not None:
        parts.append(disjunction(map(_entity_expression, where.or_)))
    if where.not_ is not None:
        parts.append(negation(_entity_expression(where.not_)))
    return conjunction(parts)


def _field_expressions(field: Field, condition: Any) -> Iterable[Expression]:
    match condition:
        case StringFilter():
            return _text(field, condition)
        case TimeFilter():
            return _time(field, condition)
        case tuple() if field in (EntityField.PROPERTY, AssociationField.PROPERTY):
            return (part for wanted in condition for part in _property(field, wanted))
    return (_words(field, condition),)


def _words(field: Field, words: Iterable[Any]) -> Expression:
    operand = frozenset(words)
    return Atom(field, Operator.IN, operand) if operand else NEVER


def _presence_and_equality(
    where: StringFilter | PropertyFilter, exists: Expression, among: Callable[[Iterable[Any]], Expression]
) -> Iterator[Expression]:
    """What `exists`, `eq`, `in` and `ne` ask; `among` is the expression of being equal to one of some operands."""
    if where.exists is not None:
        yield exists if where.exists else negation(exists)
    if where.eq is not None:
        yield among([where.eq])
    if where.in_ is not None:
        yield among(where.in_)
    if where.ne is not None:
        yield exists
        yield negation(among([where.ne]))


def _text(field: Field, where: StringFilter) -> Iterator[Expression]:
    def fold(text: str) -> str:
        return text.casefold() if where.ignore_case else text

    def among(texts: Iterable[str]) -> Expression:
        operand = frozenset(map(fold, texts))
        return Atom(field, Operator.IN, operand, folded=where.ignore_case) if operand else NEVER

    exists = Atom(field, Operator.EXISTS) if Operator.EXISTS in OPERATORS[field] else ALWAYS
    yield from _presence_and_equality(where, exists, among)
    if where.contains is not None:
        yield Atom(field, Operator.CONTAINS, fold(where.contains), folded=where.ignore_case)
    if where.starts_with is not None:
        yield Atom(field, Operator.STARTS_WITH, fold(where.starts_with), folded=where.ignore_case)


def _time(field: Field, where: TimeFilter) -> Iterator[Expression]:
    if where != TimeFilter():
        yield Atom(field, Operator.RANGE, _range(where.gt, where.gte, where.lt, where.lte))


def _range(above: Any, from_: Any, below: Any, up_to: Any) -> Range:
    """The values that lie within four bounds, each of which may be None."""
    low, includes_low = _tighter(above, from_, max)
    high, includes_high = _tighter(below, up_to, min)
    return Range(low, high, includes_low, includes_high)


def _tighter(exclusive: Any, inclusive: Any, tighter: Any) -> tuple[Any, bool]:
    if exclusive is None or inclusive is None:
        return (inclusive, True) if exclusive is None else (exclusive, False)
    # At the same value the exclusive bound is the tighter one.
    is_inclusive = exclusive != inclusive and tighter(exclusive, inclusive) == inclusive
    return (inclusive, True) if is_inclusive else (exclusive, False)


def _property(field: Field, where: PropertyFilter) -> Iterator[Expression]:
    def among(operands: Iterable[Operand]) -> Expression:
        values = frozenset(value for operand in operands for value in _equal_values(operand))
        return Atom(field, Operator.IN, values, where.key) if values else NEVER

    exists = Atom(field, Operator.EXISTS, key=where.key)
    yield from _presence_and_equality(where, exists, among)
    bounds = (where.gt, where.gte, where.lt, where.lte)
    if any(bound is not None for bound in bounds):
        ranges = _property_ranges(bounds)
        yield Atom(field, Operator.RANGE, ranges, where.key) if ranges else NEVER
    if where.contains is not None:
        yield Atom(field, Operator.CONTAINS, where.contains, where.key)
    if where.starts_with is not None:
        yield Atom(field, Operator.STARTS_WITH, where.starts_with, where.key)


def _property_ranges(bounds: Sequence[Operand | None]) -> tuple[tuple[PropertyType, Range], ...]:
    """The ranges within four bounds, for each type that all of them have an order in."""
    ordered = [None if bound is None else dict(_ordered_values(bound)) for bound in bounds]
    types = set.intersection(*(set(values) for values in ordered if values is not None))
    return tuple(
        (type, _range(*(None if values is None else values[type] for values in ordered))) for type in sorted(types)
    )


def _equal_values(operand: Operand) -> Iterator[Value]:
    """The values that are equal to an operand."""
    if operand.type in (PropertyType.BOOLEAN, PropertyType.JSON):
        yield operand.type, operand.value
    else:
        yield from _ordered_values(operand)


def _ordered_values(operand: Operand) -> Iterator[Value]:
    """The values, of different types, that an operand has an order with."""
    if operand.type in NUMBERS:
        yield NUMBER, operand.value
    elif operand.type is PropertyType.STRING:
        text = str(operand.value)
        yield PropertyType.STRING, text
        if (number := parse_integer(text)) is not None:
            yield NUMBER, number
        if (time := _parsed_time(text)) is not None:
            yield PropertyType.TIMESTAMP, time


def _parsed_time(text: str) -> int | None:
    try:
        return parse_date_or_timestamp(text)
    except ValueError:
        return None
