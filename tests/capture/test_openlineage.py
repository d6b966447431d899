"""OpenLineage events: mapped as the model says, whatever the order and however often they come."""

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import now

from lineal.capture.openlineage import InvalidEvent, receive
from lineal.graphstore.kinds import EntityStatus
from lineal.graphstore.opening import open_store
from lineal.graphstore.queries import AssociationsOf, Find, HistoryOf
from lineal.graphstore.store import Store

SAMPLE = Path("capture/samples/marquez.json")
RUN = "3f5e83fa-3480-44ff-99c5-ff943904e5e8"
PARENT = "00000000-0000-4000-8000-000000000000"


def event(**more: Any) -> dict[str, Any]:
    return {
        "eventType": "START",
        "eventTime": "2026-03-01T12:00:00+01:00",
        "run": {"runId": RUN},
        "job": {"namespace": "n", "name": "j"},
        "producer": "test",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        **more,
    }


def facet(**content: Any) -> dict[str, Any]:
    return {"_producer": "p", "_schemaURL": "s", **content}


async def state(store: Store) -> Any:
    """Folded content and associations, without the times of first sight."""
    view = await now(store)
    (page,) = await store.find([Find(view, first=10_000)])
    entities = [(e.urn, e.description, e.status, e.tags, e.properties) for e in page.items]
    pages = await store.associations([AssociationsOf(view, e.id, first=10_000) for e in page.items])
    links = {(a.source_urn, a.destination_urn, a.type) for found in pages for a in found.items}
    return entities, sorted(links)


async def received(events: list[dict[str, Any]]) -> Any:
    async with await open_store("memory:") as store:
        for each in events:
            await receive(store, each, account="a", by="me")
        return await state(store)


async def test_a_run_and_all_around_it() -> None:
    sent = event(
        inputs=[{"namespace": "db", "name": "in", "inputFacets": {"rows": facet(count=5)}}],
        outputs=[
            {
                "namespace": "db",
                "name": "out",
                "facets": {"version": facet(datasetVersion="7"), "documentation": facet(description="What came out.")},
            }
        ],
        run={
            "runId": RUN,
            "facets": {
                "parent": facet(
                    run={"runId": "00000000-0000-4000-8000-000000000000"}, job={"namespace": "n", "name": "p"}
                ),
                "nominalTime": facet(nominalStartTime="2026-03-01T00:00:00Z"),
                "mine": facet(a=1),
            },
        },
        job={"namespace": "n", "name": "j", "facets": {"sql": facet(query="SELECT 1")}},
    )
    entities, links = await received([sent, event(eventType="COMPLETE", eventTime="2026-03-01T13:00:00+01:00")])
    by_urn = {
        urn: (description, status, {p.key: p.shown for p in properties})
        for urn, description, status, _, properties in entities
    }
    run = f"lineal:a:PROCESSING_JOB:{RUN}"
    assert by_urn[run][1] is EntityStatus.COMPLETED
    assert by_urn[run][2] == {
        "producer": "test",
        "startedAt": "2026-03-01T11:00:00.000000Z",
        "endedAt": "2026-03-01T12:00:00.000000Z",
        "nominalTime.nominalStartTime": "2026-03-01T00:00:00.000000Z",
        "mine": {"a": 1},
        "inputs.db/in.rows": {"count": 5},
        "parent": by_urn[run][2]["parent"],
    }
    assert by_urn["lineal:a:PIPELINE:n/j"][2] == {"sql.query": "SELECT 1"}
    assert by_urn["lineal:a:DATASET:db/out@7"][0] == "What came out."
    parent = f"lineal:a:PROCESSING_JOB:{PARENT}"
    assert [(source, destination, str(type)) for source, destination, type in links] == [
        ("lineal:a:DATASET:db/in", run, "CONTRIBUTED_TO"),
        ("lineal:a:PIPELINE:n/j", run, "ASSOCIATED_WITH"),
        ("lineal:a:PIPELINE:n/p", parent, "ASSOCIATED_WITH"),
        (parent, run, "ASSOCIATED_WITH"),
        (run, "lineal:a:DATASET:db/out@7", "PRODUCED"),
    ]


async def test_job_and_dataset_events() -> None:
    base = {key: value for key, value in event().items() if key not in ("run", "job", "eventType")}
    job = {**base, "job": {"namespace": "n", "name": "j"}, "inputs": [{"namespace": "db", "name": "in"}]}
    dataset = {
        **base,
        "dataset": {"namespace": "db", "name": "in", "facets": {"schema": facet(fields=[{"name": "x"}])}},
    }
    entities, links = await received([job, dataset])
    assert [(source, str(type)) for source, _, type in links] == [("lineal:a:DATASET:db/in", "CONTRIBUTED_TO")]
    assert [p.key for urn, _, _, _, properties in entities for p in properties] == ["schema.fields"]


async def test_a_deleted_facet_is_removed() -> None:
    first = event(job={"namespace": "n", "name": "j", "facets": {"sql": facet(query="q"), "own": facet(a=1)}})
    gone = {"sql": facet(_deleted=True), "own": facet(_deleted=True)}
    second = event(eventTime="2026-03-01T14:00:00Z", job={"namespace": "n", "name": "j", "facets": gone})
    for order in ([first, second], [second, first]):
        entities, _ = await received(order)
        assert [properties for urn, *_, properties in entities if "PIPELINE" in urn] == [()]


@given(st.randoms(use_true_random=False))
async def test_the_sample_ends_the_same_in_any_order(chance: random.Random) -> None:
    events = json.loads(SAMPLE.read_text())
    straight = await received(events)
    mixed = copy.deepcopy(events) + chance.sample(events, 5)
    chance.shuffle(mixed)
    assert await received(mixed) == straight


@given(st.randoms(use_true_random=False))
async def test_events_of_one_moment_end_the_same_in_any_order(chance: random.Random) -> None:
    events = []
    for n in range(4):
        facets = {f"f{chance.randint(0, 2)}": facet(v=chance.randint(0, 3)) for _ in range(2)}
        facets["documentation"] = facet(description=f"{chance.randint(0, 3)}")
        if chance.random() < 0.3:
            facets["f0"] = facet(_deleted=True)
        kind = chance.choice(["START", "RUNNING", "COMPLETE", "FAIL", "OTHER"])
        outputs = [{"namespace": "db", "name": "out", "facets": facets}]
        events.append(event(eventType=kind, outputs=outputs, run={"runId": RUN, "facets": {"n": facet(n=n)}}))
    straight = await received(events)
    chance.shuffle(events)
    assert await received(events) == straight


async def test_racing_events_of_one_run() -> None:
    import asyncio

    async with await open_store("memory:") as store:
        times = [f"2026-03-01T12:00:{n:02}Z" for n in range(10)]
        sent = [event(eventTime=time, outputs=[{"namespace": "db", "name": "out"}]) for time in times]
        await asyncio.gather(*(receive(store, each, account="a", by="me") for each in sent))
        entities, links = await state(store)
        assert (len(entities), len(links)) == (3, 2)
        (run,) = [e for e in (await store.find([Find(await now(store))]))[0].items if e.kind == "PROCESSING_JOB"]
        assert (await store.history([HistoryOf(await now(store), run.id)]))[0].total == 10


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (1, "An OpenLineage event is one JSON object."),
        ({}, "The event holds neither a run, nor a job, nor a dataset."),
        ({"dataset": {}, "job": {}}, "The event holds a dataset and a job, but no run"),
        (event(eventTime="yesterday"), 'eventTime: "yesterday" is not a "date-time".'),
        (event(eventTime="2026-03-01T12:00:00"), "date-time"),
        (event(eventType="BEGIN"), "eventType"),
        (event(run={"runId": "x"}), 'run.runId: "x" is not a "uuid".'),
        (event(job={"name": "j"}), 'job: "namespace" is a required property.'),
        ({key: value for key, value in event().items() if key != "producer"}, '"producer" is a required property.'),
        (event(job={"namespace": "n", "name": "x" * 4096}), "PIPELINE name"),
        (event(job={"namespace": "n", "name": "j", "facets": {"f": {}}}), "_producer"),
        (
            event(job={"namespace": "n", "name": "j", "facets": {"sql": facet(query="x" * 1_100_000)}}),
            "the most is 1048576",
        ),
    ],
)
async def test_invalid_events_change_nothing(wrong: Any, message: str) -> None:
    async with await open_store("memory:") as store:
        with pytest.raises(InvalidEvent) as caught:
            await receive(store, wrong, account="a", by="me")
        assert any(message in problem for problem in caught.value.problems), caught.value.problems
        assert await store.watermark() == 0
