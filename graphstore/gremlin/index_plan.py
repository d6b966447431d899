"""Which entities the mixed index names for a question: all that can match, and maybe more.

A filter comes to some ways in which an entity may match it, and each way to things that the index is asked, of which
all must hold. Where a filter comes to none, entities are looked through: nothing is asked, or only kinds, or `not`,
`ne` of a field, or `exists: false`, with nothing beside them. What the engine and the records say then decides.

Values and words that revisions have changed stand in the index beside what changed them, so that it serves every
moment; what a scope hides does too, and is found out afterwards.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.process.traversal import P
from gremlin_python.statics import long

from lineal.graphstore import index_terms
from lineal.graphstore.codes import kind_codes
from lineal.graphstore.full_text import words_of
from lineal.graphstore.gremlin import patterns
from lineal.graphstore.gremlin.client import g
from lineal.graphstore.gremlin.filter_steps import FOLDED, equal_terms, folded_filter, moment_of_operand
from lineal.graphstore.gremlin.mixed_index import WORDS, indexed, of_kind, token
from lineal.graphstore.gremlin.predicates import has_word, is_like, starts_with
from lineal.graphstore.gremlin.vertex_ids import GROUP, number_of_group
from lineal.graphstore.kinds import NUMBERS, PropertyType
from lineal.graphstore.queries import EntityFilter, Find, Operand, PropertyFilter, StringFilter, TimeFilter

MOST_WAYS: Final = 64
"""What would come to more ways is left to be decided afterwards."""
_MOST_NAMED: Final = 250
_MOST_ASKED: Final = 1000
"""Lucene takes so many values in one question."""
_LONGEST_START: Final = 300
"""Before a pattern: the key of a property may be long."""
_OF_TERMS: Final = ("source_uri", "recorded_by")
"""The fields whose texts may be too long for an index: they stand in terms."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A key, and the test that one of its values must pass; `size` is how many values that names."""

    key: str
    test: Any
    size: int = 1


Way = tuple[Asked, ...]
Ways = tuple[Way, ...]
"""One of them must hold; none: nothing matches."""


def ways_of(question: Find, groups: Sequence[int] | None) -> Ways | None:
    """The ways in which an entity may match a question; None where the index does not tell.

    `groups` are the numbers of those that every readable entity is in some of, where these are few.
    """
    parts = list(_parts(question.where))
    parts += [_one(WORDS, has_word(token(word))) for word in dict.fromkeys(words_of(question.search or ""))]
    if question.within is not None:
        parts.append(_one(GROUP, number_of_group(question.within)))
    ways = narrowed(parts, groups)
    codes = kind_codes(EntityFilter(question.where.kind, question.where.lineage_type))
    if ways is None or codes is None:
        return ways
    return narrowed([ways, _among(index_terms.TERM, [of_kind(code) for code in sorted(codes)])], None)


def narrowed(parts: Iterable[Ways | None], groups: Sequence[int] | None) -> Ways | None:
    """The ways in which all parts hold that are known, of entities in some groups by the numbers of these."""
    return _all([*parts, None if groups is None else _among(GROUP, [long(group) for group in groups])])


def start(ways: Ways, unindexed: Sequence[long]) -> GraphTraversal:
    """The vertices that the mixed index names, and those that it may not show yet, each once.

    What stood in it for a vertex that is gone is left out.
    """
    # Not `has`, which JanusGraph would take into its query of the index, which knows nothing of records.
    stands = __.values("record").is_(P.neq(""))
    if len(ways) == 1 and not unindexed:
        return _in_index(g.V(), ways[0]).where(stands)
    starts = [_in_index(__.V(), way) for way in ways] + ([__.V(list(unindexed))] if unindexed else [])
    return g.inject(0).union(*starts).dedup().where(stands)


def named_in_index(names: Collection[str], unindexed: Sequence[long]) -> GraphTraversal:
    """The entities of some names, that the index names or may not show yet, each once."""
    named = P.within(sorted(names))
    if not unindexed:
        return indexed(g.V()).has("name", named)
    return g.inject(0).union(indexed(__.V()).has("name", named), __.V(list(unindexed)).has("name", named)).dedup()


def start_by_term(ways: Ways) -> GraphTraversal | None:
    """The same where the graph has no index but that of single terms; None where they do not name all."""
    found = [
        next((each for each in way if each.key == index_terms.TERM and isinstance(each.test, str)), None)
        for way in ways
    ]
    vertices = [__.V().has(each.key, each.test) for each in found if each is not None]
    return g.inject(0).union(*vertices).dedup() if vertices and len(vertices) == len(ways) else None


def _in_index(vertices: GraphTraversal, way: Way) -> GraphTraversal:
    vertices, size = indexed(vertices), 0
    for each in way:
        size += each.size
        if size <= _MOST_ASKED:
            vertices = vertices.has(each.key, each.test)
    return vertices


# -- putting together --


def _one(key: str, test: Any) -> Ways:
    return ((Asked(key, test),),)


def _among(key: str, values: Sequence[Any]) -> Ways:
    if len(values) == 1:
        return _one(key, values[0])
    some = [list(values[at : at + _MOST_NAMED]) for at in range(0, len(values), _MOST_NAMED)]
    return tuple((Asked(key, P.within(each), len(each)),) for each in some)


def _all(parts: Iterable[Ways | None]) -> Ways | None:
    whole: Ways | None = None
    for part in sorted((part for part in parts if part is not None), key=len):
        if whole is None:
            whole = part
        elif len(whole) * len(part) <= MOST_WAYS:
            whole = tuple((*one, *other) for one in whole for other in part)
    return whole


def _either(parts: Iterable[Ways | None]) -> Ways | None:
    whole: Ways = ()
    for part in parts:
        if part is None:
            return None
        whole += part
    return whole


def _parts(where: EntityFilter) -> Iterable[Ways | None]:
    for key in ("type", "account"):
        if (words := getattr(where, key)) is not None:
            yield _among(key, words)
    for name in ("urn", "name", "version", *_OF_TERMS):
        if (text := getattr(where, name)) is not None:
            yield from _text(name, text)
    yield from _time("occurred_at", where.occurred_at)
    yield from _time("recorded_at", where.recorded_at)
    if where.status is not None:
        yield _among(index_terms.TERM, [index_terms.of_status(status) for status in where.status])
    if where.tag is not None:
        yield _among(index_terms.TERM, [index_terms.of_tag(tag) for tag in where.tag])
    for asked in where.property or ():
        yield from _property(asked)
    for each in where.and_ or ():
        yield from _parts(each)
    if where.or_ is not None:
        yield _either([_all(_parts(each)) for each in where.or_])


# -- what no revision changes --


class _Own:
    """A text that stands in a property of its own."""

    def __init__(self, name: str, suffix: str) -> None:
        self.key = name + suffix

    def equal(self, texts: Sequence[str]) -> Ways:
        return _among(self.key, texts)

    def starting(self, text: str) -> Ways:
        return _one(self.key, starts_with(text))

    def holding(self, part: str) -> Ways:
        return _one(self.key, is_like(patterns.holding(part)))


class _Term:
    """A text that stands in a term, of which all begin alike."""

    def __init__(self, begin: str) -> None:
        self.begin = begin

    def equal(self, texts: Sequence[str]) -> Ways:
        return _among(index_terms.TERM, [self.begin + index_terms.text_or_cut(text) for text in texts])

    def starting(self, text: str) -> Ways:
        return _beginning(self.begin + index_terms.text_of(text[: index_terms.MOST_BYTES // 4]))

    def holding(self, part: str) -> Ways:
        if not part or len(self.begin) > _LONGEST_START:
            return _beginning(self.begin)
        ways = f"{patterns.holding(index_terms.text_of(part))}|{patterns.holding(index_terms.CUT)}"
        return _one(index_terms.TERM, is_like(f"{patterns.literal(self.begin)}({ways})"))


def _beginning(begin: str) -> Ways:
    return _one(index_terms.TERM, starts_with(begin))


def _place(name: str, *, is_folded: bool) -> _Own | _Term:
    if name in _OF_TERMS:
        return _Term(f"{index_terms.FIELDS[name]}{index_terms.FOLDED if is_folded else ''}:")
    return _Own(name, FOLDED if is_folded else "")


def _text(name: str, where: StringFilter) -> Iterable[Ways]:
    own = _place(name, is_folded=False)
    if where.exists:
        yield own.starting("")
    if not where.ignore_case:
        yield from _operators(own, where)
        return
    # The folded text stands only where it is another.
    asked, folded = folded_filter(where), _place(name, is_folded=True)
    for one, other in zip(_operators(own, asked), _operators(folded, asked), strict=True):
        yield (*one, *other)


def _operators(place: _Own | _Term, where: StringFilter) -> Iterable[Ways]:
    if where.eq is not None:
        yield place.equal([where.eq])
    if where.in_ is not None:
        yield place.equal(where.in_)
    if where.contains is not None:
        yield place.holding(where.contains)
    if where.starts_with is not None:
        yield place.starting(where.starts_with)


def _time(name: str, where: TimeFilter | None) -> Iterable[Ways]:
    if where is None:
        return
    for compare, bound in ((P.gt, where.gt), (P.gte, where.gte), (P.lt, where.lt), (P.lte, where.lte)):
        if bound is not None:
            yield _one(name, compare(long(bound)))


# -- properties --


def bearing(key: str) -> Ways:
    """The entities that ever had a property of a key."""
    return _beginning(index_terms.of_key(key))


def _property(where: PropertyFilter) -> Iterable[Ways]:
    text = _Term(index_terms.of_type(where.key, PropertyType.STRING))
    if where.exists or where.ne is not None:
        yield bearing(where.key)
    if where.eq is not None:
        yield _among(index_terms.TERM, equal_terms(where.key, where.eq))
    if where.in_ is not None:
        yield _among(index_terms.TERM, [term for operand in where.in_ for term in equal_terms(where.key, operand)])
    if where.contains is not None:
        yield text.holding(where.contains)
    if where.starts_with is not None:
        yield text.starting(where.starts_with)
    least = [operand for operand in (where.gt, where.gte) if operand is not None]
    most = [operand for operand in (where.lt, where.lte) if operand is not None]
    if least or most:
        yield _ranges(where.key, least, most)


def _ranges(key: str, least: Sequence[Operand], most: Sequence[Operand]) -> Ways:
    """Where the values lie between all bounds: a value is one term, so it lies between all of them at once."""
    texts = [_texts(operand) for operand in (*least, *most)]
    ways: Ways = ()
    for type in dict.fromkeys(type for each in texts for type in each):
        if all(type in each for each in texts):
            lows, highs = [each[type] for each in texts[: len(least)]], [each[type] for each in texts[len(least) :]]
            ways += _range(index_terms.of_type(key, type), max(lows, default=""), min(highs, default=""))
    return ways


def _range(begin: str, least: str, most: str) -> Ways:
    pattern = patterns.between(least, most)
    if pattern is None:
        return ()
    if len(begin) > _LONGEST_START:
        return _beginning(begin)
    return _one(index_terms.TERM, is_like(patterns.literal(begin) + pattern))


def _texts(operand: Operand) -> dict[PropertyType, str]:
    """What an operand is compared with, by the types of values it has an order with: a text may be a time as well."""
    if operand.type in NUMBERS:
        assert not isinstance(operand.value, str)
        return {PropertyType.FLOAT: index_terms.number_of(operand.value)}
    if operand.type is not PropertyType.STRING:
        return {}
    texts = {PropertyType.STRING: index_terms.text_of(str(operand.value)[: patterns.LONGEST_PLACE])}
    moment = moment_of_operand(operand)
    return texts if moment is None else texts | {PropertyType.TIMESTAMP: index_terms.number_of(moment)}
