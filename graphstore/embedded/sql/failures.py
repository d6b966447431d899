"""The errors that report a failing disk, a lock, damage or an interrupt; any other is a mistake in this code."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import extract_tb
from typing import Final

import apsw

from lineal.graphstore.deadlines import PAST_DEADLINE
from lineal.graphstore.embedded.sql.store_file import is_full
from lineal.graphstore.errors import LimitExceeded, StoreUnusable, Unavailable, damaged

_log = logging.getLogger(__name__)

DAMAGED_FILE: Final = (apsw.CorruptError, apsw.NotADBError)
DISK_FAILURES: Final = (
    *DAMAGED_FILE,
    apsw.IOError,
    apsw.FullError,
    apsw.CantOpenError,
    apsw.ReadOnlyError,
    apsw.PermissionsError,
    apsw.NoMemError,
    apsw.NoLFSError,
    apsw.ProtocolError,
)
LOCKS: Final = (apsw.BusyError, apsw.LockedError)
UNREADABLE_ROWS: Final = (LookupError, ValueError, TypeError, AttributeError)
"""Raised where a row holds, or lacks, what Lineal never writes so: damage, or a mistake in this code."""
_UNREADABLE: Final = "the database cannot be read ({error}): check the disk and the file"
_UNREADABLE_ROW: Final = (
    "a record cannot be read ({error}): run `lineal verify`; if it finds damage, restore a backup, else report this "
    "mistake of Lineal"
)
_LOCKED: Final = "another process holds the database, and it cannot be read ({error}): ask again"


@contextmanager
def read_failures() -> Iterator[None]:
    """Raise Unavailable for failures of the disk, locks and damage, LimitExceeded for a read that was interrupted."""
    try:
        yield
    except DAMAGED_FILE as error:
        raise Unavailable(damaged(error)) from error
    except DISK_FAILURES as error:
        raise Unavailable(_UNREADABLE.format(error=error)) from error
    except LOCKS as error:
        raise Unavailable(_LOCKED.format(error=error)) from error
    except apsw.InterruptError as error:
        raise LimitExceeded(PAST_DEADLINE) from error
    except UnicodeEncodeError:
        raise  # of the question, not of a row
    except UNREADABLE_ROWS as error:
        raise unreadable(error) from error


def unreadable(error: Exception) -> Unavailable:
    """Return the error of a row that cannot be read, and log where. Only the log shows values of the row."""
    frame = extract_tb(error.__traceback__)[-1]
    _log.error("unreadable row: %r at %s:%s", error, frame.filename.rpartition("/")[2], frame.lineno)
    return Unavailable(_UNREADABLE_ROW.format(error=type(error).__name__))


def unopenable(path: str, error: Exception) -> StoreUnusable:
    """Return the error of a store that SQLite cannot open, which says what to do."""
    if isinstance(error, LOCKS):
        return StoreUnusable(
            f"{path} is locked by another process: end it (perhaps an sqlite3 shell, or a backup program), then start "
            "again"
        )
    if isinstance(error, (*DAMAGED_FILE, UnicodeDecodeError)):
        return StoreUnusable(f"{path} is damaged ({error}): restore a backup")
    if isinstance(error, apsw.FullError) or is_full(Path(path).absolute().parent):
        return StoreUnusable(f"the disk of {path} is full: free some space")
    if isinstance(error, apsw.ReadOnlyError):
        return StoreUnusable(f"{path} is read-only ({error}): make the file and its directory writable")
    return StoreUnusable(
        f"{path} cannot be opened as a store ({error}): check that the disk has room and that this user may write the "
        "file and its directory"
    )
