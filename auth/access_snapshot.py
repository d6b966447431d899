"""The directory of access: all that is kept about it, as of one epoch."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

from lineal.auth import access_codec
from lineal.auth.access_codec import Part
from lineal.auth.access_store import AccessDelta
from lineal.auth.policy_evaluator import PolicyEvaluator
from lineal.auth.policy_index import PolicyIndex
from lineal.auth.records import Account, ApiKey, Invitation, LineageGroup, Repeat, ResourceShare

_READERS: Final = {
    Part.ACCOUNT: ("accounts", access_codec.account),
    Part.GROUP: ("groups", access_codec.group),
    Part.SHARE: ("shares", access_codec.share),
    Part.INVITATION: ("invitations", access_codec.invitation),
    Part.KEY: ("keys", access_codec.key),
    Part.REPEAT: ("repeats", access_codec.repeat),
}


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Secrets:
    """The store's secrets that access rests on: of the hashes of keys, and of the ids of masked entities."""

    keys: bytes
    restricted: bytes


@dataclass(frozen=True, eq=False)
class AccessSnapshot:
    """What is kept about access, as of an epoch; never changed, but replaced by one `with_delta`.

    `accounts` by name; `groups`, `shares`, `invitations`, `keys` and `repeats` by id. `members_at` is the epoch of the
    newest change of any group's members.
    """

    secrets: Secrets
    evaluator: PolicyEvaluator = field(default_factory=PolicyEvaluator)
    policy_index: PolicyIndex = field(default_factory=PolicyIndex)
    epoch: int = 0
    members_at: int = 0
    accounts: Mapping[str, Account] = field(default_factory=_nothing)
    groups: Mapping[str, LineageGroup] = field(default_factory=_nothing)
    shares: Mapping[str, ResourceShare] = field(default_factory=_nothing)
    invitations: Mapping[str, Invitation] = field(default_factory=_nothing)
    keys: Mapping[str, ApiKey] = field(default_factory=_nothing)
    repeats: Mapping[str, Repeat] = field(default_factory=_nothing)

    def with_delta(self, delta: AccessDelta) -> "AccessSnapshot":
        """The directory as it is after what changed."""
        changed: dict[str, dict[str, Any]] = {}
        for document in delta.documents:
            name, read = _READERS[Part(document.part)]
            kept = changed.setdefault(name, dict(getattr(self, name)))
            if document.content is None:
                kept.pop(document.id, None)
            else:
                kept[document.id] = read(document.content)
        frozen: dict[str, Any] = {name: MappingProxyType(kept) for name, kept in changed.items()}
        policies = self._changed_policies(frozen.get("groups", self.groups), delta)
        index = self.policy_index.updated(policies) if policies else self.policy_index
        return replace(self, epoch=delta.epoch, members_at=delta.members_at, policy_index=index, **frozen)

    def _changed_policies(self, groups: Mapping[str, LineageGroup], delta: AccessDelta) -> dict[str, str]:
        """By id of a group whose policy a delta changes, its policy; empty where the group is removed."""
        ids = {document.id for document in delta.documents if document.part == Part.GROUP}
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
        """The shares that have a target in an account, whatever became of them."""
        return self._shares_for.get(account, [])

    def invitation(self, share: str, account: str) -> Invitation | None:
        """The invitation to a share that an account received."""
        return self.invitations.get(f"{share}/{account}")

    def groups_of(self, account: str) -> list[LineageGroup]:
        """The groups of an account, its default group first, then by name."""
        groups = (group for group in self.groups.values() if group.account == account)
        return sorted(groups, key=lambda group: (not group.is_default, group.name))
