"""Lineage: the ascendants and descendants of entities."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Final

from lineal.graphstore.kinds import Combine, IncompleteReason, LineageDirection
from lineal.graphstore.queries import (
    AssociationPosition,
    Reach,
    ReachAssociations,
    ReachPosition,
    Walk,
)
from lineal.graphstore.records import Association, Entity, Restricted
from lineal.graphstore.store import Reached, ReachPage
from lineal.resolvers.context import Context
from lineal.resolvers.cursors import Cursors, as_of_cursor
from lineal.resolvers.entities import learn_ends, place_of
from lineal.resolvers.errors import BadInput
from lineal.resolvers.filters import association_filter, entity_filter
from lineal.resolvers.pages import (
    MOST,
    MOST_LINEAGE,
    NOTHING,
    Connection,
    KindCount,
    PageInfo,
    checked_count,
    checked_first,
    connection,
    counted,
)
from lineal.resolvers.references import id_argument, name_argument
from lineal.resolvers.suggestions import warn_of_absent


@dataclass(frozen=True, slots=True)
class LineageEdge:
    """A reached entity, with its distance and path."""

    reached: Reached
    cursors: Cursors

    @property
    def node(self) -> Entity | Restricted:
        """The reached entity."""
        return self.reached.entity

    @property
    def distance(self) -> int | None:
        """Distance from the nearest start; None where every path crosses hidden entities."""
        return self.reached.distance

    @property
    def path(self) -> Sequence[Association]:
        """One shortest path; empty unless the query selects paths."""
        return self.reached.path

    @property
    def cursor(self) -> str:
        """The cursor of the edge, computed when it is selected."""
        return self.cursors.make(self.reached.position)


@dataclass(frozen=True, slots=True)
class Completeness:
    """Whether an answer is complete."""

    is_complete: bool
    reasons: Sequence[IncompleteReason]
    visited: int
    withheld: int | None


@dataclass(frozen=True)
class Lineage:
    """A page of the entities that a walk reached. `question` is None for the empty lineage of a restricted entity."""

    question: Reach | None
    page: ReachPage
    cursors: Cursors

    @cached_property
    def edges(self) -> Sequence[LineageEdge]:
        """The entities of the page, with distances and paths."""
        return [LineageEdge(reached, self.cursors) for reached in self.page.items]

    @cached_property
    def nodes(self) -> Sequence[Entity | Restricted]:
        """The entities of the page."""
        return [reached.entity for reached in self.page.items]

    @property
    def page_info(self) -> PageInfo:
        """Position of the page. A walk that a limit cut continues from the last position visited."""
        start = self.edges[0].cursor if self.page.items else None
        end = None if self.page.end is None else self.cursors.make(self.page.end)
        return PageInfo(self.page.has_next, False, start, end)

    @property
    def total_count(self) -> int:
        """Number of all matches."""
        return self.page.total

    @property
    def counts_by_kind(self) -> Sequence[KindCount]:
        """Number of all matches by kind."""
        return counted(self.page.counts)

    @property
    def completeness(self) -> Completeness:
        """Whether the answer is complete, and the reasons if not."""
        reasons = [reason for reason in IncompleteReason if reason in self.page.reasons]
        return Completeness(not reasons, reasons, self.page.visited, self.page.withheld)


_REACHED_NOTHING: Final = ReachPage((), 0, {}, False, None, frozenset(), 0)


async def lineage(
    context: Context,
    starts: Sequence[Any],
    direction: LineageDirection,
    combine: Combine | None,
    excluding: Sequence[Any] | None,
    as_of: Any,
    path: Sequence[str | int],
    **arguments: Any,
) -> Lineage | None:
    """A page of the entities that a walk reaches; None where the caller may not read a start or an excluded entity."""
    checked_count("from", starts, least=1)
    checked_count("excluding", excluding or ())
    left_out = tuple(map(id_argument, excluding or ()))
    begin = (tuple(map(id_argument, starts)), LineageDirection(direction), Combine(combine or Combine.UNION), left_out)
    connection = await _reached(context, Walk(context.view(as_of), *begin), **arguments)
    if connection is None:
        context.missed([*begin[0], *left_out])
        await warn_of_absent(
            context, context.view(as_of), list(map(name_argument, [*starts, *(excluding or ())])), path
        )
    return connection


async def of_entity(
    context: Context, parent: Entity | Restricted, direction: LineageDirection, as_of: Any, **arguments: Any
) -> Lineage:
    """A page of an entity's ascendants or descendants, in the view of the entity or as of `as_of`.

    Empty for a restricted entity, and for one that did not exist as of `as_of`.
    """
    view = context.nested(parent.view, as_of)
    if isinstance(parent, Restricted):
        return Lineage(None, _REACHED_NOTHING, context.cursors("lineage", view))
    connection = await _reached(context, Walk(view, (parent.id,), direction), **arguments)
    if connection is None and view != parent.view:
        return Lineage(None, _REACHED_NOTHING, context.cursors("lineage", view))
    if connection is None:
        raise BadInput("you may no longer read this entity: ask again")
    return connection


async def _reached(
    context: Context,
    walk: Walk,
    *,
    depth: int | None,
    where: Any,
    stop_at: Any,
    via: Any,
    first_hop: Any,
    causal: bool | None,
    first: int | None,
    after: str | None,
    with_paths: bool,
    with_ends: bool,
) -> Lineage | None:
    if depth is not None and depth < 1:
        raise BadInput(
            f"depth is {depth}: give 1 for direct associations, a greater number for more hops, or leave it out"
        )
    if causal and walk.direction is LineageDirection.CONNECTED:
        raise BadInput("causal needs a direction to flow in: ask ASCENDANTS, DESCENDANTS or BOTH, or leave it out")
    walk = replace(
        walk,
        depth=depth,
        stop_at=entity_filter(stop_at),
        via=association_filter(via),
        first_hop=association_filter(first_hop),
        causal=bool(causal),
        limits=context.limits,
    )
    question = Reach(walk, entity_filter(where), checked_first(first, 20, MOST_LINEAGE), None, with_paths)
    page_cursors = context.cursors("lineage", walk.view, *_arguments(walk), question.where)
    if after is not None:
        page_cursors, position = page_cursors.read(after, ReachPosition)
        question = replace(question, after=position, walk=replace(walk, view=as_of_cursor(walk.view, page_cursors)))
    page = await context.loaders.reach.load(question)
    if page is not None and with_ends:
        await learn_ends(context, question.walk.view, [step for reached in page.items for step in reached.path])
    return None if page is None else Lineage(question, page, page_cursors)


def _arguments(walk: Walk) -> tuple[object, ...]:
    """The arguments of a walk, except its view, that a cursor is valid for."""
    return tuple(getattr(walk, field.name) for field in fields(walk) if field.name not in ("view", "limits"))


async def among(context: Context, parent: Lineage, first: int | None, after: str | None) -> Connection[Association]:
    """A page of the associations between the starts and the traversed entities."""
    if parent.question is None:
        return NOTHING
    walk = parent.question.walk
    page_cursors = context.cursors("among", walk.view, *_arguments(walk))
    position = None
    if after is not None:
        page_cursors, position = page_cursors.read(after, AssociationPosition)
        walk = replace(walk, view=as_of_cursor(walk.view, page_cursors))
    question = ReachAssociations(walk, checked_first(first, MOST, MOST), position, parent.page.cut_at)
    page = await context.loaders.among.load(question)
    assert page is not None, "the walk's starts were there in the same view"
    return connection(
        page.items, lambda association: page_cursors.make(place_of(association)), page.has_next, page.total
    )
