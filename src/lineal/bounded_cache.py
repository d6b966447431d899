"""A cache bounded by the bytes that its entries hold."""

from collections.abc import Callable, Hashable
from operator import itemgetter
from threading import Lock
from typing import Final, Generic, TypeVar

from cachetools import LRUCache

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

INT_BYTES: Final = 32
"""What an integer of a key takes as an object of its own."""


class BoundedCache(Generic[K, V]):
    """Values up to a number of bytes together; the least recently used go first. Safe to share between threads.

    `weigh` estimates the bytes of an entry from its key and value. The newest entry stays however large it is: it is
    most likely to be wanted next.
    """

    def __init__(self, most_bytes: int, weigh: Callable[[K, V], int]) -> None:
        self._most_bytes, self._weigh = most_bytes, weigh
        self._entries: LRUCache[K, tuple[V, int]] = LRUCache(most_bytes, itemgetter(1))
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def bytes(self) -> int:
        """About how many bytes the entries hold; at most the bound, even if the newest alone holds more."""
        return int(self._entries.currsize)

    def get(self, key: K) -> V | None:
        """The value of a key, which counts as used."""
        with self._lock:
            entry = self._entries.get(key)
        return None if entry is None else entry[0]

    def put(self, key: K, value: V) -> None:
        """Keep a value, weighed as it is now: put a value again after it has grown."""
        weight = min(self._weigh(key, value), self._most_bytes)
        with self._lock:
            self._entries.pop(key, None)
            self._entries[key] = value, weight

    def drop(self, key: K, value: V) -> None:
        """Forget a value; another value of the key stays."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and entry[0] is value:
                del self._entries[key]
