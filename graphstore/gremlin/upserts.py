"""The traversals that write vertices and edges, some hundred in one request."""

from collections.abc import Iterable
from typing import Any, Final

from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.process.traversal import Cardinality, Merge, T

from lineal.graphstore.gremlin.mixed_index import is_index_property

_MOST_CHUNK_BYTES: Final = 4 * 1024 * 1024

Fields = dict[Any, Any]
"""The properties of a vertex, by name, and its id; where the value is a set, each value in it is added."""
WIDENED: Final[Fields] = {"widened": 1}
"""What marks an entity whose terms are not only those of its record."""
Edge = dict[str, Any]
"""Its `source`, `destination` and `label`, and its properties."""


def chunks_of(parts: list[Fields], most: int) -> list[list[Fields]]:
    """Parts by as many as a request may hold, and no more bytes than it should."""
    chunks: list[list[Fields]] = [[]]
    size = 0
    for part in parts:
        values = [each for value in part.values() for each in (value if isinstance(value, set) else [value])]
        bytes_in = sum(len(value) for value in values if isinstance(value, str))
        if chunks[-1] and (len(chunks[-1]) == most or size + bytes_in > _MOST_CHUNK_BYTES):
            chunks.append([])
            size = 0
        chunks[-1].append(part)
        size += bytes_in
    return chunks if chunks[0] else []


def vertex_steps(start: GraphTraversal, chunk: list[Fields]) -> GraphTraversal:
    """Write vertices, and count those that stand with the chunk's stamp; run twice, it changes nothing."""
    added = sorted({name for fields in chunk for name, value in fields.items() if isinstance(value, set)})
    merged = _merged(start, chunk, added).option(Merge.on_create, __.select("ones"))
    return _with_added(merged, added).has("recorded_at", chunk[0]["recorded_at"]).count()


def addition_steps(start: GraphTraversal, chunk: list[Fields], same: Fields) -> GraphTraversal:
    """Add values to entities that exist, and give each of them the same further properties; count them.

    Run twice, it changes nothing but the lists of the mixed index.
    """
    added = sorted({name for fields in chunk for name in fields if name != T.id})
    merged = _merged(start, chunk, added).option(Merge.on_create, __.fail("an entity is missing"))
    return _with_added(merged.option(Merge.on_match, same), added).has("record").count()


def _merged(start: GraphTraversal, chunk: list[Fields], added: list[str]) -> GraphTraversal:
    rows = [
        {
            "which": {T.id: fields[T.id]},
            "ones": {name: value for name, value in fields.items() if name not in added},
            **{name: _values(fields.get(name, ())) for name in added},
        }
        for fields in chunk
    ]
    return start.constant(rows).unfold().as_("row").merge_v(__.select("which"))


def _values(value: Any) -> list[Any]:
    return list(value) if isinstance(value, set | tuple) else [value]


def _with_added(merged: GraphTraversal, added: list[str]) -> GraphTraversal:
    merged = merged.as_("vertex") if added else merged
    for name in added:
        value = __.select("row").select(name).unfold().as_("value")
        cardinality = Cardinality.list_ if is_index_property(name) else Cardinality.set_
        merged = merged.side_effect(value.select("vertex").property(cardinality, name, __.select("value")))
    return merged


def group_steps(
    start: GraphTraversal, vertices: list[Fields], widened: list[Fields], edges: Iterable[list[Edge]]
) -> GraphTraversal:
    """Write all of a group, edges by the names of their properties; without a result unless all was written."""
    steps = start
    if vertices:
        steps = vertex_steps(steps, vertices).is_(len(vertices))
    if widened:
        steps = addition_steps(steps, widened, WIDENED).is_(len(widened))
    for alike in edges:
        steps = edge_steps(steps, alike).is_(len(alike))
    return steps


def edge_steps(start: GraphTraversal, chunk: list[Edge]) -> GraphTraversal:
    """Write edges with properties of the same names, and count them; where an end is missing, it fails.

    Run twice, each is there twice, and readers take them for one, alike in their lines.
    """
    source, destination = (
        __.select("edge").select(end).merge_v().option(Merge.on_create, __.fail("an end of an association is missing"))
        for end in ("source", "destination")
    )
    steps = start.constant(chunk).unfold().as_("edge").add_e(__.select("edge").select("label"))
    steps = steps.from_(source).to(destination)
    for name in chunk[0]:
        if name not in ("source", "destination", "label"):
            steps = steps.property(name, __.select("edge").select(name))
    return steps.count()
