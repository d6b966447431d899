"""The root query type."""

from typing import Annotated

import strawberry

from lineal.auth.directive import access
from lineal.auth.permissions import Permission
from lineal.graphstore.kinds import Combine, EntityKind, LineageDirection
from lineal.resolvers import entities as resolve
from lineal.resolvers import lineage as resolve_lineage
from lineal.schema import arguments as arg
from lineal.schema.access_queries import AccessQueries
from lineal.schema.comparisons import ComparisonQueries
from lineal.schema.entities import Entity, Info, Node
from lineal.schema.entity_pages import EntityConnection
from lineal.schema.inputs import EntityRef
from lineal.schema.kind_lists import KindLists
from lineal.schema.lineage import LineageConnection
from lineal.schema.quarantine import QuarantineQueries
from lineal.schema.selection import path_options

Ids = Annotated[list[strawberry.ID], strawberry.argument(description="Ids of the entities, at most 100.")]


@strawberry.type(description="Questions about lineage, search, models, access and the audit log.")
class Query(AccessQueries, ComparisonQueries, KindLists, QuarantineQueries):  # type: ignore[misc, valid-type]
    @strawberry.field(
        description="Entity with this id; null where there is none that the caller may read.", **access(Permission.READ)
    )
    async def node(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Id of the entity.")],
        as_of: arg.AsOf = None,
    ) -> Node | None:
        return await resolve.node(info.context, id, as_of)  # type: ignore[return-value]

    @strawberry.field(
        description="Entities with these ids, in the order of the ids; null for each that the caller may not "
        "read or that does not exist.",
        **access(Permission.READ),
    )
    async def nodes(self, info: Info, ids: Ids, as_of: arg.AsOf = None) -> list[Node | None]:
        return await resolve.nodes(info.context, ids, as_of)  # type: ignore[return-value]

    @strawberry.field(
        description="Entity with this URN; null where there is none that the caller may read. "
        "`extensions.warnings` then says so, with a similar URN where there is one.",
        **access(Permission.READ),
    )
    async def entity(
        self,
        info: Info,
        urn: Annotated[str, strawberry.argument(description="URN of the entity.")],
        as_of: arg.AsOf = None,
    ) -> Entity | None:
        path = info.path.as_list()
        return await resolve.entity(info.context, urn, as_of, path)  # type: ignore[return-value]

    @strawberry.field(
        description="Entities of all kinds that match `where` and `search`, by URN unless `orderBy` sets another "
        "order.",
        **access(Permission.READ),
    )
    async def entities(
        self,
        info: Info,
        where: arg.EntityWhere = None,
        search: arg.Search = None,
        order_by: arg.OrderBy = None,
        as_of: arg.AsOf = None,
        first: arg.First = 20,
        after: arg.After = None,
    ) -> EntityConnection:
        return await resolve.entities(info.context, where, search, order_by, as_of, first, after)  # type: ignore[return-value]

    @strawberry.field(
        description="Property keys that start with a text, sorted by code point: suggestions while a user types.",
        **access(Permission.READ_PROPERTIES),
    )
    async def property_keys(
        self,
        info: Info,
        starts_with: Annotated[
            str, strawberry.argument(description="Text that the keys start with; empty for all keys.")
        ],
        kind: Annotated[
            EntityKind | None,
            strawberry.argument(description="Kind of the entities whose keys are suggested; all kinds by default."),
        ] = None,
        first: Annotated[int | None, strawberry.argument(description="Number of keys, 1 to 100.")] = 20,
    ) -> list[str]:
        return await resolve.property_keys(info.context, starts_with, kind, first)

    @strawberry.field(
        description="Entities that a traversal from one or more starts reaches. Null where a start or an "
        "excluded entity does not exist or the caller may not read it, so that a mistyped id does "
        'not read as "nothing to roll back".',
        **access(Permission.TRAVERSE),
    )
    async def lineage(
        self,
        info: Info,
        from_: Annotated[
            list[EntityRef],
            strawberry.argument(name="from", description="Entities that the traversal starts from, 1 to 100."),
        ],
        direction: Annotated[LineageDirection, strawberry.argument(description="Direction of the traversal.")],
        combine: Annotated[
            Combine | None, strawberry.argument(description="How the lineages of several starts are combined.")
        ] = Combine.UNION,
        excluding: Annotated[
            list[EntityRef] | None,
            strawberry.argument(
                description="Entities, at most 100: everything that the same traversal reaches from them is "
                "removed from the answer."
            ),
        ] = None,
        depth: arg.Depth = None,
        where: arg.Where = None,
        stop_at: arg.StopAt = None,
        via: arg.Via = None,
        first_hop: arg.FirstHop = None,
        causal: arg.Causal = False,
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
            info.path.as_list(),
            depth=depth,
            where=where,
            stop_at=stop_at,
            via=via,
            first_hop=first_hop,
            causal=causal,
            first=first,
            after=after,
            **path_options(info),
        )  # type: ignore[return-value]
