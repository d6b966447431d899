"""Writes in progress, which finish whether or not their callers still wait."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

log = structlog.get_logger()

Result = TypeVar("Result")


class RunningWrites:
    """Holds every write until it ends: the event loop itself holds tasks only weakly."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, write: Coroutine[Any, Any, Result]) -> Result:
        """The result of a write. If the caller is cancelled, the write goes on, and the log has its failure."""
        task = asyncio.create_task(write)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_log_failure)
            raise

    async def finish(self) -> None:
        """Wait until all writes in progress have ended."""
        if self._tasks:
            await asyncio.wait(self._tasks)


def _log_failure(task: "asyncio.Task[Any]") -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        log.error("write failed after its caller stopped waiting", exc_info=error)
