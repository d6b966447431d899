"""Audit of denied reads, after the answer is sent, so that the time of an answer does not reveal a denied read."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog

from lineal.auth.access_store import AuditEntry
from lineal.auth.authorizer import Authorizer
from lineal.auth.permissions import Permission
from lineal.graphstore.errors import StoreError
from lineal.graphstore.store import Store
from lineal.resolvers.context import Context

log = structlog.get_logger()

MOST_WAITING: Final = 10_000
"""How many requests may wait to be audited. Further requests are logged, and not audited."""
MOST_AT_ONCE: Final = 100
"""How many requests are audited together."""


@dataclass(frozen=True, slots=True)
class _UnseenIds:
    authorizer: Authorizer
    ids: tuple[str, ...]
    request_id: str


class DeniedReadAudit:
    """Audits the ids that requests asked for and did not see, in the order of the answers.

    An entity that exists and was denied gets an audit entry. Only auditors of the entity's account may read the entry,
    because to the caller the entity looked absent.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: asyncio.Queue[_UnseenIds] = asyncio.Queue(MOST_WAITING)
        self._worker: asyncio.Task[None] | None = None

    async def note(self, context: Context) -> None:
        """Queue the ids that a request did not see, after its answer is sent. Returns immediately."""
        if not context.not_seen:
            return
        try:
            self._waiting.put_nowait(_UnseenIds(context.authorizer, tuple(context.not_seen), context.request_id))
        except asyncio.QueueFull:
            log.warning("denied reads not audited", requests=1, reason="too many requests wait for the audit")
            return
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())

    async def _work(self) -> None:
        while True:
            unseen = [await self._waiting.get()]
            while len(unseen) < MOST_AT_ONCE and not self._waiting.empty():
                unseen.append(self._waiting.get_nowait())
            try:
                await self._store.audit(await self._denied(unseen))
            except StoreError as error:
                log.warning("denied reads not audited", requests=len(unseen), reason=str(error))
            except Exception as error:
                # An error with these requests must not stop the audit of later ones.
                log.error("denied reads not audited", requests=len(unseen), exc_info=error)
            finally:
                for _ in unseen:
                    self._waiting.task_done()

    async def _denied(self, unseen: Sequence[_UnseenIds]) -> list[AuditEntry]:
        ids = list(dict.fromkeys(id for request in unseen for id in request.ids))
        groups = dict(zip(ids, await self._store.entity_groups(ids), strict=True))
        entries = []
        for request in unseen:
            authorizer = request.authorizer
            for entity in (groups[id] for id in request.ids):
                if entity is None or authorizer.scope.entity_scope(entity.groups, entity.kind).is_readable:
                    continue
                policies = authorizer.decide(Permission.READ, entity.groups, entity.kind).policies
                entries.append(
                    AuditEntry(
                        (entity.account,),
                        authorizer.principal.shown,
                        Permission.READ,
                        "ENTITY",
                        entity.urn,
                        False,
                        policies,
                        request.request_id,
                    )
                )
        return entries

    async def finish(self) -> None:
        """Wait until all queued requests are audited, then stop."""
        await self._waiting.join()
        if self._worker is not None:
            self._worker.cancel()
            with suppress(asyncio.CancelledError):
                await self._worker
            self._worker = None
