"""Deadlines: when work must end, carried from the request that sets one to the loops and statements that check it.

A request sets its deadline once: `with deadline(seconds):`. An engine runs every call under a `Deadline` of its own,
which it cancels when the caller stops waiting, and long work calls `check()` between its steps.
"""

from collections.abc import Iterator
from contextlib import contextmanager
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

    __slots__ = ("_outer", "at", "cancelled")

    def __init__(self, at: float = inf, outer: "Deadline | None" = None) -> None:
        self.at: float = at if outer is None else min(at, outer.at)
        self.cancelled = False
        self._outer = outer

    @property
    def is_over(self) -> bool:
        """Whether the work must stop: the moment is past, or the caller no longer waits."""
        return self.cancelled or monotonic() >= self.at or (self._outer is not None and self._outer.is_over)

    def cancel(self) -> None:
        """Stop the work at its next check: its caller no longer waits."""
        self.cancelled = True

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
def within(limit: Deadline) -> Iterator[Deadline]:
    """Run a block under a deadline, whatever the current one."""
    token = _current.set(limit)
    try:
        yield limit
    finally:
        _current.reset(token)
