"""The directory of access: all that is kept about it, as of one epoch."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

from lineal.auth import access_codec
from lineal.auth.access_codec import Part
from lineal.auth.access_store import AccessDelta
from lineal.auth.authorizer import Authorizer
from lineal.auth.policies import GroupPolicies
from lineal.auth.principals import Principal
from lineal.auth.records import Account, ApiKey, Invitation, LineageGroup, Repeat, ResourceShare

_AUTHORIZERS_KEPT: Final = 256
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
    policies: GroupPolicies = field(default_factory=GroupPolicies)
    epoch: int = 0
    members_at: int = 0
    accounts: Mapping[str, Account] = field(default_factory=_nothing)
    groups: Mapping[str, LineageGroup] = field(default_factory=_nothing)
    shares: Mapping[str, ResourceShare] = field(default_factory=_nothing)
    invitations: Mapping[str, Invitation] = field(default_factory=_nothing)
    keys: Mapping[str, ApiKey] = field(default_factory=_nothing)
    repeats: Mapping[str, Repeat] = field(default_factory=_nothing)
    _authorizers: dict[Principal, Authorizer] = field(init=False, repr=False, default_factory=dict)

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
        return replace(self, epoch=delta.epoch, members_at=delta.members_at, **frozen)

    def authorizer(self, principal: Principal, now: int) -> Authorizer:
        """What a principal may do now: worked out once, until the next of its shares expires."""
        found = self._authorizers.get(principal)
        if found is None or (found.ends_at is not None and found.ends_at <= now):
            while len(self._authorizers) >= _AUTHORIZERS_KEPT:
                del self._authorizers[next(iter(self._authorizers))]
            found = self._authorizers[principal] = Authorizer(principal, self, now)
        return found

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
