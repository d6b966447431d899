"""A store whose calls are counted and timed."""

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import TypeAlias

from lineal.graphstore.proxies.base import Answer, Arguments, StoreProxy
from lineal.graphstore.store import Store

Recorder: TypeAlias = Callable[[str, str, float], None]
"""Receives the verb, "ok" or "error", and the seconds of each call."""


class MeteredStore(StoreProxy):
    """Reports every call of a verb to `record_call` when the call ends."""

    def __init__(self, inner: Store, record_call: Recorder) -> None:
        super().__init__(inner)
        self._record_call = record_call

    async def _forward(
        self,
        verb: str,
        call: Callable[Arguments, Awaitable[Answer]],
        *args: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Answer:
        outcome, began = "error", perf_counter()
        try:
            answer = await call(*args, **named)
            outcome = "ok"
            return answer
        finally:
            self._record_call(verb, outcome, perf_counter() - began)
