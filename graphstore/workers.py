"""Threads that run reads in turns, fairly by principal, and stop a read that its caller no longer waits for."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from threading import Condition
from typing import Any, TypeAlias, TypeVar

from lineal.graphstore.deadlines import Deadline, current, within
from lineal.graphstore.request_costs import current_meter

Result = TypeVar("Result")
_Turn: TypeAlias = tuple[Callable[[], Any], "Future[Any]"]


class Workers:
    """A pool of threads. A read runs under the caller's deadline and meter, and is cancelled with its caller.

    Principals that wait take turns, whatever the number of their reads. One principal has at most `most_of_principal`
    threads at a time, all but one by default, so that the first read of another finds a thread. Reads of no principal,
    as of a command, may have all.
    """

    def __init__(self, name: str, size: int, most_of_principal: int | None = None) -> None:
        self._threads = ThreadPoolExecutor(size, name)
        self._size = size
        self._most_of_principal = max(1, size - 1) if most_of_principal is None else most_of_principal
        self._change = Condition()
        self._waiting: dict[str, deque[_Turn]] = {}
        """By principal, in the order of their next turns."""
        self._running: Counter[str] = Counter()

    async def run(self, work: Callable[[], Result]) -> Result:
        """The result of the work, from one of the threads. Work whose caller is gone before it begins never runs."""
        limit, context = Deadline(outer=current()), copy_context()

        def run() -> Result:
            with within(limit):
                limit.check()
                return work()

        future: Future[Result] = Future()
        principal = current_meter().principal
        with self._change:
            self._waiting.setdefault(principal, deque()).append((lambda: context.run(run), future))
            self._start()
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            limit.cancel()
            raise

    def _start(self) -> None:
        """Give the free threads to the principals that wait. The caller holds the lock."""
        while self._running.total() < self._size:
            ready = (name for name in self._waiting if not name or self._running[name] < self._most_of_principal)
            principal = next(ready, None)
            if principal is None:
                return
            turns = self._waiting.pop(principal)
            work, future = turns.popleft()
            if turns:
                self._waiting[principal] = turns
            if future.set_running_or_notify_cancel():
                self._running[principal] += 1
                self._threads.submit(self._run, principal, work, future)

    def _run(self, principal: str, work: Callable[[], Any], future: "Future[Any]") -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)
        finally:
            with self._change:
                self._running[principal] -= 1
                if not self._running[principal]:
                    del self._running[principal]
                self._start()
                self._change.notify_all()

    def shutdown(self) -> None:
        """Return when all work has ended."""
        with self._change:
            self._change.wait_for(lambda: not self._running and not self._waiting)
        self._threads.shutdown()
