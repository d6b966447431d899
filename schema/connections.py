"""Pages: connections, their edges, and where a page stands."""

from typing import Generic, TypeVar

import strawberry

from lineal.graphstore.kinds import EntityKind

Node = TypeVar("Node")


@strawberry.type(description="Where a page stands in its connection. Connections are read forwards.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether there is more beyond this page.")
    has_previous_page: bool = strawberry.field(description="Always false: connections are read forwards.")
    start_cursor: str | None = strawberry.field(description="The cursor of the first edge.")
    end_cursor: str | None = strawberry.field(description="What to give as `after` for the next page.")


@strawberry.type(description="How many of a kind.")
class KindCount:
    kind: EntityKind = strawberry.field(description="The kind.")
    count: int = strawberry.field(description="How many.")


@strawberry.type(name="Edge", description="One of a list in its connection.")
class ListEdge(Generic[Node]):
    cursor: str = strawberry.field(description="What to give as `after` to go on behind this edge.")
    node: Node = strawberry.field(description="What is listed.")


@strawberry.type(name="Connection", description="A page of a list, in the order its field gives.")
class ListConnection(Generic[Node]):
    edges: list[ListEdge[Node]] = strawberry.field(description="The page, with cursors.")
    nodes: list[Node] = strawberry.field(description="The page, without cursors.")
    page_info: PageInfo = strawberry.field(description="Where the page stands.")
    total_count: int = strawberry.field(description="All there are for the caller, on whatever page.")


@strawberry.type(description="An entity in its connection.")
class Edge(Generic[Node]):
    cursor: str = strawberry.field(description="What to give as `after` to go on behind this edge.")
    node: Node = strawberry.field(description="The entity.")


@strawberry.type(description="A page of entities. Later pages are of the same moment as the first.")
class Connection(Generic[Node]):
    edges: list[Edge[Node]] = strawberry.field(description="The page, with cursors.")
    nodes: list[Node] = strawberry.field(description="The page, without cursors.")
    page_info: PageInfo = strawberry.field(description="Where the page stands.")
    total_count: int = strawberry.field(description="All matches, on whatever page.")
    counts_by_kind: list[KindCount] = strawberry.field(description="Matches by kind; kinds without any are left out.")
