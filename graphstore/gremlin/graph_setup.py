"""Setting up a graph: its schema, the vertex of its version and name, and the register of the writer lease."""

import asyncio
import secrets
from importlib.resources import files
from typing import Final

from gremlin_python.process.graph_traversal import __
from gremlin_python.process.traversal import Merge, T

from lineal.graphstore.errors import StoreUnusable, Unavailable
from lineal.graphstore.gremlin.cassandra_register import CassandraRegister
from lineal.graphstore.gremlin.client import GremlinClient, g
from lineal.graphstore.gremlin.lease_register import GraphRegister, LeaseRegister
from lineal.graphstore.gremlin.messages import ServerRefused
from lineal.graphstore.gremlin.mixed_index import SHOWN_SECONDS, WRONG_INDEX, is_own_index, write_mark
from lineal.graphstore.gremlin.snapshots import ROOT
from lineal.graphstore.gremlin.transport import AccessRefused

VERSION: Final = 7
_WRONG_REQUEST: Final = 499
_TRIES: Final = 6
_CREATE_INDEXES: Final = """
graph = g.getGraph()
['kind', 'indexed_name', 'part', 'indexed_term'].each { graph.createIndex(it, Vertex) }
true
"""
_BACKEND: Final = """
def graph = g.getGraph()
if (graph.getClass().getSimpleName().startsWith('Tinker')) {
    return ['tinkergraph', '']
}
def settings = graph.configuration()
[settings.getString('storage.backend'), settings.getString('storage.berkeleyje.isolation-level', 'REPEATABLE_READ')]
"""
_TINKERGRAPH, _BERKELEYJE, _CASSANDRA = "tinkergraph", "berkeleyje", "cql"
_ISOLATED: Final = ("REPEATABLE_READ", "SERIALIZABLE")
_NOT_ISOLATED: Final = (
    "JanusGraph runs with storage.berkeleyje.isolation-level={}, under which two servers may hold the writer lease at "
    "once: set it to REPEATABLE_READ in JanusGraph's properties and start it again; lineal janusgraph stop, and start, "
    "do both"
)
_NO_LEASE: Final = (
    "the graph is on the storage backend {!r}, which offers no compare-and-set that Lineal knows: use a JanusGraph "
    "with storage.backend=berkeleyje or cql, or a Gremlin Server with TinkerGraph"
)


async def set_up(server: GremlinClient) -> tuple[str, LeaseRegister]:
    """Bring the graph to this version's schema, unless it has it, and return its name and its lease register.

    No other graph has the same name. Two servers may set up a graph at once. Raises StoreUnusable if the graph belongs
    to another program or to a newer version, or cannot hold the schema or the lease; Unavailable if the server does not
    answer.
    """
    try:
        found = await _version(server)
        if found is not None and found != VERSION:
            raise StoreUnusable(
                f"the graph has schema version {found}, and this Lineal knows {VERSION}: "
                + ("use the newer Lineal" if found > VERSION else "export it with the older one, and ingest it again")
            )
        backend = await _backend(server)
        server.has_mixed_index = backend != _TINKERGRAPH
        # An interrupted evaluation makes the database of BerkeleyJE unusable until JanusGraph starts again.
        server.may_interrupt = backend != _BERKELEYJE
        if found is None:
            await _make(server)
        name = await name_of_graph(server) or ""
        if server.has_mixed_index:
            await write_mark(server, name)
            if not await is_own_index(server, name, SHOWN_SECONDS):
                raise StoreUnusable(WRONG_INDEX)
        register = CassandraRegister(server, name) if backend == _CASSANDRA else GraphRegister(server)
        await register.set_up()
        return name, register
    except AccessRefused as error:
        raise StoreUnusable(str(error)) from error
    except ServerRefused as error:
        raise StoreUnusable(_advice(error, server)) from error


async def name_of_graph(server: GremlinClient) -> str | None:
    """The name of the graph, from its setup; None if it is not set up, or was emptied."""
    found = await server.ask(g.V(ROOT).coalesce(__.values("name"), __.constant("")))
    return str(found[0]) if found else None


async def is_in_memory(server: GremlinClient) -> bool:
    """Whether the graph is only in the server's memory, and lost when the server is started again."""
    return await _backend(server) == _TINKERGRAPH


async def _backend(server: GremlinClient) -> str:
    """The storage backend. Raises StoreUnusable if it offers no compare-and-set for the writer lease."""
    backend, isolation = await server.script(_BACKEND)
    if backend not in (_TINKERGRAPH, _BERKELEYJE, _CASSANDRA):
        raise StoreUnusable(_NO_LEASE.format(backend))
    if backend == _BERKELEYJE and isolation not in _ISOLATED:
        raise StoreUnusable(_NOT_ISOLATED.format(isolation))
    return str(backend)


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
    script = (files(__package__) / "schema.groovy").read_text() if server.has_mixed_index else _CREATE_INDEXES
    for attempt in range(_TRIES):
        try:
            await server.script(script)
            root = g.inject({T.id: ROOT}).merge_v()
            made = {T.id: ROOT, T.label: "note", "schema": VERSION, "name": secrets.token_hex(8)}
            await server.ask(root.option(Merge.on_create, made).count())
        except ServerRefused:
            # Another server may be setting the graph up.
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
