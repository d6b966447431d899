"""The fields that revisions set, folded on write, so that the cost of a present read does not depend on their number.

A row is derived from the revisions of an entity: the fields that they set together, and the newest of their two times.
A read of an earlier moment applies the revisions themselves.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import TypeAlias

from lineal.graphstore.batches import NewRevision
from lineal.graphstore.content_codec import packed_fields, unpacked_fields
from lineal.graphstore.embedded.sql.connection import Connection
from lineal.graphstore.records import Revision
from lineal.graphstore.revisions import FoldOrder, RevisedFields

_Change: TypeAlias = tuple[FoldOrder, NewRevision | Revision]


def fold_revisions(
    connection: Connection,
    revisions: Iterable[tuple[int, int, NewRevision | Revision]],
    new: Collection[int],
    recorded_at: int,
) -> None:
    """Fold revisions, by entity key and sequence, into the rows of their entities; the `new` ones have no row yet."""
    by_entity: defaultdict[int, list[_Change]] = defaultdict(list)
    for key, sequence, revision in revisions:
        by_entity[key].append(((revision.occurred_at or 0, revision.rank, sequence), revision))

    def rows() -> Iterator[tuple[int, str, int, int]]:
        for key, changes in by_entity.items():
            row = None if key in new else _row(connection, key)
            fields = RevisedFields() if row is None else unpacked_fields(row[0])
            for order, change in changes:
                fields.apply(change, order)
            newest = max([order[0] for order, _ in changes] + ([] if row is None else [row[1]]))
            yield key, packed_fields(fields), recorded_at, newest

    connection.executemany("INSERT OR REPLACE INTO revised_fields VALUES (?, ?, ?, ?)", rows())


def _row(connection: Connection, key: int) -> tuple[str, int] | None:
    row: tuple[str, int] | None = connection.execute(
        "SELECT fields, occurred_at FROM revised_fields WHERE entity = ?", (key,)
    ).fetchone()
    return row
