"""Access snapshots: all records of access as of one epoch."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

from lineal.auth import access_codec
from lineal.auth.access_codec import DocumentType
from lineal.auth.access_store import AccessDelta
from lineal.auth.policy_evaluator import PolicyEvaluator
from lineal.auth.policy_index import PolicyIndex
from lineal.auth.records import Account, ApiKey, IdempotencyRecord, Invitation, LineageGroup, ResourceShare

_DECODERS: Final = {
    DocumentType.ACCOUNT: ("accounts", access_codec.account),
    DocumentType.GROUP: ("groups", access_codec.group),
    DocumentType.SHARE: ("shares", access_codec.share),
    DocumentType.INVITATION: ("invitations", access_codec.invitation),
    DocumentType.KEY: ("keys", access_codec.key),
    DocumentType.REPEAT: ("idempotency_records", access_codec.idempotency_record),
}


def _empty() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Secrets:
    """Secrets of the store: `keys` for hashes of API keys, `restricted` for ids of masked entities."""

    keys: bytes
    restricted: bytes


@dataclass(frozen=True, eq=False)
class AccessSnapshot:
    """All records of access as of an epoch. Immutable; `with_delta` returns the next snapshot.

    `accounts` are by name; all other records are by id. `members_at` is the epoch of the newest change of any group's
    members. Snapshots share the evaluator and its caches.
    """

    secrets: Secrets
    evaluator: PolicyEvaluator = field(default_factory=PolicyEvaluator)
    policy_index: PolicyIndex = field(default_factory=PolicyIndex)
    epoch: int = 0
    members_at: int = 0
    accounts: Mapping[str, Account] = field(default_factory=_empty)
    groups: Mapping[str, LineageGroup] = field(default_factory=_empty)
    shares: Mapping[str, ResourceShare] = field(default_factory=_empty)
    invitations: Mapping[str, Invitation] = field(default_factory=_empty)
    keys: Mapping[str, ApiKey] = field(default_factory=_empty)
    idempotency_records: Mapping[str, IdempotencyRecord] = field(default_factory=_empty)

    def with_delta(self, delta: AccessDelta) -> "AccessSnapshot":
        """Return the snapshot after a delta. Parses changed policies: keep it off the event loop."""
        changed: dict[str, dict[str, Any]] = {}
        for document in delta.documents:
            name, decode = _DECODERS[DocumentType(document.part)]
            records = changed.setdefault(name, dict(getattr(self, name)))
            if document.content is None:
                records.pop(document.id, None)
            else:
                records[document.id] = decode(document.content)
        frozen: dict[str, Any] = {name: MappingProxyType(records) for name, records in changed.items()}
        policies = self._changed_policies(frozen.get("groups", self.groups), delta)
        index = self.policy_index.updated(policies) if policies else self.policy_index
        return replace(self, epoch=delta.epoch, members_at=delta.members_at, policy_index=index, **frozen)

    def _changed_policies(self, groups: Mapping[str, LineageGroup], delta: AccessDelta) -> dict[str, str]:
        """Return the policies that a delta changes, by group id; the policy of a removed group is empty."""
        ids = {document.id for document in delta.documents if document.part == DocumentType.GROUP}
        policies = {id: groups[id].policy if id in groups else "" for id in ids}
        return {id: text for id, text in policies.items() if id not in self.groups or self.groups[id].policy != text}

    @cached_property
    def groups_with_boundary(self) -> frozenset[str]:
        """The ids of the groups that set a boundary, or that tell callers how many entities are withheld."""
        return frozenset(group.id for group in self.groups.values() if group.boundary or group.tells_withheld)

    @cached_property
    def _shares_for(self) -> dict[str, list[ResourceShare]]:
        shares: dict[str, list[ResourceShare]] = {}
        for share in self.shares.values():
            for account in share.accounts:
                shares.setdefault(account, []).append(share)
        return shares

    def shares_for(self, account: str) -> list[ResourceShare]:
        """Return the shares that target an account, revoked and expired ones included."""
        return self._shares_for.get(account, [])

    def invitation(self, share: str, account: str) -> Invitation | None:
        """Return the invitation of an account to a share."""
        return self.invitations.get(f"{share}/{account}")

    def groups_of(self, account: str) -> list[LineageGroup]:
        """Return the groups of an account, its default group first, then by name."""
        groups = (group for group in self.groups.values() if group.account == account)
        return sorted(groups, key=lambda group: (not group.is_default, group.name))
