"""What is kept about access, and how it is read and changed: frozen data, and the Protocol a store fulfils.

Access is kept as documents (accounts, groups with their policies, shares, invitations, keys), as the members of groups,
and as the audit log. Every change of documents or members moves the *epoch* on by one, so that a server knows by one
number whether what it holds is still right, and what was decided on an older state is never written.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final, Protocol

MOST_LOOKED_THROUGH: Final = 100_000
"""How many records of the audit log one question looks through for a page."""
TOO_MANY_RECORDS: Final = (
    f"The audit log holds more than {MOST_LOOKED_THROUGH:,} records to look through for this: ask for a shorter time, "
    "by since and until."
)


class EpochConflict(Exception):
    """A change was decided on a state that is no longer the newest: read what is new, decide again."""


@dataclass(frozen=True, slots=True)
class Document:
    """A piece of what is kept: `part` says what it is, `id` which; `content` is JSON, None where it was removed."""

    part: str
    id: str
    content: str | None


@dataclass(frozen=True, slots=True)
class Membership:
    """An entity, by id, that joins or leaves a group, by id. Default groups have their members without any."""

    group: str
    entity: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A decision. `accounts` are those whose auditors may read of it; `principal` is `account/name`.

    `action` is a permission or a mutation's name; `resource_kind` and `resource` what it was asked on (`ENTITY` and a
    urn, `GROUP` and an id); `policies` what decided it.
    """

    accounts: tuple[str, ...]
    principal: str
    action: str
    resource_kind: str
    resource: str
    is_allowed: bool
    policies: tuple[str, ...] = ()
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """An entry as kept: its place in the log, when, and the chain of digests.

    `digest` is `audit_digest` of the entry, its place and time, and the digest before it; `previous` is "" for the
    first.
    """

    sequence: int
    at: int
    entry: AuditEntry
    previous: str
    digest: str


def audit_digest(sequence: int, at: int, entry: AuditEntry, previous: str) -> str:
    """The digest of a record: SHA-256, in hexadecimal, of canonical JSON (RFC 8785).

    It is of an object that holds the record's `sequence`, in decimal, its `at` in RFC 3339 with six digits of
    microseconds, all fields of its entry, and `previous`. docs/reference/digests.md shows one.
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
        "previous": previous,
    }
    # Of ASCII keys, text and booleans this is the canonical form.
    canonical = json.dumps(form, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return sha256(canonical.encode()).hexdigest()


def chained(last: AuditRecord | None, at: int, entries: Iterable[AuditEntry]) -> list[AuditRecord]:
    """The records of entries that follow the last one, each by its time later than the one before it."""
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
    """A page of the log, the newest first: what an account's auditors may read, and of that what matches.

    `account` None: all accounts'. `since` and `until` are microseconds, both inclusive. `before` is the sequence number
    of the last record of the page before.
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
    """A page of the log."""

    items: tuple[AuditRecord, ...]
    has_next: bool


@dataclass(frozen=True, slots=True)
class AccessChange:
    """What changes together: documents put or removed, entities leaving and joining groups, and the log of it.

    Who leaves and joins a group in one change is in it afterwards. Of a document given twice the later one counts.
    """

    documents: tuple[Document, ...] = ()
    joins: tuple[Membership, ...] = ()
    leaves: tuple[Membership, ...] = ()
    audit: tuple[AuditEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class AccessDelta:
    """What changed after an epoch: the newest epoch, that of the newest change which named members, and documents.

    Of each document only its newest state, by part and id; removed ones with content None.
    """

    epoch: int
    members_at: int
    documents: tuple[Document, ...]


class AccessStore(Protocol):
    """What is kept about access, in a store."""

    async def access_since(self, epoch: int) -> AccessDelta:
        """What changed after an epoch; all there is for 0."""

    async def change_access(self, change: AccessChange, *, epoch: int) -> int:
        """Change all of it or nothing, decided on the state of an epoch; the new epoch. Raises EpochConflict."""

    async def audit(self, entries: Sequence[AuditEntry]) -> None:
        """Append entries to the log, in their order."""

    async def secret(self, name: str) -> bytes:
        """32 random bytes that are the same ever after, in every process."""
