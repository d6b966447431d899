"""The base of store proxies: every verb forwarded to the wrapped store."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import ParamSpec, TypeVar

from lineal.auth.access_store import AccessChange, AccessDelta, AuditEntry, AuditPage, AuditQuestion
from lineal.auth.scopes import Scope
from lineal.graphstore.batches import Batch, Idempotency, NewPart, Recorded
from lineal.graphstore.quarantine import Quarantined, QuarantineLimits, QuarantinePage, QuarantineQuestion
from lineal.graphstore.queries import (
    AssociationsOf,
    BucketsOf,
    Find,
    HistoryOf,
    MetricsOf,
    PropertyKeys,
    Reach,
    ReachAssociations,
    SeriesOf,
)
from lineal.graphstore.records import Bucket, Entity, Metric, View
from lineal.graphstore.store import (
    AssociationPage,
    Durability,
    EntityGroups,
    EntityPage,
    Newest,
    ReachPage,
    RevisionPage,
    SeriesPage,
    Store,
    Verified,
)

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


class StoreProxy(Store):
    """Forwards every verb to the store `inner`. Closing the proxy closes that store.

    A subclass overrides single verbs, or `_forward`, which every awaited verb but `close` goes through.
    """

    def __init__(self, inner: Store) -> None:
        self.inner = inner

    async def _forward(
        self,
        verb: str,
        call: Callable[Arguments, Awaitable[Answer]],
        *args: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Answer:
        """The answer of the inner store's verb."""
        return await call(*args, **named)

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
        return await self._forward(
            "record",
            self.inner.record,
            batch,
            by=by,
            idempotency=idempotency,
            durability=durability,
            returning=returning,
            audit=audit,
        )

    async def watermark(self) -> int:
        return await self._forward("watermark", self.inner.watermark)

    async def newest(self) -> Newest:
        return await self._forward("newest", self.inner.newest)

    async def entities(self, view: View, ids: Sequence[str]) -> list[Entity | None]:
        return await self._forward("entities", self.inner.entities, view, ids)

    async def find(self, questions: Sequence[Find]) -> list[EntityPage]:
        return await self._forward("find", self.inner.find, questions)

    async def associations(self, questions: Sequence[AssociationsOf]) -> list[AssociationPage]:
        return await self._forward("associations", self.inner.associations, questions)

    async def history(self, questions: Sequence[HistoryOf]) -> list[RevisionPage]:
        return await self._forward("history", self.inner.history, questions)

    async def metrics(self, questions: Sequence[MetricsOf]) -> list[tuple[Metric, ...]]:
        return await self._forward("metrics", self.inner.metrics, questions)

    async def series(self, questions: Sequence[SeriesOf]) -> list[SeriesPage]:
        return await self._forward("series", self.inner.series, questions)

    async def buckets(self, questions: Sequence[BucketsOf]) -> list[tuple[Bucket, ...]]:
        return await self._forward("buckets", self.inner.buckets, questions)

    async def property_keys(self, questions: Sequence[PropertyKeys]) -> list[list[str]]:
        return await self._forward("property_keys", self.inner.property_keys, questions)

    async def reach(self, questions: Sequence[Reach]) -> list[ReachPage | None]:
        return await self._forward("reach", self.inner.reach, questions)

    async def reach_associations(self, questions: Sequence[ReachAssociations]) -> list[AssociationPage | None]:
        return await self._forward("reach_associations", self.inner.reach_associations, questions)

    def verify(self, sample: int | None = None) -> AsyncIterator[Verified]:
        return self.inner.verify(sample)

    def export(self, view: View) -> AsyncIterator[NewPart]:
        return self.inner.export(view)

    async def access_since(self, epoch: int) -> AccessDelta:
        return await self._forward("access_since", self.inner.access_since, epoch)

    async def change_access(self, change: AccessChange, *, epoch: int) -> int:
        return await self._forward("change_access", self.inner.change_access, change, epoch=epoch)

    async def entity_groups(self, ids: Sequence[str]) -> list[EntityGroups | None]:
        return await self._forward("entity_groups", self.inner.entity_groups, ids)

    async def audit(self, entries: Sequence[AuditEntry]) -> None:
        await self._forward("audit", self.inner.audit, entries)

    async def audit_log(self, question: AuditQuestion) -> AuditPage:
        return await self._forward("audit_log", self.inner.audit_log, question)

    async def key_used(self, id: str, at: int) -> None:
        await self._forward("key_used", self.inner.key_used, id, at)

    async def keys_used(self, ids: Sequence[str]) -> dict[str, int]:
        return await self._forward("keys_used", self.inner.keys_used, ids)

    async def quarantine(self, kept: Quarantined, limits: QuarantineLimits) -> None:
        await self._forward("quarantine", self.inner.quarantine, kept, limits)

    async def quarantined(self, question: QuarantineQuestion) -> QuarantinePage:
        return await self._forward("quarantined", self.inner.quarantined, question)

    async def discard_quarantined(self, id: str) -> bool:
        return await self._forward("discard_quarantined", self.inner.discard_quarantined, id)

    async def ready(self) -> None:
        await self._forward("ready", self.inner.ready)

    async def secret(self, name: str) -> bytes:
        return await self._forward("secret", self.inner.secret, name)

    async def close(self) -> None:
        await self.inner.close()
