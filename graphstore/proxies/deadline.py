"""A store whose reads end at a deadline."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final

from lineal.graphstore.deadlines import PAST_DEADLINE, Deadline, deadline, within
from lineal.graphstore.errors import LimitExceeded, Unavailable
from lineal.graphstore.proxies.base import Answer, Arguments, StoreProxy
from lineal.graphstore.store import Store

WRITES: Final = frozenset(
    {"record", "change_access", "audit", "key_used", "secret", "quarantine", "discard_quarantined"}
)
SMALL: Final = frozenset({"watermark", "newest", "access_since", "ready"})
"""Reads so small that one which is late means an engine that does not answer."""


class DeadlineStore(StoreProxy):
    """Ends every read `seconds` after it began, or at the current deadline if that is earlier.

    A read past its deadline raises LimitExceeded, a small one Unavailable. Writes have no deadline, whatever the
    current one: a write that has begun is finished.
    """

    def __init__(self, inner: Store, seconds: float) -> None:
        super().__init__(inner)
        self._seconds = seconds

    async def _forward(
        self,
        verb: str,
        call: Callable[Arguments, Awaitable[Answer]],
        *args: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Answer:
        if verb in WRITES:
            with within(Deadline()):
                return await call(*args, **named)
        with deadline(self._seconds) as limit:
            timeout = asyncio.timeout(max(0, limit.at - monotonic()))
            try:
                async with timeout:
                    return await call(*args, **named)
            except (TimeoutError, LimitExceeded) as error:
                if verb in SMALL and limit.is_over:
                    raise Unavailable("the store did not answer in time") from error
                if timeout.expired():
                    raise LimitExceeded(PAST_DEADLINE) from error
                raise
