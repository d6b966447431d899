"""A real server, and requests drawn to break it: nothing is INTERNAL, and the log holds no traceback."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from drawn_documents import documents, with_variables
from hostile_values import TEXTS, Hostile
from hypothesis import given
from hypothesis import strategies as st
from keys import make_account, make_key
from server_process import Server, serving

EXAMPLES: Final[dict[str, dict[str, Any]]] = json.loads(
    Path("tests/capture/data/openlineage_examples.json").read_text(encoding="utf-8")
)
KNOWN: Final = [
    *(f"lineal:{account}:{kind}:{name}" for account in "ab" for kind, name in [("DATASET", "d"), ("MODEL", "m")]),
    *("d", "m", "a", "b", "rows", "loss", "DATASET", "train", "admin"),
]
SETUP: Final = """mutation ($account: String!) { lineageRecord(input: {
  entities: [{kind: DATASET, name: "d", account: $account, tags: ["t"], properties: [{key: "rows", value: {int: 7}}]},
    {kind: TRAINING_JOB, name: "j", account: $account}, {kind: MODEL, name: "m", account: $account}],
  associations: [
    {source: {urn: "lineal:ACCOUNT:DATASET:d"}, destination: {urn: "lineal:ACCOUNT:TRAINING_JOB:j"},
      type: CONTRIBUTED_TO},
    {source: {urn: "lineal:ACCOUNT:TRAINING_JOB:j"}, destination: {urn: "lineal:ACCOUNT:MODEL:m"}, type: PRODUCED}]
  }) { userErrors { message } } }"""
POSITIONS: Final = """{ entities(first: 1) { pageInfo { endCursor } nodes { id
    history(first: 1) { pageInfo { endCursor } } associations(first: 1) { pageInfo { endCursor } nodes { id } }
    ascendants(first: 1) { pageInfo { endCursor } } lineageGroups { id } } }
  models(first: 1) { pageInfo { endCursor } nodes { id } } lineageGroups(first: 1) { pageInfo { endCursor } } }"""


def facet_event(place: str, facets: dict[str, Any]) -> dict[str, Any]:
    """An event of one run, job and input, with facets in one place."""
    parts = {
        "run": {"runId": "3f5e83fa-3480-44ff-99c5-ff943904e5e8", "facets": {}},
        "job": {"namespace": "n", "name": "j", "facets": {}},
        "dataset": {"namespace": "n", "name": "d", "facets": {}},
    }
    parts[place]["facets"] = facets
    made = {"run": parts["run"], "job": parts["job"], "inputs": [parts["dataset"]], "producer": "p"}
    return {"eventType": "COMPLETE", "eventTime": "2026-03-01T12:00:00Z", **made}


seeds = st.integers(0, 2**63)


class Target:
    """A server with data of two accounts, and the keys of its principals."""

    def __init__(self, server: Server, keys: dict[str, str]) -> None:
        self.server, self.keys = server, keys
        self.known = list(KNOWN)
        self.codes: Counter[str] = Counter()

    def post(self, path: str, content: bytes, principal: str, **headers: str) -> httpx.Response:
        """The answer to a body; no answer may be a fault of the server."""
        sent = {"Content-Type": "application/json", "Authorization": f"Bearer {self.keys[principal]}", **headers}
        answer = self.server.client.post(path, content=content, headers=sent)
        assert answer.status_code < 500, (answer.status_code, answer.text[:500], content[:2000])
        return answer

    def ask(self, principal: str, query: str, variables: Any) -> Any:
        """The answer to a document, whatever it is but INTERNAL or UNAVAILABLE."""
        content = json.dumps({"query": query, "variables": variables}).encode()
        answer = self.post("/graphql", content, principal).json()
        codes = [error["extensions"]["code"] for error in answer.get("errors", ())]
        assert not {"INTERNAL", "UNAVAILABLE", "UNAUTHENTICATED"} & set(codes), (answer["errors"], content[:4000])
        self.codes.update(set(codes) or ["ok"])
        return answer


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("hostile")
    store, config = f"sqlite:///{folder}/lineal.db", folder / "lineal.toml"
    config.write_text("requests_per_minute = 0\n")
    make_account(store, "a", "--operator")
    make_account(store, "b")
    keys = {
        "operator": make_key(store, "a", "ann", "--role", "admin"),
        "admin": make_key(store, "b", "bob", "--role", "admin"),
        "member": make_key(store, "b", "mia"),
        "reader": make_key(store, "a", "rob", "--permission", "read"),
    }
    with serving(store, folder, "--config", str(config), token="") as server:
        made = Target(server, keys)
        for account, principal in (("a", "operator"), ("b", "admin")):
            asked = made.ask(principal, SETUP.replace("ACCOUNT", account), {"account": account})
            assert asked["data"]["lineageRecord"]["userErrors"] == []
        made.known += texts_in(made.ask("admin", POSITIONS, None)["data"])
        yield made
    log = server.log.read_text()
    assert "Traceback" not in log
    assert '"level": "error"' not in log


def texts_in(value: Any) -> list[str]:
    """All texts in a JSON value: ids and cursors of an answer."""
    if isinstance(value, str):
        return [value]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in items for text in texts_in(item)]


# A lone surrogate refuses the whole document, so that only variables hold them.
texts = st.sampled_from([*KNOWN * 12, *TEXTS])


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")  # of long examples
@given(documents(texts), seeds)
def test_no_document_is_answered_with_a_fault(target: Target, document: str, seed: int) -> None:
    hostile = Hostile(seed, target.known)
    principals = list(target.keys)
    target.ask(hostile.random.choice(principals), document, None)
    query, variables = with_variables(document)
    for rate in (0, 0.01, 0.02, 0.03, 0.05, 0.08, 0.1, 0.2, 0.3):
        target.ask(hostile.random.choice(principals), query, hostile.mutated(variables, rate))


def test_the_documents_were_not_all_refused(target: Target) -> None:
    assert target.codes["ok"] > sum(target.codes.values()) / 10, target.codes


VIEWER: Final = b'{"query": "{ viewer { account } }"'
BODIES: Final = [
    b"", b"{", b"[]", b"null", b"1", b'"x"', b"\xff\xfe", b"\x00" * 100, b"NaN", b"[1e999]", b"[" * 100_000, b"[1]",
    b'{"a":' * 10_000, b'{"query": null}', b'{"query": 1}', b'{"query": ""}', b'{"query": "{"}',
    b'{"query": "\\ud800"}', b'{"events": {}}', b'{"events": [1]}', b'{"events": [[]]}', b"[" + VIEWER + b"}]",
    b"\xef\xbb\xbf" + VIEWER + b"}", VIEWER + b', "variables": []}',
    VIEWER + b', "operationName": 1}', VIEWER + b', "extensions": 5, "query": 1}',
    VIEWER + b', "variables": {"a": ' + b"[" * 300 + b"]" * 300 + b"}}", b'{"query": "' + b"{ viewer " * 5_000 + b'"}',
]  # fmt: skip
PATHS: Final = ["/graphql", "/api/v1/lineage", "/api/v1/lineage/batch"]
HEADERS: Final[list[dict[str, str]]] = [
    {}, {}, {}, {"Content-Type": "text/plain"}, {"Content-Type": "application/json; charset=latin-1"},
    {"Accept": "x;q=nan"}, {"Content-Encoding": "gzip"}, {"Content-Encoding": "deflate"}, {"Content-Encoding": "br"},
    {"Accept": "text/html"}, {"Accept": "application/graphql-response+json"}, {"Authorization": "Bearer \x7f"},
    {"Authorization": "Basic x"}, {"X-Request-Id": "x" * 5_000}, {"Origin": "null"}, {"Host": "elsewhere"},
    {"Content-Type": ";"}, {"Content-Type": "application/json;charset"},
]  # fmt: skip


@given(st.sampled_from(PATHS), st.sampled_from(BODIES) | st.binary(max_size=40), st.sampled_from(HEADERS))
def test_no_body_is_answered_with_a_fault(target: Target, path: str, body: bytes, headers: dict[str, str]) -> None:
    target.post(path, body, "member", **headers)


@given(st.sampled_from(["query", "variables", "extensions", "operationName"]), seeds)
def test_no_address_is_answered_with_a_fault(target: Target, name: str, seed: int) -> None:
    hostile = Hostile(seed, target.known)
    query = {"query": "{ viewer { account } }", name: str(hostile.value()).encode(errors="replace").decode()[:9_000]}
    answer = target.server.client.get(
        "/graphql", params=query, headers={"Authorization": f"Bearer {target.keys['admin']}"}
    )
    assert answer.status_code < 500, answer.text


EVENTS: Final = [
    *EXAMPLES["events"].values(),
    *(facet_event(place, facets) for place in ("run", "job", "dataset") for facets in EXAMPLES[place].values()),
]


@given(st.sampled_from(EVENTS), seeds)
def test_no_event_is_answered_with_a_fault(target: Target, event: dict[str, Any], seed: int) -> None:
    hostile = Hostile(seed, target.known)
    sent = [hostile.mutated(event, rate) for rate in (0.005, 0.02, 0.1)]
    for each in sent:
        target.post("/api/v1/lineage", json.dumps(each).encode(), "member")
    target.post("/api/v1/lineage/batch", json.dumps(sent).encode(), "member")


@pytest.mark.parametrize("depth", [100, 255, 300, 950, 980, 5_000])
@pytest.mark.parametrize("begin", ["[", '{"a":'])
def test_an_event_may_nest_deep(target: Target, depth: int, begin: str) -> None:
    deep = begin * depth + "1" + ("]" if begin == "[" else "}") * depth
    for event in (
        facet_event("run", {"f": {"x": "@"}}),
        facet_event("job", {"sql": {"query": "@"}}),
        {**facet_event("run", {}), "eventTime": "@"},
        {**facet_event("run", {}), "inputs": "@"},
    ):
        for path, body in (("/api/v1/lineage", event), ("/api/v1/lineage/batch", [event])):
            target.post(path, json.dumps(body).replace('"@"', deep).encode(), "member")


def test_nothing_has_the_keys_of_restricted(target: Target) -> None:
    answer = target.ask("operator", '{ propertyKeys(startsWith: "", kind: RESTRICTED) }', None)
    assert answer["data"]["propertyKeys"] == []


@pytest.mark.parametrize("field", ["associations", "history", "versions", "ascendants"])
@pytest.mark.parametrize("beside", ["associations", "history", "versions", "ascendants"])
def test_a_bad_cursor_fails_its_own_field_alone(target: Target, field: str, beside: str) -> None:
    ref = 'entity(urn: "lineal:b:MODEL:m")'
    query = f"""{{ a: {ref} {{ c: {beside} {{ totalCount }} d: {field}(after: "x") {{ totalCount }} }}
      b: {ref} {{ c: {beside} {{ totalCount }} }} }}"""
    answer = target.ask("admin", query, None)
    assert [error["path"] for error in answer["errors"]] == [["a", "d"]]
    assert answer["data"]["a"] is None
    assert answer["data"]["b"]["c"]["totalCount"] >= 0
