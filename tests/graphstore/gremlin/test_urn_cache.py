"""The URNs kept from call to call: bounded by bytes, shared by threads, and never what an answer depends on."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from engines import Engine, emptied
from record_builders import Down, graph, id_of, now

from lineal.graphstore.gremlin import store as gremlin_store
from lineal.graphstore.gremlin.urn_cache import UrnCache
from lineal.graphstore.opening import open_store
from lineal.graphstore.queries import Reach, Walk

ENTRY = 300
"""More bytes than any entry below takes."""


@pytest.fixture
def many_switches() -> Iterator[None]:
    """Threads take turns after every few steps."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def test_the_cache_keeps_the_newest_within_its_bytes() -> None:
    cache = UrnCache(most_bytes=10 * ENTRY)
    for key in range(1000):
        cache.keep({key: f"urn {key}"})
    known = cache.known(range(1000))
    assert known == {key: f"urn {key}" for key in range(1000 - len(known), 1000)}
    assert 10 <= len(known) < 20
    cache.keep({1000: "x" * 11 * ENTRY})
    assert cache.known(range(1001)) == {}, "one entry may be larger than all of the cache"


def test_a_key_stored_twice_counts_once() -> None:
    cache = UrnCache(most_bytes=2 * ENTRY)
    for _ in range(10):
        cache.keep({1: "one", 2: "two"})
    assert cache.known([1, 2]) == {1: "one", 2: "two"}


@pytest.mark.usefixtures("many_switches")
def test_threads_share_the_cache() -> None:
    cache = UrnCache(most_bytes=100 * ENTRY)

    def keep(first: int) -> None:
        for key in range(first, first + 2000):
            cache.keep({key: f"urn {key}"})
            assert set(cache.known([key, key - 1]).items()) <= {(key, f"urn {key}"), (key - 1, f"urn {key - 1}")}

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(keep, range(0, 16_000, 2000)))
    assert 100 <= len(cache.known(range(16_000))) < 200


async def test_a_page_may_be_larger_than_the_cache(graph_server: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    await emptied(graph_server.url)
    monkeypatch.setattr(gremlin_store, "UrnCache", lambda: UrnCache(most_bytes=5 * ENTRY))
    async with await open_store(graph_server.url) as store:
        names = [f"n{number:02}" for number in range(40)]
        await store.record(graph(*(f"root>{name}" for name in names)), by="me")
        walk = Walk(await now(store), (id_of("root"),), Down)
        for _ in range(2):
            (page,) = await store.reach([Reach(walk, None, 100, None, True)])
            assert page is not None
            assert [reached.entity.name for reached in page.items] == names
