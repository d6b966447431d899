"""Lineage groups, their policies, and the callers that may know of them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from graphql_requests import answer, data
from tenants import READING, admin, changed, codes, id_at, logged, member, sees, share, tenants, urn_of

from lineal.auth.permissions import Permission
from lineal.auth.principals import LOCAL, Principal
from lineal.auth.scopes import default_group
from lineal.graphstore.store import Store

A, B = member("a"), member("b")
GROUPS = "{ lineageGroups { totalCount nodes { id name account isDefault boundary tellsWithheld permissions } } }"


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    opened = await tenants("a", "b")
    yield opened
    await opened.close()


async def test_a_member_sees_its_default_group_and_no_other_account_s(store: Store) -> None:
    home = {
        "id": default_group("a"),
        "name": "default",
        "account": "a",
        "isDefault": True,
        "boundary": None,
        "tellsWithheld": False,
        "permissions": ["READ", "READ_PROPERTIES", "TRAVERSE", "RECORD", "ASSOCIATE"],
    }
    assert await data(store, GROUPS, by=A) == {"lineageGroups": {"totalCount": 1, "nodes": [home]}}
    both = (await data(store, GROUPS, by=LOCAL))["lineageGroups"]["nodes"]
    assert sorted((each["account"], len(each["permissions"])) for each in both) == [
        ("a", len(Permission)),
        ("b", len(Permission)),
    ]


async def test_unknown_groups_and_groups_of_others_look_the_same(store: Store) -> None:
    ask = '{ lineageGroup(id: "%s") { id } }'
    assert await data(store, ask % default_group("b"), by=A) == {"lineageGroup": None}
    assert await data(store, ask % "nothing", by=A) == {"lineageGroup": None}
    for mutation, more in (
        ("lineageGroupChange", {"name": "mine"}),
        ("lineageGroupPolicySet", {"policy": ""}),
    ):
        hidden = await changed(store, admin("a"), mutation, id=default_group("b"), **more)
        absent = await changed(store, admin("a"), mutation, id="nothing", **more)
        assert str(hidden).replace(default_group("b"), "nothing") == str(absent)
        assert [each["code"] for each in absent["userErrors"]] == ["NOT_FOUND"]


async def test_groups_are_created_and_changed_with_the_share_permission(store: Store) -> None:
    created = await changed(
        store, admin("a"), "lineageGroupCreate", name="models", boundary="MASK", addEntities=[{"id": id_at("a", "m")}]
    )
    group = created["group"]
    assert (group["name"], group["account"], group["boundary"], group["tellsWithheld"]) == (
        "models",
        "a",
        "MASK",
        False,
    )
    assert group["entities"] == {"nodes": [{"urn": urn_of("a", "m")}]}
    change: dict[str, Any] = {
        "id": group["id"],
        "addEntities": [{"id": id_at("a", "d")}],
        "removeEntities": [{"id": id_at("a", "m")}],
    }
    done = await changed(store, admin("a"), "lineageGroupChange", **change, name="data", tellsWithheld=True)
    assert done["group"] == {
        "id": group["id"],
        "name": "data",
        "boundary": "MASK",
        "tellsWithheld": True,
        "entities": {"nodes": [{"urn": urn_of("a", "d")}]},
    }
    unset = await changed(store, admin("a"), "lineageGroupChange", id=group["id"], boundary=None)
    assert unset["group"]["boundary"] is None
    left = await changed(store, admin("a"), "lineageGroupChange", id=group["id"], tellsWithheld=False)
    assert (left["group"]["boundary"], left["group"]["name"]) == (None, "data")


async def test_invalid_groups_are_refused(store: Store) -> None:
    mine = (await changed(store, admin("a"), "lineageGroupCreate", name="models"))["group"]["id"]
    cases: list[tuple[Principal, str, dict[str, Any], str, list[str]]] = [
        (A, "lineageGroupCreate", {"name": "x"}, "FORBIDDEN", ["input"]),
        (A, "lineageGroupChange", {"id": mine, "name": "x"}, "FORBIDDEN", ["input"]),
        (A, "lineageGroupPolicySet", {"id": mine, "policy": ""}, "FORBIDDEN", ["input"]),
        (admin("a"), "lineageGroupCreate", {"name": "models"}, "CONFLICT", ["input", "name"]),
        (admin("a"), "lineageGroupCreate", {"name": ""}, "INVALID_VALUE", ["input", "name"]),
        (admin("a"), "lineageGroupCreate", {"name": "x", "account": "b"}, "NOT_FOUND", ["input", "account"]),
        (admin("a"), "lineageGroupCreate", {"name": "x", "account": "no"}, "NOT_FOUND", ["input", "account"]),
        (admin("a"), "lineageGroupChange", {"id": default_group("a"), "name": "x"}, "INVALID_VALUE", ["input"]),
        (admin("a"), "lineageGroupChange", {"id": mine, "addEntities": [{"id": id_at("b", "d")}]}, "NOT_FOUND",
         ["input", "addEntities", "0"]),
        (admin("a"), "lineageGroupChange", {"id": mine, "addEntities": [{"id": "x"}] * 1001}, "TOO_LARGE",
         ["input", "addEntities"]),
    ]  # fmt: skip
    before = (await store.newest()).epoch
    for by, mutation, given, code, path in cases:
        done = await changed(store, by, mutation, **given)
        assert (done["group"], [(e["code"], e["path"]) for e in done["userErrors"]]) == (None, [(code, path)]), given
    assert (await store.newest()).epoch == before
    await share(store, "b", "a")
    (error,) = (await changed(store, admin("a"), "lineageGroupChange", id=mine, addEntities=[{"id": id_at("b", "d")}]))[
        "userErrors"
    ]
    assert (error["code"], error["path"]) == ("INVALID_VALUE", ["input", "addEntities", "0"])


async def test_a_bad_policy_is_refused_with_its_line(store: Store) -> None:
    group = (await changed(store, admin("a"), "lineageGroupCreate", name="g"))["group"]["id"]
    bad = 'permit (principal, action, resource);\npermit (principal, action == Lineal::Action::"Raed", resource);'
    done = await changed(store, admin("a"), "lineageGroupPolicySet", id=group, policy=bad)
    assert done["group"] is None
    (error,) = done["userErrors"]
    assert (error["code"], error["path"], error["line"]) == ("INVALID_POLICY", ["input", "policy"], 2)
    assert "Raed" in error["message"]
    syntax = await changed(store, admin("a"), "lineageGroupPolicySet", id=group, policy="permit (\nprincipal action);")
    assert [(e["line"], e["column"]) for e in syntax["userErrors"]] == [(2, 11)]


async def test_a_dry_run_changes_nothing_and_a_policy_counts_at_once(store: Store) -> None:
    policy = 'permit (principal in Lineal::Account::"b", action == Lineal::Action::"Read", resource);'
    asked = {"id": default_group("a"), "policy": policy}
    epoch = (await store.newest()).epoch
    assert await codes(store, admin("a"), "lineageGroupPolicySet", **asked, isDryRun=True) == []
    assert (await store.newest()).epoch == epoch
    assert urn_of("a", "d") not in await sees(store, B)
    assert await codes(store, admin("a"), "lineageGroupPolicySet", **asked) == []
    assert urn_of("a", "d") in await sees(store, B)
    assert await sees(store, A) == set(), "the members' own policy is replaced"


async def test_a_policy_is_for_administrators(store: Store) -> None:
    ask = f'{{ lineageGroup(id: "{default_group("a")}") {{ name policy }} }}'
    assert "Lineal::Role" in (await data(store, ask, by=admin("a")))["lineageGroup"]["policy"]
    for by in (A, B):
        await share(store, "a", "b")
        result = await answer(store, ask, by=by)
        assert result.data == {"lineageGroup": {"name": "default", "policy": None}}
        assert [str(error.message) for error in result.errors] == [
            "This needs lineage:Administer: ask an administrator of the account for it."
        ]


async def test_an_entity_lists_the_groups_visible_to_the_caller(store: Store) -> None:
    for name in ("zoo", "ark"):
        await changed(store, admin("a"), "lineageGroupCreate", name=name, addEntities=[{"id": id_at("a", "d")}])
    ask = '{ entity(urn: "lineal:a:DATASET:d") { lineageGroups { name } } }'

    async def told(by: Principal) -> Any:
        entity = (await data(store, ask, by=by))["entity"]
        return entity and [group["name"] for group in entity["lineageGroups"]]

    assert await told(A) == ["default", "ark", "zoo"]
    assert await told(B) is None
    await share(store, "a", "b")
    assert await told(B) == ["default"]


async def test_pages_of_groups_and_of_their_entities(store: Store) -> None:
    for number in range(5):
        await changed(store, admin("a"), "lineageGroupCreate", name=f"g{number % 3}{number}")
    query = "query ($after: String) { lineageGroups(first: 2, after: $after) { totalCount nodes { name } "
    query += "pageInfo { hasNextPage endCursor } } }"
    seen, after = [], None
    while True:
        page = (await data(store, query, {"after": after}, A))["lineageGroups"]
        assert page["totalCount"] == 6
        seen += [node["name"] for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert seen == ["default", "g00", "g03", "g11", "g14", "g22"]
    refused = await answer(store, query, {"after": after}, admin("a"))
    assert "after is not a cursor of this field" in refused.errors[0].message
    inside = """query ($id: ID!, $after: String) { lineageGroup(id: $id) { entities(first: 2, after: $after) {
      totalCount nodes { urn } pageInfo { hasNextPage endCursor } } } }"""
    first = (await data(store, inside, {"id": default_group("a")}, A))["lineageGroup"]["entities"]
    after = first["pageInfo"]["endCursor"]
    second = (await data(store, inside, {"id": default_group("a"), "after": after}, A))["lineageGroup"]["entities"]
    assert (first["totalCount"], len(first["nodes"]), len(second["nodes"])) == (3, 2, 1)
    assert second["pageInfo"]["hasNextPage"] is False


async def test_the_viewer(store: Store) -> None:
    ask = "{ viewer { principal account roles permissions limitedTo pendingInvitations } }"
    await share(store, "b", "a", accept=False)
    assert (await data(store, ask, by=A))["viewer"] == {
        "principal": "a/mia",
        "account": "a",
        "roles": [],
        "permissions": [*READING, "RECORD", "ASSOCIATE"],
        "limitedTo": None,
        "pendingInvitations": 1,
    }
    key = Principal("a", "bot", frozenset({"admin", "x"}), frozenset({Permission.SHARE, Permission.READ}))
    viewer = (await data(store, ask, by=key))["viewer"]
    assert (viewer["roles"], viewer["permissions"], viewer["limitedTo"]) == (
        ["admin", "x"],
        ["READ", "SHARE"],
        ["READ", "SHARE"],
    )
    stranger = (await data(store, ask, by=Principal("nowhere", "x")))["viewer"]
    assert (stranger["permissions"], stranger["pendingInvitations"]) == ([], 0)


async def test_changes_of_groups_are_logged_allowed_or_not(store: Store) -> None:
    group = (await changed(store, admin("a"), "lineageGroupCreate", name="g"))["group"]["id"]
    await changed(store, A, "lineageGroupPolicySet", id=group, policy="")
    await changed(store, admin("b"), "lineageGroupPolicySet", id=group, policy="")
    records = await logged(store, admin("a"), resource=group)
    assert [(each["principal"], each["action"], each["isAllowed"]) for each in records] == [
        ("b/ada", "lineageGroupPolicySet", False),
        ("a/mia", "lineageGroupPolicySet", False),
        ("a/ada", "lineageGroupCreate", True),
    ]
