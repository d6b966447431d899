"""Revisions of entities."""

import strawberry

from lineal.graphstore.kinds import EntityStatus
from lineal.resolvers import entities as resolve
from lineal.schema.entities import Entity, Info, Property
from lineal.schema.scalars import DateTime


@strawberry.type(
    description="A change appended to an entity's record. A field that is null leaves that field of the entity "
    "as it was."
)
class Revision:
    sequence: int = strawberry.field(
        description="Sequence number of the revision among those of its entity, from 1, in the order recorded."
    )
    status: EntityStatus | None = strawberry.field(description="Status of the entity from this revision on.")
    tags: list[str] | None = strawberry.field(
        description="Tags of the entity from this revision on; they replace the earlier ones."
    )
    description: str | None = strawberry.field(description="Description of the entity from this revision on.")
    title: str | None = strawberry.field(description="Title of the entity from this revision on.")
    properties: list[Property] = strawberry.field(
        description="Properties that the revision sets, sorted by key. Those whose keys the caller may not read "
        "(lineage:ReadProperties) are left out."
    )
    removed: list[str] = strawberry.field(description="Keys of the properties that the revision removes.")
    occurred_at: DateTime = strawberry.field(description="Time of the change in the world.")
    recorded_at: DateTime = strawberry.field(description="Time at which this server recorded the revision.")
    recorded_by: str = strawberry.field(description="Principal that recorded it, as `account/name`.")
    digest: str | None = strawberry.field(
        description="SHA-256 over the entity's digest, the previous revision's digest and this change, 64 "
        "hexadecimal digits; null where a policy may hide property keys of the entity."
    )

    @strawberry.field(description="Entity that replaces this one; null where none does.")
    async def superseded_by(self, info: Info) -> Entity | None:
        return await resolve.superseding(info.context, self)  # type: ignore[arg-type, return-value]
