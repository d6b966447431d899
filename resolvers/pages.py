"""Connections as plain records: what a page shows, under the names the schema gives."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from lineal.graphstore.kinds import EntityKind
from lineal.resolvers.errors import BadInput

Node = TypeVar("Node")

MOST_LINEAGE = 1000
"""The most nodes a page of a lineage connection may have."""
MOST = 100
"""The most nodes a page of any other connection may have, and ids or starts one question may name."""


@dataclass(frozen=True, slots=True)
class PageInfo:
    """Where a page stands."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@dataclass(frozen=True, slots=True)
class Edge(Generic[Node]):
    """A node in its connection."""

    node: Node
    make_cursor: Callable[[], str]

    @property
    def cursor(self) -> str:
        """Its place; made only where it is asked for."""
        return self.make_cursor()


@dataclass(frozen=True, slots=True)
class KindCount:
    """How many of a kind."""

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
"""A page of what has nothing."""


def counted(counts: Mapping[EntityKind, int]) -> list[KindCount]:
    """Counts as records, in the order of kinds."""
    return [KindCount(kind, count) for kind, count in counts.items()]


def connection(
    nodes: Sequence[Node],
    cursor: Callable[[Node], str],
    has_next: bool,
    total: int,
    counts: Mapping[EntityKind, int] | None = None,
) -> Connection[Node]:
    """A page whose nodes have cursors of their own."""

    def edge(node: Node) -> Edge[Node]:
        return Edge(node, lambda: cursor(node))

    ends = (cursor(nodes[0]), cursor(nodes[-1])) if nodes else (None, None)
    info = PageInfo(has_next, False, *ends)
    return Connection(nodes, [edge(node) for node in nodes], info, total, counted(counts or {}))


def checked_first(first: int | None, default: int, most: int) -> int:
    """How many a page shall have. Raises BadInput out of 1 to the most."""
    if first is None:
        return default
    if not 1 <= first <= most:
        raise BadInput(f"first is {first}: give 1 to {most}, and read on with after")
    return first


def checked_count(name: str, items: Sequence[Any], least: int = 0) -> None:
    """Raises BadInput where a list names too few or too many."""
    if not least <= len(items) <= MOST:
        raise BadInput(f"{name} names {len(items)}: give {least} to {MOST}")
