"""What a store does while the Cassandra behind its JanusGraph is frozen or killed."""

import asyncio
import signal
from collections.abc import AsyncIterator
from time import monotonic

import pytest
from engines import Engine, emptied
from record_builders import graph, id_of, now

from lineal.graphstore.errors import Unavailable
from lineal.graphstore.gremlin.store import GremlinStore
from lineal.graphstore.gremlin.transport import Address

DEADLINE = 3.0
HEALED_WITHIN = 5.0
OUTAGE_SECONDS = 33.0
"""The driver looks for Cassandra 1, 3, 7, 15, 31 and 63 seconds after it lost it, if nobody tells it otherwise."""


@pytest.fixture
async def store(janusgraph_cassandra: Engine) -> AsyncIterator[GremlinStore]:
    """A store that holds a little."""
    await emptied(janusgraph_cassandra.url)
    created = await GremlinStore.opened(Address.parsed(janusgraph_cassandra.url), DEADLINE)
    await created.record(graph("a>b"), by="me")
    yield created
    await created.close()


async def fails_in_time(store: GremlinStore) -> None:
    """Reads, writes and readiness are refused, within the deadline and a little."""
    for ask in (store.watermark, store.ready, lambda: store.record(graph("x>y"), by="me")):
        began = monotonic()
        with pytest.raises(Unavailable):
            await ask()
        assert monotonic() - began < 4 * DEADLINE


async def heals(store: GremlinStore) -> None:
    """Within seconds what was there is read again."""
    began = monotonic()
    while True:
        try:
            assert None not in await store.entities(await now(store), [id_of("a"), id_of("b")])
            break
        except Unavailable:
            assert monotonic() - began < HEALED_WITHIN
            await asyncio.sleep(0.1)


@pytest.mark.slow
async def test_frozen(janusgraph_cassandra: Engine, store: GremlinStore) -> None:
    node = janusgraph_cassandra.cassandra
    assert node is not None
    node.signal(signal.SIGSTOP)
    try:
        await fails_in_time(store)
    finally:
        node.signal(signal.SIGCONT)
    await heals(store)


@pytest.mark.slow
async def test_killed_for_long(janusgraph_cassandra: Engine, store: GremlinStore) -> None:
    node = janusgraph_cassandra.cassandra
    assert node is not None
    began = monotonic()
    node.kill()
    try:
        await fails_in_time(store)
        await asyncio.sleep(max(OUTAGE_SECONDS - (monotonic() - began), 0))
    finally:
        await asyncio.to_thread(node.start)
    await heals(store)
