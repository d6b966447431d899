"""Causal lineage through GraphQL, of OpenLineage events: what a later rewrite brought is not in an earlier product."""

from typing import Any

import pytest
from graphql_requests import answer, data

from lineal.capture.openlineage import receive
from lineal.graphstore.opening import open_store
from lineal.graphstore.store import Store
from lineal.resolvers.errors import BadInput

SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"


def completed(day: str, number: int, reads: str, writes: str) -> dict[str, Any]:
    """The one event of a run that read one dataset and wrote another."""
    return {
        "eventType": "COMPLETE",
        "eventTime": f"{day}T00:00:00Z",
        "producer": "https://example.org/p",
        "schemaURL": SCHEMA,
        "run": {"runId": f"00000000-0000-4000-8000-00000000000{number}"},
        "job": {"namespace": "n", "name": f"job{number}"},
        "inputs": [{"namespace": "n", "name": reads}],
        "outputs": [{"namespace": "n", "name": writes}],
    }


async def filled(url: str = "memory:") -> Store:
    store = await open_store(url)
    for event in (completed("2026-01-01", 1, "A", "B"), completed("2026-02-01", 2, "C", "A")):
        await receive(store, event, account="local", by="me")
    return store


async def ids(store: Store) -> dict[str, str]:
    """The ids of the datasets by the last letter of their names."""
    response = await data(store, "{ datasets { nodes { id name } } }")
    return {each["name"][-1]: each["id"] for each in response["datasets"]["nodes"]}


QUERY = """query ($from: [EntityRef!]!, $id: ID!, $direction: LineageDirection!, $causal: Boolean, $after: String) {
  lineage(from: $from, direction: $direction, causal: $causal, where: {kind: [DATASET]}, first: 1, after: $after) {
    nodes { name } pageInfo { endCursor } completeness { isComplete } }
  node(id: $id) { ... on Entity {
    ascendants(causal: $causal, where: {kind: [DATASET]}) { nodes { name } }
    descendants(causal: $causal, where: {kind: [DATASET]}) { nodes { name } } } } }"""


@pytest.mark.parametrize(
    ("start", "causal", "up", "down"),
    [
        ("B", True, "A", ""),
        ("B", False, "AC", ""),
        ("B", None, "AC", ""),
        ("C", True, "", "A"),
        ("C", False, "", "AB"),
        ("A", True, "C", "B"),
    ],
)
async def test_the_january_product_does_not_rest_on_the_february_rewrite(
    start: str, causal: bool | None, up: str, down: str
) -> None:
    async with await filled() as store:
        id = (await ids(store))[start]
        asked = {"from": [{"id": id}], "id": id, "direction": "BOTH", "causal": causal}
        response = (await data(store, QUERY, asked))["node"]
        shown = {way: [each["name"][-1] for each in response[way]["nodes"]] for way in response}
        assert shown == {"ascendants": list(up), "descendants": list(down)}


async def test_a_cursor_of_a_causal_walk_is_of_no_other() -> None:
    async with await filled() as store:
        id = (await ids(store))["A"]
        asked = {"from": [{"id": id}], "id": id, "direction": "BOTH", "causal": True}
        page = (await data(store, QUERY, asked))["lineage"]
        after = page["pageInfo"]["endCursor"]
        following = (await data(store, QUERY, asked | {"after": after}))["lineage"]
        assert [each["nodes"][0]["name"][-1] for each in (page, following)] == ["B", "C"]
        result = await answer(store, QUERY, asked | {"after": after, "causal": False})
        assert "after is not a cursor of this field with these arguments" in result.errors[0].message


async def test_connected_has_no_direction_to_flow_in() -> None:
    async with await filled() as store:
        id = (await ids(store))["A"]
        result = await answer(store, QUERY, {"from": [{"id": id}], "id": id, "direction": "CONNECTED", "causal": True})
        (error,) = result.errors
        assert error.message.startswith("causal needs a direction to flow in: ask ASCENDANTS, DESCENDANTS or BOTH")
        assert isinstance(error.original_error, BadInput)
