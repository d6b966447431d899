"""Opens SQLite so that an acknowledged commit survives a power loss, and refuses files where it would not."""

from collections.abc import Collection
from time import monotonic, sleep
from typing import Any, Final

import apsw

from lineal.graphstore.embedded.sql.connection import Connection
from lineal.graphstore.embedded.sql.schema_sql import APPLICATION_ID, SCHEMA, VERSION
from lineal.graphstore.errors import StoreUnusable, Unavailable

OLDEST_SQLITE: Final = (3, 51, 3)
"""SQLite before this can corrupt a WAL database that several connections use (the WAL-reset bug)."""
BUSY_MILLISECONDS: Final = 20_000
FULL: Final = 2
NORMAL: Final = 1
CHECKPOINT_PAGES: Final = 10_000
"""So many pages of 4 KiB wait in the log before they go into the database, most of them once instead of many times."""


def connect(path: str, *, creates: bool = False) -> Connection:
    """A connection with the settings that durability depends on, read back after they are set.

    `creates` says whether the file is made where there is none.

    Raises StoreUnusable where SQLite is too old or the file is not a Lineal store of this version, and
    apsw's own errors where the file cannot be read.
    """
    version = tuple(map(int, apsw.sqlite_lib_version().split(".")))
    if version < OLDEST_SQLITE:
        raise StoreUnusable(
            f"SQLite {apsw.sqlite_lib_version()} can corrupt a database that several connections use: "
            "install apsw 3.51.3 or later"
        )
    connection = Connection(path, creates=creates)
    try:
        connection.set_busy_timeout(BUSY_MILLISECONDS)
        _refuse_foreign(connection, path)
        if path != ":memory:":
            _write_ahead(connection, path)
        connection.pragma("cache_size", -16 * 1024)
        connection.pragma("temp_store", 2)
        connection.wal_autocheckpoint(CHECKPOINT_PAGES)
        set_synchronous(connection, FULL)
    except BaseException:
        connection.close()
        raise
    return connection


def _write_ahead(connection: apsw.Connection, path: str) -> None:
    deadline = monotonic() + BUSY_MILLISECONDS / 1000
    while True:
        try:
            mode = connection.pragma("journal_mode", "wal")
            break
        except apsw.BusyError:
            # While several open a fresh file at once, SQLite says so without waiting.
            if monotonic() > deadline:
                raise
            sleep(0.01)
    if mode != "wal":
        raise StoreUnusable(f"{path} lies where SQLite cannot use a write-ahead log: move it to a local disk")


def set_synchronous(connection: apsw.Connection, level: int) -> None:
    """Set whether a commit waits for the disk, and read the setting back."""
    connection.pragma("synchronous", level)
    if (actual := connection.pragma("synchronous")) != level:
        raise Unavailable(f"SQLite holds synchronous={actual} where {level} was set: nothing can be acknowledged")


def _refuse_foreign(connection: apsw.Connection, path: str) -> None:
    try:
        # One statement sees one moment: another server may be making the tables just now.
        rows: list[tuple[Any, ...]] = connection.execute(
            "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema) "
            "FROM pragma_application_id, pragma_user_version"
        ).fetchall()
    except apsw.NotADBError:
        raise StoreUnusable(f"{path} is not an SQLite database: name another file with --store") from None
    application, version, tables = rows[0]
    if tables == 0 and application == 0:
        return
    if application != APPLICATION_ID:
        raise StoreUnusable(f"{path} is an SQLite database, but not a Lineal store: name another file with --store")
    if version > VERSION:
        raise StoreUnusable(
            f"{path} was written by a newer Lineal (schema {version}; this one knows {VERSION}): "
            "upgrade Lineal, or open another store"
        )
    if version < VERSION:
        raise StoreUnusable(
            f"{path} was written by an older Lineal (schema {version}; this one knows {VERSION}): export it with that "
            "Lineal (lineal export --store ... FILE), and ingest that file into a new store with this one"
        )


def set_up(connection: Connection) -> None:
    """Make the tables of an empty database, in one transaction, however many servers start at once."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if connection.pragma("user_version") == 0:
            connection.execute(SCHEMA)
            connection.pragma("application_id", APPLICATION_ID)
            connection.pragma("user_version", VERSION)
        connection.execute("COMMIT")
    except BaseException:
        connection.roll_back()
        raise


def altered_schema(connection: apsw.Connection, types: Collection[str] = ("table", "index", "trigger")) -> list[str]:
    """Return a sentence for each table, index or trigger that is not as this version makes it.

    Not for those that SQLite makes of its own accord, which differ between its versions.
    """
    fresh = apsw.Connection(":memory:")
    try:
        fresh.execute(SCHEMA)
        expected = _definitions(fresh)
    finally:
        fresh.close()
    actual = _definitions(connection)
    return [
        f"the {type} {name} is not as Lineal makes it"
        for type, name in sorted(expected.keys() | actual.keys())
        if type in types and expected.get((type, name)) != actual.get((type, name))
    ]


def _definitions(connection: apsw.Connection) -> dict[tuple[str, str], str]:
    rows = connection.execute(
        "SELECT type, name, sql FROM main.sqlite_schema WHERE name NOT LIKE 'sqlite_%' "
        "AND name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow')"
    )
    return {(type, name): sql for type, name, sql in rows}
