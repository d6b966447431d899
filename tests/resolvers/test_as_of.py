"""Going back in time through GraphQL: two times, at any depth, page by page, under the permissions of today."""

from pathlib import Path
from typing import Any

import pytest
from graphql_requests import answer, data
from record_builders import DAY, EPOCH, association, entity, graph, urn
from tenants import admin, changed, member, sees, share, tenants, urn_of

from lineal.auth.principals import LOCAL
from lineal.graphstore.batches import Batch, NewRevision
from lineal.graphstore.kinds import EntityStatus
from lineal.graphstore.opening import open_store
from lineal.graphstore.store import Store
from lineal.graphstore.urns import entity_id
from lineal.graphstore.values import format_timestamp

LATER = "9999-12-31T23:59:59.999999Z"
BEFORE = "0001-01-01T00:00:00Z"


async def wrote(store: Store, batch: Batch) -> str:
    """Record a batch; gives when."""
    at = (await store.record(batch, by="me")).recorded_at
    assert at is not None
    return format_timestamp(at)


def day(number: int) -> int:
    return EPOCH + number * DAY


async def recorded_history() -> tuple[Store, str, str, str]:
    """What is known of a model grows in three batches: what trained it, then a patch of its data, then its end.

    The patch had been made before the model was; nobody knew.
    """
    store = await open_store("memory:")
    first = graph("data>model")
    known = await wrote(store, Batch(tuple(entity(each.name, occurred_at=day(5)) for each in first.entities),
                                     (association("data", "model", occurred_at=day(5)),)))  # fmt: skip
    patch = (entity("patch", occurred_at=day(2)),)
    learned = await wrote(store, Batch(patch, (association("patch", "data", occurred_at=day(6)),)))
    ended = NewRevision(urn("model"), EntityStatus.FAILED, tags=("bad",), occurred_at=day(9))
    return store, known, learned, await wrote(store, Batch(revisions=(ended,)))


QUESTION = """query ($model: String!, $at: AsOf) { entity(urn: $model, asOf: $at) {
  status tags history { totalCount } ascendants { totalCount nodes { name } completeness { isComplete visited } } } }"""


async def asked(store: Store, given: Any) -> Any:
    response = (await data(store, QUESTION, {"model": urn("model"), "at": given}))["entity"]
    if response is None:
        return None
    names = [each["name"] for each in response["ascendants"]["nodes"]]
    assert response["ascendants"]["totalCount"] == response["ascendants"]["completeness"]["visited"] == len(names)
    assert response["history"]["totalCount"] == len(response["tags"])
    return names, response["status"]


async def test_as_of_recorded_shows_what_was_known() -> None:
    store, known, learned, ended = await recorded_history()
    today = (["data", "patch"], "FAILED")
    assert await asked(store, None) == today
    assert await asked(store, {"recordedAt": known}) == (["data"], None)
    assert await asked(store, {"recordedAt": learned}) == (["data", "patch"], None)
    assert await asked(store, {"recordedAt": ended}) == today
    assert await asked(store, {"recordedAt": LATER}) == today
    assert await asked(store, {"recordedAt": BEFORE}) is None
    await store.close()


async def test_as_of_occurred_shows_what_had_happened() -> None:
    store, known, _, _ = await recorded_history()
    known_today = ((4, None), (5, (["data"], None)), (6, (["data", "patch"], None)), (9, (["data", "patch"], "FAILED")))
    for happened, expected in known_today:
        assert await asked(store, {"occurredAt": format_timestamp(day(happened))}) == expected, happened
    both = {"recordedAt": known, "occurredAt": format_timestamp(day(9))}
    assert await asked(store, both) == (["data"], None), "known by then, of what had happened by then"
    await store.close()


@pytest.mark.parametrize("given", [{}, {"recordedAt": None}, {"recordedAt": None, "occurredAt": None}])
async def test_absent_times_do_not_filter(given: Any) -> None:
    store, _, _, _ = await recorded_history()
    assert await asked(store, given) == await asked(store, None)
    await store.close()


async def test_every_root_field_takes_as_of() -> None:
    store, known, _, _ = await recorded_history()
    query = """query ($at: AsOf, $from: [EntityRef!]!) {
      entities(asOf: $at) { totalCount countsByKind { count } nodes { name ascendants { totalCount } } }
      datasets(asOf: $at) { nodes { name tags } } models(asOf: $at) { totalCount }
      lineage(from: $from, direction: ASCENDANTS, asOf: $at) { nodes { name } associations { totalCount } } }"""
    start = (await data(store, f'{{ entity(urn: "{urn("model")}") {{ id }} }}'))["entity"]["id"]
    assert await data(store, query, {"at": {"recordedAt": known}, "from": [{"id": start}]}) == {
        "entities": {
            "totalCount": 2,
            "countsByKind": [{"count": 2}],
            "nodes": [
                {"name": "data", "ascendants": {"totalCount": 0}},
                {"name": "model", "ascendants": {"totalCount": 1}},
            ],
        },
        "datasets": {"nodes": [{"name": "data", "tags": []}, {"name": "model", "tags": []}]},
        "models": {"totalCount": 0},
        "lineage": {"nodes": [{"name": "data"}], "associations": {"totalCount": 1}},
    }
    absent = await data(store, query, {"at": {"recordedAt": BEFORE}, "from": [{"id": start}]})
    assert absent["lineage"] is None, "a start that did not exist must not read as nothing to roll back"
    assert (absent["entities"]["totalCount"], absent["datasets"]["nodes"]) == (0, [])
    await store.close()


async def test_as_of_governs_nested_fields_until_given_again() -> None:
    store, known, learned, _ = await recorded_history()
    query = """query ($model: String!, $at: AsOf, $in: AsOf) { entity(urn: $model, asOf: $at) { tags
      ascendants { nodes { name descendants { nodes { name tags } } }
        edges { path { source { name ascendants { totalCount } } destination { tags } } } }
      again: ascendants(asOf: $in) {
        nodes { name descendants { nodes { name tags } } ascendants { totalCount } } } } }"""
    variables = {"model": urn("model"), "at": {"recordedAt": known}}
    response = (await data(store, query, {**variables, "in": {"recordedAt": LATER}}))["entity"]
    was, now = {"name": "model", "tags": []}, {"name": "model", "tags": ["bad"]}
    assert response["tags"] == []
    assert response["ascendants"]["nodes"] == [{"name": "data", "descendants": {"nodes": [was]}}]
    (step,) = response["ascendants"]["edges"][0]["path"]
    assert step == {"source": {"name": "data", "ascendants": {"totalCount": 0}}, "destination": {"tags": []}}
    assert response["again"]["nodes"] == [
        {"name": "data", "descendants": {"nodes": [now]}, "ascendants": {"totalCount": 1}},
        {
            "name": "patch",
            "descendants": {"nodes": [{"name": "data", "tags": []}, now]},
            "ascendants": {"totalCount": 0},
        },
    ]
    variables = {"model": urn("model"), "at": {"recordedAt": learned}, "in": {}}
    response = (await data(store, query, variables))["entity"]
    assert [each["name"] for each in response["again"]["nodes"]] == ["data", "patch"], "as around it"
    await store.close()


EVERYWHERE = """id moment versions { nodes { id moment } }
  history { nodes { supersededBy { id moment } } }
  associations { nodes { id moment source { id moment } destination { id moment } } }
  ascendants { nodes { id moment } edges { node { id moment } path { id moment source { id moment } } }
    associations { nodes { id moment } } }"""


def moments_in(shown: Any) -> set[Any]:
    """The moments of every object of an answer that has an id."""
    if isinstance(shown, list):
        return {each for item in shown for each in moments_in(item)}
    if not isinstance(shown, dict):
        return set()
    own = {shown["moment"]} if "id" in shown else set()
    return own.union(*map(moments_in, shown.values()))


@pytest.mark.parametrize("url", ["memory:", "sqlite:///{}/store.db"])
async def test_all_that_is_read_as_of_a_time_bears_its_moment(url: str, tmp_path: Path) -> None:
    async with await open_store(url.format(tmp_path)) as store:
        root = NewRevision(urn("root"), superseded_by=urn("model"), occurred_at=day(3))
        await wrote(store, Batch(graph("root>model").entities))
        learned = await wrote(store, Batch(associations=graph("root>model").associations, revisions=(root,)))
        query = f"""query ($id: ID!, $ids: [ID!]!, $refs: [EntityRef!]!, $u: String!, $at: AsOf) {{
          node(id: $id, asOf: $at) {{ ... on Entity {{ {EVERYWHERE} }} }}
          nodes(ids: $ids, asOf: $at) {{ ... on Entity {{ {EVERYWHERE} }} }}
          entity(urn: $u, asOf: $at) {{ {EVERYWHERE} }}
          entities(asOf: $at) {{ nodes {{ {EVERYWHERE} }} edges {{ node {{ id moment }} }} }}
          lineage(from: $refs, direction: BOTH, asOf: $at) {{ nodes {{ {EVERYWHERE} }} }} }}"""
        ids = [entity_id(urn("model")), entity_id(urn("root"))]
        asked = {"id": ids[0], "ids": ids, "refs": [{"id": id} for id in ids], "u": urn("model")}
        moments = [
            None,
            {"recordedAt": learned},
            {"recordedAt": LATER},
            {"recordedAt": "9999-01-01T00:00:00Z"},
            {"occurredAt": LATER},
            {"recordedAt": LATER, "occurredAt": LATER},
        ]
        names = []
        for at in moments:
            (name,) = moments_in(await data(store, query, asked | {"at": at}))
            assert moments_in(await data(store, query, asked | {"at": at})) == {name}
            names.append(name)
        assert names[0] is None
        assert len(set(names)) == len(moments)
        at = {"recordedAt": "9999-12-31T23:59:59.999999+00:00"}
        assert moments_in(await data(store, query, asked | {"at": at})) == {names[2]}, "the same time"
        await wrote(store, graph("other>one"))
        assert moments_in(await data(store, query, asked | {"at": moments[1]})) == {names[1]}
        assert moments_in(await data(store, query, asked | {"at": {}})) == {None}


async def test_an_id_is_read_as_of_a_time() -> None:
    store, known, _, _ = await recorded_history()
    query = """query ($id: ID!, $at: AsOf) { node(id: $id, asOf: $at) { ... on Entity { tags } }
      nodes(ids: [$id, $id], asOf: $at) { ... on Entity { tags ascendants { totalCount } } } }"""
    for at, tags, count in ((None, ["bad"], 2), ({"recordedAt": known}, [], 1)):
        response = await data(store, query, {"id": entity_id(urn("model")), "at": at})
        assert response == {"node": {"tags": tags}, "nodes": [{"tags": tags, "ascendants": {"totalCount": count}}] * 2}
    absent = await data(store, query, {"id": entity_id(urn("model")), "at": {"recordedAt": BEFORE}})
    assert absent == {"node": None, "nodes": [None, None]}
    await store.close()


async def test_a_nested_as_of_keeps_the_other_time() -> None:
    store, known, _, _ = await recorded_history()
    query = """query ($model: String!, $at: AsOf, $in: AsOf) { entity(urn: $model, asOf: $at) {
      ascendants(asOf: $in) { nodes { name descendants { nodes { tags } } } } } }"""

    async def names(at: Any, inside: Any) -> list[str]:
        response = await data(store, query, {"model": urn("model"), "at": at, "in": inside})
        return [each["name"] for each in response["entity"]["ascendants"]["nodes"]]

    happened = {"occurredAt": format_timestamp(day(5))}
    assert await names({"recordedAt": LATER}, happened) == ["data"]
    assert await names(happened, {"recordedAt": LATER}) == ["data"], "what had not happened still has not"
    assert await names(happened, {"occurredAt": LATER}) == ["data", "patch"]
    assert await names({"recordedAt": known}, {"occurredAt": LATER}) == ["data"], "what was not known still is not"
    await store.close()


async def test_an_entity_that_did_not_exist_has_no_lineage() -> None:
    store, _, _, _ = await recorded_history()
    query = """query ($model: String!, $in: AsOf, $after: String) { entity(urn: $model) { name
      ascendants(asOf: $in, first: 1, after: $after) { totalCount nodes { name } edges { cursor } countsByKind { count }
        pageInfo { hasNextPage startCursor endCursor } completeness { isComplete reasons visited withheld }
        associations { totalCount nodes { id } } } } }"""
    nothing = {
        "totalCount": 0,
        "nodes": [],
        "edges": [],
        "countsByKind": [],
        "pageInfo": {"hasNextPage": False, "startCursor": None, "endCursor": None},
        "completeness": {"isComplete": True, "reasons": [], "visited": 0, "withheld": None},
        "associations": {"totalCount": 0, "nodes": []},
    }
    for inside in ({"recordedAt": BEFORE}, {"occurredAt": format_timestamp(day(4))}):
        response = await data(store, query, {"model": urn("model"), "in": inside})
        assert response == {"entity": {"name": "model", "ascendants": nothing}}
    now = (await data(store, query, {"model": urn("model")}))["entity"]["ascendants"]["pageInfo"]["endCursor"]
    result = await answer(store, query, {"model": urn("model"), "in": {"recordedAt": BEFORE}, "after": now})
    assert [error.message for error in result.errors] == [REFUSED]
    await store.close()


async def test_the_superseding_entity_may_not_have_existed() -> None:
    store, _, _, _ = await recorded_history()
    revision = NewRevision(urn("model"), superseded_by=urn("next"), occurred_at=day(10))
    at = await wrote(store, Batch((entity("next", occurred_at=day(12)),), revisions=(revision,)))
    query = (
        "query ($u: String!, $at: AsOf) { entity(urn: $u, asOf: $at) { history { nodes { supersededBy { name } } } } }"
    )
    for happened, expected in ((11, None), (12, {"name": "next"})):
        variables = {"recordedAt": at, "occurredAt": format_timestamp(day(happened))}
        response = await data(store, query, {"u": urn("model"), "at": variables})
        assert response["entity"]["history"]["nodes"][-1]["supersededBy"] == expected
    await store.close()


async def test_a_request_reads_its_own_writes() -> None:
    store = await open_store("memory:")
    query = """mutation ($at: AsOf) { lineageRecord(input: {
      entities: [{kind: DATASET, name: "d"}, {kind: MODEL, name: "m"}], associations: [{type: CONTRIBUTED_TO,
        source: {urn: "lineal:local:DATASET:d"}, destination: {urn: "lineal:local:MODEL:m"}}] }) {
      entities { entity { name ascendants(asOf: $at) { nodes { name } } } } } }"""
    for given, expected in (
        ({"recordedAt": LATER}, [{"name": "d"}]),
        ({"recordedAt": BEFORE}, []),
        ({}, [{"name": "d"}]),
    ):
        response = (await data(store, query, {"at": given}))["lineageRecord"]["entities"]
        assert [each["entity"]["ascendants"]["nodes"] for each in response] == [[], expected]
    await store.close()


REFUSED = "after is not a cursor of this field with these arguments: ask again without it, from the first page"
BELOW = f'entity(urn: "{urn("root")}"'
PAGED = {
    "entities": "entities(asOf: $at, first: 2, after: $after) { PAGE nodes { urn } }",
    "datasets": "datasets(asOf: $at, first: 2, after: $after) { PAGE nodes { urn } }",
    "given": BELOW + ") { c: descendants(asOf: $at, first: 2, after: $after) { PAGE nodes { urn } } }",
    "around": BELOW + ", asOf: $at) { c: descendants(first: 2, after: $after) { PAGE nodes { urn } } }",
    "node": f'node(id: "{entity_id(urn("root"))}", asOf: $at) {{ ... on Entity {{ c: '
    "descendants(first: 2, after: $after) { PAGE nodes { urn } } } }",
    "associations": BELOW + ", asOf: $at) { c: associations(first: 2, after: $after) { PAGE nodes { id } } }",
    "among": BELOW
    + ") { c: descendants(asOf: $at) { c: associations(first: 2, after: $after) { PAGE nodes { id } } } }",
    "history": BELOW + ", asOf: $at) { c: history(first: 2, after: $after) { PAGE nodes { description } } }",
}


def paged(field: str) -> str:
    shown = PAGED[field].replace("PAGE", "totalCount pageInfo { hasNextPage endCursor }")
    return f"query ($at: AsOf, $after: String) {{ c: {shown} }}"


async def filled() -> tuple[Store, str]:
    store = await open_store("memory:")
    await wrote(store, graph(*(f"root>{n}" for n in range(5))))
    revisions = tuple(NewRevision(urn("root"), description=f"{n}", occurred_at=day(n)) for n in range(5))
    return store, await wrote(store, Batch(revisions=revisions))


async def more(store: Store, number: int) -> None:
    revised = NewRevision(urn("root"), description=f"late {number}", occurred_at=EPOCH + number)
    await wrote(
        store, Batch((entity(f"0{number}"),), graph(f"root>0{number}", f"0{number}>1").associations, (revised,))
    )


async def page(store: Store, field: str, at: Any, after: str | None) -> Any:
    response: Any = await data(store, paged(field), {"at": at, "after": after})
    while set(response) == {"c"}:
        response = response["c"]
    return response


@pytest.mark.parametrize("field", PAGED)
@pytest.mark.parametrize(
    "ahead", ["of the past", "of the newest batch", "of a time between batches", "of a time to come"]
)
async def test_pages_read_one_time_while_others_write(field: str, ahead: str) -> None:
    store, newest = await filled()
    between = format_timestamp(await store.watermark() + 1)
    variables = {"of the newest batch": newest, "of a time between batches": between, "of a time to come": LATER}
    if ahead == "of the past":
        await more(store, 9)
    at = {"recordedAt": variables.get(ahead, newest)}
    seen, after, total = [], None, None
    for number in range(9):
        response = await page(store, field, at, after)
        seen += response["nodes"]
        assert response["totalCount"] == (total := total or response["totalCount"])
        await more(store, number)
        if not response["pageInfo"]["hasNextPage"]:
            break
        after = response["pageInfo"]["endCursor"]
    assert len(seen) == len({str(each) for each in seen}) == total == (6 if field in ("entities", "datasets") else 5)
    await store.close()


@pytest.mark.parametrize("field", PAGED)
async def test_a_cursor_of_another_moment_is_refused(field: str) -> None:
    store, newest = await filled()
    await more(store, 9)
    moments = (
        None,
        {"recordedAt": newest},
        {"recordedAt": LATER},
        {"occurredAt": LATER},
        {"recordedAt": "9000-01-01T00:00:00Z"},
    )
    cursors = [(await page(store, field, at, None))["pageInfo"]["endCursor"] for at in moments]
    for at, own in zip(moments, cursors, strict=True):
        for cursor in cursors:
            result = await answer(store, paged(field), {"at": at, "after": cursor})
            assert [error.message for error in result.errors or ()] == ([] if cursor == own else [REFUSED])
    result = await answer(store, paged(field), {"at": {"recordedAt": None}, "after": cursors[0]})
    assert not result.errors, "no time given is as no moment given"
    await store.close()


async def test_permissions_are_current_at_any_as_of() -> None:
    store = await tenants("a", "b")
    before = format_timestamp(await store.watermark())
    shared = await share(store, "a", "b")
    query = """query ($u: String!, $at: AsOf) { entity(urn: $u, asOf: $at) { name
      descendants { nodes { name } } lineageGroups { entities { nodes { name } } } } }"""
    variables = {"u": urn_of("a", "d"), "at": {"recordedAt": before}}
    bob = member("b")
    response = (await data(store, query, variables, bob))["entity"]
    assert [each["name"] for each in response["descendants"]["nodes"]] == ["j", "m"], "shared today, as it was before"
    during = format_timestamp(await store.watermark())
    await changed(store, admin("a"), "resourceShareRevoke", id=shared)
    for at in (before, during, None):
        variables["at"] = {"recordedAt": at}
        assert await data(store, query, variables, bob) == {"entity": None}, "hidden today, though it was shared then"
    assert await sees(store, bob) == {urn_of("b", name) for name in "djm"}
    await store.close()


async def test_group_members_are_read_at_the_time_of_their_parent() -> None:
    store, known, _, _ = await recorded_history()
    assert not (await changed(store, LOCAL, "accountCreate", name="a"))["userErrors"]
    query = """query ($u: String!, $at: AsOf) { entity(urn: $u, asOf: $at) { lineageGroups { name
      entities(first: 1) { totalCount pageInfo { endCursor } nodes { name } } } } }"""
    (group,) = (await data(store, query, {"u": urn("model"), "at": {"recordedAt": known}}))["entity"]["lineageGroups"]
    assert group["entities"]["totalCount"] == 2, "of the three of today"
    await store.close()


BAD = [
    ({"recordedAt": "2026-3-03"}, "'2026-3-03' is not an RFC 3339 time with an offset: write it as"),
    ({"recordedAt": "2026-02-30"}, "is not a time that exists: check its date, hour and offset"),
    ({"occurredAt": "2026-03-03T12:00:00"}, "is not an RFC 3339 time with an offset"),
    ({"recordedAt": "2026-02-30T00:00:00Z"}, "is not a time that exists: check its date, hour and offset"),
    ({"recordedAt": 1772539200}, "a time is text: write it as 2026-03-01T12:00:00Z"),
    ({"at": LATER}, "Expected value of type 'AsOf' not to include unknown field 'at'"),
    (LATER, "Expected value of type 'AsOf' to be an object"),
]


@pytest.mark.parametrize(("given", "message"), BAD)
async def test_invalid_as_of_is_refused(given: Any, message: str) -> None:
    store = await open_store("memory:")
    for query in ("entities(asOf: $at) { totalCount }", 'entity(urn: "x", asOf: $at) { id }'):
        result = await answer(store, f"query ($at: AsOf) {{ {query} }}", {"at": given})
        assert message in result.errors[0].message
    await store.close()


REVISE = """mutation ($of: String!, $at: DateTime) { entityRevise(input: { entity: {urn: $of}, occurredAt: $at }) {
  isNew entity { occurredAt } revision { sequence status occurredAt } userErrors { code message } } }"""


async def test_a_revision_of_nothing_but_a_time_is_a_sighting() -> None:
    store = await open_store("memory:")
    await wrote(store, Batch((entity("model", occurred_at=day(5)),)))

    async def revised(at: int | None) -> Any:
        argument = None if at is None else format_timestamp(at)
        return (await data(store, REVISE, {"of": urn("model"), "at": argument}))["entityRevise"]

    early = format_timestamp(day(2))
    seen = {"sequence": 1, "status": None, "occurredAt": early}
    assert await revised(day(2)) == {"isNew": True, "entity": {"occurredAt": early}, "revision": seen, "userErrors": []}
    later = await revised(day(3))
    assert (later["isNew"], later["entity"], later["revision"]) == (False, {"occurredAt": early}, None)
    (error,) = (await revised(None))["userErrors"]
    assert error["code"] == "INVALID_VALUE"
    assert "or only occurredAt" in error["message"]
    await store.close()
