"""Registering model versions and deciding on them: numbers, histories, who may, and what is refused."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from counting_store import CountingStore
from graphql_requests import answer, answer_in, context_of, data
from record_builders import DAY, EPOCH
from registry_requests import refusals, registered, reviewed
from tenants import admin, changed, codes, member, recorded, revised, share, tenants, urn_of

from lineal.auth.permissions import Permission
from lineal.auth.principals import LOCAL, Principal
from lineal.graphstore.errors import BatchRefused, Problem, ProblemCode, Unavailable
from lineal.graphstore.store import Store
from lineal.graphstore.urns import entity_id
from lineal.graphstore.values import format_timestamp
from lineal.resolvers.model_registration import MOST_TRIES

A, ADA, B = member("a"), admin("a"), member("b")
MODEL = {"urn": urn_of("a", "m")}
GROUP: dict[str, Any] = {"group": {"name": "churn"}, "model": MODEL}
BARELY = "mutation ($i: ModelVersionRegisterInput!) { modelVersionRegister(input: $i) { isNew } }"


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    opened = await tenants("a", "b")
    yield opened
    await opened.close()


def version(number: int, account: str = "a", name: str = "churn") -> str:
    return f"lineal:{account}:MODEL_VERSION:{name}@{number}"


async def group_of(store: Store, by: Principal = A, urn: str = "lineal:a:MODEL_GROUP:churn") -> Any:
    query = """query ($u: String!) { entity(urn: $u) { ... on ModelGroup { latestApproved { number }
      versions { totalCount nodes { number version approval { decision by at reason } } } } } }"""
    return (await data(store, query, {"u": urn}, by))["entity"]


async def numbers(store: Store, by: Principal = A) -> list[int]:
    return [each["number"] for each in (await group_of(store, by))["versions"]["nodes"]]


async def test_the_first_registration_makes_the_group_and_the_next_are_numbered_on(store: Store) -> None:
    tagged = {"description": "of march", "tags": ["t"], "properties": [{"key": "auc", "value": {"float": 0.5}}]}
    first = await registered(store, A, **GROUP, **tagged, occurredAt="2026-03-03T12:00:00Z")
    assert (first["isNew"], first["userErrors"]) == (True, [])
    created = first["modelVersion"]
    assert (created["urn"], created["number"], created["version"]) == (version(1), 1, "1")
    assert (created["description"], created["tags"]) == ("of march", ["t"])
    assert [each["key"] for each in created["properties"]] == ["auc", "registration"]
    assert (created["group"], created["model"]) == ({"urn": "lineal:a:MODEL_GROUP:churn"}, MODEL)
    assert created["occurredAt"] == "2026-03-03T12:00:00.000000Z"
    for number in range(2, 13):
        assert (await registered(store, A, **GROUP))["modelVersion"]["number"] == number
    assert await numbers(store) == list(range(12, 0, -1)), "by number, not by text"
    by_id = {"group": {"id": entity_id("lineal:a:MODEL_GROUP:churn")}, "model": {"id": entity_id(MODEL["urn"])}}
    assert (await registered(store, A, **by_id))["modelVersion"]["number"] == 13
    by_urn = {**GROUP, "group": {"urn": "lineal:a:MODEL_GROUP:churn"}}
    assert (await registered(store, A, **by_urn))["modelVersion"]["number"] == 14
    query = '{ entity(urn: "lineal:a:MODEL:m") { ... on Model { groups { totalCount nodes { name } } } } }'
    assert (await data(store, query, by=A))["entity"] == {"groups": {"totalCount": 1, "nodes": [{"name": "churn"}]}}
    lineage = """query ($u: String!) { entity(urn: $u) { ... on ModelVersion { number
      ascendants { nodes { urn } } } } }"""
    response = await data(store, lineage, {"u": version(1)}, A)
    urns = {node["urn"] for node in response["entity"]["ascendants"]["nodes"]}
    assert urns == {"lineal:a:MODEL_GROUP:churn", *(urn_of("a", name) for name in "djm")}


async def test_a_group_lists_its_model_versions_as_versions(store: Store) -> None:
    for _ in range(2):
        await registered(store, A, **GROUP)
    query = """{ modelGroups { nodes { versions { nodes { number } } } }
      group: entity(urn: "lineal:a:MODEL_GROUP:churn") { versions(first: 1) { __typename totalCount
        pageInfo { hasNextPage } edges { __typename cursor node { urn } } nodes { ... on ModelVersion { number } } } }
      dataset: entity(urn: "lineal:a:DATASET:d") { versions { __typename edges { __typename } nodes { name } } } }"""
    response = await data(store, query, by=A)
    assert response["modelGroups"] == {"nodes": [{"versions": {"nodes": [{"number": 2}, {"number": 1}]}}]}
    assert response["group"]["versions"]["edges"][0].pop("cursor")
    assert response["group"]["versions"] == {
        "__typename": "ModelVersionConnection",
        "totalCount": 2,
        "pageInfo": {"hasNextPage": True},
        "edges": [{"__typename": "ModelVersionEdge", "node": {"urn": version(2)}}],
        "nodes": [{"number": 2}],
    }
    assert response["dataset"]["versions"] == {
        "__typename": "EntityConnection",
        "edges": [{"__typename": "EntityEdge"}],
        "nodes": [{"name": "d"}],
    }


async def test_an_existing_group_is_unchanged(store: Store) -> None:
    group = {"kind": "MODEL_GROUP", "name": "churn", "description": "who leaves"}
    assert await recorded(store, A, entities=[group]) == []
    assert (await registered(store, A, **GROUP))["modelVersion"]["group"] == {"urn": "lineal:a:MODEL_GROUP:churn"}
    with_version = {"kind": "MODEL_GROUP", "name": "churn", "version": "eu"}
    assert await recorded(store, A, entities=[with_version]) == []
    other = await registered(store, A, group={"urn": "lineal:a:MODEL_GROUP:churn@eu"}, model=MODEL)
    assert other["modelVersion"]["number"] == 2, "the name is another group's, too"
    assert other["modelVersion"]["group"] == {"urn": "lineal:a:MODEL_GROUP:churn@eu"}


@pytest.mark.parametrize(
    ("given", "errors"),
    [
        ({"group": {"name": ""}}, [("INVALID_VALUE", ["input", "group"])]),
        ({"group": {"name": "x" * 4097}}, [("TOO_LARGE", ["input", "group"])]),
        ({"group": {"urn": "lineal:a:MODEL_GROUP:no"}}, [("NOT_FOUND", ["input", "group"])]),
        ({"group": {"id": "no"}}, [("NOT_FOUND", ["input", "group"])]),
        ({"group": MODEL}, [("INVALID_VALUE", ["input", "group"])]),
        ({"model": {"urn": "lineal:a:MODEL:no"}}, [("NOT_FOUND", ["input", "model"])]),
        ({"model": {"id": "no"}}, [("NOT_FOUND", ["input", "model"])]),
        ({"model": {"urn": urn_of("a", "d")}}, [("INVALID_VALUE", ["input", "model"])]),
        ({"tags": [""]}, [("INVALID_VALUE", ["input", "tags", "0"])]),
        ({"description": "x" * 2**21}, [("TOO_LARGE", ["input", "description"])]),
        ({"properties": [{"key": "registration", "value": {"int": 1}}]},
         [("INVALID_VALUE", ["input", "properties", "0", "key"])]),
        ({"properties": [{"key": "", "value": {"int": 1}}]},
         [("INVALID_VALUE", ["input", "properties", "0", "key"])]),
        ({"properties": [{"key": f"k{n}", "value": {"string": "x" * 2**20}} for n in range(9)]},
         [("TOO_LARGE", ["input"])]),
    ],
)  # fmt: skip
async def test_invalid_registrations(store: Store, given: dict[str, Any], errors: list[Any]) -> None:
    before = await store.watermark()
    assert refusals(await registered(store, A, **{**GROUP, **given})) == errors
    assert await store.watermark() == before


async def test_refusals_say_what_to_do(store: Store) -> None:
    for given, sentence in (
        ({"model": {"urn": urn_of("a", "d")}}, f"{urn_of('a', 'd')} is of kind DATASET: give one of kind MODEL."),
        ({"model": {"id": "no"}}, "No entity has the id 'no': record it first."),
        (
            {"properties": [{"key": "registration", "value": {"int": 1}}]},
            "The property key registration is reserved: use another key.",
        ),
    ):
        (error,) = (await registered(store, A, **{**GROUP, **given}))["userErrors"]
        assert error["message"] == sentence
    for group in ({}, {"name": "x", "id": "y"}, {"name": None}):
        done = await answer(store, BARELY, {"i": {**GROUP, "group": group}}, A)
        assert "ModelGroupRef" in str(done.errors) or "must be non-null" in str(done.errors)


async def test_a_repeat_under_an_idempotency_key_registers_nothing(store: Store) -> None:
    once = await registered(store, A, **GROUP, idempotencyKey="k")
    assert (await registered(store, A, **GROUP))["modelVersion"]["number"] == 2
    assert await registered(store, A, **GROUP, idempotencyKey="k") == once
    assert (await registered(store, Principal("a", "other"), **GROUP, idempotencyKey="k"))["modelVersion"][
        "number"
    ] == 3
    assert await registered(store, A, **GROUP, idempotencyKey="k") == once
    other = await registered(store, A, **GROUP, description="x", idempotencyKey="k")
    assert refusals(other) == [("IDEMPOTENCY_MISMATCH", ["input", "idempotencyKey"])]
    many = await asyncio.gather(*(registered(store, A, **GROUP, idempotencyKey="z") for _ in range(8)))
    assert {each["modelVersion"]["number"] for each in many} == {4}
    assert await numbers(store) == [4, 3, 2, 1]
    blank = await answer(store, BARELY, {"i": {**GROUP, "idempotencyKey": ""}}, A)
    assert "idempotencyKey must be" in str(blank.errors)


async def test_two_hundred_concurrent_registrations_get_distinct_numbers(store: Store) -> None:
    done = await asyncio.gather(*(registered(store, A, **GROUP) for _ in range(200)))
    assert sorted(each["modelVersion"]["number"] for each in done) == list(range(1, 201))


async def test_a_number_taken_by_another_process_is_skipped(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever else records between the look and the record, as another server may."""
    record, lost = store.record, iter([1, 2])

    async def raced(batch: Any, **named: Any) -> Any:
        number = next(lost, None)
        if number is not None:
            monkeypatch.setattr(store, "record", record)
            others = [{"kind": "MODEL_VERSION", "name": "churn", "version": f"{number}"}]
            others += [{"kind": "MODEL_GROUP", "name": "churn", "description": "theirs"}] if number == 1 else []
            assert await recorded(store, A, entities=others) == []
            monkeypatch.setattr(store, "record", raced)
        return await record(batch, **named)

    monkeypatch.setattr(store, "record", raced)
    done = await registered(store, A, **GROUP)
    assert done["modelVersion"]["number"] == 3
    monkeypatch.setattr(store, "record", record)
    assert (await registered(store, A, **GROUP))["modelVersion"]["number"] == 4


async def test_registration_ends_when_no_number_is_free(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    async def refused(batch: Any, **named: Any) -> Any:
        tries.append(batch)
        raise BatchRefused((Problem(ProblemCode.IMMUTABLE_CONFLICT, "taken", ("entities", 0)),))

    monkeypatch.setattr(store, "record", refused)
    done = await answer(store, BARELY, {"i": GROUP}, A)
    assert "and nothing was written: send it again" in str(done.errors)
    assert len(tries) == MOST_TRIES


async def test_a_failing_store_fails_every_waiting_registration(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    async def gone(batch: Any, **named: Any) -> Any:
        tries.append(batch)
        await asyncio.sleep(0.05)
        raise Unavailable("gone")

    record = store.record
    monkeypatch.setattr(store, "record", gone)
    contexts = [await context_of(store, A) for _ in range(20)]
    done = await asyncio.gather(*(answer_in(context, BARELY, {"i": GROUP}) for context in contexts))
    assert all(isinstance(each.errors[0].original_error, Unavailable) for each in done)
    assert len(tries) == 1
    monkeypatch.setattr(store, "record", record)
    assert (await registered(store, A, **GROUP))["modelVersion"]["number"] == 1


@pytest.mark.parametrize(
    ("by_hand", "following"),
    [
        (["3", "4"], 5),
        (["1", "2", "65"], 3),
        (["128"], 129),
        (["5000"], 1),
        (["4096", "4097"], 4098),
        (["one", "01", "0"], 1),
    ],
)
async def test_numbers_recorded_by_hand_are_never_reused(store: Store, by_hand: list[str], following: int) -> None:
    inputs = [{"kind": "MODEL_VERSION", "name": "churn", "version": each} for each in by_hand]
    assert await recorded(store, A, entities=inputs) == []
    numbers = [(await registered(store, A, **GROUP))["modelVersion"]["number"] for _ in range(4)]
    assert numbers[0] == following
    assert sorted(set(numbers)) == numbers
    assert not set(map(str, numbers)) & set(by_hand)


async def test_versions_that_may_not_be_seen_take_numbers(store: Store) -> None:
    for _ in range(3):
        await registered(store, A, **GROUP)
    created = await changed(
        store,
        ADA,
        "lineageGroupCreate",
        name="secret",
        addEntities=[{"id": entity_id(version(2))}, {"id": entity_id(version(3))}],
    )
    policy = '@id("no") forbid (principal == Lineal::Principal::"a/mia", action == Lineal::Action::"Read", resource);'
    assert await codes(store, ADA, "lineageGroupPolicySet", id=created["group"]["id"], policy=policy) == []
    assert await numbers(store) == [1]
    assert (await registered(store, A, **GROUP))["modelVersion"]["number"] == 4
    assert await numbers(store) == [4, 1]
    assert await numbers(store, ADA) == [4, 3, 2, 1]


async def test_registration_needs_its_permission(store: Store) -> None:
    """RECORD in the group's account; ASSOCIATE on the group and the model."""
    everything = frozenset(Permission)
    for lacking in (Permission.RECORD, Permission.ASSOCIATE):
        done = await registered(store, Principal("a", "ada", frozenset({"admin"}), everything - {lacking}), **GROUP)
        assert {code for code, _ in refusals(done)} == {"FORBIDDEN"}
        assert lacking.shown in done["userErrors"][0]["message"]
    assert (await registered(store, A, **GROUP))["isNew"]

    theirs = {"group": {"urn": "lineal:a:MODEL_GROUP:churn"}, "model": {"urn": urn_of("b", "m")}}
    assert refusals(await registered(store, B, **theirs)) == [("NOT_FOUND", ["input", "group"])]
    hidden = {**GROUP, "group": {"name": "mine"}}
    assert refusals(await registered(store, B, **hidden)) == [("NOT_FOUND", ["input", "model"])]
    await share(store, "a", "b")
    forbidden = await registered(store, B, **theirs)
    assert refusals(forbidden) == [
        ("FORBIDDEN", ["input"]),
        ("FORBIDDEN", ["input", "group"]),
        ("FORBIDDEN", ["input"]),
    ]
    assert forbidden["userErrors"][0]["message"].startswith("Recording in the account a needs lineage:Record on it")
    assert refusals(await registered(store, B, **hidden)) == [("FORBIDDEN", ["input", "model"])]
    await share(store, "a", "b", actions=["ASSOCIATE"], kinds=["MODEL"])
    done = await registered(store, B, **hidden)
    assert (done["modelVersion"]["urn"], done["modelVersion"]["model"]) == (version(1, "b", "mine"), MODEL)
    assert (await registered(store, LOCAL, **theirs))["modelVersion"]["urn"] == version(2)


async def test_registering_into_a_hidden_group_is_refused(store: Store) -> None:
    await registered(store, A, **GROUP)
    group = "lineal:a:MODEL_GROUP:churn"
    created = await changed(store, ADA, "lineageGroupCreate", name="secret", addEntities=[{"id": entity_id(group)}])
    policy = '@id("no") forbid (principal == Lineal::Principal::"a/mia", action == Lineal::Action::"Read", resource);'
    assert await codes(store, ADA, "lineageGroupPolicySet", id=created["group"]["id"], policy=policy) == []
    done = await registered(store, A, **GROUP)
    assert refusals(done) == [("FORBIDDEN", ["input", "group"])]
    assert done["userErrors"][0]["message"].startswith(
        f"{group} is recorded already, and recording it again needs lineage:Read"
    )
    assert refusals(await registered(store, A, **{**GROUP, "group": {"urn": group}})) == [
        ("NOT_FOUND", ["input", "group"])
    ]


async def test_a_decision_is_recorded_and_the_latest_counts(store: Store) -> None:
    for _ in range(3):
        await registered(store, A, **GROUP)
    assert await group_of(store) == {
        "latestApproved": None,
        "versions": {"totalCount": 3, "nodes": [
            {"number": n, "version": f"{n}", "approval": None} for n in (3, 2, 1)]},
    }  # fmt: skip
    done = await reviewed(store, ADA, version(1), "APPROVED", reason="good enough")
    assert (done["isNew"], done["userErrors"]) == (True, [])
    assert done["approval"].pop("urn").startswith("lineal:a:APPROVAL:churn@")
    assert done["approval"].pop("at") > "2020"
    assert done["approval"] == {
        "account": "a",
        "decision": "APPROVED",
        "reason": "good enough",
        "by": "a/ada",
        "modelVersion": {"urn": version(1), "approval": {"decision": "APPROVED"}},
    }
    assert (await group_of(store))["latestApproved"] == {"number": 1}
    await reviewed(store, ADA, version(3), "APPROVED")
    assert (await group_of(store))["latestApproved"] == {"number": 3}
    await reviewed(store, ADA, version(3), "REJECTED", reason="biased")
    assert (await group_of(store))["latestApproved"] == {"number": 1}
    await reviewed(store, ADA, version(1), "PENDING")
    assert (await group_of(store))["latestApproved"] is None
    query = """query ($u: String!) { entity(urn: $u) { ... on ModelVersion {
      approvals { totalCount nodes { decision reason by } } } } }"""
    response = await data(store, query, {"u": version(3)}, A)
    assert response["entity"]["approvals"] == {
        "totalCount": 2,
        "nodes": [
            {"decision": "REJECTED", "reason": "biased", "by": "a/ada"},
            {"decision": "APPROVED", "reason": None, "by": "a/ada"},
        ],
    }


async def test_one_document_registers_and_decides(store: Store) -> None:
    document = """mutation ($m: String!) {
      one: modelVersionRegister(input: {group: {name: "churn"}, model: {urn: $m}}) { modelVersion { number } }
      two: modelVersionRegister(input: {group: {urn: "lineal:a:MODEL_GROUP:churn"}, model: {urn: $m}}) {
        modelVersion { number approval { decision } } }
      three: modelVersionReview(input: {version: {urn: "lineal:a:MODEL_VERSION:churn@2"}, decision: APPROVED}) {
        approval { modelVersion { number approval { decision } group { latestApproved { number } } } }
        userErrors { message } } }"""
    done = await data(store, document, {"m": MODEL["urn"]}, ADA)
    assert done == {
        "one": {"modelVersion": {"number": 1}},
        "two": {"modelVersion": {"number": 2, "approval": None}},
        "three": {
            "approval": {
                "modelVersion": {
                    "number": 2,
                    "approval": {"decision": "APPROVED"},
                    "group": {"latestApproved": {"number": 2}},
                }
            },
            "userErrors": [],
        },
    }


async def test_the_latest_is_by_when_it_was_decided_then_when_recorded(store: Store) -> None:
    await registered(store, A, **GROUP, occurredAt="2020-01-01T00:00:00Z")
    for decision, when in (
        ("APPROVED", "2024-03-01T00:00:00Z"),
        ("REJECTED", "2023-01-01T00:00:00Z"),
    ):
        assert (await reviewed(store, ADA, version(1), decision, occurredAt=when))["isNew"]
    assert (await group_of(store))["latestApproved"] == {"number": 1}
    await reviewed(store, ADA, version(1), "REJECTED", occurredAt="2024-03-01T00:00:00Z")
    assert (await group_of(store))["latestApproved"] is None, "recorded later"


async def test_as_of_any_time_in_both(store: Store) -> None:
    moments = {}
    await registered(store, A, **GROUP, occurredAt="2020-09-14T00:00:00Z")
    moments["one"] = await store.watermark()
    await reviewed(store, ADA, version(1), "APPROVED", occurredAt="2020-09-15T00:00:00Z")
    moments["approved"] = await store.watermark()
    await registered(store, A, **GROUP, occurredAt="2020-09-16T00:00:00Z")
    await reviewed(store, ADA, version(2), "APPROVED", occurredAt="2020-09-17T00:00:00Z")
    moments["two"] = await store.watermark()
    await reviewed(store, ADA, version(2), "REJECTED", occurredAt="2020-09-18T00:00:00Z")
    moments["rejected"] = await store.watermark()

    async def latest(recorded_at: int | None, occurred_at: int | None = None) -> Any:
        query = """query ($at: AsOf) { entity(urn: "lineal:a:MODEL_GROUP:churn", asOf: $at) { ... on ModelGroup {
          versions { totalCount nodes { approvals { totalCount } } } latestApproved { version } } } }"""
        times = {"recordedAt": recorded_at, "occurredAt": occurred_at}
        at = {name: None if time is None else format_timestamp(time) for name, time in times.items()}
        group = (await data(store, query, {"at": at}, A))["entity"]
        decided = sum(each["approvals"]["totalCount"] for each in group["versions"]["nodes"])
        approved = group["latestApproved"]
        return group["versions"]["totalCount"], decided, None if approved is None else approved["version"]

    recorded_then = [await latest(moments[name]) for name in ("one", "approved", "two", "rejected")]
    assert recorded_then == [(1, 0, None), (1, 1, "1"), (2, 2, "2"), (2, 3, "1")]
    occurred_then = [await latest(None, EPOCH + days * DAY) for days in (1, 2, 3, 4, 5)]
    assert occurred_then == [(1, 0, None), (1, 1, "1"), (2, 1, "1"), (2, 2, "2"), (2, 3, "1")]
    assert await latest(moments["two"], EPOCH + 5 * DAY) == (2, 2, "2"), "both at once"


@pytest.mark.parametrize(
    ("given", "errors"),
    [
        ({"version": {"urn": version(9)}}, [("NOT_FOUND", ["input", "version"])]),
        ({"version": {"id": "no"}}, [("NOT_FOUND", ["input", "version"])]),
        ({"version": MODEL}, [("INVALID_VALUE", ["input", "version"])]),
        ({"reason": "x" * 2**21}, [("TOO_LARGE", ["input", "reason"])]),
        ({"reason": "\x00"}, [("INVALID_VALUE", ["input", "reason"])]),
    ],
)
async def test_invalid_decisions(store: Store, given: dict[str, Any], errors: list[Any]) -> None:
    await registered(store, A, **GROUP)
    before = await store.watermark()
    assert refusals(await reviewed(store, ADA, version(1), "APPROVED", **given)) == errors
    assert await store.watermark() == before


async def test_a_repeated_decision_under_a_key_is_one(store: Store) -> None:
    await registered(store, A, **GROUP)
    once = await reviewed(store, ADA, version(1), "APPROVED", idempotencyKey="k")
    assert await reviewed(store, ADA, version(1), "APPROVED", idempotencyKey="k") == once
    assert refusals(await reviewed(store, ADA, version(1), "REJECTED", idempotencyKey="k")) == [
        ("IDEMPOTENCY_MISMATCH", ["input", "idempotencyKey"])
    ]
    again = await reviewed(store, ADA, version(1), "APPROVED")
    assert again["approval"]["urn"] != once["approval"]["urn"], "without a key each is a decision of its own"


async def test_a_decision_needs_its_permission(store: Store) -> None:
    """APPROVE on the version, RECORD in its account, and no ASSOCIATE."""
    await registered(store, A, **GROUP)
    assert refusals(await reviewed(store, A, version(1), "APPROVED")) == [("FORBIDDEN", ["input", "version"])]
    (error,) = (await reviewed(store, A, version(1), "APPROVED"))["userErrors"]
    assert error["message"] == (
        f"Deciding on {version(1)} needs lineage:Approve on it: ask an administrator of its account."
    )
    reader = {Permission.READ, Permission.READ_PROPERTIES, Permission.TRAVERSE}
    needed = reader | {Permission.APPROVE, Permission.RECORD}
    reviewer = Principal("a", "rev", frozenset({"admin"}), frozenset(needed))
    assert (await reviewed(store, reviewer, version(1), "APPROVED"))["approval"]["by"] == "a/rev"
    for lacking, where in ((Permission.RECORD, ["input"]), (Permission.APPROVE, ["input", "version"])):
        limited = Principal("a", "rev", frozenset({"admin"}), frozenset(needed - {lacking}))
        assert refusals(await reviewed(store, limited, version(1), "REJECTED")) == [("FORBIDDEN", where)]
    unread = Principal("a", "rev", frozenset({"admin"}), frozenset({Permission.APPROVE, Permission.RECORD}))
    assert refusals(await reviewed(store, unread, version(1), "REJECTED")) == [("NOT_FOUND", ["input", "version"])]

    assert refusals(await reviewed(store, admin("b"), version(1), "REJECTED")) == [("NOT_FOUND", ["input", "version"])]
    await share(store, "a", "b", actions=["READ", "READ_PROPERTIES", "TRAVERSE", "APPROVE"])
    assert refusals(await reviewed(store, admin("b"), version(1), "REJECTED")) == [("FORBIDDEN", ["input"])]
    assert (await group_of(store))["latestApproved"] == {"number": 1}


async def test_decisions_recorded_by_other_mutations_need_the_permission(store: Store) -> None:
    await registered(store, A, **GROUP)
    done = await reviewed(store, ADA, version(1), "REJECTED")
    approval = {"urn": done["approval"]["urn"]}
    forged = {"kind": "APPROVAL", "name": "mine", "properties": [{"key": "decision", "value": {"string": "APPROVED"}}]}
    tie = {"source": {"urn": version(1)}, "destination": {"urn": "lineal:a:APPROVAL:mine"}, "type": "ASSOCIATED_WITH"}
    variables: dict[str, Any] = {"entities": [forged], "associations": [tie]}
    errors = await recorded(store, A, **variables)
    assert [(each["code"], each["path"]) for each in errors] == [
        ("FORBIDDEN", ["input", "associations", "0", "source"])
    ]
    assert await recorded(store, A, entities=[forged]) == []
    assert await recorded(store, A, associations=[tie]) != []
    turned = {"properties": [{"key": "k", "value": {"int": 1}}, {"key": "decision", "value": {"string": "APPROVED"}}]}
    for by in (A, ADA):
        errors = (await revised(store, by, entity=approval, **turned, removed=["reason"]))["userErrors"]
        assert [(each["code"], each["path"]) for each in errors] == [
            ("INVALID_VALUE", ["input", "properties", "1", "key"]),
            ("INVALID_VALUE", ["input", "removed", "0"]),
        ]
        assert errors[0]["message"] == f"{approval['urn']} is a decision, whose decision is not revised: decide again."
    hidden = (await revised(store, B, entity=approval, **turned))["userErrors"]
    assert [(each["code"], each["path"]) for each in hidden] == [("NOT_FOUND", ["input", "entity"])]
    assert (await revised(store, A, entity=approval, tags=["t"]))["userErrors"] == []
    assert (await revised(store, A, entity=MODEL, **turned))["userErrors"] == []
    assert (await group_of(store))["latestApproved"] is None
    assert await recorded(store, ADA, associations=[tie]) == []
    assert (await group_of(store))["latestApproved"] == {"number": 1}


async def test_hidden_decisions_do_not_count(store: Store) -> None:
    await registered(store, A, **GROUP)
    await reviewed(store, ADA, version(1), "APPROVED", reason="fine")
    blind = Principal("a", "eve", permissions=frozenset({Permission.READ, Permission.TRAVERSE}))
    seen = await group_of(store, blind)
    assert seen["latestApproved"] is None, "the decision is a property it may not see"
    assert seen["versions"]["nodes"][0]["approval"].items() >= {"decision": None, "reason": None, "by": "a/ada"}.items()
    stuck = Principal("a", "eve", permissions=frozenset({Permission.READ, Permission.READ_PROPERTIES}))
    assert await group_of(store, stuck) == {"latestApproved": None, "versions": {"totalCount": 0, "nodes": []}}
    assert (await group_of(store))["latestApproved"] == {"number": 1}


async def test_approvals_with_an_unknown_decision_approve_nothing(store: Store) -> None:
    await registered(store, A, **GROUP)
    await reviewed(store, ADA, version(1), "APPROVED")
    odd = {"kind": "APPROVAL", "name": "odd", "properties": [{"key": "decision", "value": {"string": "MAYBE"}}]}
    tie = {"source": {"urn": version(1)}, "destination": {"urn": "lineal:a:APPROVAL:odd"}, "type": "ASSOCIATED_WITH"}
    assert await recorded(store, ADA, entities=[odd], associations=[tie]) == []
    response = await group_of(store)
    assert response["versions"]["nodes"][0]["approval"]["decision"] is None
    assert response["latestApproved"] is None


async def test_pages_of_versions_and_decisions_are_of_one_moment(store: Store) -> None:
    for _ in range(5):
        await registered(store, A, **GROUP)
    by_hand = [{"kind": "MODEL_VERSION", "name": name, "version": "x"} for name in ("p", "q")]
    ties = [
        {
            "source": {"urn": "lineal:a:MODEL_GROUP:churn"},
            "destination": {"urn": f"lineal:a:MODEL_VERSION:{name}@x"},
            "type": "ASSOCIATED_WITH",
        }
        for name in ("p", "q")
    ]
    assert await recorded(store, A, entities=by_hand, associations=ties) == []
    for decision in ("APPROVED", "REJECTED", "APPROVED"):
        await reviewed(store, ADA, version(5), decision)
    query = """query ($u: String!, $n: Int!, $after: String) { entity(urn: $u) {
      ... on ModelGroup { page: versions(first: $n, after: $after) { totalCount countsByKind { count }
        pageInfo { hasNextPage endCursor } nodes { urn } } }
      ... on ModelVersion { page: approvals(first: $n, after: $after) { totalCount countsByKind { count }
        pageInfo { hasNextPage endCursor } nodes { urn decision } } } } }"""
    for urn in (version(5), "lineal:a:MODEL_GROUP:churn"):
        whole = (await data(store, query, {"u": urn, "n": 100}, A))["entity"]["page"]
        total = len(whole["nodes"])
        assert total >= 3
        found, after = [], None
        for _ in range(10):
            page = (await data(store, query, {"u": urn, "n": 2, "after": after}, A))["entity"]["page"]
            found += page["nodes"]
            assert (page["totalCount"], page["countsByKind"]) == (total, [{"count": total}])
            after = page["pageInfo"]["endCursor"]
            await registered(store, A, **GROUP)
            await reviewed(store, ADA, version(5), "PENDING")
            if not page["pageInfo"]["hasNextPage"]:
                break
        assert found == whole["nodes"]
        stolen = await answer(store, query, {"u": urn, "n": 2, "after": after}, ADA)
        assert "after is not a cursor of this field" in str(stolen.errors)
    for size in (0, 101):
        refused = await answer(store, query, {"u": version(5), "n": size}, A)
        assert f"first is {size}" in str(refused.errors)


@pytest.mark.parametrize("groups", [1, 5])
async def test_round_trips_are_as_many_whatever_the_width(store: Store, groups: int) -> None:
    for index in range(groups):
        name = f"g{index}"
        for _ in range(3):
            await registered(store, A, **{**GROUP, "group": {"name": name}})
        await reviewed(store, ADA, version(1, name=name), "APPROVED")
    query = """{ modelGroups { nodes { versions { nodes { number model { urn } group { urn } approval { decision by }
      approvals { nodes { decision modelVersion { number } } } } } latestApproved { number } } } }"""
    counting = CountingStore(store)
    response = await data(counting, query, by=A)
    assert [each["latestApproved"] for each in response["modelGroups"]["nodes"]] == [{"number": 1}] * groups
    assert counting.calls == Counter(newest=1, secret=1, find=1, reach=3), (
        "versions; decisions, models and groups; theirs"
    )


async def test_older_versions_are_read_if_the_newest_are_not_approved(store: Store) -> None:
    for _ in range(25):
        await registered(store, A, **GROUP)
    await reviewed(store, ADA, version(2), "APPROVED")
    counting = CountingStore(store)
    query = '{ entity(urn: "lineal:a:MODEL_GROUP:churn") { ... on ModelGroup { latestApproved { number } } } }'
    assert (await data(counting, query, by=A))["entity"] == {"latestApproved": {"number": 2}}
    assert counting.calls == Counter(newest=1, secret=1, entities=1, reach=3)


async def test_writing_takes_few_round_trips(store: Store) -> None:
    await registered(store, A, **GROUP)
    for given, more in (({}, Counter()), ({"idempotencyKey": "k"}, Counter(find=1))):
        counting = CountingStore(store)
        await data(counting, BARELY, {"i": {**GROUP, **given}}, A)
        assert counting.calls == Counter(newest=1, secret=1, entity_groups=1, record=1) + more
    counting = CountingStore(store)
    document = "mutation ($i: ModelVersionReviewInput!) { modelVersionReview(input: $i) { isNew } }"
    await data(counting, document, {"i": {"version": {"urn": version(1)}, "decision": "APPROVED"}}, ADA)
    assert counting.calls == Counter(newest=1, secret=1, entities=1, entity_groups=1, record=1)
