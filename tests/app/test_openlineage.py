"""OpenLineage over HTTP: compressed bodies, batches, bad documents."""

import gzip
import json
import zlib
from typing import Any

import pytest
from openlineage_events import event
from serving import Server

URL = "/api/v1/lineage"
JSON = {"Content-Type": "application/json"}


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


def test_a_thousand_events_in_one_request(server: Server) -> None:
    answer = server.client.post(f"{URL}/batch", json=[numbered(number) for number in range(1000, 2000)], timeout=120)
    assert answer.json()["summary"]["successful"] == 1000
