"""What a principal is answered equals what it is answered of a store that never held what it may not see.

Random histories, groups, policies and shares; a principal of another account; questions through the schema from every
root, with every argument. The second store is filled by the reference model's export under the principal's scope. All
of an answer is compared but for times of recording; cursors by what they go on to.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from typing import Any

import pytest
from drawn_access import BOB, administered, members_of
from engines import Engine, emptied
from examples import ON_SERVERS, WITH_MANY_QUESTIONS
from filter_inputs import as_order, inputs
from graphql_requests import Asker, context_of
from hypothesis import given, settings
from hypothesis import strategies as st
from observation_requests import COMPARISON, METRICS
from other_kinds import KINDS_OF_PIPELINES, KINDS_OF_REGISTRIES, KINDS_OF_TRIALS, TYPED, as_of_kinds
from reference_store import ReferenceStore
from strategies import association_filters, batches, entity_filters, maybe, orderings, searches, walks

from lineal.auth.access_store import AccessChange
from lineal.graphstore.batches import Batch, NewAssociation, NewEntity, NewObservation, NewRevision
from lineal.graphstore.errors import BatchRefused
from lineal.graphstore.full_text import words_of
from lineal.graphstore.opening import open_store
from lineal.graphstore.queries import EntityOrderField
from lineal.graphstore.records import AsOf, View
from lineal.graphstore.store import Store
from lineal.graphstore.urns import entity_id

ENTITY = """__typename id urn kind lineageType account name version type description status tags
  source { uri type ids { type value } } properties { key type value } occurredAt recordedBy digest"""
EDGE = "id type role occurredAt recordedBy digest properties { key value } source { urn } destination { urn }"
LINEAGE = f"""totalCount countsByKind {{ kind count }} completeness {{ isComplete reasons visited withheld }}
  pageInfo {{ hasNextPage endCursor }}
  edges {{ distance node {{ {ENTITY} }} path {{ {EDGE} }} }}
  associations(first: 100) {{ totalCount nodes {{ {EDGE} }} }}"""
NESTED = f"""{ENTITY} {TYPED} {METRICS}
  history(first: 100) {{ totalCount nodes {{
    sequence status tags description properties {{ key value }} removed occurredAt digest }} }}
  versions(first: 100) {{ totalCount nodes {{ urn }} }}
  lineageGroups {{ id name account boundary tellsWithheld entities(first: 100) {{ totalCount nodes {{ urn }} }} }}
  associations(first: 100) {{ totalCount nodes {{ {EDGE} source {{ name }} destination {{ account }} }} }}
  ascendants(depth: 2) {{ totalCount nodes {{ urn descendants(first: 5) {{ totalCount nodes {{ urn }} }} }} }}"""


@settings(max_examples=WITH_MANY_QUESTIONS)
@given(batches(), st.data())
async def test_answers_equal_those_of_a_store_without_the_hidden_entities(
    history: list[Batch], draws: st.DataObject
) -> None:
    await compared(await open_store("memory:"), history, draws)


@pytest.mark.parametrize("kinds", [KINDS_OF_TRIALS, KINDS_OF_REGISTRIES, KINDS_OF_PIPELINES])
@settings(max_examples=ON_SERVERS)
@given(batches(), st.data())
async def test_typed_fields_show_only_visible_entities(
    kinds: dict[str, str], history: list[Batch], draws: st.DataObject
) -> None:
    await compared(await open_store("memory:"), [as_of_kinds(batch, kinds) for batch in history], draws)


@settings(max_examples=ON_SERVERS)
@given(batches(), st.data())
async def test_behind_graph_servers_too(graph_server: Engine, history: list[Batch], draws: st.DataObject) -> None:
    await emptied(graph_server.url)
    await compared(await open_store(graph_server.url), history, draws)


async def compared(opened: Store, history: list[Batch], draws: st.DataObject) -> None:
    async with opened, stores(opened, history, draws) as (whole, seen, ids, urns):
        if not urns:
            return
        asked = await questions(draws, ids)
        answers = [await answered(Asker(store, BOB), asked, ids, urns) for store in (whole, seen)]
        for name in answers[0]:
            assert answers[0][name] == answers[1][name], name


async def questions(draws: st.DataObject, ids: list[str]) -> dict[str, Any]:
    draw = draws.draw
    way = draw(walks)
    return {
        "where": draw(inputs(entity_filters)),
        "search": draw(maybe(searches.filter(words_of))),
        "order": as_order(draw(orderings.filter(lambda order: order.field is not EntityOrderField.RECORDED_AT))),
        "compared": draw(st.lists(st.sampled_from(ids), min_size=2, max_size=4)),
        "starts": draw(st.lists(st.sampled_from(ids), min_size=1, max_size=2)),
        "excluding": draw(st.just([]) | st.lists(st.sampled_from(ids), max_size=1)),
        "direction": way["direction"],
        "combine": way["combine"],
        "depth": way["depth"] or None,
        "reached": draw(inputs(st.none() | entity_filters)),
        "stopAt": draw(inputs(maybe(entity_filters))),
        "via": draw(inputs(st.none() | association_filters)),
        "firstHop": draw(inputs(maybe(association_filters))),
        "causal": way["causal"],
        "first": draw(st.sampled_from([1, 2, 100])),
    }


def refs(ids: Any) -> list[dict[str, str]]:
    return [{"id": id} for id in ids]


async def answered(asker: Asker, asked: dict[str, Any], ids: list[str], urns: list[str]) -> dict[str, Any]:
    """Everything asked, by what it is."""
    expected: dict[str, Any] = {}
    expected["nodes"] = await asker.ask(
        f"query ($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Entity {{ {NESTED} }} }} }}", ids=ids
    )
    for urn in urns:
        query = f"query ($u: String!) {{ entity(urn: $u) {{ {ENTITY} }} }}"
        expected[urn] = await asker.ask(query, u=urn)
    query = f"query ($of: [EntityRef!]!) {{ comparison(of: $of) {{ {COMPARISON} }} }}"
    expected["comparison"] = await asker.ask(query, of=refs(asked["compared"]))
    expected["pairs"] = [await asker.ask(query, of=refs(pair)) for pair in pairwise(ids)]
    shown = f"totalCount countsByKind {{ kind count }} pageInfo {{ hasNextPage endCursor }} nodes {{ {ENTITY} }}"
    declared, arguments = (
        ", $w: EntityFilter, $s: String, $o: EntityOrder",
        "where: $w, search: $s, orderBy: $o, first: 2",
    )
    expected["entities"] = await asker.pages(
        "entities", declared, arguments, shown, w=asked["where"], s=asked["search"], o=asked["order"]
    )
    declared, arguments = ", $s: String, $o: EntityOrder", "search: $s, orderBy: $o, first: 2"
    expected["models"] = await asker.pages("models", declared, arguments, shown, s=asked["search"], o=asked["order"])
    for kind in (None, "MODEL"):
        query = 'query ($k: EntityKind) { propertyKeys(startsWith: "", kind: $k) }'
        expected[f"keys of {kind}"] = await asker.ask(query, k=kind)
    declared = ", $from: [EntityRef!]!, $d: LineageDirection!, $c: Combine, $x: [EntityRef!], $n: Int, $w: EntityFilter"
    declared += ", $s: EntityFilter, $v: AssociationFilter, $h: AssociationFilter, $k: Boolean, $f: Int!"
    arguments = "from: $from, direction: $d, combine: $c, excluding: $x, depth: $n, where: $w, stopAt: $s, via: $v"
    arguments += ", firstHop: $h, causal: $k, first: $f"
    names = {"from": "starts", "d": "direction", "c": "combine", "x": "excluding", "n": "depth", "w": "reached"}
    names |= {"s": "stopAt", "v": "via", "h": "firstHop", "k": "causal", "f": "first"}
    variables = {name: asked[of] for name, of in names.items()}
    variables |= {name: refs(variables[name] or ()) for name in ("from", "x")}
    expected["lineage"] = await asker.pages("lineage", declared, arguments, LINEAGE, **variables)
    listed = "id name entities(first: 100) { totalCount nodes { urn } }"
    expected["groups"] = await asker.ask(f"{{ lineageGroups(first: 100) {{ totalCount nodes {{ {listed} }} }} }}")
    return expected


@asynccontextmanager
async def stores(
    whole: Store, history: list[Batch], draws: st.DataObject
) -> AsyncIterator[tuple[Store, Store, list[str], list[str]]]:
    """A store with all of a history, one with what Bob may see of it, and the ids and urns of all there is."""
    times = [0]
    model = ReferenceStore(lambda: times[-1])
    async with await open_store("memory:") as seen:
        for batch in history:
            for store in (whole, model):
                with suppress(BatchRefused):
                    times.append((await store.record(batch, by="me")).recorded_at or times[-1])
        every = list(model.ledger.entities)
        urns = sorted(kept.urn for kept in every)
        entity_groups = {kept.urn: kept.part.account for kept in every}
        if not urns:
            yield whole, seen, [], []
            return
        await administered(whole, draws, entity_groups)
        documents = (await whole.access_since(0)).documents
        members = await members_of(whole, urns)
        for store in (seen, model):
            await store.change_access(AccessChange(documents), epoch=0)
        await model.change_access(AccessChange(joins=members), epoch=1)
        scope = (await context_of(whole, BOB)).authorizer.scope
        parts = [part async for part in model.export(View(scope, AsOf(model.latest)))]
        await seen.record(
            Batch(
                tuple(part for part in parts if isinstance(part, NewEntity)),
                tuple(part for part in parts if isinstance(part, NewAssociation)),
                tuple(part for part in parts if isinstance(part, NewRevision)),
                tuple(part for part in parts if isinstance(part, NewObservation)),
            ),
            by="me",
        )
        await seen.change_access(AccessChange(joins=members), epoch=1)
        yield whole, seen, [entity_id(urn) for urn in urns], urns
