"""What an append, an event and a present read fetch does not grow with the number of revisions before."""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from engines import Engine, emptied
from openlineage_events import event, job
from record_builders import EPOCH, entity, id_of, now, properties, urn

from lineal.capture.openlineage import receive
from lineal.graphstore.batches import Batch, NewRevision
from lineal.graphstore.gremlin import checkpoints, revision_cache
from lineal.graphstore.gremlin.client import GremlinClient
from lineal.graphstore.gremlin.revision_cache import RevisionCache
from lineal.graphstore.opening import open_store
from lineal.graphstore.store import Store

FEW, MANY = 10, 2_000
Fetched = Counter[str]


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> Fetched:
    """How many revisions and checkpoints came, in how many bytes, and how many round trips threads waited for."""
    counts: Fetched = Counter()
    keep, waited_for, wait = RevisionCache._keep, GremlinClient._all, GremlinClient.wait

    def counting_lines(cache: RevisionCache, parts: Any) -> Any:
        parts = list(parts)
        counts["lines"] += len(parts)
        return keep(cache, parts)

    async def counting_bytes(client: GremlinClient, steps: Any, milliseconds: int | None) -> list[list[bytes]]:
        answers = await waited_for(client, steps, milliseconds)
        counts["bytes"] += sum(len(frame) for frames in answers for frame in frames)
        return answers

    def counting_trips(client: GremlinClient, *steps: Any) -> Any:
        counts["trips"] += bool(steps)
        return wait(client, *steps)

    monkeypatch.setattr(RevisionCache, "_keep", counting_lines)
    monkeypatch.setattr(GremlinClient, "_all", counting_bytes)
    monkeypatch.setattr(GremlinClient, "wait", counting_trips)
    return counts


async def appended(store: Store, numbers: range) -> None:
    for start in range(numbers.start, numbers.stop, 500):
        some = range(start, min(start + 500, numbers.stop))
        facets = (properties(sql=f"select {number % 2}", run=number) for number in some)
        revisions = (
            NewRevision(urn("a"), properties=each, occurred_at=EPOCH + number)
            for number, each in zip(some, facets, strict=True)
        )
        await store.record(Batch(revisions=tuple(revisions)), by="me")


async def read(store: Store) -> None:
    (found,) = await store.entities(await now(store), [id_of("a")])
    assert found is not None
    assert len(found.properties) == 2


async def most_of(fetched: Fetched, work: Callable[[int], Awaitable[Any]], numbers: range) -> Fetched:
    """The most that is fetched in one of some rounds."""
    most: Fetched = Counter()
    for number in numbers:
        fetched.clear()
        await work(number)
        most |= fetched
    return most


async def test_appends_and_reads_fetch_the_same_after_many(graph_server: Engine, fetched: Fetched) -> None:
    await emptied(graph_server.url)
    async with await open_store(graph_server.url) as store:
        await store.record(Batch((entity("a"),)), by="me")

        async def append_late(number: int) -> None:
            """An append that is new at a time that has a revision."""
            late = NewRevision(urn("a"), properties=properties(run=-number), occurred_at=EPOCH + number // 2)
            assert (await store.record(Batch(revisions=(late,)), by="me")).revisions_are_new == (True,)

        costs = []
        end = 2 * checkpoints.CHECKPOINT_EVERY
        for before in (FEW, MANY):
            await appended(store, range(end, before))
            end = before + checkpoints.CHECKPOINT_EVERY
            costs.append(
                [
                    await most_of(fetched, lambda at: appended(store, range(at, at + 1)), range(before, end)),
                    await most_of(fetched, lambda _: read(store), range(1)),
                    await most_of(fetched, append_late, range(before, before + 1)),
                ]
            )
        few, many = costs
        for early, late in zip(few, many, strict=True):
            assert late["lines"] <= 3 * checkpoints.CHECKPOINT_EVERY + 2
            assert late["trips"] <= max(early["trips"], 2)
        append, present, _ = many
        assert append["trips"] == 1
        assert present["trips"] == 1
        assert append["bytes"] + present["bytes"] < 20_000


async def test_events_of_a_job_fetch_the_same_after_many(graph_server: Engine, fetched: Fetched) -> None:
    await emptied(graph_server.url)
    async with await open_store(graph_server.url) as store:

        async def send(number: int) -> None:
            at = f"2026-01-01T00:{number // 60:02}:{number % 60:02}Z"
            run = {"runId": f"01900000-0000-7000-8000-{number:012}"}
            facets = job(sql={"query": f"select {number % 2}"})
            await receive(store, event(eventTime=at, eventType="COMPLETE", run=run, job=facets), account="a", by="me")

        window = range(checkpoints.CHECKPOINT_EVERY)
        for number in range(2 * checkpoints.CHECKPOINT_EVERY):
            await send(number)
        early = await most_of(fetched, lambda n: send(20 + n), window)
        for number in range(40, 60):
            await send(number)
        late = await most_of(fetched, lambda n: send(60 + n), window)
        assert late["lines"] <= early["lines"]
        assert late["trips"] <= early["trips"]
        assert late["bytes"] <= 1.2 * early["bytes"]


async def test_revisions_that_reach_no_checkpoint_are_all_fetched(
    graph_server: Engine, fetched: Fetched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where those of aborted batches are among the newest: in one more round trip."""
    await emptied(graph_server.url)
    async with await open_store(graph_server.url) as store:
        await store.record(Batch((entity("a"),)), by="me")
        await appended(store, range(45))
        monkeypatch.setattr(revision_cache, "newest_fetched", lambda: 3)
        monkeypatch.setattr("lineal.graphstore.gremlin.visibility.newest_fetched", lambda: 3)
        fetched.clear()
        await read(store)
        assert fetched["lines"] == 3 + 45
        assert fetched["trips"] == 2
        await appended(store, range(45, 50))
        monkeypatch.undo()
        await read(store)
