"""Making a graph ready: its schema, and the root vertex that says which version it has."""

import asyncio
import secrets
from importlib.resources import files
from typing import Final

from gremlin_python.process.graph_traversal import __
from gremlin_python.process.traversal import Merge, T

from lineal.graphstore.errors import StoreUnusable, Unavailable
from lineal.graphstore.gremlin.client import GremlinClient, g
from lineal.graphstore.gremlin.messages import ServerRefused
from lineal.graphstore.gremlin.mixed_index import NOT_ITS_OWN, SHOWN_SECONDS, is_its_own, put_mark
from lineal.graphstore.gremlin.snapshots import ROOT
from lineal.graphstore.gremlin.transport import AccessRefused

VERSION: Final = 4
_WRONG_REQUEST: Final = 499
_TRIES: Final = 6
_TINKERGRAPH: Final = """
graph = g.getGraph()
['kind', 'name', 'part', 'term'].each { graph.createIndex(it, Vertex) }
true
"""


async def set_up(server: GremlinClient) -> str:
    """Bring the graph to this version's schema; does nothing where it has it. Two servers may do so at once.

    Gives the graph's name, which no other graph has. Raises StoreUnusable where the graph is another's, or newer, or
    cannot hold the schema; Unavailable where the server gives no answer.
    """
    try:
        found = await _version(server)
        if found is not None and found != VERSION:
            raise StoreUnusable(
                f"the graph has schema version {found}, and this Lineal knows {VERSION}: "
                + ("use the newer Lineal" if found > VERSION else "export it with the older one, and ingest it again")
            )
        server.has_mixed_index = not await keeps_nothing(server)
        if found is None:
            await _make(server)
        name = await name_of_graph(server) or ""
        if server.has_mixed_index:
            await put_mark(server, name)
            if not await is_its_own(server, name, SHOWN_SECONDS):
                raise StoreUnusable(NOT_ITS_OWN)
        return name
    except AccessRefused as error:
        raise StoreUnusable(str(error)) from error
    except ServerRefused as error:
        raise StoreUnusable(_advice(error, server)) from error


async def name_of_graph(server: GremlinClient) -> str | None:
    """The name that the graph was given when it was set up; None where it is not set up, or no more."""
    found = await server.ask(g.V(ROOT).coalesce(__.values("name"), __.constant("")))
    return str(found[0]) if found else None


async def keeps_nothing(server: GremlinClient) -> bool:
    """Whether the graph is in the server's memory only, and gone when that is started again."""
    (engine,) = await server.script("g.getGraph().getClass().getSimpleName()")
    return str(engine).startswith("Tinker")


def _advice(error: ServerRefused, server: GremlinClient) -> str:
    if error.code == _WRONG_REQUEST:
        return (
            f"the graph server has no traversal source {server.transport.address.source!r} ({error.message[:200]}): "
            "name another in --store, as gremlin://host:8182/source; if it is the right one, see the server's log for "
            "why its graph could not be opened"
        )
    return (
        f"the graph server refused to be set up ({error}): a JanusGraph must be configured with "
        "graph.set-vertex-id=true and an index named search (index.search.backend) before its first start, and allow "
        "Groovy scripts; see the guide on JanusGraph"
    )


async def _version(server: GremlinClient) -> int | None:
    found = await server.ask(g.V(ROOT).values("schema"))
    return int(found[0]) if found else None


async def _make(server: GremlinClient) -> None:
    script = (files(__package__) / "schema.groovy").read_text() if server.has_mixed_index else _TINKERGRAPH
    for attempt in range(_TRIES):
        try:
            await server.script(script)
            root = g.inject({T.id: ROOT}).merge_v()
            made = {T.id: ROOT, T.label: "note", "schema": VERSION, "name": secrets.token_hex(8)}
            await server.ask(root.option(Merge.on_create, made).count())
        except ServerRefused:
            # Another server may be at it.
            if await _version(server) == VERSION:
                return
            if attempt == _TRIES - 1:
                raise
            await asyncio.sleep(0.2 * 2**attempt)
        else:
            break
    if await _version(server) != VERSION:
        raise Unavailable("the graph does not show its schema yet: start again")
    await server.ask(g.V(ROOT).where(__.values("schema")).count())
