"""Removes the records of aborted batches in the background, and then forgets their stamps.

For each aborted batch a note (see `snapshots.plan_vertex`) lists the vertices that the batch was to write. The cleanup
removes the records there that have its stamp, and no others. It holds the lease for a few vertices at a time, as a
batch may be about to write the same vertices. An interrupted cleanup leaves the note, and is repeated.

When nothing remains, the stamp is forgotten: the next commit leaves it out. On an engine without isolation (Cassandra)
this waits for `FORGET_SECONDS` after the abort: a request that was sent under the stamp and had not begun can write no
more (see `WriterLease.fenced`), but one that the graph server was executing can.
"""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from gremlin_python.process.graph_traversal import GraphTraversal
from gremlin_python.statics import long

from lineal.graphstore.batch_validation import now
from lineal.graphstore.errors import Unavailable
from lineal.graphstore.gremlin.client import GremlinClient, g
from lineal.graphstore.gremlin.snapshots import plan_vertex
from lineal.graphstore.gremlin.writer_lease import WriterLease

FORGET_SECONDS: Final = 3600
_AT_ONCE: Final = 100
"""The number of vertices for which the lease is held at once: batches wait no longer than that."""
_PAUSE_SECONDS: Final = 5.0
_NEVER: Final = 2**63
_CLEANED: Final = "cleaned"
_ID_BYTES: Final = 8


def packed_plan(vertices: Iterable[int]) -> str:
    """Return vertex ids as text."""
    return b64encode(b"".join(vertex.to_bytes(_ID_BYTES) for vertex in sorted(set(vertices)))).decode()


def unpacked_plan(text: str) -> list[long]:
    """Return the vertex ids from a text of `packed_plan`."""
    raw = b64decode(text)
    return [long(int.from_bytes(raw[start : start + _ID_BYTES])) for start in range(0, len(raw), _ID_BYTES)]


class AbortedBatchCleanup:
    """Cleans up one aborted batch after the other, in a task that ends when there are none."""

    def __init__(self, server: GremlinClient, lease: WriterLease) -> None:
        self._server, self._lease = server, lease
        self._due: dict[int, int] = {}
        """The time of the next cleanup for each stamp, in microseconds since 1970."""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the task, unless it runs."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Cancel the task."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while aborted := self._lease.snapshot.aborted:
            for stamp in aborted:
                if now() > self._due.get(stamp, 0):
                    # If the graph server fails, the cleanup is repeated later.
                    with suppress(Unavailable):
                        await self._clean_up(stamp)
            self._due = {stamp: due for stamp, due in self._due.items() if stamp in aborted}
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _clean_up(self, stamp: int) -> None:
        """Clean up for a stamp, for the first or the last time; its note records the cleanups of other processes."""
        note = plan_vertex(stamp)
        wait = FORGET_SECONDS if self._lease.has_late_writes else 0
        for values in await self._server.ask(g.V(note).value_map("value", "kept_at", "state")):
            last = values["kept_at"][0] + wait * 1_000_000
            removed = 0
            if now() > last or "state" not in values:
                vertices = unpacked_plan(values["value"][0])
                for start in range(0, len(vertices), _AT_ONCE):
                    removed += await self._remove(stamp, vertices[start : start + _AT_ONCE])
                await self._server.ask(g.V(note).property("state", _CLEANED).count())
            if now() < last or removed:
                self._due[stamp] = max(last, now())
                return
            await self._server.ask(g.V(note).drop())
        self._lease.forget(stamp)
        self._due[stamp] = _NEVER

    async def _remove(self, stamp: int, vertices: list[long]) -> int:
        """Remove the records with the stamp, and return their number."""
        edges = g.V(vertices).out_e().has("recorded_at", long(stamp))
        own_vertices = g.V(vertices).has("recorded_at", long(stamp))
        if not await self._count(edges) and not await self._count(own_vertices):
            return 0
        async with self._lease.held():
            return await self._drop(edges) + await self._drop(own_vertices)

    async def _count(self, elements: GraphTraversal) -> int:
        (count,) = await self._server.ask(elements.clone().count())
        return int(count)

    async def _drop(self, elements: GraphTraversal) -> int:
        count = await self._count(elements)
        if count:
            await self._server.ask(elements.clone().drop())
        return count
