"""The server over real HTTP: what it refuses and how it says so."""

import json
import socket
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import pytest
from server_process import Server, serving

VIEWER = "{ viewer { principal account } }"
RECORD = """mutation ($name: String!) { lineageRecord(input: {entities: [{kind: DATASET, name: $name}]}) {
  entities { isNew entity { urn } } userErrors { code message path } } }"""


def test_the_viewer_is_the_caller(server: Server) -> None:
    assert server.ask(VIEWER) == {"viewer": {"principal": "local/local", "account": "local"}}


def test_the_cost_is_in_the_extensions(server: Server) -> None:
    assert server.post(VIEWER)["extensions"] == {"cost": {"requested": 3, "limit": 100_000}}


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_page_of_another_origin_cannot_send_requests(server: Server, kind: str) -> None:
    body = json.dumps({"query": RECORD, "variables": {"name": "csrf"}})
    for path in ("/graphql", "/api/v1/lineage"):
        answer = server.client.post(
            path, content=body, headers={"Content-Type": kind, "Origin": "https://evil.example"}
        )
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers
    answer = server.client.post("/graphql", content=body, headers={"Content-Type": kind})
    assert answer.status_code == 415
    assert "Content-Type must be application/json" in answer.text
    assert server.ask('{ entity(urn: "lineal:local:DATASET:csrf") { id } }') == {"entity": None}


def test_a_mutation_over_get_is_refused(server: Server) -> None:
    answer = server.client.get(
        "/graphql", params={"query": 'mutation { entityRevise(input: {entity: {id: "x"}}) { isNew } }'}
    )
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json()["errors"][0]["message"] == "A mutation must be sent by POST."


def test_another_host_name_is_refused(server: Server) -> None:
    answer = server.client.post("/graphql", json={"query": VIEWER}, headers={"Host": "rebound.example"})
    assert answer.status_code == 400


def test_cors_is_an_allow_list(tmp_path: Path) -> None:
    with serving("memory:", tmp_path) as closed:
        preflight = {"Origin": "https://ui.example", "Access-Control-Request-Method": "POST"}
        assert "access-control-allow-origin" not in closed.client.options("/graphql", headers=preflight).headers
    config = tmp_path / "lineal.toml"
    config.write_text('cors_origins = "https://ui.example"\n')
    with serving("memory:", tmp_path, "--config", str(config)) as opened:
        allowed = opened.client.options("/graphql", headers=preflight)
        assert allowed.headers["access-control-allow-origin"] == "https://ui.example"
        other = opened.client.options("/graphql", headers={**preflight, "Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "The body is not JSON"),
        (b"{", "The body is not JSON"),
        (b'{"query": "\xff"}', "The body is not JSON"),
        (b"[]", "The body must be one JSON object"),
        (b"{}", "query is missing"),
        (b'{"query": 1}', "query is missing"),
        (b'{"query": "{a}", "variables": []}', "variables must be a JSON object."),
        (b'{"query": "{a}", "operationName": 1}', "operationName must be text."),
        (b'{"query": "query A {viewer{account}} query B {viewer{account}}"}', "name one of it as operationName"),
        (b'{"query": "{ viewer { nothing } }"}', "Cannot query field 'nothing' on type 'Viewer'."),
        (b'{"query": "{ viewr { account } }"}', "Cannot query field 'viewr' on type 'Query'."),
        (b'{"query": "{ viewer {"}', "Syntax Error"),
        (b'{"query": "query ($a: Int!) { entities(first: $a) { totalCount } }"}', "Variable '$a'"),
        (b'{"query": "{ entities(first: 0) { totalCount } }"}', "first is 0: give 1 to 100"),
        (b'{"query": "{ entities(first: 101) { totalCount } }"}', "first is 101: give 1 to 100"),
        (
            b'{"query": "{ entities(asOf: {recordedAt: \\"3 March\\"}) { totalCount } }"}',
            "'3 March' is not an RFC 3339 time",
        ),
        (b'{"query": "{ entities(asOf: {recordedAt: 3}) { totalCount } }"}', "a time is text: write it as 2026-03-01"),
        (b'{"query": "{ entities(asOf: {at: null}) { totalCount } }"}', "not to include unknown field 'at'"),
        (
            b'{"query": "query ($t: AsOf) { entities(asOf: $t) { totalCount } }", '
            b'"variables": {"t": {"occurredAt": "2026-02-30T00:00:00Z"}}}',
            "'2026-02-30T00:00:00Z' is not a time that exists: check its date",
        ),
    ],
)
def test_errors_of_wrong_requests_say_what_to_do(server: Server, body: bytes, message: str) -> None:
    headers = {"Content-Type": "application/json", "Accept": "application/graphql-response+json"}
    answer = server.client.post("/graphql", content=body, headers=headers)
    error = answer.json()["errors"][0]
    assert message in error["message"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert answer.status_code in (200, 400)


@pytest.mark.parametrize(
    ("query", "variables", "message"),
    [
        ("{ entitie { totalCount } }", {}, "Did you mean 'entities' or 'entity'"),
        ("{ entities(wher: {}) { totalCount } }", {}, "Did you mean 'where'?"),
        ("{ entities(where: {kid: [MODEL]}) { totalCount } }", {}, "Did you mean 'kind'"),
        ("{ entities(where: {kind: [MODELS]}) { totalCount } }", {}, "Did you mean the enum value 'MODEL'"),
        ("{ entities { nodes { ... on Modl { urn } } } }", {}, "Did you mean 'Model'"),
        ("query ($k: EntityKind!) { entities(where: {kind: [$k]}) { totalCount } }", {"k": "DATASETS"}, "'DATASET'"),
        ("query ($w: EntityFilter) { entities(where: $w) { totalCount } }", {"w": {"nam": {}}}, "Did you mean 'name'"),
    ],
)
def test_a_misspelt_name_of_the_schema_is_answered_with_near_ones(
    server: Server, query: str, variables: dict[str, Any], message: str
) -> None:
    error = server.post(query, **variables)["errors"][0]
    assert message in error["message"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


def test_a_body_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    config = tmp_path / "lineal.toml"
    config.write_text("max_body_bytes = 1000\n")
    with serving("memory:", tmp_path, "--config", str(config)) as server:
        answer = server.client.post("/graphql", json={"query": VIEWER + " " * 2000})
        assert answer.status_code == 413
        assert answer.json()["errors"][0]["message"].startswith("The body is larger than 1000 bytes")


def test_request_ids_are_returned_and_logged(server: Server) -> None:
    answer = server.client.post("/graphql", json={"query": VIEWER}, headers={"X-Request-Id": "mine-1"})
    assert answer.headers["x-request-id"] == "mine-1"
    deadline = monotonic() + 10  # the line is written after the answer
    while not any(json.loads(line).get("request_id") == "mine-1" for line in server.log.read_text().splitlines()):
        assert monotonic() < deadline
        sleep(0.01)
    created = server.client.post("/graphql", json={"query": VIEWER}, headers={"X-Request-Id": "x" * 200})
    assert len(created.headers["x-request-id"]) == 16
    assert created.headers["x-content-type-options"] == "nosniff"


def test_large_responses_are_compressed(server: Server) -> None:
    large, small = "{ __schema { types { name } } }", "{ __typename }"

    def headers(query: str, accepted: str) -> httpx.Headers:
        answer = server.client.post("/graphql", json={"query": query}, headers={"Accept-Encoding": accepted})
        assert answer.json()["data"], "the client decodes it"
        assert int(answer.headers["content-length"]) == answer.num_bytes_downloaded
        return answer.headers

    compressed, plain = headers(large, "br, gzip"), headers(large, "identity")
    assert (compressed["content-encoding"], compressed["vary"]) == ("gzip", "Accept-Encoding")
    assert int(compressed["content-length"]) < int(plain["content-length"]) / 2
    assert ("content-encoding" in plain, plain["vary"]) == (False, "Accept-Encoding"), "a cache must not mix them up"
    assert "content-encoding" not in headers(small, "gzip")
    sdl = server.client.get("/schema.graphql", headers={"Accept-Encoding": "gzip"})
    assert sdl.headers["content-encoding"] == "gzip"


def test_the_other_routes(server: Server) -> None:
    assert server.client.get("/healthz").json() == {"status": "ok"}
    assert server.client.get("/readyz").json() == {"status": "ready"}
    assert server.client.get("/schema.graphql").text == Path("schema.graphql").read_text()
    metrics = server.client.get("/metrics").text
    assert "lineal_graphql_requests_total{" in metrics
    assert 'lineal_store_calls_total{outcome="ok",verb="secret"}' in metrics
    page = server.client.get("/graphql", headers={"Accept": "text/html"})
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert server.client.get("/static/graphiql/graphiql.js").status_code == 200
    assert server.client.get("/nothing").status_code == 404
    assert server.client.delete("/graphql").status_code == 405


def test_openlineage_events(server: Server) -> None:
    event = {
        "eventType": "COMPLETE",
        "eventTime": "2026-03-01T12:00:00Z",
        "run": {"runId": "3f5e83fa-3480-44ff-99c5-ff943904e5e8"},
        "job": {"namespace": "n", "name": "j"},
        "outputs": [{"namespace": "n", "name": "out"}],
        "producer": "test",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json",
    }
    assert server.client.post("/api/v1/lineage", json=event).status_code == 201
    assert server.client.post("/api/v1/lineage", json=event).status_code == 200
    answer = server.ask('{ entity(urn: "lineal:local:DATASET:n/out") { ascendants { nodes { kind status } } } }')
    nodes = answer["entity"]["ascendants"]["nodes"]
    assert nodes == [{"kind": "PROCESSING_JOB", "status": "COMPLETED"}, {"kind": "PIPELINE", "status": None}]
    wrong = server.client.post("/api/v1/lineage", json={**event, "eventTime": "yesterday"})
    problem = "eventTime 'yesterday' is no time: write it as 2026-03-01T12:00:00Z."
    assert (wrong.status_code, wrong.json()["problems"]) == (400, [problem])
    assert server.client.post("/api/v1/lineage", json=[event]).status_code == 400


def test_integers_keep_64_bits_both_ways(server: Server) -> None:
    record = """mutation ($v: JSON!) { lineageRecord(input: {entities: [{kind: DATASET, name: "ints", properties: [
      {key: "v", value: {int: $v}}, {key: "t", value: {int: "-9223372036854775808"}},
      {key: "l", value: {int: 9223372036854775807}}]}]}) { entities { entity { properties { value } } } } }"""
    done = server.ask(record, v=2**63 - 1)["lineageRecord"]["entities"][0]["entity"]["properties"]
    assert [each["value"] for each in done] == [2**63 - 1, -(2**63), 2**63 - 1]
    for bad in (2**63, 2**64, 1.5, True, "x"):
        error = server.post(record.replace('"ints"', '"bad"'), v=bad)["errors"][0]
        assert "int takes an integer of 64 bits" in error["message"]


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from lineal.cli import main

    run = CliRunner().invoke
    assert "listens on loopback only, not on 0.0.0.0" in run(main, ["serve", "--dev", "--host", "0.0.0.0"]).output
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert "stop the program that uses it, or choose" in run(main, ["serve", "--dev", "--port", port]).output


def test_running_mutations_finish_before_the_server_stops(tmp_path: Path) -> None:
    import asyncio

    url = f"sqlite:///{tmp_path}/lineal.db"

    async def flood(server: Server) -> list[str]:
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:

            async def write(n: int) -> str | None:
                try:
                    body = {"query": RECORD, "variables": {"name": f"{n}"}}
                    answer = (await client.post("/graphql", json=body)).json()
                except httpx.TransportError:
                    return None
                entities = answer["data"]["lineageRecord"]["entities"]
                return entities[0]["entity"]["urn"] if entities else None

            tasks = [asyncio.create_task(write(n)) for n in range(80)]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.to_thread(server.stop)
            return [urn for urn in await asyncio.gather(*tasks) if urn]

    with serving(url, tmp_path) as server:
        acknowledged = asyncio.run(flood(server))
    assert acknowledged
    with serving(url, tmp_path) as again:
        for urn in acknowledged:
            assert again.ask("query ($u: String!) { entity(urn: $u) { urn } }", u=urn)["entity"] == {"urn": urn}
