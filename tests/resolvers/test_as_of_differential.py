"""What is answered as of a moment equals what a store answers that only ever received what there was by then.

Random histories with revisions, random access, random questions; from every root, and nested under one. The second
store has the access of today. All of an answer is compared but for times of recording, and cursors by what they go on
to; where less has occurred than was recorded, not the numbers of revisions either: they count what was recorded.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

import pytest
from drawn_access import BOB, administered, members_of
from engines import Engine, emptied
from examples import ON_SERVERS, WITH_MANY_QUESTIONS
from filter_inputs import inputs
from graphql_requests import Asker
from hypothesis import given, settings
from hypothesis import strategies as st
from observation_requests import COMPARISON, METRICS
from other_kinds import KINDS_OF_PIPELINES, KINDS_OF_REGISTRIES, KINDS_OF_TRIALS, TYPED, as_of_kinds
from record_builders import EPOCH
from strategies import association_filters, batches, entity_filters, maybe, walks

from lineal.auth.access_store import AccessChange
from lineal.auth.principals import LOCAL
from lineal.graphstore.batches import Batch
from lineal.graphstore.checks import checked_urns
from lineal.graphstore.errors import BatchRefused
from lineal.graphstore.opening import open_store
from lineal.graphstore.store import Store
from lineal.graphstore.urns import entity_id
from lineal.graphstore.values import format_timestamp, parse_timestamp

EVER: Final = (parse_timestamp("0001-01-01T00:00:00Z"), parse_timestamp("9999-12-31T23:59:59.999999Z"))


@dataclass(frozen=True, slots=True)
class Moment:
    """An `asOf`: of each of the two times, what is given; None for nothing."""

    recorded_at: int | None = None
    occurred_at: int | None = None

    def within(self, outer: "Moment") -> "Moment":
        """What holds where this is given below another."""
        recorded_at = outer.recorded_at if self.recorded_at is None else self.recorded_at
        return Moment(recorded_at, outer.occurred_at if self.occurred_at is None else self.occurred_at)

    @property
    def given(self) -> dict[str, Any]:
        """It as an input; what is not given is null."""
        times = {"recordedAt": self.recorded_at, "occurredAt": self.occurred_at}
        return {name: None if at is None else format_timestamp(at) for name, at in times.items()}


History = list[tuple[int, Batch]]
"""The batches that were taken, and when each was recorded."""


async def recorded(store: Store, batches: list[Batch]) -> History:
    taken = []
    for batch in batches:
        try:
            done = await store.record(batch, by="me")
        except BatchRefused:
            continue
        if done.recorded_at is not None:
            taken.append((done.recorded_at, batch))
    return taken


def by_then(history: History, moment: Moment) -> list[Batch]:
    """What of a history there was at a moment, with the times that parts without one were given."""
    until = EVER[1] if moment.recorded_at is None else moment.recorded_at
    occurred_at = EVER[1] if moment.occurred_at is None else moment.occurred_at
    settled = [(at, with_times(batch, at, history)) for at, batch in history if at <= until]
    known_from: dict[str, int] = {}
    for _, batch in settled:
        for urn, entity in zip(checked_urns(batch), batch.entities, strict=True):
            known_from[urn] = min(happened(entity), known_from.get(urn, EVER[1]))
        for revision in batch.revisions:
            known_from[revision.entity] = min(happened(revision), known_from[revision.entity])
    there = {urn for urn, at in known_from.items() if at <= occurred_at}
    return [
        Batch(
            tuple(e for urn, e in zip(checked_urns(batch), batch.entities, strict=True) if urn in there),
            tuple(
                each
                for each in batch.associations
                if {each.source, each.destination} <= there
                and (each.occurred_at is None or each.occurred_at <= occurred_at)
            ),
            tuple(each for each in batch.revisions if happened(each) <= occurred_at and each.entity in there),
            tuple(each for each in batch.observations if happened(each) <= occurred_at and each.entity in there),
        )
        for _, batch in settled
    ]


def with_times(batch: Batch, at: int, history: History) -> Batch:
    """A batch recorded at a time, as it was recorded: only associations have no time of their own."""
    first = {urn: earlier for earlier, recorded in reversed(history) for urn in checked_urns(recorded)}
    return replace(
        batch,
        entities=tuple(
            replace(each, occurred_at=first[urn]) if each.occurred_at is None else each
            for urn, each in zip(checked_urns(batch), batch.entities, strict=True)
        ),
        revisions=tuple(replace(r, occurred_at=at) if r.occurred_at is None else r for r in batch.revisions),
    )


def happened(part: Any) -> int:
    assert part.occurred_at is not None
    return int(part.occurred_at)


@asynccontextmanager
async def replayed(whole: Store, history: History, moment: Moment, urns: list[str]) -> AsyncIterator[Store]:
    """A store that only ever received what there was at a moment, under the access of another."""
    async with await open_store("memory:") as store:
        # Of its secrets are the ids made under which what is masked is shown.
        setattr(store, "secret", whole.secret)  # noqa: B010 (a method of one store is replaced)
        for batch in by_then(history, moment):
            await store.record(batch, by="me")
        documents, members = (await whole.access_since(0)).documents, await members_of(whole, urns)
        await store.change_access(AccessChange(documents), epoch=0)
        await store.change_access(AccessChange(joins=members), epoch=1)
        yield store


ENTITY = """__typename id urn kind account name version type description status tags source { uri type }
  properties { key type value } occurredAt recordedBy digest"""
EDGE = "id type role occurredAt recordedBy digest properties { key value } source { urn tags } destination { urn }"
HISTORY = "status tags description properties { key value } removed occurredAt"


def node(numbered: bool) -> str:
    """An entity and all that is nested in it, without another `asOf`."""
    return f"""{ENTITY} {TYPED} {METRICS}
      history(first: 100) {{ totalCount nodes {{ {HISTORY} {"sequence digest" if numbered else ""} }} }}
      versions(first: 100) {{ totalCount nodes {{ urn tags }} }}
      lineageGroups {{ id entities(first: 100) {{ totalCount nodes {{ urn tags }} }} }}
      associations(first: 100) {{ totalCount nodes {{ {EDGE} }} }}
      ascendants(depth: 2) {{ totalCount nodes {{ urn tags descendants {{ totalCount nodes {{ urn }} }} }} }}"""


LINEAGE = f"""totalCount countsByKind {{ kind count }} completeness {{ isComplete reasons visited withheld }}
  pageInfo {{ hasNextPage }}
  edges {{ distance path {{ {EDGE} }} node {{ {ENTITY}
    history {{ totalCount }} versions {{ nodes {{ urn }} }} descendants(depth: 1) {{ nodes {{ urn tags }} }} }} }}
  associations(first: 100) {{ totalCount nodes {{ {EDGE} }} }}"""
PAGED = LINEAGE.replace("hasNextPage", "hasNextPage endCursor")
NOTHING = {
    "totalCount": 0,
    "countsByKind": [],
    "completeness": {"isComplete": True, "reasons": [], "visited": 0, "withheld": None},
    "pageInfo": {"hasNextPage": False},
    "edges": [],
    "associations": {"totalCount": 0, "nodes": []},
}


@settings(max_examples=WITH_MANY_QUESTIONS)
@given(batches(), st.data())
async def test_an_answer_as_of_a_time_equals_the_answer_of_that_time(
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


async def compared(whole: Store, parts: list[Batch], draws: st.DataObject) -> None:
    async with whole:
        history = await recorded(whole, parts)
        accounts = {
            urn: entity.account
            for _, batch in history
            for urn, entity in zip(checked_urns(batch), batch.entities, strict=True)
        }
        if not accounts:
            return
        await administered(whole, draws, accounts, with_boundaries=True)
        by, urns = draws.draw(st.sampled_from([LOCAL, BOB])), sorted(accounts)
        outer, inner = draws.draw(moments(history)), draws.draw(moments(history))
        async with (
            replayed(whole, history, outer, urns) as then,
            replayed(whole, history, inner.within(outer), urns) as again,
        ):
            await compared_at_roots(Asker(whole, by), Asker(then, by), outer, urns, draws)
            await compared_below(Asker(whole, by), Asker(then, by), Asker(again, by), outer, inner, urns, draws)


@st.composite
def moments(draw: st.DrawFn, history: History) -> Moment:
    around = sorted({near for at, _ in history for near in (at - 1, at)} | set(EVER))
    occurred = st.integers(-1, 5).map(lambda n: EPOCH + n) | st.sampled_from([at for at, _ in history])
    return Moment(draw(st.none() | st.sampled_from(around)), draw(st.none() | occurred))


async def compared_at_roots(now: Asker, then: Asker, moment: Moment, urns: list[str], draws: st.DataObject) -> None:
    """Every root field, asked as of a moment, against the store of that moment."""
    asked = questions(draws, urns)
    selection = node(moment.occurred_at is None)
    for urn in urns:
        query = f"query ($u: String!, $at: AsOf) {{ entity(urn: $u, asOf: $at) {{ {selection} }} }}"
        assert await now.ask(query, u=urn, at=moment.given) == await then.ask(query, u=urn), urn
    query = f"query ($of: [EntityRef!]!, $at: AsOf) {{ comparison(of: $of, asOf: $at) {{ {COMPARISON} }} }}"
    for pair in pairwise(map(entity_id, urns)):
        of = [{"id": id} for id in pair]
        assert await now.ask(query, of=of, at=moment.given) == await then.ask(query, of=of), pair
    shown = f"totalCount countsByKind {{ kind count }} pageInfo {{ hasNextPage endCursor }} nodes {{ {selection} }}"
    declared = ", $at: AsOf, $w: EntityFilter, $f: Int"
    for field in ("entities", "models", "datasets"):
        # Of one kind, what only others have cannot be asked.
        shown = shown if field == "entities" else shown.replace(TYPED, "")
        arguments = "where: $w, first: $f, asOf: $at"
        variables = {"w": asked["w"] if field == "entities" else without_kinds(asked["w"]), "f": asked["f"]}
        answer = await now.pages(field, declared, arguments, shown, at=moment.given, **variables)
        assert answer == await then.pages(field, declared, arguments, shown, **variables), field
    declared = ", $at: AsOf, $from: [EntityRef!]!, $d: LineageDirection!, $c: Combine, $x: [EntityRef!]"
    declared += ", $n: Int, $w: EntityFilter, $s: EntityFilter, $v: AssociationFilter, $h: AssociationFilter"
    declared += ", $k: Boolean, $f: Int"
    arguments = "from: $from, direction: $d, combine: $c, excluding: $x, depth: $n, where: $w, stopAt: $s, via: $v"
    arguments += ", firstHop: $h, causal: $k, first: $f, asOf: $at"
    answer = await now.pages("lineage", declared, arguments, PAGED, at=moment.given, **asked)
    assert answer == await then.pages("lineage", declared, arguments, PAGED, **asked), "lineage"


def without_kinds(where: Any) -> Any:
    """A filter that does not name kinds, which the list of one kind refuses where they are others."""
    if where is None:
        return None
    kept = {name: value for name, value in where.items() if name != "kind"}
    return kept | {name: [without_kinds(each) for each in kept[name]] for name in ("and", "or") if name in kept}


def questions(draws: st.DataObject, urns: list[str]) -> dict[str, Any]:
    draw = draws.draw
    way, ids = draw(walks), st.sampled_from([{"id": entity_id(urn)} for urn in urns])
    return {
        "from": draw(st.lists(ids, min_size=1, max_size=2)),
        "d": way["direction"],
        "c": way["combine"],
        "x": draw(st.just([]) | st.lists(ids, max_size=1)),
        "n": way["depth"] or None,
        "w": draw(inputs(st.none() | entity_filters)),
        "s": draw(inputs(maybe(entity_filters))),
        "v": draw(inputs(st.none() | association_filters)),
        "h": draw(inputs(maybe(association_filters))),
        "k": way["causal"],
        "f": draw(st.sampled_from([1, 2, 100])),
    }


async def compared_below(
    now: Asker, then: Asker, again: Asker, outer: Moment, inner: Moment, urns: list[str], draws: st.DataObject
) -> None:
    """A moment given again further in, against the stores of both."""
    field = draws.draw(st.sampled_from(["ascendants", "descendants"]))
    asked = {name: value for name, value in questions(draws, urns).items() if name in ("n", "w", "s", "v", "h", "f")}
    arguments = "depth: $n, where: $w, stopAt: $s, via: $v, firstHop: $h, first: $f"
    plainly = "$u: String!, $n: Int, $w: EntityFilter, $s: EntityFilter, $v: AssociationFilter"
    plainly += ", $h: AssociationFilter, $f: Int"
    declared = f"{plainly}, $at: AsOf, $in: AsOf"
    for urn in urns:
        query = f"""query ({declared}, $after: String) {{ entity(urn: $u, asOf: $at) {{
          c: {field}({arguments}, after: $after, asOf: $in) {{ {PAGED} }} }} }}"""
        answer = await pages_below(now, query, u=urn, at=outer.given, **{"in": inner.given}, **asked)
        expected = await pages_below(again, query, u=urn, **asked)
        if not await is_there(then, urn):
            assert answer is None, urn
        else:
            assert answer == ([NOTHING] if expected is None else expected), urn
    alone = f"query ({plainly}) {{ entity(urn: $u) {{ c: {field}({arguments}) {{ {LINEAGE} }} }} }}"
    deep = f"""query ({declared}) {{ entity(urn: $u, asOf: $at) {{ ascendants(first: 100) {{ nodes {{ urn
      c: {field}({arguments}, asOf: $in) {{ {LINEAGE} }} }} }} }} }}"""
    for urn in urns[:2]:
        whole = (await now.ask(deep, u=urn, at=outer.given, **{"in": inner.given}, **asked))["entity"]
        plain = "query ($u: String!) { entity(urn: $u) { ascendants(first: 100) { nodes { urn } } } }"
        upper = (await then.ask(plain, u=urn))["entity"]
        assert (whole is None) == (upper is None), urn
        if whole is None:
            continue
        assert [each["urn"] for each in whole["ascendants"]["nodes"]] == [
            each["urn"] for each in upper["ascendants"]["nodes"]
        ]
        for each in whole["ascendants"]["nodes"]:
            entity = (await again.ask(alone, u=each["urn"], **asked))["entity"]
            assert each["c"] == (NOTHING if entity is None else entity["c"]), (urn, each["urn"])


async def is_there(asker: Asker, urn: str) -> bool:
    return (await asker.ask("query ($u: String!) { entity(urn: $u) { urn } }", u=urn))["entity"] is not None


async def pages_below(asker: Asker, query: str, **variables: Any) -> list[Any] | None:
    """All pages of the connection `c` of an entity, without their cursors; None where there is no such entity."""
    results: list[Any] = []
    after = None
    while not results or results[-1]["pageInfo"]["hasNextPage"]:
        assert len(results) < 60
        entity = (await asker.ask(query, after=after, **variables))["entity"]
        if entity is None:
            return None
        after = entity["c"]["pageInfo"].pop("endCursor")
        results.append(entity["c"])
    return results
