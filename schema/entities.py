"""The entity interface, and what makes a class the object type of a kind."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import strawberry
from graphql import GraphQLResolveInfo

from lineal.auth.directive import access
from lineal.auth.permissions import Permission
from lineal.graphstore.kinds import EntityKind, EntityStatus, LineageDirection, LineageType, PropertyType, SourceIdType
from lineal.graphstore.records import Entity as EntityRecord
from lineal.resolvers import access_groups as resolve_groups
from lineal.resolvers import entities as resolve
from lineal.resolvers import lineage as resolve_lineage
from lineal.resolvers import metrics as resolve_metrics
from lineal.resolvers.context import Context
from lineal.schema import arguments as arg
from lineal.schema.connections import Connection, ListConnection
from lineal.schema.inputs import AsOf, AssociationFilter, EntityFilter
from lineal.schema.projection import pure
from lineal.schema.scalars import JSON, DateTime
from lineal.schema.selection import asked_of_paths

if TYPE_CHECKING:
    from lineal.schema.associations import Association
    from lineal.schema.groups import LineageGroup
    from lineal.schema.lineage import LineageConnection
    from lineal.schema.metrics import Metric
    from lineal.schema.revisions import Revision

Info = strawberry.Info[Context, None]
Shown = TypeVar("Shown")


@strawberry.type(description="A typed value under a dotted key.")
class Property:
    key: str = strawberry.field(description="The key: `hyperparameters.learning_rate`.")
    type: PropertyType = strawberry.field(description="The value's type.")
    shown: JSON = strawberry.field(name="value", description="The value; a timestamp as RFC 3339 text.")


@strawberry.type(description="An exact version of what a source names.")
class SourceId:
    type: SourceIdType = strawberry.field(description="What kind of identifier this is.")
    value: str = strawberry.field(description="The digest or version itself.")


@strawberry.type(description="Where a thing lies.")
class Source:
    uri: str | None = strawberry.field(description="Its address.")
    type: str | None = strawberry.field(description="What it lies in: S3, GIT, OCI, HTTP, FILE, or any other word.")
    ids: list[SourceId] = strawberry.field(description="Its exact version, in order of (type, value).")


def _type_name(record: EntityRecord, info: GraphQLResolveInfo[Any], type: object) -> str:
    return type_name(record.kind)


@strawberry.interface(description="Anything with an id of its own.")
class Node:
    id: strawberry.ID = strawberry.field(description="Opaque; the same in every store.")

    resolve_type = staticmethod(_type_name)


def properties_of(parent: Any, context: Any, arguments: dict[str, Any]) -> Any:
    """A record's properties, or those of some keys."""
    keys = arguments.get("keys")
    return parent.properties if keys is None else [each for each in parent.properties if each.key in set(keys)]


def property_of(parent: Any, context: Any, arguments: dict[str, Any]) -> Any:
    """The value of one property of a record, or None."""
    return next((each.shown for each in parent.properties if each.key == arguments["key"]), None)


PropertyKeysArgument = Annotated[
    list[str] | None, strawberry.argument(description="Only these keys; all unless given.")
]


@strawberry.interface(
    description="One immutable fact of existence: this dataset version, this training job, this endpoint. As read, "
    "it is its record with its revisions folded in."
)
class Entity(Node):
    urn: str = strawberry.field(description="Its identity, the same in every store. Do not take it apart.")
    kind: EntityKind = strawberry.field(description="What it is.")
    lineage_type: LineageType = strawberry.field(description="The family its kind belongs to.")
    account: str = strawberry.field(description="The account it belongs to.")
    name: str = strawberry.field(description="What people call it.")
    version: str | None = strawberry.field(description="Which one of that name.")
    type: str | None = strawberry.field(description="A free word for a finer kind.")
    description: str | None = strawberry.field(description="Prose.")
    status: EntityStatus | None = strawberry.field(description="Where it stands.")
    source: Source | None = strawberry.field(description="Where it lies.")
    tags: list[str] = strawberry.field(description="Words it is marked with, by code point.")
    occurred_at: DateTime | None = strawberry.field(
        description="When it happened in the world, as its recorder said; null only on Restricted."
    )
    recorded_at: DateTime | None = strawberry.field(description="When it was recorded here; null only on Restricted.")
    recorded_by: str = strawberry.field(description="Who recorded it.")
    digest: str | None = strawberry.field(
        description="SHA-256 of its canonical form as first recorded, as 64 hexadecimal digits; null where property "
        "keys may be hidden."
    )

    @strawberry.field(description="Its properties, by key.")
    @pure(properties_of)
    def properties(self, keys: PropertyKeysArgument = None) -> list[Property]:
        return properties_of(self, None, {"keys": keys})  # type: ignore[no-any-return]

    @strawberry.field(description="The value of one property; null where it has none.")
    @pure(property_of)
    def property(self, key: Annotated[str, strawberry.argument(description="The property's key.")]) -> JSON | None:
        found: JSON | None = property_of(self, None, {"key": key})
        return found

    @strawberry.field(
        description="Its metrics, by name: those it has observations of, and the numbers among its properties "
        "`metrics.NAME` that it has none of. More than 1000 must be asked for by their names.",
        **access(Permission.READ_PROPERTIES),
    )
    async def metrics(
        self,
        info: Info,
        names: Annotated[
            list[str] | None, strawberry.argument(description="Only these, at most 100; all unless given.")
        ] = None,
    ) -> list[Annotated["Metric", strawberry.lazy("lineal.schema.metrics")]]:
        return await resolve_metrics.metrics(info.context, self, names)  # type: ignore[arg-type, return-value]

    @strawberry.field(
        description="The entities of the same account, kind and name, newest first, this one included.",
        **access(Permission.READ),
    )
    async def versions(self, info: Info, first: arg.First = 20, after: arg.After = None) -> Connection["Entity"]:
        return await resolve.versions(info.context, self, first, after)  # type: ignore[arg-type, return-value]

    @strawberry.field(
        description="What changed in its life, in the order the revisions fold in.", **access(Permission.READ)
    )
    async def history(
        self, info: Info, first: arg.First = 20, after: arg.After = None
    ) -> ListConnection[Annotated["Revision", strawberry.lazy("lineal.schema.revisions")]]:
        return await resolve.history(info.context, self, first, after)  # type: ignore[arg-type, return-value]

    @strawberry.field(
        description="The lineage groups it is in, of those the caller may know of: its account's default group first, "
        "then by name.",
        **access(Permission.READ),
    )
    async def lineage_groups(
        self, info: Info
    ) -> list[Annotated["LineageGroup", strawberry.lazy("lineal.schema.groups")]]:
        return await resolve_groups.groups_of(info.context, self)  # type: ignore[arg-type, return-value]

    @strawberry.field(description="Everything that contributed to it.", **access(Permission.TRAVERSE))
    async def ascendants(
        self,
        info: Info,
        depth: arg.Depth = None,
        where: arg.Where = None,
        stop_at: arg.StopAt = None,
        via: arg.Via = None,
        as_of: arg.AsOf = None,
        first: arg.LineageFirst = 20,
        after: arg.After = None,
    ) -> Annotated["LineageConnection", strawberry.lazy("lineal.schema.lineage")]:
        found: LineageConnection = await _lineage(
            self, info, LineageDirection.ASCENDANTS, depth, where, stop_at, via, as_of, first, after
        )
        return found

    @strawberry.field(description="Everything it contributed to.", **access(Permission.TRAVERSE))
    async def descendants(
        self,
        info: Info,
        depth: arg.Depth = None,
        where: arg.Where = None,
        stop_at: arg.StopAt = None,
        via: arg.Via = None,
        as_of: arg.AsOf = None,
        first: arg.LineageFirst = 20,
        after: arg.After = None,
    ) -> Annotated["LineageConnection", strawberry.lazy("lineal.schema.lineage")]:
        found: LineageConnection = await _lineage(
            self, info, LineageDirection.DESCENDANTS, depth, where, stop_at, via, as_of, first, after
        )
        return found

    @strawberry.field(
        description="Its associations, by (source urn, destination urn, type, role).", **access(Permission.READ)
    )
    async def associations(
        self,
        info: Info,
        direction: Annotated[
            LineageDirection | None,
            strawberry.argument(description="Those a traversal that way would cross; both ways unless given."),
        ] = None,
        via: arg.Via = None,
        first: arg.First = 20,
        after: arg.After = None,
    ) -> ListConnection[Annotated["Association", strawberry.lazy("lineal.schema.associations")]]:
        return await resolve.associations(info.context, self, direction, via, first, after)  # type: ignore[arg-type, return-value]


async def _lineage(
    parent: Any,
    info: Info,
    direction: LineageDirection,
    depth: int | None,
    where: EntityFilter | None,
    stop_at: EntityFilter | None,
    via: AssociationFilter | None,
    as_of: AsOf | None,
    first: int | None,
    after: str | None,
) -> Any:
    return await resolve_lineage.of_entity(
        info.context,
        parent,
        direction,
        as_of,
        depth=depth,
        where=where,
        stop_at=stop_at,
        via=via,
        first=first,
        after=after,
        **asked_of_paths(info),
    )


def of_kind(kind: EntityKind) -> Callable[[type[Shown]], type[Shown]]:
    """Make a class the object type of a kind."""
    definition = EntityKind.__strawberry_definition__  # type: ignore[attr-defined]
    description = next(value.description for value in definition.values if value.name == kind)

    def made(shown: type[Shown]) -> type[Shown]:
        shown.is_type_of = classmethod(lambda cls, record, info: True)  # type: ignore[attr-defined]
        return strawberry.type(shown, name=type_name(kind), description=description)

    return made


def type_name(kind: EntityKind) -> str:
    """The name of the object type of a kind."""
    return "".join(word.capitalize() for word in kind.split("_"))
