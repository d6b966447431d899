"""Journeys to the graph server, as few as the speed document allows (B8), whatever the depth and the width.

A journey is what is asked at once and waited for together; the one read of the heads, which every request makes for its
watermark, is not among them.
"""

from collections.abc import Callable

import pytest
from asking import data
from engines import Engine, emptied
from making import entity, graph, properties, urn

from lineal.graphstore.batches import Batch, NewRevision
from lineal.graphstore.gremlin import loading
from lineal.graphstore.gremlin.server import Server
from lineal.graphstore.opening import open_store

ROOT = 'entity(urn: "lineal:a:DATASET:root")'
FILTERS = [
    "",
    'where: { kind: [DATASET], property: [{ key: "lr", gt: 0.1 }] }',
    'stopAt: { property: [{ key: "lr", lt: 0.1 }] }',
    'where: { tag: ["late"], status: [] }',
    'via: { role: { exists: false }, property: [{ key: "x", exists: false }] }',
]


@pytest.fixture
def journeys(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many traversals each journey asked."""
    made: list[int] = []
    wait = Server.wait

    def counting(server: Server, *steps: object) -> object:
        if steps:
            made.append(len(steps))
        return wait(server, *steps)

    monkeypatch.setattr(Server, "wait", counting)
    return made


Ask = Callable[[str, int], object]


async def journeys_of(engine: Engine, query: str, width: int, made: list[int]) -> int:
    """How many one request makes, on a tree of three levels; half the entities are revised."""
    await emptied(engine.url)
    async with await open_store(engine.url) as store:
        tree = graph(*(f"root>{n}>{n}x{m}>{n}x{m}y" for n in range(width) for m in range(width)))
        names = [each.name for each in tree.entities]
        batch = Batch(
            tuple(entity(name, properties=properties(lr=0.5, n=index)) for index, name in enumerate(names)),
            tree.associations,
            tuple(NewRevision(urn(name), tags=("late",)) for name in names[::2]),
        )
        await store.record(batch, by="me")
        await store.secret("cursors")
        made.clear()
        answer = await data(store, query)
        assert answer["entity"] is not None
        return len(made)


@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("width", [2, 6])
async def test_hop_by_hop_is_one_a_level(graph_server: Engine, journeys: list[int], width: int, filters: str) -> None:
    inner = f"descendants(depth: 1, first: 100 {filters}) {{ nodes {{ urn %s }} }}"
    query = f"{{ {ROOT} {{ {inner % (inner % (inner % ''))} }} }}"
    assert await journeys_of(graph_server, query, width, journeys) <= 1 + 3


@pytest.mark.parametrize("most_loaded", [loading.MOST_LOADED, 3])
@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("depth", ["", "depth: 2"])
async def test_a_multi_hop_field_with_paths(
    graph_server: Engine,
    journeys: list[int],
    monkeypatch: pytest.MonkeyPatch,
    filters: str,
    depth: str,
    most_loaded: int,
) -> None:
    """Closure, matches or page, paths; however much has to be matched by the engine."""
    monkeypatch.setattr(loading, "MOST_LOADED", most_loaded)
    query = f"{{ {ROOT} {{ descendants(first: 1000 {depth} {filters}) {{ totalCount countsByKind {{ kind }} edges {{ "
    query += "distance cursor node { urn properties { key } } path { type role properties { key } } } } } }"
    assert await journeys_of(graph_server, query, 6, journeys) <= 1 + 3


async def test_associations_versions_and_history_of_many(graph_server: Engine, journeys: list[int]) -> None:
    """A walk's associations take two journeys; those of each node too, their versions and histories one each."""
    query = f"""{{ {ROOT} {{ descendants(first: 100) {{ associations(first: 5) {{ totalCount nodes {{ type }} }}
      nodes {{ versions {{ totalCount }} history {{ totalCount }} associations {{ totalCount }} }} }} }} }}"""
    assert await journeys_of(graph_server, query, 4, journeys) <= 1 + 2 + 2 + 2 + 1 + 1
