"""The Gremlin store: the contract, by traversals on a graph server."""

import asyncio
import secrets
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, Self, TypeVar

import structlog
from gremlin_python.process.traversal import Merge, T

from lineal.auth.access_store import AccessChange, AccessDelta, AuditEntry, AuditPage, AuditQuestion
from lineal.auth.scopes import Scope
from lineal.graphstore.batches import Batch, Idempotency, NewPart, Recorded
from lineal.graphstore.checks import checked_urns
from lineal.graphstore.deadlines import Deadline, limited, within
from lineal.graphstore.errors import StoreUnusable, Unavailable
from lineal.graphstore.gremlin import metric_series
from lineal.graphstore.gremlin.access_graph import Access
from lineal.graphstore.gremlin.api_key_usage import key_used, keys_used
from lineal.graphstore.gremlin.audit_log import AuditLog
from lineal.graphstore.gremlin.batch_writer import Recording
from lineal.graphstore.gremlin.client import REQUEST_SECONDS, GremlinClient, g
from lineal.graphstore.gremlin.entity_pages import PARTS, all_keys, find_pages
from lineal.graphstore.gremlin.graph_setup import is_in_memory, name_of_graph, set_up
from lineal.graphstore.gremlin.lease_register import LeaseRegister
from lineal.graphstore.gremlin.mixed_index import WRONG_INDEX, is_own_index
from lineal.graphstore.gremlin.property_keys import property_keys
from lineal.graphstore.gremlin.quarantine import Quarantine
from lineal.graphstore.gremlin.reader import Reader
from lineal.graphstore.gremlin.scope_steps import scope_steps
from lineal.graphstore.gremlin.transport import Address, Transport
from lineal.graphstore.gremlin.urn_cache import UrnCache
from lineal.graphstore.gremlin.vertex_ids import vertex_of_note
from lineal.graphstore.gremlin.writer_lease import WriterLease
from lineal.graphstore.quarantine import Quarantined, QuarantineLimits, QuarantinePage, QuarantineQuestion
from lineal.graphstore.queries import BucketsOf, Find, MetricsOf, PropertyKeys, SeriesOf
from lineal.graphstore.records import AsOf, Bucket, Metric, View
from lineal.graphstore.store import Durability, EntityGroups, EntityPage, Newest, SeriesPage, Verified
from lineal.graphstore.verification import verified_digests
from lineal.graphstore.walking.pages import recorded
from lineal.graphstore.walking.store import WalkingStore
from lineal.graphstore.walking.walk_cache import WalkCache
from lineal.graphstore.workers import Workers
from lineal.threads import off_loop_if

log = structlog.get_logger()

Result = TypeVar("Result")

READERS: Final = 16
LARGE_READERS: Final = 8
READY_SECONDS: Final = 5.0
_EXPORTED_AT_ONCE: Final = 500


class GremlinStore(WalkingStore[Reader]):
    """Lineage in a graph server.

    A verb that reads a view runs on a worker thread, which hops to the event loop once for every journey to the server.
    """

    def __init__(self, server: GremlinClient, graph: str, register: LeaseRegister) -> None:
        super().__init__()
        self._server = server
        self._small_reads = Workers("lineal-read", READERS)
        self._large_reads = Workers("lineal-large-read", LARGE_READERS)
        self._writes: set[asyncio.Task[Any]] = set()
        self._closed = False
        self._renewing = asyncio.Lock()
        self._begin(graph, register)

    def _begin(self, graph: str, register: LeaseRegister) -> None:
        """Know nothing of the graph but its name."""
        self._graph = graph
        self._connects = 0
        self._walks = WalkCache()
        self._lease = WriterLease(register)
        self._urns = UrnCache()
        self._log = AuditLog(self._server, self._lease)
        self._access = Access(self._server, self._lease, self._log)
        self._quarantine = Quarantine(self._server, self._lease)
        self._recording = Recording(self._server, self._lease, self._urns, self._log)

    @classmethod
    async def opened(cls, address: Address, seconds: float = REQUEST_SECONDS) -> Self:
        """The store at an address, its graph set up; `seconds` is how long one request may take.

        Raises StoreUnusable or Unavailable.
        """
        server = GremlinClient(Transport(address), seconds)
        try:
            return cls(server, *await set_up(server))
        except BaseException:
            await server.transport.close()
            raise

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
        self._refuse_if_closed()
        if batch.is_empty and not audit:
            return Recorded(None, (), (), (), ())
        await self._look_at_graph()
        outcome = await self._whole(self._recording.run(batch, urns, by, idempotency, audit))
        if returning is None:
            return recorded(None, batch, urns, outcome)
        view = View(returning, AsOf(self._lease.snapshot.watermark))
        return await self._read_view(view, lambda reader: recorded(reader, batch, urns, outcome))

    async def watermark(self) -> int:
        self._refuse_if_closed()
        async with limited():
            await self._look_at_graph()
            await self._lease.refresh()
        self._recording.backlog.start_if_left()
        return self._lease.snapshot.watermark

    async def newest(self) -> Newest:
        recorded_at = await self.watermark()
        return Newest(recorded_at, self._lease.snapshot.access.epoch)

    async def find(self, questions: Sequence[Find]) -> list[EntityPage]:
        return await self._each(questions, find_pages, large=True)

    async def metrics(self, questions: Sequence[MetricsOf]) -> list[tuple[Metric, ...]]:
        return await self._each(questions, metric_series.metrics_of)

    async def series(self, questions: Sequence[SeriesOf]) -> list[SeriesPage]:
        return await self._each(questions, metric_series.series_pages)

    async def buckets(self, questions: Sequence[BucketsOf]) -> list[tuple[Bucket, ...]]:
        return await self._each(questions, metric_series.buckets_of, large=True)

    async def property_keys(self, questions: Sequence[PropertyKeys]) -> list[list[str]]:
        return await self._each(questions, property_keys, large=True)

    def verify(self, sample: int | None = None) -> AsyncIterator[Verified]:
        return verified_digests(self, sample)

    async def export(self, view: View) -> AsyncIterator[NewPart]:
        # A moment later than the newest batch is not settled yet: the export is of the moment it begins.
        recorded_at = min(view.as_of.recorded_at, await self.watermark())
        view = replace(view, as_of=replace(view.as_of, recorded_at=recorded_at))
        keys = await self._read_view(view, all_keys, large=True)
        chunks = [keys[start : start + _EXPORTED_AT_ONCE] for start in range(0, len(keys), _EXPORTED_AT_ONCE)]
        for part in PARTS:
            for chunk in chunks:
                for each in await self._read_view(view, partial(part, keys=chunk), large=True):
                    yield each
        for chunk in chunks:
            for portion in await self._read_view(view, partial(metric_series.portions, keys=chunk), large=True):
                read = partial(metric_series.observations_of, portion=portion)
                for observation in await self._read_view(view, read, large=True):
                    yield observation

    async def access_since(self, epoch: int) -> AccessDelta:
        return await self._told(self._access.since(epoch))

    async def change_access(self, change: AccessChange, *, epoch: int) -> int:
        self._refuse_if_closed()
        await self._look_at_graph()
        return await self._whole(self._access.change(change, epoch))

    async def entity_groups(self, ids: Sequence[str]) -> list[EntityGroups | None]:
        return await self._told(self._access.entity_groups(ids)) if ids else []

    async def audit(self, entries: Sequence[AuditEntry]) -> None:
        if entries:
            self._refuse_if_closed()
            await self._look_at_graph()
            await self._whole(self._log.append(entries))

    async def audit_log(self, question: AuditQuestion) -> AuditPage:
        return await self._told(self._log.page(question))

    async def key_used(self, id: str, at: int) -> None:
        self._refuse_if_closed()
        await self._look_at_graph()
        await self._whole(key_used(self._server, id, at))

    async def keys_used(self, ids: Sequence[str]) -> dict[str, int]:
        return await self._told(keys_used(self._server, ids)) if ids else {}

    async def quarantine(self, kept: Quarantined, limits: QuarantineLimits) -> None:
        self._refuse_if_closed()
        await self._look_at_graph()
        await self._whole(self._quarantine.keep(kept, limits))

    async def quarantined(self, question: QuarantineQuestion) -> QuarantinePage:
        return await self._told(self._quarantine.page(question))

    async def discard_quarantined(self, id: str) -> bool:
        self._refuse_if_closed()
        await self._look_at_graph()
        return await self._whole(self._quarantine.discard(id))

    async def ready(self) -> None:
        self._refuse_if_closed()
        try:
            async with asyncio.timeout(READY_SECONDS):
                await self._server.ask(g.V().limit(1).count())
                await self.watermark()
        except TimeoutError as error:
            raise Unavailable(f"the graph server did not answer in {READY_SECONDS:g} seconds") from error

    async def secret(self, name: str) -> bytes:
        self._refuse_if_closed()
        return await self._whole(self._secret(name))

    async def _secret(self, name: str) -> bytes:
        vertex = vertex_of_note("secret", name)
        found = await self._server.ask(g.V(vertex).values("value"))
        if not found:
            async with self._lease.held():
                value = b64encode(secrets.token_bytes(32)).decode()
                made = {T.id: vertex, T.label: "note", "value": value}
                merged = g.inject({T.id: vertex}).merge_v().option(Merge.on_create, made)
                await self._server.ask(merged.count())
                found = await self._server.ask(g.V(vertex).values("value"))
        return b64decode(found[0])

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        await asyncio.gather(*self._writes, return_exceptions=True)
        await self._recording.close()
        await self._lease.close()
        await self._server.transport.close()
        for workers in (self._small_reads, self._large_reads):
            await asyncio.to_thread(workers.shutdown)

    async def _told(self, telling: Coroutine[Any, Any, Result]) -> Result:
        """What a read tells that goes without a scope."""
        if self._closed:
            telling.close()
        self._refuse_if_closed()
        async with limited():
            answer = await telling
            await self._look_at_graph()
        return answer

    async def _prepare(self, views: Collection[View]) -> None:
        self._refuse_if_closed()
        latest = max((view.as_of.recorded_at for view in views if not scope_steps(view.scope).sees_nothing), default=0)
        if latest > self._lease.snapshot.watermark:
            async with limited():
                await self._lease.refresh()

    async def _read(self, work: Callable[[Callable[[View], Reader]], Result]) -> Result:
        return await self._run(self._small_reads, work)

    async def _read_large(self, work: Callable[[Callable[[View], Reader]], Result]) -> Result:
        return await self._run(self._large_reads, work)

    async def _run(self, workers: Workers, work: Callable[[Callable[[View], Reader]], Result]) -> Result:
        def reader_of(view: View) -> Reader:
            return Reader(self._server, view, self._lease.snapshot, self._urns)

        self._refuse_if_closed()
        answer = await workers.run(lambda: work(reader_of))
        async with limited():
            await self._look_at_graph()
        return answer

    async def _look_at_graph(self) -> None:
        """Make sure, where a connection was made since, that it leads to the same graph.

        Raises Unavailable where it does not, as what was answered may come of either. A graph in the server's memory is
        set up again.
        """
        connects = self._server.transport.connects
        if connects == self._connects:
            return
        if await name_of_graph(self._server) != self._graph:
            await self._renew()
            raise Unavailable("the graph server was started again and had kept nothing, so the graph is new: ask again")
        if not await is_own_index(self._server, self._graph):
            raise Unavailable(WRONG_INDEX)
        self._connects = connects

    async def _renew(self) -> None:
        async with self._renewing:
            if not await is_in_memory(self._server):
                raise Unavailable("the graph has been emptied or replaced: restore it, or start the server anew")
            try:
                graph, register = await set_up(self._server)
            except StoreUnusable as error:
                raise Unavailable(str(error)) from error
            if graph != self._graph:
                log.warning("the graph server was started again and had kept nothing: the graph is new, and empty")
                await self._recording.close()
                self._begin(graph, register)

    async def _whole(self, writing: Coroutine[Any, Any, Result]) -> Result:
        """Run a write to its end, though its caller stop waiting or its caller's deadline pass."""
        with within(Deadline()):
            task = asyncio.create_task(writing)
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        return await asyncio.shield(task)

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise Unavailable("the store is closed: the server is shutting down")
