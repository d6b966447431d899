"""Reads that end when their client disconnects."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from starlette.requests import Request

from lineal.graphstore.deadlines import Deadline

CLIENT_CLOSED_REQUEST: Final = 499
"""The status in logs of a request whose client disconnected; no standard names one."""


class Disconnected(Exception):
    """The client of a request no longer waits for the answer."""


@asynccontextmanager
async def ended_on_disconnect(request: Request, limit: Deadline) -> AsyncIterator[None]:
    """Run a block that only reads; cancel it, and its deadline, when the client disconnects.

    The body of the request must have been read. Raises Disconnected.
    """
    reading = asyncio.current_task()
    assert reading is not None
    ended = False

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        if not ended:
            limit.cancel()
            reading.cancel()

    watcher = asyncio.create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        if limit.cancelled and not reading.uncancel():
            raise Disconnected from None
        raise
    finally:
        ended = True
        watcher.cancel()
