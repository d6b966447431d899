"""The files of a store on disk: whether they can be opened, and whether they are still those that were opened."""

import fcntl
import os
import shutil
import stat
from pathlib import Path
from typing import Final, TypeAlias

from lineal.graphstore.errors import StoreUnusable

FileId: TypeAlias = tuple[int, int] | None
"""Device and inode; None where there is no file."""

LOG: Final = "-wal"
LOG_INDEX: Final = "-shm"
_FULL_BYTES: Final = 256 * 1024
"""A disk with less room is full: SQLite cannot even make the files that it keeps beside the store."""
_READERS_FROM, _READERS_BYTES = 0x40000002, 510
"""The bytes of the file on which SQLite's readers hold their locks (its file format, "locking")."""


def check_usable(path: str, *, creates: bool) -> None:
    """Raise StoreUnusable, which says what to do, if the path cannot be opened as a store that is read and written."""
    file = Path(path)
    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():
        raise StoreUnusable(f"the directory {folder} does not exist: create it, or name another file with --store")
    try:
        status = file.stat()
    except FileNotFoundError:
        if not creates:
            raise StoreUnusable(f"there is no store at {path}: check the path that --store names") from None
        _check_folder(folder, f"{path} cannot be created")
        return
    except PermissionError:
        raise StoreUnusable(f"this user may not look into the directory {folder}: grant access to it") from None
    if stat.S_ISDIR(status.st_mode):
        raise StoreUnusable(f"{path} is a directory: name a file in it with --store")
    if not stat.S_ISREG(status.st_mode):
        raise StoreUnusable(f"{path} is not a regular file: name another file with --store")
    if not creates and status.st_size == 0:
        raise StoreUnusable(f"{path} is an empty file, not a store: check the path that --store names")
    if not os.access(path, os.R_OK):
        raise StoreUnusable(f"this user may not read {path}: grant it read and write access")
    # Whoever takes all write permissions off a file wants it to stay as it is, also from root, whom no mode stops.
    if not os.access(path, os.W_OK) or not status.st_mode & 0o222:
        raise StoreUnusable(
            f"{path} is read-only: make it writable for this user, or copy it to where this user may write, and open "
            "the copy"
        )
    _check_folder(folder, f"{path} cannot be opened")


def _check_folder(folder: Path, consequence: str) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StoreUnusable(
            f"the directory {folder} is read-only for this user, so {consequence}, because SQLite keeps two more files "
            "beside it: make the directory writable"
        )
    if is_full(folder):
        raise StoreUnusable(f"the disk of {folder} is full, so {consequence}: free some space")


def is_full(path: str | Path) -> bool:
    """Whether the disk of an existing path has no room left for this user."""
    try:
        return shutil.disk_usage(path).free < _FULL_BYTES
    except OSError:
        return False


def file_id(path: str) -> FileId:
    """The identity of the file at a path."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def log_ids(path: str) -> tuple[FileId, FileId]:
    """The identities of the write-ahead log of a database and of the log's index."""
    return file_id(path + LOG), file_id(path + LOG_INDEX)


def is_open_elsewhere(path: str) -> bool:
    """Whether another process has the database open. Only while this one has no connection to it.

    Closing a file drops the locks that the process holds on it through SQLite, so a connection would lose its own.
    """
    with open(path, "r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, _READERS_BYTES, _READERS_FROM)
        except OSError:
            return True
    return False
