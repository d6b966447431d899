"""Connections as plain records, with the field names of the schema."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from lineal.graphstore.kinds import EntityKind
from lineal.graphstore.records import Entity
from lineal.resolvers.errors import BadInput

Node = TypeVar("Node")

FIRST_RELATED = 5
"""Number of nodes of a page of related entities, unless the client asks for another."""
MOST_LINEAGE = 1000
"""Greatest number of nodes of a page of a lineage connection."""
MOST = 100
"""Greatest number of nodes of a page of any other connection, and of ids or starts in an argument."""


@dataclass(frozen=True, slots=True)
class PageInfo:
    """Position of a page."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@dataclass(frozen=True, slots=True)
class Edge(Generic[Node]):
    """A node with its cursor."""

    node: Node
    make_cursor: Callable[[], str]

    @property
    def cursor(self) -> str:
        """The cursor, computed when it is selected."""
        return self.make_cursor()


@dataclass(frozen=True, slots=True)
class KindCount:
    """Number of entities of a kind."""

    kind: EntityKind
    count: int


@dataclass(frozen=True, slots=True)
class Connection(Generic[Node]):
    """A page of nodes."""

    nodes: Sequence[Node]
    edges: Sequence[Edge[Node]]
    page_info: PageInfo
    total_count: int
    counts_by_kind: Sequence[KindCount] = ()


NOTHING: Final[Connection[Any]] = Connection((), (), PageInfo(False, False, None, None), 0)
"""An empty page."""


def counted(counts: Mapping[EntityKind, int]) -> list[KindCount]:
    """Counts as records, in the order of kinds."""
    return [KindCount(kind, count) for kind, count in counts.items()]


def counts_of(entities: Sequence[Entity]) -> Mapping[EntityKind, int]:
    """The number of entities of each kind."""
    return Counter(entity.kind for entity in entities)


def connection(
    nodes: Sequence[Node],
    cursor: Callable[[Node], str],
    has_next: bool,
    total: int,
    counts: Mapping[EntityKind, int] | None = None,
) -> Connection[Node]:
    """A page of nodes with their cursors."""

    def edge(node: Node) -> Edge[Node]:
        return Edge(node, lambda: cursor(node))

    ends = (cursor(nodes[0]), cursor(nodes[-1])) if nodes else (None, None)
    info = PageInfo(has_next, False, *ends)
    return Connection(nodes, [edge(node) for node in nodes], info, total, counted(counts or {}))


def checked_first(first: int | None, default: int, most: int) -> int:
    """The size of a page. Raises BadInput where `first` is not between 1 and `most`."""
    if first is None:
        return default
    if not 1 <= first <= most:
        raise BadInput(f"first is {first}: give 1 to {most}, and read on with after")
    return first


def checked_count(name: str, items: Sequence[Any], least: int = 0) -> None:
    """Raise BadInput where a list has too few or too many items."""
    if not least <= len(items) <= MOST:
        raise BadInput(f"{name} names {len(items)}: give {least} to {MOST}")
