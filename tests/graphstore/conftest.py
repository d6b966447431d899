"""Every engine the contract suite runs over: a new one is one more line."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from engines import GRAPH_SERVERS, Engine, emptied
from reference_store import ReferenceStore

from lineal.graphstore.batch_validation import now
from lineal.graphstore.embedded.memory.adjacency_cache import AdjacencyCache
from lineal.graphstore.opening import open_store
from lineal.graphstore.store import Store

OpenStore: TypeAlias = Callable[[], Awaitable[Store]]


@pytest.fixture(params=["reference", "sqlite", "sqlite-statements", "memory", *GRAPH_SERVERS])
async def opened(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[OpenStore]:
    """Opens an empty store of the engine, as often as asked; all are closed in the end.

    `sqlite-statements` holds no associations in memory, so that its walks ask the database at every level. Of a graph
    server the first store is in its graph; what else a test opens is in memory.
    """
    engine: Engine | None = None
    if request.param in GRAPH_SERVERS:
        engine = request.getfixturevalue(request.param.replace("-", "_"))
        await emptied(engine.url)
    if request.param == "sqlite-statements":
        monkeypatch.setattr(AdjacencyCache, "at", lambda present, connection: None)
    stores: list[Store] = []

    async def open_one() -> Store:
        match request.param:
            case "reference":
                stores.append(ReferenceStore(now))
            case "sqlite" | "sqlite-statements":
                stores.append(await open_store(f"sqlite:///{tmp_path}/{len(stores)}.db"))
            case _ if engine is not None and not stores:
                stores.append(await open_store(engine.url))
            case _:
                stores.append(await open_store("memory:"))
        return stores[-1]

    yield open_one
    for store in stores:
        await store.close()


@pytest.fixture
async def store(opened: OpenStore) -> Store:
    """One empty store of the engine."""
    return await opened()
