"""A store that records an entity with content only if its account uploaded the content."""

from collections.abc import Sequence

from lineal.auth.access_store import AuditEntry
from lineal.auth.scopes import Scope
from lineal.blobs.addresses import sha256_of
from lineal.blobs.store import BlobStore, BlobsUnavailable
from lineal.graphstore.batches import Batch, Idempotency, NewEntity, Recorded
from lineal.graphstore.errors import BatchRefused, Problem, ProblemCode, Unavailable
from lineal.graphstore.proxies.base import StoreProxy
from lineal.graphstore.store import Durability, Store


class BlobCheckedStore(StoreProxy):
    """Refuses a batch with an entity whose source names a blob that the account of the entity did not upload.

    So no record names content that is not there, and nobody reads the content of another account by recording its
    SHA-256. Without a store of blobs, every entity with such a source is refused.
    """

    def __init__(self, inner: Store, blobs: BlobStore | None) -> None:
        super().__init__(inner)
        self._blobs = blobs

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
        problems = [
            Problem(ProblemCode.INVALID_VALUE, problem, ("entities", index, "source", "uri"))
            for index, entity in enumerate(batch.entities)
            if (problem := await self._problem(entity)) is not None
        ]
        if problems:
            raise BatchRefused(tuple(problems))
        return await super().record(
            batch, by=by, idempotency=idempotency, durability=durability, returning=returning, audit=audit
        )

    async def _problem(self, entity: NewEntity) -> str | None:
        """Return why the source of an entity is refused, as a sentence, or None."""
        try:
            sha256 = sha256_of(None if entity.source is None else entity.source.uri)
        except ValueError as error:
            return f"The address is not valid: {error}."
        if sha256 is None:
            return None
        if self._blobs is None:
            return "This server keeps no content: set `blobs`, or record the address where the content lies."
        try:
            is_there = await self._blobs.holds(entity.account, sha256)
        except BlobsUnavailable as error:
            raise Unavailable(str(error)) from error
        if is_there:
            return None
        return f"Account {entity.account} uploaded no such content: send it by PUT /blobs/{sha256} first."
