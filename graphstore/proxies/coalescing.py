"""A store whose concurrent identical small reads share one call."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Any

from lineal.auth.access_store import AccessDelta
from lineal.graphstore.proxies.base import Answer, StoreProxy
from lineal.graphstore.store import Newest, Store


class CoalescingStore(StoreProxy):
    """Shares calls of `watermark`, `newest`, `access_since` and `ready` among the callers that wait for one.

    A read sees every write that was acknowledged before the read began, so a caller joins only a call that the inner
    store has not received yet. While one call of a verb runs, all new callers with its arguments wait for the next
    one, which starts when the running one ends. At most one call of each runs at a time.

    A shared call runs in a context of its own: no single caller's deadline bounds it, and it goes on when a caller
    stops waiting. Callers bound their own waits.
    """

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self._waiting: dict[tuple[Any, ...], asyncio.Task[Any]] = {}
        self._running: dict[tuple[Any, ...], asyncio.Task[Any]] = {}

    async def watermark(self) -> int:
        return await self._shared(self.inner.watermark)

    async def newest(self) -> Newest:
        return await self._shared(self.inner.newest)

    async def access_since(self, epoch: int) -> AccessDelta:
        return await self._shared(self.inner.access_since, epoch)

    async def ready(self) -> None:
        await self._shared(self.inner.ready)

    async def _shared(self, call: Callable[..., Awaitable[Answer]], *args: Any) -> Answer:
        key = (call, *args)
        task = self._waiting.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._next(key, call, *args), context=Context())
            task.add_done_callback(_retrieve_exception)
            self._waiting[key] = task
        answer: Answer = await asyncio.shield(task)
        return answer

    async def _next(self, key: tuple[Any, ...], call: Callable[..., Awaitable[Answer]], *args: Any) -> Answer:
        running = self._running.get(key)
        if running is not None:
            await asyncio.wait([running])
        # From here on no further caller may join: its write may be acknowledged after the engine reads.
        self._running[key] = self._waiting.pop(key)
        try:
            return await call(*args)
        finally:
            del self._running[key]


def _retrieve_exception(task: "asyncio.Task[Any]") -> None:
    """Mark the exception of a call as seen, which nobody does where all its callers stopped waiting."""
    if not task.cancelled():
        task.exception()
