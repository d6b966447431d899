"""Events late, repeated, reordered or sent at once end in the same lineage."""

import asyncio
import copy
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from openlineage_events import RUN, dataset, event, facet, held, job, received, state
from record_builders import Down, Up, now, properties

from lineal.auth.scopes import EVERYTHING
from lineal.capture.openlineage import receive, recording
from lineal.graphstore.batches import Batch, NewAssociation, NewEntity
from lineal.graphstore.kinds import AssociationType, EntityKind
from lineal.graphstore.opening import open_store
from lineal.graphstore.proxies.base import StoreProxy
from lineal.graphstore.queries import Find, HistoryOf, Reach, Walk
from lineal.graphstore.records import AsOf, View
from lineal.graphstore.store import RevisionPage
from lineal.graphstore.urns import entity_id, make_urn
from lineal.graphstore.values import format_timestamp, parse_timestamp

SAMPLE = Path("capture/samples/marquez.json")
few = settings(max_examples=settings().max_examples // 10)
"""Every example records dozens of events."""


async def test_a_facet_stated_again_replaces_what_was_stated_before() -> None:
    first = event(job=job(sql={"query": "q", "dialect": "d"}, ownership={"owners": [{"name": "ann"}]}, own={"a": 1}))
    second = event(
        eventTime="2026-03-01T14:00:00Z", job=job(sql={"query": "r"}, ownership={"owners": [{"name": "bob"}]})
    )
    third = event(eventTime="2026-03-01T15:00:00Z", job=job(sql={"_deleted": True}, own={"_deleted": True}))
    expected = {"namespace": "n", "name": "j", "ownership.owners": [{"name": "bob"}], "ownership.owners.bob": True}
    for order in ([first, second, third], [third, second, first], [second, third, first, second]):
        assert (await received(*order)).properties("PIPELINE", "n/j") == expected


@few
@given(st.randoms(use_true_random=False))
async def test_the_sample_is_the_same_in_any_order(chance: random.Random) -> None:
    events = json.loads(SAMPLE.read_text())
    straight = await state(*events)
    mixed = copy.deepcopy(events) + chance.sample(events, 5)
    chance.shuffle(mixed)
    assert await state(*mixed) == straight


def drawn_events(chance: random.Random) -> list[dict[str, Any]]:
    events = []
    for n in range(chance.randint(2, 5)):
        facets = {f"f{chance.randint(0, 2)}": facet(v=chance.randint(0, 3)) for _ in range(2)}
        facets["documentation"] = facet(description=f"{chance.randint(0, 3)}")
        owners = [{"name": name} for name in chance.sample("abc", chance.randint(0, 2))]
        facets["ownership"] = facet(owners=owners)
        facets["tags"] = facet(tags=[{"key": key, "value": "true"} for key in chance.sample("xyz", 1)])
        if chance.random() < 0.3:
            facets[chance.choice(["f0", "ownership"])] = facet(_deleted=True)
        if chance.random() < 0.5:
            facets["version"] = facet(datasetVersion=f"{chance.randint(1, 2)}")
        kind = chance.choice(["START", "RUNNING", "COMPLETE", "FAIL", "OTHER"])
        output = {"namespace": "db", "name": chance.choice("op"), "facets": facets}
        time = f"2026-03-01T12:00:0{chance.randint(0, 2)}Z"
        run = {"runId": RUN, "facets": {"n": facet(n=n)}}
        events.append(event(eventType=kind, eventTime=time, outputs=[output], run=run))
    return events


@given(st.randoms(use_true_random=False))
async def test_drawn_events_end_the_same_in_any_order(chance: random.Random) -> None:
    events = drawn_events(chance)
    straight = await state(*events)
    mixed = events + chance.sample(events, 2)
    chance.shuffle(mixed)
    with patch.object(recording, "_PAGE", chance.choice([1, 2, 16])):
        assert await state(*mixed) == straight


async def test_racing_events_of_one_run() -> None:
    async with await open_store("memory:") as store:
        times = [f"2026-03-01T12:00:{n:02}Z" for n in range(10)]
        sent = [event(eventTime=time, outputs=[dataset("db", "out")]) for time in times]
        await asyncio.gather(*(receive(store, each, account="a", by="me") for each in sent))
        answer = await held(store)
        assert (len(answer.entities), len(answer.associations)) == (3, 2)
        (run,) = [e for e in (await store.find([Find(await now(store))]))[0].items if e.kind == "PROCESSING_JOB"]
        assert (await store.history([HistoryOf(await now(store), run.id)]))[0].total == 20


def month(number: int, input: str, output: str) -> dict[str, Any]:
    return event(
        eventTime=f"2026-{number:02}-10T00:00:00Z",
        run={"runId": f"run-{number}"},
        job={"namespace": "n", "name": f"job-{number}"},
        inputs=[dataset("n", input)],
        outputs=[dataset("n", output)],
    )


async def test_what_comes_late_exists_from_its_own_time() -> None:
    january, march = month(1, "a", "b"), month(3, "a", "c")
    for order in ([january, march], [march, january]):
        async with await open_store("memory:") as store:
            for each in order:
                await receive(store, each, account="a", by="me")
            answer = await held(store)
            times = {each.name: format_timestamp(each.occurred_at)[:7] for each in answer.entities.values()}
            assert times == {
                "n/a": "2026-01",
                "n/b": "2026-01",
                "n/c": "2026-03",
                "n/job-1": "2026-01",
                "n/job-3": "2026-03",
                "run-1": "2026-01",
                "run-3": "2026-03",
            }
            february = View(EVERYTHING, AsOf(await store.watermark(), parse_timestamp("2026-02-01T00:00:00Z")))
            for direction, start in ((Down, "a"), (Up, "b")):
                walk = Walk(february, (entity_id(make_urn("a", EntityKind.DATASET, f"n/{start}", None)),), direction)
                (page,) = await store.reach([Reach(walk)])
                assert page is not None
                names = {each.entity.name for each in page.items}
                assert names == {"run-1", "n/b"} if start == "a" else {"run-1", "n/a", "n/job-1"}


async def test_an_association_recorded_with_other_content_stands() -> None:
    run, out = make_urn("a", EntityKind.PROCESSING_JOB, RUN, None), make_urn("a", EntityKind.DATASET, "n/o", None)
    entities = (
        NewEntity("a", EntityKind.PROCESSING_JOB, RUN, description="mine"),
        NewEntity("a", EntityKind.DATASET, "n/o", description="mine"),
    )
    links = (NewAssociation(run, out, AssociationType.PRODUCED, properties=properties(mine=True)),)
    async with await open_store("memory:") as store:
        await store.record(Batch(entities, links), by="me")
        await receive(store, event(outputs=[dataset("n", "o"), dataset("n", "p")]), account="a", by="me")
        answer = await held(store)
        assert answer.links() == {
            ("PIPELINE:n/j", "ASSOCIATED_WITH", f"PROCESSING_JOB:{RUN}"),
            (f"PROCESSING_JOB:{RUN}", "PRODUCED", "DATASET:n/o"),
            (f"PROCESSING_JOB:{RUN}", "PRODUCED", "DATASET:n/p"),
        }
        assert answer.properties("DATASET", "n/o") == {"namespace": "n", "name": "o"}


class HistoryReader(StoreProxy):
    """Counts in `read` the revisions that the history gives."""

    read = 0

    async def history(self, questions: Sequence[HistoryOf]) -> list[RevisionPage]:
        pages = await super().history(questions)
        self.read += sum(len(page.items) for page in pages)
        return pages


def hourly(number: int) -> dict[str, Any]:
    time = f"2026-03-{1 + number // 24:02}T{number % 24:02}:00:00Z"
    facets = {"sql": facet(query="q"), "documentation": facet(description="d"), "own": facet(a=1)}
    ends = {"inputs": [dataset("db", "in")], "outputs": [dataset("db", "out", schema={"fields": [{"name": "a"}]})]}
    return event(
        eventTime=time, run={"runId": f"run-{number}"}, job={"namespace": "n", "name": "j", "facets": facets}, **ends
    )


async def test_an_event_before_many_reads_as_little_as_one_before_few() -> None:
    async with await open_store("memory:") as inner:
        store, counts = HistoryReader(inner), []
        for number in range(200, 0, -1):
            store.read = 0
            await receive(store, hourly(number), account="a", by="me")
            counts.append(store.read)
        assert max(counts[50:]) == counts[50]
