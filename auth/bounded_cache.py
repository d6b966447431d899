"""A cache bounded by the estimated bytes of its entries."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class BoundedCache(Generic[Key, Value]):
    """Values by key, least recently used first to go. Safe to use from several threads.

    `weigh` estimates the bytes of an entry. An entry larger than `max_bytes` is not cached.
    """

    def __init__(self, max_bytes: int, weigh: Callable[[Key, Value], int]) -> None:
        self.max_bytes, self._weigh = max_bytes, weigh
        self.bytes = 0
        self._entries: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Key) -> Value | None:
        """Return a cached value, None if there is none."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry[0]

    def put(self, key: Key, value: Value) -> None:
        """Cache a value, in place of the entries used least recently."""
        weight = self._weigh(key, value)
        if weight > self.max_bytes:
            return
        with self._lock:
            _, replaced = self._entries.pop(key, (None, 0))
            self._entries[key] = value, weight
            self.bytes += weight - replaced
            while self.bytes > self.max_bytes:
                _, (_, dropped) = self._entries.popitem(last=False)
                self.bytes -= dropped

    def __len__(self) -> int:
        return len(self._entries)
