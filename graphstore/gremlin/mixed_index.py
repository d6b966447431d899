"""The mixed index of JanusGraph over entities: the properties it holds, and whether it shows what was written.

JanusGraph writes to its index within the request that commits, and a commit of Lucene takes longer than everything else
that a small batch needs. So the index holds properties of its own, `indexed_*`, copies of those that everything else
reads. A large batch writes them with its entities; those of small batches follow in the background, many in one request
(see `index_backlog`).

JanusGraph reports nothing if a write to the index fails. So entities count as indexed when the index shows them; and a
vertex of its own, the mark, tells that the index is the graph's and not another's, or an empty one that took the place
of one that was lost.
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
"""The label of the vertices that the index holds."""
TERMS: Final = "terms"
"""The property that holds the terms of an entity's record, and of each revision, between spaces."""
WORDS: Final = "words"
"""The property that holds the words of an entity's record, and of each revision, as tokens between spaces."""
INDEXED_TERM: Final = "indexed_term"
"""The property of the index that holds the terms, each by itself."""
INDEXED_AT: Final = "indexed_at"
"""The property of the index that holds a watermark: it holds what batches up to this one recorded of the entity."""
PLACED_AT: Final = "placed_at"
"""The property of the index that holds the stamp under which the groups of an entity were last changed."""
SHOWN_SECONDS: Final = 5.0
"""How long the index may take to show what it was given: Elasticsearch shows it a moment later."""
_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.02, 0.5
_LONGEST_TOKEN: Final = 200
"""Analyzers part longer ones."""
_KIND, _MARK = "K:", "I:"
_MARK_VERTEX: Final = vertex_of_note("index")

COPIED: Final = (
    "urn", "name", "version", "type", "account", "urn_folded", "name_folded", "version_folded", "recorded_at",
    "occurred_at", WORDS, GROUP,
)  # fmt: skip
"""The properties that the index holds copies of, as `schema.groovy` lists them."""

NOT_SHOWN: Final = (
    "the graph's index did not take all that was written, so nothing of it counts: see the graph server's log for why, "
    "and send it again"
)
NOT_ITS_OWN: Final = (
    "the graph server's search index is not this graph's, or has lost what it held, and would give wrong answers: give "
    "every JanusGraph of the graph the one index that it was set up with (index.search.*), or rebuild it, as the guide "
    "on JanusGraph tells"
)


# -- what is written --


def in_index(name: str) -> str:
    """The property of the index that holds the copies of a property."""
    return f"indexed_{name}"


def is_of_index(name: str) -> bool:
    """Whether only the index holds a property."""
    return name.startswith(in_index(""))


def index_properties(fields: Mapping[Any, Any]) -> dict[str, Any]:
    """The properties of the index of an entity, but INDEXED_AT, by its other ones, each a value or a list of values.

    A property of the index with several values is a set. Values that `fields` shows in the index are left out.
    """
    values = {name: each if isinstance(each, list) else [each] for name, each in fields.items()}
    copies = {in_index(name): set(map(_as_long, values[name])) for name in COPIED if name in values}
    copies[INDEXED_TERM] = {term for text in values[TERMS] for term in text.split(" ")}
    missing = {name: each - set(values.get(name, ())) for name, each in copies.items()}
    return {name: next(iter(each)) if len(each) == 1 else each for name, each in missing.items() if each}


def _as_long(value: Any) -> Any:
    return long(value) if isinstance(value, int) else value


def copying(vertices: GraphTraversal, names: Iterable[str]) -> GraphTraversal:
    """Copy properties of vertices to those of the index anew, though they stand there: the index may have lost them."""
    steps = vertices.as_("vertex")
    for name in names:
        copy = INDEXED_TERM if name == TERMS else in_index(name)
        values = each_term().dedup() if name == TERMS else __.values(name)
        adding = values.as_("value").select("vertex").property(Cardinality.list_, copy, __.select("value"))
        steps = steps.side_effect(__.properties(copy).drop()).side_effect(adding)
    return steps


def each_term() -> GraphTraversal:
    """The terms of a vertex, with duplicates."""
    return __.values(TERMS).split(" ").unfold()


def of_kind(code: int) -> str:
    """The term of a kind, by its code."""
    return f"{_KIND}{KINDS[code]}"


def terms_beside(entity: NewEntity, code: int, by: str) -> set[str]:
    """The terms of an entity that the index wants, beside those that conditions ask for."""
    uri = None if entity.source is None else entity.source.uri
    return {of_kind(code), *index_terms.of_fields({"source_uri": uri, "recorded_by": by})}


def token(word: str) -> str:
    """A word in letters and digits, which no analyzer parts; words that begin alike have tokens that do."""
    return index_terms.text_of(word[:LONGEST_WORD])[:_LONGEST_TOKEN]


def tokens(part: NewEntity | NewRevision) -> set[str]:
    """The words of an entity as first recorded, or of what a revision sets."""
    return set(map(token, words_recorded(part)))


# -- whether it is shown --


def indexed(vertices: GraphTraversal) -> GraphTraversal:
    """The start of every traversal that goes through the index, after `V()`."""
    return vertices.has_label(ENTITY)


async def wait_until_shown(server: GremlinClient, counts: Collection[tuple[str, int, int]]) -> None:
    """Wait until as many entities are found through the index as should be, by a key and a stamp.

    Raises Unavailable where they are not in SHOWN_SECONDS. A graph without a mixed index has nothing to wait for.
    """
    if not server.has_mixed_index:
        return
    deadline, pause = time.monotonic() + SHOWN_SECONDS, _PAUSE_SECONDS
    for key, stamp, count in counts:
        # The ids, since JanusGraph would have Lucene count, which does so up to a thousand.
        shown = indexed(g.V()).has(key, long(stamp)).id_().count()
        while count and await server.ask(shown) != [count]:
            if time.monotonic() > deadline:
                raise Unavailable(NOT_SHOWN)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


async def put_mark(server: GremlinClient, graph: str) -> None:
    """Put the mark into a graph of a name, where it has none yet; two servers may do so at once."""
    if await server.ask(g.V(_MARK_VERTEX).count()) == [0]:
        made = {T.id: _MARK_VERTEX, T.label: ENTITY, INDEXED_TERM: _MARK + graph}
        await server.ask(g.inject({T.id: _MARK_VERTEX}).merge_v().option(Merge.on_create, made).count())


async def is_its_own(server: GremlinClient, graph: str, seconds: float = 0.0) -> bool:
    """Whether the index is that of the graph of a name, or there is none to be; waits so long for it to show it."""
    deadline = time.monotonic() + seconds
    marked = indexed(g.V()).has(INDEXED_TERM, _MARK + graph).values(INDEXED_TERM)
    while server.has_mixed_index and not await server.ask(marked):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_PAUSE_SECONDS)
    return True
