"""What entities come from, and what comes from them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
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


@dataclass(frozen=True, slots=True)
class LineageEdge:
    """A reached entity in its connection."""

    reached: Reached
    cursors: Cursors

    @property
    def node(self) -> Entity | Restricted:
        """What was reached."""
        return self.reached.entity

    @property
    def distance(self) -> int | None:
        """How far from the nearest start; None where it is reached only across hidden entities."""
        return self.reached.distance

    @property
    def path(self) -> Sequence[Association]:
        """One shortest path; empty unless it was asked for."""
        return self.reached.path

    @property
    def cursor(self) -> str:
        """Its place; made only where it is asked for."""
        return self.cursors.make(self.reached.position)


@dataclass(frozen=True, slots=True)
class Completeness:
    """Whether an answer is everything there is."""

    is_complete: bool
    reasons: Sequence[IncompleteReason]
    visited: int
    withheld: int | None


@dataclass(frozen=True)
class Lineage:
    """A page of what a walk reached. `question` is None where none was asked: from what is restricted."""

    question: Reach | None
    page: ReachPage
    cursors: Cursors

    @cached_property
    def edges(self) -> Sequence[LineageEdge]:
        """The page, with distances and paths."""
        return [LineageEdge(reached, self.cursors) for reached in self.page.items]

    @cached_property
    def nodes(self) -> Sequence[Entity | Restricted]:
        """The page's entities."""
        return [reached.entity for reached in self.page.items]

    @property
    def page_info(self) -> PageInfo:
        """Where the page stands. A walk cut by a limit goes on from the last position visited."""
        start = self.edges[0].cursor if self.page.items else None
        end = None if self.page.end is None else self.cursors.make(self.page.end)
        return PageInfo(self.page.has_next, False, start, end)

    @property
    def total_count(self) -> int:
        """All matches."""
        return self.page.total

    @property
    def counts_by_kind(self) -> Sequence[KindCount]:
        """All matches, by kind."""
        return counted(self.page.counts)

    @property
    def completeness(self) -> Completeness:
        """Whether this is everything."""
        reasons = [reason for reason in IncompleteReason if reason in self.page.reasons]
        return Completeness(not reasons, reasons, self.page.visited, self.page.withheld)


_REACHED_NOTHING: Final = ReachPage((), 0, {}, False, None, frozenset(), 0)


async def lineage(
    context: Context,
    starts: Sequence[str],
    direction: LineageDirection,
    combine: Combine | None,
    excluding: Sequence[str] | None,
    as_of: Any,
    **asked: Any,
) -> Lineage | None:
    """What a walk from the starts reaches; None where one of them, or one excluded, is not to be seen."""
    checked_count("from", starts, least=1)
    checked_count("excluding", excluding or ())
    begin = (tuple(starts), LineageDirection(direction), Combine(combine or Combine.UNION), tuple(excluding or ()))
    found = await _reached(context, Walk(context.view(as_of), *begin), **asked)
    if found is None:
        context.missed([*starts, *(excluding or ())])
    return found


async def of_entity(
    context: Context, parent: Entity | Restricted, direction: LineageDirection, as_of: Any, **asked: Any
) -> Lineage:
    """An entity's ascendants or descendants, as of the moment the entity was read, unless another is given.

    None of what is restricted, or of an entity that did not exist at the moment given.
    """
    view = context.nested(parent.view, as_of)
    if isinstance(parent, Restricted):
        return Lineage(None, _REACHED_NOTHING, context.cursors("lineage", view))
    found = await _reached(context, Walk(view, (parent.id,), direction), **asked)
    if found is None and view != parent.view:
        return Lineage(None, _REACHED_NOTHING, context.cursors("lineage", view))
    if found is None:
        raise BadInput("this entity is no longer to be seen: ask again")
    return found


async def _reached(
    context: Context,
    walk: Walk,
    *,
    depth: int | None,
    where: Any,
    stop_at: Any,
    via: Any,
    first: int | None,
    after: str | None,
    with_paths: bool,
    with_ends: bool,
) -> Lineage | None:
    if depth is not None and depth < 1:
        raise BadInput(f"depth is {depth}: give 1 for direct, 2 and more for further, or leave it out for all the way")
    walk = replace(
        walk, depth=depth, stop_at=entity_filter(stop_at), via=association_filter(via), limits=context.limits
    )
    question = Reach(walk, entity_filter(where), checked_first(first, 20, MOST_LINEAGE), None, with_paths)
    asked = (walk.starts, walk.direction, walk.combine, walk.excluding, depth, walk.stop_at, walk.via, question.where)
    made = context.cursors("lineage", walk.view, asked)
    if after is not None:
        made, position = made.read(after, ReachPosition)
        question = replace(question, after=position, walk=replace(walk, view=as_of_cursor(walk.view, made)))
    page = await context.loaders.reach.load(question)
    if page is not None and with_ends:
        await learn_ends(context, question.walk.view, [step for reached in page.items for step in reached.path])
    return None if page is None else Lineage(question, page, made)


async def among(context: Context, parent: Lineage, first: int | None, after: str | None) -> Connection[Association]:
    """The associations among the starts and everything traversed."""
    if parent.question is None:
        return NOTHING
    walk = parent.question.walk
    made = context.cursors("among", walk.view, walk.starts, walk.direction, walk.combine, walk.excluding,
                   walk.depth, walk.stop_at, walk.via)  # fmt: skip
    position = None
    if after is not None:
        made, position = made.read(after, AssociationPosition)
        walk = replace(walk, view=as_of_cursor(walk.view, made))
    question = ReachAssociations(walk, checked_first(first, MOST, MOST), position, parent.page.cut_at)
    page = await context.loaders.among.load(question)
    assert page is not None, "the walk's starts were there in the same view"
    return connection(page.items, lambda each: made.make(place_of(each)), page.has_next, page.total)
