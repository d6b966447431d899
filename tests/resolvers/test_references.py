"""How requests name entities: by id, or by a URN, typed in any way."""

from typing import Any

import pytest
from graphql_requests import answer, answer_in, context_of, data
from tenants import member, tenants, urn_of

from lineal.auth.principals import LOCAL, Principal
from lineal.graphstore.batches import Batch, NewEntity
from lineal.graphstore.kinds import EntityKind
from lineal.graphstore.opening import open_store
from lineal.graphstore.store import Store

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
            response = await data(store, query, {"u": typed, "w": {"urn": each}})
            assert response == {"entity": {"urn": URN}, "entities": {"totalCount": 1}}, each
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


NAMES = ("s3://lake/customers", "s3://lake/orders", "Reviews")
ABSENT = {
    "lineal:local:DATASET:s3://lake/customers@8": "lineal:local:DATASET:s3://lake/customers@7",
    "lineal:local:DATASET:s3://lake/customers": "lineal:local:DATASET:s3://lake/customers@7",
    "lineal:local:DATASET:s3%253A%252F%252Flake%252Fcustomers@7": "lineal:local:DATASET:s3://lake/customers@7",
    "lineal:local:MODEL:s3://lake/customers@7": "lineal:local:DATASET:s3://lake/customers@7",
    "lineal:other:DATASET:s3://lake/orders@7": "lineal:local:DATASET:s3://lake/orders@7",
    "lineal:local:DATASET:S3://Lake/Orders@7": "lineal:local:DATASET:s3://lake/orders@7",
    "lineal:local:DATASET:s3://lake/custmers@7": "lineal:local:DATASET:s3://lake/customers@7",
    "lineal:local:DATASET:s3://loke/orders@7": "lineal:local:DATASET:s3://lake/orders@7",
    "lineal:local:DATASET:reviews@7": "lineal:local:DATASET:Reviews@7",
    "lineal:local:DATASET:nothing/like/it": None,
}


async def absent(store: Store, query: str, variables: dict[str, Any], by: Principal = LOCAL) -> list[dict[str, Any]]:
    """The warnings of a query whose one root field is null, without an error."""
    context = await context_of(store, by)
    result = await answer_in(context, query, variables)
    assert (list(result.data.values()), result.errors) == ([None], None)
    return context.warnings


@pytest.mark.parametrize("urn", ABSENT)
async def test_what_is_near_an_absent_urn_is_suggested(urn: str) -> None:
    entities = tuple(NewEntity("local", EntityKind.DATASET, name, "7") for name in NAMES)
    present = {"urn": "lineal:local:DATASET:Reviews@7"}
    async with await open_store("memory:") as store:
        await store.record(Batch(entities), by="me")
        queries: list[tuple[str, dict[str, Any]]] = [
            ("query ($u: String!) { alias: entity(urn: $u) { id } }", {"u": urn}),
            ("query ($f: [EntityRef!]!) { alias: lineage(from: $f, direction: BOTH) { totalCount } }",
             {"f": [present, {"urn": urn}]}),
            ("query ($f: [EntityRef!]!) { alias: comparison(of: $f) { totalCount } }", {"f": [present, {"urn": urn}]}),
        ]  # fmt: skip
        for query, variables in queries:
            (warning,) = await absent(store, query, variables)
            assert (warning["code"], warning["path"], warning["suggestion"]) == ("NOT_FOUND", ["alias"], ABSENT[urn])
            asked = f" Did you mean {ABSENT[urn]}?" if ABSENT[urn] else ""
            assert warning["message"] == f"{warning['named']} names no entity that you may read.{asked}"
        ends = {"source": present, "destination": {"urn": urn}, "type": "DERIVED_FROM"}
        done = (await data(store, RECORD, {"i": {"associations": [ends]}}))["lineageRecord"]
        (error,) = done["userErrors"]
        assert (error["code"], error["path"]) == ("NOT_FOUND", ["input", "associations", "0", "destination"])
        assert error["message"].endswith(f"or in the same batch.{asked}")


async def test_nothing_hidden_is_suggested() -> None:
    """What is hidden, and what is near it, gets the answers of a store in which there is no such thing."""
    query = "query ($u: String!) { entity(urn: $u) { id } }"
    hidden = urn_of("a", "d")
    name, near = hidden.rpartition(":")[2], hidden[:-1] + hidden[-1].upper()
    asked = [hidden, near, hidden + "@1", hidden.replace("DATASET", "MODEL"), f"lineal:a:DATASET:{name}{name}"]
    async with await tenants("a", "b") as store, await tenants("b") as without:
        own = await absent(store, query, {"u": near}, member("a"))
        assert own[0]["suggestion"] == hidden
        for urn in asked:
            response = [await absent(each, query, {"u": urn}, member("b")) for each in (store, without)]
            assert response[0] == response[1]
            assert "lineal:a:" not in str(response[0][0]["suggestion"])


async def test_few_urns_of_a_request_are_searched_for() -> None:
    urns = [f"lineal:local:DATASET:Review{end}@7" for end in "tuvwxyz"]
    query = "query ($f: [EntityRef!]!) { lineage(from: $f, direction: BOTH) { totalCount } }"
    async with await open_store("memory:") as store:
        await store.record(Batch((NewEntity("local", EntityKind.DATASET, "Reviews", "7"),)), by="me")
        warnings = await absent(store, query, {"f": [{"urn": urn} for urn in urns] + [{"id": "A" * 22}]})
    assert [each["named"] for each in warnings] == [*urns, "A" * 22]
    assert [each["suggestion"] is not None for each in warnings] == [True] * 3 + [False] * 5
