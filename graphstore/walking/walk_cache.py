"""Walk states kept for later pages and nested fields, bounded by the bytes they hold."""

from collections import OrderedDict
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import Final

from lineal.graphstore.queries import Walk
from lineal.graphstore.walking.walk_state import WalkState

MOST_BYTES: Final = 128 * 1024 * 1024
"""About how much all kept walks may hold together. The newest is kept however large it is: its next page comes soon."""


class StateFailed(Exception):
    """Another call failed while it used a state that this one waited for: begin the walk again."""


class WalkCache:
    """The states of the walks used last. A walk carries its view; a walk of a settled view never goes stale."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._kept: OrderedDict[Walk, WalkState] = OrderedDict()
        self._weights: dict[Walk, int] = {}
        self._lock = Lock()

    def get(self, walk: Walk) -> WalkState | None:
        """The state of a walk, as far as it is walked."""
        with self._lock:
            if walk in self._kept:
                self._kept.move_to_end(walk)
            return self._kept.get(walk)

    def put(self, state: WalkState) -> None:
        """Keep a state, or weigh again what it has come to hold."""
        walk = state.walk
        with self._lock:
            self._kept[walk] = state
            self._kept.move_to_end(walk)
            self._weights[walk] = state.weight
            while len(self._kept) > 1 and sum(self._weights.values()) > self._most:
                oldest, _ = self._kept.popitem(last=False)
                del self._weights[oldest]

    def drop(self, state: WalkState) -> None:
        """Forget a state; a newer state of the same walk stays."""
        with self._lock:
            if self._kept.get(state.walk) is state:
                del self._kept[state.walk], self._weights[state.walk]

    @contextmanager
    def held(self, states: Collection[WalkState], *, keep: bool) -> Iterator[None]:
        """Hold the locks of some states for a block, and keep the states afterwards if so wanted.

        Where the block fails, its states fail and are dropped before their locks are released. Raises StateFailed
        where one of them failed while this call waited for its lock.
        """
        with ExitStack() as locks:
            # In one order, so that no two calls each hold a lock that the other waits for.
            for state in sorted(states, key=id):
                locks.enter_context(state.lock)
            if any(state.failed for state in states):
                raise StateFailed
            try:
                yield
                if keep:
                    for state in states:
                        self.put(state)
            except BaseException:
                for state in states:
                    state.failed = True
                    self.drop(state)
                raise
