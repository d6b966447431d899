"""The interface of access stores, and the data that they exchange.

An access store holds documents (accounts, groups with their policies, shares, invitations, API keys), the members of
groups, and the audit log. Every change of documents or members increments the *epoch*. A server compares one number to
learn whether its snapshot is current, and a change decided on an older epoch is never written.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final, Protocol

MOST_LOOKED_THROUGH: Final = 100_000
"""How many records of the audit log one query reads for a page."""
TOO_MANY_RECORDS: Final = (
    f"The audit log holds more than {MOST_LOOKED_THROUGH:,} records to look through for this: ask for a shorter time, "
    "by since and until."
)


class EpochConflict(Exception):
    """A change was decided on an epoch that is no longer the newest: read the delta and decide again."""


@dataclass(frozen=True, slots=True)
class Document:
    """A stored record: `part` is its type, `id` its id, `content` its JSON; None if it was removed."""

    part: str
    id: str
    content: str | None


@dataclass(frozen=True, slots=True)
class Membership:
    """An entity and a group that it joins or leaves, by id. Default groups need no memberships."""

    group: str
    entity: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A decision for the audit log. Auditors of `accounts` may read it; `principal` is `account/name`.

    `action` is a permission or the name of a mutation. `resource_kind` and `resource` name the object: `ENTITY` and a
    URN, or `GROUP` and an id. `policies` are the policies and shares that decided.

    An entry may stand for `count` denials of one type: `resource` is "" if they were of several resources, `examples`
    are the first of these, and `policies` and `request_id` are of the first denials.
    """

    accounts: tuple[str, ...]
    principal: str
    action: str
    resource_kind: str
    resource: str
    is_allowed: bool
    policies: tuple[str, ...] = ()
    request_id: str = ""
    count: int = 1
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """A record of the audit log: an entry with its position, its time, and the chain of digests.

    `digest` is `audit_digest` of the other fields. `previous` is the digest of the record before, "" for the first.
    """

    sequence: int
    at: int
    entry: AuditEntry
    previous: str
    digest: str


def audit_digest(sequence: int, at: int, entry: AuditEntry, previous: str) -> str:
    """Return the digest of a record: SHA-256, in hexadecimal, of canonical JSON (RFC 8785).

    The JSON object holds the record's `sequence` in decimal, its `at` in RFC 3339 with six digits of microseconds, all
    fields of its entry, and `previous`. docs/reference/digests.md shows an example.
    """
    time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)
    form = {
        "sequence": str(sequence),
        "at": f"{time:%Y-%m-%dT%H:%M:%S.%f}Z",
        "accounts": entry.accounts,
        "principal": entry.principal,
        "action": entry.action,
        "resourceKind": entry.resource_kind,
        "resource": entry.resource,
        "isAllowed": entry.is_allowed,
        "policies": entry.policies,
        "requestId": entry.request_id,
        "count": str(entry.count),
        "examples": entry.examples,
        "previous": previous,
    }
    # For ASCII keys, strings and booleans this is the canonical form.
    canonical = json.dumps(form, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return sha256(canonical.encode()).hexdigest()


def chained(last: AuditRecord | None, at: int, entries: Iterable[AuditEntry]) -> list[AuditRecord]:
    """Return the records of entries after the last record. Times increase strictly."""
    records: list[AuditRecord] = []
    for entry in entries:
        sequence, previous = 1, ""
        if last is not None:
            sequence, at, previous = last.sequence + 1, max(at, last.at + 1), last.digest
        last = AuditRecord(sequence, at, entry, previous, audit_digest(sequence, at, entry, previous))
        records.append(last)
    return records


@dataclass(frozen=True, slots=True)
class AuditQuestion:
    """A query for a page of the audit log, newest first, among the records that an account's auditors may read.

    `account` None reads the log of all accounts. `since` and `until` are microseconds, inclusive. `before` is the
    sequence number of the last record of the previous page.
    """

    account: str | None
    principal: str | None = None
    action: str | None = None
    resource: str | None = None
    is_allowed: bool | None = None
    since: int | None = None
    until: int | None = None
    first: int = 20
    before: int | None = None


@dataclass(frozen=True, slots=True)
class AuditPage:
    """A page of the audit log."""

    items: tuple[AuditRecord, ...]
    has_next: bool


@dataclass(frozen=True, slots=True)
class AccessChange:
    """A change of access, applied as one: documents put or removed, memberships added or removed, and audit entries.

    An entity that leaves and joins a group in one change is in it afterwards. The last document of an id wins.
    """

    documents: tuple[Document, ...] = ()
    joins: tuple[Membership, ...] = ()
    leaves: tuple[Membership, ...] = ()
    audit: tuple[AuditEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class AccessDelta:
    """The documents changed after an epoch, with the newest epoch and that of the newest change of memberships.

    Holds the newest state of a document, by part and id; the content of removed documents is None.
    """

    epoch: int
    members_at: int
    documents: tuple[Document, ...]


class AccessStore(Protocol):
    """A store of access records."""

    async def access_since(self, epoch: int) -> AccessDelta:
        """Return the documents changed after an epoch; all documents for epoch 0."""

    async def change_access(self, change: AccessChange, *, epoch: int) -> int:
        """Apply a change that was decided on an epoch, or nothing; return the new epoch. Raises EpochConflict."""

    async def audit(self, entries: Sequence[AuditEntry]) -> None:
        """Append entries to the audit log, in their order."""

    async def secret(self, name: str) -> bytes:
        """Return 32 random bytes, the same for a name in every process and at any time."""
