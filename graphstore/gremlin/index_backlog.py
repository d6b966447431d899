"""The entities that the mixed index may not show yet, and how they get there.

JanusGraph writes to its index after a commit, and reports nothing if that fails. No batch waits for it: each commit
notes in the snapshot which entities it wrote, by its stamp, and searches look through these beside the index. A
background task counts them through the index. Those that it shows leave the snapshot with the next commit; those that
it does not show in time are written to it again.
"""

import asyncio
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Final, NamedTuple

import orjson
from gremlin_python.process.graph_traversal import GraphTraversal
from gremlin_python.process.traversal import P
from gremlin_python.statics import long

from lineal.graphstore.batch_validation import now
from lineal.graphstore.content_codec import packed
from lineal.graphstore.errors import Unavailable
from lineal.graphstore.gremlin.aborted_batches import packed_plan, unpacked_plan
from lineal.graphstore.gremlin.client import GremlinClient, g
from lineal.graphstore.gremlin.mixed_index import SHOWN_SECONDS, TOUCHED_AT, indexed
from lineal.graphstore.gremlin.upserts import reindexing_steps
from lineal.graphstore.gremlin.writer_lease import WriterLease

MOST_UNINDEXED: Final = 3000
"""With more entities than the index shows, a batch waits for it: they are in every snapshot and every search."""
_COUNT_SECONDS: Final = 0.2
_IDLE_SECONDS: Final = 1.0
"""After how long without a batch the snapshot is written only to drop what the index shows."""
_RESTORED_AT_ONCE: Final = 200
_MICROSECONDS: Final = 1_000_000

BEHIND: Final = (
    "the graph's index does not show what was written before, so nothing more is written: see the graph server's log "
    "for why, and send it again"
)


class Unindexed(NamedTuple):
    """The vertices that a batch created, and those whose indexed properties it changed."""

    created: tuple[int, ...] = ()
    changed: tuple[int, ...] = ()


Backlog = Mapping[int, Unindexed]
"""By stamp. A vertex that batches changed one after another is in the last of them; where it was created, it stays."""


@lru_cache(maxsize=64)
def unpacked_backlog(text: str) -> Backlog:
    """The backlog of a snapshot, from its text."""
    entries = orjson.loads(text) if text else []
    return {stamp: Unindexed(*(tuple(unpacked_plan(plan)) for plan in plans)) for stamp, *plans in entries}


def packed_backlog(backlog: Backlog) -> str:
    """The text of a backlog; empty if nothing is in it."""
    entries = [(stamp, *map(packed_plan, unindexed)) for stamp, unindexed in backlog.items() if any(unindexed)]
    return packed(entries) if entries else ""


@lru_cache(maxsize=64)
def unindexed_vertices(text: str) -> tuple[long, ...]:
    """The vertices in the backlog of a snapshot, each once, from its text."""
    entries = unpacked_backlog(text).values()
    return tuple(map(long, sorted({vertex for each in entries for vertices in each for vertex in vertices})))


class IndexBacklog:
    """Keeps the backlog of the snapshots that this process commits, and works it off in a task of its own."""

    def __init__(self, server: GremlinClient, lease: WriterLease) -> None:
        self._server, self._lease = server, lease
        self._shown: set[int] = set()
        """The stamps of which the index shows everything."""
        self._task: asyncio.Task[None] | None = None

    def after(self, stamp: int, unindexed: Unindexed) -> str:
        """The backlog of the snapshot in which a batch becomes visible, as text."""
        if not self._server.has_mixed_index:
            return ""
        again = set(unindexed.changed)
        backlog = {
            each: Unindexed(created, tuple(vertex for vertex in changed if vertex not in again))
            for each, (created, changed) in self._left().items()
        }
        return packed_backlog({**backlog, stamp: unindexed})

    def start(self) -> None:
        """Work the backlog off, unless that is being done."""
        if self._lease.snapshot.unindexed and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._run())

    def start_if_left(self) -> None:
        """Work the backlog off if it is old: no other process does."""
        backlog = unpacked_backlog(self._lease.snapshot.unindexed)
        if backlog and now() - min(backlog) > 2 * SHOWN_SECONDS * _MICROSECONDS:
            self.start()

    async def close(self) -> None:
        """Stop: other processes work the backlog off."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def make_room(self, size: int) -> None:
        """Wait until the backlog is empty or has room for so many vertices. Raises Unavailable after SHOWN_SECONDS."""
        deadline = time.monotonic() + SHOWN_SECONDS
        while (left := _size(self._left())) and left + size > MOST_UNINDEXED:
            if time.monotonic() > deadline:
                raise Unavailable(BEHIND)
            await self._count()
            if _size(self._left()) == left:
                await asyncio.sleep(_COUNT_SECONDS / 2)

    def _left(self) -> dict[int, Unindexed]:
        """What may still be missing from the index."""
        backlog = unpacked_backlog(self._lease.snapshot.unindexed)
        return {stamp: each for stamp, each in backlog.items() if stamp not in self._shown}

    # -- in the background --

    async def _run(self) -> None:
        while (snapshot := self._lease.snapshot).unindexed:
            await asyncio.sleep(_COUNT_SECONDS)
            with suppress(Unavailable):
                await self._count()
                late = [stamp for stamp in self._left() if now() - stamp > SHOWN_SECONDS * _MICROSECONDS]
                if late:
                    await self._restore(late)
                elif not self._left() and now() - snapshot.watermark > _IDLE_SECONDS * _MICROSECONDS:
                    async with self._lease.held():
                        await self._lease.set_unindexed(packed_backlog(self._left()))
                    self._shown.clear()

    async def _count(self) -> None:
        """Note the stamps of which the index shows everything."""
        left = self._left()
        if left and not await self._shows(left):
            left = {stamp: each for stamp, each in left.items() if await self._shows({stamp: each})}
        self._shown |= left.keys()

    async def _shows(self, backlog: Backlog) -> bool:
        for key, place in (("recorded_at", 0), (TOUCHED_AT, 1)):
            counts = {stamp: len(each[place]) for stamp, each in backlog.items() if each[place]}
            if counts:
                # The ids, since JanusGraph would have Lucene count, which does so up to a thousand.
                shown = indexed(g.V()).has(key, P.within([long(stamp) for stamp in counts])).id_().count()
                if await self._server.ask(shown) != [sum(counts.values())]:
                    return False
        return True

    async def _restore(self, late: Collection[int]) -> None:
        """Write what the index does not show to it again, under a new stamp."""
        async with self._lease.held() as stamp:
            left = self._left()
            lost = {vertex for each in late if each in left for vertices in left[each] for vertex in vertices}
            kept = {each: unindexed for each, unindexed in left.items() if each not in late}
            await self._lease.begin(stamp)
            vertices = sorted(lost)
            for start in range(0, len(vertices), _RESTORED_AT_ONCE):
                await self._server.ask(self._reindexing(stamp, vertices[start : start + _RESTORED_AT_ONCE]))
            await self._lease.set_unindexed(packed_backlog({**kept, stamp: Unindexed((), tuple(vertices))}), stamp)

    def _reindexing(self, stamp: int, vertices: list[int]) -> GraphTraversal:
        return reindexing_steps(self._lease.fenced(stamp), [long(vertex) for vertex in vertices], long(stamp))


def _size(backlog: Backlog) -> int:
    return sum(len(vertices) for each in backlog.values() for vertices in each)
