"""Walk states kept for later pages and nested fields, bounded by the bytes they hold."""

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from lineal.bounded_cache import BoundedCache
from lineal.graphstore.queries import Walk
from lineal.graphstore.walking.walk_state import WalkState

MOST_BYTES: Final = 128 * 1024 * 1024


class StateFailed(Exception):
    """Another call failed while it used a state that this one waited for: begin the walk again."""


class WalkCache(BoundedCache[Walk, WalkState]):
    """The states of the walks used last. A walk carries its view; a walk of a settled view never goes stale."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        super().__init__(most_bytes, lambda _, state: state.weight)

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
                        self.put(state.walk, state)
            except BaseException:
                for state in states:
                    state.failed = True
                    self.drop(state.walk, state)
                raise
