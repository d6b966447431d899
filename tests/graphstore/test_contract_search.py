"""Search and order on every engine: the cases that random histories seldom come by."""

import pytest
from record_builders import EPOCH, entity, now, properties, urn

from lineal.auth.permissions import Permission
from lineal.auth.scopes import Grant, GroupRule, Scope, default_group
from lineal.graphstore import ordering
from lineal.graphstore.batches import Batch, NewEntity, NewRevision
from lineal.graphstore.errors import LimitExceeded
from lineal.graphstore.kinds import EntityKind
from lineal.graphstore.queries import (
    NEWEST_FIRST,
    EntityFilter,
    EntityOrderField,
    EntityPosition,
    Find,
    Ordering,
    PropertyFilter,
    StringFilter,
)
from lineal.graphstore.records import AsOf, Source, View
from lineal.graphstore.store import EntityPage, Store

BY_K = Ordering(EntityOrderField.PROPERTY, "k")
ALL = frozenset({Permission.READ, Permission.READ_PROPERTIES, Permission.TRAVERSE})


async def found(store: Store, search: str, view: View | None = None) -> list[str]:
    (page,) = await store.find([Find(view or await now(store), search=search, first=100)])
    return [each.name for each in page.items]


async def ordered(store: Store, order: Ordering, view: View | None = None, after: str | None = None) -> EntityPage:
    position = None if after is None else EntityPosition(urn(after))
    (page,) = await store.find([Find(view or await now(store), order=order, after=position, first=100)])
    return page


async def test_search_reads_exactly_the_documented_fields(store: Store) -> None:
    batch = Batch(
        (
            entity("zeta-one", version="vertwo"),
            entity("b", type="subtype", description="Some Prose, here"),
            entity("c", tags=("tagged",), source=Source("s3://lake/customers.csv", "S3")),
            entity("d", properties=properties(secretkey="text VALUE", number=12345, json={"jsonkey": ["listed"]})),
            entity("4711", title="Churn of Customers"),
        )
    )
    await store.record(batch, by="me")
    searches = {
        "ZET": ["zeta-one"],
        "churn of": ["4711"],
        "vert one": ["zeta-one"],
        "subt": ["b"],
        "here pro": ["b"],
        "tagg": ["c"],
        "lake cust csv": ["c"],
        "value": ["d"],
        "secretkey": [],
        "12345": [],
        "listed": ["d"],
        "jsonkey": [],
        "eta": [],
        "zeta b": [],
        "me": [],
    }
    assert {search: await found(store, search) for search in searches} == searches


async def test_a_search_sees_the_folded_records_of_its_view(store: Store) -> None:
    first = await store.record(Batch((entity("a", tags=("old",), properties=properties(k="gone")),)), by="me")
    revision = NewRevision(urn("a"), tags=("new",), properties=properties(more="fresh"), removed=("k",))
    await store.record(Batch(revisions=(revision,)), by="me")
    assert first.recorded_at is not None
    before = View((await now(store)).scope, AsOf(first.recorded_at))
    for search, then in {"old": True, "gone": True, "new": False, "fresh": False, "new fresh": False}.items():
        assert await found(store, search) == ([] if then else ["a"]), search
        assert await found(store, search, before) == (["a"] if then else []), search


async def test_hidden_values_are_neither_found_nor_sorted_by(store: Store) -> None:
    for n in range(3):
        await store.record(Batch((entity(f"{n}", properties=properties(k=f"hidden{3 - n}", seen="word")),)), by="me")
    grant = Grant(ALL, redacted=frozenset({"k"}))
    view = View(Scope.of([GroupRule(default_group("a"), (grant,))]), (await now(store)).as_of)
    assert await found(store, "hidden", view) == []
    assert await found(store, "word", view) == ["0", "1", "2"]
    assert [each.name for each in (await ordered(store, BY_K, view)).items] == ["0", "1", "2"]
    assert [each.name for each in (await ordered(store, BY_K, view, after="0")).items] == ["1", "2"]
    assert [each.name for each in (await ordered(store, BY_K)).items] == ["2", "1", "0"]


async def test_a_page_continues_after_its_position_became_hidden(store: Store) -> None:
    some = [NewEntity("a", EntityKind.DATASET, f"{n}", occurred_at=EPOCH - n) for n in range(3)]
    some.append(NewEntity("b", EntityKind.DATASET, "b", occurred_at=EPOCH - 9))
    await store.record(Batch(tuple(some)), by="me")
    only_b = View(Scope.of([GroupRule(default_group("b"), (Grant(ALL),))]), (await now(store)).as_of)
    assert [each.name for each in (await ordered(store, NEWEST_FIRST, only_b, after="1")).items] == ["b"]
    assert [each.name for each in (await ordered(store, NEWEST_FIRST, only_b, after="never was")).items] == []


@pytest.mark.parametrize(
    ("part", "names"),
    [
        ("\x00abc", []),
        ("abc\x00", []),
        ("\x00", []),
        ('a"b', ['a"b*c']),
        ("b*c", ['a"b*c']),
        ("*", ['a"b*c']),
        ("'; --", ["'; --"]),
        ("\U0001f600\U0001f600\u00e9", ["\U0001f600\U0001f600\u00e9x"]),
        ("SSE", ["stra\u00dfe"]),
        ("NEAR(abc", []),
    ],
)
async def test_substrings_are_literal(store: Store, part: str, names: list[str]) -> None:
    results = ['a"b*c', "'; --", "\U0001f600\U0001f600\u00e9x", "stra\u00dfe"]
    await store.record(Batch(tuple(entity(name, properties=properties(k=name)) for name in results)), by="me")
    view = await now(store)
    by_name = EntityFilter(name=StringFilter(contains=part, ignore_case=True))
    (page,) = await store.find([Find(view, by_name)])
    assert [each.name for each in page.items] == names
    if part != "SSE":
        (page,) = await store.find([Find(view, EntityFilter(property=(PropertyFilter("k", contains=part),)))])
        assert [each.name for each in page.items] == names


async def test_sorting_too_many_by_a_property_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordering, "MOST_SORTED", 2)
    await store.record(Batch(tuple(entity(f"{n}", tags=("t",) if n < 2 else ()) for n in range(3))), by="me")
    view = await now(store)
    (page,) = await store.find([Find(view, EntityFilter(tag=("t",)), BY_K)])
    assert page.total == 2
    with pytest.raises(LimitExceeded):
        await store.find([Find(view, EntityFilter(), BY_K)])
    (page,) = await store.find([Find(view, EntityFilter(), Ordering(EntityOrderField.STATUS))])
    assert page.total == 3
