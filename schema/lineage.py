"""Lineage connections: what a traversal reached, and whether the answer is complete."""

from typing import Annotated

import strawberry

from lineal.graphstore.kinds import IncompleteReason
from lineal.resolvers import lineage as resolve
from lineal.schema import arguments as arg
from lineal.schema.associations import Association
from lineal.schema.connections import KindCount, ListConnection, PageInfo
from lineal.schema.entities import Entity, Info


@strawberry.type(description="An entity that the traversal reached, with its distance and a path.")
class LineageEdge:
    cursor: str = strawberry.field(
        description="Position of the edge: pass it as `after` to read the edges that follow it."
    )
    node: Entity = strawberry.field(description="Entity that the traversal reached.")
    distance: int | None = strawberry.field(
        description="Number of associations on a shortest path from the nearest start; null where every path "
        "crosses entities that the caller may not read."
    )
    path: list[Association] = strawberry.field(
        description="One shortest path that proves the relation, as associations from a start outwards; empty "
        "where `distance` is null."
    )


@strawberry.type(description="Whether the answer holds everything that the caller may see, and the reasons if not.")
class Completeness:
    is_complete: bool = strawberry.field(description="True where `reasons` is empty.")
    reasons: list[IncompleteReason] = strawberry.field(description="Reasons why the answer is incomplete.")
    visited: int = strawberry.field(
        description="Number of entities that the traversal reached, whether or not they match `where`."
    )
    withheld: int | None = strawberry.field(
        description="Number of entities that the traversal met and the caller may not see; null where there are "
        "none, where a limit cut the traversal, and unless every group that withholds them sets "
        "`tellsWithheld`."
    )


@strawberry.type(
    description="Entities that a traversal reached, nearest first, then by URN. Later pages are read at the "
    "snapshot of the first page."
)
class LineageConnection:
    edges: list[LineageEdge] = strawberry.field(description="Entities of the page, with distances and paths.")
    nodes: list[Entity] = strawberry.field(description="Entities of the page, without distances and paths.")
    page_info: PageInfo = strawberry.field(
        description="Whether there is a next page, and the cursor to request it with."
    )
    total_count: int = strawberry.field(
        description="Number of all matches; where a limit cut the traversal, of the matches visited so far."
    )
    counts_by_kind: list[KindCount] = strawberry.field(
        description="Number of matches by kind; kinds without matches are left out."
    )
    completeness: Completeness = strawberry.field(description="Whether the answer is complete, and the reasons if not.")

    @strawberry.field(
        description="Associations between the starts and the traversed entities that `via` allows, and `firstHop` "
        "where they leave a start; sorted by (source URN, destination URN, type, role)."
    )
    async def associations(
        self,
        info: Info,
        first: Annotated[
            int | None, strawberry.argument(description="Greatest number of items on the page, 1 to 100.")
        ] = 100,
        after: arg.After = None,
    ) -> ListConnection[Association]:
        return await resolve.among(info.context, self, first, after)  # type: ignore[arg-type, return-value]
