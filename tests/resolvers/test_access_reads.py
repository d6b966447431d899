"""Hidden entities: absent, or as visible as their owner chose."""

from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from counting_store import CountingStore
from graphql_requests import access_service_of, answer, answer_in, context_of, data
from tenants import admin, chain, changed, codes, id_at, logged, member, recorded, share, tenants, urn_of

from lineal.auth.permissions import Permission
from lineal.auth.principals import LOCAL, Principal
from lineal.auth.scopes import default_group
from lineal.graphstore.store import Store
from lineal.resolvers.denied_read_audit import DeniedReadAudit

A, B = member("a"), member("b")


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    """Two accounts; what a's model became goes into b's dataset, and on."""
    opened = await tenants("a", "b")
    ends = {"source": {"urn": urn_of("a", "m")}, "destination": {"urn": urn_of("b", "d")}}
    assert await recorded(opened, LOCAL, associations=[{**ends, "type": "CONTRIBUTED_TO"}]) == []
    yield opened
    await opened.close()


async def test_absent_and_forbidden_look_the_same(store: Store) -> None:
    query = """query ($id: ID!, $urn: String!, $own: ID!) {
      node(id: $id) { id } nodes(ids: [$id, $own]) { id } entity(urn: $urn) { id }
      lineage(from: [{id: $own}, {id: $id}], direction: BOTH) { totalCount }
      excluded: lineage(from: [{id: $own}], excluding: [{id: $id}], direction: BOTH) { totalCount }
      entities(where: {urn: {eq: $urn}}) { totalCount nodes { id } countsByKind { count } } }"""
    own = id_at("b", "d")
    hidden = await data(store, query, {"id": id_at("a", "d"), "urn": urn_of("a", "d"), "own": own}, B)
    absent = await data(store, query, {"id": "A" * 22, "urn": "lineal:a:DATASET:x", "own": own}, B)
    assert hidden == absent
    assert (hidden["node"], hidden["entity"], hidden["lineage"], hidden["excluded"]) == (None, None, None, None)


async def boundary(store: Store, chosen: str | None, tells: bool = False) -> None:
    variables = {"id": default_group("a"), "boundary": chosen, "tellsWithheld": tells}
    assert await codes(store, admin("a"), "lineageGroupChange", **variables) == []


UP = """{ entity(urn: "lineal:b:MODEL:m") { ascendants { totalCount
  edges { distance node { __typename urn } path { source { urn } destination { __typename id } } }
  completeness { isComplete reasons visited withheld } } } }"""


async def ascendants(store: Store, by: Principal = B) -> Any:
    return (await data(store, UP, by=by))["entity"]["ascendants"]


async def test_cut_entities_are_absent(store: Store) -> None:
    result = await ascendants(store)
    assert [edge["node"]["urn"] for edge in result["edges"]] == [urn_of("b", "j"), urn_of("b", "d")]
    assert result["completeness"] == {"isComplete": True, "reasons": [], "visited": 2, "withheld": None}
    await boundary(store, None, tells=True)
    response = (await ascendants(store))["completeness"]
    assert response == {"isComplete": False, "reasons": ["POLICY"], "visited": 2, "withheld": 1}


async def test_masked_entities_are_restricted(store: Store) -> None:
    await boundary(store, "MASK")
    response = await ascendants(store)
    kinds = [(edge["distance"], edge["node"]["__typename"]) for edge in response["edges"]]
    assert kinds[:2] == [(1, "TrainingJob"), (2, "Dataset")]
    assert Counter(kinds[2:]) == Counter({(3, "Restricted"): 1, (None, "Restricted"): 2})
    masked = response["edges"][2]
    assert [step["destination"]["__typename"] for step in masked["path"]] == ["Model", "TrainingJob", "Dataset"]
    assert masked["path"][-1]["source"]["urn"] == masked["node"]["urn"]


RESTRICTED = """{ entity(urn: "lineal:b:DATASET:d") { associations(direction: ASCENDANTS) { nodes {
  id role occurredAt recordedAt recordedBy digest properties { key } source { ... on Restricted {
    id urn kind lineageType account name version type description title status source { uri } tags properties { key }
    property(key: "rows") occurredAt recordedAt recordedBy digest lineageGroups { id }
    versions { totalCount nodes { id } } history { totalCount pageInfo { hasNextPage } }
    ascendants { totalCount edges { distance } completeness { isComplete visited } associations { totalCount } }
    descendants(depth: 1) { nodes { id } pageInfo { endCursor } }
    associations { totalCount nodes { id } } } } } } } }"""


async def test_a_restricted_entity_has_no_fields_and_reads_nothing(store: Store) -> None:
    await boundary(store, "MASK")
    await data(store, "{ viewer { account } }", by=B)
    counting = CountingStore(store)
    (beside,) = (await data(counting, RESTRICTED, by=B))["entity"]["associations"]["nodes"]
    assert counting.calls - Counter(secret=1) == Counter(newest=1, entities=1, associations=1)
    id = beside["source"]["id"]
    nothing: dict[str, Any] = {"totalCount": 0, "nodes": []}
    assert beside["source"] == {
        "id": id,
        "urn": f"lineal:restricted:{id}",
        "kind": "RESTRICTED",
        "lineageType": "RESTRICTED",
        "account": "restricted",
        "name": "restricted",
        "recordedBy": "restricted",
        **dict.fromkeys(("version", "type", "description", "title", "status", "source", "property", "digest"), None),
        **dict.fromkeys(("occurredAt", "recordedAt"), None),
        **{key: [] for key in ("tags", "properties", "lineageGroups")},
        "versions": nothing,
        "associations": nothing,
        "history": {"totalCount": 0, "pageInfo": {"hasNextPage": False}},
        "ascendants": {
            "totalCount": 0,
            "edges": [],
            "completeness": {"isComplete": True, "visited": 0},
            "associations": {"totalCount": 0},
        },
        "descendants": {"nodes": [], "pageInfo": {"endCursor": None}},
    }
    del beside["source"], beside["id"]
    assert beside == {
        **dict.fromkeys(("role", "occurredAt", "recordedAt", "digest"), None),
        "recordedBy": "restricted",
        "properties": [],
    }
    assert await data(store, f'{{ node(id: "{id}") {{ id }} }}', by=B) == {"node": None}
    other = (await data(store, RESTRICTED, by=member("b", "max")))["entity"]["associations"]["nodes"][0]
    assert other["source"]["id"] != id, "two principals cannot compare what they were shown"


async def test_bridged_entities_are_crossed_and_not_shown(store: Store) -> None:
    await chain(store, "b", "old-")
    ends = {"source": {"urn": urn_of("b", "old-m")}, "destination": {"urn": urn_of("a", "d")}}
    assert await recorded(store, LOCAL, associations=[{**ends, "type": "CONTRIBUTED_TO"}]) == []
    await boundary(store, "BRIDGE")
    edges = (await ascendants(store))["edges"]
    assert [(edge["distance"], edge["node"]["urn"]) for edge in edges] == [
        (1, urn_of("b", "j")),
        (2, urn_of("b", "d")),
        (None, urn_of("b", "old-d")),
        (None, urn_of("b", "old-m")),
        (None, urn_of("b", "old-j")),
    ]
    assert [edge["path"] for edge in edges[2:]] == [[], [], []]


async def test_an_account_named_restricted_is_one_like_any_other() -> None:
    store = await tenants("restricted")
    query = '{ entity(urn: "lineal:restricted:DATASET:d") { descendants { edges { path { source { name } } } } } }'
    edges = (await data(store, query, by=member("restricted")))["entity"]["descendants"]["edges"]
    assert [step["source"]["name"] for step in edges[-1]["path"]] == ["d", "j"]
    await store.close()


async def test_a_cursor_belongs_to_its_principal(store: Store) -> None:
    query = "query ($after: String) { entities(first: 2, after: $after) { nodes { urn } pageInfo { endCursor } } }"
    after = (await data(store, query, by=A))["entities"]["pageInfo"]["endCursor"]
    assert (await data(store, query, {"after": after}, A))["entities"]["nodes"]
    for other in (B, member("a", "max"), LOCAL):
        result = await answer(store, query, {"after": after}, other)
        assert [error.message for error in result.errors] == [
            "after is not a cursor of this field with these arguments: ask again without it, from the first page"
        ]


async def test_a_cursor_does_not_reveal_the_writes_of_others(store: Store) -> None:
    newest = (await store.newest()).recorded_at
    cursor = (await data(store, "{ entities(first: 2) { pageInfo { endCursor } } }", by=A))["entities"]["pageInfo"]
    raw = urlsafe_b64decode(cursor["endCursor"] + "==")
    assert str(newest).encode() not in raw
    assert b"lineal" not in raw


async def test_a_key_is_limited_whatever_its_roles(store: Store) -> None:
    key = Principal("a", "bot", frozenset({"admin"}), frozenset({Permission.READ}))
    query = """{ entity(urn: "lineal:a:DATASET:d") { properties { key } digest descendants { totalCount } } }"""
    assert (await data(store, query, by=key))["entity"] == {
        "properties": [],
        "digest": None,
        "descendants": {"totalCount": 0},
    }
    result = await answer(store, "{ auditLog { nodes { at } } }", by=key)
    assert result.errors[0].message == "This needs lineage:ReadAudit: ask an administrator of the account for it."


async def test_denied_reads_are_logged_after_the_answer_and_to_the_owner_alone(store: Store) -> None:
    denied_reads = DeniedReadAudit(store, access_service_of(store).denials)
    hidden, absent, own = id_at("a", "d"), "A" * 22, id_at("b", "d")
    queries = [
        f'{{ node(id: "{hidden}") {{ id }} }}',
        f'{{ nodes(ids: ["{hidden}", "{absent}", "{own}"]) {{ id }} entity(urn: "{urn_of("a", "j")}") {{ id }} }}',
        f'{{ lineage(from: [{{id: "{own}"}}, {{id: "{hidden}"}}], direction: BOTH) {{ totalCount }} }}',
        f'{{ entity(urn: "lineal:a:DATASET:nothing") {{ id }} node(id: "{own}") {{ id }} }}',
    ]
    for query in queries:
        context = await context_of(store, B)
        before = await logged(store, LOCAL)
        assert not (await answer_in(context, query)).errors
        assert await logged(store, LOCAL) == before, "nothing is written before the answer is sent"
        await denied_reads.note(context)
    await denied_reads.finish()
    records = await logged(store, admin("a"), principal="b/mia", action="READ")
    counts = sorted((each["resource"], each["count"], each["examples"]) for each in records)
    assert counts == [(urn_of("a", "d"), 1, []), (urn_of("a", "d"), 2, [urn_of("a", "d")]), (urn_of("a", "j"), 1, [])]
    assert not any(each["isAllowed"] for each in records)
    assert await logged(store, admin("b"), action="READ") == []


async def test_the_owner_learns_which_policy_denied(store: Store) -> None:
    policy = '@id("never") forbid (principal in Lineal::Account::"b", action, resource);'
    created = await changed(store, admin("a"), "lineageGroupCreate", name="g", addEntities=[{"id": id_at("a", "d")}])
    await changed(store, admin("a"), "lineageGroupPolicySet", id=created["group"]["id"], policy=policy)
    await share(store, "a", "b")
    denied_reads, context = DeniedReadAudit(store, access_service_of(store).denials), await context_of(store, B)
    assert (await answer_in(context, f'{{ node(id: "{id_at("a", "d")}") {{ id }} }}')).data == {"node": None}
    await denied_reads.note(context)
    await denied_reads.finish()
    (found,) = await logged(store, admin("a"), action="READ")
    assert found["policies"] == [f"{created['group']['id']}/never"]


async def test_a_guess_at_a_hidden_end_is_logged_for_its_owner(store: Store) -> None:
    context = await context_of(store, B)
    query = """mutation { lineageRecord(input: {associations: [{type: PRODUCED,
      source: {urn: "lineal:b:DATASET:d"}, destination: {urn: "lineal:a:DATASET:d"}}]}) { userErrors { code } } }"""
    assert (await answer_in(context, query)).data == {"lineageRecord": {"userErrors": [{"code": "NOT_FOUND"}]}}
    denied_reads = DeniedReadAudit(store, access_service_of(store).denials)
    await denied_reads.note(context)
    await denied_reads.finish()
    assert [each["resource"] for each in await logged(store, admin("a"), action="READ")] == [urn_of("a", "d")]
