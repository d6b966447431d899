"""What goes through the mixed index does, by JanusGraph's own account; what it does not show yet is found beside it."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from re import DOTALL, findall
from typing import Any
from unittest import mock

import pytest
from engines import Engine, emptied
from indexed_filters import FILTERS, filled
from record_builders import entity, id_of, now, properties, urn

from lineal.auth.access_store import AccessChange, Document, EpochConflict, Membership
from lineal.auth.permissions import Permission
from lineal.auth.scopes import Grant, GroupRule, Scope, default_group
from lineal.graphstore.batches import Batch, NewRevision
from lineal.graphstore.errors import OutcomeUnknown, StoreUnusable, Unavailable
from lineal.graphstore.gremlin import batch_parts, entity_pages, index_backlog, mixed_index
from lineal.graphstore.gremlin.client import GremlinClient, g
from lineal.graphstore.gremlin.index_backlog import unindexed_vertices
from lineal.graphstore.gremlin.vertex_ids import key_of_urn, vertex_of_key
from lineal.graphstore.index_terms import of_tag
from lineal.graphstore.kinds import EntityKind, PropertyType
from lineal.graphstore.opening import open_store
from lineal.graphstore.queries import (
    BY_URN,
    EntityFilter,
    EntityOrderField,
    Find,
    Operand,
    Ordering,
    PropertyFilter,
    StringFilter,
)
from lineal.graphstore.records import Source, View
from lineal.graphstore.store import Store


@pytest.fixture
async def store(janusgraph: Engine) -> Any:
    await emptied(janusgraph.url)
    async with await open_store(janusgraph.url) as opened:
        await filled(opened)
        yield opened


async def queries(store: Store, question: Find, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What JanusGraph says of every query of vertices that a question comes to."""
    asked: list[Any] = []
    wait = GremlinClient.wait

    def noting(server: GremlinClient, *steps: Any) -> Any:
        asked.extend(each.clone() for each in steps)
        return wait(server, *steps)

    with monkeypatch.context() as patched:
        patched.setattr(GremlinClient, "wait", noting)
        await store.find([question])
    assert asked
    server: GremlinClient = store._server  # type: ignore[attr-defined]
    profiles = [(await server.ask(steps.profile()))[0] for steps in asked]
    return [each["annotations"] for metrics in profiles for each in _all(metrics["metrics"]) if _is_query(each)]


def _all(metrics: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for each in metrics:
        yield each
        yield from _all(each["metrics"])


def _is_query(metrics: dict[str, Any]) -> bool:
    return str(metrics["name"]) == "GraphCentricQuery"


def indexes(told: list[dict[str, Any]]) -> set[str]:
    """The indexes that queries went through, each wholly; "" for none."""
    return {str(each.get("index", "")) if each.get("isFitted") == "true" else "" for each in told}


@pytest.mark.parametrize("order", [BY_URN, Ordering(EntityOrderField.PROPERTY, "k")], ids=["by urn", "by property"])
@pytest.mark.parametrize("name", FILTERS)
async def test_filters_go_through_the_mixed_index(
    store: Store, name: str, order: Ordering, monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles = await queries(store, Find(await now(store), FILTERS[name], order), monkeypatch)
    is_by_id = name in ("urn eq", "urn in")
    assert indexes(profiles) == (set() if is_by_id else {"asked"}), profiles


@pytest.mark.parametrize("search", ["word", "two words", "lake"])
async def test_searches_go_through_the_mixed_index(store: Store, search: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert indexes(await queries(store, Find(await now(store), search=search), monkeypatch)) == {"asked"}


async def test_searches_under_a_scope_of_kinds_go_through_the_mixed_index(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kind in a condition is not looked up by the index of kinds, which would name every entity of them."""
    grant = Grant(frozenset({Permission.READ, Permission.READ_PROPERTIES}), kinds=frozenset({"DATASET"}))
    scope = Scope.of([GroupRule(default_group("a"), (grant,))])
    view = View(scope, (await now(store)).as_of)
    for where in (
        EntityFilter(tag=("t",)),
        EntityFilter((EntityKind.DATASET,), tag=("t",)),
        EntityFilter(tag=("t",), and_=(EntityFilter(not_=EntityFilter((EntityKind.MODEL,))),)),
    ):
        assert indexes(await queries(store, Find(view, where), monkeypatch)) == {"asked"}
        (page,) = await store.find([Find(view, where)])
        assert page.total == 41, "of the others revisions changed the tags"


async def test_fields_outside_the_index_are_scanned(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for where in (
        EntityFilter((EntityKind.DATASET,)),
        EntityFilter(not_=EntityFilter(tag=("t",))),
        EntityFilter(name=StringFilter(ne="n")),
        EntityFilter(property=(PropertyFilter("k", exists=False),)),
        EntityFilter(or_=(EntityFilter(tag=("t",)), EntityFilter((EntityKind.DATASET,)))),
    ):
        profiles = await queries(store, Find(await now(store), where), monkeypatch)
        assert {each["index"] for each in profiles} == {"by_kind"}


async def test_more_values_than_one_lucene_query_takes(store: Store) -> None:
    numbers = tuple(Operand(PropertyType.INTEGER, n) for n in range(45, 1045))
    names = tuple(f"name-{n}" for n in range(40, 1040))
    tags = (*(f"t{n}" for n in range(999)), "t")
    where = EntityFilter(tag=tags, name=StringFilter(in_=names, ignore_case=True), property=(among("k", numbers),))
    (page,) = await store.find([Find(await now(store), where)])
    assert [each.name for each in page.items] == [f"name-{n}" for n in range(45, 50)]
    (page,) = await store.find([Find(await now(store), EntityFilter(name=StringFilter(in_=names)))])
    assert [each.name for each in page.items] == [f"name-{n}" for n in range(40, 50)]


def among(key: str, operands: tuple[Operand, ...]) -> PropertyFilter:
    return PropertyFilter(key, in_=operands)


async def test_texts_longer_than_the_index_takes(store: Store) -> None:
    """An index that was given one would lose the whole entity."""
    long, key = "é(" * 40_000, "ü" * 256
    some = entity(
        "long", source=Source(long), properties=properties(**{"text": long, key: "v"}), description=long, tags=("x",)
    )
    await store.record(Batch((some,)), by=long)
    for where in (
        EntityFilter(source_uri=StringFilter(eq=long)),
        EntityFilter(source_uri=StringFilter(starts_with=long[:-1])),
        EntityFilter(source_uri=StringFilter(contains=long[-3000:])),
        EntityFilter(source_uri=StringFilter(contains="É(É", ignore_case=True)),
        EntityFilter(recorded_by=StringFilter(eq=long)),
        EntityFilter(property=(PropertyFilter("text", contains=long[-3000:]),)),
        EntityFilter(property=(PropertyFilter("text", gte=Operand(PropertyType.STRING, long)),)),
        EntityFilter(property=(PropertyFilter(key, exists=True),)),
        EntityFilter(property=(PropertyFilter(key, contains="v"),)),
        EntityFilter(property=(PropertyFilter(key, gte=Operand(PropertyType.STRING, "v")),)),
    ):
        (page,) = await store.find([Find(await now(store), where)])
        assert [each.name for each in page.items] == ["long"], where
    (page,) = await store.find([Find(await now(store), search="é")])
    assert [each.name for each in page.items] == ["long"]


@pytest.mark.parametrize(
    "text", ['a.b*c?d+e|f{1}[g]"h"@i&j<1-2>~k^l$m#n\\o(p)', "line\nbreak", "\U0001f600 ü ß", "a" * 512]
)
async def test_texts_with_pattern_characters(store: Store, text: str) -> None:
    await store.record(Batch((entity(text[:300]),)), by="me")
    for part in (text[1:], text[:-1], text[1:-1]):
        where = EntityFilter(name=StringFilter(contains=part[:297]))
        (page,) = await store.find([Find(await now(store), where)])
        assert [each.name for each in page.items] == [text[:300]], part


def _index(server: GremlinClient, does: str) -> Any:
    """Do something to the Lucene that the graph is indexed in."""
    return server.script(f"g.getGraph().getBackend().@indexes['search'].{does}; true")


async def lose(server: GremlinClient) -> None:
    """Lose all that is written to the index from now on."""
    await _index(server, "@writers.values().each { it.close() }")


async def keep(server: GremlinClient) -> None:
    """Keep what is written to the index again."""
    await _index(server, "@writers.values().removeIf { !it.isOpen() }")


async def found(store: Store, question: Find) -> list[str]:
    (page,) = await store.find([replace(question, view=await now(store))])
    return sorted(each.name for each in page.items)


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the index does not show is written to it again soon."""
    monkeypatch.setattr(index_backlog, "SHOWN_SECONDS", 0.5)
    monkeypatch.setattr(index_backlog, "_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(index_backlog, "_IDLE_SECONDS", 0.1)


async def worked_off(store: Store) -> None:
    """Wait until the snapshot says that the index shows everything."""
    lease = store._lease  # type: ignore[attr-defined]
    async with asyncio.timeout(30):
        while (await lease.refresh()).snapshot.unindexed:
            await asyncio.sleep(0.02)


@pytest.fixture
async def lagging(store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Store]:
    """A store on an index that loses all that is written, and on which nothing works that off."""
    await worked_off(store)
    monkeypatch.setattr(index_backlog.IndexBacklog, "start", lambda _: None)
    server: GremlinClient = store._server  # type: ignore[attr-defined]
    await lose(server)
    yield store
    await keep(server)


async def test_entities_missing_from_the_index_are_found_by_every_process(lagging: Store, janusgraph: Engine) -> None:
    """Entities and what revisions say of them, by every filter that goes through the index, and by words."""
    name, value = "name-3", "after"
    await lagging.record(
        Batch(
            (entity("lost", description="lost words", tags=("gone",), properties=properties(k=-77777, text="Lost")),),
            (),
            (NewRevision(urn(name), tags=("gone",), properties=properties(new=value), description="lost again"),),
        ),
        by="somebody",
    )
    view = await now(lagging)
    async with await open_store(janusgraph.url) as other:
        for store in (lagging, other):
            for question, names in (
                (Find(view, EntityFilter(tag=("gone",))), ["lost", name]),
                (Find(view, EntityFilter(name=StringFilter(eq="lost"))), ["lost"]),
                (Find(view, EntityFilter(name=StringFilter(starts_with="los"))), ["lost"]),
                (Find(view, EntityFilter(recorded_by=StringFilter(eq="somebody"))), ["lost"]),
                (Find(view, EntityFilter(property=(among("k", (Operand(PropertyType.INTEGER, -77777),)),))), ["lost"]),
                (Find(view, EntityFilter(property=(PropertyFilter("new", exists=True),))), [name]),
                (Find(view, search="lost"), ["lost", name]),
                (Find(view, search="words"), ["lost"]),
                (Find(view, EntityFilter(tag=("gone",)), order=Ordering(EntityOrderField.NAME)), ["lost", name]),
                (Find(view, EntityFilter(tag=("gone",)), within=default_group("a")), ["lost", name]),
            ):
                assert await found(store, question) == names, question


async def test_searches_are_exact_while_the_index_lags(lagging: Store) -> None:
    """The same filters, with and without the index."""
    rng = random.Random(11)
    for number in range(12):
        names = [f"drawn-{number}-{part}" for part in range(3)]
        batch = tuple(
            entity(name, tags=tuple(rng.sample("tuvw", 2)), properties=properties(k=rng.randrange(50)))
            for name in names
        )
        revised = NewRevision(urn(f"name-{rng.randrange(50)}"), tags=tuple(rng.sample("tuvw", 2)))
        await lagging.record(Batch(batch, (), (revised,)), by="me")
    view = await now(lagging)
    questions = [Find(view, each, first=1000) for each in FILTERS.values()]
    questions += [Find(view, EntityFilter(tag=(tag,)), first=1000) for tag in "tuvw"]
    questions += [Find(view, search=word, first=1000) for word in ("lake", "drawn", "word", "name 1")]
    lagged = await lagging.find(questions)
    with mock.patch.object(entity_pages, "alternatives_of", return_value=None):
        looked_through = await lagging.find(questions)
    for question, one, other in zip(questions, lagged, looked_through, strict=True):
        assert [each.urn for each in one.items] == [each.urn for each in other.items], question
        assert one.total == other.total


async def test_entities_missing_from_the_index_are_indexed_again(
    store: Store, janusgraph: Engine, patience: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    server: GremlinClient = store._server  # type: ignore[attr-defined]
    await lose(server)
    await store.record(Batch((entity("lost", tags=("gone",), description="words"),)), by="me")
    await store.record(Batch(revisions=(NewRevision(urn("name-1"), tags=("gone",)),)), by="me")
    await asyncio.sleep(0.7)
    await keep(server)
    await worked_off(store)
    where = EntityFilter(tag=("gone",))
    assert await found(store, Find(await now(store), where)) == ["lost", "name-1"]
    assert await found(store, Find(await now(store), search="words")) == ["lost"]
    assert await found(store, Find(await now(store), EntityFilter(name=StringFilter(eq="lost")))) == ["lost"]
    profiles = await queries(store, Find(await now(store), where), monkeypatch)
    assert indexes(profiles) == {"asked"}


async def test_another_process_works_off_the_backlog_of_a_dead_one(
    lagging: Store, janusgraph: Engine, patience: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    server: GremlinClient = lagging._server  # type: ignore[attr-defined]
    await lagging.record(Batch((entity("lost", tags=("gone",)),)), by="me")
    await keep(server)
    monkeypatch.undo()
    monkeypatch.setattr(index_backlog, "SHOWN_SECONDS", 0.1)
    async with await open_store(janusgraph.url) as other:
        await asyncio.sleep(0.3)
        await worked_off_by(other)
        assert await found(other, Find(await now(other), EntityFilter(tag=("gone",)))) == ["lost"]


async def worked_off_by(store: Store) -> None:
    """Wait for it in a process that only reads."""
    async with asyncio.timeout(30):
        while await store.watermark() and store._lease.snapshot.unindexed:  # type: ignore[attr-defined]
            await asyncio.sleep(0.02)


async def indexed_terms(store: Store, name: str) -> set[str]:
    """The terms that the index was given of an entity."""
    server: GremlinClient = store._server  # type: ignore[attr-defined]
    vertex = vertex_of_key(key_of_urn(urn(name)))
    return set(await server.ask(g.V(vertex).values(mixed_index.INDEXED_TERM)))


async def test_only_large_batches_write_the_index_with_their_commit(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_parts, "LEAST_INDEXED", 3)
    with monkeypatch.context() as patched:
        patched.setattr(index_backlog.IndexBacklog, "start", lambda _: None)
        await store.record(Batch((entity("a", tags=("small",)), entity("b"))), by="me")
        await store.record(Batch((entity("c"), entity("d"), entity("e", tags=("large",)))), by="me")
    assert not await indexed_terms(store, "a")
    assert await indexed_terms(store, "e") >= {of_tag("large")}
    await store.record(Batch((entity("f"),)), by="me")
    await worked_off(store)
    assert await indexed_terms(store, "a") >= {of_tag("small")}
    profiles = await queries(store, Find(await now(store), EntityFilter(tag=("small",))), monkeypatch)
    assert indexes(profiles) == {"asked"}
    assert await found(store, Find(await now(store), EntityFilter(tag=("small",)))) == ["a"]


async def test_an_entity_that_another_process_revises_before_it_is_indexed(
    store: Store, janusgraph: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that recorded it may write it to the index last, and not what the other one recorded."""
    with monkeypatch.context() as patched:
        patched.setattr(index_backlog.IndexBacklog, "start", lambda _: None)
        await store.record(Batch((entity("a", tags=("first",)),)), by="me")
        backlog: index_backlog.IndexBacklog = store._recording.backlog  # type: ignore[attr-defined]
        recorded = backlog._ours()
        async with await open_store(janusgraph.url) as other:
            await other.record(Batch(revisions=(NewRevision(urn("a"), tags=("second",)),)), by="other")
            others: index_backlog.IndexBacklog = other._recording.backlog  # type: ignore[attr-defined]
            await others._work_off(others._ours())
            await backlog._work_off(recorded)
            assert await indexed_terms(store, "a") >= {of_tag("first"), of_tag("second")}
            await other.record(Batch((entity("b"),)), by="other")
            view = await now(store)
            assert vertex_of_key(key_of_urn(urn("a"))) not in unindexed_vertices(store._lease.snapshot.unindexed)  # type: ignore[attr-defined]
            for tag in ("first", "second"):
                where = EntityFilter(tag=(tag,))
                assert await found(store, Find(view, where)) == (["a"] if tag == "second" else [])


async def test_only_what_a_revision_adds_is_written_to_the_index(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much the index has of the entity: nothing of it is read, and nothing is written twice."""
    monkeypatch.setattr(index_backlog.IndexBacklog, "start", lambda _: None)
    backlog: index_backlog.IndexBacklog = store._recording.backlog  # type: ignore[attr-defined]
    server: GremlinClient = store._server  # type: ignore[attr-defined]
    frames, read = GremlinClient._frames, [0]

    async def counting(client: GremlinClient, *arguments: Any) -> list[bytes]:
        answer = await frames(client, *arguments)
        read[0] += sum(map(len, answer))
        return answer

    async def revise(*tags: str) -> int:
        """Append a revision, and return how many bytes are read to write it to the index."""
        await store.record(Batch(revisions=(NewRevision(urn("a"), tags=tags, description=" ".join(tags)),)), by="me")
        read[0] = 0
        await backlog._work_off(backlog._ours())
        return read[0]

    monkeypatch.setattr(GremlinClient, "_frames", counting)
    await store.record(Batch((entity("a", tags=("first",)),)), by="me")
    many = [f"tag{number}" for number in range(300)]
    assert await revise(*many) > 1_000, "the entity itself is not in the index either: all is read"
    for number in range(6):
        assert await revise("again" if number % 2 else "and again", many[number]) < 1_000
    assert await indexed_terms(store, "a") >= {of_tag(tag) for tag in ("first", "again", "and again", *many)}
    vertex = vertex_of_key(key_of_urn(urn("a")))
    for name in (mixed_index.INDEXED_TERM, mixed_index.in_index(mixed_index.WORDS)):
        values = await server.ask(g.V(vertex).values(name))
        assert len(set(values)) == len(values)


async def test_writes_are_refused_while_the_index_stays_behind(lagging: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_backlog, "MOST_UNINDEXED", 4)
    monkeypatch.setattr(index_backlog, "SHOWN_SECONDS", 0.3)
    await lagging.record(Batch(tuple(entity(f"lost{number}") for number in range(3))), by="me")
    before = (await now(lagging)).as_of
    with pytest.raises(Unavailable, match="index does not show what was written before"):
        await lagging.record(Batch((entity("c"), entity("d"))), by="me")
    assert (await now(lagging)).as_of == before
    await lagging.record(Batch((entity("e"),)), by="me")


async def test_group_members_missing_from_the_index_are_written_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mixed_index, "SHOWN_SECONDS", 0.3)
    server: GremlinClient = store._server  # type: ignore[attr-defined]
    change = AccessChange((Document("group", "new", "x"),), (Membership("new", id_of("name-3")),), (), ())
    await lose(server)
    with pytest.raises(OutcomeUnknown):
        await store.change_access(change, epoch=(await store.newest()).epoch)
    await keep(server)
    with pytest.raises(EpochConflict):
        await store.change_access(change, epoch=(await store.newest()).epoch)
    (page,) = await store.find([Find(await now(store), within="new")])
    assert [each.name for each in page.items] == ["name-3"]


async def test_an_index_that_lost_entities_is_refused_until_it_is_rebuilt(store: Store, janusgraph: Engine) -> None:
    server: GremlinClient = store._server  # type: ignore[attr-defined]
    await _index(server, "@writers.values().each { it.deleteAll(); it.commit() }")
    with pytest.raises(StoreUnusable, match="search index is not this graph's, or has lost its content"):
        await open_store(janusgraph.url)
    server.transport.connects += 1  # as where the server was started again
    with pytest.raises(Unavailable, match="search index is not this graph's"):
        await now(store)
    guide = Path("docs/how-to/run-janusgraph.md").read_text()
    (script,) = findall(r"'\'\'(.*?)'\'\'", guide, DOTALL)
    await server.script(script)
    async with await open_store(janusgraph.url) as again:
        (page,) = await again.find([Find(await now(again), search="lake", where=EntityFilter(tag=("later",)))])
        assert page.total == 9


class _Unindexed(Engine):
    """A JanusGraph that was given no index."""

    def configure(self, name: str, **values: object) -> None:
        super().configure(name, **values)
        lines = (self.folder / name).read_text().splitlines(keepends=True)
        (self.folder / name).write_text("".join(line for line in lines if not line.startswith("index.search.")))


@pytest.mark.slow
async def test_a_janusgraph_without_an_index_is_refused(tmp_path: Path) -> None:
    engine = _Unindexed("janusgraph", tmp_path)
    try:
        engine.start()
        with pytest.raises(StoreUnusable, match="an index named search"):
            await open_store(engine.url)
    finally:
        engine.stop()
