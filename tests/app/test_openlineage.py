"""OpenLineage over HTTP: compressed bodies, batches, bad documents."""

import gzip
import json
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from openlineage_events import event
from server_process import Server, serving

from lineal.cli import main
from lineal.commands.quarantine import retry_quarantined
from lineal.config import load_settings
from lineal.graphstore.opening import open_store
from lineal.graphstore.quarantine import Quarantined, QuarantineLimits, QuarantineQuestion, quarantine_id

URL = "/api/v1/lineage"
JSON = {"Content-Type": "application/json"}
NO_CONDITIONS = dict.fromkeys(("account", "run", "job", "received_by", "problem", "since", "until"))


def numbered(number: int, **more: Any) -> dict[str, Any]:
    return event(run={"runId": f"run-{number}"}, **more)


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", raw_deflate), ("identity", bytes)],
)
def test_a_compressed_event_is_taken(server: Server, encoding: str, packed: Any) -> None:
    body = json.dumps(numbered(1, job={"namespace": "n", "name": f"{encoding} {packed.__name__}"})).encode()
    answer = server.client.post(URL, content=packed(body), headers={**JSON, "Content-Encoding": encoding})
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(
    ("encoding", "body", "status", "problem"),
    [
        ("br", b"x", 415, "Content-Encoding must be gzip or deflate, or left out."),
        ("gzip", b"no gzip", 400, "The body is not compressed as its Content-Encoding states"),
        ("gzip", gzip.compress(b"{}" * 1000)[:30], 400, "The body ends before its compressed content does"),
        ("deflate", b"\xff" * 9, 400, "The body is not compressed as its Content-Encoding states"),
    ],
)
def test_what_cannot_be_inflated_is_refused(
    server: Server, encoding: str, body: bytes, status: int, problem: str
) -> None:
    answer = server.client.post(URL, content=body, headers={**JSON, "Content-Encoding": encoding})
    assert answer.status_code == status
    assert answer.json()["problems"][0].startswith(problem)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_is_refused(server: Server, encoding: str) -> None:
    packer = zlib.compressobj(wbits=31 if encoding == "gzip" else 15)
    body = b"".join([packer.compress(bytes(1024 * 1024)) for _ in range(1024)]) + packer.flush()
    answer = server.client.post(URL, content=body, headers={**JSON, "Content-Encoding": encoding})
    assert answer.status_code == 413


def test_a_document_that_breaks_is_told_where(server: Server) -> None:
    body = json.dumps(event(), indent=2) + "\n}"
    answer = server.client.post(URL, content=body, headers=JSON)
    assert answer.status_code == 400
    assert answer.json()["problems"] == [
        "The document breaks at line 14, column 1 (Extra data), so nothing of it was taken: send valid JSON."
    ]


def test_what_json_has_no_word_for_is_taken_and_named(server: Server) -> None:
    body = json.dumps(numbered(5, job={"namespace": "n", "name": "nan", "facets": {"own": {"a": float("nan")}}}))
    answer = server.client.post(URL, content=b"\xef\xbb\xbf" + body.encode(), headers=JSON)
    assert answer.status_code == 201, answer.text
    deep = body.replace("NaN", "[" * 5000 + "]" * 5000)
    assert server.client.post(URL, content=deep, headers=JSON).status_code == 201


def test_a_batch_says_what_became_of_each_event(server: Server) -> None:
    events = [numbered(10), {**numbered(11), "eventTime": "yesterday"}, numbered(12)]
    answer = server.client.post(f"{URL}/batch", json=events)
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "partial_success",
        "summary": {"received": 3, "successful": 2, "failed": 1, "retriable": 0, "non_retriable": 1},
        "failed_events": [
            {
                "index": 1,
                "reason": "eventTime 'yesterday' is no time: write it as 2026-03-01T12:00:00Z.",
                "retriable": False,
            }
        ],
    }
    assert server.client.post(f"{URL}/batch", json={"events": [numbered(13)], "totalCount": 1}).json()["status"] == (
        "success"
    )
    assert server.client.post(f"{URL}/batch", json=[1]).status_code == 400
    assert server.client.post(f"{URL}/batch", json=event()).status_code == 400
    assert server.client.post(URL, json=[event()]).status_code == 400


@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/json; charset=x"]
)
def test_any_content_type_is_taken(server: Server, kind: str | None) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    sent = json.dumps(event(run={"runId": f"of type {kind}"}))
    assert server.client.post(URL, content=sent, headers=headers).status_code == 201
    assert server.client.post(f"{URL}/batch", content=f"[{sent}]", headers=headers).json()["status"] == "success"


def test_a_thousand_events_in_one_request(server: Server) -> None:
    answer = server.client.post(f"{URL}/batch", json=[numbered(number) for number in range(1000, 2000)], timeout=120)
    assert answer.json()["summary"]["successful"] == 1000


@pytest.mark.slow
def test_fifty_thousand_inputs_are_taken_while_others_are_answered(tmp_path: Path) -> None:
    inputs = [{"namespace": "s3://lake", "name": f"part-{number}"} for number in range(50_000)]
    with serving(f"sqlite:///{tmp_path}/lineal.db", tmp_path) as server, ThreadPoolExecutor(1) as other:
        for kind, minute in (("START", 0), ("COMPLETE", 1)):
            sent = event(eventType=kind, eventTime=f"2026-03-01T12:0{minute}:00Z", inputs=inputs)
            waiting = other.submit(httpx.post, server.url + URL, json=sent, timeout=600)
            healthy = [server.client.get("/healthz").status_code]
            while not waiting.done():
                healthy.append(server.client.get("/healthz").status_code)
                time.sleep(0.1)
            assert waiting.result().status_code == 201, waiting.result().text
            assert len(healthy) > 10
            assert set(healthy) == {200}
        answer = server.ask("{ processingJobs { nodes { status inputs { totalCount } } } }")
        (run,) = answer["processingJobs"]["nodes"]
        assert run == {"status": "COMPLETED", "inputs": {"totalCount": 50_000}}


def test_what_is_refused_is_kept_whole_and_retried(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/lineal.db"
    wrong = {**numbered(1), "eventTime": "yesterday"}
    with serving(url, tmp_path) as server:
        refused = server.client.post(URL, json=wrong).json()
        broken = server.client.post(URL, content=b"{\xff", headers=JSON).json()
        metrics = server.client.get("/metrics").text
    assert 'lineal_openlineage_events_total{outcome="quarantined"} 2.0' in metrics
    run = CliRunner().invoke
    listed = run(main, ["quarantine", "list", "--store", url]).output
    assert refused["quarantined"] in listed
    assert broken["quarantined"] in listed
    assert "\trun-1\tj\teventTime 'yesterday' is no time" in listed
    shown = run(main, ["quarantine", "show", broken["quarantined"], "--store", url])
    assert shown.stdout_bytes == b"{\xff"
    again = run(main, ["quarantine", "retry", "--store", url])
    assert (again.exit_code, "0 recorded, 2 refused again" in again.output) == (1, True)
    chosen = ["--problem", "no time", "--since", "2020-01-01", "--account", "local", "--store", url]
    assert run(main, ["quarantine", "list", *chosen]).output.count("\n") == 1
    assert run(main, ["quarantine", "retry", *chosen]).output.endswith("0 recorded, 1 refused again\n")
    assert "give an ID, or --all" in run(main, ["quarantine", "discard", "--store", url]).output
    assert run(main, ["quarantine", "discard", "--all", "--run", "none", "--store", url]).output == "0 discarded\n"
    assert run(main, ["quarantine", "discard", broken["quarantined"], "--store", url]).exit_code == 0
    gone = run(main, ["quarantine", "show", broken["quarantined"], "--store", url])
    assert "`lineal quarantine list` prints those that are" in gone.output


async def test_a_document_that_is_taken_now_leaves_the_quarantine(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/lineal.db"
    document = json.dumps(numbered(1)).encode()
    id, problems = quarantine_id("a", document), ("It was refused once.",)
    kept = Quarantined(id, "a", 1, "me", problems, None, None, len(document), document)
    async with await open_store(url) as store:
        await store.quarantine(kept, QuarantineLimits(30, 1_000_000))
    assert await retry_quarantined(load_settings({"store": url}), kept.id, NO_CONDITIONS) == 0
    async with await open_store(url) as store:
        assert (await store.quarantined(QuarantineQuestion())).total == 0
        assert await store.watermark() > 0
