"""Accounts, keys, the audit log and explanations, for those who administer them and for no others."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from graphql_requests import answer, data
from tenants import admin, at, changed, codes, id_at, logged, member, recorded, share, tenants, urn_of

from lineal.auth.access_service import microseconds
from lineal.auth.access_store import AuditQuestion, audit_digest
from lineal.auth.permissions import Permission
from lineal.auth.principals import LOCAL, Principal
from lineal.auth.scopes import default_group
from lineal.graphstore.opening import open_store
from lineal.graphstore.store import Store
from lineal.graphstore.values import format_timestamp

A, B = member("a"), member("b")
OPERATOR = Principal("op", "root", frozenset({"admin"}))


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    opened = await tenants("a", "b")
    assert await codes(opened, LOCAL, "accountCreate", name="op", isOperator=True) == []
    yield opened
    await opened.close()


async def test_accounts_are_registered_by_operators(store: Store) -> None:
    done = await changed(store, OPERATOR, "accountCreate", name="new")
    assert done["account"] == {"name": "new", "isOperator": False, "createdBy": "op/root"}
    for by in (A, admin("a"), member("op")):
        assert await codes(store, by, "accountCreate", name="mine") == ["FORBIDDEN"]
    assert await codes(store, OPERATOR, "accountCreate", name="new") == ["CONFLICT"]
    assert await codes(store, OPERATOR, "accountCreate", name="") == ["INVALID_VALUE"]
    ask = "{ accounts { totalCount nodes { name } } }"
    assert (await data(store, ask, by=OPERATOR))["accounts"] == {
        "totalCount": 4,
        "nodes": [{"name": name} for name in ("a", "b", "new", "op")],
    }
    assert (await data(store, ask, by=admin("a")))["accounts"] == {"totalCount": 1, "nodes": [{"name": "a"}]}
    assert (await answer(store, ask, by=A)).errors[0].message == (
        "This needs lineage:Administer: ask an administrator of the account for it."
    )


KEYS = """query ($account: String) { apiKeys(account: $account) { nodes {
  id account name roles permissions createdBy revokedBy lastUsedAt expiresAt } } }"""


async def keys(store: Store, by: Principal, account: str | None = None) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = (await data(store, KEYS, {"account": account}, by))["apiKeys"]["nodes"]
    return nodes


async def test_keys_are_made_shown_once_and_revoked(store: Store) -> None:
    expiry = format_timestamp(microseconds() + 3_600_000_000)
    variables = {"name": "ci", "roles": ["b", "a"], "permissions": ["READ", "RECORD"], "expiresAt": expiry}
    created = await changed(store, admin("a"), "apiKeyCreate", **variables)
    key = created["key"]
    assert created["text"].startswith(f"lnl_{key['id']}_")
    assert (key["account"], key["name"], key["roles"], key["permissions"]) == (
        "a",
        "ci",
        ["a", "b"],
        ["READ", "RECORD"],
    )
    (shown,) = await keys(store, admin("a"))
    assert (shown["id"], shown["lastUsedAt"], shown["expiresAt"]) == (key["id"], None, expiry)
    assert created["text"] not in str(await store.access_since(0))
    await store.key_used(key["id"], 1_600_000_000_000_000)
    assert (await keys(store, admin("a")))[0]["lastUsedAt"] == "2020-09-13T12:26:40.000000Z"
    assert (await changed(store, admin("a"), "apiKeyRevoke", id=key["id"]))["key"]["revokedBy"] == "a/ada"
    assert (await keys(store, admin("a")))[0]["revokedBy"] == "a/ada"


async def test_keys_are_managed_by_their_account(store: Store) -> None:
    key = (await changed(store, admin("a"), "apiKeyCreate", name="ci"))["key"]["id"]
    assert await codes(store, A, "apiKeyCreate", name="x") == ["FORBIDDEN"]
    assert await codes(store, admin("b"), "apiKeyCreate", name="x", account="a") == ["NOT_FOUND"]
    assert await codes(store, admin("b"), "apiKeyCreate", name="x", account="nowhere") == ["NOT_FOUND"]
    for by in (A, admin("b")):
        hidden = await changed(store, by, "apiKeyRevoke", id=key)
        absent = await changed(store, by, "apiKeyRevoke", id="nothing")
        assert str(hidden).replace(key, "nothing") == str(absent)
    assert await keys(store, admin("b"), "a") == await keys(store, admin("b"), "nowhere") == []
    assert [each["id"] for each in await keys(store, OPERATOR, "a")] == [key]
    assert await codes(store, OPERATOR, "apiKeyCreate", name="x", account="b") == []
    assert await codes(store, OPERATOR, "apiKeyRevoke", id=key) == []
    limited = Principal("a", "bot", frozenset({"admin"}), frozenset({Permission.ADMINISTER}))
    assert await codes(store, limited, "apiKeyCreate", name="x") == ["INVALID_VALUE"]
    assert await codes(store, limited, "apiKeyCreate", name="x", permissions=["ADMINISTER"]) == []


async def test_the_log_is_filtered_and_read_in_pages(store: Store) -> None:
    for number in range(5):
        await changed(store, admin("a"), "lineageGroupCreate", name=f"g{number}")
    await changed(store, A, "lineageGroupCreate", name="mine")
    query = """query ($after: String, $w: AuditFilter) { auditLog(first: 2, after: $after, where: $w) {
      nodes { at isAllowed } edges { cursor node { at } } pageInfo { hasNextPage endCursor } } }"""
    where = {"action": "lineageGroupCreate"}
    times, after = [], None
    await logged(store, admin("a"))
    while True:
        page = (await data(store, query, {"after": after, "w": where}, admin("a")))["auditLog"]
        times += [node["at"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        # What comes meanwhile is not on later pages.
        await changed(store, admin("a"), "lineageGroupCreate", name=f"more {len(times)}")
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert len(times) == 6
    assert times == sorted(times, reverse=True)
    mine = {**where, "principal": "a/mia", "isAllowed": False, "since": times[0], "until": times[0]}
    assert len(await logged(store, admin("a"), **mine)) == 1
    assert await logged(store, admin("a"), **{**mine, "until": times[1]}) == []
    refused = await answer(store, query, {"after": after}, admin("a"))
    assert "after is not a cursor of this field with these arguments" in refused.errors[0].message


async def test_an_account_reads_its_own_log_and_operators_the_chain(store: Store) -> None:
    await changed(store, admin("b"), "lineageGroupCreate", name="g")
    assert await logged(store, admin("a"), principal="b/ada") == []
    ask = "{ auditLog(first: 100) { nodes { sequence previous digest } } }"
    own = (await data(store, ask, by=admin("a")))["auditLog"]["nodes"]
    assert own
    assert all(each == {"sequence": None, "previous": None, "digest": None} for each in own)
    whole = (await data(store, ask, by=LOCAL))["auditLog"]["nodes"]
    assert [each["sequence"] for each in whole] == list(range(len(whole), 0, -1))
    assert [each["previous"] for each in whole] == [each["digest"] for each in whole[1:]] + [""]
    (record, *_) = (await store.audit_log(AuditQuestion(None, first=1))).items
    assert whole[0]["digest"] == audit_digest(record.sequence, record.at, record.entry, record.previous)
    for by in (A, member("op")):
        assert (await answer(store, ask, by=by)).errors


async def test_the_log_names_no_policies_of_others(store: Store) -> None:
    id = await share(store, "a", "b", actions=["READ", "ASSOCIATE"])
    policy = """@id("secret") forbid (principal in Lineal::Account::"b", action == Lineal::Action::"Associate",
      resource);"""
    group = (await changed(store, admin("a"), "lineageGroupCreate", name="g", addEntities=[{"id": id_at("a", "m")}]))[
        "group"
    ]
    await changed(store, admin("a"), "lineageGroupPolicySet", id=group["id"], policy=policy)
    for name in ("d", "m"):
        ends = {"source": {"urn": urn_of("a", name)}, "destination": {"urn": urn_of("b", "j")}}
        await recorded(store, B, associations=[{**ends, "type": "PRODUCED"}])
    denied = {"action": "ASSOCIATE", "isAllowed": False, "principal": "b/mia"}
    assert (await logged(store, admin("a"), **denied))[0]["policies"] == [f"{group['id']}/secret"]
    assert (await logged(store, admin("b"), **denied))[0]["policies"] == []
    allowed = await logged(store, admin("b"), action="ASSOCIATE", resource=default_group("a"))
    assert [each["policies"] for each in allowed] == [[f"share/{id}"]]


EXPLAIN = """query ($who: PrincipalInput!, $what: Permission!, $e: EntityRef!) {
  explainAccess(principal: $who, action: $what, entity: $e) {
    isAllowed reasons groups { group { name } isAllowed isForbidden policies shares reasons } } }"""


async def test_access_is_explained_to_administrators(store: Store) -> None:
    id = await share(store, "a", "b")
    asked = {"who": {"account": "b", "name": "mia"}, "what": "READ", "e": {"urn": urn_of("a", "d")}}
    response = (await data(store, EXPLAIN, asked, admin("a")))["explainAccess"]
    assert response["isAllowed"] is True
    (default,) = response["groups"]
    assert (default["group"], default["isAllowed"], default["shares"]) == ({"name": "default"}, True, [id])
    assert default["reasons"]
    created = await changed(store, admin("a"), "lineageGroupCreate", name="g", addEntities=[{"id": id_at("a", "d")}])
    policy = '@id("no") forbid (principal == Lineal::Principal::"b/mia", action, resource);'
    await changed(store, admin("a"), "lineageGroupPolicySet", id=created["group"]["id"], policy=policy)
    response = (await data(store, EXPLAIN, {**asked, "e": {"id": id_at("a", "d")}}, admin("a")))["explainAccess"]
    assert response["isAllowed"] is False
    assert [(each["group"]["name"], each["isForbidden"], each["policies"]) for each in response["groups"]] == [
        ("default", False, []),
        ("g", True, ["no"]),
    ]
    role = {**asked, "who": {"account": "a", "name": "x", "roles": ["admin"]}, "what": "ADMINISTER"}
    assert (await data(store, EXPLAIN, role, admin("a")))["explainAccess"]["isAllowed"] is True


async def test_access_is_not_explained_to_others(store: Store) -> None:
    def asked(urn: str) -> dict[str, Any]:
        return {"who": {"account": "b", "name": "mia"}, "what": "READ", "e": {"urn": urn}}

    for by in (B, admin("b")):
        for urn in (urn_of("a", "d"), "lineal:a:DATASET:nothing"):
            assert await data(store, EXPLAIN, asked(urn), by) == {"explainAccess": None}
    await share(store, "a", "b")
    for by in (A, admin("b")):
        result = await answer(store, EXPLAIN, asked(urn_of("a", "d")), by)
        assert [error.message for error in result.errors] == [
            "Explaining needs lineage:Administer on the account of the entity: ask one of its administrators."
        ]


async def test_a_change_counts_for_later_fields_of_its_request(store: Store) -> None:
    query = """mutation ($group: ID!, $policy: String!) {
      before: lineageRecord(input: {entities: [{kind: DATASET, name: "x"}]}) { userErrors { code } }
      lineageGroupPolicySet(input: {id: $group, policy: $policy}) { userErrors { code } group { permissions } }
      after: lineageRecord(input: {entities: [{kind: DATASET, name: "y"}]}) { userErrors { code } } }"""
    policy = 'permit (principal, action in [Lineal::Action::"Read", Lineal::Action::"Administer"], resource);'
    done = await data(store, query, {"group": default_group("a"), "policy": policy}, admin("a"))
    assert done["before"] == {"userErrors": []}
    assert done["lineageGroupPolicySet"] == {"userErrors": [], "group": {"permissions": ["READ", "ADMINISTER"]}}
    assert done["after"] == {"userErrors": [{"code": "FORBIDDEN"}]}


async def test_a_change_counts_in_every_process_on_the_next_request(tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path}/shared.db"
    async with await open_store(url) as one, await open_store(url) as two:
        await changed(one, LOCAL, "accountCreate", name="a")
        assert await recorded(two, A, entities=[{"kind": "DATASET", "name": "x"}]) == []
        await changed(one, admin("a"), "lineageGroupPolicySet", id=default_group("a"), policy="")
        refused = await recorded(two, A, entities=[{"kind": "DATASET", "name": "y"}])
        assert [each["code"] for each in refused] == ["FORBIDDEN"]


async def test_an_expired_key_can_be_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    soon = microseconds() + 60_000_000
    assert await codes(store, admin("a"), "apiKeyCreate", name="x", expiresAt=format_timestamp(soon)) == []
    at(monkeypatch, store, soon + 1)
    assert await codes(store, admin("a"), "apiKeyCreate", name="y", expiresAt=format_timestamp(soon)) == [
        "INVALID_VALUE"
    ]
    assert [each["expiresAt"] for each in await keys(store, admin("a"))] == [format_timestamp(soon)]


CREATES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("lineageGroupCreate", {"name": "g", "boundary": "MASK"}, {"boundary": "CUT"}),
    (
        "resourceShareCreate",
        {"name": "s", "groups": [default_group("a")], "targets": [{"account": "b"}], "actions": ["READ"]},
        {"actions": ["READ", "TRAVERSE"]},
    ),
    ("apiKeyCreate", {"name": "ci", "roles": ["x"]}, {"roles": []}),
]


@pytest.mark.parametrize(("mutation", "given", "other"), CREATES)
async def test_a_repeat_creates_nothing(
    store: Store, mutation: str, given: dict[str, Any], other: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = admin("a")
    first = await changed(store, ada, mutation, **given, idempotencyKey="k")
    epoch = (await store.newest()).epoch
    again = await changed(store, ada, mutation, **given, idempotencyKey="k")
    assert ("text" in first) == bool(first.pop("text", None))
    assert again.pop("text", None) is None, "it was told once"
    assert again == first
    assert again["userErrors"] == []
    (error,) = (await changed(store, ada, mutation, **{**given, **other}, idempotencyKey="k"))["userErrors"]
    assert (error["code"], error["path"]) == ("IDEMPOTENCY_MISMATCH", ["input", "idempotencyKey"])
    assert error["message"] == "This idempotencyKey was used for another request in the last 24 hours: use a new one."
    assert (await store.newest()).epoch == epoch
    assert await codes(store, A, mutation, **given, idempotencyKey="k") == ["FORBIDDEN"], "of another principal"
    at(monkeypatch, store, microseconds() + 24 * 3600 * 1_000_000 + 1)
    later = await changed(store, ada, mutation, **{**given, "name": "anew"}, idempotencyKey="k")
    assert later["userErrors"] == []
    kept = [each for each in (await store.access_since(0)).documents if each.part == "REPEAT" and each.content]
    assert len(kept) == 1, "what is old is swept"


async def test_a_repeat_is_authorized_again(store: Store) -> None:
    variables = {"name": "ci", "idempotencyKey": "k"}
    assert await codes(store, admin("a"), "apiKeyCreate", **variables) == []
    assert await codes(store, Principal("a", "ada"), "apiKeyCreate", **variables) == ["FORBIDDEN"]
    done = await changed(store, OPERATOR, "accountCreate", name="new", idempotencyKey="k")
    assert await changed(store, OPERATOR, "accountCreate", name="new", idempotencyKey="k") == done
    result = await answer(
        store, 'mutation { accountCreate(input: {name: "x", idempotencyKey: ""}) { userErrors { code } } }', by=OPERATOR
    )
    assert result.errors[0].message == "idempotencyKey must be 1 to 200 characters of text: a UUID serves well"
