"""Reads that were denied, written to the audit log after their answers, so that no answer's time tells of them."""

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
"""How many requests may wait to be looked into; later ones are counted in the log, and not looked into."""
MOST_AT_ONCE: Final = 100
"""How many requests are looked into together."""


@dataclass(frozen=True, slots=True)
class _Missed:
    authorizer: Authorizer
    ids: tuple[str, ...]
    request_id: str


class DeniedReadAudit:
    """What was asked for by name and not to be seen, looked into in the order of the answers.

    An entry is kept for what stands and was denied; the auditors of its owner's account read of it, and no others, for
    to the caller it looked absent.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: asyncio.Queue[_Missed] = asyncio.Queue(MOST_WAITING)
        self._worker: asyncio.Task[None] | None = None

    async def note(self, context: Context) -> None:
        """Take what a request missed, once its answer is sent. Returns at once."""
        if not context.not_seen:
            return
        try:
            self._waiting.put_nowait(_Missed(context.authorizer, tuple(context.not_seen), context.request_id))
        except asyncio.QueueFull:
            log.warning("denied reads not audited", requests=1, reason="too many wait to be looked into")
            return
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())

    async def _work(self) -> None:
        while True:
            missed = [await self._waiting.get()]
            while len(missed) < MOST_AT_ONCE and not self._waiting.empty():
                missed.append(self._waiting.get_nowait())
            try:
                await self._store.audit(await self._denied(missed))
            except StoreError as error:
                log.warning("denied reads not audited", requests=len(missed), reason=str(error))
            except Exception as error:
                # Whatever is wrong with these, those that wait behind them are looked into.
                log.error("denied reads not audited", requests=len(missed), exc_info=error)
            finally:
                for _ in missed:
                    self._waiting.task_done()

    async def _denied(self, missed: Sequence[_Missed]) -> list[AuditEntry]:
        ids = list(dict.fromkeys(id for each in missed for id in each.ids))
        places = dict(zip(ids, await self._store.entity_groups(ids), strict=True))
        entries = []
        for each in missed:
            who, scope = each.authorizer.principal.shown, each.authorizer.scope
            for place in (places[id] for id in each.ids):
                if place is None or scope.entity_scope(place.groups, place.kind).is_readable:
                    continue
                policies = each.authorizer.decide(Permission.READ, place.groups, place.kind).policies
                what = (Permission.READ, "ENTITY", place.urn, False, policies, each.request_id)
                entries.append(AuditEntry((place.account,), who, *what))
        return entries

    async def finish(self) -> None:
        """Wait until all that was noted is in the log, and end."""
        await self._waiting.join()
        if self._worker is not None:
            self._worker.cancel()
            with suppress(asyncio.CancelledError):
                await self._worker
            self._worker = None
