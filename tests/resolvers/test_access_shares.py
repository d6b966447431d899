"""Shares with other accounts: three forms, and what they allow before and after an invitation is decided."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from graphql_requests import answer, data
from tenants import READING, admin, at, changed, codes, id_at, logged, member, recorded, sees, share, tenants, urn_of

from lineal.auth.access_service import microseconds
from lineal.auth.permissions import Permission
from lineal.auth.principals import Principal
from lineal.auth.scopes import default_group
from lineal.graphstore.store import Store
from lineal.graphstore.values import format_timestamp

A, B, C = member("a"), member("b"), member("c")


def all_of(*accounts: str) -> set[str]:
    return {urn_of(account, name) for account in accounts for name in "djm"}


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    opened = await tenants("a", "b", "c", "hub")
    yield opened
    await opened.close()


async def joined(store: Store, first: str, second: str) -> None:
    """What one account made goes into what another did: m of the first into d of the second, as both allow."""
    for owner, receiver in ((first, second), (second, first)):
        await share(store, owner, receiver, name=f"to associate with {owner}", actions=["READ", "ASSOCIATE"])
    ends = {"source": {"urn": urn_of(first, "m")}, "destination": {"urn": urn_of(second, "d")}}
    assert await recorded(store, member(second), associations=[{**ends, "type": "CONTRIBUTED_TO"}]) == []


async def descendants(store: Store, by: Principal, urn: str, **asked: Any) -> Any:
    query = """query ($urn: String!, $first: Int = 20) { entity(urn: $urn) { descendants(first: $first) {
      totalCount nodes { urn } countsByKind { kind count } } } }"""
    entity = (await data(store, query, {"urn": urn, **asked}, by))["entity"]
    return entity and [node["urn"] for node in entity["descendants"]["nodes"]]


async def test_each_shares_with_an_administrator(store: Store) -> None:
    """A, B and C share with an administrator of a hub, who traverses over all three; they see nothing of each other."""
    hub = Principal("hub", "ada", frozenset({"admin"}))
    for owner in "abc":
        await share(store, owner, "hub", targets=[{"account": "hub", "role": "admin"}])
    assert await sees(store, hub) == all_of("a", "b", "c", "hub")
    assert await sees(store, member("hub")) == all_of("hub")
    for account in "abc":
        assert await sees(store, admin(account)) == all_of(account)


async def test_each_shares_with_each_other(store: Store) -> None:
    """A, B and C share with each other: lineage that leads through all three is one to each of them."""
    for owner in "abc":
        await share(store, owner, *sorted({"a", "b", "c"} - {owner}))
    await joined(store, "a", "b")
    await joined(store, "b", "c")
    for by in (A, B, C):
        assert await sees(store, by) == all_of("a", "b", "c")
        assert (
            await descendants(store, by, urn_of("a", "d"))
            == [urn_of(account, name) for account in "abc" for name in "djm"][1:]
        )
    assert await sees(store, member("hub")) == all_of("hub")


async def test_by_policy_alone(store: Store) -> None:
    """A's policy lets the members of B read one group of A's; no share and no invitation is needed."""
    group = (
        await changed(store, admin("a"), "lineageGroupCreate", name="open", addEntities=[{"id": id_at("a", "m")}])
    )["group"]
    policy = 'permit (principal in Lineal::Account::"b", action == Lineal::Action::"Read", resource);'
    assert await codes(store, admin("a"), "lineageGroupPolicySet", id=group["id"], policy=policy) == []
    assert await sees(store, B) == all_of("b") | {urn_of("a", "m")}
    assert await sees(store, C) == all_of("c")
    (seen,) = (await data(store, "{ lineageGroups(first: 1) { nodes { name } } }", by=B))["lineageGroups"]["nodes"]
    assert seen == {"name": "default"}
    assert (await data(store, "{ invitations { totalCount } }", by=admin("b")))["invitations"] == {"totalCount": 0}


INVITATIONS = """query ($state: InvitationState) { invitations(state: $state) { totalCount nodes {
  id state decidedBy share { name account targets { account role name } groups { name } revokedAt } } } }"""


async def invitations(store: Store, by: Principal, state: str | None = None) -> Any:
    return (await data(store, INVITATIONS, {"state": state}, by))["invitations"]["nodes"]


async def test_an_invitation_allows_nothing_until_it_is_accepted(store: Store) -> None:
    id = await share(store, "a", "b", "c", accept=False)
    assert await sees(store, B) == all_of("b")
    (seen,) = await invitations(store, B)
    assert (seen["state"], seen["decidedBy"]) == ("PENDING", None)
    assert seen["share"] == {
        "name": "of a",
        "account": "a",
        "targets": [{"account": "b", "role": None, "name": None}],
        "groups": [{"name": "default"}],
        "revokedAt": None,
    }, "whom else it is for is no business of b's"
    accepted = await changed(store, admin("b"), "invitationAccept", id=seen["id"])
    assert accepted["invitation"] == {"id": seen["id"], "state": "ACCEPTED", "decidedBy": "b/ada"}
    assert await sees(store, B) == all_of("a", "b")
    assert await sees(store, C) == all_of("c")
    rejected = await changed(store, admin("c"), "invitationReject", id=f"{id}/c")
    assert rejected["invitation"]["state"] == "REJECTED"
    assert await codes(store, admin("c"), "invitationAccept", id=f"{id}/c") == ["CONFLICT"]
    assert await sees(store, C) == all_of("c")
    ask = "{ resourceShares { totalCount nodes { id targets { account } invitations { account state } } } }"
    assert (await data(store, ask, by=admin("a")))["resourceShares"] == {
        "totalCount": 1,
        "nodes": [
            {
                "id": id,
                "targets": [{"account": "b"}, {"account": "c"}],
                "invitations": [{"account": "b", "state": "ACCEPTED"}, {"account": "c", "state": "REJECTED"}],
            }
        ],
    }
    assert await invitations(store, B, "PENDING") == []
    assert [each["state"] for each in await invitations(store, B, "ACCEPTED")] == ["ACCEPTED"]


async def test_an_accepted_share_can_be_rejected_later(store: Store) -> None:
    id = await share(store, "a", "b")
    assert await codes(store, admin("b"), "invitationReject", id=f"{id}/b") == []
    assert await sees(store, B) == all_of("b")


async def test_a_share_that_is_revoked_is_over_at_once(store: Store) -> None:
    id = await share(store, "a", "b")
    cursor = (await data(store, "{ entities(first: 4) { pageInfo { endCursor } } }", by=B))["entities"]["pageInfo"]
    done = await changed(store, admin("a"), "resourceShareRevoke", id=id)
    assert done["share"]["revokedBy"] == "a/ada"
    assert await sees(store, B) == all_of("b")
    assert await invitations(store, B) == []
    assert await codes(store, admin("b"), "invitationAccept", id=f"{id}/b") == ["NOT_FOUND"]
    later = await data(
        store,
        "query ($after: String) { entities(first: 100, after: $after) { totalCount nodes { urn } } }",
        {"after": cursor["endCursor"]},
        B,
    )
    assert later["entities"]["totalCount"] == 3, "later pages are read under the permissions of the day"
    assert {node["urn"] for node in later["entities"]["nodes"]} <= all_of("b")


async def test_a_share_that_expires_is_over(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    soon = format_timestamp(microseconds() + 60_000_000)
    id = await share(store, "a", "b", expiresAt=soon)
    pending = await share(store, "a", "c", name="late", accept=False, expiresAt=soon)
    assert await sees(store, B) == all_of("a", "b")
    at(monkeypatch, store, microseconds() + 61_000_000)
    assert await sees(store, B) == all_of("b")
    assert [(each["id"], each["state"]) for each in await invitations(store, B)] == [(f"{id}/b", "EXPIRED")]
    assert await codes(store, admin("c"), "invitationAccept", id=f"{pending}/c") == ["EXPIRED"]
    assert (await data(store, "{ viewer { pendingInvitations } }", by=C))["viewer"] == {"pendingInvitations": 0}


async def test_a_share_allows_exactly_its_terms(store: Store) -> None:
    await share(store, "a", "b", kinds=["DATASET", "TRAINING_JOB"], redacted=["rows"])
    assert await sees(store, B) == all_of("b") | {urn_of("a", "d"), urn_of("a", "j")}
    ask = '{ entity(urn: "lineal:a:DATASET:d") { digest properties { key } property(key: "rows") } }'
    assert (await data(store, ask, by=B))["entity"] == {"digest": None, "properties": [], "property": None}
    by_key = '{ entities(where: {property: [{key: "rows", exists: true}]}) { totalCount } }'
    assert (await data(store, by_key, by=B))["entities"] == {"totalCount": 1}
    assert (await data(store, by_key, by=C))["entities"] == {"totalCount": 1}
    keys = '{ propertyKeys(startsWith: "", kind: DATASET) }'
    assert (await data(store, keys, by=B)) == {"propertyKeys": ["rows"]}, "of its own"
    assert await descendants(store, B, urn_of("a", "d")) == [urn_of("a", "j")]


async def test_a_share_limits_how_far_is_crossed(store: Store) -> None:
    await share(store, "a", "b", depth=1)
    assert await descendants(store, B, urn_of("a", "d")) == [urn_of("a", "j")]
    await share(store, "a", "c", direction="ASCENDANTS")
    assert await descendants(store, C, urn_of("a", "d")) == []
    up = '{ entity(urn: "lineal:a:MODEL:m") { ascendants { nodes { urn } } } }'
    nodes = (await data(store, up, by=C))["entity"]["ascendants"]["nodes"]
    assert [node["urn"] for node in nodes] == [urn_of("a", "j"), urn_of("a", "d")]


async def test_a_single_principal_answers_for_itself(store: Store) -> None:
    holder = Principal("b", "mia", frozenset(), None)
    id = await share(store, "a", "b", accept=False, targets=[{"account": "b", "name": "mia"}])
    assert await codes(store, member("b", "max"), "invitationAccept", id=f"{id}/b") == ["NOT_FOUND"]
    assert await codes(store, holder, "invitationAccept", id=f"{id}/b") == []
    assert await sees(store, holder) == all_of("a", "b")
    assert await sees(store, member("b", "max")) == all_of("b")


async def test_invalid_shares_are_refused(store: Store) -> None:
    home, epoch = default_group("a"), (await store.newest()).epoch
    good = {"name": "s", "groups": [home], "targets": [{"account": "b"}], "actions": READING}
    cases: list[tuple[Principal, dict[str, Any], str, list[str]]] = [
        (A, {}, "FORBIDDEN", ["input", "groups", "0"]),
        (admin("b"), {}, "NOT_FOUND", ["input", "groups", "0"]),
        (admin("a"), {"groups": [home, "nothing"]}, "NOT_FOUND", ["input", "groups", "1"]),
        (admin("a"), {"groups": [home, default_group("b")]}, "NOT_FOUND", ["input", "groups", "1"]),
        (admin("a"), {"groups": []}, "INVALID_VALUE", ["input", "groups"]),
        (admin("a"), {"targets": [{"account": "a"}]}, "INVALID_VALUE", ["input", "targets", "0", "account"]),
        (admin("a"), {"targets": []}, "INVALID_VALUE", ["input", "targets"]),
        (admin("a"), {"actions": ["DELETE"]}, "INVALID_VALUE", ["input", "actions"]),
        (admin("a"), {"actions": []}, "INVALID_VALUE", ["input", "actions"]),
        (admin("a"), {"depth": 0}, "INVALID_VALUE", ["input", "depth"]),
        (admin("a"), {"direction": "BOTH"}, "INVALID_VALUE", ["input", "direction"]),
        (admin("a"), {"kinds": []}, "INVALID_VALUE", ["input", "kinds"]),
        (admin("a"), {"expiresAt": "2020-01-01T00:00:00Z"}, "INVALID_VALUE", ["input", "expiresAt"]),
        (admin("a"), {"redacted": [f"{n}" for n in range(101)]}, "TOO_LARGE", ["input", "redacted"]),
    ]
    for by, given, code, path in cases:
        done = await changed(store, by, "resourceShareCreate", **{**good, **given})
        assert (done["share"], [(e["code"], e["path"]) for e in done["userErrors"]]) == (None, [(code, path)]), given
    assert (await store.newest()).epoch == epoch


async def test_only_the_parties_of_a_share_answer_and_revoke_it(store: Store) -> None:
    id = await share(store, "a", "b", accept=False)
    assert await codes(store, B, "invitationAccept", id=f"{id}/b") == ["FORBIDDEN"]
    assert await codes(store, B, "invitationReject", id=f"{id}/b") == ["FORBIDDEN"]
    for by in (C, admin("c"), admin("a")):
        hidden = await changed(store, by, "invitationAccept", id=f"{id}/b")
        absent = await changed(store, by, "invitationAccept", id="nothing")
        assert str(hidden).replace(f"{id}/b", "nothing") == str(absent)
    assert await codes(store, admin("b"), "resourceShareRevoke", id=id) == ["FORBIDDEN"]
    assert await codes(store, admin("c"), "resourceShareRevoke", id=id) == ["NOT_FOUND"]
    assert await codes(store, A, "resourceShareRevoke", id=id) == ["NOT_FOUND"]
    assert await codes(store, admin("a"), "resourceShareRevoke", id=id) == []


async def test_shares_are_listed_with_the_share_permission(store: Store) -> None:
    await share(store, "a", "b")
    ask = "{ resourceShares { nodes { name } } }"
    assert (await data(store, ask, by=admin("b")))["resourceShares"] == {"nodes": []}
    result = await answer(store, ask, by=A)
    assert [error.message for error in result.errors] == [
        "This needs lineage:Share: ask an administrator of the account for it."
    ]
    key = Principal("a", "bot", frozenset({"admin"}), frozenset({Permission.READ}))
    assert (await answer(store, ask, by=key)).errors


async def test_answers_are_logged_to_both_sides(store: Store) -> None:
    id = await share(store, "a", "b")
    for reader in (admin("a"), admin("b")):
        (found,) = await logged(store, reader, action="invitationAccept")
        assert (found["principal"], found["resource"], found["isAllowed"]) == ("b/ada", f"{id}/b", True)
    assert await logged(store, admin("c"), resource=f"{id}/b") == []
