"""Audit of denied reads on a timer, so that no time of an answer reveals whether an id is hidden or absent."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog

from lineal.auth.access_service import microseconds
from lineal.auth.access_store import AuditEntry
from lineal.auth.authorizer import Authorizer
from lineal.auth.decisions import Decision
from lineal.auth.denial_log import WRITE_SECONDS, DenialLog
from lineal.auth.permissions import Permission
from lineal.graphstore.errors import StoreError
from lineal.graphstore.store import EntityGroups, Store
from lineal.resolvers.context import Context

log = structlog.get_logger()

MOST_WAITING: Final = 50_000
"""How many ids wait at most, of some 100 bytes each. Requests with further ids end when there is room again."""
LOOKED_UP_AT_ONCE: Final = 1_000
_NO_KEY: Final = ""
"""The id of no API key."""


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

    def __init__(self, store: Store, denials: DenialLog) -> None:
        self._store, self._denials = store, denials
        self._waiting: list[_UnseenIds] = []
        self._room = asyncio.Condition()
        self._ids = 0
        self._auditing = asyncio.Lock()
        self._timer: asyncio.Task[None] | None = None

    async def note(self, context: Context) -> None:
        """Queue the ids that a request did not see, after its answer is sent. Returns when there is room for them."""
        if not context.not_seen:
            return
        unseen = _UnseenIds(context.authorizer, tuple(context.not_seen), context.request_id)
        if self._timer is None:
            self._timer = asyncio.create_task(self._audit_on_time())
        async with self._room:
            # Waiting, and not leaving out: a flood of absent ids must not hide a denied one.
            await self._room.wait_for(lambda: not self._waiting or self._ids + len(unseen.ids) <= MOST_WAITING)
            self._waiting.append(unseen)
            self._ids += len(unseen.ids)

    async def _audit_on_time(self) -> None:
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            await self._audit()

    async def _audit(self) -> None:
        async with self._auditing:
            async with self._room:
                waiting, self._waiting, self._ids = self._waiting, [], 0
                self._room.notify_all()
            if not waiting:
                return
            try:
                self._denials.note(await self._denied(waiting))
                if not await self._denials.write():
                    # The next reads must not be faster after a write of nothing.
                    await self._store.key_used(_NO_KEY, microseconds())
            except StoreError as error:
                log.warning("denied reads not audited", requests=len(waiting), reason=str(error))
            except Exception as error:
                # An error with these requests must not stop the audit of later ones.
                log.error("denied reads not audited", requests=len(waiting), exc_info=error)

    async def _denied(self, waiting: Sequence[_UnseenIds]) -> list[AuditEntry]:
        ids = list(dict.fromkeys(id for request in waiting for id in request.ids))
        groups: dict[str, EntityGroups | None] = {}
        for start in range(0, len(ids), LOOKED_UP_AT_ONCE):
            part = ids[start : start + LOOKED_UP_AT_ONCE]
            groups.update(zip(part, await self._store.entity_groups(part), strict=True))
        return [entry for request in waiting for entry in _entries(request, groups)]

    async def finish(self) -> None:
        """Audit all queued requests, write all denials, then stop."""
        if self._timer is not None:
            self._timer.cancel()
            with suppress(asyncio.CancelledError):
                await self._timer
            self._timer = None
        await self._audit()
        await self._denials.finish()


def _entries(request: _UnseenIds, groups: dict[str, EntityGroups | None]) -> list[AuditEntry]:
    authorizer, entries = request.authorizer, []
    decisions: dict[tuple[frozenset[str], str], Decision | None] = {}
    for entity in (groups[id] for id in request.ids):
        if entity is None:
            continue
        key = entity.groups, entity.kind
        if key not in decisions:
            is_readable = authorizer.scope.entity_scope(*key).is_readable
            decisions[key] = None if is_readable else authorizer.decide(Permission.READ, *key)
        decision = decisions[key]
        if decision is not None:
            principal, policies = authorizer.principal.shown, decision.policies
            denied = (entity.account,), principal, Permission.READ, "ENTITY", entity.urn, False, policies
            entries.append(AuditEntry(*denied, request.request_id))
    return entries
