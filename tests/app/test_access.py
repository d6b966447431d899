"""Access over HTTP: several principals of one running server, its codes, and what its log keeps."""

from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import pytest
from keys import make_account, make_key
from server_process import Server, serving

RECORD = 'mutation { lineageRecord(input: {entities: [{kind: DATASET, name: "%s"}]}) { userErrors { code } } }'
AUDIT = """query ($w: AuditFilter) { auditLog(where: $w, first: 100) {
  nodes { principal action resource isAllowed requestId count } } }"""
EVENT = {
    "eventType": "COMPLETE",
    "eventTime": "2026-03-01T12:00:00Z",
    "run": {"runId": "3f5e83fa-3480-44ff-99c5-ff943904e5e8"},
    "job": {"namespace": "n", "name": "j"},
    "outputs": [{"namespace": "n", "name": "out"}],
    "producer": "test",
    "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
}


class People:
    """Keys of two accounts, and a server that takes them."""

    def __init__(self, server: Server, keys: dict[str, str]) -> None:
        self.server, self.keys = server, keys

    def post(self, who: str, body: Any, path: str = "/graphql", **headers: str) -> httpx.Response:
        """The answer to one of them."""
        sent = {"Authorization": f"Bearer {self.keys[who]}", **headers}
        return self.server.client.post(path, json=body, headers=sent)

    def ask(self, who: str, query: str, **variables: Any) -> Any:
        """The data of an answer to one of them, without errors."""
        answer = self.post(who, {"query": query, "variables": variables}).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def logged(self, who: str, count: int, **where: Any) -> list[dict[str, Any]]:
        """Records of the log, once there are so many: denied reads follow their answers."""
        deadline = monotonic() + 20
        while True:
            nodes: list[dict[str, Any]] = self.ask(who, AUDIT, w=where)["auditLog"]["nodes"]
            if len(nodes) >= count or monotonic() > deadline:
                return nodes
            sleep(0.02)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    folder = tmp_path_factory.mktemp("people")
    store = f"sqlite:///{folder}/lineal.db"
    make_account(store, "a")
    make_account(store, "b")
    keys = {
        "admin": make_key(store, "a", "ada", "--role", "admin"),
        "mia": make_key(store, "a", "mia"),
        "reader": make_key(store, "a", "max", "--permission", "READ"),
        "bob": make_key(store, "b", "bob"),
    }
    with serving(store, folder, token="") as server:
        yield People(server, keys)


def test_a_principal_reads_only_its_own_account(people: People) -> None:
    assert people.ask("mia", RECORD % "of-a") == {"lineageRecord": {"userErrors": []}}
    assert people.ask("bob", RECORD % "of-b") == {"lineageRecord": {"userErrors": []}}
    for who, urn in (("mia", "lineal:a:DATASET:of-a"), ("bob", "lineal:b:DATASET:of-b")):
        answer = people.ask(who, '{ entities(where: {name: {startsWith: "of-"}}) { nodes { urn recordedBy } } }')
        by = people.ask(who, "{ viewer { principal } }")["viewer"]["principal"]
        assert answer == {"entities": {"nodes": [{"urn": urn, "recordedBy": by}]}}


@pytest.mark.parametrize("media", ["application/json", "application/graphql-response+json"])
def test_a_forbidden_request_has_the_code_forbidden(people: People, media: str) -> None:
    answer = people.post("mia", {"query": "{ auditLog { nodes { at } } }"}, Accept=media)
    assert answer.status_code == 200
    body = answer.json()
    del body["extensions"]
    assert body == {
        "data": None,
        "errors": [
            {
                "message": "This needs lineage:ReadAudit: ask an administrator of the account for it.",
                "locations": [{"line": 1, "column": 3}],
                "path": ["auditLog"],
                "extensions": {"code": "FORBIDDEN"},
            }
        ],
    }


def test_an_openlineage_event_needs_the_permission_to_record(people: People) -> None:
    refused = people.post("reader", EVENT, "/api/v1/lineage")
    assert refused.status_code == 403
    sentences = {
        "Recording in the account a needs lineage:Record on it: ask an administrator of its account.",
        "Associating lineal:a:PIPELINE:n/j needs lineage:Associate on it: ask an administrator of its account.",
    }
    assert sentences <= set(refused.json()["problems"])
    assert people.ask("mia", "{ entities(where: {kind: [PIPELINE]}) { totalCount } }")["entities"]["totalCount"] == 0
    assert people.post("mia", EVENT, "/api/v1/lineage").status_code == 201
    assert people.post("mia", EVENT, "/api/v1/lineage").status_code == 200
    assert people.post("reader", EVENT, "/api/v1/lineage").status_code == 403, "though nothing would be new"
    assert people.ask("mia", "{ entities(where: {kind: [PIPELINE]}) { totalCount } }")["entities"]["totalCount"] == 1
    assert {each["isAllowed"] for each in people.logged("admin", 1, principal="a/mia", action="ASSOCIATE")} == {True}
    assert {each["isAllowed"] for each in people.logged("admin", 1, principal="a/max", action="RECORD")} == {False}


def test_the_audit_log_holds_the_request_id(people: People) -> None:
    query = (RECORD % "x").replace("{kind", '{account: "a", kind')
    answer = people.post("bob", {"query": query}, **{"X-Request-Id": "the request"})
    assert answer.json()["data"] == {"lineageRecord": {"userErrors": [{"code": "FORBIDDEN"}]}}
    (found,) = people.logged("admin", 1, principal="b/bob", action="RECORD")
    assert (found["resource"], found["requestId"], found["isAllowed"]) == ("lineal:a:DATASET:x", "the request", False)


def test_denied_reads_are_logged(people: People) -> None:
    people.ask("mia", RECORD % "secret")
    asked = '{ entity(urn: "lineal:a:DATASET:secret") { id } nodes(ids: ["nothing"]) { id } }'
    assert people.ask("bob", asked) == {"entity": None, "nodes": [None]}
    records = people.logged("admin", 1, principal="b/bob", action="READ")
    assert [(each["resource"], each["isAllowed"]) for each in records] == [("lineal:a:DATASET:secret", False)]


def test_denied_reads_are_logged_before_the_server_stops(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/lineal.db"
    make_account(store, "a")
    make_account(store, "b")
    keys = {"admin": make_key(store, "a", "ada", "--role", "admin"), "bob": make_key(store, "b", "bob")}
    with serving(store, tmp_path, token="") as server:
        people = People(server, keys)
        people.ask("admin", RECORD % "secret")
        for _ in range(50):
            assert people.ask("bob", '{ entity(urn: "lineal:a:DATASET:secret") { id } }') == {"entity": None}
    with serving(store, tmp_path, token="") as server:
        found = People(server, keys).ask("admin", AUDIT, w={"action": "READ"})["auditLog"]["nodes"]
        assert sorted(each["count"] for each in found) == [1, 49]


def test_graphiql_and_the_schema_need_no_credentials(people: People) -> None:
    page = people.server.client.get("/graphql", headers={"Accept": "text/html"})
    assert page.status_code == 200
    schema = people.server.client.get("/schema.graphql")
    assert "@access(action: READ)" in schema.text
