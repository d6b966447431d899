"""Pages of entities, of property keys, and exports, from the graph.

Conditions on what no revision changes are put to the engine; the others are verified on the records.
"""

from collections import Counter
from collections.abc import Iterable
from functools import reduce
from typing import Final

from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.process.traversal import Order, P, TextP
from gremlin_python.statics import long

from lineal.graphstore.batches import NewAssociation, NewEntity, NewRevision
from lineal.graphstore.codes import KIND_CODES, kind_codes
from lineal.graphstore.filters import matches_entity
from lineal.graphstore.gremlin.keys import key_of_urn
from lineal.graphstore.gremlin.reading import Reading
from lineal.graphstore.gremlin.server import g
from lineal.graphstore.kinds import LineageDirection
from lineal.graphstore.queries import EntityFilter, EntityOrder, Find, PropertyKeys, StringFilter, TimeFilter
from lineal.graphstore.standing import as_new_association, as_new_entity, as_new_revision
from lineal.graphstore.store import EntityPage
from lineal.graphstore.walking.crossings import Crossings
from lineal.graphstore.walking.pages import in_order
from lineal.graphstore.walking.reaching import kinds

PROPERTY_KEY: Final = "property_key"


class Inexact(Exception):
    """The engine cannot say this condition."""


def _texts(name: str, where: StringFilter | None) -> Iterable[GraphTraversal]:
    if where is None:
        return
    if where.exists is not None:
        yield __.has(name) if where.exists else __.has_not(name)
    if where.ignore_case and where != StringFilter(exists=where.exists, ignore_case=True):
        raise Inexact
    if where.eq is not None:
        yield __.has(name, where.eq)
    if where.ne is not None:
        yield __.has(name, P.neq(where.ne))
    if where.in_ is not None:
        yield __.has(name, P.within(list(where.in_)))
    if where.contains is not None:
        # A `has` JanusGraph may take into its own query, which has no such predicates.
        yield __.values(name).is_(TextP.containing(where.contains))
    if where.starts_with is not None:
        yield __.values(name).is_(TextP.starting_with(where.starts_with))


def _times(name: str, where: TimeFilter | None) -> Iterable[GraphTraversal]:
    if where is None:
        return
    for compare, bound in ((P.gt, where.gt), (P.gte, where.gte), (P.lt, where.lt), (P.lte, where.lte)):
        if bound is not None:
            yield __.has(name, compare(long(bound)))


def _conditions(where: EntityFilter) -> Iterable[GraphTraversal]:
    """The filter, but for its kinds, as steps that all must hold. Raises Inexact."""
    asked = (where.type, where.source_uri, where.status, where.tag, where.property)
    if any(each is not None for each in asked):
        raise Inexact
    if where.account is not None:
        yield __.has("account", P.within(list(where.account)))
    for name in ("urn", "name", "version", "recorded_by"):
        yield from _texts(name, getattr(where, name))
    yield from _times("occurred_at", where.occurred_at)
    yield from _times("recorded_at", where.recorded_at)
    for each in where.and_ or ():
        yield from _nested(each)
    if where.or_ is not None:
        yield __.or_(*(_all(each) for each in where.or_)) if where.or_ else __.has_not("urn")
    if where.not_ is not None:
        yield __.not_(_all(where.not_))


def _nested(where: EntityFilter) -> Iterable[GraphTraversal]:
    if where.kind is not None or where.lineage_type is not None:
        codes = kind_codes(EntityFilter(where.kind, where.lineage_type))
        yield __.has("kind", P.within(sorted(codes or ())))
    yield from _conditions(where)


def _all(where: EntityFilter) -> GraphTraversal:
    steps = list(_nested(where))
    return __.and_(*steps) if steps else __.identity()


def _matches(reading: Reading, where: EntityFilter) -> tuple[GraphTraversal, bool]:
    """The vertices of a view that match, and whether it is they exactly; if not, there may be more."""
    codes = kind_codes(EntityFilter(where.kind, where.lineage_type))
    given = sorted(KIND_CODES.values() if codes is None else codes)
    vertices = reading.on_time(g.V().has("kind", P.within(given)))
    try:
        return reduce(lambda steps, each: steps.where(each), _conditions(where), vertices), True
    except Inexact:
        return vertices, False


def find_page(reading: Reading, question: Find) -> EntityPage:
    """One page of the entities that match."""
    codes = kind_codes(EntityFilter(question.where.kind, question.where.lineage_type))
    if reading.sees_nothing or codes == frozenset():
        return EntityPage((), 0, {}, False)
    return _page_found(reading, question) if _matches(reading, question.where)[1] else _page_verified(reading, question)


def _page_found(reading: Reading, question: Find) -> EntityPage:
    counted = _matches(reading, question.where)[0].group_count().by("kind")
    ordered = _beyond(_matches(reading, question.where)[0], question)
    ordered = ordered.order().by("urn") if question.order is EntityOrder.URN else _newest_first(ordered)
    (counts,), found = reading.server.wait(counted, ordered.limit(question.first + 1).values("urn"))
    keys = [key_of_urn(urn) for urn in found]
    entities = reading.entities(keys[: question.first])
    items = tuple(entities[key] for key in keys[: question.first])
    counter: Counter[int] = Counter(counts)
    return EntityPage(items, counter.total(), kinds(counter), len(keys) > question.first)


def _newest_first(vertices: GraphTraversal) -> GraphTraversal:
    return vertices.order().by("occurred_at", Order.desc).by("urn")


def _beyond(vertices: GraphTraversal, question: Find) -> GraphTraversal:
    after = question.after
    if after is None:
        return vertices
    later = __.has("urn", P.gt(after.urn))
    if question.order is EntityOrder.URN:
        return vertices.where(later)
    at = long(after.occurred_at)
    return vertices.or_(__.has("occurred_at", P.lt(at)), __.and_(__.has("occurred_at", at), later))


def _page_verified(reading: Reading, question: Find) -> EntityPage:
    (texts,) = reading.server.wait(reading.with_revisions(_matches(reading, question.where)[0]))
    keys = reading.take(texts)
    entities = reading.entities(keys)
    matches = [entity for entity in entities.values() if matches_entity(entity, question.where)]
    counter = Counter(KIND_CODES[entity.kind] for entity in matches)

    def place(urn: str, occurred_at: int) -> tuple[int, str]:
        return (0 if question.order is EntityOrder.URN else -occurred_at, urn)

    matches.sort(key=lambda entity: place(entity.urn, entity.occurred_at))
    after = question.after
    if after is not None:
        matches = [each for each in matches if place(each.urn, each.occurred_at) > place(after.urn, after.occurred_at)]
    more = len(matches) > question.first
    return EntityPage(tuple(matches[: question.first]), counter.total(), kinds(counter), more)


def property_keys(reading: Reading, question: PropertyKeys) -> list[str]:
    """The first property keys that start with a text."""
    if reading.sees_nothing:
        return []
    notes = reading.on_time(g.V().has("part", PROPERTY_KEY))
    if question.kind is not None:
        notes = notes.has("source_kind", KIND_CODES[question.kind])
    (found,) = reading.server.wait(notes.values("name"))
    return sorted({key for key in found if key.startswith(question.starts_with)})[: question.first]


Parts = list[NewEntity] | list[NewAssociation] | list[NewRevision]


def all_keys(reading: Reading) -> list[int]:
    """The keys of all entities of a view, by urn."""
    if reading.sees_nothing:
        return []
    (found,) = reading.server.wait(_matches(reading, EntityFilter())[0].values("urn"))
    return [key_of_urn(urn) for urn in sorted(found)]


def entities_of(reading: Reading, keys: list[int]) -> Parts:
    """Entities, as first recorded."""
    entities = reading.entities(keys, as_recorded=True)
    return [as_new_entity(entities[key]) for key in keys]


def associations_of(reading: Reading, keys: list[int]) -> Parts:
    """The associations of some sources, by their places."""
    mine = set(keys)
    crossed = reading.crossed(Crossings(LineageDirection.DESCENDANTS, None), keys)
    ordered = in_order(reading, {association for _, _, association in crossed if association[0] in mine})
    records = reading.associations(ordered)
    return [as_new_association(records[key]) for key in ordered]


def revisions_of(reading: Reading, keys: list[int]) -> Parts:
    """The revisions of some entities, by entity and sequence."""
    revisions = reading.revisions(keys)
    urns = reading.urns(revisions)
    return [
        as_new_revision(revision, urns[key])
        for key in keys
        for revision in sorted(revisions.get(key, ()), key=lambda revision: revision.sequence)
    ]


PARTS: Final = (entities_of, associations_of, revisions_of)
"""In the order of an export."""
