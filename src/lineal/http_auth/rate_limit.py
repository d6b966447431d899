"""Limits by principal: of requests, and of their cost, in a minute."""

from collections.abc import Callable, Hashable
from time import monotonic
from typing import Final

MAX_PRINCIPALS: Final = 10_000
"""Largest number of principals whose requests are counted; those with a full bucket are dropped first."""


class RateLimit:
    """A token bucket for every principal, of the size of a minute's amount, refilled evenly. In this process only.

    The amount is of requests, or of their cost. `per_minute` 0: no limit.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = monotonic) -> None:
        self._interval = 60 / per_minute if per_minute else 0.0
        self._clock = clock
        self._full_again: dict[Hashable, float] = {}
        """By principal, the time at which its bucket is full again."""

    def wait(self, principal: Hashable) -> float:
        """Return the seconds that a principal must wait; 0 counts a request that it may send now."""
        if not self._interval:
            return 0.0
        now = self._clock()
        full_again = max(self._full_again.get(principal, now), now) + self._interval
        if full_again - now > 60:
            return full_again - now - 60
        self._full_again[principal] = full_again
        if len(self._full_again) > MAX_PRINCIPALS:
            self._drop(now)
        return 0.0

    def wait_for_budget(self, principal: Hashable) -> float:
        """Return the seconds that a principal must wait until it has spent less than a minute's amount; 0 for none."""
        return max(0.0, self._full_again.get(principal, 0.0) - self._clock() - 60)

    def spend(self, principal: Hashable, amount: int) -> None:
        """Count an amount that a principal has spent, within its limit or beyond."""
        if self._interval and amount:
            now = self._clock()
            self._full_again[principal] = max(self._full_again.get(principal, now), now) + amount * self._interval
            if len(self._full_again) > MAX_PRINCIPALS:
                self._drop(now)

    def _drop(self, now: float) -> None:
        full = [principal for principal, full_again in self._full_again.items() if full_again <= now]
        for principal in full or list(self._full_again)[: MAX_PRINCIPALS // 10]:
            del self._full_again[principal]
