"""Inputs as generated clients send them: null for what is left out, dates without a time, digits for large integers."""

from typing import Any

import pytest
from graphql_requests import answer, data
from record_builders import EPOCH, entity, properties, urn

from lineal.graphstore.batches import Batch
from lineal.graphstore.kinds import PropertyType
from lineal.graphstore.opening import open_store
from lineal.graphstore.store import Store
from lineal.graphstore.values import Json, Property, parse_timestamp

LARGE = 2**53 + 1
"""The least integer that a JavaScript number cannot hold."""
DAY = parse_timestamp("2026-01-31T00:00:00Z")
QUERY = "query ($where: EntityFilter) { entities(where: $where) { nodes { name } } }"


async def filled() -> Store:
    store = await open_store("memory:")
    at = Property("at", PropertyType.TIMESTAMP, DAY)
    await store.record(
        Batch(
            (
                entity("before", occurred_at=DAY - 1, properties=properties(n=LARGE - 1, s=str(LARGE))),
                entity("on", occurred_at=DAY, properties=(at, *properties(n=LARGE))),
                entity("after", occurred_at=DAY + 1, properties=properties(n=float(LARGE + 1), s="x")),
            )
        ),
        by="me",
    )
    return store


async def names(store: Store, where: Any) -> list[str]:
    return [each["name"] for each in (await data(store, QUERY, {"where": where}))["entities"]["nodes"]]


EVERYONE = ["after", "before", "on"]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"name": {"eq": None}}, EVERYONE),
        ({"name": {"eq": "on", "ne": None, "in": None, "contains": None, "exists": None, "ignoreCase": None}}, ["on"]),
        ({"not": {"name": {"eq": None, "ignoreCase": None}}}, []),
        ({"occurredAt": {"gt": None, "lte": None}}, EVERYONE),
        ({"occurredAt": {"gte": "2026-01-31", "lt": None}}, ["after", "on"]),
        ({"occurredAt": {"lt": "2026-01-31"}}, ["before"]),
        ({"kind": None, "and": None, "or": None, "not": None, "property": None}, EVERYONE),
        ({"property": [{"key": "n", "eq": str(LARGE), "ne": None}]}, ["on"]),
        ({"property": [{"key": "n", "gt": str(LARGE)}]}, ["after"]),
        ({"property": [{"key": "n", "in": [str(LARGE - 1), "x"]}]}, ["before"]),
        ({"property": [{"key": "n", "eq": str(LARGE + 1)}]}, ["after"]),
        ({"property": [{"key": "s", "eq": str(LARGE)}]}, ["before"]),
        ({"property": [{"key": "s", "eq": LARGE}]}, []),
        ({"property": [{"key": "at", "eq": "2026-01-31"}]}, ["on"]),
    ],
)
async def test_what_is_null_is_not_set(where: Any, expected: list[str]) -> None:
    async with await filled() as store:
        assert await names(store, where) == expected


async def test_a_null_argument_is_an_absent_one() -> None:
    query = """query ($first: Int, $combine: Combine, $order: EntityOrder, $ids: [EntityRef!]!) {
      entities(first: $first, orderBy: $order, where: null, search: null, after: null, asOf: null) { totalCount }
      lineage(from: $ids, direction: BOTH, combine: $combine, excluding: null, depth: null, first: $first) {
        totalCount associations(first: $first) { totalCount } } }"""
    async with await filled() as store:
        ids = [{"urn": urn("on")}]
        variables = {
            "first": None,
            "combine": None,
            "order": {"field": "NAME", "direction": None},
            "ids": ids,
        }
        response = await data(store, query, variables)
        assert response == {
            "entities": {"totalCount": 3},
            "lineage": {"totalCount": 0, "associations": {"totalCount": 0}},
        }


async def test_a_date_is_its_midnight_as_of_which_is_answered() -> None:
    query = "query ($at: AsOf) { entities(asOf: $at) { nodes { name moment } } }"
    async with await filled() as store:
        answers = [
            await data(store, query, {"at": {"occurredAt": at}}) for at in ("2026-01-31", "2026-01-31T00:00:00Z")
        ]
        assert answers[0] == answers[1]
        assert [each["name"] for each in answers[0]["entities"]["nodes"]] == ["before", "on"]


RECORD = "mutation ($input: LineageRecordInput!) { lineageRecord(input: $input) { userErrors { message } } }"
REFUSED = "is a date without a time: write it as 2026-03-01T12:00:00Z"


async def test_what_is_recorded_needs_its_time() -> None:
    new = {"kind": "DATASET", "name": "d"}
    timestamp = {"key": "k", "value": {"timestamp": "2026-01-31"}}
    async with await filled() as store:
        for wrong in ({**new, "occurredAt": "2026-01-31"}, {**new, "properties": [timestamp]}):
            result = await answer(store, RECORD, {"input": {"entities": [wrong]}})
            assert REFUSED in result.errors[0].message
        literal = (
            'mutation { lineageRecord(input: {entities: [{kind: DATASET, name: "d", occurredAt: "2026-01-31"}]}) {'
        )
        result = await answer(store, literal + " userErrors { message } } }")
        assert REFUSED in result.errors[0].message
        assert await names(store, {}) == EVERYONE


async def test_text_shows_a_value_without_loss() -> None:
    inputs: list[tuple[PropertyType, Json, str]] = [
        (PropertyType.INTEGER, LARGE, "9007199254740993"),
        (PropertyType.INTEGER, -(2**63), "-9223372036854775808"),
        (PropertyType.FLOAT, 1e21, "1e+21"),
        (PropertyType.FLOAT, 0.1, "0.1"),
        (PropertyType.FLOAT, 5.0, "5"),
        (PropertyType.BOOLEAN, True, "true"),
        (PropertyType.TIMESTAMP, EPOCH, "2020-09-13T12:26:40.000000Z"),
        (PropertyType.STRING, 'a "b"', 'a "b"'),
        (PropertyType.JSON, {"b": [LARGE, 1e21, None], "a": "é\n"}, '{"a":"é\\n","b":[9007199254740993,1e+21,null]}'),
        (PropertyType.JSON, "text", '"text"'),
    ]
    shown = tuple(Property(f"k{n:02}", type, value) for n, (type, value, _) in enumerate(inputs))
    async with await open_store("memory:") as store:
        await store.record(Batch((entity("d", properties=shown),)), by="me")
        response = (await data(store, f'{{ entity(urn: "{urn("d")}") {{ properties {{ text value }} }} }}'))["entity"]
        assert [each["text"] for each in response["properties"]] == [text for *_, text in inputs]
        assert response["properties"][0]["value"] == LARGE
