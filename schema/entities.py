"""The Entity interface, and the decorator that makes a class the object type of a kind."""

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
from lineal.resolvers.as_of import moment as moment_name
from lineal.resolvers.content import content_of
from lineal.resolvers.context import Context
from lineal.schema import arguments as arg
from lineal.schema.connections import ListConnection
from lineal.schema.inputs import AsOf, AssociationFilter, EntityFilter
from lineal.schema.projection import pure
from lineal.schema.scalars import JSON, DateTime
from lineal.schema.selection import path_options

if TYPE_CHECKING:
    from lineal.schema.associations import Association
    from lineal.schema.entity_pages import VersionConnection
    from lineal.schema.groups import LineageGroup
    from lineal.schema.lineage import LineageConnection
    from lineal.schema.metrics import Metric
    from lineal.schema.revisions import Revision

Info = strawberry.Info[Context, None]
Shown = TypeVar("Shown")


@strawberry.type(description="A property of an entity, association or revision: a typed value under a dotted key.")
class Property:
    key: str = strawberry.field(description="Key of the property, for example `hyperparameters.learning_rate`.")
    type: PropertyType = strawberry.field(description="Type of the value.")
    shown: JSON = strawberry.field(
        name="value",
        description="Value of the property; a timestamp is an RFC 3339 string. An integer is a JSON number of 64 bits, "
        "which some clients round: `text` is exact.",
    )
    text: str = strawberry.field(
        description="Value of the property as text, without loss: a string as it is, an integer in decimal, a float "
        "as RFC 8785 prints it, `true` or `false`, a timestamp as RFC 3339, and JSON with sorted keys and such numbers."
    )


@strawberry.type(description="A digest or storage version that identifies the exact content of a source.")
class SourceId:
    type: SourceIdType = strawberry.field(
        description="Type of the identifier: a digest algorithm, or the system that issued the version id."
    )
    value: str = strawberry.field(description="The digest or version id.")


@strawberry.type(
    description="Location of an entity's content: an address, the storage it is in, and its exact version."
)
class Source:
    uri: str | None = strawberry.field(
        description="Address of the content, for example `s3://bucket/key`; null where it is not known."
    )
    type: str | None = strawberry.field(
        description="Storage that holds the content: S3, GIT, OCI, HTTP, FILE, or any other text; null where it "
        "is not known."
    )
    ids: list[SourceId] = strawberry.field(
        description="Digests and storage versions of the content, sorted by (type, value)."
    )


@strawberry.type(description="Content of an entity, kept by this server once by its SHA-256.")
class Content:
    url: str = strawberry.field(
        description="Path, on this server, from which a caller who may read the entity downloads the content: whole, "
        "or ranges of it."
    )
    sha256: str = strawberry.field(description="SHA-256 of the content, in lower-case hexadecimal digits.")
    bytes: str | None = strawberry.field(
        description="Size in bytes, in decimal: the property `content.bytes`. Null where it was not recorded or "
        "is hidden."
    )
    media_type: str | None = strawberry.field(
        description="Media type, for example `image/png`: the property `content.mediaType`. Null where it was not "
        "recorded or is hidden."
    )
    file_name: str | None = strawberry.field(
        description="Name of the file that was uploaded: the property `content.fileName`. Null where it was not "
        "recorded or is hidden."
    )


def _type_name(record: EntityRecord, info: GraphQLResolveInfo[Any], type: object) -> str:
    return type_name(record.kind)


@strawberry.interface(description="An object with an id, which `node` resolves.")
class Node:
    id: strawberry.ID = strawberry.field(description="Opaque id, derived from the URN: the same in every store.")

    resolve_type = staticmethod(_type_name)


def properties_of(parent: Any, context: Any, arguments: dict[str, Any]) -> Any:
    """A record's properties, or those of some keys."""
    keys = arguments.get("keys")
    return (
        parent.properties if keys is None else [property for property in parent.properties if property.key in set(keys)]
    )


def property_of(parent: Any, context: Any, arguments: dict[str, Any]) -> Any:
    """The value of one property of a record, or None."""
    return next((property.shown for property in parent.properties if property.key == arguments["key"]), None)


PropertyKeysArgument = Annotated[
    list[str] | None, strawberry.argument(description="Keys of the properties to return; all properties by default.")
]


def moment_of(parent: Any, context: Any, arguments: dict[str, Any]) -> Any:
    """The name of the `asOf` that a record is read at, or None."""
    return moment_name(parent.view)


@strawberry.interface(
    description="An immutable record that something existed: this dataset version, this training job, this "
    "endpoint. Its fields show the record with its revisions applied."
)
class Entity(Node):
    urn: str = strawberry.field(
        description="Identity, the same in every store: `lineal:ACCOUNT:KIND:NAME`, with `@VERSION` where there "
        "is one, for example `lineal:acme:DATASET:reviews@7`. Clients should not parse it: its parts "
        "are fields."
    )
    title: str | None = strawberry.field(
        description="Name for people, where `name` is a number or an id; null where none was recorded."
    )
    kind: EntityKind = strawberry.field(description="Kind of the entity.")
    lineage_type: LineageType = strawberry.field(
        description="Family of the kind: EXPERIMENT, TRIAL, TRIAL_COMPONENT, ARTIFACT, ACTION or CONTEXT."
    )
    account: str = strawberry.field(description="Account that owns the entity.")
    name: str = strawberry.field(
        description="Name of the entity. Account, kind, name and version together identify it."
    )
    version: str | None = strawberry.field(
        description="Version of the entity, any text: an object version, a commit id, a digest, a number; null "
        "where it has none."
    )
    type: str | None = strawberry.field(
        description="Subtype in the recorder's own words, for example of the kinds ARTIFACT, ACTION and "
        "CONTEXT; null where none was recorded."
    )
    description: str | None = strawberry.field(
        description="Description of the entity, as its recorder wrote it; null where it has none."
    )
    status: EntityStatus | None = strawberry.field(description="Status of the entity; null where none was recorded.")
    source: Source | None = strawberry.field(
        description="Location of the entity's content; null where none was recorded."
    )

    @strawberry.field(
        description="Content that this server keeps, uploaded by `PUT /blobs/{sha256}`; null where the source is "
        "elsewhere."
    )
    @pure(lambda record, context, arguments: content_of(record))
    def content(self) -> Content | None:
        return content_of(self)  # type: ignore[arg-type,return-value]

    tags: list[str] = strawberry.field(description="Tags of the entity, sorted by code point.")
    occurred_at: DateTime | None = strawberry.field(
        description="Earliest time at which the entity is known to have existed in the world: the earliest that "
        "its record or one of its revisions states. Null only on Restricted."
    )
    recorded_at: DateTime | None = strawberry.field(
        description="Time at which this server recorded the entity; null only on Restricted."
    )
    recorded_by: str = strawberry.field(description="Principal that recorded the entity, as `account/name`.")
    digest: str | None = strawberry.field(
        description="SHA-256 of the canonical form of the entity as first recorded, 64 hexadecimal digits; null "
        "where a policy may hide any of its property keys."
    )

    @strawberry.field(
        description="Name of the point in time (`asOf`) at which the entity is read; null for now. Equal values "
        "of `asOf` have equal names, and different ones different names, so a client's cache can "
        "use `id` and `moment` together as its key. Opaque: compare it, do not parse it."
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

    @strawberry.field(
        description="Value of one property; null where the entity has no such property, or the caller may not read "
        "its key (lineage:ReadProperties)."
    )
    @pure(property_of)
    def property(self, key: Annotated[str, strawberry.argument(description="Key of the property.")]) -> JSON | None:
        value: JSON | None = property_of(self, None, {"key": key})
        return value

    @strawberry.field(
        description="Metrics of the entity, sorted by name: those with observations, and the numeric properties "
        "`metrics.NAME` for names without observations. An entity with more than 1,000 metrics "
        "requires `names`.",
        **access(Permission.READ_PROPERTIES),
    )
    async def metrics(
        self,
        info: Info,
        names: Annotated[
            list[str] | None,
            strawberry.argument(description="Names of the metrics to return, at most 100; all metrics by default."),
        ] = None,
    ) -> list[Annotated["Metric", strawberry.lazy("lineal.schema.metrics")]]:
        return await resolve_metrics.metrics(info.context, self, names)  # type: ignore[arg-type, return-value]

    @strawberry.field(
        description="Versions of the entity, newest first: entities with the same account, kind and name, this one "
        "included, by `occurredAt`. `ModelGroup.versions` lists the model versions of the group instead.",
        **access(Permission.READ),
    )
    async def versions(
        self, info: Info, first: arg.First = 20, after: arg.After = None
    ) -> Annotated["VersionConnection", strawberry.lazy("lineal.schema.entity_pages")]:
        return await resolve.versions(info.context, self, first, after)  # type: ignore[arg-type, return-value]

    @strawberry.field(
        description="Revisions of the entity, in the order in which they apply: by `occurredAt`, then as recorded.",
        **access(Permission.READ),
    )
    async def history(
        self, info: Info, first: arg.First = 20, after: arg.After = None
    ) -> ListConnection[Annotated["Revision", strawberry.lazy("lineal.schema.revisions")]]:
        return await resolve.history(info.context, self, first, after)  # type: ignore[arg-type, return-value]

    @strawberry.field(
        description="Lineage groups that the entity is in and the caller may know of: the default group of its "
        "account first, then by name.",
        **access(Permission.READ),
    )
    async def lineage_groups(
        self, info: Info
    ) -> list[Annotated["LineageGroup", strawberry.lazy("lineal.schema.groups")]]:
        return await resolve_groups.groups_of(info.context, self)  # type: ignore[arg-type, return-value]

    @strawberry.field(
        description="Everything that contributed to the entity, to any depth.", **access(Permission.TRAVERSE)
    )
    async def ascendants(
        self,
        info: Info,
        depth: arg.Depth = None,
        where: arg.Where = None,
        stop_at: arg.StopAt = None,
        via: arg.Via = None,
        first_hop: arg.FirstHop = None,
        causal: arg.Causal = False,
        as_of: arg.AsOf = None,
        first: arg.LineageFirst = 20,
        after: arg.After = None,
    ) -> Annotated["LineageConnection", strawberry.lazy("lineal.schema.lineage")]:
        connection: LineageConnection = await _lineage(
            self, info, LineageDirection.ASCENDANTS, depth, where, stop_at, via, first_hop, causal, as_of, first, after
        )
        return connection

    @strawberry.field(
        description="Everything that the entity contributed to, to any depth.", **access(Permission.TRAVERSE)
    )
    async def descendants(
        self,
        info: Info,
        depth: arg.Depth = None,
        where: arg.Where = None,
        stop_at: arg.StopAt = None,
        via: arg.Via = None,
        first_hop: arg.FirstHop = None,
        causal: arg.Causal = False,
        as_of: arg.AsOf = None,
        first: arg.LineageFirst = 20,
        after: arg.After = None,
    ) -> Annotated["LineageConnection", strawberry.lazy("lineal.schema.lineage")]:
        connection: LineageConnection = await _lineage(
            self, info, LineageDirection.DESCENDANTS, depth, where, stop_at, via, first_hop, causal, as_of, first, after
        )
        return connection

    @strawberry.field(
        description="Associations of the entity, sorted by (source URN, destination URN, type, role).",
        **access(Permission.READ),
    )
    async def associations(
        self,
        info: Info,
        direction: Annotated[
            LineageDirection | None,
            strawberry.argument(
                description="ASCENDANTS: the associations that lead to the entity. DESCENDANTS: those that lead from "
                "it. SAME_AS associations are in both. All by default."
            ),
        ] = None,
        via: arg.AssociationWhere = None,
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
    first_hop: AssociationFilter | None,
    causal: bool | None,
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
        first_hop=first_hop,
        causal=causal,
        first=first,
        after=after,
        **path_options(info),
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
