"""What goes through the mixed index does, by JanusGraph's own account; and nothing counts before the index shows it."""

from collections.abc import Iterator
from pathlib import Path
from re import DOTALL, findall
from typing import Any

import pytest
from engines import Engine, emptied
from indexed_filters import FILTERS, filled
from making import entity, id_of, now, properties, urn

from lineal.auth.access_store import AccessChange, Document, EpochConflict, Membership
from lineal.auth.permissions import Permission
from lineal.auth.scopes import Grant, GroupRule, Scope, default_group
from lineal.graphstore.batches import Batch, NewRevision
from lineal.graphstore.errors import OutcomeUnknown, StoreUnusable, Unavailable
from lineal.graphstore.gremlin import mixed_index
from lineal.graphstore.gremlin.client import GremlinClient
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
    told = [(await server.ask(steps.profile()))[0] for steps in asked]
    return [each["annotations"] for metrics in told for each in _all(metrics["metrics"]) if _is_query(each)]


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
    told = await queries(store, Find(await now(store), FILTERS[name], order), monkeypatch)
    is_by_id = name in ("urn eq", "urn in")
    assert indexes(told) == (set() if is_by_id else {"asked"}), told


@pytest.mark.parametrize("search", ["word", "two words", "lake"])
async def test_searches_go_through_the_mixed_index(store: Store, search: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert indexes(await queries(store, Find(await now(store), search=search), monkeypatch)) == {"asked"}


async def test_under_a_scope_of_kinds_they_do_too(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
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


async def test_what_the_index_does_not_tell_is_looked_through(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for where in (
        EntityFilter((EntityKind.DATASET,)),
        EntityFilter(not_=EntityFilter(tag=("t",))),
        EntityFilter(name=StringFilter(ne="n")),
        EntityFilter(property=(PropertyFilter("k", exists=False),)),
        EntityFilter(or_=(EntityFilter(tag=("t",)), EntityFilter((EntityKind.DATASET,)))),
    ):
        told = await queries(store, Find(await now(store), where), monkeypatch)
        assert {each["index"] for each in told} == {"by_kind"}


async def test_more_values_than_lucene_takes_at_once(store: Store) -> None:
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
async def test_texts_that_mean_something_in_a_pattern(store: Store, text: str) -> None:
    await store.record(Batch((entity(text[:300]),)), by="me")
    for part in (text[1:], text[:-1], text[1:-1]):
        where = EntityFilter(name=StringFilter(contains=part[:297]))
        (page,) = await store.find([Find(await now(store), where)])
        assert [each.name for each in page.items] == [text[:300]], part


def _index(server: GremlinClient, does: str) -> Any:
    """Do something to the Lucene that the graph is indexed in."""
    return server.script(f"g.getGraph().getBackend().@indexes['search'].{does}; true")


async def test_a_batch_that_the_index_does_not_show_never_counts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixed_index, "SHOWN_SECONDS", 0.3)
    server: GremlinClient = store._server  # type: ignore[attr-defined]
    before = (await now(store)).as_of
    await _index(server, "@writers.values().each { it.close() }")
    for batch in (Batch((entity("lost"),)), Batch(revisions=(NewRevision(urn("name-1"), tags=("lost",)),))):
        with pytest.raises(Unavailable, match="did not take all that was written"):
            await store.record(batch, by="me")
    await _index(server, "@writers.clear()")
    assert (await now(store)).as_of == before
    (page,) = await store.find([Find(await now(store), EntityFilter(tag=("lost",)))])
    assert page.total == 0
    await store.record(Batch((entity("lost"),)), by="me")
    (page,) = await store.find([Find(await now(store), EntityFilter(name=StringFilter(starts_with="lost")))])
    assert [each.name for each in page.items] == ["lost"]
    # What was lost stands in the graph already when it is sent again, and not in the index.
    await store.record(Batch(revisions=(NewRevision(urn("name-1"), tags=("lost",)),)), by="me")
    for question in (Find(await now(store), EntityFilter(tag=("lost",))), Find(await now(store), search="los 1")):
        (page,) = await store.find([question])
        assert [each.name for each in page.items] == ["name-1"]


async def test_members_that_the_index_does_not_show_are_placed_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mixed_index, "SHOWN_SECONDS", 0.3)
    server: GremlinClient = store._server  # type: ignore[attr-defined]
    change = AccessChange((Document("group", "new", "x"),), (Membership("new", id_of("name-3")),), (), ())
    await _index(server, "@writers.values().each { it.close() }")
    with pytest.raises(OutcomeUnknown):
        await store.change_access(change, epoch=(await store.newest()).epoch)
    await _index(server, "@writers.clear()")
    with pytest.raises(EpochConflict):
        await store.change_access(change, epoch=(await store.newest()).epoch)
    (page,) = await store.find([Find(await now(store), within="new")])
    assert [each.name for each in page.items] == ["name-3"]


async def test_an_index_that_lost_what_it_held_is_refused_until_it_is_rebuilt(store: Store, janusgraph: Engine) -> None:
    server: GremlinClient = store._server  # type: ignore[attr-defined]
    await _index(server, "@writers.values().each { it.deleteAll(); it.commit() }")
    with pytest.raises(StoreUnusable, match="search index is not this graph's, or has lost what it held"):
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
