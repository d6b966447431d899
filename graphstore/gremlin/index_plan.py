"""Plans which entities the mixed index finds for a question: all that can match, and possibly more.

A filter becomes alternatives, each a conjunction of tests that the index runs. A filter that is empty, or has only
conditions on kinds, `not`, `ne` of a field or `exists: false`, has no alternatives: the engine scans the entities. The
steps of the filter and the records then decide.

The index keeps values and words that revisions changed, next to the new ones, so that it serves every moment. It also
keeps values that a scope hides; the steps and the records leave these out.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.process.traversal import P
from gremlin_python.statics import long

from lineal.graphstore import index_terms
from lineal.graphstore.filter_compiler import compiled_entity_filter
from lineal.graphstore.filter_expressions import (
    ENTITY_OPERATORS,
    Atom,
    EntityField,
    Expression,
    Operator,
    Row,
    Table,
    checked,
    conjuncts,
    translated,
)
from lineal.graphstore.full_text import words_of
from lineal.graphstore.gremlin import patterns
from lineal.graphstore.gremlin.client import g
from lineal.graphstore.gremlin.filter_steps import FOLDED
from lineal.graphstore.gremlin.mixed_index import INDEXED_TERM, WORDS, in_index, indexed, kind_term, token
from lineal.graphstore.gremlin.predicates import has_word, is_like, starts_with
from lineal.graphstore.gremlin.vertex_ids import GROUP, number_of_group
from lineal.graphstore.kinds import PropertyType
from lineal.graphstore.queries import Find

MOST_ALTERNATIVES: Final = 64
"""A condition that would multiply the alternatives beyond this is left to the steps of the filter."""
_MOST_VALUES: Final = 250
"""The most values of one test; more become alternatives."""
_MOST_VALUES_OF_QUERY: Final = 1000
"""The most values that Lucene accepts in one query."""
_LONGEST_BEGIN: Final = 300
"""The longest text before a pattern: a property key may be long."""


@dataclass(frozen=True, slots=True)
class IndexTest:
    """A test that one value of a vertex property must pass; `size` is the number of values in the test."""

    key: str
    test: Any
    size: int = 1


Alternative: TypeAlias = tuple[IndexTest, ...]
"""Tests that must all pass."""
Alternatives: TypeAlias = tuple[Alternative, ...]
"""At least one must hold; if there are none, nothing matches."""


def alternatives_of(question: Find, groups: Sequence[int] | None) -> Alternatives | None:
    """Return the alternatives in which an entity may match a question; None if the index does not narrow them.

    `groups` are the numbers of groups, if few, such that every readable entity is in at least one of them.
    """
    where = compiled_entity_filter(question.where)
    parts = [_of_expression(part) for part in conjuncts(where.rest)]
    parts += [_one(in_index(WORDS), has_word(token(word))) for word in dict.fromkeys(words_of(question.search or ""))]
    if question.within is not None:
        parts.append(_one(in_index(GROUP), number_of_group(question.within)))
    alternatives = narrowed(parts, groups)
    if alternatives is None or where.codes is None:
        return alternatives
    return narrowed([alternatives, _among(INDEXED_TERM, [kind_term(code) for code in sorted(where.codes)])], None)


def narrowed(parts: Iterable[Alternatives | None], groups: Sequence[int] | None) -> Alternatives | None:
    """Return the alternatives in which all parts hold, for entities in at least one of these groups."""
    return _all_of([*parts, None if groups is None else _among(in_index(GROUP), [long(group) for group in groups])])


def having_key(key: str) -> Alternatives:
    """Return the alternatives of the entities that were ever recorded or revised with a property key."""
    return _beginning(index_terms.of_key(key))


def vertices_by_index(alternatives: Alternatives, unindexed: Sequence[long]) -> GraphTraversal:
    """Return the vertices that the mixed index finds, and those that it may not show yet, without duplicates.

    Deleted vertices that the index still shows are left out.
    """
    # Not `has`: JanusGraph would make it a part of its query of the index, which has no records.
    exists = __.values("record").is_(P.neq(""))
    # A union: JanusGraph makes no later steps a part of its query, which has only properties of the index.
    starts = [_in_index(__.V(), alternative) for alternative in alternatives] + (
        [__.V(list(unindexed))] if unindexed else []
    )
    return g.inject(0).union(*starts).dedup().where(exists)


def named_in_index(names: Collection[str], unindexed: Sequence[long]) -> GraphTraversal:
    """Return the entities with these names that the index finds, and those it may not show yet, without duplicates."""
    named = P.within(sorted(names))
    starts = [indexed(__.V()).has(in_index("name"), named)]
    if unindexed:
        starts.append(__.V(list(unindexed)).has("name", named))
    return g.inject(0).union(*starts).dedup()


def vertices_by_term(alternatives: Alternatives) -> GraphTraversal | None:
    """Return the vertices, if the graph only has an index of single terms; None if terms do not find all of them."""
    by_term = [
        next((test for test in tests if test.key == INDEXED_TERM and isinstance(test.test, str)), None)
        for tests in alternatives
    ]
    vertices = [__.V().has(test.key, test.test) for test in by_term if test is not None]
    return g.inject(0).union(*vertices).dedup() if vertices and len(vertices) == len(alternatives) else None


def _in_index(vertices: GraphTraversal, tests: Alternative) -> GraphTraversal:
    vertices, size = indexed(vertices), 0
    for test in tests:
        size += test.size
        if size <= _MOST_VALUES_OF_QUERY:
            vertices = vertices.has(test.key, test.test)
    return vertices


# -- combining --


def _of_expression(expression: Expression) -> Alternatives | None:
    return translated(
        expression, lambda atom: INDEX_TABLE[atom.field][atom.operator](atom), _all_of, _any_of, lambda part: None
    )


def _one(key: str, test: Any) -> Alternatives:
    return ((IndexTest(key, test),),)


def _among(key: str, values: Sequence[Any]) -> Alternatives:
    if len(values) == 1:
        return _one(key, values[0])
    chunks = [list(values[at : at + _MOST_VALUES]) for at in range(0, len(values), _MOST_VALUES)]
    return tuple((IndexTest(key, P.within(chunk), len(chunk)),) for chunk in chunks)


def _all_of(parts: Iterable[Alternatives | None]) -> Alternatives | None:
    combined: Alternatives | None = None
    for part in sorted((part for part in parts if part is not None), key=len):
        if combined is None:
            combined = part
        elif len(combined) * len(part) <= MOST_ALTERNATIVES:
            combined = tuple((*one, *other) for one in combined for other in part)
    return combined


def _any_of(parts: Iterable[Alternatives | None]) -> Alternatives | None:
    combined: Alternatives = ()
    for part in parts:
        if part is None:
            return None
        combined += part
    return combined


# -- rows of the table --


class _OwnProperty:
    """A text in a property of the index."""

    def __init__(self, name: str) -> None:
        self.name = in_index(name)

    def among(self, texts: Iterable[str]) -> Alternatives:
        return _among(self.name, sorted(texts))

    def starting(self, text: str) -> Alternatives:
        return _one(self.name, starts_with(text))

    def containing(self, part: str) -> Alternatives:
        return _one(self.name, is_like(patterns.holding(part)))


class _Term:
    """A text in a term, after `begin`."""

    def __init__(self, begin: str) -> None:
        self.begin = begin

    def among(self, texts: Iterable[str]) -> Alternatives:
        return _among(INDEXED_TERM, [self.begin + index_terms.text_or_cut(text) for text in sorted(texts)])

    def starting(self, text: str) -> Alternatives:
        return _beginning(self.begin + index_terms.text_of(text[: index_terms.MOST_BYTES // 4]))

    def containing(self, part: str) -> Alternatives:
        if not part or len(self.begin) > _LONGEST_BEGIN:
            return _beginning(self.begin)
        part_or_cut = f"{patterns.holding(index_terms.text_of(part))}|{patterns.holding(index_terms.CUT)}"
        return _one(INDEXED_TERM, is_like(f"{patterns.literal(self.begin)}({part_or_cut})"))


def _beginning(begin: str) -> Alternatives:
    return _one(INDEXED_TERM, starts_with(begin))


def _words(name: str) -> Row[Alternatives | None]:
    return {Operator.IN: lambda atom: _among(in_index(name), sorted(atom.operand))}


def _text(plain: _OwnProperty | _Term, folded: _OwnProperty | _Term) -> Row[Alternatives | None]:
    def row(tests: Callable[[Any, Any], Alternatives]) -> Callable[[Atom], Alternatives]:
        # The case-folded text is in the index only where it differs from the text.
        return lambda atom: (*tests(plain, atom.operand), *(tests(folded, atom.operand) if atom.folded else ()))

    return {
        Operator.IN: row(lambda tests, texts: tests.among(texts)),
        Operator.STARTS_WITH: row(lambda tests, text: tests.starting(text)),
        Operator.CONTAINS: row(lambda tests, text: tests.containing(text)),
        Operator.EXISTS: lambda atom: plain.starting(""),
    }


def _own_text(name: str) -> Row[Alternatives | None]:
    return _text(_OwnProperty(name), _OwnProperty(name + FOLDED))


def _term_text(field: str) -> Row[Alternatives | None]:
    """Return the row of a text that may be too long for a property of the index."""
    letter = index_terms.FIELDS[field]
    return _text(_Term(f"{letter}:"), _Term(f"{letter}{index_terms.FOLDED}:"))


def _time(name: str) -> Row[Alternatives | None]:
    def within(atom: Atom) -> Alternatives | None:
        times = atom.operand
        low = (P.gte if times.includes_low else P.gt, times.low)
        high = (P.lte if times.includes_high else P.lt, times.high)
        return _all_of(_one(in_index(name), test(long(time))) for test, time in (low, high) if time is not None)

    return {Operator.RANGE: within}


def _occurred(atom: Atom) -> Alternatives | None:
    """Return alternatives that include all entities that a later batch moved to an earlier time."""
    within = _time("occurred_at")[Operator.RANGE](atom)
    return None if within is None else (*within, *_one(INDEXED_TERM, index_terms.MOVED))


def _property_text(atom: Atom) -> _Term:
    return _Term(index_terms.of_type(atom.key, PropertyType.STRING))


def _property_within(atom: Atom) -> Alternatives:
    """Return alternatives for both bounds at once: a value is one term, so one test has to hold both."""
    alternatives: Alternatives = ()
    for type, values in atom.operand:
        pattern = patterns.between(_bound_text(values.low), _bound_text(values.high))
        begin = index_terms.of_type(atom.key, type)
        if pattern is not None and len(begin) > _LONGEST_BEGIN:
            alternatives += _beginning(begin)
        elif pattern is not None:
            alternatives += _one(INDEXED_TERM, is_like(patterns.literal(begin) + pattern))
    return alternatives


def _bound_text(bound: str | int | float | None) -> str:
    """Return the beginning of the text of a bound in a term; "" without a bound."""
    if bound is None:
        return ""
    if isinstance(bound, str):
        return index_terms.text_of(bound[: patterns.LONGEST_PLACE])
    return index_terms.number_of(bound)


def _terms(term: Callable[[Any], str]) -> Row[Alternatives | None]:
    return {Operator.IN: lambda atom: _among(INDEXED_TERM, sorted(map(term, atom.operand)))}


def _property_among(atom: Atom) -> Alternatives:
    terms = (index_terms.of_value(atom.key, type, value) for type, value in atom.operand)
    return _among(INDEXED_TERM, sorted(terms))


INDEX_TABLE: Final[Table[Alternatives | None]] = checked(
    {
        EntityField.URN: _own_text("urn"),
        EntityField.NAME: _own_text("name"),
        EntityField.SOURCE_URI: _term_text("source_uri"),
        EntityField.VERSION: _own_text("version"),
        EntityField.PROPERTY: {
            Operator.IN: _property_among,
            Operator.STARTS_WITH: lambda atom: _property_text(atom).starting(atom.operand),
            Operator.CONTAINS: lambda atom: _property_text(atom).containing(atom.operand),
            Operator.RANGE: _property_within,
            Operator.EXISTS: lambda atom: having_key(atom.key),
        },
        EntityField.TAG: _terms(index_terms.of_tag),
        EntityField.TYPE: _words("type"),
        EntityField.STATUS: _terms(index_terms.of_status),
        EntityField.OCCURRED_AT: {Operator.RANGE: _occurred},
        EntityField.RECORDED_AT: _time("recorded_at"),
        EntityField.RECORDED_BY: _term_text("recorded_by"),
        # A kind alone would find most entities: kinds only narrow what other conditions find.
        EntityField.KIND: {Operator.IN: lambda atom: None},
        EntityField.ACCOUNT: _words("account"),
    },
    ENTITY_OPERATORS,
)
