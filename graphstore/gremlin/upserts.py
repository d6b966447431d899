"""The traversals that write vertices and edges, some hundred in one request."""

from collections.abc import Iterable
from typing import Any, Final

from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.process.traversal import Cardinality, Merge, T
from gremlin_python.statics import long

from lineal.graphstore import index_terms
from lineal.graphstore.gremlin.mixed_index import INDEXED, TOUCHED_AT, WORDS

_MOST_CHUNK_BYTES: Final = 4 * 1024 * 1024

_ADDED: Final = (index_terms.TERM, WORDS)
"""The properties that hold many values, and to which some are added."""

Fields = dict[Any, Any]
Edge = dict[str, Any]
"""Its `source`, `destination` and `label`, and its properties."""


def chunks_of(parts: list[Fields], most: int) -> list[list[Fields]]:
    """Parts by as many as a request may hold, and no more bytes than it should."""
    chunks: list[list[Fields]] = [[]]
    size = 0
    for part in parts:
        bytes_in = sum(len(value) for value in part.values() if isinstance(value, str))
        bytes_in += sum(len(value) for name in _ADDED for value in part.get(name, ()))
        if chunks[-1] and (len(chunks[-1]) == most or size + bytes_in > _MOST_CHUNK_BYTES):
            chunks.append([])
            size = 0
        chunks[-1].append(part)
        size += bytes_in
    return chunks if chunks[0] else []


def vertex_steps(start: GraphTraversal, chunk: list[Fields]) -> GraphTraversal:
    """Write vertices, and count those that stand with the chunk's stamp; run twice, it changes nothing."""
    merged = _merged(start, chunk).option(Merge.on_create, __.select("all"))
    return _with_added(merged).has("recorded_at", chunk[0]["recorded_at"]).count()


def widening_steps(start: GraphTraversal, chunk: list[Fields]) -> GraphTraversal:
    """Let vertices that stand tell what their revisions say too, and count them; run twice, it changes nothing."""
    merged = _merged(start, chunk).option(Merge.on_create, __.fail("a revised entity is missing"))
    merged = merged.option(Merge.on_match, {"widened": 1, TOUCHED_AT: chunk[0][TOUCHED_AT]})
    return _with_added(merged).has("record").count()


def _merged(start: GraphTraversal, chunk: list[Fields]) -> GraphTraversal:
    rows = [
        {
            "which": {T.id: fields[T.id]},
            "all": {name: value for name, value in fields.items() if name not in _ADDED},
            **{name: list(fields.get(name, ())) for name in _ADDED},
        }
        for fields in chunk
    ]
    return start.constant(rows).unfold().as_("row").merge_v(__.select("which"))


def _with_added(merged: GraphTraversal) -> GraphTraversal:
    merged = merged.as_("vertex")
    for name in _ADDED:
        value = __.select("row").select(name).unfold().as_("value")
        merged = merged.side_effect(value.select("vertex").property(Cardinality.set_, name, __.select("value")))
    return merged


def group_steps(
    start: GraphTraversal, vertices: list[Fields], widened: list[Fields], edges: Iterable[list[Edge]]
) -> GraphTraversal:
    """Write all of a group, edges by the names of their properties; without a result unless all was written."""
    steps = start
    if vertices:
        steps = vertex_steps(steps, vertices).is_(len(vertices))
    if widened:
        steps = widening_steps(steps, widened).is_(len(widened))
    for alike in edges:
        steps = edge_steps(steps, alike).is_(len(alike))
    return steps


def reindexing_steps(start: GraphTraversal, vertices: list[long], stamp: long) -> GraphTraversal:
    """Write all indexed properties of vertices again, which writes them to the mixed index again, and count them."""
    steps = start.V(vertices).as_("vertex")
    for name, cardinality in INDEXED.items():
        # JanusGraph does not index a value that stands already. All are read before the first is dropped.
        values = __.properties(name).as_("old").value().as_("value").barrier().side_effect(__.select("old").drop())
        steps = steps.side_effect(values.select("vertex").property(cardinality, name, __.select("value")))
    return steps.property(TOUCHED_AT, stamp).count()


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
