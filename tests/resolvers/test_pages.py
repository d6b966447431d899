"""Pages and cursors through GraphQL: of one moment, to the end, and not to be made up."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import pytest
from graphql_requests import answer, data
from record_builders import DAY, EPOCH, entity, graph, urn

from lineal.graphstore.batches import Batch, NewRevision
from lineal.graphstore.opening import open_store
from lineal.graphstore.store import Store

ROOT = 'entity(urn: "lineal:a:DATASET:root")'
FIELDS = {
    "entities": "entities(first: 2 %s) { PAGE nodes { urn } }",
    "datasets": "datasets(first: 2 %s) { PAGE nodes { urn } }",
    "descendants": ROOT + " { descendants(first: 2 %s) { PAGE nodes { urn } } }",
    "associations": ROOT + " { associations(first: 2 %s) { PAGE nodes { id } } }",
    "among": ROOT + " { descendants { associations(first: 2 %s) { PAGE nodes { id } } } }",
    "versions": 'entity(urn: "lineal:a:DATASET:v@0") { versions(first: 2 %s) { PAGE nodes { urn } } }',
    "history": ROOT + " { history(first: 2 %s) { PAGE nodes { sequence } } }",
}


def found(answered: Any) -> dict[str, Any]:
    """The innermost connection of an answer."""
    while "pageInfo" not in answered:
        (answered,) = answered.values()
    connection: dict[str, Any] = answered
    return connection


async def filled() -> Store:
    store = await open_store("memory:")
    await store.record(graph(*(f"root>{n}" for n in range(7)), "0>1", "2>3"), by="me")
    await store.record(Batch(tuple(entity("v", version=f"{n}", occurred_at=EPOCH + n) for n in range(5))), by="me")
    revisions = tuple(NewRevision(urn("root"), description=f"{n}", occurred_at=EPOCH + n * DAY) for n in range(5))
    await store.record(Batch(revisions=revisions), by="me")
    return store


def query(field: str, after: str | None) -> str:
    argument = "" if after is None else f', after: "{after}"'
    page = "totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
    return "{ " + (FIELDS[field] % argument).replace("PAGE", page) + " }"


@pytest.mark.parametrize("field", FIELDS)
async def test_pages_are_complete_while_others_write(field: str) -> None:
    store = await filled()
    whole = found(await data(store, query(field, None).replace("first: 2", "first: 100")))
    seen, after, number = [], None, 0
    while True:
        page = found(await data(store, query(field, after)))
        assert page["totalCount"] == whole["totalCount"]
        seen += page["nodes"]
        number += 1
        more = (entity(f"0{number}"), entity("v", version=f"x{number}", occurred_at=EPOCH + DAY))
        links = graph(f"root>0{number}", f"0{number}>1").associations
        revised = NewRevision(urn("root"), description=f"late {number}", occurred_at=EPOCH + number)
        await store.record(Batch(more, links, (revised,)), by="me")
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert seen == whole["nodes"]
    assert number > 1
    await store.close()


REFUSED = "after is not a cursor of this field with these arguments: ask again without it, from the first page"


@pytest.mark.parametrize("field", FIELDS)
async def test_cursors_cannot_be_made_up(field: str) -> None:
    store = await filled()
    cursor: str = found(await data(store, query(field, None)))["pageInfo"]["endCursor"]
    raw = bytearray(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    raw[-20] ^= 1
    altered = urlsafe_b64encode(raw).rstrip(b"=").decode()
    others = {name: found(await data(store, query(name, None)))["pageInfo"]["endCursor"] for name in FIELDS}
    foreign = [other for name, other in others.items() if name != field]
    for bad in ["", "x", "é", "A" * 500, cursor[:-1], cursor + "A", altered, *foreign]:
        result = await answer(store, query(field, bad))
        assert [error.message for error in result.errors] == [REFUSED], bad
    assert found(await data(store, query(field, cursor)))["nodes"]
    await store.close()


async def test_a_cursor_belongs_to_its_arguments() -> None:
    store = await filled()
    asked = "{ " + ROOT + " { descendants(first: 2 %s) { pageInfo { endCursor } nodes { urn } } } }"
    cursor = (await data(store, asked % ""))["entity"]["descendants"]["pageInfo"]["endCursor"]
    after = f', after: "{cursor}"'
    assert (await data(store, asked % (after + ", depth: null")))["entity"]["descendants"]["nodes"]
    assert (await data(store, (asked % after).replace("first: 2", "first: 5")))["entity"]["descendants"]["nodes"]
    for other in (", depth: 2", ", where: {kind: [DATASET]}", ", via: {type: [PRODUCED]}", ", stopAt: {tag: []}"):
        result = await answer(store, asked % (after + other))
        assert [error.message for error in result.errors] == [REFUSED]
    await store.close()


async def test_page_sizes_and_counts_are_bounded() -> None:
    store = await filled()
    asked = {
        "{ entities(first: 101) { totalCount } }": "first is 101: give 1 to 100, and read on with after",
        "{ entities(first: 0) { totalCount } }": "first is 0: give 1 to 100, and read on with after",
        "{ " + ROOT + " { descendants(first: 1001) { totalCount } } }": "first is 1001: give 1 to 1000",
        "{ " + ROOT + " { descendants(depth: 0) { totalCount } } }": "depth is 0: give 1 for direct",
        "{ lineage(from: [], direction: BOTH) { totalCount } }": "from names 0: give 1 to 100",
        "{ nodes(ids: [" + '"x" ' * 101 + "]) { id } }": "ids names 101: give 0 to 100",
        '{ propertyKeys(startsWith: "", first: 101) }': "first is 101: give 1 to 100",
        '{ entities(where: {property: [{key: "k"}]}) { totalCount } }': "property 'k' asks nothing: give eq, ne",
        '{ entities(where: {property: [{key: "k", eq: null, in: null}]}) { totalCount } }': "'k' asks nothing: give",
    }
    for text, message in asked.items():
        result = await answer(store, text)
        assert message in result.errors[0].message, text
    await store.close()


async def test_a_visit_limit_is_continued_through_graphql() -> None:
    store = await filled()
    asked = "{ " + ROOT + " { descendants(first: 100 %s) { totalCount nodes { urn } pageInfo { hasNextPage endCursor } "
    asked += "completeness { isComplete reasons visited } } } }"
    first = (await data(store, asked % "", visits=3))["entity"]["descendants"]
    assert first["completeness"] == {"isComplete": False, "reasons": ["PAGE", "VISIT_LIMIT"], "visited": 3}
    after = f', after: "{first["pageInfo"]["endCursor"]}"'
    second = (await data(store, asked % after, visits=30))["entity"]["descendants"]
    assert (len(second["nodes"]), second["totalCount"]) == (4, 7)
    await store.close()
