"""The mixed index of JanusGraph over entities: what is written for it alone, and whether it shows what was written.

JanusGraph writes to its index after it has committed, and tells nobody where that fails. So a batch is not made visible
before all of it is found through the index; and a vertex of its own, the mark, tells that the index is the graph's and
not another's, or an empty one that took the place of one that was lost.
"""

import asyncio
import time
from collections.abc import Collection
from typing import Final

from gremlin_python.process.graph_traversal import GraphTraversal
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
WORDS: Final = "words"
"""The property that holds the words of an entity's record, and of each revision, as tokens between spaces."""
TOUCHED_AT: Final = "touched_at"
"""The property that holds the stamp under which what the index holds of an entity was last changed."""
SHOWN_SECONDS: Final = 5.0
"""How long a batch waits to be found through the index: Elasticsearch shows a moment later what it was given."""
_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.02, 0.5
_LONGEST_TOKEN: Final = 200
"""Analyzers part longer ones."""
_KIND, _MARK = "K:", "I:"
_MARK_VERTEX: Final = vertex_of_note("index")

INDEXED: Final = {
    **dict.fromkeys(
        (
            "urn", "name", "version", "type", "account", "urn_folded", "name_folded", "version_folded",
            "recorded_at", "occurred_at",
        ),
        Cardinality.single,
    ),
    **dict.fromkeys((index_terms.TERM, WORDS, GROUP), Cardinality.set_),
}  # fmt: skip
"""The properties in the index, but TOUCHED_AT, as `schema.groovy` lists them."""

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
        made = {T.id: _MARK_VERTEX, T.label: ENTITY, index_terms.TERM: _MARK + graph}
        await server.ask(g.inject({T.id: _MARK_VERTEX}).merge_v().option(Merge.on_create, made).count())


async def is_its_own(server: GremlinClient, graph: str, seconds: float = 0.0) -> bool:
    """Whether the index is that of the graph of a name, or there is none to be; waits so long for it to show it."""
    deadline = time.monotonic() + seconds
    marked = indexed(g.V()).has(index_terms.TERM, _MARK + graph).values(index_terms.TERM)
    while server.has_mixed_index and not await server.ask(marked):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_PAUSE_SECONDS)
    return True
