"""Pages of entities, of property keys, and exports, from the graph."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.process.traversal import Order, P
from gremlin_python.statics import long

from lineal.graphstore.batches import NewAssociation, NewEntity, NewRevision
from lineal.graphstore.codes import KIND_CODES, KIND_MASK, kind_codes
from lineal.graphstore.filters import matches_entity
from lineal.graphstore.gremlin.conditions import condition
from lineal.graphstore.gremlin.keys import key_of_urn
from lineal.graphstore.gremlin.reading import Reading
from lineal.graphstore.gremlin.server import g
from lineal.graphstore.kinds import LineageDirection
from lineal.graphstore.queries import EntityFilter, EntityOrder, Find, PropertyKeys
from lineal.graphstore.records import Entity
from lineal.graphstore.standing import as_new_association, as_new_entity, as_new_revision
from lineal.graphstore.store import EntityPage
from lineal.graphstore.walking.crossings import Crossings
from lineal.graphstore.walking.pages import in_order
from lineal.graphstore.walking.reaching import kinds

PROPERTY_KEY: Final = "property_key"


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question as traversals, whose answers are its page: counts by kind, the first records, the doubtful records."""

    question: Find
    steps: tuple[GraphTraversal, ...]


def find_pages(reading: Reading, questions: Sequence[Find]) -> list[EntityPage]:
    """A page of the entities that match, for each question; all in one journey."""
    asked = [_asked(reading, question) for question in questions]
    answers = iter(reading.server.wait(*(steps for each in asked for steps in each.steps)))
    return [_page(reading, each, [next(answers) for _ in each.steps]) for each in asked]


def _asked(reading: Reading, question: Find) -> _Asked:
    where = question.where
    codes = kind_codes(EntityFilter(where.kind, where.lineage_type))
    if reading.sees_nothing or codes == frozenset():
        return _Asked(question, ())
    told = condition(replace(where, kind=None, lineage_type=None))
    exact, may = told.exact, told.may
    if not told.is_settled:
        exact = __.has_not("widened") if exact is None else __.has_not("widened").where(exact)
        may = __.has("widened") if may is None else __.has("widened").where(may)

    def matches(condition: GraphTraversal | None) -> GraphTraversal:
        given = sorted(KIND_CODES.values() if codes is None else codes)
        vertices = reading.on_time(g.V().has("kind", P.within(given)))
        return vertices if condition is None else vertices.where(condition)

    ordered = _beyond(matches(exact), question)
    ordered = ordered.order().by("urn") if question.order is EntityOrder.URN else _newest_first(ordered)
    steps = [matches(exact).group_count().by("kind"), reading.with_revisions(ordered.limit(question.first + 1))]
    if not told.is_settled:
        steps.append(reading.with_revisions(matches(may)))
    return _Asked(question, tuple(steps))


def _page(reading: Reading, asked: _Asked, answers: list[list[Any]]) -> EntityPage:
    question = asked.question
    if not answers:
        return EntityPage((), 0, {}, False)
    (counts,), texts, *doubtful = answers
    counter: Counter[int] = Counter(counts)
    entities = reading.entities(reading.take(texts))
    for some in doubtful:
        verified = reading.entities(reading.take(some))
        matches = {key: each for key, each in verified.items() if matches_entity(each, question.where)}
        counter.update(key & KIND_MASK for key in matches)
        entities |= {key: each for key, each in matches.items() if _is_beyond(each, question)}
    page = sorted(entities.values(), key=lambda entity: _place(entity.urn, entity.occurred_at, question))
    return EntityPage(tuple(page[: question.first]), counter.total(), kinds(counter), len(page) > question.first)


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


def _place(urn: str, occurred_at: int, question: Find) -> tuple[int, str]:
    return (0 if question.order is EntityOrder.URN else -occurred_at, urn)


def _is_beyond(entity: Entity, question: Find) -> bool:
    after = question.after
    mine = _place(entity.urn, entity.occurred_at, question)
    return after is None or mine > _place(after.urn, after.occurred_at, question)


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
    every = g.V().has("kind", P.within(sorted(KIND_CODES.values())))
    (found,) = reading.server.wait(reading.on_time(every).values("urn"))
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
