"""Traversals asked of the graph server: from the event loop, or from a worker thread that waits."""

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from functools import partial
from typing import Any, Final

from gremlin_python.process.anonymous_traversal import traversal
from gremlin_python.process.graph_traversal import GraphTraversal, GraphTraversalSource

from lineal.graphstore.deadlines import current
from lineal.graphstore.gremlin.messages import ServerRefused, bytecode_message, results, script_message
from lineal.graphstore.gremlin.transport import Transport

REQUEST_SECONDS: Final = 60.0
_TRIES: Final = 5
_PAUSE_SECONDS: Final = 0.05
_LAST_TRY_SECONDS: Final = 5.0
"""After how long nothing is tried again: what took so long was not lost to another transaction."""
_INTERRUPTED_AFTER_SECONDS: Final = 0.5
"""How long after the deadline of a read the server interrupts it: the deadline's own error comes first."""
_FAILED: Final = (500, 596)
_FOR_EVER: Final = ("IllegalArgumentException", "ClassCastException", "UnsupportedOperationException")
"""What Java says of a request that is wrong in itself."""
_LARGE_BYTES: Final = 64 * 1024

g: Final[GraphTraversalSource] = traversal().with_(None)
"""Where traversals begin; only their bytecode is sent."""


class GremlinClient:
    """Asks, and asks again where a transaction lost to another's. What it is given must bear being run twice."""

    def __init__(self, transport: Transport, seconds: float = REQUEST_SECONDS) -> None:
        self.transport = transport
        self.seconds = seconds
        self.has_mixed_index = False
        """Whether the graph has one, as JanusGraph's does; told when it is set up."""
        self.may_interrupt = False
        """Whether the server may interrupt a traversal; told when the graph is set up."""
        self._loop = asyncio.get_running_loop()

    async def ask(self, steps: GraphTraversal, seconds: float | None = None) -> list[Any]:
        """What a traversal gives, as a list of plain values."""
        frames = await self._frames(partial(bytecode_message, steps.bytecode), seconds)
        if sum(map(len, frames)) > _LARGE_BYTES:
            return await asyncio.to_thread(results, frames)  # the event loop has others to answer meanwhile
        return results(frames)

    async def _frames(
        self, message_to: Callable[[str], tuple[uuid.UUID, bytes]], seconds: float | None = None
    ) -> list[bytes]:
        began = time.monotonic()
        deadline = began + (self.seconds if seconds is None else seconds)
        for attempt in range(_TRIES):
            id, message = message_to(self.transport.address.source)
            try:
                return await self.transport.ask(id, message, max(deadline - time.monotonic(), 0.001))
            except ServerRefused as error:
                is_late = time.monotonic() > min(deadline, began + _LAST_TRY_SECONDS)
                if not _may_pass(error) or is_late or attempt == _TRIES - 1:
                    raise
                await asyncio.sleep(_PAUSE_SECONDS * 2**attempt)
        raise AssertionError("the last try returns or raises")

    def wait(self, *steps: GraphTraversal) -> list[list[Any]]:
        """The answers to several traversals, sent at once. For worker threads.

        Raises LimitExceeded at the thread's current deadline, and at once where that is cancelled.
        """
        if not steps:
            return []
        limit = current()
        limit.check()
        answers = asyncio.run_coroutine_threadsafe(self._all(steps, self._milliseconds(limit.seconds_left)), self._loop)
        try:
            with limit.stopping(answers.cancel):
                return list(map(results, answers.result(limit.seconds_left)))
        except (TimeoutError, CancelledError):
            answers.cancel()
            limit.check()
            raise

    def _milliseconds(self, seconds_left: float | None) -> int | None:
        """When the server is to interrupt a traversal that nobody waits for any more; None: never."""
        if seconds_left is None or not self.may_interrupt:
            return None
        return int(1000 * (min(seconds_left, self.seconds) + _INTERRUPTED_AFTER_SECONDS))

    async def _all(self, steps: Sequence[GraphTraversal], milliseconds: int | None) -> list[list[bytes]]:
        messages = [partial(bytecode_message, each.bytecode, milliseconds=milliseconds) for each in steps]
        if len(messages) == 1:
            return [await self._frames(messages[0])]
        tasks = [asyncio.ensure_future(self._frames(message)) for message in messages]
        try:
            return await asyncio.gather(*tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise

    async def script(self, text: str, seconds: float = 120.0) -> list[Any]:
        """What a Groovy script returns that makes the schema. A script can do anything on the server."""
        id, message = script_message(text, {}, self.transport.address.source)
        return results(await self.transport.ask(id, message, seconds))

    async def run(self, script: str, values: dict[str, Any]) -> list[Any]:
        """What a constant Groovy script returns for some values, which the server takes as data."""
        return results(await self._frames(partial(script_message, script, values)))


def _may_pass(error: ServerRefused) -> bool:
    """Whether the same request may do better. Losing to another who made the same vertex looks like a wrong request."""
    kind = error.kinds[0].rpartition(".")[2] if error.kinds else ""
    return error.code in _FAILED and (kind not in _FOR_EVER or "already exists" in error.message)
