"""The connections to one SQLite file: a pool that is closed and opened anew after a failed write."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Condition, RLock
from typing import Final

import apsw

from lineal.graphstore.embedded.sql.connection import Connection
from lineal.graphstore.embedded.sql.connections import connect, set_up, sqlite_path
from lineal.graphstore.embedded.sql.failures import DISK_FAILURES, LOCKS, read_failures
from lineal.graphstore.errors import StoreUnusable, Unavailable

IN_MEMORY: Final = ":memory:"


class Database:
    """One file, or one database in memory, whose single connection is lent to one caller at a time."""

    def __init__(self, path: str) -> None:
        self.path = path if path == IN_MEMORY else sqlite_path(path)
        self.in_memory = path == IN_MEMORY
        self._turn = RLock()
        self._change = Condition()
        self._idle: list[Connection] = []
        self._lent = 0
        try:
            first = connect(self.path)
            set_up(first)
        except (*DISK_FAILURES, *LOCKS) as error:
            raise StoreUnusable(
                f"{path} cannot be opened as a store ({error}): check that the disk has room and that this user may "
                "write the file and its directory"
            ) from error
        self._idle.append(first)

    @contextmanager
    def lend(self) -> Iterator[Connection]:
        """A connection for the caller alone, in no transaction before or after."""
        if self.in_memory:
            with self._turn:
                yield self._idle[0]
            return
        with self._change:
            self._lent += 1
            connection = self._idle.pop() if self._idle else None
        try:
            if connection is None:
                connection = self._opened()
            yield connection
        except (*DISK_FAILURES, Unavailable):
            # The connection may have failed: the next borrower gets a fresh one.
            if connection is not None:
                with suppress(*DISK_FAILURES):
                    connection.close()
            connection = None
            raise
        finally:
            with self._change:
                self._lent -= 1
                if connection is not None:
                    self._idle.append(connection)
                self._change.notify_all()

    def _opened(self) -> Connection:
        try:
            return connect(self.path)
        except (*DISK_FAILURES, *LOCKS, StoreUnusable) as error:
            raise Unavailable(f"the database cannot be opened: {error}") from error

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection inside a read transaction: it sees one moment.

        Raises Unavailable where the disk fails or the database is locked, LimitExceeded where the deadline is over.
        """
        with read_failures(), self.lend() as connection:
            connection.execute("BEGIN")
            try:
                connection.execute("SELECT count(*) FROM secret").fetchall()
                yield connection
            finally:
                connection.roll_back()

    def close(self) -> None:
        """Close every connection, once those lent are back."""
        with self._change:
            self._change.wait_for(lambda: self._lent == 0)
            for connection in self._idle:
                connection.close()
            self._idle.clear()

    def mend(self) -> None:
        """Recover from a failed write: close every connection, open one, and checkpoint the log into the database file.

        Raises Unavailable where that does not succeed; the next write tries again. A failed sync may have left pages
        that the kernel holds and the disk does not, and a repeated sync would not say so; a checkpoint writes the pages
        again, into the database, and syncs that.
        """
        if self.in_memory:
            return
        try:
            self.close()
            connection = connect(self.path)
            try:
                frames, written = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            finally:
                connection.close()
        except (*DISK_FAILURES, *LOCKS, StoreUnusable) as error:
            raise Unavailable(f"{_NOT_MENDED} ({error})") from error
        if frames != written:
            raise Unavailable(f"{_NOT_MENDED} (another process reads an older moment)")


_NOT_MENDED: Final = (
    "the disk failed while writing, and the store has not come back yet: nothing is acknowledged until it has; check "
    "the disk's room and health, then send again"
)
