"""The connections to one SQLite file: a pool that is closed and opened anew after a failed write."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Condition, RLock
from typing import Final

import apsw

from lineal.graphstore.embedded.sql.connection import Connection
from lineal.graphstore.embedded.sql.connections import altered_schema, connect, set_up
from lineal.graphstore.embedded.sql.failures import DISK_FAILURES, LOCKS, read_failures, unopenable
from lineal.graphstore.embedded.sql.store_file import LOG, FileId, check_usable, file_id, is_open_elsewhere, log_ids
from lineal.graphstore.errors import StoreUnusable, Unavailable

IN_MEMORY: Final = ":memory:"


class Database:
    """One file, or one database in memory, whose single connection is lent to one caller at a time."""

    def __init__(self, path: str, *, creates: bool = True) -> None:
        self.path = path
        self.in_memory = path == IN_MEMORY
        self._turn = RLock()
        self._change = Condition()
        self._idle: list[Connection] = []
        self._lent = 0
        self._open = 1
        if not self.in_memory:
            check_usable(path, creates=creates)
        try:
            first = connect(self.path, creates=creates)
            set_up(first)
            # Without a trigger the store can be read, and `lineal verify` says that it is missing.
            if altered := altered_schema(first, ("table", "index")):
                raise StoreUnusable(
                    f"{path} is damaged, or was changed outside Lineal ({altered[0]}): restore a backup"
                )
        except (*DISK_FAILURES, *LOCKS, UnicodeDecodeError) as error:
            raise unopenable(path, error) from error
        self._idle.append(first)
        self._file = file_id(path)
        # None while no connection is open: then SQLite has removed them itself.
        self._logs: tuple[FileId, FileId] | None = log_ids(path)

    def check_file(self) -> None:
        """Raise Unavailable where the path no longer leads to the file that was opened."""
        if not self.in_memory and file_id(self.path) != self._file:
            raise Unavailable(_REPLACED.format(path=self.path))

    @property
    def has_lost_logs(self) -> bool:
        """Whether the write-ahead log or its index was removed or replaced: a crash would lose what it holds."""
        expected = self._logs
        return not (self.in_memory or expected is None) and log_ids(self.path) != expected

    @contextmanager
    def lend(self) -> Iterator[Connection]:
        """A connection for the caller alone, in no transaction before or after."""
        if self.in_memory:
            with self._turn:
                yield self._idle[0]
            return
        self.check_file()
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
                self._count(-1)
            connection = None
            raise
        finally:
            with self._change:
                self._lent -= 1
                if connection is not None:
                    self._idle.append(connection)
                self._change.notify_all()

    def _opened(self) -> Connection:
        if self.has_lost_logs:
            # The others still hold the lost log, and a new one would not hold what that holds.
            raise Unavailable(_LOG_LOST.format(path=self.path))
        try:
            connection = connect(self.path)
        except (*DISK_FAILURES, *LOCKS, StoreUnusable) as error:
            raise Unavailable(f"the database cannot be opened: {error}") from error
        self._count(1)
        return connection

    def _count(self, change: int) -> None:
        """Count the open connections."""
        with self._change:
            self._open += change
            if self._open == 0:
                self._logs = None
            elif self._logs is None:
                self._logs = log_ids(self.path)

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
            self._count(-self._open)

    def mend(self) -> None:
        """Recover from a failed write or a lost log: close every connection, open one, and checkpoint the log.

        Raises Unavailable where that does not succeed; the next write tries again. A failed sync may have left pages
        that the kernel holds and the disk does not, and a repeated sync would not say so; a checkpoint writes the pages
        again, into the database, and syncs that. SQLite still holds a log that was removed, and puts what it contains
        into the database too.
        """
        if self.in_memory:
            return
        self.check_file()
        is_lost = self.has_lost_logs
        try:
            # Nobody else may open a connection until the new log is there.
            with self._change:
                if is_lost:
                    self._save_lost_log()
                self.close()
                if is_lost and is_open_elsewhere(self.path):
                    self._logs = _LOST
                    raise Unavailable(_LOG_IN_USE.format(path=self.path))
                connection = self._opened()
                self._idle.append(connection)
                frames, written = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except (*DISK_FAILURES, *LOCKS, OSError) as error:
            raise Unavailable(f"{_NOT_MENDED} ({error})") from error
        if frames != written:
            raise Unavailable(f"{_NOT_MENDED} (another process reads an older moment)")

    def _save_lost_log(self) -> None:
        """Put what a removed log holds into the database, unless another process has written a log of its own since."""
        new_log = Path(self.path + LOG)
        expected = None if self._logs is None else self._logs[0]
        if file_id(str(new_log)) not in (None, expected) and new_log.stat().st_size > 0:
            raise Unavailable(_LOG_REPLACED.format(path=self.path))
        if self._idle:
            self._idle[0].wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)


_LOST: Final = ((0, 0), (0, 0))
"""Identities that no files have."""
_REPLACED: Final = (
    "the file {path} was removed or replaced while the server ran, so nothing is read or written: put the same file "
    "back, or restore a backup and restart the server"
)
_LOG_LOST: Final = "the files beside {path} (-wal, -shm) were removed, and are being replaced: ask again"
_LOG_IN_USE: Final = (
    "the files beside {path} (-wal, -shm) were removed while another process has it open too: stop every process that "
    "uses the store, then start again and run `lineal verify`"
)
_LOG_REPLACED: Final = (
    "the file {path}-wal was replaced while the server ran, so nothing is written: stop every process that uses the "
    "store, put the file back if you can, then start again and run `lineal verify`"
)
_NOT_MENDED: Final = (
    "the disk failed while writing, and the store has not come back yet: nothing is acknowledged until it has; check "
    "the disk's room and health, then send again"
)
