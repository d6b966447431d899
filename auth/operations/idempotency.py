"""Idempotency keys: an operation sent again under the same key creates nothing more."""

import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Final, TypeVar

from lineal.auth.access_codec import DocumentType, document
from lineal.auth.access_snapshot import AccessSnapshot
from lineal.auth.access_store import AccessChange, Document
from lineal.auth.authorizer import Authorizer
from lineal.auth.operations.base import Operation, Plan, RefusalCode, Refused
from lineal.auth.principals import Principal
from lineal.auth.records import IdempotencyRecord

KEPT_MICROSECONDS: Final = 24 * 3600 * 1_000_000
"""How long an idempotency key is remembered."""

_MOST_REMOVED: Final = 100
_MISMATCH: Final = "This idempotencyKey was used for another request in the last 24 hours: use a new one."

Result = TypeVar("Result")


def once(
    operation: Operation[Result],
    key: str,
    fingerprint: str,
    id_of: Callable[[Result], str],
    recall: Callable[[AccessSnapshot, Authorizer, str], Result | None],
) -> Operation[Result]:
    """Return an operation that creates nothing when the same principal repeats its key within 24 hours.

    A repeated request returns the first result: `id_of` names a result, and `recall` finds it by that id, or returns
    None if the caller may not have it any more; the operation then runs again. `fingerprint` is a digest of the whole
    request: the same key with another fingerprint is refused with IDEMPOTENCY_MISMATCH.
    """

    def plan(snapshot: AccessSnapshot, authorizer: Authorizer, now: int) -> Plan[Result]:
        id = _record_id(authorizer.principal, key)
        known = snapshot.idempotency_records.get(id)
        if known is not None and now - known.at < KEPT_MICROSECONDS:
            if known.fingerprint != fingerprint:
                raise Refused(RefusalCode.IDEMPOTENCY_MISMATCH, _MISMATCH, ("idempotencyKey",))
            result = recall(snapshot, authorizer, known.made)
            if result is not None:
                return Plan(AccessChange(), result)
        plan = operation(snapshot, authorizer, now)
        records = snapshot.idempotency_records.values()
        stale = [old.id for old in records if now - old.at >= KEPT_MICROSECONDS and old.id != id]
        record = document(IdempotencyRecord(id, fingerprint, id_of(plan.result), now))
        removed = (Document(DocumentType.REPEAT, old, None) for old in stale[:_MOST_REMOVED])
        documents = (*plan.change.documents, record, *removed)
        return Plan(replace(plan.change, documents=documents), plan.result)

    return plan


def _record_id(principal: Principal, key: str) -> str:
    return sha256(json.dumps([principal.account, principal.name, key]).encode()).hexdigest()
