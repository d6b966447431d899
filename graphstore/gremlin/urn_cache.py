"""URNs by the keys of their entities, kept from call to call: a URN never changes."""

from collections.abc import Collection, Mapping
from threading import Lock
from typing import Final

MOST_BYTES: Final = 64 * 1024 * 1024
_ENTRY_BYTES: Final = 200
"""What an entry takes beside the characters of its URN: the two objects and their place in the dictionary."""


class UrnCache:
    """The URNs seen last, of all threads together. What a call needs it takes out once: an entry may go at any time."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._urns: dict[int, str] = {}
        self._bytes = 0
        self._lock = Lock()

    def known(self, keys: Collection[int]) -> dict[int, str]:
        """The URNs of those of the keys that are in the cache."""
        with self._lock:
            return {key: self._urns[key] for key in keys if key in self._urns}

    def keep(self, urns: Mapping[int, str]) -> None:
        """Keep URNs, and forget the ones kept longest where all take too many bytes."""
        with self._lock:
            for key, urn in urns.items():
                if key not in self._urns:
                    self._urns[key] = urn
                    self._bytes += _weight(urn)
            while self._bytes > self._most_bytes:
                oldest = next(iter(self._urns))
                self._bytes -= _weight(self._urns.pop(oldest))


def _weight(urn: str) -> int:
    return len(urn) + _ENTRY_BYTES
