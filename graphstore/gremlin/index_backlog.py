"""The entities that the mixed index may not show yet, and how they get there.

A commit of the index takes longer than the rest of a small batch, and JanusGraph reports nothing if it fails. So no
batch waits for it. Each commit notes in the snapshot which entities it wrote, by its stamp, and searches look through
these beside the index. A background task writes those to the index that their batches did not write to it, many in one
request, and asks the index for them. Those that it shows leave the snapshot with the next commit; those that it does
not show in time are written to it again.

The task needs no lease: it only copies, in one transaction, what is recorded of an entity, under the newest watermark
that its process knew before. An entity is indexed if the index shows it with the stamp of its last batch, or with a
later watermark. A process works off what it recorded itself, and what others left. It remembers what its batches added
to entities of which the index had everything before, and writes only that; of others it reads all terms and words.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from sys import getsizeof
from typing import Any, Final

import orjson
from gremlin_python.process.graph_traversal import __
from gremlin_python.process.traversal import P, T
from gremlin_python.statics import long

from lineal.bounded_cache import BoundedCache
from lineal.graphstore.batch_validation import now
from lineal.graphstore.content_codec import packed
from lineal.graphstore.errors import Unavailable
from lineal.graphstore.gremlin.aborted_batches import packed_plan, unpacked_plan
from lineal.graphstore.gremlin.audit_log import in_chunks
from lineal.graphstore.gremlin.client import GremlinClient, g
from lineal.graphstore.gremlin.mixed_index import (
    COPIED,
    INDEXED_AT,
    INDEXED_TERM,
    SHOWN_SECONDS,
    TERMS,
    WORDS,
    copy_to_index,
    in_index,
    index_properties,
    indexed,
)
from lineal.graphstore.gremlin.upserts import Fields, addition_steps, chunks_of
from lineal.graphstore.gremlin.writer_lease import WriterLease

MOST_UNINDEXED: Final = 3000
"""With more entities than the index shows, a batch waits for it: they are in every snapshot and every search."""
_PAUSE_SECONDS: Final = 0.5
"""For how long entities are collected before they are written to the index."""
_MANY: Final = 100
"""So many are written to it sooner."""
_IDLE_SECONDS: Final = 1.0
"""After how long without a batch the snapshot is written only to drop what the index shows."""
_AT_ONCE: Final = 250
_RESTORED_AT_ONCE: Final = 100
_RETRY_SECONDS: Final = 0.1
_MICROSECONDS: Final = 1_000_000
_MOST_KNOWN_BYTES: Final = 16 * 1024 * 1024
_KNOWN_ENTRY_BYTES: Final = 250
_READ: Final = (TERMS, *COPIED, INDEXED_TERM, *map(in_index, COPIED))
"""What has to be read of an entity that this process does not remember."""

BEHIND: Final = (
    "the graph's index does not show what was written before, so nothing more is written: see the graph server's log "
    "for why, and send it again"
)

Backlog = Mapping[int, tuple[int, ...]]
"""The vertices that batches wrote, by stamp. A vertex that several batches wrote is in the last of them."""


@lru_cache(maxsize=64)
def unpacked_backlog(text: str) -> Backlog:
    """The backlog of a snapshot, from its text."""
    return {stamp: tuple(unpacked_plan(plan)) for stamp, plan in orjson.loads(text)} if text else {}


def packed_backlog(backlog: Backlog) -> str:
    """The text of a backlog; empty if nothing is in it."""
    entries = [(stamp, packed_plan(vertices)) for stamp, vertices in backlog.items() if vertices]
    return packed(entries) if entries else ""


@lru_cache(maxsize=64)
def unindexed_vertices(text: str) -> tuple[long, ...]:
    """The vertices in the backlog of a snapshot, from its text."""
    return tuple(map(long, sorted(vertex for vertices in unpacked_backlog(text).values() for vertex in vertices)))


class IndexBacklog:
    """Keeps the backlog of the snapshots that this process commits, and works it off in a task of its own."""

    def __init__(self, server: GremlinClient, lease: WriterLease) -> None:
        self._server, self._lease = server, lease
        self._own: set[int] = set()
        """The stamps under which this process recorded."""
        self._new: dict[int, Fields] = {}
        """The entities that this process recorded and did not write to the index, by their vertices."""
        self._added: dict[int, tuple[int, Fields]] = {}
        """By vertex, the terms and words that are all that the index lacks up to a stamp."""
        self._in_index: BoundedCache[tuple[int, str, str], bool] = BoundedCache(_MOST_KNOWN_BYTES, _known_bytes)
        """Terms and words that the index has, by vertex and property: written twice, it would hold them twice."""
        self._written: dict[int, tuple[int, float]] = {}
        """Of vertices that this process wrote to the index: under which watermark, and when."""
        self._shown: dict[int, int] = {}
        """Up to which watermark the index shows a vertex."""
        self._working = asyncio.Lock()
        self._has_many = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def after(self, stamp: int, vertices: Collection[int]) -> str:
        """The backlog of the snapshot in which a batch becomes visible, as text."""
        if not self._server.has_mixed_index:
            return ""
        again = set(vertices)
        backlog = {each: tuple(old for old in left if old not in again) for each, left in self._left().items()}
        return packed_backlog({**backlog, stamp: tuple(vertices)})

    def add(self, stamp: int, entities: Mapping[int, Fields], additions: Collection[Fields], before: str) -> None:
        """Work off a batch that this process committed, by what it wrote.

        `entities` are new, and written to the index or not. `additions` are to other entities. `before` is the backlog
        of the snapshot before the batch, as text.
        """
        if not self._server.has_mixed_index:
            return
        self._add_additions(stamp, additions, before)
        self._own.add(stamp)
        indexed = [vertex for vertex, fields in entities.items() if INDEXED_AT in fields]
        self._written |= dict.fromkeys(indexed, (stamp, time.monotonic()))
        self._new |= {vertex: fields for vertex, fields in entities.items() if INDEXED_AT not in fields}
        left = self._left().items()
        if sum(self._written_at(vertex) < each for each, vertices in left for vertex in vertices) >= _MANY:
            self._has_many.set()
        self.start()

    def _add_additions(self, stamp: int, additions: Collection[Fields], before: str) -> None:
        stamps = {vertex: at for at, vertices in unpacked_backlog(before).items() for vertex in vertices}
        for fields in additions:
            vertex = fields[T.id]
            last = stamps.get(vertex, 0)
            covered_to, added = self._added.pop(vertex, (0, {}))
            if max(self._written_at(vertex), self._shown.get(vertex, 0)) >= last:
                added = {}
            elif covered_to != last:
                continue
            self._added[vertex] = (
                stamp, {name: [*added.get(name, ()), *fields.get(name, ())] for name in (TERMS, WORDS)}
            )  # fmt: skip

    def start(self) -> None:
        """Work the backlog off, unless that is being done."""
        if self._lease.snapshot.unindexed and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._run())

    def start_if_left(self) -> None:
        """Work the backlog off if it is old: no other process does."""
        if self._is_left(unpacked_backlog(self._lease.snapshot.unindexed)):
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
            await self._work_off(self._left())
            if _size(self._left()) == left:
                await asyncio.sleep(_RETRY_SECONDS)

    def _left(self) -> Backlog:
        """What may still be missing from the index."""
        backlog = unpacked_backlog(self._lease.snapshot.unindexed)
        if not self._shown:
            return backlog
        return {
            stamp: tuple(vertex for vertex in vertices if self._shown.get(vertex, 0) < stamp)
            for stamp, vertices in backlog.items()
        }

    # -- in the background --

    async def _run(self) -> None:
        while (snapshot := self._lease.snapshot).unindexed and self._is_ours(unpacked_backlog(snapshot.unindexed)):
            with suppress(TimeoutError):
                async with asyncio.timeout(_PAUSE_SECONDS):
                    await self._has_many.wait()
            self._has_many.clear()
            with suppress(Unavailable):
                await self._work_off(self._ours())
                await self._restore(self._ours())
                is_idle = now() - self._lease.snapshot.watermark > _IDLE_SECONDS * _MICROSECONDS
                if is_idle and not _size(self._ours()):
                    async with self._lease.held():
                        await self._lease.set_unindexed(packed_backlog(self._left()))
            self._forget()

    def _is_ours(self, backlog: Backlog) -> bool:
        return self._is_left(backlog) or not self._own.isdisjoint(backlog)

    def _is_left(self, backlog: Backlog) -> bool:
        """Whether a process left some of a backlog, which works it off no more."""
        return bool(backlog) and now() - min(backlog) > 2 * SHOWN_SECONDS * _MICROSECONDS

    def _ours(self) -> Backlog:
        """What this process is to work off."""
        left = self._left()
        if self._is_left(left):
            return left
        return {stamp: vertices for stamp, vertices in left.items() if stamp in self._own}

    def _forget(self) -> None:
        """Forget what is no longer in the backlog."""
        backlog = unpacked_backlog(self._lease.snapshot.unindexed)
        vertices = {vertex for each in backlog.values() for vertex in each}
        self._own.intersection_update(backlog)
        self._new = {vertex: fields for vertex, fields in self._new.items() if vertex in vertices}
        self._added = {vertex: added for vertex, added in self._added.items() if vertex in vertices}
        self._written = {vertex: written for vertex, written in self._written.items() if vertex in vertices}
        self._shown = {vertex: at for vertex, at in self._shown.items() if vertex in vertices}

    async def _work_off(self, backlog: Backlog) -> None:
        """Write to the index what is not written to it, or not shown in time, and note what it shows."""
        # Of the snapshot that the backlog is of: a batch that is committed meanwhile is not in it.
        watermark = self._lease.snapshot.watermark
        async with self._working:
            stamps = {vertex: stamp for stamp, vertices in backlog.items() for vertex in vertices}
            unwritten = [vertex for vertex, stamp in stamps.items() if self._written_at(vertex) < stamp]
            for some in in_chunks(unwritten, _AT_ONCE):
                await self._write(some, stamps, watermark)
            await self._look(stamps)

    async def _write(self, vertices: Sequence[int], stamps: Mapping[int, int], watermark: int) -> None:
        """Write vertices to the index."""
        new = {vertex: fields for vertex in vertices if (fields := self._new_as_of(vertex, stamps[vertex]))}
        added = {vertex: fields for vertex in vertices if (fields := self._added_up_to(vertex, stamps[vertex]))}
        rows = [{T.id: long(vertex), **index_properties(fields)} for vertex, fields in new.items()]
        rows += [{T.id: long(vertex), **self._unknown(vertex, fields)} for vertex, fields in added.items()]
        others = [long(vertex) for vertex in vertices if vertex not in new and vertex not in added]
        if others:
            found = g.V(others).project("vertex", "fields").by(__.id_()).by(__.value_map(*_READ))
            for each in await self._server.ask(found):
                self._note_known(each["vertex"], each["fields"])
                rows.append({T.id: long(each["vertex"]), **index_properties(each["fields"])})
        for chunk in chunks_of(rows, _AT_ONCE):
            await self._server.ask(addition_steps(g.inject(0), chunk, {INDEXED_AT: long(watermark)}))
        self._written |= dict.fromkeys(vertices, (watermark, time.monotonic()))
        for row in rows:
            self._note_known(row[T.id], row)
        for vertex in new:
            self._new.pop(vertex, None)

    def _new_as_of(self, vertex: int, stamp: int) -> Fields | None:
        """An entity that is not written to the index, if its batch of a stamp is the last that wrote it."""
        fields = self._new.get(vertex)
        return fields if fields is not None and fields["recorded_at"] == stamp else None

    def _added_up_to(self, vertex: int, stamp: int) -> Fields | None:
        """What batches up to a stamp added to a vertex, if that is all that the index lacks; it is forgotten."""
        covered_to, added = self._added.get(vertex, (0, {}))
        if covered_to != stamp:
            return None
        # Where writing it fails, all of the vertex is read.
        del self._added[vertex]
        return added

    def _unknown(self, vertex: int, added: Fields) -> Fields:
        """Index properties of what was added to a vertex, but for what the index is known to have."""
        known = {
            name: [value for value in _values(values) if self._in_index.get((vertex, name, value))]
            for name, values in index_properties(added).items()
        }
        return index_properties({**added, **known})

    def _note_known(self, vertex: int, fields: Fields) -> None:
        for name in (INDEXED_TERM, in_index(WORDS)):
            for value in _values(fields.get(name, ())):
                self._in_index.put((vertex, name, value), True)

    async def _look(self, stamps: Mapping[int, int]) -> None:
        """Note which of some vertices the index shows."""
        by_watermark: defaultdict[int, list[int]] = defaultdict(list)
        for vertex in stamps:
            by_watermark[self._written[vertex][0]].append(vertex)
        for written_at, vertices in by_watermark.items():
            newest = max(stamps[vertex] for vertex in vertices)
            found = await self._server.ask(indexed(g.V()).has(INDEXED_AT, P.gte(long(newest))).id_())
            self._shown |= dict.fromkeys(set(vertices).intersection(found), written_at)

    async def _restore(self, backlog: Backlog) -> None:
        """Write what the index does not show in time to it again, though JanusGraph shows it: it is lost."""
        vertices = [vertex for each in backlog.values() for vertex in each if vertex in self._written]
        late = [vertex for vertex in vertices if time.monotonic() - self._written[vertex][1] > SHOWN_SECONDS]
        for some in in_chunks(late, _RESTORED_AT_ONCE):
            async with self._lease.held() as stamp:
                await self._lease.begin(stamp)
                steps = copy_to_index(self._lease.fenced(stamp).V(list(map(long, some))), [TERMS, *COPIED])
                await self._server.ask(steps.property(INDEXED_AT, long(stamp)).count())
                await self._lease.set_unindexed(packed_backlog(self._left()), stamp)
            self._written |= dict.fromkeys(some, (stamp, time.monotonic()))

    def _written_at(self, vertex: int) -> int:
        return self._written.get(vertex, (0, 0.0))[0]


def _values(values: Any) -> Collection[Any]:
    return values if isinstance(values, list | set | tuple) else (values,)


def _known_bytes(known: tuple[int, str, str], is_known: bool) -> int:
    return getsizeof(known[2]) + _KNOWN_ENTRY_BYTES


def _size(backlog: Backlog) -> int:
    return sum(map(len, backlog.values()))
