"""Filters as SQL conditions: exact where SQL can say them exactly, else wider, to be verified on the records.

What revisions may change (status, tags, description, properties) stands folded nowhere in the database, and Unicode
case folding is beyond SQLite; such parts are widened. Every condition is two-valued: never NULL, so that NOT holds.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from lineal.graphstore.codes import TYPE_CODES, kind_codes
from lineal.graphstore.content_codec import packed
from lineal.graphstore.queries import (
    AssociationFilter,
    EntityFilter,
    PropertyFilter,
    StringFilter,
    TimeFilter,
)

Parameter = str | int


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition with its parameters. Not `exact`: it holds for all that match and maybe for more."""

    sql: str
    parameters: tuple[Parameter, ...] = ()
    exact: bool = True


_WIDE = Condition("true", exact=False)
REVISED: Final = "EXISTS (SELECT 1 FROM revision v WHERE v.entity = e.key)"
"""That `entity e` was ever revised."""


def joined(conditions: Iterable[Condition], word: str, empty: str) -> Condition:
    """Conditions as one, joined by AND or OR; `empty` is what none of them come to."""
    parts = list(conditions)
    if not parts:
        return Condition(empty)
    sql = parts[0].sql if len(parts) == 1 else "(" + f" {word} ".join(part.sql for part in parts) + ")"
    return Condition(sql, tuple(p for part in parts for p in part.parameters), all(part.exact for part in parts))


def _not(condition: Condition) -> Condition:
    return Condition(f"NOT {condition.sql}", condition.parameters) if condition.exact else _WIDE


def among(expression: str, values: Collection[str]) -> Condition:
    """That what an expression gives is one of some texts."""
    among = f"({expression} IS NOT NULL AND {expression} IN (SELECT value FROM json_each(?)))"
    return Condition(among, (packed(list(map(str, values))),))


def _text(expression: str, where: StringFilter | None) -> Iterable[Condition]:
    if where is None:
        return
    if where.exists is not None:
        yield Condition(f"({expression} IS {'NOT ' if where.exists else ''}NULL)")
    if where.ignore_case:
        yield _WIDE
        return
    if where.eq is not None:
        yield Condition(f"{expression} IS ?", (where.eq,))
    if where.ne is not None:
        yield Condition(f"({expression} IS NOT NULL AND {expression} IS NOT ?)", (where.ne,))
    if where.in_ is not None:
        yield among(expression, where.in_)
    if where.contains is not None:
        yield Condition(f"ifnull(instr({expression}, ?) > 0, false)", (where.contains,))
    if where.starts_with is not None:
        given = (len(where.starts_with), where.starts_with)
        yield Condition(f"ifnull(substr({expression}, 1, ?) = ?, false)", given)


def _time(expression: str, where: TimeFilter | None) -> Iterable[Condition]:
    if where is None:
        return
    for sign, bound in ((">", where.gt), (">=", where.gte), ("<", where.lt), ("<=", where.lte)):
        if bound is not None:
            yield Condition(f"{expression} {sign} ?", (bound,))


def text_condition(expression: str, where: StringFilter) -> Condition | None:
    """A filter on a text as a condition on an expression; None where SQL cannot say it exactly."""
    condition = joined(_text(expression, where), "AND", "true")
    return condition if condition.exact else None


def time_condition(expression: str, where: TimeFilter) -> Condition:
    """A filter on a time as a condition on an expression."""
    return joined(_time(expression, where), "AND", "true")


def kind_condition(where: EntityFilter) -> Condition | None:
    """What a filter asks of kinds as a condition on `entity e`; None where it asks nothing of them."""
    codes = kind_codes(EntityFilter(where.kind, where.lineage_type))
    return None if codes is None else Condition(f"e.kind IN ({', '.join(map(str, sorted(codes)))})")


def _property(where: PropertyFilter) -> Condition:
    asked = (where.eq, where.ne, where.gt, where.gte, where.lt, where.lte, where.in_, where.contains)
    if where.exists is False or (not where.exists and where.starts_with is None and not any(asked)):
        return _WIDE
    sql = f"(ifnull(instr(c.properties, ?) > 0, false) OR {REVISED})"
    return Condition(sql, (packed(where.key),), exact=False)


def entity_condition(where: EntityFilter) -> Condition:
    """A filter as a condition on `entity e` left joined with `entity_content c`."""
    return joined(_entity_parts(where), "AND", "true")


def _entity_parts(where: EntityFilter) -> Iterable[Condition]:
    if (kinds := kind_condition(where)) is not None:
        yield kinds
    if where.type is not None:
        yield among("c.type", where.type)
    if where.account is not None:
        yield among("e.account", where.account)
    yield from _text("e.urn", where.urn)
    yield from _text("e.name", where.name)
    yield from _text("e.version", where.version)
    yield from _text("c.source_uri", where.source_uri)
    yield from _text("e.recorded_by", where.recorded_by)
    yield from _time("e.occurred_at", where.occurred_at)
    yield from _time("e.recorded_at", where.recorded_at)
    if where.status is not None:
        status = among("c.status", where.status)
        yield Condition(f"({status.sql} OR {REVISED})", status.parameters, exact=False)
    if where.tag is not None:
        tag = among("t.value", where.tag)
        carries = f"EXISTS (SELECT 1 FROM json_each(ifnull(c.tags, '[]')) t WHERE {tag.sql})"
        yield Condition(f"({carries} OR {REVISED})", tag.parameters, exact=False)
    if where.property is not None:
        yield from map(_property, where.property)
    if where.and_ is not None:
        yield from map(entity_condition, where.and_)
    if where.or_ is not None:
        yield joined(map(entity_condition, where.or_), "OR", "false")
    if where.not_ is not None:
        yield _not(entity_condition(where.not_))


def association_condition(where: AssociationFilter | None) -> Condition:
    """A filter as a condition on `association a`."""
    return Condition("true") if where is None else joined(_association_parts(where), "AND", "true")


def _association_parts(where: AssociationFilter) -> Iterable[Condition]:
    if where.type is not None:
        yield Condition(f"a.type IN ({', '.join(str(TYPE_CODES[type]) for type in where.type)})")
    yield from _text("nullif(a.role, '')", where.role)
    yield from _time("a.occurred_at", where.occurred_at)
    yield from _time("a.recorded_at", where.recorded_at)
    if where.property:
        yield _WIDE
    if where.not_ is not None:
        yield _not(association_condition(where.not_))
