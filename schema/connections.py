"""Connections, edges and the position of a page."""

from typing import Generic, TypeVar

import strawberry

from lineal.graphstore.kinds import EntityKind

Node = TypeVar("Node")


@strawberry.type(description="Position of a page in its connection. Connections are read forwards.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether there is a next page.")
    has_previous_page: bool = strawberry.field(description="Always false: connections are read forwards only.")
    start_cursor: str | None = strawberry.field(description="Cursor of the first edge; null where the page is empty.")
    end_cursor: str | None = strawberry.field(
        description="Cursor to pass as `after` for the next page; null where there is none."
    )


@strawberry.type(description="Number of entities of one kind.")
class KindCount:
    kind: EntityKind = strawberry.field(description="Kind of entity.")
    count: int = strawberry.field(description="Number of entities of the kind.")


@strawberry.type(name="Edge", description="An item of a list, with its cursor.")
class ListEdge(Generic[Node]):
    cursor: str = strawberry.field(
        description="Position of the edge: pass it as `after` to read the edges that follow it."
    )
    node: Node = strawberry.field(description="The item.")


@strawberry.type(name="Connection", description="A page of a list, in the order that the field's description states.")
class ListConnection(Generic[Node]):
    edges: list[ListEdge[Node]] = strawberry.field(description="Items of the page, with cursors.")
    nodes: list[Node] = strawberry.field(description="Items of the page, without cursors.")
    page_info: PageInfo = strawberry.field(
        description="Whether there is a next page, and the cursor to request it with."
    )
    total_count: int = strawberry.field(
        description="Number of all items that the caller may see, the same on every page."
    )


@strawberry.type(description="An entity of a list, with its cursor.")
class Edge(Generic[Node]):
    cursor: str = strawberry.field(
        description="Position of the edge: pass it as `after` to read the edges that follow it."
    )
    node: Node = strawberry.field(description="The entity.")


@strawberry.type(description="A page of entities. Later pages are read at the snapshot of the first page.")
class Connection(Generic[Node]):
    edges: list[Edge[Node]] = strawberry.field(description="Items of the page, with cursors.")
    nodes: list[Node] = strawberry.field(description="Items of the page, without cursors.")
    page_info: PageInfo = strawberry.field(
        description="Whether there is a next page, and the cursor to request it with."
    )
    total_count: int = strawberry.field(description="Number of all matches, the same on every page.")
    counts_by_kind: list[KindCount] = strawberry.field(
        description="Number of matches by kind; kinds without matches are left out."
    )
