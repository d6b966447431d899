"""The access service: reads snapshots and authorizers, and applies operations, which change access."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from time import time_ns
from typing import Final, TypeVar

from lineal.auth.access_snapshot import AccessSnapshot, Secrets
from lineal.auth.access_store import AccessChange, AccessStore, AuditEntry, EpochConflict
from lineal.auth.authorizer import Authorizer
from lineal.auth.denial_log import DenialLog
from lineal.auth.operations.base import Operation, RefusalCode, Refused
from lineal.auth.principals import Principal

Result = TypeVar("Result")

MAX_AUTHORIZERS: Final = 256
"""How many authorizers an access service caches."""
MAX_CACHED_RULES: Final = 100_000
"""How many rules the scopes of the cached authorizers hold together. A rule takes about 400 bytes."""

_ATTEMPTS: Final = 20


def microseconds() -> int:
    """Return the time in microseconds since 1970-01-01T00:00:00Z."""
    return time_ns() // 1_000


class AccessService:
    """Access as an access store holds it. One per store and process, for concurrent callers on one event loop."""

    def __init__(self, store: AccessStore, clock: Callable[[], int] = microseconds) -> None:
        self._store = store
        self._clock = clock
        self.denials = DenialLog(store)
        """Where denied decisions wait for the audit log."""
        self._snapshot: AccessSnapshot | None = None
        self._authorizers: dict[Principal, Authorizer] = {}
        self._evaluating: dict[tuple[Principal, int], asyncio.Task[Authorizer]] = {}
        self._refreshing = asyncio.Lock()
        self._changing = asyncio.Lock()

    async def at(self, epoch: int) -> AccessSnapshot:
        """Return the snapshot of an epoch, or a newer one.

        Reads the store only if the cached snapshot is older. Concurrent callers share one read.
        """
        if self._snapshot is None or self._snapshot.epoch < epoch:
            async with self._refreshing:
                if self._snapshot is None or self._snapshot.epoch < epoch:
                    return await self._refresh()
        return self._snapshot

    async def newest(self) -> AccessSnapshot:
        """Return the newest snapshot. Reads the store."""
        async with self._refreshing:
            return await self._refresh()

    async def _refresh(self) -> AccessSnapshot:
        if self._snapshot is None:
            secrets = Secrets(await self._store.secret("keys"), await self._store.secret("restricted"))
            self._snapshot = AccessSnapshot(secrets)
        delta = await self._store.access_since(self._snapshot.epoch)
        if delta.epoch > self._snapshot.epoch:
            # Off the event loop: the first snapshot parses the policies of all groups.
            self._snapshot = await asyncio.to_thread(self._snapshot.with_delta, delta)
            self._authorizers.clear()
        return self._snapshot

    async def authorizer(self, snapshot: AccessSnapshot, principal: Principal, now: int) -> Authorizer:
        """Return the authorizer of a principal, its scope evaluated off the event loop.

        Cached until the snapshot is replaced or the next share with the principal's account expires. Concurrent
        callers share one evaluation.
        """
        authorizer = self._authorizers.get(principal)
        while authorizer is None or authorizer.snapshot is not snapshot or not authorizer.is_current(now):
            key = principal, snapshot.epoch
            if key not in self._evaluating:
                self._evaluating[key] = asyncio.create_task(self._evaluated(Authorizer(principal, snapshot, now)))
            authorizer = await asyncio.shield(self._evaluating[key])
        return authorizer

    async def _evaluated(self, authorizer: Authorizer) -> Authorizer:
        key = authorizer.principal, authorizer.snapshot.epoch
        try:
            await asyncio.to_thread(lambda: authorizer.scope)
        finally:
            del self._evaluating[key]
        if authorizer.snapshot is not self._snapshot:
            return authorizer
        self._authorizers.pop(authorizer.principal, None)
        self._authorizers[authorizer.principal] = authorizer
        while len(self._authorizers) > 1 and (
            len(self._authorizers) > MAX_AUTHORIZERS or sum(map(_weight, self._authorizers.values())) > MAX_CACHED_RULES
        ):
            del self._authorizers[next(iter(self._authorizers))]
        return authorizer

    async def change(self, principal: Principal, operation: Operation[Result], request_id: str = "") -> Result:
        """Apply an operation for a principal, completely or not at all; the cached snapshot then includes it.

        If access changed since the operation decided, it decides again on the newest snapshot. The audit log gets the
        decision: an allowed one together with the change, a denied one through `denials`. Raises Refused.
        """
        async with self._changing:
            for _ in range(_ATTEMPTS):
                snapshot = await self.newest()
                now = self._clock()
                try:
                    # Off the event loop: Cedar evaluates and checks policies.
                    plan = await asyncio.to_thread(operation, snapshot, Authorizer(principal, snapshot, now), now)
                except Refused as refused:
                    self.denials.note(_of_request(refused.audit, request_id))
                    raise
                if plan.change == AccessChange():
                    return plan.result
                change = replace(plan.change, audit=_of_request(plan.change.audit, request_id))
                try:
                    epoch = await self._store.change_access(change, epoch=snapshot.epoch)
                except EpochConflict:
                    continue
                await self.at(epoch)
                return plan.result
        raise Refused(RefusalCode.CONFLICT, "Others keep changing access at the same time: send this again.")


def _of_request(entries: tuple[AuditEntry, ...], request_id: str) -> tuple[AuditEntry, ...]:
    return tuple(replace(entry, request_id=request_id) for entry in entries)


def _weight(authorizer: Authorizer) -> int:
    return len(authorizer.scope.rules)
