"""The newest adjacency, which the reads that use it bring up to date."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Lock, Thread
from typing import Final

from lineal.graphstore.embedded.memory.adjacency import Adjacency, AssociationSource
from lineal.graphstore.errors import Unavailable

MOST_INLINE: Final = 50_000
"""A read catches up with at most this many associations itself; a thread of its own catches up with more."""


class AdjacencyCache:
    """Holds the newest adjacency. `open_source` opens a snapshot for the thread that catches up."""

    def __init__(self, open_source: Callable[[], AbstractContextManager[AssociationSource]]) -> None:
        self._open_source = open_source
        self._newest = Adjacency()
        self._lock = Lock()
        self._builder: Thread | None = None
        with open_source() as source:
            self.at(source)

    def at(self, source: AssociationSource) -> Adjacency | None:
        """The adjacency of a snapshot's watermark; None while a thread is still building it."""
        watermark = source.watermark()
        with self._lock:
            if self._newest.watermark < watermark and self._builder is None:
                if source.association_count_after(self._newest.watermark, MOST_INLINE + 1) <= MOST_INLINE:
                    self._newest = self._newest.caught_up(source)
                else:
                    self._builder = Thread(target=self._build, name="lineal-adjacency", daemon=True)
                    self._builder.start()
            return self._newest if self._newest.watermark == watermark else None

    def _build(self) -> None:
        newest = self._newest
        try:
            with self._open_source() as source:
                newest = newest.caught_up(source)
        except Unavailable:
            pass  # The next read tries again; until then walks run SQL.
        finally:
            with self._lock:
                self._newest, self._builder = newest, None
