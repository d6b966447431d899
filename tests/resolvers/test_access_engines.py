"""A scenario of two accounts, through GraphQL, on every engine."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from engines import GRAPH_SERVERS, emptied
from graphql_requests import access_service_of, answer_in, context_of, data
from tenants import admin, changed, codes, id_at, logged, member, populated, recorded, revised, sees, share, urn_of

from lineal.auth.access_store import AuditQuestion, audit_digest
from lineal.auth.principals import LOCAL
from lineal.auth.scopes import default_group
from lineal.graphstore.opening import open_store
from lineal.graphstore.store import Store
from lineal.resolvers.denied_read_audit import DeniedReadAudit

A, B = member("a"), member("b")


@pytest.fixture(params=["memory", "sqlite", *GRAPH_SERVERS])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    url = {"memory": "memory:", "sqlite": f"sqlite:///{tmp_path}/lineal.db"}.get(request.param)
    if url is None:
        url = request.getfixturevalue(request.param.replace("-", "_")).url
        await emptied(url)
    async with await open_store(url) as opened:
        await populated(opened, "a", "b")
        yield opened


def all_of(*accounts: str) -> set[str]:
    return {urn_of(account, name) for account in accounts for name in "djm"}


async def reached(store: Store) -> list[tuple[int | None, str]]:
    """What b's member reaches upwards from its model, with distances; what is masked by its type."""
    query = """{ entity(urn: "lineal:b:MODEL:m") { ascendants { totalCount completeness { visited withheld }
      edges { distance node { __typename urn } path { source { urn } destination { urn } } } } } }"""
    edges = (await data(store, query, by=B))["entity"]["ascendants"]["edges"]
    return [
        (each["distance"], each["node"]["urn"] if each["node"]["__typename"] != "Restricted" else "Restricted")
        for each in edges
    ]


async def test_two_accounts(store: Store) -> None:
    own = [(1, urn_of("b", "j")), (2, urn_of("b", "d"))]
    across = [(3, urn_of("a", "m")), (4, urn_of("a", "j")), (5, urn_of("a", "d"))]
    into = {"source": {"urn": urn_of("a", "m")}, "destination": {"urn": urn_of("b", "d")}, "type": "CONTRIBUTED_TO"}

    # Before anything is shared, a is not there for b.
    assert [each["code"] for each in await recorded(store, B, associations=[into])] == ["NOT_FOUND"]
    assert await recorded(store, LOCAL, associations=[into]) == []
    assert await sees(store, B) == all_of("b")
    assert await reached(store) == own

    # Shared, it is; recording into it, or revising it, is forbidden all the same.
    id = await share(store, "a", "b", redacted=["rows"])
    assert await sees(store, B) == all_of("a", "b")
    assert await reached(store) == own + across
    assert [e["code"] for e in await recorded(store, B, associations=[{**into, "role": "x"}])] == ["FORBIDDEN"]
    assert [
        e["code"] for e in (await revised(store, B, entity={"urn": urn_of("a", "d")}, tags=["t"]))["userErrors"]
    ] == ["FORBIDDEN"]
    hidden = '{ entity(urn: "lineal:a:DATASET:d") { digest properties { key } } propertyKeys(startsWith: "r") }'
    assert await data(store, hidden, by=B) == {"entity": {"digest": None, "properties": []}, "propertyKeys": ["rows"]}

    # A group with a policy that forbids takes one entity out again.
    created = await changed(
        store, admin("a"), "lineageGroupCreate", name="secret", addEntities=[{"id": id_at("a", "j")}]
    )
    group = created["group"]
    assert group["entities"] == {"nodes": [{"urn": urn_of("a", "j")}]}
    policy = '@id("b") forbid (principal in Lineal::Account::"b", action, resource);'
    assert await codes(store, admin("a"), "lineageGroupPolicySet", id=group["id"], policy=policy) == []
    assert await sees(store, B) == all_of("a", "b") - {urn_of("a", "j")}
    assert await reached(store) == own + across[:1]
    query = '{ entity(urn: "lineal:a:TRAINING_JOB:j") { lineageGroups { name } } }'
    assert (await data(store, query, by=A))["entity"] == {"lineageGroups": [{"name": "default"}, {"name": "secret"}]}

    # Its owner may let it be known that something is there, and crossed.
    assert await codes(store, admin("a"), "lineageGroupChange", id=group["id"], boundary="MASK") == []
    assert await reached(store) == [*own, *across[:1], (4, "Restricted"), (None, urn_of("a", "d"))]
    assert (
        await codes(store, admin("a"), "lineageGroupChange", id=group["id"], removeEntities=[{"id": id_at("a", "j")}])
        == []
    )
    assert await reached(store) == own + across

    # Revoked, all of it is gone.
    assert await codes(store, admin("a"), "resourceShareRevoke", id=id) == []
    assert await sees(store, B) == all_of("b")
    assert await reached(store) == own


async def test_the_log_and_keys(store: Store) -> None:
    denied_reads, context = DeniedReadAudit(store, access_service_of(store).denials), await context_of(store, B)
    assert (await answer_in(context, f'{{ node(id: "{id_at("a", "d")}") {{ id }} }}')).data == {"node": None}
    await denied_reads.note(context)
    await denied_reads.finish()
    (denied,) = await logged(store, admin("a"), action="READ", isAllowed=False)
    assert (denied["principal"], denied["resource"]) == ("b/mia", urn_of("a", "d"))
    await recorded(store, B, entities=[{"account": "a", "kind": "DATASET", "name": "x"}])
    # Without this the timer would write the denial after the write that follows.
    await access_service_of(store).denials.write()
    await recorded(store, A, entities=[{"kind": "DATASET", "name": "x"}])
    audit_records = await logged(store, admin("a"), action="RECORD")
    assert [(each["principal"], each["resource"], each["isAllowed"]) for each in audit_records[:2]] == [
        ("a/mia", default_group("a"), True),
        ("b/mia", "lineal:a:DATASET:x", False),
    ]
    assert {each["principal"] for each in await logged(store, admin("b"))} == {"b/mia"}
    records = (await store.audit_log(AuditQuestion(None, first=100))).items
    previous = ""
    for record in reversed(records):
        assert record.digest == audit_digest(record.sequence, record.at, record.entry, previous)
        previous = record.digest
    created: Any = await changed(store, admin("a"), "apiKeyCreate", name="ci", idempotencyKey="once")
    again = await changed(store, admin("a"), "apiKeyCreate", name="ci", idempotencyKey="once")
    assert again["key"] == created["key"]
    await store.key_used(created["key"]["id"], 1_600_000_000_000_000)
    ask = "{ apiKeys { nodes { name lastUsedAt } } }"
    assert (await data(store, ask, by=admin("a")))["apiKeys"]["nodes"] == [
        {"name": "ci", "lastUsedAt": "2020-09-13T12:26:40.000000Z"}
    ]
