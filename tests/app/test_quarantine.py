"""The quarantine through GraphQL: each account manages its own documents, with a permission of its own."""

import asyncio
import json
from collections.abc import Iterator
from time import monotonic, sleep
from typing import Any

import httpx
import pytest
from keys import make_account, make_key
from openlineage_events import event
from server_process import Server, serving

from lineal.graphstore.opening import open_store
from lineal.graphstore.quarantine import Quarantined, QuarantineLimits, quarantine_id

LIST = """query ($ids: [ID!], $run: String, $job: String, $first: Int, $after: String) {
  quarantine(ids: $ids, where: {run: $run, job: $job}, first: $first, after: $after) {
    nodes { id account receivedBy problems run job bytes document } totalCount pageInfo { hasNextPage endCursor } } }"""
RETRY = """mutation ($ids: [ID!]!) { quarantineRetry(input: {ids: $ids}) {
  documents { id isRecorded problems } userErrors { code message path } } }"""
DISCARD = "mutation ($ids: [ID!]!) { quarantineDiscard(input: {ids: $ids}) { ids userErrors { code message path } } }"
DISCARD_WHERE = """mutation ($where: QuarantineFilter!, $after: String) {
  quarantineDiscard(input: {where: $where, after: $after}) { ids endCursor userErrors { code message path } } }"""
RETRY_WHERE = DISCARD_WHERE.replace("Discard", "Retry").replace("ids end", "documents { id isRecorded } end")
AUDIT = """query ($action: String) { auditLog(where: {action: $action}, first: 100) {
  nodes { principal resourceKind resource isAllowed policies } } }"""


class Callers:
    """Keys of two accounts, and a server that takes them."""

    def __init__(self, server: Server, keys: dict[str, str], fixed: dict[str, str]) -> None:
        self.server, self.keys, self.fixed = server, keys, fixed

    def post(self, who: str, path: str, **body: Any) -> httpx.Response:
        """The answer to one of them."""
        headers = {"Authorization": f"Bearer {self.keys[who]}", "Content-Type": "application/json"}
        return self.server.client.post(path, headers=headers, **body)

    def ask(self, who: str, query: str, **variables: Any) -> Any:
        """The data of an answer to one of them, without errors."""
        answer = self.post(who, "/graphql", json={"query": query, "variables": variables}).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def listed(self, who: str, **variables: Any) -> Any:
        """A page of the documents that one of them sees."""
        return self.ask(who, LIST, **variables)["quarantine"]

    def logged(self, who: str, action: str, values: dict[str, Any], seconds: float = 20) -> bool:
        """Whether a record with these values is in the audit log within a time: denials follow their answers."""
        end = monotonic() + seconds
        while True:
            nodes = self.ask(who, AUDIT, action=action)["auditLog"]["nodes"]
            if any(values.items() <= node.items() for node in nodes):
                return True
            if monotonic() >= end:
                return False
            sleep(0.1)

    def refused(self, who: str, content: bytes) -> str:
        """The id of a document that was refused."""
        answer = self.post(who, "/api/v1/lineage", content=content)
        assert answer.status_code == 400
        return str(answer.json()["quarantined"])


def named(job: str) -> dict[str, Any]:
    return event(job={"namespace": "n", "name": job})


async def keep(store: str, account: str, job: str) -> str:
    """Keep an event that can be recorded now; gives its id."""
    document = json.dumps(named(job)).encode()
    id, by = quarantine_id(account, document), f"{account}/mia"
    kept = Quarantined(id, account, 1, by, ("It was refused once.",), None, job, len(document), document)
    async with await open_store(store) as opened:
        # The test keeps documents of 1970.
        await opened.quarantine(kept, QuarantineLimits(100_000, 1_000_000))
    return id


@pytest.fixture(scope="module")
def callers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callers]:
    folder = tmp_path_factory.mktemp("callers")
    store = f"sqlite:///{folder}/lineal.db"
    make_account(store, "a")
    make_account(store, "b")
    keys = {
        "admin": make_key(store, "a", "ada", "--role", "admin"),
        "mia": make_key(store, "a", "mia"),
        "clerk": make_key(store, "a", "cid", "--role", "admin", "--permission", "MANAGE_QUARANTINE"),
        "bob": make_key(store, "b", "bob", "--role", "admin"),
    }
    fixed = {job: asyncio.run(keep(store, "a", job)) for job in ("fixed", "other")}
    with serving(store, folder, "--config", str(_long_kept(folder)), token="") as server:
        yield Callers(server, keys, fixed)


def _long_kept(folder: Any) -> Any:
    path = folder / "lineal.toml"
    path.write_text("quarantine_days = 100000\n")
    return path


def test_an_account_lists_its_own_documents(callers: Callers) -> None:
    wrong = json.dumps({**named("wrong"), "eventTime": "yesterday"}).encode()
    ids = {"mia": callers.refused("mia", wrong), "bob": callers.refused("bob", wrong)}
    broken = callers.refused("bob", b"{\xff")
    page = callers.listed("admin", job="wrong")
    assert page["totalCount"] == 1
    assert page["nodes"] == [
        {
            "id": ids["mia"],
            "account": "a",
            "receivedBy": "a/mia",
            "problems": ["eventTime 'yesterday' is no time: write it as 2026-03-01T12:00:00Z."],
            "run": event()["run"]["runId"],
            "job": "wrong",
            "bytes": len(wrong),
            "document": wrong.decode(),
        }
    ]
    assert [each["id"] for each in callers.listed("bob")["nodes"]] == [broken, ids["bob"]]
    assert callers.listed("bob", ids=[broken])["nodes"][0]["document"] == "{\ufffd"
    for ids_of_others in ([ids["mia"]], ["x" * 22], ["no id"], []):
        assert callers.listed("bob", ids=ids_of_others)["totalCount"] == 0
    assert callers.listed("bob", run="none")["totalCount"] == 0


def test_pages_go_on_where_the_last_one_ended(callers: Callers) -> None:
    sent = [callers.refused("bob", f"[{number}".encode()) for number in range(3)]
    first = callers.listed("bob", ids=sent, first=2)
    after = first["pageInfo"]["endCursor"]
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"]) == (3, True)
    second = callers.listed("bob", ids=sent, first=2, after=after)
    assert [each["id"] for each in (*first["nodes"], *second["nodes"])] == sent[::-1]
    assert not second["pageInfo"]["hasNextPage"]
    bad = {"query": LIST, "variables": {"after": after}}
    (error,) = callers.post("bob", "/graphql", json=bad).json()["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT", "the cursor is one of other arguments"


def test_without_the_permission_all_of_it_is_forbidden(callers: Callers) -> None:
    sentence = "This needs lineage:ManageQuarantine: ask an administrator of the account for it."
    answer = callers.post("mia", "/graphql", json={"query": "{ quarantine { totalCount } }"}).json()
    assert answer["data"] is None
    assert (answer["errors"][0]["message"], answer["errors"][0]["extensions"]) == (sentence, {"code": "FORBIDDEN"})
    denied = [{"code": "FORBIDDEN", "message": sentence, "path": ["input"]}]
    for ids in ([callers.fixed["other"]], ["x" * 22], []):
        retried = callers.ask("mia", RETRY, ids=ids)["quarantineRetry"]
        assert retried == {"documents": [], "userErrors": denied}
        discarded = callers.ask("mia", DISCARD, ids=ids)["quarantineDiscard"]
        assert discarded == {"ids": [], "userErrors": denied}
    assert callers.listed("admin", job="other")["totalCount"] == 1
    expected = {"principal": "a/mia", "resourceKind": "ACCOUNT", "resource": "a", "isAllowed": False, "policies": []}
    assert callers.logged("admin", "quarantineRetry", expected)


def test_documents_of_others_look_absent(callers: Callers) -> None:
    other, own = callers.fixed["other"], callers.refused("bob", b"own")
    for absent in (other, "x" * 22, "no id"):
        expected = [
            {"code": "NOT_FOUND", "message": "No such document is in quarantine.", "path": ["input", "ids", "1"]}
        ]
        retried = callers.ask("bob", RETRY, ids=[own, absent])["quarantineRetry"]
        assert retried == {"documents": [], "userErrors": expected}
        discarded = callers.ask("bob", DISCARD, ids=[own, absent])["quarantineDiscard"]
        assert discarded == {"ids": [], "userErrors": expected}
    assert callers.listed("bob", ids=[own])["totalCount"] == 1, "an absent id keeps all from being discarded"
    assert callers.listed("admin", job="other")["totalCount"] == 1
    denied = {"principal": "b/bob", "resource": other, "isAllowed": False}
    assert callers.logged("bob", "quarantineDiscard", denied)
    assert not callers.logged("admin", "quarantineDiscard", denied, seconds=0), "account a does not learn of it"


def test_a_document_that_can_be_recorded_leaves_the_quarantine(callers: Callers) -> None:
    fixed = callers.fixed["fixed"]
    wrong = callers.refused("mia", json.dumps({**named("retried"), "eventTime": "tomorrow"}).encode())
    answer = callers.ask("admin", RETRY, ids=[wrong, fixed, wrong])["quarantineRetry"]
    problem = "eventTime 'tomorrow' is no time: write it as 2026-03-01T12:00:00Z."
    assert answer == {
        "documents": [
            {"id": wrong, "isRecorded": False, "problems": [problem]},
            {"id": fixed, "isRecorded": True, "problems": []},
        ],
        "userErrors": [],
    }
    assert [each["id"] for each in callers.listed("admin", ids=[fixed, wrong])["nodes"]] == [wrong]
    response = callers.ask("mia", '{ pipelines(where: {name: {eq: "n/fixed"}}) { nodes { account recordedBy } } }')
    assert response["pipelines"]["nodes"] == [{"account": "a", "recordedBy": "a/ada"}]
    log = callers.ask("admin", AUDIT, action="quarantineRetry")["auditLog"]["nodes"]
    (entry,) = [each for each in log if each["resource"] == fixed]
    assert entry["isAllowed"]
    assert entry["resourceKind"] == "DOCUMENT"
    assert entry["policies"][0].endswith("/admins")


def test_a_retry_needs_the_permissions_to_record(callers: Callers) -> None:
    other = callers.fixed["other"]
    (document,) = callers.ask("clerk", RETRY, ids=[other])["quarantineRetry"]["documents"]
    assert not document["isRecorded"]
    assert (
        "Recording in the account a needs lineage:Record on it: ask an administrator of its account."
        in (document["problems"])
    )
    assert callers.listed("clerk", ids=[other])["totalCount"] == 1


def test_a_discarded_document_is_gone(callers: Callers) -> None:
    id = callers.refused("mia", b"discarded")
    assert callers.ask("admin", DISCARD, ids=[id, id])["quarantineDiscard"] == {"ids": [id], "userErrors": []}
    assert callers.listed("admin", ids=[id])["totalCount"] == 0
    assert callers.ask("admin", DISCARD, ids=[id])["quarantineDiscard"]["userErrors"][0]["code"] == "NOT_FOUND"


def test_documents_are_chosen_by_a_condition(callers: Callers) -> None:
    sent = [callers.refused("bob", f"chosen {number}".encode()) for number in range(103)]
    by_bob = {"problem": "breaks at line 1", "receivedBy": "b/bob", "since": "2020-01-01", "until": "9999-01-01"}
    for wrong in ({"problem": "absent"}, {"until": "2020-01-01"}, {"since": "9000-01-01"}, {"receivedBy": "a/bob"}):
        unchanged = callers.ask("bob", DISCARD_WHERE, where={**by_bob, **wrong})["quarantineDiscard"]
        assert unchanged == {"ids": [], "endCursor": None, "userErrors": []}
    first = callers.ask("bob", RETRY_WHERE, where=by_bob)["quarantineRetry"]
    assert first["documents"] == [{"id": id, "isRecorded": False} for id in sent[:2:-1]], "the newest first"
    rest = callers.ask("bob", RETRY_WHERE, where=by_bob, after=first["endCursor"])["quarantineRetry"]
    assert [each["id"] for each in rest["documents"]][:3] == sent[2::-1]
    assert rest["endCursor"] is None
    gone = callers.ask("bob", DISCARD_WHERE, where=by_bob)["quarantineDiscard"]
    assert gone["ids"] == sent[:2:-1]
    callers.ask("bob", DISCARD_WHERE, where={})
    assert callers.listed("bob")["totalCount"] == 0
    assert callers.listed("admin")["totalCount"] > 0, "those of another account stay"
    denied = callers.ask("mia", DISCARD_WHERE, where={})["quarantineDiscard"]["userErrors"]
    assert [each["code"] for each in denied] == ["FORBIDDEN"]
    both = {"query": "mutation { quarantineDiscard(input: {ids: [], where: {}}) { ids } }"}
    for body in (both, {"query": "mutation { quarantineDiscard(input: {}) { ids } }"}):
        (error,) = callers.post("bob", "/graphql", json=body).json()["errors"]
        assert error["message"] == "give either ids or where; where: {} means all documents"


def test_an_event_without_permission_is_kept(callers: Callers) -> None:
    answer = callers.post("clerk", "/api/v1/lineage", json=named("not allowed"))
    assert answer.status_code == 403
    (kept,) = callers.listed("admin", job="not allowed")["nodes"]
    assert kept["id"] == answer.json()["quarantined"]
    assert kept["problems"] == answer.json()["problems"]
    assert json.loads(kept["document"]) == named("not allowed")
    retried = callers.ask("admin", RETRY, ids=[kept["id"]])["quarantineRetry"]["documents"]
    assert retried == [{"id": kept["id"], "isRecorded": True, "problems": []}]


def test_at_most_a_hundred_documents_are_named(callers: Callers) -> None:
    ids = [str(number) for number in range(101)]
    (error,) = callers.ask("bob", RETRY, ids=ids)["quarantineRetry"]["userErrors"]
    assert error == {
        "code": "TOO_LARGE",
        "message": "There are 101 ids; the most is 100: send fewer.",
        "path": ["input", "ids"],
    }
    asked = {"query": LIST, "variables": {"ids": ids}}
    (problem,) = callers.post("bob", "/graphql", json=asked).json()["errors"]
    assert problem["message"] == "ids may hold 100 ids: ask for fewer at once"


def test_documents_cost_more_than_other_fields(callers: Callers) -> None:
    def cost(field: str) -> int:
        body = {"query": f"{{ quarantine(first: 100) {{ nodes {{ {field} }} }} }}"}
        return int(callers.post("bob", "/graphql", json=body).json()["extensions"]["cost"]["requested"])

    assert cost("document") == cost("id") + 100 * 500
    twice = {"query": "{ quarantine(first: 100) { nodes { document again: document } } }"}
    (error,) = callers.post("bob", "/graphql", json=twice).json()["errors"]
    assert error["extensions"]["code"] == "LIMIT_EXCEEDED"


def test_a_development_server_manages_its_documents(server: Server) -> None:
    id = server.client.post("/api/v1/lineage", content=b"{", headers={"Content-Type": "application/json"}).json()[
        "quarantined"
    ]
    assert server.ask(LIST, ids=[id])["quarantine"]["nodes"][0]["document"] == "{"
    (document,) = server.ask(RETRY, ids=[id])["quarantineRetry"]["documents"]
    assert not document["isRecorded"]
    assert server.ask(DISCARD, ids=[id])["quarantineDiscard"] == {"ids": [id], "userErrors": []}
