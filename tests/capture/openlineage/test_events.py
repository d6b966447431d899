"""OpenLineage events as producers send them: what is taken, and the little that is refused."""

from typing import Any

import pytest
from openlineage_events import RUN, dataset, event, facet, job, received

from lineal.capture.openlineage import InvalidEvent, receive
from lineal.capture.openlineage.times import InvalidTime, event_time
from lineal.graphstore.kinds import EntityStatus
from lineal.graphstore.opening import open_store
from lineal.graphstore.values import format_timestamp


def without(*keys: str) -> dict[str, Any]:
    return {key: value for key, value in event().items() if key not in keys}


@pytest.mark.parametrize(
    "sent",
    [
        without("schemaURL"),
        without("producer"),
        event(inputs=None, outputs=None),
        event(run={"runId": RUN, "facets": None}),
        event(run={"runId": RUN, "facets": {"nominalTime": None}}),
        event(job={"namespace": "n", "name": "j", "facets": {"sql": None, "documentation": None}}),
        event(eventType="start"),
        event(inputs=[None]),
        event(run={"runId": RUN, "facets": {"parent": facet(run={"runId": ""}, job={"namespace": "n", "name": "p"})}}),
        event(run={"runId": RUN, "facets": {"parent": facet(job={"namespace": "n", "name": "p"})}}),
        event(run={"runId": RUN, "facets": {"parent": facet(run={"runId": None})}}),
        event(job={"namespace": "n", "name": "j", "facets": {"sql": {"query": "no _producer"}}}),
    ],
)
async def test_what_is_absent_or_null_is_absent(sent: dict[str, Any]) -> None:
    held = await received(sent)
    assert held.links() == {("PIPELINE:n/j", "ASSOCIATED_WITH", f"PROCESSING_JOB:{RUN}")}
    assert held.one("PROCESSING_JOB", RUN).status is EntityStatus.IN_PROGRESS


async def test_a_run_id_counts_in_lower_case() -> None:
    held = await received(
        event(run={"runId": RUN.upper()}), event(eventType="COMPLETE", eventTime="2026-03-02T00:00:00Z")
    )
    assert held.names("PROCESSING_JOB") == {RUN}
    assert held.one("PROCESSING_JOB", RUN).status is EntityStatus.COMPLETED
    assert held.properties("PROCESSING_JOB", RUN)["runId"] == RUN.upper()


async def test_a_run_id_need_not_be_a_uuid() -> None:
    held = await received(event(run={"runId": "manual__2024"}))
    assert held.names("PROCESSING_JOB") == {"manual__2024"}


@pytest.mark.parametrize(
    ("text", "time", "is_assumed"),
    [
        ("2021-11-03T10:53:52.427343", "2021-11-03T10:53:52.427343Z", True),
        ("2021-11-03 10:53:52+0100", "2021-11-03T09:53:52.000000Z", False),
        ("2021-11-03T10:53Z", "2021-11-03T10:53:00.000000Z", False),
        ("2021-11-03T10:53:52.123456789+01:00[Europe/Paris]", "2021-11-03T09:53:52.123456Z", False),
        ("2021-11-03T10:53:52+01", "2021-11-03T09:53:52.000000Z", False),
    ],
)
async def test_a_time_without_offset_is_utc_and_marked(text: str, time: str, is_assumed: bool) -> None:
    assert format_timestamp(event_time(text).at) == time
    held = await received(event(eventTime=text))
    properties = held.properties("PROCESSING_JOB", RUN)
    assert properties["startedAt"] == time
    assert properties.get("eventTimeAssumedUtc", False) is is_assumed


@pytest.mark.parametrize("text", ["", "yesterday", "2021-13-03T10:53:52Z", "2021-11-03", "10:53"])
def test_invalid_times(text: str) -> None:
    with pytest.raises(InvalidTime):
        event_time(text)


@pytest.mark.parametrize(
    ("wrong", "problems"),
    [
        (1, ["The event is no JSON object: send one object for each event."]),
        (
            {"eventTime": "2026-03-01T12:00:00Z"},
            ["The event holds neither a run, nor a job, nor a dataset: send at least one."],
        ),
        (event(eventTime="yesterday"), ["eventTime 'yesterday' is no time: write it as 2026-03-01T12:00:00Z."]),
        (without("eventTime"), ["eventTime is missing: send the time of the event, as 2026-03-01T12:00:00Z."]),
        (without("run"), ["run is missing: an event with an eventType is about a run, so send run.runId."]),
        (without("job"), ["job is missing: a run belongs to a job, so send job.namespace and job.name."]),
        (event(run={"runId": ""}), ["run.runId is '': send the id of the run, a text that is not empty."]),
        (event(job={"name": "j"}), ["job.namespace is missing: send the namespace of the job, a text."]),
        (
            {**event(run={}, job={"namespace": "n"}), "eventTime": 5},
            [
                "eventTime is 5: send the time of the event, as 2026-03-01T12:00:00Z.",
                "run.runId is missing: send the id of the run, a text that is not empty.",
                "job.name is missing: send the name of the job, a text that is not empty.",
            ],
        ),
    ],
)
async def test_what_is_refused_changes_nothing_and_is_told_once(wrong: Any, problems: list[str]) -> None:
    async with await open_store("memory:") as store:
        with pytest.raises(InvalidEvent) as caught:
            await receive(store, wrong, account="a", by="me")
        assert caught.value.problems == problems
        assert await store.watermark() == 0


async def test_what_does_not_fit_is_kept_as_it_came() -> None:
    output = {**dataset("a", "o"), "outputFacets": {"outputStatistics": facet(rowCount="wrong")}}
    sent = event(
        eventType="BEGIN",
        job=job(ownership={"owners": [{"no-name": "x"}]}, sql={"query": 5}),
        run={"runId": RUN, "facets": {"nominalTime": facet(nominalStartTime="yesterday"), "text": "t", "list": [1]}},
        inputs=[{"namespace": "a"}, 5],
        outputs=[output],
        extra={"x": 1},
    )
    held = await received(sent)
    assert held.properties("DATASET", "a/o")["outputStatistics.rowCount"] == "wrong"
    assert held.properties("PIPELINE", "n/j")["ownership.owners"] == [{"no-name": "x"}]
    assert held.properties("PIPELINE", "n/j")["sql.query"] == 5
    run = held.properties("PROCESSING_JOB", RUN)
    assert run == {
        "event.extra": {"x": 1},
        "eventType": "BEGIN",
        "list": [1],
        "nominalTime.nominalStartTime": "yesterday",
        "notUnderstood.inputs.0": {"namespace": "a"},
        "notUnderstood.inputs.1": 5,
        "outputs.a/o.outputStatistics.rowCount": "wrong",
        "producer": "test",
        "text": "t",
    }


def deep(levels: int) -> Any:
    value: Any = "end"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("x" * 3_000_000, "is 3000000 bytes of UTF-8; the most is 1048576: shorten it, or record it by reference"),
        ("SELECT\x00 1", "holds U+0000, which is refused: remove it"),
        ("\ud800", "holds a lone surrogate, which is not text: send valid Unicode"),
        (2**64, "is an integer outside 64 bits: send it as a string"),
        (float("nan"), "is NaN or infinite, which JSON cannot hold: leave it out, or send a string"),
    ],
)
async def test_what_cannot_be_recorded_is_named_and_the_rest_is_taken(value: Any, reason: str) -> None:
    sent = event(
        job={
            "namespace": "n",
            "name": "j",
            "facets": {"sql": facet(query=value, dialect="d"), "own": facet(a={"b": value}, c=1)},
        }
    )
    properties = (await received(sent)).properties("PIPELINE", "n/j")
    assert properties["sql.dialect"] == "d"
    left_out = properties["leftOut.sql.query"]
    assert left_out["reason"] == reason
    assert len(left_out["sha256"]) == 64
    assert left_out["bytes"] > 0
    assert properties["own"] == {"a": {"b": None}, "c": 1}
    assert properties["leftOut.own.a.b"] == left_out


async def test_what_nests_too_deep_is_left_out() -> None:
    properties = (await received(event(job=job(own={"a": deep(900), "c": 1})))).properties("PIPELINE", "n/j")
    (key,) = [key for key in properties if key.startswith("leftOut.")]
    assert properties[key]["reason"] == "nests deeper than 100"
    assert properties["own"]["c"] == 1


async def test_a_facet_too_large_is_left_out_whole() -> None:
    properties = (await received(event(job=job(own={"a": ["x" * 1000] * 3000}, sql={"query": "q"})))).properties(
        "PIPELINE", "n/j"
    )
    assert "own" not in properties
    assert properties["leftOut.own"]["bytes"] > 3_000_000
    assert properties["sql.query"] == "q"


async def test_names_that_no_entity_bears_are_cut() -> None:
    held = await received(
        event(inputs=[dataset("s3://lake", "x" * 9000), dataset("s3://lake", "x" * 9001), dataset("a", "\x00")])
    )
    assert len(held.names("DATASET")) == 3
    assert {held.properties("DATASET", name)["namespace"] for name in held.names("DATASET")} == {"s3://lake", "a"}
