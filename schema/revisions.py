"""Revisions: what changed in an entity's life."""

import strawberry

from lineal.graphstore.kinds import EntityStatus
from lineal.resolvers import entities as resolve
from lineal.schema.entities import Entity, Info, Property
from lineal.schema.scalars import DateTime


@strawberry.type(description="One appended change. Null means untouched.")
class Revision:
    sequence: int = strawberry.field(description="Counts the entity's revisions from 1, in the order recorded.")
    status: EntityStatus | None = strawberry.field(description="Where it stood from then on.")
    tags: list[str] | None = strawberry.field(description="All its tags from then on.")
    description: str | None = strawberry.field(description="Its description from then on.")
    properties: list[Property] = strawberry.field(description="Properties set, by key.")
    removed: list[str] = strawberry.field(description="Keys of properties removed.")
    occurred_at: DateTime = strawberry.field(description="When it changed in the world.")
    recorded_at: DateTime = strawberry.field(description="When that was recorded here.")
    recorded_by: str = strawberry.field(description="Who recorded it.")
    digest: str | None = strawberry.field(
        description="SHA-256 over the entity's digest, the previous revision's digest and this change."
    )

    @strawberry.field(description="The entity that takes this one's place.")
    async def superseded_by(self, info: Info) -> Entity | None:
        return await resolve.superseding(info.context, self)  # type: ignore[arg-type, return-value]
