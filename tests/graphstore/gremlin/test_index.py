"""What goes through the mixed index does, by JanusGraph's own account; and nothing counts before the index shows it."""

from collections.abc import Iterator
from typing import Any

import pytest
from engines import Engine, emptied
from indexed_filters import FILTERS
from making import entity, now, properties, urn

from lineal.graphstore.batches import Batch, NewRevision
from lineal.graphstore.gremlin.server import Server
from lineal.graphstore.opening import open_store
from lineal.graphstore.queries import BY_URN, EntityOrderField, Find, Ordering
from lineal.graphstore.records import Source
from lineal.graphstore.store import Store


async def filled(store: Store) -> None:
    some = [
        entity(f"name-{n}", source=Source(f"s3://lake/{n}"), tags=("t",), properties=properties(k=n)) for n in range(50)
    ]
    await store.record(Batch(tuple(some)), by="me")
    revisions = tuple(NewRevision(urn(f"name-{n}"), tags=("later",), properties=properties(k=-n)) for n in range(9))
    await store.record(Batch(revisions=revisions), by="me")


@pytest.fixture
async def store(janusgraph: Engine) -> Any:
    await emptied(janusgraph.url)
    async with await open_store(janusgraph.url) as opened:
        await filled(opened)
        yield opened


async def queries(store: Store, question: Find, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What JanusGraph says of every query of vertices that a question comes to."""
    asked: list[Any] = []
    wait = Server.wait

    def noting(server: Server, *steps: Any) -> Any:
        asked.extend(each.clone() for each in steps)
        return wait(server, *steps)

    with monkeypatch.context() as patched:
        patched.setattr(Server, "wait", noting)
        await store.find([question])
    assert asked
    server: Server = store._server  # type: ignore[attr-defined]
    told = [(await server.ask(steps.profile()))[0] for steps in asked]
    return [each["annotations"] for metrics in told for each in _all(metrics["metrics"]) if _is_query(each)]


def _all(metrics: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for each in metrics:
        yield each
        yield from _all(each["metrics"])


def _is_query(metrics: dict[str, Any]) -> bool:
    return str(metrics["name"]) == "GraphCentricQuery"


def indexes(told: list[dict[str, Any]]) -> set[str]:
    """The indexes that queries went through, each wholly; "" for none."""
    return {str(each.get("index", "")) if each.get("isFitted") == "true" else "" for each in told}


@pytest.mark.parametrize("order", [BY_URN, Ordering(EntityOrderField.PROPERTY, "k")], ids=["by urn", "by property"])
@pytest.mark.parametrize("name", FILTERS)
async def test_filters_go_through_the_mixed_index(
    store: Store, name: str, order: Ordering, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = await queries(store, Find(await now(store), FILTERS[name], order), monkeypatch)
    is_by_id = name in ("urn eq", "urn in")
    assert indexes(told) == (set() if is_by_id else {"asked"}), told
