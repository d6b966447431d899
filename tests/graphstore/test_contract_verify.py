"""Verification, on every engine: a sound store has no problem, however it was written."""

from contextlib import suppress

from engines import Engine, emptied
from hypothesis import given, settings
from record_builders import DAY, EPOCH, association, entity, graph, properties, urn
from strategies import batches

from lineal.graphstore.batches import Batch, NewObservation, NewRevision
from lineal.graphstore.errors import BatchRefused
from lineal.graphstore.gremlin.client import GremlinClient
from lineal.graphstore.gremlin.transport import Address, Transport
from lineal.graphstore.kinds import EntityStatus
from lineal.graphstore.opening import open_store
from lineal.graphstore.store import Store


async def verified(store: Store, sample: int | None = None) -> tuple[int, list[str]]:
    """The number of records that were checked, and the problems."""
    steps = [step async for step in store.verify(sample)]
    return sum(step.records for step in steps), [problem for step in steps for problem in step.problems]


async def test_a_store_as_recorded_has_no_problem(store: Store) -> None:
    assert await verified(store) == (0, [])
    full = entity("full", tags=("b", "a", "b"), properties=properties(n=1, x=-0.0, b=True, t="text", j={"a": [1.0]}))
    await store.record(graph("a>b>c>a", "a=d"), by="me")
    await store.record(Batch((full,), (association("full", "a", properties=properties(z="z", y=1)),)), by="you")
    timeless = association("full", "b", occurred_at=None, role="train")
    for at in (EPOCH, EPOCH - DAY, EPOCH - 2 * DAY, EPOCH + DAY):
        revision = NewRevision(
            urn("full"), EntityStatus.IN_PROGRESS, properties=properties(n=at), occurred_at=at, rank=1
        )
        sighting = NewRevision(urn("a"), occurred_at=at - DAY)
        superseding = NewRevision(urn("b"), tags=(), removed=("n",), superseded_by=urn("c"), occurred_at=at)
        observation = NewObservation(urn("full"), "loss", float("nan"), at % 7, at)
        parts = (revision, sighting, superseding, revision)
        await store.record(Batch((), (timeless,), parts, (observation,)), by="me")
    records, problems = await verified(store)
    assert (records >= 20, problems) == (True, [])
    records, problems = await verified(store, 3)
    assert (records > 0, problems) == (True, [])


@given(batches())
@settings(max_examples=40)
async def test_a_drawn_store_has_no_problem(history: list[Batch]) -> None:
    async with await open_store("memory:") as store:
        for batch in history:
            with suppress(BatchRefused):
                await store.record(batch, by="me")
        assert (await verified(store))[1] == []


async def test_an_altered_record_of_a_graph_is_found(graph_server: Engine) -> None:
    await emptied(graph_server.url)
    async with await open_store(graph_server.url) as store:
        await store.record(graph("a>b"), by="me")
        await store.record(Batch((entity("x", description="as recorded"),)), by="me")
    client = GremlinClient(Transport(Address.parsed(graph_server.url)))
    try:
        await client.script(_ALTER)
    finally:
        await client.transport.close()
    async with await open_store(graph_server.url) as store:
        _, problems = await verified(store)
    assert problems == [f"{urn('x')} does not match its digest: the record was changed or damaged"]


_ALTER = """
g.V().has('record').toList().findAll { it.value('record').contains('as recorded') }.each {
    it.property('record', it.value('record').replace('as recorded', 'altered'))
}
true
"""
