"""Stores as an older Lineal left them."""

from contextlib import closing
from pathlib import Path

from lineal.graphstore.embedded.sql.connections import connect
from lineal.graphstore.embedded.sql.migrations import UNINDEXED


def without_index(path: Path) -> None:
    """Make a store one from before there was an index, or an observation."""
    with closing(connect(str(path))) as connection, connection:
        for table in ("term_entry", "term", "part", "revised", "series", "observation", "revised_fields"):
            connection.execute(f"DROP TABLE {table}")
        for index in ("entity_by_occurrence", "entity_by_recording", "revision_by_time"):
            connection.execute(f"DROP INDEX {index}")
        connection.pragma("user_version", UNINDEXED)
