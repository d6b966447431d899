"""Pages of entities, and exports, from the graph."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.process.traversal import Order, P
from gremlin_python.statics import long

from lineal.graphstore.batches import NewAssociation, NewEntity, NewRevision
from lineal.graphstore.codes import KIND_CODES
from lineal.graphstore.filter_compiler import compiled_entity_filter
from lineal.graphstore.filter_expressions import Atom, EntityField, Operator, conjuncts
from lineal.graphstore.filters import entity_matcher
from lineal.graphstore.full_text import is_found, words_of
from lineal.graphstore.gremlin.client import g
from lineal.graphstore.gremlin.filter_steps import of_kinds
from lineal.graphstore.gremlin.index_plan import (
    Alternatives,
    alternatives_of,
    named_in_index,
    vertices_by_index,
    vertices_by_term,
)
from lineal.graphstore.gremlin.reader import Reader
from lineal.graphstore.gremlin.scope_steps import never
from lineal.graphstore.gremlin.vertex_ids import GROUP, key_of_urn, number_of_group, number_of_id, vertex_of
from lineal.graphstore.kinds import LineageDirection
from lineal.graphstore.ordering import SortPosition, check_sortable, sort_position
from lineal.graphstore.ordering import in_order as in_order_of
from lineal.graphstore.queries import BY_URN, NEWEST_FIRST, EntityFilter, EntityOrderField, Find
from lineal.graphstore.recorded_state import as_new_association, as_new_entity, as_new_revision
from lineal.graphstore.records import Entity
from lineal.graphstore.request_costs import charge_records
from lineal.graphstore.store import EntityPage
from lineal.graphstore.urns import entity_id
from lineal.graphstore.walking.pages import in_order
from lineal.graphstore.walking.reach_pages import kinds
from lineal.graphstore.walking.reader_protocol import Crossings, is_masked

MOST_NAMED: Final = 2000
"""Up to this many entities that questions name are fetched and filtered here; more are filtered by the engine."""


def find_pages(reader: Reader, questions: Sequence[Find]) -> list[EntityPage]:
    """Return a page of the matching entities for each question.

    Makes one round trip, or two if many entities share one name, and one more before if a page continues in another
    order than by URN.
    """
    if reader.sees_nothing:
        return [EntityPage((), 0, {}, False)] * len(questions)
    positions = _positions(reader, questions)
    asked = [_PositionedFind(question, after) for question, after in zip(questions, positions, strict=True)]
    named = [_named_entities(question.where) if question.within is None else None for question in questions]
    numbers = {number for entities in named if entities is not None for number in entities.numbers}
    names = {name for entities in named if entities is not None for name in entities.names}
    starts = [reader.visibility.entities(g.V([vertex_of(number) for number in numbers]))] if numbers else []
    if names:
        starts.append(reader.visibility.entities(named_in_index(names, reader.visibility.unindexed)))
    candidates = [reader.records.steps(vertices.limit(MOST_NAMED + 1)) for vertices in starts]
    searches = [
        [] if entities is not None else _search(reader, question)
        for entities, question in zip(named, asked, strict=True)
    ]
    answers = reader.ask(*candidates, *(steps for search in searches for steps in search))
    keys_of_starts = [reader.records.take(answers.pop(0)) for _ in candidates]
    candidate_entities = reader.entities([key for keys in keys_of_starts for key in keys])
    too_many = any(len(keys) > MOST_NAMED for keys in keys_of_starts)
    pages = []
    for entities, question, search in zip(named, asked, searches, strict=True):
        if entities is None:
            pages.append(_searched_page(reader, question, [answers.pop(0) for _ in search]))
        elif too_many:
            pages.append(_searched_page(reader, question, reader.ask(*_search(reader, question))))
        else:
            pages.append(_page_of(question, candidate_entities.values()))
    return pages


@dataclass(frozen=True, slots=True)
class _PositionedFind:
    """A question with the position after which its page begins."""

    question: Find
    after: SortPosition | None

    @property
    def is_ordered_by_engine(self) -> bool:
        """Whether the engine can select the first entities of the page. Otherwise they are selected here."""
        return self.question.search is None and self.question.order in (BY_URN, NEWEST_FIRST)


def _positions(reader: Reader, questions: Sequence[Find]) -> list[SortPosition | None]:
    """Return the position after which each page begins, from the entities there, whoever may read them."""

    def start(question: Find) -> int | None:
        after = question.after
        return (
            None
            if after is None or question.order.field is EntityOrderField.URN
            else number_of_id(entity_id(after.urn))
        )

    numbers = {number for question in questions if (number := start(question)) is not None}
    at_positions: dict[str, Entity] = {}
    if numbers:
        vertices = reader.visibility.existing(g.V([vertex_of(number) for number in numbers]))
        (texts,) = reader.ask(reader.records.steps(vertices))
        at_positions = {entity.urn: entity for entity in reader.entities_in(texts)}
    positions: list[SortPosition | None] = []
    for question in questions:
        urn = None if question.after is None else question.after.urn
        if urn is None:
            positions.append(None)
        elif question.order.field is EntityOrderField.URN:
            positions.append(((0, urn), urn))
        else:
            positions.append(sort_position(at_positions[urn], question.order) if urn in at_positions else (None, urn))
    return positions


@dataclass(frozen=True, slots=True)
class _NamedEntities:
    """The entities that a filter names, by the numbers of their vertices or by their names."""

    numbers: tuple[int, ...] = ()
    names: tuple[str, ...] = ()


def _named_entities(where: EntityFilter) -> _NamedEntities | None:
    """Return the entities that a filter names, such that no others can match; None if it names none."""
    for part in conjuncts(compiled_entity_filter(where).rest):
        match part:
            case Atom(EntityField.URN, Operator.IN, urns, folded=False):
                numbers = (number_of_id(entity_id(urn)) for urn in urns)
                return _NamedEntities(tuple(number for number in numbers if number is not None))
            case Atom(EntityField.NAME, Operator.IN, names, folded=False):
                return _NamedEntities(names=tuple(names))
    return None


def entities_in_view(reader: Reader, codes: Collection[int] | None) -> GraphTraversal:
    """Return the readable entities of the view with kinds of these codes; None: of all kinds."""
    of_kinds = sorted(KIND_CODES.values() if codes is None else codes)
    return reader.visibility.entities(g.V().has("kind", P.within(of_kinds)))


def candidates_in_view(
    reader: Reader, alternatives: Alternatives | None, codes: Collection[int] | None
) -> GraphTraversal:
    """Return the readable entities of the view, of kinds by their codes, that the index finds.

    Without alternatives, return all readable entities of these kinds.
    """
    vertices: GraphTraversal | None = None
    if alternatives is not None and reader.client.has_mixed_index:
        vertices = vertices_by_index(alternatives, reader.visibility.unindexed)
    elif alternatives is not None:
        vertices = vertices_by_term(alternatives)
    if vertices is None:
        return entities_in_view(reader, codes)
    entities = reader.visibility.entities(vertices)
    return entities if codes is None else entities.where(of_kinds(codes))


def _search(reader: Reader, asked: _PositionedFind) -> list[GraphTraversal]:
    """Return a question as traversals.

    They return the counts by kind and the first records, and the records of uncertain matches if there can be any. If
    the engine cannot evaluate the order or the search, they return all records that may match.
    """
    question = asked.question
    where = compiled_entity_filter(question.where)
    alternatives = alternatives_of(question, reader.visibility.scope_steps.readable_in)
    if where.codes == frozenset() or alternatives == ():
        return []
    condition = reader.visibility.filter_condition(where.rest)
    exact, may = condition.exact, condition.may
    if not condition.is_settled:
        exact = __.has_not("widened") if exact is None else __.has_not("widened").where(exact)
        is_widened = __.where(__.values("widened").is_(1))  # not `has`: JanusGraph would look it up in the index
        may = is_widened if may is None else is_widened.where(may)

    def matches(steps: GraphTraversal | None) -> GraphTraversal:
        vertices = candidates_in_view(reader, alternatives, where.codes)
        if question.within is not None:
            vertices = vertices.where(__.values(GROUP).is_(number_of_group(question.within)))
        return vertices if steps is None else vertices.where(steps)

    if asked.is_ordered_by_engine:
        known_from = reader.visibility.known_from
        ordered = _beyond(matches(exact), asked, known_from)
        newest_first = question.order == NEWEST_FIRST
        ordered = ordered.order().by(known_from(), Order.desc).by("urn") if newest_first else ordered.order().by("urn")
        steps = [matches(exact).group_count().by("kind"), reader.records.steps(ordered.limit(question.first + 1))]
    else:
        steps = [reader.records.steps(matches(exact))]
    if not condition.is_settled:
        steps.append(reader.records.steps(matches(may)))
    return steps


def _searched_page(reader: Reader, asked: _PositionedFind, answers: list[list[Any]]) -> EntityPage:
    """Return the page from the answers of a search."""
    if not answers:
        return EntityPage((), 0, {}, False)
    if not asked.is_ordered_by_engine:
        charge_records(sum(map(len, answers)))
        return _page_of(
            asked, [entity for answer in answers for entity in reader.entities(reader.records.take(answer)).values()]
        )
    (counts,), texts, *uncertain = answers
    first = reader.entities_in(texts)
    charge_records(sum(map(len, uncertain)))
    others = [entity for answer in uncertain for entity in reader.entities_in(answer)]
    return _page_of(asked, others, first, Counter(counts))


def _page_of(
    asked: _PositionedFind,
    candidates: Iterable[Entity],
    first: Iterable[Entity] = (),
    counts: Counter[int] | None = None,
) -> EntityPage:
    """Return the page of the candidates that match, and of `first`, which match already.

    `counts` are the counts by kind of all entities that match already.
    """
    question = asked.question
    search = words_of(question.search or "")
    is_match = entity_matcher(question.where)
    matches = [entity for entity in candidates if is_match(entity) and is_found(entity, search)]
    counter = Counter(KIND_CODES[entity.kind] for entity in matches) + (counts or Counter())
    check_sortable(counter.total(), question.order)
    page = in_order_of([*first, *matches], question.order, asked.after)
    return EntityPage(tuple(page[: question.first]), counter.total(), kinds(counter), len(page) > question.first)


def _beyond(
    vertices: GraphTraversal, asked: _PositionedFind, known_from: Callable[[], GraphTraversal]
) -> GraphTraversal:
    """Return the vertices after the position, in one of the two orders that the engine evaluates."""
    if asked.after is None:
        return vertices
    value, urn = asked.after
    later = __.has("urn", P.gt(urn))
    if asked.question.order == BY_URN:
        return vertices.where(later)
    if value is None:
        return vertices.where(never())
    at = long(value[1])
    return vertices.or_(__.where(known_from().is_(P.lt(at))), __.and_(__.where(known_from().is_(at)), later))


Parts = list[NewEntity] | list[NewAssociation] | list[NewRevision]


def all_keys(reader: Reader) -> list[int]:
    """Return the keys of all entities of a view, by URN."""
    if reader.sees_nothing:
        return []
    (urns,) = reader.ask(entities_in_view(reader, None).values("urn"))
    return [key_of_urn(urn) for urn in sorted(urns)]


def entities_of(reader: Reader, keys: list[int]) -> Parts:
    """Return entities as first recorded."""
    entities = reader.entities(keys, as_recorded=True)
    return [as_new_entity(entities[key]) for key in keys]


def associations_of(reader: Reader, keys: list[int]) -> Parts:
    """Return the associations of sources, in their order."""
    sources = set(keys)
    crossed = reader.crossed(Crossings(LineageDirection.DESCENDANTS, None), keys)
    plain = {association for _, far, association in crossed if association[0] in sources and not is_masked(far)}
    ordered = in_order(reader, plain)
    records = reader.associations(ordered, as_recorded=True)
    return [as_new_association(records[key]) for key in ordered]


def revisions_of(reader: Reader, keys: list[int]) -> Parts:
    """Return the revisions of entities, by entity and sequence."""
    revisions = reader.revisions(keys)
    urns = reader.urns(revisions)
    return [
        as_new_revision(revision, urns[key])
        for key in keys
        for revision in sorted(revisions.get(key, ()), key=lambda revision: revision.sequence)
    ]


PARTS: Final = (entities_of, associations_of, revisions_of)
"""The parts in the order of an export."""
