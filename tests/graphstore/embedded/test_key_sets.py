"""Where many match, the index decides: as the records would, and of what it cannot tell the records do."""

from typing import Any

import pytest
from record_builders import entity, now, properties, urn

from lineal.graphstore.batches import Batch, NewRevision
from lineal.graphstore.embedded.sql import entity_pages, key_sets
from lineal.graphstore.kinds import EntityKind, PropertyType
from lineal.graphstore.opening import open_store
from lineal.graphstore.queries import BY_URN, EntityFilter, EntityOrderField, Find, Operand, Ordering, PropertyFilter
from lineal.graphstore.store import Store

LONG = "x" * 1500
TEXTS = {"begin": "needle and more", "end": "more and needle", "cut": LONG + "needle", "none": LONG, "empty": ""}


@pytest.fixture
async def store(monkeypatch: pytest.MonkeyPatch) -> Any:
    for module, name in ((entity_pages, "MOST_VERIFIED"), (entity_pages, "FEW_MATCHES"), (key_sets, "MOST_LOOKED_UP")):
        monkeypatch.setattr(module, name, 0)
    async with await open_store("memory:") as opened:
        some = [entity(name, properties=properties(p=text)) for name, text in TEXTS.items()]
        some += [entity("number", properties=properties(p=5)), entity("bare", EntityKind.MODEL)]
        await opened.record(Batch(tuple(some)), by="me")
        await opened.record(Batch(revisions=(NewRevision(urn("end"), properties=properties(p="neither")),)), by="me")
        yield opened


async def found(store: Store, order: Ordering = BY_URN, **asked: Any) -> list[str]:
    page = (await store.find([Find(await now(store), EntityFilter(property=(PropertyFilter("p", **asked),)), order)]))[
        0
    ]
    assert page.total == len(page.items) == sum(page.counts.values())
    return [each.name for each in page.items]


@pytest.mark.parametrize(
    ("part", "names"),
    [
        ("needle", ["begin", "cut"]),
        ("", ["begin", "cut", "empty", "end", "none"]),
        ("e", ["begin", "cut", "end"]),
        ("xxx", ["cut", "none"]),
        ("p", []),
        ("\x07", []),
    ],
)
async def test_parts_of_texts(store: Store, part: str, names: list[str]) -> None:
    assert await found(store, contains=part) == names


async def test_matches_of_the_index_are_subtracted(store: Store) -> None:
    assert await found(store, exists=False) == ["bare"]
    assert await found(store, ne=Operand(PropertyType.STRING, "neither")) == ["begin", "cut", "empty", "none", "number"]
    assert await found(store, ne=Operand(PropertyType.STRING, "more and needle")) == sorted([*TEXTS, "number"])


async def test_large_pages_in_every_order(store: Store) -> None:
    for order in (Ordering(EntityOrderField.NAME, descending=True), Ordering(EntityOrderField.PROPERTY, "p")):
        names = await found(store, order, exists=True)
        assert sorted(names) == sorted([*TEXTS, "number"])
        if order.field is EntityOrderField.NAME:
            assert names == sorted(names, reverse=True)
        else:
            assert names == ["number", "empty", "begin", "end", "none", "cut"]
