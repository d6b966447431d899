"""A process that writes to a store, to be traced: `python power_loss_workload.py DATABASE ACKS SYNCHRONOUS WRITES`.

When a write is acknowledged, its number goes to the file ACKS. SYNCHRONOUS other than 2 (FULL) breaks the promise of
the store, for a control. The store is closed and opened on the way.
"""

import asyncio
import os
import sys
from pathlib import Path

from numbered_writes import FIRST, write

from lineal.graphstore.embedded.sql import connections, transactions
from lineal.graphstore.opening import open_store

AT_ONCE = 3
WRITES_OF_A_STORE = 15


async def _run(path: str, acks: int, writes: int) -> None:
    store = await open_store(f"sqlite:///{path}")
    await store.record(FIRST, by="me")

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
