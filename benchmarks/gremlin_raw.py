"""The raw side of `gremlin_bench`: a graph in plain properties, by gremlinpython's own driver and nothing else.

It knows no batches, moments, digests or recorders, and nothing but a vertex id tells one record from another. So it is
what the graph server can do; what Lineal takes more is the price of what it promises.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any, Final

from gremlin_python.driver.client import Client
from gremlin_python.driver.driver_remote_connection import DriverRemoteConnection
from gremlin_python.process.anonymous_traversal import traversal
from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.process.traversal import Direction, Merge, Operator, T
from gremlin_python.statics import long

Row = dict[Any, Any]
Found = tuple[int, str, str, str]
"""A distance, an urn, a kind and a name."""

_LABELS: Final = tuple(
    f"RAW_{type}" for type in ("ASSOCIATED_WITH", "CONTRIBUTED_TO", "DERIVED_FROM", "PRODUCED", "SAME_AS")
)
_NAMES: Final = ("raw_urn", "raw_kind", "raw_name")
_AT_ONCE: Final = 500
_SCHEMA: Final = """
m = g.getGraph().openManagement()
m.getVertexLabel('raw') ?: m.makeVertexLabel('raw').make()
['raw_urn', 'raw_kind', 'raw_account', 'raw_name', 'raw_version', 'raw_content'].each {
    m.getPropertyKey(it) ?: m.makePropertyKey(it).dataType(String).make()
}
m.getPropertyKey('raw_at') ?: m.makePropertyKey('raw_at').dataType(Long).make()
LABELS.each {
    m.getEdgeLabel(it) ?: m.makeEdgeLabel(it).multiplicity(org.janusgraph.core.Multiplicity.SIMPLE).make()
}
m.commit()
true
"""


def _vertex(urn: str) -> long:
    number = int.from_bytes(sha256(f"raw {urn}".encode()).digest()[:7]) >> 3
    return long((number << 1 | 1) << 3)


class Raw:
    """A connection of gremlinpython's, and the traversals that a careful user would write."""

    def __init__(self, url: str, *, needs_schema: bool) -> None:
        address = f"ws://{url.removeprefix('gremlin://')}/gremlin"
        if needs_schema:
            client = Client(address, "g")
            client.submit(_SCHEMA.replace("LABELS", str(list(_LABELS)))).all().result()
            client.close()
        self._connection = DriverRemoteConnection(address, "g")
        self._g = traversal().with_(self._connection)

    def close(self) -> None:
        self._connection.close()

    # -- loading --

    def load(self, entities: Sequence[Row], associations: Sequence[Row], in_flight: int) -> None:
        """Merge vertices, then edges, 500 a request, with so many requests under way."""
        vertices, edges = [_vertex_row(each) for each in entities], [_edge_row(each) for each in associations]
        with ThreadPoolExecutor(in_flight) as threads:
            for rows, merge in ((vertices, self._merge_vertices), (edges, self._merge_edges)):
                parts = [rows[start : start + _AT_ONCE] for start in range(0, len(rows), _AT_ONCE)]
                assert sum(threads.map(merge, parts)) == len(rows)

    def _merge_vertices(self, rows: Sequence[Row]) -> int:
        merges = self._g.inject([{"on": {T.id: row[T.id]}, "all": row} for row in rows]).unfold()
        return int(merges.merge_v(__.select("on")).option(Merge.on_create, __.select("all")).count().next())

    def merge_indexed(self, row: Row) -> int:
        """Merge one vertex that Lineal's mixed index holds, by its URN and name alone."""
        vertex = {T.id: _vertex(row["urn"]), T.label: "entity"} | {
            f"indexed_{name}": row[name] for name in ("urn", "name")
        }
        merged = self._g.merge_v({T.id: vertex[T.id]}).option(Merge.on_create, vertex)
        return int(merged.count().next())

    def _merge_edges(self, rows: Sequence[Row]) -> int:
        ends = (Direction.OUT, Direction.IN, T.label)
        merges = self._g.inject([{"on": {end: row[end] for end in ends}, "all": row} for row in rows]).unfold()
        return int(merges.merge_e(__.select("on")).option(Merge.on_create, __.select("all")).count().next())

    # -- asking --

    def closures(self, urn: str) -> dict[str, Callable[[], list[Found]]]:
        """Ways to ask for all downstream with its least distances: the same answer, however it is asked."""
        start = _vertex(urn)

        def walked() -> GraphTraversal:
            hop = __.out(*_LABELS).barrier().dedup().sack(Operator.sum_).by(__.constant(1))
            return self._g.with_sack(0).V(start).repeat(hop).emit()

        def of_maps() -> list[Found]:
            traversal = walked().project("at", "of").by(__.sack()).by(__.value_map(*_NAMES))
            return sorted((row["at"], *_texts(row["of"])) for row in traversal.to_list())

        def of_values() -> list[Found]:
            traversal = walked().project("at", *_NAMES).by(__.sack())
            for name in _NAMES:
                traversal = traversal.by(name)
            return sorted((row["at"], *(row[name] for name in _NAMES)) for row in traversal.to_list())

        def grouped() -> list[Found]:
            (groups,) = walked().group().by(__.sack()).by(__.value_map(*_NAMES).fold()).to_list()
            return sorted((at, *_texts(row)) for at, rows in groups.items() for row in rows)

        return {"a map each": of_maps, "a projection each": of_values, "maps by distance": grouped}

    def trees(self, urn: str, levels: int) -> dict[str, Callable[[], list[Any]]]:
        """Ways to ask for what is directly downstream, and again of each, as [(urn, kind, name, [...]), ...]."""
        start = _vertex(urn)

        def nested() -> list[Any]:
            inner: Any = None
            for _ in range(levels):
                below = __.out(*_LABELS).dedup()
                if inner is None:
                    inner = below.value_map(*_NAMES).fold()
                else:
                    inner = below.project("of", "below").by(__.value_map(*_NAMES)).by(inner).fold()
            return _tree(self._g.V(start).flat_map(inner).next(), levels)

        def by_level() -> list[Any]:
            below: dict[Any, list[Any]] = {}
            frontier, texts = [start], dict[Any, tuple[str, ...]]()
            for _ in range(levels):
                traversal = self._g.V(frontier).project("near", "far").by(T.id)
                traversal = traversal.by(
                    __.out(*_LABELS).dedup().value_map(*_NAMES).with_("~tinkerpop.valueMap.tokens", 1).fold()
                )
                for row in traversal.to_list():
                    below[row["near"]] = [far[T.id] for far in row["far"]]
                    texts |= {far[T.id]: _texts(far) for far in row["far"]}
                frontier = [long(id) for id in dict.fromkeys(far for near in frontier for far in below[near])]

            def shown(near: int, left: int) -> list[Any]:
                return sorted([*texts[far], shown(far, left - 1)] if left else [*texts[far]] for far in below[near])

            return shown(start, levels - 1)

        return {"one nested traversal": nested, "one traversal a level": by_level}


def _texts(values: Row) -> tuple[str, ...]:
    return tuple(values[name][0] for name in _NAMES)


def _tree(rows: list[Row], levels: int) -> list[Any]:
    if levels == 1:
        return sorted([*_texts(row)] for row in rows)
    return sorted([*_texts(row["of"]), _tree(row["below"], levels - 1)] for row in rows)


def _vertex_row(entity: Row) -> Row:
    row: Row = {
        T.id: _vertex(entity["urn"]), T.label: "raw", "raw_urn": entity["urn"], "raw_kind": entity["kind"],
        "raw_account": entity["account"], "raw_name": entity["name"], "raw_at": long(entity["at"]),
    }  # fmt: skip
    return row | {f"raw_{name}": entity[name] for name in ("version", "content") if entity[name] is not None}


def _edge_row(association: Row) -> Row:
    ends = {Direction.OUT: _vertex(association["source"]), Direction.IN: _vertex(association["destination"])}
    return {**ends, T.label: f"RAW_{association['type']}", "raw_at": long(association["at"])}
