"""A store that records an entity with content only if its account uploaded the content."""

from collections.abc import Awaitable, Callable
from typing import cast

from lineal.blobs.addresses import sha256_of
from lineal.blobs.store import BlobStore, BlobsUnavailable
from lineal.graphstore.batches import Batch, NewEntity
from lineal.graphstore.errors import BatchRefused, Problem, ProblemCode, Unavailable
from lineal.graphstore.proxies.base import Answer, Arguments, StoreProxy
from lineal.graphstore.store import Store


class BlobCheckedStore(StoreProxy):
    """Refuses a batch with an entity whose source names a blob that the account of the entity did not upload.

    So no record names content that is not there, and nobody reads the content of another account by recording its
    SHA-256. Without a store of blobs, every entity with such a source is refused.
    """

    def __init__(self, inner: Store, blobs: BlobStore | None) -> None:
        super().__init__(inner)
        self._blobs = blobs

    async def _forward(
        self,
        verb: str,
        call: Callable[Arguments, Awaitable[Answer]],
        *args: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Answer:
        if verb == "record":
            await self._check(cast(Batch, args[0]))
        return await call(*args, **named)

    async def _check(self, batch: Batch) -> None:
        """Raise BatchRefused if the source of an entity names content that its account did not upload."""
        problems = [
            Problem(ProblemCode.INVALID_VALUE, problem, ("entities", index, "source", "uri"))
            for index, entity in enumerate(batch.entities)
            if (problem := await self._problem(entity)) is not None
        ]
        if problems:
            raise BatchRefused(tuple(problems))

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
