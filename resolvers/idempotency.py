"""Idempotency keys: a repeated request with the same key writes nothing more."""

from typing import Final

from lineal.graphstore.batches import NewEntity, Recorded
from lineal.graphstore.queries import EntityFilter, Find, StringFilter, TimeFilter
from lineal.graphstore.records import AsOf, Entity, View
from lineal.graphstore.values import text_problem
from lineal.resolvers.context import Context
from lineal.resolvers.errors import BadInput

MOST_KEY_CHARACTERS: Final = 200
"""Greatest length of an idempotency key."""


def checked_key(key: str) -> str:
    """The key. Raises BadInput where it is empty, too long, or no valid text."""
    if not key or len(key) > MOST_KEY_CHARACTERS or text_problem(key):
        raise BadInput(f"idempotencyKey must be 1 to {MOST_KEY_CHARACTERS} characters of text: a UUID serves well")
    return key


async def recorded_by_batch(context: Context, entity_like: NewEntity, done: Recorded) -> Entity | None:
    """The entity that a batch recorded, found by the batch's time: a repeat returns what the first request wrote.

    `entity_like` has its account, kind and name, which no other entity of the batch has. None where the caller may not
    read it.
    """
    assert done.recorded_at is not None, "random content is always new"
    at = TimeFilter(gte=done.recorded_at, lte=done.recorded_at)
    where = EntityFilter(
        kind=(entity_like.kind,), account=(entity_like.account,), name=StringFilter(eq=entity_like.name), recorded_at=at
    )
    now = AsOf(max(done.recorded_at, context.newest.recorded_at))
    (page,) = await context.store.find([Find(View(context.view().scope, now), where, first=1)])
    return page.items[0] if page.items else None
