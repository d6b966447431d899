"""How requests name entities: by id, or by a URN, typed in any way."""

import pytest
from asking import answer, data

from lineal.graphstore.batches import Batch, NewEntity
from lineal.graphstore.kinds import EntityKind
from lineal.graphstore.opening import open_store

URN = "lineal:local:DATASET:s3://lake/my%20file@7"
RECORD = """mutation ($i: LineageRecordInput!) { lineageRecord(input: $i) {
  associations { association { source { urn } destination { urn } } } userErrors { code path message } } }"""


@pytest.mark.parametrize("name", ["s3://lake/my%20file", "s3://lake/my file", "s3%3a%2F%2Flake/my%20file"])
async def test_urns_are_understood_however_they_are_typed(name: str) -> None:
    typed = f"lineal:local:DATASET:{name}@7"
    entities = [{"kind": "DATASET", "name": "s3://lake/my file", "version": "7"}, {"kind": "MODEL", "name": "m"}]
    ends = {"source": {"urn": typed}, "destination": {"urn": "lineal:local:MODEL:%6d"}, "type": "PRODUCED"}
    query = "query ($u: String!, $w: EntityFilter) { entity(urn: $u) { urn } entities(where: $w) { totalCount } }"
    filters = [{"eq": typed}, {"in": ["no", typed]}, {"startsWith": typed[:-2]}, {"startsWith": typed[:-6]}]
    filters += [{"contains": "lake/my file@"}, {"contains": "ake/my%20f"}]
    async with await open_store("memory:") as store:
        done = (await data(store, RECORD, {"i": {"entities": entities, "associations": [ends]}}))["lineageRecord"]
        assert done["userErrors"] == []
        association = done["associations"][0]["association"]
        assert (association["source"]["urn"], association["destination"]["urn"]) == (URN, "lineal:local:MODEL:m")
        for each in filters:
            found = await data(store, query, {"u": typed, "w": {"urn": each}})
            assert found == {"entity": {"urn": URN}, "entities": {"totalCount": 1}}, each
        others = await data(store, query, {"u": typed, "w": {"urn": {"ne": typed}}})
        assert others["entities"] == {"totalCount": 1}


async def test_what_is_no_urn_is_an_error_that_shows_one() -> None:
    async with await open_store("memory:") as store:
        wrong = await answer(store, '{ entity(urn: "s3://lake/my file") { urn } }')
        sentence = "'s3://lake/my file' is no URN: write lineal:ACCOUNT:KIND:NAME"
        assert wrong.errors[0].message.startswith(sentence)
        ends = {"source": {"urn": "s3://lake/my file"}, "destination": {"urn": URN}, "type": "PRODUCED"}
        done = (await data(store, RECORD, {"i": {"associations": [ends]}}))["lineageRecord"]
        (error,) = done["userErrors"]
        assert (error["code"], error["path"]) == ("INVALID_VALUE", ["input", "associations", "0", "source"])
        assert error["message"].startswith(sentence)


async def test_pages_over_the_longest_names() -> None:
    names = [f"{number}{'日' * 1365}" for number in range(3)]
    query = "query ($c: String) { entities(first: 1, after: $c) { nodes { name } pageInfo { endCursor } } }"
    async with await open_store("memory:") as store:
        await store.record(Batch(tuple(NewEntity("a", EntityKind.DATASET, name, name) for name in names)), by="me")
        cursor, found = None, []
        for _ in names:
            page = (await data(store, query, {"c": cursor}))["entities"]
            found += [each["name"] for each in page["nodes"]]
            cursor = page["pageInfo"]["endCursor"]
    assert found == names
