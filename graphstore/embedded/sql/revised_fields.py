"""The fields that revisions set, folded as they are written, so that a read of the present costs the same however many.

A row is derived from the revisions of an entity: what they set in all, and the newest of their two times. A read of an
earlier moment folds the revisions themselves.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final, TypeAlias

from lineal.auth.scopes import EVERYTHING
from lineal.graphstore.batches import NewRevision
from lineal.graphstore.content_codec import packed_fields, unpacked_fields
from lineal.graphstore.embedded.sql.connection import Connection
from lineal.graphstore.embedded.sql.record_reader import RowReader
from lineal.graphstore.embedded.sql.visibility import newest
from lineal.graphstore.records import AsOf, Revision, View
from lineal.graphstore.revisions import FoldOrder, RevisedFields

_AT_ONCE: Final = 1000
_Change: TypeAlias = tuple[FoldOrder, NewRevision | Revision]


def fold_revisions(
    connection: Connection, revisions: Iterable[tuple[int, int, NewRevision | Revision]], recorded_at: int
) -> None:
    """Fold revisions, by entity key and sequence, into the rows of their entities."""
    by_entity: defaultdict[int, list[_Change]] = defaultdict(list)
    for key, sequence, revision in revisions:
        by_entity[key].append(((revision.occurred_at or 0, revision.rank, sequence), revision))
    for key, changes in by_entity.items():
        row = connection.execute("SELECT fields, occurred_at FROM revised_fields WHERE entity = ?", (key,)).fetchone()
        fields = RevisedFields() if row is None else unpacked_fields(row[0])
        for order, change in changes:
            fields.apply(change, order)
        newest = max([order[0] for order, _ in changes] + ([] if row is None else [row[1]]))
        connection.execute(
            "INSERT OR REPLACE INTO revised_fields VALUES (?, ?, ?, ?)",
            (key, packed_fields(fields), recorded_at, newest),
        )


def fold_everything(connection: Connection) -> None:
    """Fold the revisions of every entity of a database in which none is folded."""
    reader = RowReader(connection, View(EVERYTHING, AsOf(newest(connection))))
    statement = "SELECT DISTINCT entity FROM revision WHERE entity > ? ORDER BY entity LIMIT ?"
    last = 0
    while keys := reader.keys(statement, (last, _AT_ONCE)):
        last = keys[-1]
        for key, revisions in reader.revisions(keys).items():
            numbered = ((key, each.sequence, each) for each in revisions)
            fold_revisions(connection, numbered, max(each.recorded_at for each in revisions))
