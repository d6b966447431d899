"""Translates filters to SQL conditions: exact ones where SQL can express the filter, else wider ones.

A wider condition holds for all matches and maybe for more, so that its rows are verified on their records. What
revisions change (status, tags, properties) is in the database as first recorded, and Unicode case folding is beyond
SQLite: both make a condition wider. No condition is ever NULL, so that NOT negates it.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from lineal.graphstore.codes import TYPE_CODES, kind_codes
from lineal.graphstore.content_codec import packed
from lineal.graphstore.embedded.sql.visibility import Visibility
from lineal.graphstore.filter_compiler import compiled_association_filter
from lineal.graphstore.filter_expressions import (
    ASSOCIATION_OPERATORS,
    ENTITY_OPERATORS,
    AssociationField,
    Atom,
    EntityField,
    Expression,
    Operator,
    Row,
    Table,
    checked,
    conjunction,
    translated,
)
from lineal.graphstore.kinds import AssociationType
from lineal.graphstore.queries import AssociationFilter

Parameter: TypeAlias = str | int


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition with its parameters. Where not `exact`, it holds for all matches, and possibly for other rows."""

    sql: str
    parameters: tuple[Parameter, ...] = ()
    exact: bool = True

    def occurring(self, occurred_at: str) -> "Condition":
        """The condition with the SQL expression that a view uses for the time of occurrence."""
        return replace(self, sql=self.sql.replace(OCCURRED_AT, occurred_at))


EVERY_ROW: Final = Condition("true")
NO_ROW: Final = Condition("false")
OCCURRED_AT: Final = "@occurred_at"
"""Stands in a condition for the time of occurrence, which depends on the view."""
_WIDEST: Final = Condition("true", exact=False)
REVISED: Final = "EXISTS (SELECT 1 FROM revision v WHERE v.entity = e.key)"
"""The condition that `entity e` was revised."""


def entity_condition(expression: Expression, visibility: Visibility) -> Condition:
    """A filter as a condition on `entity e` left joined with `entity_content c`."""
    condition = translated(expression, atom_condition, all_of, any_of, _negated)
    return condition.occurring(visibility.known_from("e"))


def atom_condition(atom: Atom) -> Condition:
    """The condition of an atom of an entity filter, with placeholders for times, which depend on the view."""
    return ENTITY_TABLE[atom.field][atom.operator](atom)


def association_condition(visibility: Visibility, *filters: AssociationFilter) -> Condition:
    """The condition on `association a` that all filters match."""
    expression = conjunction(map(compiled_association_filter, filters))
    condition = translated(
        expression, lambda atom: ASSOCIATION_TABLE[atom.field][atom.operator](atom), all_of, any_of, _negated
    )
    return condition.occurring(visibility.occurred_at("a"))


def all_of(conditions: Iterable[Condition]) -> Condition:
    """The condition that all conditions hold."""
    return _joined(conditions, "AND", EVERY_ROW)


def any_of(conditions: Iterable[Condition]) -> Condition:
    """The condition that at least one of the conditions holds."""
    return _joined(conditions, "OR", NO_ROW)


def _joined(conditions: Iterable[Condition], word: str, empty: Condition) -> Condition:
    parts = list(dict.fromkeys(conditions))
    if len(parts) < 2:
        return parts[0] if parts else empty
    sql = f" {word} ".join(part.sql for part in parts)
    parameters = tuple(parameter for part in parts for parameter in part.parameters)
    return Condition(f"({sql})", parameters, all(part.exact for part in parts))


def _negated(condition: Condition) -> Condition:
    return Condition(f"NOT {condition.sql}", condition.parameters) if condition.exact else _WIDEST


# -- rows of the tables --


def _is_among(column: str, texts: Collection[str]) -> Condition:
    if len(texts) == 1:
        return Condition(f"{column} IS ?", tuple(map(str, texts)))
    sql = f"({column} IS NOT NULL AND {column} IN (SELECT value FROM json_each(?)))"
    return Condition(sql, (packed(sorted(map(str, texts))),))


def _words(column: str) -> Row[Condition]:
    """A column that holds one word, or NULL."""
    return {Operator.IN: lambda atom: _is_among(column, atom.operand)}


def _codes(column: str, codes_of: Callable[[Collection[Any]], Iterable[int]]) -> Row[Condition]:
    """A column that holds the code of one member of an enum."""

    def among(atom: Atom) -> Condition:
        return Condition(f"{column} IN ({', '.join(map(str, sorted(codes_of(atom.operand))))})")

    return {Operator.IN: among}


def _text(column: str) -> Row[Condition]:
    """A column that holds a text, or NULL."""

    def unless_folded(condition: Callable[[Any], Condition]) -> Callable[[Atom], Condition]:
        any_text = Condition(f"({column} IS NOT NULL)", exact=False)
        return lambda atom: any_text if atom.folded else condition(atom.operand)

    return {
        Operator.IN: unless_folded(lambda texts: _is_among(column, texts)),
        Operator.STARTS_WITH: unless_folded(
            lambda text: Condition(f"ifnull(substr({column}, 1, ?) = ?, false)", (len(text), text))
        ),
        Operator.CONTAINS: unless_folded(lambda text: Condition(f"ifnull(instr({column}, ?) > 0, false)", (text,))),
        Operator.EXISTS: lambda atom: Condition(f"({column} IS NOT NULL)"),
    }


def _time(column: str) -> Row[Condition]:
    """A column that holds a time."""

    def within(atom: Atom) -> Condition:
        times = atom.operand
        low = (">=" if times.includes_low else ">", times.low)
        high = ("<=" if times.includes_high else "<", times.high)
        return all_of(Condition(f"{column} {sign} ?", (time,)) for sign, time in (low, high) if time is not None)

    return {Operator.RANGE: within}


def _or_revised(condition: Condition) -> Condition:
    """Fields that revisions change: a condition on the columns is exact only for entities without revisions."""
    return Condition(f"({condition.sql} OR {REVISED})", condition.parameters, exact=False)


def _status(atom: Atom) -> Condition:
    return _or_revised(_is_among("c.status", atom.operand))


def _tags(atom: Atom) -> Condition:
    tag = _is_among("t.value", atom.operand)
    return _or_revised(
        Condition(f"EXISTS (SELECT 1 FROM json_each(ifnull(c.tags, '[]')) t WHERE {tag.sql})", tag.parameters)
    )


def _has_key(atom: Atom) -> Condition:
    """The text of the properties contains the key, so the property may be among them."""
    return _or_revised(Condition("ifnull(instr(c.properties, ?) > 0, false)", (packed(atom.key),)))


def _type_codes(types: Collection[AssociationType]) -> Iterable[int]:
    return [TYPE_CODES[type] for type in types]


ENTITY_TABLE: Final[Table[Condition]] = checked(
    {
        EntityField.URN: _text("e.urn"),
        EntityField.NAME: _text("e.name"),
        EntityField.SOURCE_URI: _text("c.source_uri"),
        EntityField.VERSION: _text("e.version"),
        EntityField.PROPERTY: dict.fromkeys(Operator, _has_key),
        EntityField.TAG: {Operator.IN: _tags},
        EntityField.TYPE: _words("c.type"),
        EntityField.STATUS: {Operator.IN: _status},
        EntityField.OCCURRED_AT: _time(OCCURRED_AT),
        EntityField.RECORDED_AT: _time("e.recorded_at"),
        EntityField.RECORDED_BY: _text("e.recorded_by"),
        EntityField.KIND: _codes("e.kind", kind_codes),
        EntityField.ACCOUNT: _words("e.account"),
    },
    ENTITY_OPERATORS,
)
ASSOCIATION_TABLE: Final[Table[Condition]] = checked(
    {
        AssociationField.ROLE: _text("nullif(a.role, '')"),
        AssociationField.PROPERTY: dict.fromkeys(Operator, lambda atom: _WIDEST),
        AssociationField.OCCURRED_AT: _time(OCCURRED_AT),
        AssociationField.RECORDED_AT: _time("a.recorded_at"),
        AssociationField.TYPE: _codes("a.type", _type_codes),
    },
    ASSOCIATION_OPERATORS,
)
