"""Concurrent identical reads share calls, and still every read sees every write acknowledged before it began."""

import asyncio
import random
from contextvars import ContextVar

import pytest

from lineal.graphstore.errors import Unavailable
from lineal.graphstore.opening import open_store
from lineal.graphstore.proxies.base import StoreProxy
from lineal.graphstore.proxies.coalescing import CoalescingStore
from lineal.graphstore.store import Newest, Store


class Slow(StoreProxy):
    """An engine whose reads take some turns of the event loop, and read at one moment among them."""

    def __init__(self, inner: Store, drawn: random.Random) -> None:
        super().__init__(inner)
        self.drawn, self.acknowledged, self.calls = drawn, 0, 0

    async def write(self) -> None:
        await self._turns()
        self.acknowledged += 1

    async def newest(self) -> Newest:
        self.calls += 1
        await self._turns()
        read = self.acknowledged
        await self._turns()
        return Newest(read, 0)

    async def _turns(self) -> None:
        for _ in range(self.drawn.randrange(6)):
            await asyncio.sleep(0)


class Gated(StoreProxy):
    """An engine whose `newest` waits for a gate; `failure` is raised instead of an answer."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.gate, self.calls, self.failure = asyncio.Event(), 0, None
        self.seen: list[str] = []

    failure: Exception | None

    async def newest(self) -> Newest:
        self.calls += 1
        number = self.calls
        self.seen.append(CALLER.get())
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return Newest(number, 0)


CALLER: ContextVar[str] = ContextVar("CALLER", default="nobody")


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.parametrize("seed", range(60))
async def test_a_read_sees_every_write_acknowledged_before_it(seed: int) -> None:
    drawn = random.Random(seed)
    async with await open_store("memory:") as memory:
        engine = Slow(memory, drawn)
        store = CoalescingStore(engine)
        reads = 0

        async def client() -> None:
            nonlocal reads
            for _ in range(10):
                for _ in range(drawn.randrange(4)):
                    await asyncio.sleep(0)
                if drawn.random() < 0.4:
                    await engine.write()
                reads += 1
                acknowledged = engine.acknowledged
                assert (await store.newest()).recorded_at >= acknowledged

        await asyncio.gather(*(client() for _ in range(8)))
        assert engine.calls < reads


async def test_concurrent_callers_share_a_call_and_later_ones_the_next() -> None:
    async with await open_store("memory:") as memory:
        engine = Gated(memory)
        store = CoalescingStore(engine)
        first = [asyncio.create_task(store.newest()) for _ in range(5)]
        await turns()
        assert engine.calls == 1
        second = [asyncio.create_task(store.newest()) for _ in range(5)]
        await turns()
        assert engine.calls == 1, "the next call starts when the running one ends"
        engine.gate.set()
        assert {each.recorded_at for each in await asyncio.gather(*first)} == {1}
        assert {each.recorded_at for each in await asyncio.gather(*second)} == {2}


async def test_other_arguments_are_another_call() -> None:
    async with await open_store("memory:") as memory:
        store = CoalescingStore(memory)
        whole, newer = await asyncio.gather(store.access_since(0), store.access_since(0))
        assert whole is newer
        epochs = await asyncio.gather(store.access_since(0), store.access_since(1))
        assert epochs[0] is not epochs[1]


async def test_a_cancelled_caller_cancels_no_other() -> None:
    async with await open_store("memory:") as memory:
        engine = Gated(memory)
        store = CoalescingStore(engine)
        first, other = asyncio.create_task(store.newest()), asyncio.create_task(store.newest())
        await turns()
        first.cancel()
        await turns()
        engine.gate.set()
        assert (await other).recorded_at == 1
        assert first.cancelled()


async def test_a_failure_reaches_every_caller_of_the_call_and_no_later_one() -> None:
    async with await open_store("memory:") as memory:
        engine = Gated(memory)
        engine.failure = Unavailable("gone")
        store = CoalescingStore(engine)
        tasks = [asyncio.create_task(store.newest()) for _ in range(3)]
        await turns()
        engine.gate.set()
        assert [str(each) for each in await asyncio.gather(*tasks, return_exceptions=True)] == ["gone"] * 3
        engine.failure = None
        assert (await store.newest()).recorded_at == 2


async def test_a_shared_call_runs_in_no_callers_context() -> None:
    async with await open_store("memory:") as memory:
        engine = Gated(memory)
        engine.gate.set()
        CALLER.set("first")
        await CoalescingStore(engine).newest()
    assert engine.seen == ["nobody"]
