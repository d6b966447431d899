"""Threads that run reads, and stop a read that its caller no longer waits for."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from lineal.graphstore.deadlines import Deadline, current, within

Result = TypeVar("Result")


class Workers:
    """A pool of threads. A read runs under the caller's deadline, and is cancelled with its caller."""

    def __init__(self, name: str, size: int) -> None:
        self._threads = ThreadPoolExecutor(size, name)

    async def run(self, work: Callable[[], Result]) -> Result:
        """The result of the work, from one of the threads. Work whose caller is gone before it begins never runs."""
        limit = Deadline(outer=current())

        def run() -> Result:
            with within(limit):
                limit.check()
                return work()

        try:
            return await asyncio.wrap_future(self._threads.submit(run))
        except asyncio.CancelledError:
            limit.cancel()
            raise

    def shutdown(self) -> None:
        """Return when all work has ended."""
        self._threads.shutdown()
