"""Access in development mode: the local administrator has groups, and every query and mutation about access works."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from keys import make_account, make_key
from server_process import Server, serving

from lineal.auth.permissions import Permission
from lineal.cli import main

RECORD = """mutation { lineageRecord(input: {entities: [{kind: DATASET, name: "d", account: "acme"},
  {kind: DATASET, name: "mine"}, {kind: MODEL, name: "m", account: "team b"}]}) { userErrors { message } } }"""
GROUPS = "{ lineageGroups { nodes { account name isDefault entities { nodes { name } } } } }"


def groups(server: Server) -> dict[str, list[str]]:
    """The names of the entities of each default group, by account."""
    answer = server.ask(GROUPS)["lineageGroups"]["nodes"]
    assert all(each["name"] == "default" and each["isDefault"] for each in answer)
    return {each["account"]: [entity["name"] for entity in each["entities"]["nodes"]] for each in answer}


def test_accounts_have_groups_once_something_is_recorded_in_them(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/lineal.db"
    with serving(store, tmp_path) as server:
        assert groups(server) == {"local": []}
        server.ask(RECORD)
        assert groups(server) == {"team b": ["m"], "acme": ["d"], "local": ["mine"]}
        query = '{ entity(urn: "lineal:acme:DATASET:d") { lineageGroups { account name } } }'
        assert server.ask(query)["entity"]["lineageGroups"] == [{"account": "acme", "name": "default"}]
    with serving(store, tmp_path) as server:
        server.ask(RECORD)
        assert groups(server) == {"team b": ["m"], "acme": ["d"], "local": ["mine"]}, "once each"


@pytest.mark.parametrize("is_listed", [True, False])
def test_what_was_recorded_without_a_server_has_groups(tmp_path: Path, is_listed: bool) -> None:
    store, file = f"sqlite:///{tmp_path}/lineal.db", tmp_path / "lines.jsonl"
    entities = [{"kind": "DATASET", "name": f"d{n}", "account": f"team{n % 3}"} for n in range(6)]
    file.write_text("\n".join(json.dumps({"entity": each}) for each in entities))
    assert CliRunner().invoke(main, ["ingest", str(file), "--store", store]).exit_code == 0
    with serving(store, tmp_path) as server:
        if is_listed:
            expected = {f"team{n}": [f"d{n}", f"d{n + 3}"] for n in range(3)}
            assert groups(server) == {**expected, "local": []}
        answer = server.ask("{ datasets { nodes { name lineageGroups { account name } } } }")["datasets"]["nodes"]
    assert answer == [
        {"name": f"d{n}", "lineageGroups": [{"account": f"team{n % 3}", "name": "default"}]} for n in (0, 3, 1, 4, 2, 5)
    ]


def test_elsewhere_recording_registers_nothing(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/lineal.db"
    make_account(store, "ops", "--operator")
    with serving(store, tmp_path, token=make_key(store, "ops", "me", "--role", "admin")) as server:
        assert server.ask(RECORD)["lineageRecord"]["userErrors"]
        assert server.ask("{ accounts { nodes { name } } }") == {"accounts": {"nodes": [{"name": "ops"}]}}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving("memory:", tmp_path) as started:
        started.ask(RECORD)
        yield started


def changed(server: Server, mutation: str, given: str, selection: str) -> Any:
    """What a mutation without user errors gives."""
    query = f"mutation {{ {mutation}(input: {{{given}}}) {{ {selection} userErrors {{ message }} }} }}"
    answer = server.ask(query)[mutation]
    assert answer.pop("userErrors") == []
    return next(iter(answer.values()))


def test_every_query_and_mutation_about_access(server: Server) -> None:
    entity = server.ask('{ entity(urn: "lineal:acme:DATASET:d") { id } }')["entity"]["id"]
    group = changed(server, "lineageGroupCreate", 'name: "g", account: "acme"', "group { id }")["id"]
    adds = f'id: "{group}", addEntities: [{{id: "{entity}"}}], boundary: MASK'
    answer = changed(server, "lineageGroupChange", adds, "group { boundary entities { totalCount } }")
    assert answer == {"boundary": "MASK", "entities": {"totalCount": 1}}
    policy = "permit (principal, action, resource);"
    arguments = f'id: "{group}", policy: "{policy}"'
    assert changed(server, "lineageGroupPolicySet", arguments, "group { policy }") == {"policy": policy}
    shared = f'name: "s", groups: ["{group}"], targets: [{{account: "local"}}], actions: [READ, TRAVERSE]'
    share = changed(server, "resourceShareCreate", shared, "share { id }")["id"]
    (invitation,) = server.ask("{ invitations { nodes { id state } } }")["invitations"]["nodes"]
    assert invitation["state"] == "PENDING"
    for mutation, state in (("invitationAccept", "ACCEPTED"), ("invitationReject", "REJECTED")):
        assert changed(server, mutation, f'id: "{invitation["id"]}"', "invitation { state }") == {"state": state}
    assert changed(server, "resourceShareRevoke", f'id: "{share}"', "share { id }") == {"id": share}
    key = changed(server, "apiKeyCreate", 'account: "acme", name: "ci"', "key { id }")["id"]
    assert changed(server, "apiKeyRevoke", f'id: "{key}"', "key { id }") == {"id": key}
    assert changed(server, "accountCreate", 'name: "other"', "account { name }") == {"name": "other"}
    asked = server.ask(
        """query ($group: ID!) { viewer { permissions } lineageGroup(id: $group) { permissions }
        resourceShares { totalCount } accounts { totalCount } apiKeys(account: "acme") { totalCount }
        auditLog(first: 100) { nodes { action } }
        explainAccess(principal: {account: "acme", name: "ci"}, action: READ,
          entity: {urn: "lineal:acme:DATASET:d"}) { isAllowed } }""",
        group=group,
    )
    assert set(asked["viewer"]["permissions"]) == set(asked["lineageGroup"]["permissions"]) == set(Permission)
    assert [asked[field]["totalCount"] for field in ("resourceShares", "accounts", "apiKeys")] == [1, 4, 1]
    assert asked["explainAccess"] == {"isAllowed": True}
    assert {"accountCreate", "lineageGroupPolicySet"} <= {each["action"] for each in asked["auditLog"]["nodes"]}
