"""JanusGraph's mixed index of entities: the properties in it, and whether it shows the entities that were written.

JanusGraph writes to its index within the request that commits, and a commit of Lucene takes longer than everything else
in a small batch. So the index has properties of its own, `indexed_*`, which are copies of the properties that all other
queries read. A large batch writes the copies with its entities. The copies of small batches follow in the background,
many in one request (see `index_backlog`).

JanusGraph reports no error if a write to the index fails. So an entity counts as indexed only when the index shows it.
A vertex of its own, the mark, proves that the index belongs to this graph: that it is not the index of another graph,
nor an empty one that replaced a lost index.
"""

import asyncio
import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.process.traversal import Cardinality, Merge, T
from gremlin_python.statics import long

from lineal.graphstore import index_terms
from lineal.graphstore.batches import NewEntity, NewRevision
from lineal.graphstore.codes import KINDS
from lineal.graphstore.errors import Unavailable
from lineal.graphstore.full_text import LONGEST_WORD, words_recorded
from lineal.graphstore.gremlin.client import GremlinClient, g
from lineal.graphstore.gremlin.vertex_ids import GROUP, vertex_of_note

ENTITY: Final = "entity"
"""The label of the vertices in the index."""
TERMS: Final = "terms"
"""The property with the terms of an entity's record, and of each revision, separated by spaces."""
WORDS: Final = "words"
"""The property with the words of an entity's record, and of each revision, as tokens separated by spaces."""
INDEXED_TERM: Final = "indexed_term"
"""The property of the index with the terms, each as a separate value."""
INDEXED_AT: Final = "indexed_at"
"""The property of the index with a watermark: the index has the parts of the entity from batches up to this one."""
PLACED_AT: Final = "placed_at"
"""The property of the index with the stamp under which the groups of an entity last changed."""
SHOWN_SECONDS: Final = 5.0
"""The time that the index may take to show a write: Elasticsearch shows it a moment later."""
_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.02, 0.5
_LONGEST_TOKEN: Final = 200
"""Analyzers split longer tokens."""
_KIND, _MARK = "K:", "I:"
_MARK_VERTEX: Final = vertex_of_note("index")

COPIED: Final = (
    "urn", "name", "version", "type", "account", "urn_folded", "name_folded", "version_folded", "recorded_at",
    "occurred_at", WORDS, GROUP,
)  # fmt: skip
"""The properties of which the index has copies, as `schema.groovy` lists them."""

NOT_SHOWN: Final = (
    "the graph's index did not accept the whole write, so nothing of it counts: see the graph server's log for the "
    "cause, and send it again"
)
WRONG_INDEX: Final = (
    "the graph server's search index is not this graph's, or has lost its content, and would give wrong answers: give "
    "every JanusGraph of the graph the index that it was set up with (index.search.*), or rebuild the index, as the "
    "guide on JanusGraph describes"
)


# -- properties of the index --


def in_index(name: str) -> str:
    """Return the name of the index property that copies a property."""
    return f"indexed_{name}"


def is_index_property(name: str) -> bool:
    """Return whether a property is only in the index."""
    return name.startswith(in_index(""))


def index_properties(fields: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the index properties of an entity, except INDEXED_AT, from its other properties (a value or a list each).

    An index property with several values is a set. Values that `fields` shows to be in the index are left out.
    """
    values = {name: value if isinstance(value, list) else [value] for name, value in fields.items()}
    copies = {in_index(name): set(map(_as_long, values[name])) for name in COPIED if name in values}
    copies[INDEXED_TERM] = {term for text in values[TERMS] for term in text.split(" ")}
    missing = {name: copied - set(values.get(name, ())) for name, copied in copies.items()}
    return {name: next(iter(copied)) if len(copied) == 1 else copied for name, copied in missing.items() if copied}


def _as_long(value: Any) -> Any:
    return long(value) if isinstance(value, int) else value


def copy_to_index(vertices: GraphTraversal, names: Iterable[str]) -> GraphTraversal:
    """Copy properties of vertices to those of the index again, even if present: the index may have lost them."""
    steps = vertices.as_("vertex")
    for name in names:
        copy = INDEXED_TERM if name == TERMS else in_index(name)
        values = all_terms().dedup() if name == TERMS else __.values(name)
        add_copies = values.as_("value").select("vertex").property(Cardinality.list_, copy, __.select("value"))
        steps = steps.side_effect(__.properties(copy).drop()).side_effect(add_copies)
    return steps


def all_terms() -> GraphTraversal:
    """Return steps to the terms of a vertex, with duplicates."""
    return __.values(TERMS).split(" ").unfold()


def kind_term(code: int) -> str:
    """Return the term of a kind, from its code."""
    return f"{_KIND}{KINDS[code]}"


def terms_for_index(entity: NewEntity, code: int, by: str) -> set[str]:
    """Return the terms of an entity that the index needs in addition to those that conditions ask for."""
    uri = None if entity.source is None else entity.source.uri
    return {kind_term(code), *index_terms.of_fields({"source_uri": uri, "recorded_by": by})}


def token(word: str) -> str:
    """Return a word as letters and digits, which no analyzer splits; words with a common beginning have such tokens."""
    return index_terms.text_of(word[:LONGEST_WORD])[:_LONGEST_TOKEN]


def tokens(part: NewEntity | NewRevision) -> set[str]:
    """Return the tokens of an entity as first recorded, or of the fields that a revision sets."""
    return set(map(token, words_recorded(part)))


# -- visibility of writes --


def indexed(vertices: GraphTraversal) -> GraphTraversal:
    """Return the start of every traversal that uses the index, after `V()`."""
    return vertices.has_label(ENTITY)


async def wait_until_shown(server: GremlinClient, counts: Collection[tuple[str, int, int]]) -> None:
    """Wait until the index shows the expected count of entities for each key and stamp.

    Raises Unavailable if it does not within SHOWN_SECONDS. Returns at once for a graph without a mixed index.
    """
    if not server.has_mixed_index:
        return
    deadline, pause = time.monotonic() + SHOWN_SECONDS, _PAUSE_SECONDS
    for key, stamp, count in counts:
        # Of ids: JanusGraph would leave the count of vertices to Lucene, which counts up to a thousand.
        shown = indexed(g.V()).has(key, long(stamp)).id_().count()
        while count and await server.ask(shown) != [count]:
            if time.monotonic() > deadline:
                raise Unavailable(NOT_SHOWN)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


async def write_mark(server: GremlinClient, graph: str) -> None:
    """Write the mark of the graph with this name, unless it exists; two servers may do so at the same time."""
    if await server.ask(g.V(_MARK_VERTEX).count()) == [0]:
        new_mark = {T.id: _MARK_VERTEX, T.label: ENTITY, INDEXED_TERM: _MARK + graph}
        await server.ask(g.inject({T.id: _MARK_VERTEX}).merge_v().option(Merge.on_create, new_mark).count())


async def is_own_index(server: GremlinClient, graph: str, seconds: float = 0.0) -> bool:
    """Return whether the index belongs to the graph with this name, or there is none; wait up to `seconds` for it."""
    deadline = time.monotonic() + seconds
    marked = indexed(g.V()).has(INDEXED_TERM, _MARK + graph).values(INDEXED_TERM)
    while server.has_mixed_index and not await server.ask(marked):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_PAUSE_SECONDS)
    return True
