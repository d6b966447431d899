"""When API keys were last used: one vertex for each key. It needs no lease: of two times the later stays."""

from collections.abc import Sequence

from gremlin_python.process.traversal import Merge, P, T
from gremlin_python.statics import long

from lineal.graphstore.gremlin.client import GremlinClient, g
from lineal.graphstore.gremlin.vertex_ids import vertex_of_note


async def key_used(server: GremlinClient, id: str, at: int) -> None:
    """Note when a key was last used."""
    vertex = _vertex(id)
    made = {T.id: vertex, T.label: "note", "value": id, "kept_at": long(at)}
    merged = g.inject({T.id: vertex}).merge_v().option(Merge.on_create, made)
    await server.ask(merged.has("kept_at", P.lt(long(at))).property("kept_at", long(at)).count())


async def keys_used(server: GremlinClient, ids: Sequence[str]) -> dict[str, int]:
    """When keys were last used, by id; keys that were never used are missing."""
    vertices = await server.ask(g.V([_vertex(id) for id in ids]).value_map("value", "kept_at"))
    return {values["value"][0]: values["kept_at"][0] for values in vertices}


def _vertex(id: str) -> long:
    return vertex_of_note("key", id)
