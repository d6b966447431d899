"""What is kept about access, and how it is read and changed: frozen data, and the Protocol a store fulfils.

Access is kept as documents (accounts, groups with their policies, shares, invitations, keys), as the members of groups,
and as the audit log. Every change of documents or members moves the *epoch* on by one, so that a server knows by one
number whether what it holds is still right, and what was decided on an older state is never written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class AccessMoved(Exception):
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
    """What changes together: documents put or removed, entities joining and leaving groups, and the log of it."""

    documents: tuple[Document, ...] = ()
    joins: tuple[Membership, ...] = ()
    leaves: tuple[Membership, ...] = ()
    audit: tuple[AuditEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class AccessNews:
    """What changed after an epoch: the newest epoch, that of the newest change of members, the documents as they are.

    Of each document only its newest state; removed ones with content None.
    """

    epoch: int
    members_at: int
    documents: tuple[Document, ...]


class Ledger(Protocol):
    """What is kept about access, in a store."""

    async def access_since(self, epoch: int) -> AccessNews:
        """What changed after an epoch; all there is for 0."""

    async def change_access(self, change: AccessChange, *, epoch: int) -> int:
        """Change all of it or nothing, decided on the state of an epoch; the new epoch. Raises AccessMoved."""

    async def audit(self, entries: Sequence[AuditEntry]) -> None:
        """Append entries to the log, in their order."""

    async def secret(self, name: str) -> bytes:
        """32 random bytes that are the same ever after, in every process."""
