"""Store round trips, exactly as many as the speed document allows (B8), whatever the depth and the width."""

from collections import Counter

import pytest
from counting_store import CountingStore
from graphql_requests import data
from record_builders import entity, graph

from lineal.graphstore.batches import Batch
from lineal.graphstore.opening import open_store
from lineal.graphstore.urns import entity_id


async def trips(query: str, width: int = 8) -> Counter[str]:
    """The calls one request makes, on a tree of three levels."""
    edges = [f"root>{n}>{n}x{m}>{n}x{m}y" for n in range(width) for m in range(width)]
    async with await open_store("memory:") as store:
        await store.record(graph(*edges), by="me")
        await store.record(Batch((entity("other"),)), by="me")
        await data(store, "{ viewer { account } }")
        counting = CountingStore(store)
        await data(counting, query)
        return counting.calls - Counter(secret=1)


ROOT = 'entity(urn: "lineal:a:DATASET:root")'


@pytest.mark.parametrize("width", [2, 9])
async def test_hop_by_hop_takes_one_round_trip_a_level(width: int) -> None:
    inner = "descendants(depth: 1, first: 100) { nodes { urn %s } }"
    query = f"{{ {ROOT} {{ {inner % (inner % (inner % ''))} }} }}"
    assert await trips(query, width) == Counter(newest=1, entities=1, reach=3)


@pytest.mark.parametrize("width", [2, 9])
async def test_a_multi_hop_field_with_paths_and_their_ends(width: int) -> None:
    query = f"{{ {ROOT} {{ descendants(first: 1000) {{ totalCount countsByKind {{ kind }} edges {{ distance cursor "
    query += "node { urn } path { type source { urn } destination { name } } } pageInfo { endCursor } } } }"
    assert await trips(query, width) == Counter(newest=1, entities=2, reach=1)
    without_ends = query.replace("source { urn } destination { name }", "role")
    assert await trips(without_ends, width) == Counter(newest=1, entities=1, reach=1)


async def test_associations_versions_and_history_add_one_round_trip_each() -> None:
    query = f"""{{ {ROOT} {{ descendants(first: 100) {{ associations(first: 5) {{ totalCount nodes {{ type }} }}
      nodes {{ versions {{ totalCount }} history {{ totalCount }} associations {{ totalCount }} }} }} }} }}"""
    expected = Counter(newest=1, entities=1, reach=1, reach_associations=1, find=1, history=1, associations=1)
    assert await trips(query) == expected


async def test_several_roots_share_their_level() -> None:
    query = f"""{{ a: {ROOT} {{ descendants {{ totalCount }} ascendants {{ totalCount }} }}
      b: {ROOT} {{ descendants(depth: 1) {{ totalCount }} }} entities {{ totalCount }} models {{ totalCount }}
      nodes(ids: ["x", "y"]) {{ id }} }}"""
    assert await trips(query) == Counter(newest=1, entities=1, reach=1, find=1)


async def test_fragments_aliases_and_directives_are_seen_through() -> None:
    query = f"""query {{ {ROOT} {{ ...A }} }}
      fragment A on Entity {{ descendants {{ ...B }} }}
      fragment B on LineageConnection {{ e: edges {{ ... on LineageEdge {{ ...C }} }} }}
      fragment C on LineageEdge {{ p: path @skip(if: false) {{ s: source {{ urn }} }} }}"""
    assert await trips(query) == Counter(newest=1, entities=2, reach=1)
    assert await trips(query.replace("@skip(if: false)", "@include(if: false)")) == Counter(
        newest=1, entities=1, reach=1
    )


async def test_as_of_adds_no_round_trip() -> None:
    at = 'asOf: {recordedAt: "9000-01-01T00:00:00Z"}'
    root, earlier = ROOT.replace(")", f", {at})"), 'asOf: {occurredAt: "2021-01-01T00:00:00Z"}'
    nested = f"ascendants({earlier}) {{ edges {{ path {{ source {{ urn }} }} }} }}"
    query = f"{{ {root} {{ descendants {{ nodes {{ {nested} }} }} }} }}"
    assert await trips(query) == Counter(newest=1, entities=2, reach=2)
    query = f"{{ {root} {{ a: descendants {{ totalCount }} b: descendants({earlier}) {{ totalCount }} }} }}"
    assert await trips(query) == Counter(newest=1, entities=1, reach=1), "two moments of one level share it"
    query = (
        f"{{ a: entities({at}) {{ totalCount }} b: entities({earlier}) {{ totalCount }} c: models {{ totalCount }} }}"
    )
    assert await trips(query) == Counter(newest=1, find=1)


async def test_the_groups_of_many_entities_are_one() -> None:
    query = f"{{ {ROOT} {{ lineageGroups {{ id }} descendants {{ nodes {{ lineageGroups {{ id }} }} }} }} }}"
    assert await trips(query) == Counter(newest=1, entities=1, reach=1, entity_groups=2), "one a level"
    assert await trips("{ lineageGroups { nodes { name } } }") == Counter(newest=1)


async def test_repeated_writes_read_once() -> None:
    recorded = """mutation { lineageRecord(input: {entities: [{kind: DATASET, name: "x"}, {kind: MODEL, name: "y"}],
      associations: [{type: PRODUCED, source: {urn: "lineal:local:DATASET:x"}, destination: {id: "%s"}},
        {type: DERIVED_FROM, source: {urn: "lineal:a:DATASET:other"}, destination: {urn: "lineal:local:DATASET:x"}}]})
      { entities { isNew entity { urn } } associations { isNew } userErrors { message } } }"""
    assert await trips(recorded % entity_id("lineal:local:MODEL:y")) == Counter(newest=1, entity_groups=1, record=1)
    revised = """mutation { entityRevise(input: {entity: {urn: "lineal:a:DATASET:other"}, tags: ["t"],
      supersededBy: {id: "%s"}}) { entity { tags } revision { sequence } userErrors { message } } }"""
    asked = Counter(newest=1, entity_groups=1, record=1, entities=1)
    assert await trips(revised % entity_id("lineal:a:DATASET:root")) == asked
    refused = 'mutation { lineageRecord(input: {entities: [{kind: DATASET, name: ""}]}) { userErrors { code } } }'
    assert await trips(refused) == Counter(newest=1)
