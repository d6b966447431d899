"""Records batches in groups: the waiting batches are written under one stamp and become visible by one commit.

The request that holds the lock takes the waiting batches, up to the size of a group. Each batch is validated by itself,
against the recorded state and the batches accepted before it in the group, and refused alone. The accepted batches are
written as one: if the write fails, none of them is visible.
"""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from sys import getsizeof
from typing import Final

from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.process.traversal import P, T
from gremlin_python.statics import long

from lineal.auth.access_store import AuditEntry
from lineal.bounded_cache import BoundedCache
from lineal.graphstore.batch_validation import (
    IDEMPOTENCY_MICROSECONDS,
    IDEMPOTENCY_MISMATCH,
    BatchValidation,
    Outcome,
    now,
)
from lineal.graphstore.batches import Batch, Idempotency
from lineal.graphstore.codes import SAME_AS
from lineal.graphstore.errors import BatchRefused, Unavailable
from lineal.graphstore.gremlin.aborted_batches import AbortedBatchCleanup
from lineal.graphstore.gremlin.audit_log import AuditLog, audit_steps, progress_after
from lineal.graphstore.gremlin.batch_parts import Parts, ValidBatch, idempotency_note, idempotency_vertex, parts_of
from lineal.graphstore.gremlin.client import GremlinClient, g
from lineal.graphstore.gremlin.index_backlog import IndexBacklog
from lineal.graphstore.gremlin.messages import ServerRefused
from lineal.graphstore.gremlin.recorded_state import GroupState, RecordedState
from lineal.graphstore.gremlin.snapshots import Snapshot
from lineal.graphstore.gremlin.upserts import (
    WIDENED,
    Edge,
    Fields,
    addition_steps,
    chunks_of,
    edge_steps,
    group_steps,
    vertex_steps,
)
from lineal.graphstore.gremlin.urn_cache import UrnCache
from lineal.graphstore.gremlin.writer_lease import WriterLease

MOST_PARTS: Final = 1000
"""Greatest number of parts in a group; a group of one batch may exceed it."""
_GATHER_SHARE: Final = 0.25
"""Time for which a group waits for more batches, as a share of the time that the previous group took."""
MOST_AT_ONCE: Final = 2000
"""Greatest number of vertices and edges that are written in one request; a larger group is written in chunks."""
MOST_KEY_BYTES: Final = 16 * 1024 * 1024
"""Greatest size of the property keys that a process remembers to have recorded."""
_KEY_ENTRY_BYTES: Final = 400
"""Size of an entry without the text of its key."""
_VERTICES_AT_ONCE: Final = 500
_EDGES_AT_ONCE: Final = 500
_VERTICES_IN_FLIGHT: Final = 2
_EDGES_IN_FLIGHT: Final = 1
"""One, because TinkerGraph stays broken after two requests added edges to the same vertex at once."""


@dataclass(slots=True, eq=False)
class _Request:
    """A batch that waits to be recorded, and its outcome or error."""

    batch: Batch
    urns: list[str]
    by: str
    idempotency: Idempotency | None
    audit: Sequence[AuditEntry]
    outcome: Outcome | None = None
    error: BaseException | None = None

    @property
    def is_done(self) -> bool:
        return self.outcome is not None or self.error is not None

    @property
    def size(self) -> int:
        batch = self.batch
        return len(batch.entities) + len(batch.associations) + len(batch.revisions) + len(batch.observations)


@dataclass(frozen=True, slots=True)
class _Group:
    """The valid requests of a group and outcomes, the notes of idempotency keys, and the parts to write."""

    outcomes: list[tuple[_Request, Outcome]]
    batches: list[ValidBatch]
    notes: list[Fields]
    parts: Parts | None

    @property
    def has_same_as(self) -> bool:
        return any(key[1] == SAME_AS for each in self.batches for key in each.validation.associations)

    @property
    def audit(self) -> list[AuditEntry]:
        return [entry for request, _ in self.outcomes for entry in request.audit]


class Recording:
    """Records batches, in groups."""

    def __init__(self, server: GremlinClient, lease: WriterLease, urns: UrnCache, log: AuditLog) -> None:
        self._server, self._lease, self._urns = server, lease, urns
        self._log = log
        self._cleanup = AbortedBatchCleanup(server, lease)
        lease.on_aborted = self._cleanup.start
        self.backlog = IndexBacklog(server, lease)
        self._waiting: deque[_Request] = deque()
        self._leading = asyncio.Lock()
        self._expected, self._took_seconds = 1, 0.0
        """Number of batches in the last group and waiting at its end, and the seconds that the group took."""
        self._are_all_back = asyncio.Event()
        """Set when as many batches as `_expected` wait."""
        self._property_keys: BoundedCache[tuple[str, int], int] = BoundedCache(MOST_KEY_BYTES, _key_bytes)
        """Earliest recorded time of each property key of a kind. A key that the cache evicted is recorded once more."""

    async def run(
        self, batch: Batch, urns: list[str], by: str, idempotency: Idempotency | None, audit: Sequence[AuditEntry]
    ) -> Outcome:
        """Record a batch that has been checked, as `Store.record` says, and return which of its parts are new."""
        request = _Request(batch, urns, by, idempotency, audit)
        self._waiting.append(request)
        if len(self._waiting) >= self._expected:
            self._are_all_back.set()
        async with self._leading:
            if not request.is_done:
                await self._record_next()
        if request.error is not None:
            raise request.error
        assert request.outcome is not None, "a group takes the requests in their order"
        return request.outcome

    async def close(self) -> None:
        """Stop the tasks in the background."""
        await self._cleanup.close()
        await self.backlog.close()

    # -- groups --

    async def _record_next(self) -> None:
        """Record a group that begins with the oldest waiting request."""
        group: list[_Request] = []
        try:
            await self._gather()
            async with self._lease.held() as stamp:
                group, began = self._next_group(), time.monotonic()
                await self._record(group, stamp)
                self._expected, self._took_seconds = len(group) + len(self._waiting), time.monotonic() - began
        except ServerRefused as error:
            if len(group) > 1:
                # The server may refuse one request only: each is recorded alone, so that the others succeed.
                for request in group:
                    if not request.is_done:
                        await self._record_alone(request)
            else:
                self._fail(group, error)
        except BaseException as error:
            self._fail(group or self._all_waiting(), error)

    async def _record_alone(self, request: _Request) -> None:
        try:
            async with self._lease.held() as stamp:
                await self._record([request], stamp)
        except BaseException as error:
            self._fail([request], error)

    async def _gather(self) -> None:
        """Wait briefly for the next batches of the last group's clients: a group costs as much as a batch."""
        self._are_all_back.clear()
        if len(self._waiting) < self._expected:
            with suppress(TimeoutError):
                async with asyncio.timeout(_GATHER_SHARE * self._took_seconds):
                    await self._are_all_back.wait()

    def _next_group(self) -> list[_Request]:
        group = [self._waiting.popleft()]
        size = group[0].size
        while self._waiting and size + self._waiting[0].size <= MOST_PARTS:
            size += self._waiting[0].size
            group.append(self._waiting.popleft())
        return group

    def _all_waiting(self) -> list[_Request]:
        waiting = list(self._waiting)
        self._waiting.clear()
        return waiting

    def _fail(self, requests: Sequence[_Request], error: BaseException) -> None:
        for request in requests:
            if not request.is_done:
                request.error = error

    async def _record(self, requests: Sequence[_Request], stamp: int) -> None:
        snapshot = self._lease.snapshot
        group = await asyncio.to_thread(self._validated, requests, snapshot, stamp)
        if group.parts is None:
            if group.notes:
                steps = vertex_steps(g.inject(0), group.notes)
                self._refuse_unless(await self._server.ask(steps) == [len(group.notes)])
            await self._log.append_in(stamp, group.audit)
        else:
            await self._commit(stamp, group, group.parts)
            self.backlog.add(stamp, group.parts.entities, group.parts.additions, snapshot.unindexed)
            for key, occurred_at in group.parts.property_keys.items():
                self._property_keys.put(key, occurred_at)
        for request, outcome in group.outcomes:
            request.outcome = outcome

    async def _commit(self, stamp: int, group: _Group, parts: Parts) -> None:
        """Write a group and make it visible, in one request if the engine can do that and the group is small enough."""
        await self.backlog.make_room(len(parts.unindexed))
        backlog = self.backlog.after(stamp, parts.unindexed)
        whole = chunks_of([*parts.vertices, *parts.widened, *parts.edges], MOST_AT_ONCE)
        if not self._lease.writes_at_once or len(whole) > 1 or len(group.audit) > MOST_AT_ONCE:
            await self._lease.begin(stamp, parts.plan)
        elif await self._commit_at_once(stamp, group, parts, backlog):
            return
        await self._write(stamp, parts)
        access = self._lease.snapshot.access
        records = await self._log.write(stamp, access, group.audit)
        await self._lease.commit(stamp, group.has_same_as, progress_after(access, records), backlog)
        self._log.note_newest(records)

    async def _commit_at_once(self, stamp: int, group: _Group, parts: Parts, backlog: str) -> bool:
        """Write and commit in one request. Return False if the server did not write all parts: the stamp stays open."""
        access = self._lease.snapshot.access
        records = await self._log.records(access, group.audit)

        def write(steps: GraphTraversal) -> GraphTraversal:
            steps = group_steps(steps, parts.vertices, parts.widened, _shapes(parts.edges))
            return audit_steps(steps, records).is_(len(records)) if records else steps

        access = progress_after(access, records)
        if not await self._lease.commit_at_once(stamp, parts.plan, write, group.has_same_as, access, backlog):
            return False
        self._log.note_newest(records)
        return True

    # -- validation --

    def _validated(self, requests: Sequence[_Request], snapshot: Snapshot, stamp: int) -> _Group:
        """Validate requests one after another; a refused request does not affect the others."""
        recorded = RecordedState(self._server, snapshot, self._urns)
        answers = self._load(recorded, requests, snapshot)
        state = GroupState(recorded)
        outcomes: list[tuple[_Request, Outcome]] = []
        batches: list[ValidBatch] = []
        keyed: list[tuple[_Request, Idempotency, Outcome]] = []
        for request in requests:
            try:
                outcome = _repeated(request, answers)
                if outcome is None:
                    validation = BatchValidation(state, request.batch, request.urns, stamp)
                    validation.validate()
                    outcome = validation.outcome
                    if outcome.recorded_at is not None:
                        state.accept(validation)
                        batches.append(ValidBatch(validation, request.by))
                    if request.idempotency is not None:
                        keyed.append((request, request.idempotency, outcome))
                        vertex = idempotency_vertex(request.by, request.idempotency)
                        answers[vertex] = (request.idempotency.fingerprint, outcome)
                outcomes.append((request, outcome))
            except Exception as error:
                request.error = error
        at = stamp if batches else snapshot.watermark
        notes = [idempotency_note(request.by, key, outcome, at) for request, key, outcome in keyed]
        has_mixed_index = self._server.has_mixed_index
        recorded_from, folded_before = self._property_keys.get, recorded.folded
        parts = parts_of(batches, notes, recorded_from, folded_before, stamp, has_mixed_index) if batches else None
        return _Group(outcomes, batches, notes, parts)

    def _load(
        self, recorded: RecordedState, requests: Sequence[_Request], snapshot: Snapshot
    ) -> dict[int, tuple[str, Outcome]]:
        """Load the entities that batches name; return fingerprint and outcome of known idempotency keys, by vertex."""
        batches = [(request.batch, request.urns) for request in requests]
        vertices = {idempotency_vertex(each.by, each.idempotency) for each in requests if each.idempotency is not None}
        if not vertices:
            recorded.load(batches)
            return {}
        notes = g.V(list(vertices)).project("vertex", "note").by(__.id_())
        (rows,) = recorded.load(batches, notes.by(__.value_map("state", "value", "kept_at", "recorded_at")))
        answers = {}
        for each in rows:
            fingerprint, outcome, kept_at, recorded_at = (
                each["note"][name][0] for name in ("state", "value", "kept_at", "recorded_at")
            )
            if kept_at <= now() - IDEMPOTENCY_MICROSECONDS or not snapshot.shows(recorded_at):
                old = g.V(long(each["vertex"])).has("kept_at", long(kept_at))
                self._server.wait(old.has("recorded_at", long(recorded_at)).drop())
            else:
                answers[each["vertex"]] = (fingerprint, Outcome.unpacked(outcome))
        return answers

    # -- writing --

    async def _write(self, stamp: int, parts: Parts) -> None:
        """Write all parts: the vertices first, then the edges."""

        async def write_vertices(chunk: list[Fields]) -> None:
            steps = await asyncio.to_thread(vertex_steps, self._lease.fenced(stamp), chunk)
            if await self._server.ask(steps) != [len(chunk)]:
                # An aborted batch left elements at the vertices of this one.
                await self._clear(chunk)
                self._refuse_unless(await self._server.ask(steps) == [len(chunk)])
            if self._lease.has_late_writes:
                # A late request of another process may have written in between.
                written = g.V([each[T.id] for each in chunk]).has("recorded_at", long(stamp)).count()
                self._refuse_unless(await self._server.ask(written) == [len(chunk)])

        async def widen(chunk: list[Fields]) -> None:
            steps = await asyncio.to_thread(addition_steps, self._lease.fenced(stamp), chunk, WIDENED)
            self._refuse_unless(await self._server.ask(steps) == [len(chunk)])

        async def write_edges(chunk: list[Edge]) -> None:
            steps = await asyncio.to_thread(edge_steps, self._lease.fenced(stamp), chunk)
            self._refuse_unless(await self._server.ask(steps) == [len(chunk)])

        await _in_flight(self._vertices_in_flight, write_vertices, chunks_of(parts.vertices, _VERTICES_AT_ONCE))
        await _in_flight(self._vertices_in_flight, widen, chunks_of(parts.widened, _VERTICES_AT_ONCE))
        chunked = [chunk for alike in _shapes(parts.edges) for chunk in chunks_of(alike, _EDGES_AT_ONCE)]
        await _in_flight(_EDGES_IN_FLIGHT, write_edges, chunked)

    @property
    def _vertices_in_flight(self) -> int:
        # On Cassandra a request takes seconds. Two would use every thread of a server on two cores: no renewal of the
        # lease would run, and the lease would be lost.
        return _VERTICES_IN_FLIGHT if self._lease.writes_at_once else 1

    async def _clear(self, vertices: list[Fields]) -> None:
        aborted = P.within([long(each) for each in self._lease.snapshot.aborted])
        await self._server.ask(g.V([each[T.id] for each in vertices]).has("recorded_at", aborted).drop())

    def _refuse_unless(self, is_written: bool) -> None:
        if not is_written:
            raise Unavailable(
                "the graph server did not write all parts of the batch: nothing is recorded; send it again"
            )


def _shapes(edges: Iterable[Edge]) -> list[list[Edge]]:
    """Return edges grouped by the names of their properties."""
    shapes: defaultdict[tuple[str, ...], list[Edge]] = defaultdict(list)
    for edge in edges:
        shapes[tuple(edge)].append(edge)
    return list(shapes.values())


def _repeated(request: _Request, answers: dict[int, tuple[str, Outcome]]) -> Outcome | None:
    """Return the outcome of the first request with an idempotency key. Raises BatchRefused if its batch differs."""
    if request.idempotency is None:
        return None
    fingerprint, outcome = answers.get(idempotency_vertex(request.by, request.idempotency), ("", None))
    if outcome is not None and fingerprint != request.idempotency.fingerprint:
        raise BatchRefused((IDEMPOTENCY_MISMATCH,))
    return outcome


async def _in_flight(most: int, write: Callable[[list[Fields]], Awaitable[None]], chunks: list[list[Fields]]) -> None:
    """Write chunks, at most `most` at once; if one fails, the others are cancelled."""
    room = asyncio.Semaphore(most)

    async def run(chunk: list[Fields]) -> None:
        async with room:
            await write(chunk)

    tasks = [asyncio.create_task(run(chunk)) for chunk in chunks]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def _key_bytes(key: tuple[str, int], occurred_at: int) -> int:
    return getsizeof(key[0]) + _KEY_ENTRY_BYTES
