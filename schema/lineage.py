"""Lineage: what a traversal reaches, and how complete the answer is."""

from typing import Annotated

import strawberry

from lineal.graphstore.kinds import IncompleteReason
from lineal.resolvers import lineage as resolve
from lineal.schema import arguments as arg
from lineal.schema.associations import Association
from lineal.schema.connections import KindCount, ListConnection, PageInfo
from lineal.schema.entities import Entity, Info


@strawberry.type(description="A reached entity in its connection.")
class LineageEdge:
    cursor: str = strawberry.field(description="What to give as `after` to go on behind this edge.")
    node: Entity = strawberry.field(description="What was reached.")
    distance: int | None = strawberry.field(
        description="How many associations lie between it and the nearest start; null where it was reached only across "
        "what may not be seen."
    )
    path: list[Association] = strawberry.field(description="One shortest path that proves it, from a start outwards.")


@strawberry.type(description="Whether an answer is everything there is, and if not, why.")
class Completeness:
    is_complete: bool = strawberry.field(description="Whether nothing is missing.")
    reasons: list[IncompleteReason] = strawberry.field(description="Why something is missing; empty if nothing is.")
    visited: int = strawberry.field(description="How many entities the traversal reached, returned or not.")
    withheld: int | None = strawberry.field(
        description="How many entities it met that may not be seen; told only where every owner lets it be told."
    )


@strawberry.type(
    description="What a traversal reached, nearest first, then by URN. Later pages are of the same moment."
)
class LineageConnection:
    edges: list[LineageEdge] = strawberry.field(description="The page, with distances and paths.")
    nodes: list[Entity] = strawberry.field(description="The page's entities.")
    page_info: PageInfo = strawberry.field(description="Where the page stands.")
    total_count: int = strawberry.field(description="All matches; of those visited so far where a limit cut.")
    counts_by_kind: list[KindCount] = strawberry.field(description="Matches by kind; kinds without any are left out.")
    completeness: Completeness = strawberry.field(description="Whether the answer is everything there is.")

    @strawberry.field(
        description="The associations among the starts and everything traversed, allowed by `via`, by (source urn, "
        "destination urn, type, role)."
    )
    async def associations(
        self,
        info: Info,
        first: Annotated[int, strawberry.argument(description="How many a page shall have, 1 to 100.")] = 100,
        after: arg.After = None,
    ) -> ListConnection[Association]:
        return await resolve.among(info.context, self, first, after)  # type: ignore[arg-type, return-value]
