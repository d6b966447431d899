"""The longest pauses of the event loop."""

import asyncio
from typing import Final

TICK_SECONDS: Final = 0.02


class LoopLag:
    """Measures how late the event loop runs a timer: for as long as anything holds the loop."""

    def __init__(self) -> None:
        self._due: float | None = None
        self._longest = 0.0

    async def watch(self) -> None:
        """Measure, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self._due = loop.time() + TICK_SECONDS
            await asyncio.sleep(TICK_SECONDS)
            self._longest = max(self._longest, loop.time() - self._due)

    def longest_pause(self) -> float:
        """The longest pause in seconds since this was last called. Call it in the loop that is watched."""
        now = asyncio.get_running_loop().time()
        longest, self._longest = self._longest, 0.0
        if self._due is not None and now > self._due:
            # The timer is late and has not run yet: it measures only what is left of this pause.
            longest, self._due = max(longest, now - self._due), now
        return longest
