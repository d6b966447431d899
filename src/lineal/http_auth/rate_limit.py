"""How often one principal may ask."""

from collections.abc import Callable, Hashable
from time import monotonic
from typing import Final

MOST_KNOWN: Final = 10_000
"""Of so many who asked it is remembered how often; who has rested long enough is forgotten first."""


class RateLimit:
    """A bucket for each: as many requests as a minute allows at once, refilled evenly. In this process alone."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = monotonic) -> None:
        self._interval = 60 / per_minute if per_minute else 0.0
        self._clock = clock
        self._full_again: dict[Hashable, float] = {}
        """When the bucket of each is full again."""

    def wait(self, who: Hashable) -> float:
        """How many seconds someone must wait; 0 where it may ask now, which then counts."""
        if not self._interval:
            return 0.0
        now = self._clock()
        full_again = max(self._full_again.get(who, now), now) + self._interval
        if full_again - now > 60:
            return full_again - now - 60
        self._full_again[who] = full_again
        if len(self._full_again) > MOST_KNOWN:
            self._forget(now)
        return 0.0

    def _forget(self, now: float) -> None:
        rested = [who for who, full_again in self._full_again.items() if full_again <= now]
        for who in rested or list(self._full_again)[: MOST_KNOWN // 10]:
            del self._full_again[who]
