"""The real server while its disk fails or it is killed, at every write and every sync of every kind of mutation.

Nothing acknowledged is lost, nothing is half there, and the next start, or the server itself once the disk is well,
answers.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from server_process import Server, serving
from syscall_faults import FAULTED, counted, fault, traced

pytestmark = pytest.mark.faults

RECORD = """mutation ($n: String!, $j: String!, $k: String) { lineageRecord(input: {idempotencyKey: $k,
  entities: [{kind: DATASET, name: $n, properties: [{key: "p", value: {string: "v"}}]}, {kind: TRAINING_JOB, name: $j}],
  associations: [{source: {urn: "lineal:local:DATASET:start"}, destination: {urn: "lineal:local:MODEL:m"},
                  type: PRODUCED, role: $n}]}) { entities { isNew } userErrors { message } } }"""
REVISE = """mutation ($n: String!, $k: String) { entityRevise(input: {idempotencyKey: $k,
  entity: {urn: "lineal:local:MODEL:m"}, tags: [$n], properties: [{key: $n, value: {int: 1}}]})
  { isNew userErrors { message } } }"""
SEED = """mutation { lineageRecord(input: {entities: [{kind: DATASET, name: "start"}, {kind: MODEL, name: "m"}]})
  { entities { isNew } } }"""


def record(server: Server, name: str) -> bool:
    """Whether a batch of three was acknowledged."""
    return _sent(server, RECORD, n=name, j=f"{name}-job", k=name)


def revise(server: Server, name: str) -> bool:
    """Whether a revision was acknowledged."""
    return _sent(server, REVISE, n=name, k=name)


def event(server: Server, name: str) -> bool:
    """Whether an OpenLineage event was acknowledged."""
    body = {
        "eventType": "COMPLETE",
        "eventTime": "2026-03-01T12:00:00Z",
        "run": {"runId": f"00000000-0000-4000-8000-{int(name.rsplit('-', maxsplit=1)[-1]):012}"},
        "job": {"namespace": "n", "name": name},
        "outputs": [{"namespace": "n", "name": name}],
        "producer": "test",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json",
    }
    try:
        return server.client.post("/api/v1/lineage", json=body).status_code in (200, 201)
    except httpx.TransportError:
        return False


def _sent(server: Server, query: str, **variables: Any) -> bool:
    try:
        answer = server.post(query, **variables)
    except httpx.TransportError:
        return False
    if answer.get("errors"):
        assert answer["errors"][0]["extensions"]["code"] == "UNAVAILABLE", answer
        return False
    (payload,) = answer["data"].values()
    assert payload["userErrors"] == []
    return True


def parts(server: Server, kind: str, name: str) -> list[bool]:
    """Which parts of a mutation are there."""
    if kind == "revise":
        answer = server.ask('{ entity(urn: "lineal:local:MODEL:m") { properties { key } history(first: 100) '
                           "{ nodes { tags properties { key } } } } }")["entity"]  # fmt: skip
        keys = [each["key"] for each in answer["properties"]]
        revisions = [r for r in answer["history"]["nodes"] if r["tags"] == [name]]
        assert len(revisions) <= 1
        return [name in keys, bool(revisions), bool(revisions and revisions[0]["properties"] == [{"key": name}])]
    if kind == "event":
        query = "query ($u: String!) { entity(urn: $u) { ascendants { nodes { kind status } } } }"
        answer = server.ask(query, u=f"lineal:local:DATASET:n/{name}")["entity"]
        nodes = answer["ascendants"]["nodes"] if answer else []
        return [bool(answer), {"kind": "PROCESSING_JOB", "status": "COMPLETED"} in nodes, len(nodes) == 2]
    query = """query ($d: String!, $j: String!, $r: String!) { data: entity(urn: $d) { properties { key } }
      job: entity(urn: $j) { name } start: entity(urn: "lineal:local:DATASET:start") {
        associations(via: {role: {eq: $r}}) { totalCount } } }"""
    answer = server.ask(query, d=f"lineal:local:DATASET:{name}", j=f"lineal:local:TRAINING_JOB:{name}-job", r=name)
    whole = answer["data"] is not None and answer["data"]["properties"] == [{"key": "p"}]
    return [whole, answer["job"] is not None, answer["start"]["associations"]["totalCount"] == 1]


def whole_or_nothing(server: Server, kind: str, name: str) -> bool:
    """Whether a mutation is there; half of one fails the test."""
    there = parts(server, kind, name)
    assert len(set(there)) == 1, f"{kind} {name} is half there: {there}"
    return there[0]


MUTATIONS: dict[str, Callable[[Server, str], bool]] = {"record": record, "revise": revise, "event": event}


def calls_of(server: Server, kind: str, folder: Path) -> dict[str, int]:
    """How many calls one such mutation makes, warmed up."""
    assert MUTATIONS[kind](server, "warm-1")
    log = folder / "calls.log"
    with traced(server.process.pid, log):
        assert MUTATIONS[kind](server, "counted-2")
    calls = counted(log)
    assert calls["pwrite64"] > 0, "no writes were seen: is this the file system SQLite writes to?"
    assert calls["fdatasync"] + calls["fsync"] > 0, "no sync was seen"
    return calls


@pytest.mark.parametrize("kind", MUTATIONS)
@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_a_failing_disk(kind: str, error: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/lineal.db"
    acknowledged: list[str] = []
    refused = 0
    with serving(url, tmp_path) as server:
        server.ask(SEED)
        calls = calls_of(server, kind, tmp_path)
        faults = [(each, n) for each in FAULTED for n in range(1, calls[each] + 1)]
        for place, (call, n) in enumerate(faults, 10):
            name = f"faulted-{place}"
            with traced(server.process.pid, tmp_path / "fault.log", *fault(call, n, error)):
                in_spite_of_it = MUTATIONS[kind](server, name)
            assert "INJECTED" in (tmp_path / "fault.log").read_text(), f"{call} {n} was not reached"
            refused += not in_spite_of_it
            if in_spite_of_it:
                assert whole_or_nothing(server, kind, name)
            # The disk is well again: the same server goes on by itself, and a repeat is recorded once.
            assert any(MUTATIONS[kind](server, name) for _ in range(3)), f"no recovery after {error} at {call} {n}"
            assert whole_or_nothing(server, kind, name)
            acknowledged.append(name)
    assert refused > 0, "no fault was ever felt"
    with serving(url, tmp_path) as again:
        assert all(whole_or_nothing(again, kind, name) for name in acknowledged)


@pytest.mark.parametrize("kind", MUTATIONS)
def test_killed_at_every_call(kind: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/lineal.db"
    with serving(url, tmp_path) as server:
        server.ask(SEED)
        calls = calls_of(server, kind, tmp_path)
    kept: dict[str, bool] = {}
    faults = [(each, n) for each in FAULTED for n in range(1, calls[each] + 1)]
    for place, (call, n) in enumerate(faults, 10):
        name = f"killed-{place}"
        with serving(url, tmp_path) as server:
            for before, there in kept.items():
                assert whole_or_nothing(server, kind, before) is there
            kept = {}
            MUTATIONS[kind](server, f"warm-{place + 1000}")
            with traced(server.process.pid, tmp_path / "kill.log", *fault(call, n, "KILL")):
                acknowledged = MUTATIONS[kind](server, name)
            assert server.process.wait(30) == -9, f"{call} {n} was not reached"
        with serving(url, tmp_path) as again:
            there = whole_or_nothing(again, kind, name)
            assert there or not acknowledged, f"acknowledged and lost: killed at {call} {n}"
            kept[name] = there
            assert MUTATIONS[kind](again, name)
            assert whole_or_nothing(again, kind, name)
            kept[name] = True
