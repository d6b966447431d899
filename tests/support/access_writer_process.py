"""A process that changes access until it is killed: `python access_writer_process.py URL FIRST`.

Each change has a part of every kind, named by a number, the first of which is FIRST: a document, an entity that joins a
group and leaves another, an audit entry; and every other one is a batch with its audit. Numbers are printed when they
are acknowledged. A number's entity, in the group `old`, is recorded before.
"""

import asyncio
import sys
from itertools import count

from record_builders import entity, id_of

from lineal.auth.access_store import AccessChange, AuditEntry, Document, EpochConflict, Membership
from lineal.graphstore.batches import Batch
from lineal.graphstore.opening import open_store


def entry(number: int) -> AuditEntry:
    """The audit entry of a number."""
    return AuditEntry(("a",), "a/ann", "shareCreate", "GROUP", str(number), True)


def change(number: int) -> AccessChange:
    """The change of a number."""
    id = id_of(f"n{number}")
    return AccessChange(
        (Document("group", str(number), "x"),),
        (Membership(f"new{number}", id),),
        (Membership("old", id),),
        (entry(number),),
    )


async def _change(url: str, first: int) -> None:
    store = await open_store(url)
    for number in count(first):
        if number % 2:
            await store.record(Batch((entity(f"batch{number}"),)), by="me", audit=[entry(number)])
        else:
            try:
                await store.change_access(change(number), epoch=(await store.newest()).epoch)
            except EpochConflict:
                # The failed call has completed the change that another process left unfinished.
                await store.change_access(change(number), epoch=(await store.newest()).epoch)
        print(number, flush=True)


if __name__ == "__main__":
    asyncio.run(_change(sys.argv[1], int(sys.argv[2])))
