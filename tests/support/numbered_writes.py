"""Numbered writes of one store, each of several parts that are there together or not at all."""

from collections import Counter
from typing import Final

from record_builders import EPOCH, association, entity, id_of, urn

from lineal.auth.access_store import AccessChange, AuditEntry, Document, Membership
from lineal.graphstore.batches import Batch, NewObservation, NewRevision
from lineal.graphstore.embedded.sql.database import Database
from lineal.graphstore.store import Durability, Store

FIRST: Final = Batch((entity("first"),))
"""What has to be recorded before a write."""
_BATCH_PARTS: Final = 7
_ACCESS_PARTS: Final = 3
# The number of each write whose part a row is. A write that is sent again appends to the audit log again.
_PARTS: Final = """
SELECT substr(urn, 18) FROM entity WHERE urn <> 'lineal:a:DATASET:first'
UNION ALL SELECT substr(e.urn, 18) FROM association a JOIN entity e ON e.key = a.source
UNION ALL SELECT substr(e.urn, 18) FROM revision r JOIN entity e ON e.key = r.entity
UNION ALL SELECT DISTINCT resource FROM audit
UNION ALL SELECT id FROM access_document
UNION ALL SELECT value FROM placement p JOIN compartment c ON c.id = p.compartment, json_each(c.groups)
"""


class Damaged(Exception):
    """A database is corrupt, or holds a part of a write."""


def is_access_change(number: int) -> bool:
    """Whether a write changes access; the others are batches."""
    return number % 5 == 4


def may_be_lost(number: int) -> bool:
    """Whether a write was asked to outlive a crash of the process only."""
    return number % 7 == 3 and not is_access_change(number)


async def write(store: Store, number: int) -> None:
    """Send one write."""
    audit = [AuditEntry(("a",), "a/ann", "record", "ENTITY", str(number), True)]
    if is_access_change(number):
        documents = (Document("group", str(number), "x" * 900),)
        joins = (Membership(str(number), id_of("first")),)
        change = AccessChange(documents, joins, (), tuple(audit))
        await store.change_access(change, epoch=(await store.newest()).epoch)
        return
    names = [f"{number}x{part}" for part in range(3)]
    batch = Batch(
        tuple(entity(name, description="d" * 700) for name in names),
        tuple(association(names[0], name) for name in names[1:]),
        (NewRevision(urn(names[0]), tags=("revised",), occurred_at=EPOCH),),
        (NewObservation(urn(names[0]), "loss", value=0.5, step=1, occurred_at=EPOCH),),
    )
    durability = Durability.CRASH if may_be_lost(number) else Durability.POWER_LOSS
    await store.record(batch, by="me", audit=audit, durability=durability)


def numbers_in(database: Database) -> set[int]:
    """The numbers of the writes that are there. Raises Damaged where one is half there, or the database is corrupt."""
    with database.lend() as connection:
        if (verdict := connection.pragma("integrity_check")) != "ok":
            raise Damaged(f"corrupt: {verdict}")
        found = Counter(int(str(each).split("x")[0]) for (each,) in connection.execute(_PARTS).fetchall())
    for number, parts in found.items():
        if parts != (_ACCESS_PARTS if is_access_change(number) else _BATCH_PARTS):
            raise Damaged(f"write {number} has {parts} parts")
    return set(found)
