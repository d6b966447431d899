"""Filters on entities as steps that the engine takes itself.

What no revision changes stands in properties of the vertex. Status, tags and properties stand as terms (see `terms`):
exactly, but for a vertex that is `widened`. Such a one holds the terms of its revisions too, whatever became of them,
or a text too long for a term; of it a condition tells only that it may match, and its record has to be looked at.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.process.traversal import P, TextP
from gremlin_python.statics import long

from lineal.graphstore import index_terms
from lineal.graphstore.codes import kind_codes
from lineal.graphstore.gremlin.scope_steps import never
from lineal.graphstore.kinds import NUMBERS, PropertyType
from lineal.graphstore.queries import EntityFilter, Operand, PropertyFilter, StringFilter, TimeFilter
from lineal.graphstore.values import parse_timestamp

FOLDED: Final = "_folded"
"""Ends the names of the properties that hold texts in full case folding, where that differs from the text."""
_LAST: Final = "\x7f"
"""After every character of a term."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What must hold for a match, by what tells; None for what always does.

    `exact` decides over a vertex that is not widened, `may` over one that is: if it does not hold, there is no match.
    `is_settled`: the two are one, and decide over every vertex.
    """

    exact: GraphTraversal | None = None
    may: GraphTraversal | None = None
    is_settled: bool = True


_ALWAYS: Final = Condition()

Showing = Callable[[str], GraphTraversal | None]
"""Whether a property key shows at a vertex; None where it does at all of them."""


def _everywhere(key: str) -> None:
    """A key shows at all vertices, as under a scope of everything."""


def _settled(steps: GraphTraversal) -> Condition:
    return Condition(steps, steps)


def _both(conditions: Iterable[Condition]) -> Condition:
    parts = [each for each in conditions if each != _ALWAYS]
    if len(parts) == 1:
        return parts[0]
    exact = [each.exact for each in parts if each.exact is not None]
    may = [each.may for each in parts if each.may is not None]
    return Condition(
        __.and_(*exact) if exact else None,
        __.and_(*may) if may else None,
        all(each.is_settled for each in parts),
    )


def _any(conditions: list[Condition]) -> Condition:
    if not conditions:
        return _settled(never())
    exact, may = ([getattr(each, name) for each in conditions] for name in ("exact", "may"))
    return Condition(
        None if None in exact else __.or_(*exact),
        None if None in may else __.or_(*may),
        all(each.is_settled for each in conditions),
    )


def _not(condition: Condition) -> Condition:
    exact = never() if condition.exact is None else __.not_(condition.exact)
    return _settled(exact) if condition.is_settled else Condition(exact, None, is_settled=False)


def condition(where: EntityFilter, showing: Showing = _everywhere) -> Condition:
    """A filter as a condition; a property key that does not show behaves as absent."""
    return _both(_parts(where, showing))


def _parts(where: EntityFilter, showing: Showing) -> Iterable[Condition]:
    if where.kind is not None or where.lineage_type is not None:
        codes = kind_codes(EntityFilter(where.kind, where.lineage_type))
        yield _settled(of_kinds(codes or ()))
    for name in ("type", "account"):
        words = getattr(where, name)
        if words is not None:
            yield _settled(__.has(name, P.within(list(words))))
    for name in ("urn", "name", "version", "source_uri", "recorded_by"):
        yield from _text(name, getattr(where, name))
    yield from _time("occurred_at", where.occurred_at)
    yield from _time("recorded_at", where.recorded_at)
    if where.status is not None:
        yield _of_terms([index_terms.of_status(status) for status in where.status])
    if where.tag is not None:
        yield _of_terms([index_terms.of_tag(tag) for tag in where.tag])
    for asked in where.property or ():
        yield from _property(asked, showing(asked.key))
    for each in where.and_ or ():
        yield condition(each, showing)
    if where.or_ is not None:
        yield _any([condition(each, showing) for each in where.or_])
    if where.not_ is not None:
        yield _not(condition(where.not_, showing))


# -- what no revision changes --


def of_kinds(codes: Iterable[int]) -> GraphTraversal:
    """Whether a vertex is of some kind, by the codes of these."""
    return _holds("kind", P.within(sorted(codes)))


def _text(name: str, where: StringFilter | None) -> Iterable[Condition]:
    if where is None:
        return
    if where.exists is not None:
        yield _settled(__.has(name) if where.exists else __.has_not(name))
    if not where.ignore_case:
        for test in _tests(where):
            yield _settled(_holds(name, test))
        return
    folded = name + FOLDED
    for test in _tests(folded_filter(where)):
        alike = __.and_(__.has_not(folded), _holds(name, test))
        yield _settled(__.or_(_holds(folded, test), alike))


def _holds(name: str, test: P) -> GraphTraversal:
    # Not `has`, which JanusGraph may take into a query of its own, that has no such predicates.
    return __.values(name).is_(test)


def folded_filter(where: StringFilter) -> StringFilter:
    """A filter whose texts are folded."""

    def fold(text: str | None) -> str | None:
        return None if text is None else text.casefold()

    among = None if where.in_ is None else tuple(text.casefold() for text in where.in_)
    return StringFilter(fold(where.eq), fold(where.ne), among, fold(where.contains), fold(where.starts_with))


def _tests(where: StringFilter) -> Iterable[Any]:
    if where.eq is not None:
        yield P.eq(where.eq)
    if where.ne is not None:
        yield P.neq(where.ne)
    if where.in_ is not None:
        yield P.within(list(where.in_))
    if where.contains is not None:
        yield TextP.containing(where.contains)
    if where.starts_with is not None:
        yield TextP.starting_with(where.starts_with)


def _time(name: str, where: TimeFilter | None) -> Iterable[Condition]:
    if where is None:
        return
    for compare, bound in ((P.gt, where.gt), (P.gte, where.gte), (P.lt, where.lt), (P.lte, where.lte)):
        if bound is not None:
            yield _settled(__.has(name, compare(long(bound))))


# -- what stands as terms --


def _of_terms(among: list[str]) -> Condition:
    if not among:
        return _settled(never())
    steps = _term(P.within(among))
    return Condition(steps, steps, is_settled=False)


def _term(test: P) -> GraphTraversal:
    return __.values(index_terms.TERM).is_(test)


def _between(least: str, beyond: str) -> P:
    return P.gte(least).and_(P.lt(beyond))


def _property(where: PropertyFilter, shown: GraphTraversal | None) -> Iterable[Condition]:
    shows = _ALWAYS if shown is None else _settled(shown)
    begin = index_terms.of_key(where.key)
    steps = _term(_between(begin, begin + _LAST))
    stands = _both([shows, Condition(steps, steps, is_settled=False)])
    if where.exists is not None:
        yield stands if where.exists else _not(stands)
    if where.ne is not None:
        yield _both([stands, _not(_of_terms(equal_terms(where.key, where.ne)))])
    for asked in _comparisons(where):
        yield _both([shows, asked])


def _comparisons(where: PropertyFilter) -> Iterable[Condition]:
    """What is asked of a value, but that it is another."""
    if where.eq is not None:
        yield _of_terms(equal_terms(where.key, where.eq))
    for operand, sign in ((where.gt, ">"), (where.gte, ">="), (where.lt, "<"), (where.lte, "<=")):
        if operand is not None:
            yield _ordered(where.key, operand, sign)
    if where.in_ is not None:
        yield _of_terms([term for operand in where.in_ for term in equal_terms(where.key, operand)])
    text = index_terms.of_type(where.key, PropertyType.STRING)
    if where.contains is not None:
        part = index_terms.text_of(where.contains)
        steps = _term(TextP.starting_with(text).and_(TextP.containing(part)))
        yield _on_texts(where.key, [steps])
    if where.starts_with is not None:
        yield _on_texts(where.key, [_term(TextP.starting_with(text + index_terms.text_of(where.starts_with)))])


def _on_texts(key: str, ways: list[GraphTraversal]) -> Condition:
    """A condition on the order or the parts of a text, in one of some ways; if it is cut, only its record tells."""
    may = __.or_(*ways, _term(P.eq(index_terms.of_key(key) + index_terms.CUT)))
    return Condition(ways[0] if len(ways) == 1 else __.or_(*ways), may, is_settled=False)


def moment_of_operand(operand: Operand) -> int | None:
    """The time that an operand's text is; None where it is none."""
    try:
        return parse_timestamp(str(operand.value))
    except ValueError:
        return None


def equal_terms(key: str, operand: Operand) -> list[str]:
    """The terms that are equal to an operand: a text may be a time as well."""
    equal = [index_terms.of_value(key, operand.type, operand.value)]
    if operand.type is PropertyType.STRING and (moment := moment_of_operand(operand)) is not None:
        equal.append(index_terms.of_value(key, PropertyType.TIMESTAMP, moment))
    return equal if operand.type is not PropertyType.TIMESTAMP else []


def _ordered(key: str, operand: Operand, sign: str) -> Condition:
    if operand.type in NUMBERS:
        assert not isinstance(operand.value, str)
        steps = _term(_beside(index_terms.of_type(key, operand.type), index_terms.number_of(operand.value), sign))
        return Condition(steps, steps, is_settled=False)
    if operand.type is not PropertyType.STRING:
        return _settled(never())
    ways = [
        _term(_beside(index_terms.of_type(key, PropertyType.STRING), index_terms.text_of(str(operand.value)), sign))
    ]
    if (moment := moment_of_operand(operand)) is not None:
        ways.append(
            _term(_beside(index_terms.of_type(key, PropertyType.TIMESTAMP), index_terms.number_of(moment), sign))
        )
    return _on_texts(key, ways)


def _beside(begin: str, value: str, sign: str) -> P:
    """On one side of a value, among the terms that begin alike."""
    place = begin + value
    match sign:
        case ">":
            return P.gt(place).and_(P.lt(begin + _LAST))
        case ">=":
            return _between(place, begin + _LAST)
        case "<":
            return _between(begin, place)
    return P.gte(begin).and_(P.lte(place))
