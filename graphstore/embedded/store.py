"""The embedded store: the contract, served from worker threads over one SQLite file."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TypeVar

import apsw

from lineal.auth.access_store import AccessChange, AccessDelta, AuditEntry, AuditPage, AuditQuestion
from lineal.auth.scopes import Scope
from lineal.graphstore.batches import Batch, Idempotency, NewPart, Recorded
from lineal.graphstore.checks import checked_urns
from lineal.graphstore.embedded.memory.adjacency_cache import AdjacencyCache
from lineal.graphstore.embedded.memory.scope_table import ScopeTables
from lineal.graphstore.embedded.sql import access_tables, metric_series
from lineal.graphstore.embedded.sql.database import Database
from lineal.graphstore.embedded.sql.entity_pages import find_pages
from lineal.graphstore.embedded.sql.export import PARTS, chunk_after
from lineal.graphstore.embedded.sql.property_keys import property_keys
from lineal.graphstore.embedded.sql.reader import Reader
from lineal.graphstore.embedded.sql.record_reader import newest
from lineal.graphstore.embedded.sql.transactions import Writer
from lineal.graphstore.errors import Unavailable
from lineal.graphstore.queries import BucketsOf, Find, MetricsOf, PropertyKeys, SeriesOf
from lineal.graphstore.records import AsOf, Bucket, Metric, View
from lineal.graphstore.store import Durability, EntityGroups, EntityPage, Newest, SeriesPage
from lineal.graphstore.walking.pages import recorded
from lineal.graphstore.walking.store import WalkingStore

Result = TypeVar("Result")

READERS = 3


class EmbeddedStore(WalkingStore[Reader]):
    """SQLite in this process. One thread writes, a few read; every verb is one call on one of them."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database
        self._readers = ThreadPoolExecutor(1 if database.in_memory else READERS, "lineal-read")
        self._writer = Writer(database)
        self._writes = ThreadPoolExecutor(1, "lineal-write")
        self._present = AdjacencyCache(database)
        self._lenses = ScopeTables()
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
        urns = checked_urns(batch)
        outcome = await self._run(
            self._writes, lambda: self._writer.record(batch, urns, by, idempotency, durability, audit)
        )
        if returning is None:
            return recorded(None, batch, urns, outcome)
        scope = returning

        def read(connection: apsw.Connection) -> Recorded:
            reader = self._reader(connection, View(scope, AsOf(newest(connection))))
            return recorded(reader, batch, urns, outcome)

        return await self._in_snapshot(read)

    async def watermark(self) -> int:
        return await self._in_snapshot(newest)

    async def newest(self) -> Newest:
        return await self._in_snapshot(access_tables.newest_state)

    async def find(self, questions: Sequence[Find]) -> list[EntityPage]:
        return await self._each(questions, find_pages)

    async def metrics(self, questions: Sequence[MetricsOf]) -> list[tuple[Metric, ...]]:
        return await self._each(questions, metric_series.metrics_of)

    async def series(self, questions: Sequence[SeriesOf]) -> list[SeriesPage]:
        return await self._each(questions, metric_series.series_pages)

    async def buckets(self, questions: Sequence[BucketsOf]) -> list[tuple[Bucket, ...]]:
        return await self._each(questions, metric_series.buckets_of)

    async def property_keys(self, question: PropertyKeys) -> list[str]:
        return await self._read_view(question.view, lambda reader: property_keys(reader, question))

    async def export(self, view: View) -> AsyncIterator[NewPart]:
        # A moment later than the newest batch is not settled yet: the export is of the moment it begins.
        recorded_at = min(view.as_of.recorded_at, await self.watermark())
        view = replace(view, as_of=replace(view.as_of, recorded_at=recorded_at))
        for part in PARTS:
            after: str | None = ""
            while after is not None:
                chunk, after = await self._read_view(view, partial(chunk_after, part=part, urn=after))
                for each in chunk:
                    yield each
        place: metric_series.Place | None = metric_series.FIRST
        while place is not None:
            observations, place = await self._read_view(view, partial(metric_series.observations_after, place=place))
            for observation in observations:
                yield observation

    async def access_since(self, epoch: int) -> AccessDelta:
        return await self._in_snapshot(partial(access_tables.access_since, epoch=epoch))

    async def change_access(self, change: AccessChange, *, epoch: int) -> int:
        return await self._run(self._writes, lambda: self._writer.change_access(change, epoch))

    async def entity_groups(self, ids: Sequence[str]) -> list[EntityGroups | None]:
        return await self._in_snapshot(partial(access_tables.entity_groups, ids=ids)) if ids else []

    async def audit(self, entries: Sequence[AuditEntry]) -> None:
        if entries:
            await self._run(self._writes, lambda: self._writer.audit(entries))

    async def audit_log(self, question: AuditQuestion) -> AuditPage:
        return await self._in_snapshot(partial(access_tables.audit_log, question=question))

    async def key_used(self, id: str, at: int) -> None:
        await self._run(self._writes, lambda: self._writer.key_used(id, at))

    async def keys_used(self, ids: Sequence[str]) -> dict[str, int]:
        return await self._in_snapshot(partial(access_tables.keys_used, ids=ids)) if ids else {}

    async def ready(self) -> None:
        await self._in_snapshot(lambda connection: connection.execute("SELECT count(*) FROM secret").fetchall())

    async def secret(self, name: str) -> bytes:
        return await self._run(self._writes, lambda: self._writer.secret(name, secrets.token_bytes(32)))

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._writes.shutdown)
        await asyncio.to_thread(self._readers.shutdown)
        await asyncio.to_thread(self._database.close)

    async def _read(self, work: Callable[[Callable[[View], Reader]], Result]) -> Result:
        def read(connection: apsw.Connection) -> Result:
            return work(partial(self._reader, connection))

        return await self._in_snapshot(read)

    def _reader(self, connection: apsw.Connection, view: View) -> Reader:
        return Reader(connection, view, self._present, self._lenses.of(view.scope, connection))

    async def _in_snapshot(self, read: Callable[[apsw.Connection], Result]) -> Result:
        def in_snapshot() -> Result:
            try:
                with self._database.snapshot() as connection:
                    return read(connection)
            except apsw.Error as error:
                raise Unavailable(f"the database cannot be read ({error}): check the disk and the file") from error

        return await self._run(self._readers, in_snapshot)

    async def _run(self, threads: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
        if self._closed:
            raise Unavailable("the store is closed: the server is shutting down")
        return await asyncio.get_running_loop().run_in_executor(threads, work)
