"""Operations that make something once, however often they are sent under one key."""

import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Final, TypeVar

from lineal.auth.access_codec import Part, document
from lineal.auth.access_snapshot import AccessSnapshot
from lineal.auth.access_store import AccessChange, Document
from lineal.auth.authorizer import Authorizer
from lineal.auth.operations.base import Operation, Plan, RefusalCode, Refused
from lineal.auth.principals import Principal
from lineal.auth.records import Repeat

KEPT_MICROSECONDS: Final = 24 * 3600 * 1_000_000
"""How long an idempotency key counts."""

_SWEPT: Final = 100
_MISMATCH: Final = "This idempotencyKey was used for another request in the last 24 hours: use a new one."

Result = TypeVar("Result")


def once(
    operation: Operation[Result],
    key: str,
    fingerprint: str,
    made: Callable[[Result], str],
    recall: Callable[[AccessSnapshot, Authorizer, str], Result | None],
) -> Operation[Result]:
    """An operation that, sent again by the same principal under the same key within 24 hours, makes nothing more.

    It then gives what was made: `made` names that, and `recall` finds it by its name, or gives None where the caller
    may not have it any more, and then the operation is decided anew. `fingerprint` is a digest of all that is attempt:
    the same key with another is refused with IDEMPOTENCY_MISMATCH.
    """

    def plan(snapshot: AccessSnapshot, authorizer: Authorizer, now: int) -> Plan[Result]:
        id = _repeat_id(authorizer.principal, key)
        known = snapshot.repeats.get(id)
        if known is not None and now - known.at < KEPT_MICROSECONDS:
            if known.fingerprint != fingerprint:
                raise Refused(RefusalCode.IDEMPOTENCY_MISMATCH, _MISMATCH, ("idempotencyKey",))
            found = recall(snapshot, authorizer, known.made)
            if found is not None:
                return Plan(AccessChange(), found)
        planned = operation(snapshot, authorizer, now)
        kept = document(Repeat(id, fingerprint, made(planned.result), now))
        stale = [each.id for each in snapshot.repeats.values() if now - each.at >= KEPT_MICROSECONDS and each.id != id]
        swept = (Document(Part.REPEAT, each, None) for each in stale[:_SWEPT])
        documents = (*planned.change.documents, kept, *swept)
        return Plan(replace(planned.change, documents=documents), planned.result)

    return plan


def _repeat_id(principal: Principal, key: str) -> str:
    return sha256(json.dumps([principal.account, principal.name, key]).encode()).hexdigest()
