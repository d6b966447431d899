"""Permissions for recording, associating and revising; a denied batch writes nothing."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from graphql_requests import data
from tenants import (
    RECORD,
    admin,
    changed,
    codes,
    id_at,
    logged,
    member,
    recorded,
    revised,
    share,
    tenants,
    urn_of,
)

from lineal.auth.permissions import Permission
from lineal.auth.principals import LOCAL, Principal
from lineal.auth.scopes import default_group
from lineal.graphstore.store import Store
from lineal.graphstore.urns import entity_id

A, B = member("a"), member("b")


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    opened = await tenants("a", "b")
    yield opened
    await opened.close()


def dataset(name: str, **more: Any) -> dict[str, Any]:
    return {"kind": "DATASET", "name": name, **more}


def link(source: dict[str, str], destination: dict[str, str]) -> dict[str, Any]:
    return {"source": source, "destination": destination, "type": "CONTRIBUTED_TO"}


async def test_recording_into_another_account_is_forbidden(store: Store) -> None:
    before = await store.watermark()
    for account in ("b", "nowhere"):
        assert await recorded(store, A, entities=[dataset("x", account=account)]) == [
            {
                "code": "FORBIDDEN",
                "message": f"Recording in the account {account} needs lineage:Record on it: ask an administrator of "
                "its account.",
                "path": ["input", "entities", "0"],
            }
        ]
    assert await store.watermark() == before
    assert await recorded(store, LOCAL, entities=[dataset("x", account="b")]) == []


async def test_a_batch_with_one_forbidden_part_writes_nothing(store: Store) -> None:
    before = await store.watermark()
    own = {"urn": "lineal:a:DATASET:new"}
    variables = {
        "entities": [dataset("new"), dataset("x", account="b"), dataset("other")],
        "associations": [link(own, {"urn": urn_of("a", "d")}), link(own, {"urn": urn_of("b", "d")})],
    }
    done = (await data(store, RECORD, {"i": variables}, A))["lineageRecord"]
    assert (done["entities"], done["associations"]) == ([], [])
    assert [(each["code"], each["path"]) for each in done["userErrors"]] == [
        ("FORBIDDEN", ["input", "entities", "1"]),
        ("NOT_FOUND", ["input", "associations", "1", "destination"]),
    ]
    assert await store.watermark() == before


@pytest.mark.parametrize("by_id", [False, True])
@pytest.mark.parametrize("side", ["source", "destination"])
async def test_a_hidden_end_is_reported_as_absent(store: Store, side: str, by_id: bool) -> None:
    def ends(urn: str) -> dict[str, Any]:
        hidden = {"id": entity_id(urn)} if by_id else {"urn": urn}
        own = {"urn": urn_of("a", "d")}
        # What else is wrong with the batch is told of alike, too.
        conflict = dataset("d", description="other")
        pair = (hidden, own) if side == "source" else (own, hidden)
        return {"entities": [conflict], "associations": [link(*pair)]}

    hidden, absent = urn_of("b", "d"), "lineal:c:DATASET:d"
    answer = await recorded(store, A, **ends(hidden))
    errors_of_absent = await recorded(store, A, **ends(absent))
    names = (entity_id(hidden), entity_id(absent)) if by_id else (hidden, absent)
    assert str(answer).replace(*names) == str(errors_of_absent)
    assert [each["code"] for each in answer] == ["NOT_FOUND"]


async def test_an_association_needs_the_permission_on_both_ends(store: Store) -> None:
    own, theirs = {"urn": urn_of("b", "m")}, {"urn": urn_of("a", "d")}
    assert [each["code"] for each in await recorded(store, B, associations=[link(own, theirs)])] == ["NOT_FOUND"]
    readable = await share(store, "a", "b")
    for pair, side in (((own, theirs), "destination"), ((theirs, own), "source")):
        assert await recorded(store, B, associations=[link(*pair)]) == [
            {
                "code": "FORBIDDEN",
                "message": f"Associating {urn_of('a', 'd')} needs lineage:Associate on it: ask an administrator of its "
                "account.",
                "path": ["input", "associations", "0", side],
            }
        ]
    await share(store, "a", "b", actions=["ASSOCIATE"], kinds=["DATASET"])
    assert await recorded(store, B, associations=[link(own, theirs), link(theirs, own)]) == []
    job = {"urn": urn_of("a", "j")}
    assert [each["code"] for each in await recorded(store, B, associations=[link(own, job)])] == ["FORBIDDEN"]
    await changed(store, admin("a"), "resourceShareRevoke", id=readable)
    assert [each["code"] for each in await recorded(store, B, associations=[link(own, theirs)])] == ["NOT_FOUND"]


async def test_a_forbid_wins_on_the_very_next_write(store: Store) -> None:
    own = {"urn": urn_of("a", "d")}, {"urn": urn_of("a", "m")}
    assert await recorded(store, A, associations=[link(*own)]) == []
    created = await changed(
        store, admin("a"), "lineageGroupCreate", name="frozen", addEntities=[{"id": id_at("a", "d")}]
    )
    policy = """@id("freeze") forbid (principal, action in [Lineal::Action::"Associate", Lineal::Action::"Record"],
      resource);"""
    group = created["group"]["id"]
    assert await codes(store, admin("a"), "lineageGroupPolicySet", id=group, policy=policy) == []
    for by in (A, admin("a")):
        assert [each["path"][-1] for each in await recorded(store, by, associations=[link(*own)])] == ["source"]
        assert [e["code"] for e in (await revised(store, by, entity=own[0], tags=["t"]))["userErrors"]] == ["FORBIDDEN"]
    (denied, *_) = await logged(store, admin("a"), isAllowed=False, action="ASSOCIATE")
    assert (denied["resourceKind"], denied["resource"]) == ("ENTITY", urn_of("a", "d"))
    assert denied["policies"] == [f"{group}/freeze"]


async def test_an_end_in_the_same_batch_is_authorized_by_its_account(store: Store) -> None:
    recorder = Principal("a", "bot", permissions=frozenset({Permission.RECORD, Permission.READ}))
    ends = {"urn": "lineal:a:DATASET:x"}, {"urn": "lineal:a:DATASET:y"}
    batch: dict[str, Any] = {"entities": [dataset("x"), dataset("y")], "associations": [link(*ends)]}
    assert [each["path"][-1] for each in await recorded(store, recorder, **batch)] == ["source", "destination"]
    assert await recorded(store, A, **batch) == []


async def test_a_recorder_without_read_permission_sees_no_records(store: Store) -> None:
    writer = Principal("a", "bot", permissions=frozenset({Permission.RECORD, Permission.ASSOCIATE}))
    ends = {"urn": "lineal:a:DATASET:x"}, {"urn": "lineal:a:DATASET:y"}
    variables = {"entities": [dataset("x"), dataset("y")], "associations": [link(*ends)]}
    done = (await data(store, RECORD, {"i": variables}, writer))["lineageRecord"]
    assert done["userErrors"] == []
    assert done["entities"] == [{"isNew": True, "entity": None}] * 2
    assert done["associations"] == [{"isNew": True, "association": None}]
    assert await recorded(store, writer, entities=[dataset("x")]) == [
        {
            "code": "FORBIDDEN",
            "message": "lineal:a:DATASET:x is recorded already, and recording it again needs lineage:Read on it: "
            "ask an administrator of its account.",
            "path": ["input", "entities", "0"],
        }
    ]


async def test_hidden_keys_are_neither_returned_nor_named(store: Store) -> None:
    blind = Principal("a", "bot", permissions=frozenset({Permission.RECORD, Permission.READ}))
    one = {"key": "rows", "value": {"int": 1}}
    done = (await data(store, RECORD, {"i": {"entities": [dataset("x", properties=[one])]}}, blind))["lineageRecord"]
    assert done["entities"] == [
        {"isNew": True, "entity": {"urn": "lineal:a:DATASET:x", "digest": None, "properties": []}}
    ]
    other = dataset("x", description="other", properties=[{"key": "rows", "value": {"int": 2}}])
    sentence = (
        "lineal:a:DATASET:x is recorded with other content, and recorded content never changes. It differs in: %s. "
    )
    sentence += "Append a revision, or record a new version."
    for by, told in ((A, "description, properties.rows"), (blind, "description")):
        (error,) = await recorded(store, by, entities=[other])
        assert (error["code"], error["message"]) == ("IMMUTABLE_CONFLICT", sentence % told)
    (error,) = await recorded(store, blind, entities=[{**other, "description": None}])
    assert error["message"] == sentence % "content that you may not see"
    done = await revised(store, blind, entity={"urn": "lineal:a:DATASET:x"}, tags=["t"])
    assert (done["entity"], done["revision"], done["isNew"]) == (
        {"urn": "lineal:a:DATASET:x", "tags": ["t"]},
        None,
        True,
    )


async def test_conflicts_of_associations_do_not_name_hidden_keys(store: Store) -> None:
    blind = Principal("a", "bot", permissions=frozenset(Permission) - {Permission.READ_PROPERTIES})
    pair = link({"urn": urn_of("a", "d")}, {"urn": urn_of("a", "m")})
    first = {**pair, "properties": [{"key": "share", "value": {"float": 0.5}}]}
    assert await recorded(store, A, associations=[first]) == []
    for by, told in ((A, "properties.share"), (blind, "content that you may not see")):
        (error,) = await recorded(store, by, associations=[pair])
        assert f"It differs in: {told}." in error["message"]


async def test_revising_takes_the_permission_on_the_entity(store: Store) -> None:
    theirs = {"urn": urn_of("a", "d")}
    absent = await revised(store, B, entity={"urn": "lineal:c:DATASET:d"}, tags=["t"])
    hidden = await revised(store, B, entity=theirs, tags=["t"])
    assert str(hidden).replace(urn_of("a", "d"), "lineal:c:DATASET:d") == str(absent)
    assert [each["code"] for each in hidden["userErrors"]] == ["NOT_FOUND"]
    await share(store, "a", "b")
    before = await store.watermark()
    assert (await revised(store, B, entity=theirs, tags=["t"]))["userErrors"] == [
        {
            "code": "FORBIDDEN",
            "message": f"Revising {urn_of('a', 'd')} needs lineage:Record on it: ask an administrator of its account.",
            "path": ["input", "entity"],
        }
    ]
    assert await store.watermark() == before
    done = await revised(store, A, entity={"id": id_at("a", "d")}, tags=["t"])
    assert (done["entity"]["tags"], done["isNew"], done["revision"]) == (["t"], True, {"sequence": 1})


async def test_the_superseding_entity_must_be_readable(store: Store) -> None:
    for ref in ({"urn": urn_of("b", "d")}, {"id": id_at("b", "d")}):
        done = await revised(store, A, entity={"urn": urn_of("a", "d")}, supersededBy=ref)
        assert [(e["code"], e["path"]) for e in done["userErrors"]] == [("NOT_FOUND", ["input", "supersededBy"])]
    await share(store, "b", "a")
    done = await revised(store, A, entity={"urn": urn_of("a", "d")}, supersededBy={"urn": urn_of("b", "d")})
    assert done["userErrors"] == []


async def test_a_repeat_is_authorized_again(store: Store) -> None:
    variables = {"entities": [dataset("once")], "idempotencyKey": "k"}
    assert await recorded(store, A, **variables) == []
    assert await recorded(store, A, **variables) == []
    assert [e["code"] for e in await recorded(store, Principal("a", "mia", frozenset(), frozenset()), **variables)] == [
        "FORBIDDEN"
    ]


async def test_writes_are_logged_whether_allowed_or_not(store: Store) -> None:
    home, theirs = default_group("a"), {"urn": urn_of("a", "d")}
    await recorded(store, A, entities=[dataset("x")])
    (allowed, *_) = await logged(store, admin("a"), principal="a/mia", action="RECORD")
    assert allowed == {
        "principal": "a/mia",
        "action": "RECORD",
        "resourceKind": "GROUP",
        "resource": home,
        "isAllowed": True,
        "policies": [f"{home}/members"],
        "requestId": "r",
        "count": 1,
        "examples": [],
    }
    await recorded(store, B, entities=[dataset("x", account="a"), dataset("y", account="a")])
    for reader in (admin("a"), admin("b")):
        denied = await logged(store, reader, principal="b/mia", action="RECORD", isAllowed=False)
        assert [each["resource"] for each in denied] == ["lineal:a:DATASET:y", "lineal:a:DATASET:x"]
    await share(store, "a", "b", actions=["READ", "ASSOCIATE"])
    await recorded(store, B, associations=[link({"urn": urn_of("b", "m")}, theirs)])
    (shared, *_) = await logged(store, admin("a"), principal="b/mia", action="ASSOCIATE", isAllowed=True)
    assert (shared["resource"], len(shared["policies"])) == (home, 1)
    assert shared["policies"][0].startswith("share/")
    assert await logged(store, admin("a"), resource=default_group("b")) == []


async def test_a_refused_batch_is_not_logged_as_allowed(store: Store) -> None:
    before = len(await logged(store, admin("a"), isAllowed=True))
    assert await recorded(store, A, entities=[dataset("d", description="other")])
    assert await recorded(store, A, entities=[dataset("x"), dataset("y", account="b")])
    assert len(await logged(store, admin("a"), isAllowed=True)) == before
