"""The adjacency of the present, brought up to date by the reads that want it."""

from threading import Lock, Thread
from typing import Final

import apsw

from lineal.graphstore.embedded.memory.adjacency import Adjacency
from lineal.graphstore.embedded.sql.database import Database
from lineal.graphstore.embedded.sql.record_reader import newest
from lineal.graphstore.errors import Unavailable

MOST_INLINE: Final = 50_000
"""A read catches up with so many associations itself; what takes longer is done beside it."""


class AdjacencyCache:
    """The newest adjacency known, brought up to date by the reads that want it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known = Adjacency()
        self._lock = Lock()
        self._builder: Thread | None = None
        with database.snapshot() as connection:
            self.at(connection)

    def at(self, connection: apsw.Connection) -> Adjacency | None:
        """The adjacency of the newest batch the transaction sees; None while that takes long to come by."""
        watermark = newest(connection)
        with self._lock:
            if self._known.watermark < watermark and self._builder is None:
                if self._few_after(connection):
                    self._known = self._known.caught_up(connection, watermark)
                else:
                    self._builder = Thread(target=self._build, name="lineal-adjacency", daemon=True)
                    self._builder.start()
            return self._known if self._known.watermark == watermark else None

    def _few_after(self, connection: apsw.Connection) -> bool:
        rows = connection.execute(
            "SELECT count(*) FROM (SELECT 1 FROM association INDEXED BY association_by_time "
            "WHERE recorded_at > ? LIMIT ?)",
            (self._known.watermark, MOST_INLINE + 1),
        )
        return int(rows.get) <= MOST_INLINE

    def _build(self) -> None:
        known = self._known
        try:
            with self._database.snapshot() as connection:
                known = known.caught_up(connection, newest(connection))
        except (apsw.Error, Unavailable):
            pass  # The next read tries again, and until then walks ask the database.
        finally:
            with self._lock:
                self._known, self._builder = known, None
