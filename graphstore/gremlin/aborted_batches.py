"""What batches left that never became visible is removed, in the background, and their stamps are forgotten.

For each void stamp a note (see `snapshots.plan_vertex`) says at which vertices its batch was to write. There what
bears the stamp is removed, and nothing else, in short turns, as a batch may be about to write the same vertices. A
sweep cut short leaves the note, and is done anew.

A stamp is forgotten `FORGET_SECONDS` after it became void, when a sweep finds nothing more. No request sent under it
and not begun can write any more (see `WriterLease.fenced`), so all that may still come is what the graph server
was in the middle of when the stamp became void.
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
"""How many vertices a turn is taken for: batches wait no longer than this."""
_PAUSE_SECONDS: Final = 5.0
_NEVER: Final = 2**63
_SWEPT: Final = "swept"
_ID_BYTES: Final = 8


def packed_plan(vertices: Iterable[int]) -> str:
    """Vertex ids as text."""
    return b64encode(b"".join(vertex.to_bytes(_ID_BYTES) for vertex in sorted(set(vertices)))).decode()


def unpacked_plan(text: str) -> list[long]:
    """What `packed_plan` made a text of."""
    raw = b64decode(text)
    return [long(int.from_bytes(raw[start : start + _ID_BYTES])) for start in range(0, len(raw), _ID_BYTES)]


class AbortedBatchCleanup:
    """Sweeps one void stamp after the other, in a task of its own, for as long as there are any."""

    def __init__(self, server: GremlinClient, lease: WriterLease) -> None:
        self._server, self._lease = server, lease
        self._due: dict[int, int] = {}
        """When each void stamp is to be swept again, in microseconds since 1970."""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Sweep, unless it is being done."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop, wherever it is."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while void := self._lease.snapshot.aborted:
            for stamp in void:
                if now() > self._due.get(stamp, 0):
                    # Where the graph server fails, it is done later.
                    with suppress(Unavailable):
                        await self._sweep(stamp)
            self._due = {stamp: due for stamp, due in self._due.items() if stamp in void}
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _sweep(self, stamp: int) -> None:
        """Sweep a stamp for the first time, or the last; the notes tell what others did."""
        note = plan_vertex(stamp)
        for known in await self._server.ask(g.V(note).value_map("value", "kept_at", "state")):
            last = known["kept_at"][0] + FORGET_SECONDS * 1_000_000
            found = 0
            if now() > last or "state" not in known:
                vertices = unpacked_plan(known["value"][0])
                for start in range(0, len(vertices), _AT_ONCE):
                    found += await self._remove(stamp, vertices[start : start + _AT_ONCE])
                await self._server.ask(g.V(note).property("state", _SWEPT).count())
            if now() < last or found:
                self._due[stamp] = max(last, now())
                return
            await self._server.ask(g.V(note).drop())
        self._lease.forget(stamp)
        self._due[stamp] = _NEVER

    async def _remove(self, stamp: int, vertices: list[long]) -> int:
        """Remove what bears the stamp, and tell how much that was."""
        edges = g.V(vertices).out_e().has("recorded_at", long(stamp))
        left = g.V(vertices).has("recorded_at", long(stamp))
        if not await self._count(edges) and not await self._count(left):
            return 0
        async with self._lease.held():
            return await self._drop(edges) + await self._drop(left)

    async def _count(self, elements: GraphTraversal) -> int:
        (count,) = await self._server.ask(elements.clone().count())
        return int(count)

    async def _drop(self, elements: GraphTraversal) -> int:
        count = await self._count(elements)
        if count:
            await self._server.ask(elements.clone().drop())
        return count
