"""Translates filters on entities to steps that the engine runs itself.

Fields that revisions cannot change are properties of the vertex. Status, tags and properties are terms (see
`index_terms`), which decide unless the vertex is `widened`: a widened vertex also holds the terms of its revisions,
or a text that is too long for a term. For a widened vertex the terms only exclude; its record decides.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final

from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.process.traversal import P, TextP
from gremlin_python.statics import long

from lineal.graphstore import index_terms
from lineal.graphstore.codes import kind_codes
from lineal.graphstore.filter_expressions import (
    ENTITY_OPERATORS,
    Atom,
    EntityField,
    Expression,
    Operator,
    Range,
    Row,
    Table,
    checked,
    translated,
)
from lineal.graphstore.gremlin.mixed_index import all_terms
from lineal.graphstore.gremlin.scope_steps import never
from lineal.graphstore.kinds import PropertyType

FOLDED: Final = "_folded"
"""Ends the name of a vertex property that holds a text case-folded, where that differs from the text."""
_LAST: Final = "\x7f"
"""Sorts after every character of a term."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A filter as steps; None for steps that every vertex passes.

    `exact` decides over a vertex that is not widened. A widened vertex that does not pass `may` does not match; of
    one that does, the record decides. `is_settled`: both are the same steps, and decide over every vertex.
    """

    exact: GraphTraversal | None = None
    may: GraphTraversal | None = None
    is_settled: bool = True


_ALWAYS: Final = Condition()

Showing = Callable[[str], GraphTraversal | None]
"""From a property key to the steps that a vertex passes where the scope shows the key; None where all vertices do."""


def condition(where: Expression, showing: Showing, known_from: Callable[[], GraphTraversal]) -> Condition:
    """A filter as steps; a property that the scope hides is absent, and an entity occurs when it is known from."""

    def of_atom(atom: Atom) -> Condition:
        if atom.field is EntityField.OCCURRED_AT:
            return _settled(__.where(known_from().is_(_within(atom.operand))))
        steps = STEP_TABLE[atom.field][atom.operator](atom)
        if atom.field is not EntityField.PROPERTY or (shown := showing(atom.key)) is None:
            return steps
        return _all_of([_settled(shown), steps])

    return translated(where, of_atom, _all_of, _any_of, _negated)


def of_kinds(codes: Iterable[int]) -> GraphTraversal:
    """The steps that a vertex passes if it is of one of some kinds, by the codes of the kinds."""
    return _holds("kind", P.within(sorted(codes)))


def _settled(steps: GraphTraversal) -> Condition:
    return Condition(steps, steps)


def _unsettled(steps: GraphTraversal) -> Condition:
    return Condition(steps, steps, is_settled=False)


def _all_of(conditions: Iterable[Condition]) -> Condition:
    parts = [part for part in conditions if part != _ALWAYS]
    if len(parts) == 1:
        return parts[0]
    exact = [part.exact for part in parts if part.exact is not None]
    may = [part.may for part in parts if part.may is not None]
    return Condition(
        __.and_(*exact) if exact else None,
        __.and_(*may) if may else None,
        all(part.is_settled for part in parts),
    )


def _any_of(conditions: list[Condition]) -> Condition:
    if not conditions:
        return _settled(never())
    exact, may = [part.exact for part in conditions], [part.may for part in conditions]
    return Condition(
        None if None in exact else __.or_(*exact),
        None if None in may else __.or_(*may),
        all(part.is_settled for part in conditions),
    )


def _negated(part: Condition) -> Condition:
    exact = never() if part.exact is None else __.not_(part.exact)
    return _settled(exact) if part.is_settled else Condition(exact, None, is_settled=False)


# -- rows of properties of the vertex --


def _holds(name: str, test: P) -> GraphTraversal:
    # Not `has`, which JanusGraph may take into a query of its own, that has no such predicates.
    return __.values(name).is_(test)


def _words(name: str) -> Row[Condition]:
    """A property that holds one word."""
    return {Operator.IN: lambda atom: _settled(__.has(name, P.within(sorted(atom.operand))))}


def _text(name: str) -> Row[Condition]:
    """A property that holds a text; its case-folded form is a property of its own, only where it differs."""
    folded = name + FOLDED

    def row(test: Callable[[Any], P]) -> Callable[[Atom], Condition]:
        def of(atom: Atom) -> Condition:
            holds = _holds(name, test(atom.operand))
            if not atom.folded:
                return _settled(holds)
            unchanged = __.and_(__.has_not(folded), holds)
            return _settled(__.or_(_holds(folded, test(atom.operand)), unchanged))

        return of

    return {
        Operator.IN: row(lambda texts: P.eq(*texts) if len(texts) == 1 else P.within(sorted(texts))),
        Operator.STARTS_WITH: row(TextP.starting_with),
        Operator.CONTAINS: row(TextP.containing),
        Operator.EXISTS: lambda atom: _settled(__.has(name)),
    }


def _time(name: str) -> Row[Condition]:
    """A property that holds a time."""

    return {Operator.RANGE: lambda atom: _settled(_holds(name, _within(atom.operand)))}


def _within(times: Range) -> P:
    low = (P.gte if times.includes_low else P.gt, times.low)
    high = (P.lte if times.includes_high else P.lt, times.high)
    tests = [test(long(time)) for test, time in (low, high) if time is not None]
    return reduce(P.and_, tests)


# -- rows of terms --


def _term(test: P) -> GraphTraversal:
    return all_terms().is_(test)


def _among_terms(terms: Iterable[str]) -> Condition:
    return _unsettled(_term(P.within(sorted(terms))))


def _property_starting(atom: Atom) -> Condition:
    begin = index_terms.of_type(atom.key, PropertyType.STRING)
    return _of_texts(atom.key, [_term(TextP.starting_with(begin + index_terms.text_of(atom.operand)))])


def _property_containing(atom: Atom) -> Condition:
    begin, part = index_terms.of_type(atom.key, PropertyType.STRING), index_terms.text_of(atom.operand)
    return _of_texts(atom.key, [_term(TextP.starting_with(begin).and_(TextP.containing(part)))])


def _property_within(atom: Atom) -> Condition:
    ways = [_term(_between(index_terms.of_type(atom.key, type), values)) for type, values in atom.operand]
    if PropertyType.STRING in dict(atom.operand):
        return _of_texts(atom.key, ways)
    return _unsettled(_any_steps(ways))


def _property_exists(atom: Atom) -> Condition:
    return _unsettled(_term(_between(index_terms.of_key(atom.key), Range())))


def _of_texts(key: str, ways: list[GraphTraversal]) -> Condition:
    """The condition that one of some ways holds, which compare the order or the parts of a text.

    The vertex of a text that is cut is widened, and its record decides.
    """
    is_cut = _term(P.eq(index_terms.of_key(key) + index_terms.CUT))
    return Condition(_any_steps(ways), __.or_(*ways, is_cut), is_settled=False)


def _any_steps(ways: list[GraphTraversal]) -> GraphTraversal:
    return ways[0] if len(ways) == 1 else __.or_(*ways)


def _between(begin: str, values: Range) -> P:
    """The test that a term begins so, and that its value lies within a range."""
    low = begin if values.low is None else begin + _place(values.low)
    high = begin + (_LAST if values.high is None else _place(values.high))
    above = P.gte if values.low is None or values.includes_low else P.gt
    below = P.lte if values.includes_high else P.lt
    return above(low).and_(below(high))


def _place(value: str | int | float) -> str:
    """A value as the text that its term holds."""
    return index_terms.text_of(value) if isinstance(value, str) else index_terms.number_of(value)


STEP_TABLE: Final[Table[Condition]] = checked(
    {
        EntityField.URN: _text("urn"),
        EntityField.NAME: _text("name"),
        EntityField.SOURCE_URI: _text("source_uri"),
        EntityField.VERSION: _text("version"),
        EntityField.PROPERTY: {
            Operator.IN: lambda atom: _among_terms(index_terms.of_value(atom.key, *value) for value in atom.operand),
            Operator.STARTS_WITH: _property_starting,
            Operator.CONTAINS: _property_containing,
            Operator.RANGE: _property_within,
            Operator.EXISTS: _property_exists,
        },
        EntityField.TAG: {Operator.IN: lambda atom: _among_terms(map(index_terms.of_tag, atom.operand))},
        EntityField.TYPE: _words("type"),
        EntityField.STATUS: {Operator.IN: lambda atom: _among_terms(map(index_terms.of_status, atom.operand))},
        EntityField.OCCURRED_AT: _time("occurred_at"),
        EntityField.RECORDED_AT: _time("recorded_at"),
        EntityField.RECORDED_BY: _text("recorded_by"),
        EntityField.KIND: {Operator.IN: lambda atom: _settled(of_kinds(kind_codes(atom.operand)))},
        EntityField.ACCOUNT: _words("account"),
    },
    ENTITY_OPERATORS,
)
