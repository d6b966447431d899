"""Two server processes on one store."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import httpx
import pytest
from engines import GRAPH_SERVERS, Engine, emptied
from keys import make_account, make_key, revoke_key
from server_process import Server, serving

RECORD = """mutation ($input: LineageRecordInput!) { lineageRecord(input: $input) {
  entities { isNew entity { urn digest description } } associations { isNew }
  userErrors { code message path } } }"""
READ = """query ($urn: String!) { entity(urn: $urn) {
  description descendants(first: 1000) { totalCount nodes { name } } } }"""
ROUNDS = 25


@pytest.fixture(params=["sqlite", *GRAPH_SERVERS])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/x.db"
    engine: Engine = request.getfixturevalue(request.param.replace("-", "_"))
    asyncio.run(emptied(engine.url))
    return engine.url


@pytest.mark.slow
def test_racing_writers_of_two_servers_have_one_winner(store: str, tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    with serving(store, folders[0]) as one, serving(store, folders[1]) as two:
        # httpx.Client may be used by several threads at once.
        clients = [one.client, two.client, one.client, two.client]
        together = Barrier(len(clients))

        def record(client: httpx.Client, name: str, description: str) -> dict[str, Any]:
            hub = {"kind": "DATASET", "name": "hub", "occurredAt": "2026-03-01T12:00:00Z"}
            variables = {**hub, "name": name, "description": description}
            link = {
                "source": {"urn": "lineal:local:DATASET:hub"},
                "destination": {"urn": f"lineal:local:DATASET:{name}"},
                "type": "CONTRIBUTED_TO",
                "occurredAt": "2026-03-01T12:00:00Z",
            }
            together.wait()
            body = {"query": RECORD, "variables": {"input": {"entities": [hub, variables], "associations": [link]}}}
            answer: dict[str, Any] = client.post("/graphql", json=body, timeout=60).json()
            assert "errors" not in answer, answer
            recorded: dict[str, Any] = answer["data"]["lineageRecord"]
            return recorded

        with ThreadPoolExecutor(len(clients)) as pool:
            for number in range(ROUNDS):
                name, differs = f"d{number}", number % 2
                texts = [f"by {place}" if differs else "the same" for place in range(len(clients))]
                done = list(pool.map(record, clients, [name] * len(clients), texts))
                recorded = [(each, text) for each, text in zip(done, texts, strict=True) if not each["userErrors"]]
                refused = [each["userErrors"] for each in done if each["userErrors"]]
                assert sum(each["entities"][1]["isNew"] for each, _ in recorded) == 1
                assert sum(each["associations"][0]["isNew"] for each, _ in recorded) == 1
                if differs:
                    assert len(recorded) == 1
                    assert {error["code"] for errors in refused for error in errors} == {"IMMUTABLE_CONFLICT"}
                else:
                    assert not refused
                for server in (one, two):
                    response = server.ask(READ, urn=f"lineal:local:DATASET:{name}")["entity"]
                    assert response["description"] == recorded[0][1]
                    hub = server.ask(READ, urn="lineal:local:DATASET:hub")["entity"]
                    assert hub["descendants"]["totalCount"] == number + 1


REGISTER = """mutation ($input: ModelVersionRegisterInput!) { modelVersionRegister(input: $input) {
  isNew modelVersion { number group { urn } model { urn } } userErrors { code message path } } }"""
REGISTERED = """{ entity(urn: "lineal:local:MODEL_GROUP:churn") { ... on ModelGroup {
  versions(first: 100) { totalCount nodes { number model { urn } } } } } }"""


@pytest.mark.slow
def test_registrations_at_once_through_two_servers_share_no_number(store: str, tmp_path: Path) -> None:
    count = 200 if store.startswith("sqlite") else 40
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    with serving(store, folders[0]) as one, serving(store, folders[1]) as two:
        model = {"kind": "MODEL", "name": "m"}
        assert one.ask(RECORD, input={"entities": [model]})["lineageRecord"]["userErrors"] == []
        variables = {"group": {"name": "churn"}, "model": {"urn": "lineal:local:MODEL:m"}}
        together = Barrier(count)

        def register(index: int) -> dict[str, Any]:
            together.wait()
            body = {"query": REGISTER, "variables": {"input": variables}}
            client = (one, two)[index % 2].client
            answer: dict[str, Any] = client.post("/graphql", json=body, timeout=300).json()
            assert "errors" not in answer, answer
            done: dict[str, Any] = answer["data"]["modelVersionRegister"]
            return done

        with ThreadPoolExecutor(count) as pool:
            done = list(pool.map(register, range(count)))
        assert all(each["isNew"] and not each["userErrors"] for each in done)
        assert sorted(each["modelVersion"]["number"] for each in done) == list(range(1, count + 1))
        assert {each["modelVersion"]["group"]["urn"] for each in done} == {"lineal:local:MODEL_GROUP:churn"}
        for server in (one, two):
            response = server.ask(REGISTERED)["entity"]["versions"]
            assert response["totalCount"] == count
            assert [each["number"] for each in response["nodes"]] == list(range(count, 0, -1))[:100]
            assert all(each["model"] == {"urn": variables["model"]["urn"]} for each in response["nodes"])


@pytest.mark.slow
def test_a_key_and_its_revocation_count_on_both_servers_at_once(store: str, tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    make_account(store, "acme")
    first = make_key(store, "acme", "first")
    with serving(store, folders[0], token=first) as one, serving(store, folders[1], token=first) as two:

        def statuses(key: str) -> list[int]:
            body, headers = {"query": "{ viewer { account } }"}, {"Authorization": f"Bearer {key}"}
            return [each.client.post("/graphql", json=body, headers=headers).status_code for each in (one, two)]

        for _ in range(3):
            second = make_key(store, "acme", "second")
            assert statuses(second) == [200, 200]
            revoke_key(store, second)
            assert statuses(second) == [401, 401]
        assert statuses(first) == [200, 200]


POLICY = """permit (principal == Lineal::Principal::"bank/ben", action in [Lineal::Action::"Read",
  Lineal::Action::"ReadProperties", Lineal::Action::"Traverse"], resource);"""


@pytest.mark.slow
def test_policies_and_shares_count_on_both_servers_at_the_next_request(store: str, tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    for account in ("acme", "bank"):
        make_account(store, account)
    ada = make_key(store, "acme", "ada", "--role", "admin")
    ben = make_key(store, "bank", "ben", "--role", "admin")
    with serving(store, folders[0], token=ada) as one, serving(store, folders[1], token=ben) as two:

        def seen() -> list[int]:
            """How many entities Ben sees, on either server."""
            body, headers = {"query": "{ entities { totalCount } }"}, {"Authorization": f"Bearer {ben}"}
            answers = [each.client.post("/graphql", json=body, headers=headers).json() for each in (one, two)]
            return [answer["data"]["entities"]["totalCount"] for answer in answers]

        def changed(server: Server, mutation: str, **given: Any) -> dict[str, Any]:
            kind = mutation[0].upper() + mutation[1:]
            created = "share { id invitations { id } }" if mutation == "resourceShareCreate" else "__typename"
            query = f"mutation ($i: {kind}Input!) {{ {mutation}(input: $i) {{ {created} userErrors {{ message }} }} }}"
            done: dict[str, Any] = server.ask(query, i=given)[mutation]
            assert done["userErrors"] == []
            return done

        recorded = one.ask(RECORD, input={"entities": [{"kind": "DATASET", "name": "d"}]})
        assert recorded["lineageRecord"]["userErrors"] == []
        (group,) = one.ask("{ lineageGroups { nodes { id policy } } }")["lineageGroups"]["nodes"]
        assert seen() == [0, 0]
        changed(one, "lineageGroupPolicySet", id=group["id"], policy=group["policy"] + POLICY)
        assert seen() == [1, 1]
        changed(one, "lineageGroupPolicySet", id=group["id"], policy=group["policy"])
        assert seen() == [0, 0]
        terms = {"groups": [group["id"]], "targets": [{"account": "bank"}], "actions": ["READ"]}
        share = changed(one, "resourceShareCreate", name="s", **terms)["share"]
        assert seen() == [0, 0]
        changed(two, "invitationAccept", id=share["invitations"][0]["id"])
        assert seen() == [1, 1]
        changed(one, "resourceShareRevoke", id=share["id"])
        assert seen() == [0, 0]
