"""A process that writes to a graph server until it is killed: `python graph_writer_process.py URL ME`.

It and others like it race for the same names, in turn with the same content and with other content each. What is
acknowledged is printed, a line a batch: the description of each entity by name.
"""

import asyncio
import json
import sys
from itertools import count

from record_builders import association, entity

from lineal.graphstore.batches import Batch
from lineal.graphstore.errors import BatchRefused, Unavailable
from lineal.graphstore.gremlin import batch_writer, writer_lease
from lineal.graphstore.gremlin.store import GremlinStore
from lineal.graphstore.gremlin.transport import Address

SIZE = 12
LEASE_SECONDS = 2.0


async def _write(url: str, me: str) -> None:
    # So that others need not wait long, and that death comes in the middle of a batch.
    writer_lease.LEASE_SECONDS = LEASE_SECONDS  # type: ignore[misc]
    batch_writer._VERTICES_AT_ONCE = batch_writer._EDGES_AT_ONCE = 4  # type: ignore[misc]
    store = await GremlinStore.opened(Address.parsed(url), 20.0)
    number = 0
    for attempt in count():
        description = "the same" if number % 2 else f"by {me}"
        mine, ours = f"{me}-{attempt}", [f"race{number}-{part}" for part in range(SIZE)]
        entities = (entity(mine), *(entity(name, description=description) for name in ours))
        batch = Batch(entities, tuple(association(ours[0], name) for name in (mine, *ours[1:])))
        try:
            await store.record(batch, by=me)
        except BatchRefused:
            number += 1
        except Unavailable:
            await asyncio.sleep(0.02)
        else:
            print(json.dumps({mine: None, **dict.fromkeys(ours, description)}), flush=True)
            number += 1


if __name__ == "__main__":
    asyncio.run(_write(sys.argv[1], sys.argv[2]))
