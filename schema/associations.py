"""Associations between entities."""

import strawberry

from lineal.graphstore.kinds import AssociationType
from lineal.resolvers import entities as resolve
from lineal.schema.entities import Entity, Info, Property, PropertyKeysArgument, properties_of
from lineal.schema.projection import pure
from lineal.schema.scalars import DateTime


@strawberry.type(description="What contributed, and what it contributed to. Two entities may have several.")
class Association:
    id: strawberry.ID = strawberry.field(description="Opaque; the same in every store.")
    type: AssociationType = strawberry.field(description="How the source contributed.")
    role: str | None = strawberry.field(description="In which role.")
    occurred_at: DateTime | None = strawberry.field(description="When it happened in the world.")
    recorded_at: DateTime | None = strawberry.field(description="When it was recorded here.")
    recorded_by: str = strawberry.field(description="Who recorded it.")
    digest: str | None = strawberry.field(description="SHA-256 of its canonical form, as 64 hexadecimal digits.")

    @strawberry.field(description="Its properties, by key.")
    @pure(properties_of)
    def properties(self, keys: PropertyKeysArgument = None) -> list[Property]:
        return properties_of(self, None, {"keys": keys})  # type: ignore[no-any-return]

    @strawberry.field(description="What contributed.")
    @pure(lambda record, context, arguments: resolve.known_end(context, record.view, *resolve.source_of(record)))
    def source(self, info: Info) -> Entity:
        return resolve.source(info.context, self)  # type: ignore[arg-type, return-value]

    @strawberry.field(description="What it contributed to.")
    @pure(lambda record, context, arguments: resolve.known_end(context, record.view, *resolve.destination_of(record)))
    def destination(self, info: Info) -> Entity:
        return resolve.destination(info.context, self)  # type: ignore[arg-type, return-value]
