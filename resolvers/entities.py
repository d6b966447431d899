"""Entities by id, urn and filter; their versions, histories and associations."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from lineal.graphstore.kinds import EntityKind, LineageDirection
from lineal.graphstore.queries import (
    NEWEST_FIRST,
    AssociationPosition,
    AssociationsOf,
    EntityFilter,
    EntityPosition,
    Find,
    HistoryOf,
    PropertyKeys,
    RevisionPosition,
    StringFilter,
)
from lineal.graphstore.records import RESTRICTED_URN, Association, Entity, Restricted, Revision, View
from lineal.graphstore.urns import entity_id
from lineal.resolvers.context import Context
from lineal.resolvers.cursors import as_of_cursor
from lineal.resolvers.errors import BadInput
from lineal.resolvers.filters import association_filter, entity_filter
from lineal.resolvers.list_names import graphql_name
from lineal.resolvers.pages import MOST, NOTHING, Connection, checked_count, checked_first, connection
from lineal.resolvers.references import urn_argument
from lineal.resolvers.search_input import ordering, search_text
from lineal.resolvers.suggestions import warn_of_absent


async def node(context: Context, id: str, as_of: Any = None) -> Entity | None:
    """The entity of an id; None where there is none that the caller may read."""
    entity = await context.loaders.entity.load((context.view(as_of), id))
    if entity is None:
        context.missed([id])
    return entity


async def nodes(context: Context, ids: Sequence[str], as_of: Any = None) -> Sequence[Entity | None]:
    """The entities of some ids, in their order."""
    checked_count("ids", ids)
    view = context.view(as_of)
    entities: Sequence[Entity | None] = await context.loaders.entity.load_many([(view, id) for id in ids])
    context.missed([id for id, entity in zip(ids, entities, strict=True) if entity is None])
    return entities


async def entity(context: Context, urn: str, as_of: Any, path: Sequence[str | int]) -> Entity | None:
    """The entity of a urn; None where there is none that the caller may read."""
    canonical = urn_argument(urn)
    entity = await node(context, entity_id(canonical), as_of)
    if entity is None:
        await warn_of_absent(context, context.view(as_of), [canonical], path)
    return entity


async def entities(
    context: Context,
    where: Any,
    search: str | None,
    order_by: Any,
    as_of: Any,
    first: int | None,
    after: str | None,
    kind: EntityKind | None = None,
    *,
    narrowed: Callable[[View], Awaitable[EntityFilter | None]] | None = None,
    by: object = None,
) -> Connection[Entity]:
    """A page of the entities that match, of one kind for a typed connection.

    `narrowed` gives one more condition, which it reads in the view of the page; `by` is what it depends on.
    """
    condition = entity_filter(where) or EntityFilter()
    if kind is not None:
        _check_kinds(condition, kind)
        condition = (
            EntityFilter(kind=(kind,), and_=(condition,)) if condition != EntityFilter() else EntityFilter(kind=(kind,))
        )
    question = Find(
        context.view(as_of), condition, ordering(order_by), checked_first(first, 20, MOST), search=search_text(search)
    )
    return await _found(context, "entities", question, after, narrowed, by)


def _check_kinds(condition: EntityFilter, kind: EntityKind) -> None:
    """Raise BadInput where a filter on the list of one kind names another, which none of its entities matches."""
    for other in condition.kind or ():
        if other is not kind:
            instead = (
                "entities"
                if other is EntityKind.RESTRICTED
                else f"{graphql_name(other)}, or entities for several kinds"
            )
            raise BadInput(
                f"{graphql_name(kind)} lists entities of kind {kind} only, and where.kind names {other}: ask {instead}"
            )
    for part in (*(condition.and_ or ()), *(condition.or_ or ())):
        _check_kinds(part, kind)


async def versions(
    context: Context, parent: Entity | Restricted, first: int | None, after: str | None
) -> Connection[Entity]:
    """A page of the entities with the same account, kind and name, newest first; empty for a restricted one."""
    view = context.nested(parent.view)
    if isinstance(parent, Restricted):
        return NOTHING
    same = EntityFilter(kind=(parent.kind,), account=(parent.account,), name=StringFilter(eq=parent.name))
    question = Find(view, same, NEWEST_FIRST, checked_first(first, 20, MOST))
    return await _found(context, "versions", question, after)


async def _found(
    context: Context,
    field: str,
    question: Find,
    after: str | None,
    narrowed: Callable[[View], Awaitable[EntityFilter | None]] | None = None,
    by: object = None,
) -> Connection[Entity]:
    page_cursors = context.cursors(field, question.view, question.where, question.order, question.search, by)
    position = None
    view = question.view
    if after is not None:
        page_cursors, position = page_cursors.read(after, EntityPosition)
        view = as_of_cursor(view, page_cursors)
    condition = await narrowed(view) if narrowed else None
    if condition is not None:
        question = replace(question, where=EntityFilter(and_=(question.where, condition)))
    page = await context.loaders.find.load(replace(question, view=view, after=position))
    return connection(
        page.items,
        lambda entity: page_cursors.make(EntityPosition(entity.urn)),
        page.has_next,
        page.total,
        page.counts,
    )


async def property_keys(context: Context, starts_with: str, kind: EntityKind | None, first: int | None) -> list[str]:
    """Property keys that start with a text; none of the kind RESTRICTED, with which nothing is recorded."""
    size, of_kind = checked_first(first, 20, MOST), kind and EntityKind(kind)
    question = PropertyKeys(context.view(), starts_with, of_kind, size)
    return [] if of_kind is EntityKind.RESTRICTED else await context.loaders.property_keys.load(question)


async def history(
    context: Context, parent: Entity | Restricted, first: int | None, after: str | None
) -> Connection[Revision]:
    """A page of an entity's revisions in fold order; empty for a restricted one."""
    view = context.nested(parent.view)
    if isinstance(parent, Restricted):
        return NOTHING
    page_cursors, position = context.cursors("history", view, parent.id), None
    if after is not None:
        page_cursors, position = page_cursors.read(after, RevisionPosition)
        view = as_of_cursor(view, page_cursors)
    question = HistoryOf(view, parent.id, checked_first(first, 20, MOST), position)
    page = await context.loaders.history.load(question)
    return connection(
        page.items,
        lambda revision: page_cursors.make(RevisionPosition(revision.occurred_at, revision.rank, revision.sequence)),
        page.has_next,
        page.total,
    )


async def superseding(context: Context, parent: Revision) -> Entity | None:
    """The entity that replaces the revised one; None where the revision names none."""
    if parent.superseded_by is None:
        return None
    return await context.loaders.entity.load((parent.view, entity_id(parent.superseded_by)))


async def associations(
    context: Context,
    parent: Entity | Restricted,
    direction: LineageDirection | None,
    via: Any,
    first: int | None,
    after: str | None,
) -> Connection[Association]:
    """A page of the associations that a traversal would cross from an entity; empty for a restricted one."""
    view = context.nested(parent.view)
    if isinstance(parent, Restricted):
        return NOTHING
    way, condition = LineageDirection(direction or LineageDirection.BOTH), association_filter(via)
    page_cursors, position = context.cursors("associations", view, parent.id, way, condition), None
    if after is not None:
        page_cursors, position = page_cursors.read(after, AssociationPosition)
        view = as_of_cursor(view, page_cursors)
    question = AssociationsOf(view, parent.id, way, condition, checked_first(first, 20, MOST), position)
    page = await context.loaders.associations.load(question)
    return connection(
        page.items, lambda association: page_cursors.make(place_of(association)), page.has_next, page.total
    )


def place_of(association: Association) -> AssociationPosition:
    """The position of an association in the order of associations."""
    ends = (association.source_urn, association.destination_urn)
    return AssociationPosition(*ends, association.type, association.role)


def source_of(association: Association) -> tuple[str, str]:
    """The id and urn of an association's source."""
    return association.source_id, association.source_urn


def destination_of(association: Association) -> tuple[str, str]:
    """The id and urn of an association's destination."""
    return association.destination_id, association.destination_urn


def source(context: Context, association: Association) -> Entity | Restricted | Awaitable[Entity]:
    """The source of an association."""
    return _end(context, association.view, *source_of(association))


def destination(context: Context, association: Association) -> Entity | Restricted | Awaitable[Entity]:
    """The destination of an association."""
    return _end(context, association.view, *destination_of(association))


def _end(context: Context, view: View, id: str, urn: str) -> Entity | Restricted | Awaitable[Entity]:
    """An end of an association; the view shows the association, and so both of its ends."""
    try:
        return known_end(context, view, id, urn)
    except KeyError:
        return _loaded_end(context, view, id)


def known_end(context: Context, view: View, id: str, urn: str) -> Entity | Restricted:
    """An end that is already loaded. Raises KeyError where it is not."""
    return Restricted(id, view) if _is_restricted(id, urn) else context.known[view, id]


def _is_restricted(id: str, urn: str) -> bool:
    # The whole URN is compared: that of an entity of an account named `restricted` starts with the same text.
    return urn == RESTRICTED_URN + id


async def _loaded_end(context: Context, view: View, id: str) -> Entity:
    entity = await context.loaders.entity.load((view, id))
    if entity is None:
        raise BadInput("you may no longer read an end of this association: ask again")
    return entity


async def learn_ends(context: Context, view: View, associations: Iterable[Association]) -> None:
    """Load the ends of many associations in one round trip."""
    ends = {end for association in associations for end in (source_of(association), destination_of(association))}
    ids = frozenset(id for id, urn in ends if not _is_restricted(id, urn))
    if ids:
        entities = await context.loaders.several.load((view, ids))
        context.known.update({(view, id): entity for id, entity in entities.items()})
