"""The questions."""

from typing import Annotated, Any

import strawberry

from lineal.auth.directive import access
from lineal.auth.permissions import Permission
from lineal.graphstore.kinds import Combine, EntityKind, LineageDirection
from lineal.resolvers import entities as resolve
from lineal.resolvers import lineage as resolve_lineage
from lineal.schema import arguments as arg
from lineal.schema.access_queries import AccessQueries
from lineal.schema.comparisons import ComparisonQueries
from lineal.schema.connections import Connection
from lineal.schema.entities import Entity, Info, Node
from lineal.schema.lineage import LineageConnection
from lineal.schema.object_types import TYPES
from lineal.schema.selection import asked_of_paths


def _typed(kind: EntityKind, many: str) -> Any:
    async def found(
        self: "Query",
        info: Info,
        where: arg.EntityWhere = None,
        search: arg.Search = None,
        order_by: arg.OrderBy = None,
        as_of: arg.AsOf = None,
        first: arg.First = 20,
        after: arg.After = None,
    ) -> Any:
        return await resolve.entities(info.context, where, search, order_by, as_of, first, after, kind)

    found.__annotations__["return"] = Connection[TYPES[kind]]  # type: ignore[valid-type]
    return strawberry.field(found, description=f"The {many} that match.", **access(Permission.READ))


Ids = Annotated[list[strawberry.ID], strawberry.argument(description="At most 100.")]


@strawberry.type(description="The questions.")
class Query(AccessQueries, ComparisonQueries):
    @strawberry.field(description="The entity of an id; null where there is none.", **access(Permission.READ))
    async def node(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The id.")]
    ) -> Node | None:
        return await resolve.node(info.context, id)  # type: ignore[return-value]

    @strawberry.field(
        description="The entities of some ids, in their order; null where there is none.", **access(Permission.READ)
    )
    async def nodes(self, info: Info, ids: Ids) -> list[Node | None]:
        return await resolve.nodes(info.context, ids)  # type: ignore[return-value]

    @strawberry.field(description="The entity of a URN; null where there is none.", **access(Permission.READ))
    async def entity(
        self, info: Info, urn: Annotated[str, strawberry.argument(description="The URN.")], as_of: arg.AsOf = None
    ) -> Entity | None:
        return await resolve.entity(info.context, urn, as_of)  # type: ignore[return-value]

    @strawberry.field(description="The entities that match.", **access(Permission.READ))
    async def entities(
        self,
        info: Info,
        where: arg.EntityWhere = None,
        search: arg.Search = None,
        order_by: arg.OrderBy = None,
        as_of: arg.AsOf = None,
        first: arg.First = 20,
        after: arg.After = None,
    ) -> Connection[Entity]:
        return await resolve.entities(info.context, where, search, order_by, as_of, first, after)  # type: ignore[return-value]

    models = _typed(EntityKind.MODEL, "models")
    datasets = _typed(EntityKind.DATASET, "datasets")
    trials = _typed(EntityKind.TRIAL, "trials")
    images = _typed(EntityKind.IMAGE, "images")
    endpoints = _typed(EntityKind.ENDPOINT, "endpoints")
    experiments = _typed(EntityKind.EXPERIMENT, "experiments")
    model_groups = _typed(EntityKind.MODEL_GROUP, "model groups")

    @strawberry.field(
        description="Property keys that start with a text, by code point: suggestions while typing.",
        **access(Permission.READ_PROPERTIES),
    )
    async def property_keys(
        self,
        info: Info,
        starts_with: Annotated[str, strawberry.argument(description="What they start with; empty for any.")],
        kind: Annotated[EntityKind | None, strawberry.argument(description="Only keys of entities of a kind.")] = None,
        first: Annotated[int, strawberry.argument(description="How many, 1 to 100.")] = 20,
    ) -> list[str]:
        return await resolve.property_keys(info.context, starts_with, kind, first)

    @strawberry.field(
        description="What a traversal from some starts reaches. Null where a start, or one excluded, does not exist: a "
        "mistyped id must not read as nothing to roll back.",
        **access(Permission.TRAVERSE),
    )
    async def lineage(
        self,
        info: Info,
        from_: Annotated[
            list[strawberry.ID], strawberry.argument(name="from", description="The ids of 1 to 100 starts.")
        ],
        direction: Annotated[LineageDirection, strawberry.argument(description="Which way.")],
        combine: Annotated[Combine, strawberry.argument(description="How several starts combine.")] = Combine.UNION,
        excluding: Annotated[
            list[strawberry.ID] | None,
            strawberry.argument(
                description="Ids of up to 100 entities; what the same traversal reaches from them is left out."
            ),
        ] = None,
        depth: arg.Depth = None,
        where: arg.Where = None,
        stop_at: arg.StopAt = None,
        via: arg.Via = None,
        as_of: arg.AsOf = None,
        first: arg.LineageFirst = 20,
        after: arg.After = None,
    ) -> LineageConnection | None:
        return await resolve_lineage.lineage(
            info.context,
            from_,
            direction,
            combine,
            excluding,
            as_of,
            depth=depth,
            where=where,
            stop_at=stop_at,
            via=via,
            first=first,
            after=after,
            **asked_of_paths(info),
        )  # type: ignore[return-value]
