"""Associations between entities."""

import strawberry

from lineal.graphstore.kinds import AssociationType
from lineal.resolvers import entities as resolve
from lineal.schema.entities import Entity, Info, Property, PropertyKeysArgument, moment_of, properties_of
from lineal.schema.projection import pure
from lineal.schema.scalars import DateTime


@strawberry.type(
    description="A directed edge from an entity that contributed (`source`) to the entity it contributed to "
    "(`destination`). Two entities may have several, of different types or roles."
)
class Association:
    id: strawberry.ID = strawberry.field(description="Opaque id, derived from the URN: the same in every store.")
    type: AssociationType = strawberry.field(description="How the source contributed to the destination.")
    role: str | None = strawberry.field(
        description="Role of the source, for example `train` or `validation`; null where it has none."
    )
    occurred_at: DateTime | None = strawberry.field(
        description="Time at which the source contributed, in the world; of an association recorded without "
        "one, the later `occurredAt` of its ends. Null only where an end is Restricted."
    )
    recorded_at: DateTime | None = strawberry.field(
        description="Time at which this server recorded it; null only where an end is Restricted."
    )
    recorded_by: str = strawberry.field(description="Principal that recorded it, as `account/name`.")
    digest: str | None = strawberry.field(
        description="SHA-256 of the canonical form of the association, 64 hexadecimal digits; null where a "
        "policy may hide property keys of either end."
    )

    @strawberry.field(
        description="Name of the point in time (`asOf`) at which the association and its ends are read; null "
        "for now. A client's cache can use `id` and `moment` together as its key, as for an entity."
    )
    @pure(moment_of)
    def moment(self) -> str | None:
        return moment_of(self, None, {})  # type: ignore[no-any-return]

    @strawberry.field(
        description="Properties, sorted by key. Those whose keys the caller may not read (lineage:ReadProperties) "
        "are left out."
    )
    @pure(properties_of)
    def properties(self, keys: PropertyKeysArgument = None) -> list[Property]:
        return properties_of(self, None, {"keys": keys})  # type: ignore[no-any-return]

    @strawberry.field(description="Entity that contributed, upstream.")
    @pure(lambda record, context, arguments: resolve.known_end(context, record.view, *resolve.source_of(record)))
    def source(self, info: Info) -> Entity:
        return resolve.source(info.context, self)  # type: ignore[arg-type, return-value]

    @strawberry.field(description="Entity that the source contributed to, downstream.")
    @pure(lambda record, context, arguments: resolve.known_end(context, record.view, *resolve.destination_of(record)))
    def destination(self, info: Info) -> Entity:
        return resolve.destination(info.context, self)  # type: ignore[arg-type, return-value]
