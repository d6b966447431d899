"""The embedded store: the store contract over one SQLite file, on worker threads."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar

from lineal.auth.access_store import AccessChange, AccessDelta, AuditEntry, AuditPage, AuditQuestion
from lineal.auth.scopes import Scope
from lineal.graphstore.batches import Batch, Idempotency, NewPart, Recorded
from lineal.graphstore.checks import checked_urns
from lineal.graphstore.embedded.memory.adjacency_cache import AdjacencyCache
from lineal.graphstore.embedded.memory.scope_table import ScopeTables
from lineal.graphstore.embedded.sql import access_tables, metric_series, quarantine_table
from lineal.graphstore.embedded.sql.connection import Connection
from lineal.graphstore.embedded.sql.database import Database
from lineal.graphstore.embedded.sql.entity_pages import beginning, pages_of_turn
from lineal.graphstore.embedded.sql.export import PARTS, chunk_after
from lineal.graphstore.embedded.sql.memory_sources import MemorySource
from lineal.graphstore.embedded.sql.property_keys import property_keys
from lineal.graphstore.embedded.sql.reader import Reader
from lineal.graphstore.embedded.sql.transactions import Writer
from lineal.graphstore.embedded.sql.verification import Verification
from lineal.graphstore.embedded.sql.visibility import newest
from lineal.graphstore.errors import Unavailable
from lineal.graphstore.quarantine import Quarantined, QuarantineLimits, QuarantinePage, QuarantineQuestion
from lineal.graphstore.queries import BucketsOf, Find, MetricsOf, PropertyKeys, SeriesOf
from lineal.graphstore.records import AsOf, Bucket, Metric, View
from lineal.graphstore.store import Durability, EntityGroups, EntityPage, Newest, SeriesPage, Verified
from lineal.graphstore.walking.pages import recorded
from lineal.graphstore.walking.store import WalkingStore
from lineal.graphstore.workers import Workers
from lineal.threads import off_loop_if

Result = TypeVar("Result")

LARGE_READERS: Final = 3
SMALL_READERS: Final = 3


class EmbeddedStore(WalkingStore[Reader]):
    """SQLite in this process. One thread writes and a few read; a verb is one call on one of them.

    Large reads, small reads, and the reads of readiness and credentials have threads of their own, so that a small one
    never waits behind a large one. Principals take turns at the threads.
    """

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database
        self._large_reads = Workers("lineal-large-read", LARGE_READERS)
        self._small_reads = Workers("lineal-read", SMALL_READERS)
        self._control_reads = Workers("lineal-control", 1)
        self._writer = Writer(database)
        self._adjacency = AdjacencyCache(self._memory_source)
        self._scope_tables = ScopeTables()
        self._closed = False

    async def record(
        self,
        batch: Batch,
        *,
        by: str,
        idempotency: Idempotency | None = None,
        durability: Durability = Durability.POWER_LOSS,
        returning: Scope | None = None,
        audit: Sequence[AuditEntry] = (),
    ) -> Recorded:
        urns = await off_loop_if(batch.is_large, checked_urns, batch)
        outcome = await self._write(lambda: self._writer.record(batch, urns, by, idempotency, durability, audit))
        if returning is None:
            return recorded(None, batch, urns, outcome)
        scope = returning

        def read(connection: Connection) -> Recorded:
            reader = self._reader(connection, View(scope, AsOf(newest(connection))))
            return recorded(reader, batch, urns, outcome)

        return await self._in_snapshot(self._small_reads, read)

    async def watermark(self) -> int:
        return await self._in_snapshot(self._control_reads, newest)

    async def newest(self) -> Newest:
        return await self._in_snapshot(self._control_reads, access_tables.newest_state)

    async def find(self, questions: Sequence[Find]) -> list[EntityPage]:
        # Questions that differ only in the size of the page share one search.
        searches = [replace(question, first=0) for question in questions]
        sizes: dict[View, dict[Find, int]] = {}
        for search, question in zip(searches, questions, strict=True):
            of_view = sizes.setdefault(question.view, {})
            of_view[search] = max(question.first, of_view.get(search, 0))
        pages: dict[Find, EntityPage] = {}
        for view, of_view in sizes.items():
            largest = [replace(search, first=first) for search, first in of_view.items()]
            read: list[EntityPage] = []
            while len(read) < len(largest):
                # In several turns, so that others have theirs between.
                turn = partial(pages_of_turn, questions=largest[len(read) :])
                read += await self._read_view(view, turn, large=True)
            pages |= zip(of_view, read, strict=True)
        return [beginning(pages[search], question.first) for search, question in zip(searches, questions, strict=True)]

    async def metrics(self, questions: Sequence[MetricsOf]) -> list[tuple[Metric, ...]]:
        return await self._each(questions, metric_series.metrics_of)

    async def series(self, questions: Sequence[SeriesOf]) -> list[SeriesPage]:
        return await self._each(questions, metric_series.series_pages)

    async def buckets(self, questions: Sequence[BucketsOf]) -> list[tuple[Bucket, ...]]:
        return await self._each(questions, metric_series.buckets_of, large=True)

    async def property_keys(self, questions: Sequence[PropertyKeys]) -> list[list[str]]:
        return await self._each(questions, property_keys, large=True)

    async def export(self, view: View) -> AsyncIterator[NewPart]:
        # A later time is not settled yet: a batch recorded later could still belong to it.
        recorded_at = min(view.as_of.recorded_at, await self.watermark())
        view = replace(view, as_of=replace(view.as_of, recorded_at=recorded_at))
        for part in PARTS:
            after: str | None = ""
            while after is not None:
                chunk, after = await self._read_view(view, partial(chunk_after, part=part, urn=after), large=True)
                for record in chunk:
                    yield record
        position: metric_series.ExportPosition | None = metric_series.FIRST
        while position is not None:
            observations, position = await self._read_view(
                view, partial(metric_series.observations_after, position=position), large=True
            )
            for observation in observations:
                yield observation

    async def verify(self, sample: int | None = None) -> AsyncIterator[Verified]:
        def steps() -> Generator[Verified, None, None]:
            with self._database.snapshot() as connection:
                verification = Verification(connection)
                yield from verification.everything() if sample is None else verification.sample(sample)

        self._check_open()
        loop = asyncio.get_running_loop()
        # One thread: the database in memory is lent to a thread.
        with ThreadPoolExecutor(1, "lineal-verify") as thread:
            verified = steps()
            try:
                while (step := await loop.run_in_executor(thread, next, verified, None)) is not None:
                    yield step
            finally:
                await loop.run_in_executor(thread, verified.close)

    async def access_since(self, epoch: int) -> AccessDelta:
        return await self._in_snapshot(self._control_reads, partial(access_tables.access_since, epoch=epoch))

    async def change_access(self, change: AccessChange, *, epoch: int) -> int:
        return await self._write(lambda: self._writer.change_access(change, epoch))

    async def entity_groups(self, ids: Sequence[str]) -> list[EntityGroups | None]:
        return await self._in_snapshot(self._small_reads, partial(access_tables.entity_groups, ids=ids)) if ids else []

    async def audit(self, entries: Sequence[AuditEntry]) -> None:
        if entries:
            await self._write(lambda: self._writer.audit(entries))

    async def audit_log(self, question: AuditQuestion) -> AuditPage:
        return await self._in_snapshot(self._small_reads, partial(access_tables.audit_log, question=question))

    async def key_used(self, id: str, at: int) -> None:
        await self._write(lambda: self._writer.key_used(id, at))

    async def keys_used(self, ids: Sequence[str]) -> dict[str, int]:
        if not ids:
            return {}
        return await self._in_snapshot(self._small_reads, partial(access_tables.keys_used, ids=ids))

    async def quarantine(self, kept: Quarantined, limits: QuarantineLimits) -> None:
        await self._write(lambda: self._writer.quarantine(kept, limits))

    async def quarantined(self, question: QuarantineQuestion) -> QuarantinePage:
        return await self._in_snapshot(self._small_reads, partial(quarantine_table.page, question=question))

    async def discard_quarantined(self, id: str) -> bool:
        return await self._write(lambda: self._writer.discard_quarantined(id))

    async def ready(self) -> None:
        if self._database.has_lost_logs:
            await self._write(self._writer.nothing)
        await self._in_snapshot(
            self._control_reads, lambda connection: connection.execute("SELECT count(*) FROM secret").fetchall()
        )

    async def secret(self, name: str) -> bytes:
        return await self._write(lambda: self._writer.secret(name, secrets.token_bytes(32)))

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._writer.close)
        for reads in (self._large_reads, self._small_reads, self._control_reads):
            await asyncio.to_thread(reads.shutdown)
        await asyncio.to_thread(self._database.close)

    async def _read(self, work: Callable[[Callable[[View], Reader]], Result]) -> Result:
        return await self._in_snapshot(self._small_reads, lambda connection: work(partial(self._reader, connection)))

    async def _read_large(self, work: Callable[[Callable[[View], Reader]], Result]) -> Result:
        return await self._in_snapshot(self._large_reads, lambda connection: work(partial(self._reader, connection)))

    def _reader(self, connection: Connection, view: View) -> Reader:
        return Reader(connection, view, self._adjacency, self._scope_tables.of(view.scope, MemorySource(connection)))

    @contextmanager
    def _memory_source(self) -> Iterator[MemorySource]:
        with self._database.snapshot() as connection:
            yield MemorySource(connection)

    async def _in_snapshot(self, workers: Workers, read: Callable[[Connection], Result]) -> Result:
        def in_snapshot() -> Result:
            with self._database.snapshot() as connection:
                return read(connection)

        self._check_open()
        return await workers.run(in_snapshot)

    async def _write(self, write: Callable[[], Future[Result]]) -> Result:
        self._check_open()
        return await asyncio.wrap_future(write())

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("the store is closed: the server is shutting down")
