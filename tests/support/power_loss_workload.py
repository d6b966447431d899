"""A process that writes to a store, to be traced: `python power_loss_workload.py DATABASE ACKS SYNCHRONOUS WRITES`.

Write n is a batch of seven parts, or an access change of three. When a write is acknowledged, its number goes to the
file ACKS. SYNCHRONOUS other than 2 (FULL) breaks the promise of the store, for a control. The store is closed and
opened on the way.
"""

import asyncio
import os
import sys
from pathlib import Path

from record_builders import EPOCH, association, entity, id_of, urn

from lineal.auth.access_store import AccessChange, AuditEntry, Document, Membership
from lineal.graphstore.batches import Batch, NewObservation, NewRevision
from lineal.graphstore.embedded.sql import connections, transactions
from lineal.graphstore.opening import open_store
from lineal.graphstore.store import Durability, Store

AT_ONCE = 3
WRITES_OF_A_STORE = 15
BATCH_PARTS = 7
ACCESS_PARTS = 3


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


async def _run(path: str, acks: int, writes: int) -> None:
    store = await open_store(f"sqlite:///{path}")
    await store.record(Batch((entity("first"),)), by="me")

    async def acknowledged(number: int) -> None:
        await write(store, number)
        os.write(acks, b"%d\n" % number)

    for first in range(0, writes, AT_ONCE):
        if first % WRITES_OF_A_STORE == 0 and first:
            await store.close()
            store = await open_store(f"sqlite:///{path}")
        await asyncio.gather(*(acknowledged(number) for number in range(first, min(first + AT_ONCE, writes))))
    await store.close()


if __name__ == "__main__":
    database, ack_path, level, count = sys.argv[1:]
    # Few pages, so that a short run has checkpoints, and writes the log from its beginning again.
    connections.CHECKPOINT_PAGES = 60  # type: ignore[misc]
    if level != "2":
        broken = lambda connection, _: connection.pragma("synchronous", int(level))  # noqa: E731
        for module in (connections, transactions):
            setattr(module, "set_synchronous", broken)  # noqa: B010
    with Path(ack_path).open("wb", buffering=0) as file:
        asyncio.run(_run(database, file.fileno(), int(count)))
