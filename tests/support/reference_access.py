"""What the reference model keeps about access: dictionaries, a set and a list."""

from collections.abc import Callable, Sequence

from lineal.auth import access_store
from lineal.auth.access_store import (
    AccessChange,
    AccessDelta,
    AuditEntry,
    AuditPage,
    AuditQuestion,
    AuditRecord,
    Document,
    EpochConflict,
    audit_digest,
)
from lineal.auth.scopes import default_group
from lineal.graphstore.errors import LimitExceeded


class ReferenceAccess:
    """Documents by part and id with the epoch of their newest state, members, the log, and the use of keys."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self.clock = clock
        self.epoch = self.members_at = 0
        self.documents: dict[tuple[str, str], tuple[int, Document]] = {}
        self.members: set[tuple[str, str]] = set()
        """Groups, and ids of entities in them, but for default groups."""
        self.log: list[AuditRecord] = []
        self.uses: dict[str, int] = {}

    def groups_of(self, id: str, account: str) -> frozenset[str]:
        """All groups of an entity."""
        return frozenset({default_group(account), *(group for group, entity in self.members if entity == id)})

    def since(self, epoch: int) -> AccessDelta:
        changed = [document for at, document in self.documents.values() if at > epoch]
        changed.sort(key=lambda document: (document.part, document.id))
        return AccessDelta(self.epoch, self.members_at, tuple(changed))

    def change(self, change: AccessChange, epoch: int, accounts: dict[str, str]) -> int:
        """Change all of it; `accounts` are those of all entities that stand, by id."""
        if epoch != self.epoch:
            raise EpochConflict
        if change.documents or change.joins or change.leaves:
            self.epoch += 1
        if change.joins or change.leaves:
            self.members_at = self.epoch
        for document in change.documents:
            self.documents[document.part, document.id] = (self.epoch, document)
        for each in change.leaves:
            self.members.discard((each.group, each.entity))
        for each in change.joins:
            if each.entity in accounts and each.group != default_group(accounts[each.entity]):
                self.members.add((each.group, each.entity))
        self.append(change.audit)
        return self.epoch

    def append(self, entries: Sequence[AuditEntry]) -> None:
        for entry in entries:
            sequence = len(self.log) + 1
            at = max(self.clock(), self.log[-1].at + 1 if self.log else 0)
            previous = self.log[-1].digest if self.log else ""
            digest = audit_digest(sequence, at, entry, previous)
            self.log.append(AuditRecord(sequence, at, entry, previous, digest))

    def page(self, question: AuditQuestion) -> AuditPage:
        timely = [
            record
            for record in reversed(self.log)
            if (question.since is None or record.at >= question.since)
            and (question.until is None or record.at <= question.until)
            and (question.before is None or record.sequence < question.before)
        ]
        matches = [record for record in timely[: access_store.MOST_LOOKED_THROUGH] if _matches(record.entry, question)]
        if len(matches) <= question.first and len(timely) > access_store.MOST_LOOKED_THROUGH:
            raise LimitExceeded(access_store.TOO_MANY_RECORDS)
        return AuditPage(tuple(matches[: question.first]), len(matches) > question.first)


def _matches(entry: AuditEntry, question: AuditQuestion) -> bool:
    return (
        (question.account is None or question.account in entry.accounts)
        and question.principal in (None, entry.principal)
        and question.action in (None, entry.action)
        and question.resource in (None, entry.resource)
        and question.is_allowed in (None, entry.is_allowed)
    )
