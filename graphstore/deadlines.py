"""Deadlines: when work must end, carried from the request that sets one to the loops and statements that check it.

A request sets its deadline once: `with deadline(seconds):`. An engine runs every call under a `Deadline` of its own,
which it cancels when the caller stops waiting, and long work calls `check()` between its steps.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from contextvars import ContextVar
from math import inf
from time import monotonic
from typing import Final

from lineal.graphstore.errors import LimitExceeded

PAST_DEADLINE: Final = "the read took longer than a request may take: ask for less at once"


class Deadline:
    """A moment of `time.monotonic` at which work must have ended; that of `outer` if it is earlier.

    Cancelling a deadline cancels those inside it. Safe to cancel from another thread.
    """

    __slots__ = ("_outer", "_stops", "at", "cancelled")

    def __init__(self, at: float = inf, outer: "Deadline | None" = None) -> None:
        self.at: float = at if outer is None else min(at, outer.at)
        self.cancelled = False
        self._outer = outer
        self._stops: set[Callable[[], object]] = set()

    @property
    def seconds_left(self) -> float | None:
        """How long the work may still take; None where it is not limited."""
        return None if self.at == inf else max(0.0, self.at - monotonic())

    @property
    def is_over(self) -> bool:
        """Whether the work must stop: the moment is past, or the caller no longer waits."""
        return self.cancelled or monotonic() >= self.at or (self._outer is not None and self._outer.is_over)

    def cancel(self) -> None:
        """Stop the work at its next check, or where it waits: its caller no longer waits."""
        self.cancelled = True
        for stop in list(self._stops):
            stop()

    @contextmanager
    def stopping(self, stop: Callable[[], object]) -> Iterator[None]:
        """Call `stop`, maybe more than once, if the work is cancelled in the block or was before it."""
        outer = nullcontext() if self._outer is None else self._outer.stopping(stop)
        self._stops.add(stop)
        try:
            if self.cancelled:  # after `add`, so that a `cancel` meanwhile is not missed
                stop()
            with outer:
                yield
        finally:
            self._stops.discard(stop)

    def check(self) -> None:
        """Raise LimitExceeded if the work must stop."""
        if self.is_over:
            raise LimitExceeded(PAST_DEADLINE)


_UNLIMITED: Final = Deadline()
_current: ContextVar[Deadline] = ContextVar("deadline", default=_UNLIMITED)


def current() -> Deadline:
    """The deadline of the running task or thread; an unlimited one where none is set."""
    return _current.get()


def check() -> None:
    """Raise LimitExceeded if the current deadline is over."""
    _current.get().check()


@contextmanager
def deadline(seconds: float) -> Iterator[Deadline]:
    """Set the deadline of a block to so many seconds from now, or to the current one if that is earlier."""
    with within(Deadline(monotonic() + seconds, current())) as limit:
        yield limit


@contextmanager
def unlimited() -> Iterator[Deadline]:
    """Run a block without a deadline, whatever the current one."""
    with within(_UNLIMITED) as limit:
        yield limit


@contextmanager
def within(limit: Deadline) -> Iterator[Deadline]:
    """Run a block under a deadline, whatever the current one."""
    token = _current.set(limit)
    try:
        yield limit
    finally:
        _current.reset(token)


@asynccontextmanager
async def limited() -> AsyncIterator[None]:
    """Run an asynchronous block no longer than the current deadline. Raises LimitExceeded where it takes longer."""
    try:
        async with asyncio.timeout(current().seconds_left) as scope:
            yield
    except TimeoutError as error:
        if not scope.expired():
            raise
        raise LimitExceeded(PAST_DEADLINE) from error
