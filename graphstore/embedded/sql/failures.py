"""The SQLite errors that report a failing disk, a lock or an interrupt; any other is a mistake in this code."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import apsw

from lineal.graphstore.deadlines import PAST_DEADLINE
from lineal.graphstore.errors import LimitExceeded, Unavailable

DISK_FAILURES: Final = (
    apsw.IOError,
    apsw.FullError,
    apsw.CorruptError,
    apsw.NotADBError,
    apsw.CantOpenError,
    apsw.ReadOnlyError,
    apsw.PermissionsError,
    apsw.NoMemError,
    apsw.NoLFSError,
    apsw.ProtocolError,
)
LOCKS: Final = (apsw.BusyError, apsw.LockedError)
_UNREADABLE: Final = "the database cannot be read ({error}): check the disk and the file"
_LOCKED: Final = "another process holds the database, and it cannot be read ({error}): ask again"


@contextmanager
def read_failures() -> Iterator[None]:
    """Raise Unavailable for failures of the disk and for locks, LimitExceeded for a read that was interrupted."""
    try:
        yield
    except DISK_FAILURES as error:
        raise Unavailable(_UNREADABLE.format(error=error)) from error
    except LOCKS as error:
        raise Unavailable(_LOCKED.format(error=error)) from error
    except apsw.InterruptError as error:
        raise LimitExceeded(PAST_DEADLINE) from error
