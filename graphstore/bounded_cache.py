"""A cache bounded by the bytes that its values hold."""

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Final, Generic, TypeVar

from cachetools import LRUCache

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

INT_BYTES: Final = 32
"""What an integer of a key takes as an object of its own."""


class BoundedCache(Generic[K, V]):
    """Values up to a number of bytes together; the least recently used go first. Safe to share between threads.

    The newest value stays however large it is: it is most likely to be wanted next.
    """

    def __init__(self, most_bytes: int, weigh: Callable[[V], int]) -> None:
        self._values: LRUCache[K, V] = LRUCache(most_bytes, lambda value: min(weigh(value), most_bytes))
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._values)

    @property
    def bytes(self) -> int:
        """About how many bytes the values hold; at most the bound, even if the newest alone holds more."""
        return int(self._values.currsize)

    def get(self, key: K) -> V | None:
        """The value of a key, which counts as used."""
        with self._lock:
            return self._values.get(key)

    def put(self, key: K, value: V) -> None:
        """Keep a value, weighed as it is now: put a value again after it has grown."""
        with self._lock:
            self._values.pop(key, None)
            self._values[key] = value

    def drop(self, key: K, value: V) -> None:
        """Forget a value; another value of the key stays."""
        with self._lock:
            if self._values.get(key) is value:
                del self._values[key]
