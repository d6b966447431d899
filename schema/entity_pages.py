"""Pages of entities of any kind, and what they share with the versions of a model group."""

import strawberry

from lineal.schema.connections import KindCount, PageInfo
from lineal.schema.entities import Entity


@strawberry.interface(description="An entity of a page of versions, with its cursor.")
class VersionEdge:
    cursor: str = strawberry.field(
        description="Position of the edge: pass it as `after` to read the edges that follow it."
    )
    node: Entity = strawberry.field(description="The entity.")

    resolve_type = staticmethod(lambda record, info, type: "EntityEdge")


@strawberry.interface(
    description="A page of the versions of an entity: of a model group its model versions, of any other entity those "
    "with the same account, kind and name. Later pages are read at the snapshot of the first page."
)
class VersionConnection:
    edges: list[VersionEdge] = strawberry.field(description="Items of the page, with cursors.")
    nodes: list[Entity] = strawberry.field(description="Items of the page, without cursors.")
    page_info: PageInfo = strawberry.field(
        description="Whether there is a next page, and the cursor to request it with."
    )
    total_count: int = strawberry.field(description="Number of all matches, the same on every page.")
    counts_by_kind: list[KindCount] = strawberry.field(
        description="Number of matches by kind; kinds without matches are left out."
    )

    resolve_type = staticmethod(lambda record, info, type: "EntityConnection")


@strawberry.type(description="An entity of a list, with its cursor.")
class EntityEdge(VersionEdge):
    is_type_of = classmethod(lambda cls, record, info: True)


@strawberry.type(description="A page of entities. Later pages are read at the snapshot of the first page.")
class EntityConnection(VersionConnection):
    edges: list[EntityEdge] = strawberry.field(  # type: ignore[assignment]
        description="Items of the page, with cursors."
    )

    is_type_of = classmethod(lambda cls, record, info: True)
