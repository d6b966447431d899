"""Caches are bounded by bytes, and hold about what they count."""

import gc
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from record_builders import Both, Connected, Down, association, entity, id_of

from lineal.auth.permissions import Permission
from lineal.auth.scopes import EVERYTHING, Grant, GroupRule, Scope, default_group
from lineal.bounded_cache import BoundedCache
from lineal.graphstore.batches import Batch, NewEntity
from lineal.graphstore.embedded.memory.scope_table import ScopeTables
from lineal.graphstore.embedded.store import EmbeddedStore
from lineal.graphstore.kinds import Combine, EntityKind
from lineal.graphstore.opening import open_store
from lineal.graphstore.queries import EntityFilter, Reach, ReachAssociations, StringFilter, Walk
from lineal.graphstore.records import AsOf, View
from lineal.graphstore.walking.walk_cache import WalkCache

MB = 1024 * 1024


def test_the_least_recently_used_goes_first() -> None:
    cache: BoundedCache[str, bytes] = BoundedCache(10, lambda _, value: len(value))
    for key in "ab":
        cache.put(key, b"1234")
    assert cache.get("a") == b"1234"
    cache.put("c", b"1234")
    assert [cache.get(key) for key in "abc"] == [b"1234", None, b"1234"]
    assert (len(cache), cache.bytes) == (2, 8)


def test_a_value_that_grew_is_measured_again() -> None:
    cache: BoundedCache[str, bytearray] = BoundedCache(10, lambda _, value: len(value))
    grown, other = bytearray(b"123"), bytearray(b"12345")
    cache.put("grown", grown)
    cache.put("other", other)
    grown += b"123"
    cache.put("grown", grown)
    assert (cache.get("other"), cache.get("grown"), cache.bytes) == (None, grown, 6)


def test_the_newest_entry_stays_at_any_size() -> None:
    cache: BoundedCache[str, bytes] = BoundedCache(10, lambda _, value: len(value))
    cache.put("small", b"1")
    cache.put("large", bytes(100))
    assert (cache.get("small"), cache.get("large"), cache.bytes) == (None, bytes(100), 10)
    cache.put("small", b"1")
    assert (cache.get("large"), cache.bytes) == (None, 1)


def test_only_the_value_itself_is_dropped() -> None:
    cache: BoundedCache[str, list[int]] = BoundedCache(10, lambda _, value: len(value))
    old, new = [1], [1]
    cache.put("a", new)
    cache.drop("a", old)
    assert cache.get("a") is new
    cache.drop("a", new)
    cache.drop("a", new)
    assert cache.get("a") is None


def test_concurrent_writers_keep_the_count_of_bytes() -> None:
    some: BoundedCache[str, str] = BoundedCache(1_000, lambda _, value: len(value))

    def write(offset: int) -> None:
        for number in range(2_000):
            some.put(str((number + offset) % 97), "x" * (number % 50))
            some.get(str(number % 13))

    threads = [threading.Thread(target=write, args=(offset,)) for offset in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert some.bytes == sum(len(some.get(str(key)) or "") for key in range(97)) <= 1_000


@contextmanager
def measured() -> Iterator[Callable[[], int]]:
    """Gives what is held in the end that was not held in the beginning."""
    gc.collect()
    tracemalloc.start()
    try:
        begin = tracemalloc.get_traced_memory()[0]

        def held() -> int:
            gc.collect()
            return tracemalloc.get_traced_memory()[0] - begin

        yield held
    finally:
        tracemalloc.stop()


@pytest.fixture
async def hub() -> EmbeddedStore:
    """A hub that leads to 1,500 entities and is led to by 1,500."""
    store = await open_store("memory:")
    assert isinstance(store, EmbeddedStore)
    names = [f"{number:04}" for number in range(3000)]
    for begin in range(0, 3000, 500):
        some = names[begin : begin + 500]
        edges = [association("hub", name) if begin < 1500 else association(name, "hub") for name in some]
        await store.record(Batch((entity("hub"), *map(entity, some)), tuple(edges)), by="me")
    return store


PREFIXED = EntityFilter(name=StringFilter(starts_with="0"))
QUESTIONS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"direction": Both}, {}),
    ({"direction": Connected}, {"where": PREFIXED}),
    ({"direction": Both, "depth": 1, "stop_at": PREFIXED}, {}),
    ({"direction": Down, "combine": Combine.INTERSECTION, "starts": ("hub", "1600", "2600")}, {}),
    ({"direction": Down, "excluding": (id_of("0001"),)}, {"with_paths": True}),
]


@pytest.mark.parametrize("among", [False, True])
@pytest.mark.parametrize("number", range(len(QUESTIONS)))
async def test_the_walk_cache_counts_its_bytes(hub: EmbeddedStore, number: int, among: bool) -> None:
    asked, page = QUESTIONS[number]
    asked = {"starts": ("hub",), **asked}
    starts = tuple(map(id_of, asked.pop("starts")))
    async with hub:
        at = AsOf(await hub.watermark())
        warm = Walk(View(EVERYTHING, at), (id_of("0002"),), Both)
        await hub.reach([Reach(warm)])
        with measured() as held:
            hub._walks = WalkCache(MB)
            counts = []
            for occurred_at in range(2**40 * 10**4, 2**40 * 10**4 + 12):
                view = View(EVERYTHING, AsOf(at.recorded_at, occurred_at))
                walk = Walk(view, starts, **asked)
                await hub.reach([Reach(walk, **page)])
                if among:
                    await hub.reach_associations([ReachAssociations(walk)])
                counts.append(len(hub._walks))
            counted = hub._walks.bytes
            assert counts[-1] == counts[-2] < 12, counts
            assert counted <= MB
            assert counted / 2 < held() < counted * 2


async def test_the_scope_table_cache_counts_its_bytes() -> None:
    store = await open_store("memory:")
    assert isinstance(store, EmbeddedStore)
    async with store:
        accounts = [f"account{number}" for number in range(500)]
        parts = tuple(NewEntity(account, EntityKind.MODEL, "m") for account in accounts)
        await store.record(Batch(parts), by="me")
        tables = store._scope_tables = ScopeTables(4 * MB)
        rules = [GroupRule(default_group(account), (Grant(frozenset({Permission.READ})),)) for account in accounts]
        await store.entities(View(Scope.of(rules[:1]), AsOf(await store.watermark())), ["none"])
        before = tables._tables.bytes
        with measured() as held:
            for number in range(30):
                view = View(Scope.of(rules[: number + 2]), AsOf(await store.watermark()))
                await store.entities(view, ["none"])
            counted = tables._tables.bytes - before
            assert 2 * MB < counted <= 4 * MB
            assert len(tables._tables) < 30
            assert counted / 2 < held() < counted * 2
