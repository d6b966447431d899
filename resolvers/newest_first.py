"""Related entities in the order of time, the newest first: the decisions on a model version, the runs of a pipeline."""

from lineal.graphstore.records import Entity
from lineal.resolvers.context import Context
from lineal.resolvers.cursors import TimePosition, as_of_cursor
from lineal.resolvers.pages import FIRST_RELATED, MOST, Connection, checked_first, connection, counts_of
from lineal.resolvers.related import Relation, all_related


async def newest_first(
    context: Context, parent: Entity, relation: Relation, first: int | None, after: str | None
) -> Connection[Entity]:
    """A page of the related entities, the latest `occurred_at` first. Raises LimitExceeded where they are too many."""
    view, size = parent.view, checked_first(first, FIRST_RELATED, MOST)
    page_cursors, position = context.cursors(relation.name, view, parent.id), None
    if after is not None:
        page_cursors, position = page_cursors.read(after, TimePosition)
        view = as_of_cursor(view, page_cursors)
    related = sorted(await all_related(context, view, parent.id, relation), key=time_of, reverse=True)
    before = None if position is None else (position.occurred_at, position.recorded_at, position.urn)
    rest = [entity for entity in related if before is None or time_of(entity) < before]
    return connection(
        rest[:size],
        lambda entity: page_cursors.make(TimePosition(*time_of(entity))),
        len(rest) > size,
        len(related),
        counts_of(related),
    )


async def newest(context: Context, parent: Entity, relation: Relation) -> Entity | None:
    """The related entity with the latest `occurred_at`; None where there is none."""
    return max(await all_related(context, parent.view, parent.id, relation), key=time_of, default=None)


def time_of(entity: Entity) -> tuple[int, int, str]:
    """The place of an entity in the order of time: by `occurred_at`, then `recorded_at`, then URN."""
    return entity.occurred_at, entity.recorded_at, entity.urn
