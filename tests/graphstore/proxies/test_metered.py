"""Calls are counted and timed once, whatever the engine calls on itself."""

import pytest

from lineal.graphstore.errors import Unavailable
from lineal.graphstore.opening import open_store
from lineal.graphstore.proxies.base import StoreProxy
from lineal.graphstore.proxies.metered import MeteredStore
from lineal.graphstore.store import Newest


class SelfCalling(StoreProxy):
    """An engine whose `newest` reads through its own `watermark`, as the one behind Gremlin does."""

    async def newest(self) -> Newest:
        return Newest(await self.watermark(), 0)


class Failing(StoreProxy):
    async def ready(self) -> None:
        raise Unavailable("gone")


async def test_a_verb_that_calls_another_is_counted_once() -> None:
    calls: list[tuple[str, str]] = []
    async with await open_store("memory:") as engine:
        store = MeteredStore(SelfCalling(engine), lambda verb, outcome, seconds: calls.append((verb, outcome)))
        await store.newest()
    assert calls == [("newest", "ok")]


async def test_a_failed_call_is_an_error_and_still_raises() -> None:
    calls: list[tuple[str, str, bool]] = []
    async with await open_store("memory:") as engine:
        store = MeteredStore(
            Failing(engine), lambda verb, outcome, seconds: calls.append((verb, outcome, seconds >= 0))
        )
        with pytest.raises(Unavailable):
            await store.ready()
    assert calls == [("ready", "error", True)]
