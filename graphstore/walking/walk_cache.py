"""Walks kept for later pages and nested fields, bounded by how much they hold."""

from collections import OrderedDict
from threading import Lock
from typing import Final

from lineal.graphstore.queries import Walk
from lineal.graphstore.walking.reach_pages import WalkState

MOST_BYTES: Final = 128 * 1024 * 1024
"""About how much all kept walks may hold together. The newest is kept however large it is: its next page comes soon."""


class WalkCache:
    """Least recently used goes first. A walk is kept with its view; if that is settled, the walk never goes stale."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._kept: OrderedDict[Walk, WalkState] = OrderedDict()
        self._weights: dict[Walk, int] = {}
        self._lock = Lock()

    def get(self, walk: Walk) -> WalkState | None:
        """The walk as far as it has been walked."""
        with self._lock:
            if walk in self._kept:
                self._kept.move_to_end(walk)
            return self._kept.get(walk)

    def put(self, walk: Walk, walked: WalkState) -> None:
        """Keep a walk, or count anew what it has come to hold."""
        with self._lock:
            self._kept[walk] = walked
            self._kept.move_to_end(walk)
            self._weights[walk] = walked.weight
            while len(self._kept) > 1 and sum(self._weights.values()) > self._most:
                oldest, _ = self._kept.popitem(last=False)
                del self._weights[oldest]

    def drop(self, walk: Walk) -> None:
        """Forget a walk that failed half-way."""
        with self._lock:
            if self._kept.pop(walk, None) is not None:
                del self._weights[walk]
