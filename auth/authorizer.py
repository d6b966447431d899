"""Authorization of one principal: its scope for reads, and decisions on everything else."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from hmac import new
from typing import Final

import orjson

from lineal.auth.access_snapshot import AccessSnapshot
from lineal.auth.decisions import Decision
from lineal.auth.permissions import Permission
from lineal.auth.principals import Principal
from lineal.auth.records import Invitation, InvitationState, LineageGroup, ResourceShare
from lineal.auth.scopes import EVERYTHING, Boundary, Grant, GroupRule, Scope, default_group

_IN_SCOPES: Final = (Permission.READ, Permission.READ_PROPERTIES, Permission.TRAVERSE)
"""The permissions that a scope holds. Writes and administration ask `Authorizer.decide` for the others."""
_ALL: Final = tuple(Permission)


@dataclass(frozen=True, eq=False)
class Authorizer:
    """What a principal may do on one access snapshot, from `now` until the next share expires."""

    principal: Principal
    snapshot: AccessSnapshot
    now: int
    _scope: Scope | None = field(init=False, repr=False, default=None)
    _seen: dict[str, bool] = field(init=False, repr=False, default_factory=dict)
    """By id of another account's group, whether the principal may know of it; for the groups decided so far."""

    @cached_property
    def shares(self) -> tuple[ResourceShare, ...]:
        """The shares that allow the principal something: accepted by its account, not revoked, not expired."""
        return tuple(share for share in self.offered if self._is_accepted(share))

    @cached_property
    def offered(self) -> tuple[ResourceShare, ...]:
        """The shares that target the principal, accepted or not, and are neither revoked nor expired."""
        offered = self.snapshot.shares_for(self.principal.account)
        return tuple(share for share in offered if share.is_live(self.now) and share.includes(self.principal))

    def _is_accepted(self, share: ResourceShare) -> bool:
        invitation = self.snapshot.invitation(share.id, self.principal.account)
        return invitation is not None and invitation.state is InvitationState.ACCEPTED

    @cached_property
    def ends_at(self) -> int | None:
        """The time at which the next share with the principal's account expires; None if none will."""
        shares = (share for share in self.snapshot.shares_for(self.principal.account) if share.is_live(self.now))
        return min((share.expires_at for share in shares if share.expires_at is not None), default=None)

    def is_current(self, now: int) -> bool:
        """Whether no share with the principal's account has expired since this was evaluated."""
        return self.ends_at is None or now < self.ends_at

    @cached_property
    def _shares_of(self) -> dict[str, list[ResourceShare]]:
        shares: dict[str, list[ResourceShare]] = {}
        for share in self.shares:
            for group in share.groups:
                shares.setdefault(group, []).append(share)
        return shares

    @property
    def scope(self) -> Scope:
        """What the principal may read and cross, for every read of a store. Evaluated by the first caller.

        Evaluation calls Cedar for every group whose policy can apply to the principal: keep it off the event loop.
        """
        # No cached_property: before Python 3.12 it holds one lock for all authorizers while it evaluates.
        if self._scope is None:
            object.__setattr__(self, "_scope", self._evaluate())
        assert self._scope is not None
        return self._scope

    def _evaluate(self) -> Scope:
        if self.principal.is_local:
            return EVERYTHING
        ids = self._applicable | self._shares_of.keys() | self.snapshot.groups_with_boundary
        groups = (self.snapshot.groups[id] for id in sorted(ids) if id in self.snapshot.groups)
        rules = [rule for group in groups if (rule := self._rule(group))]
        is_masking = any(rule.boundary is Boundary.MASK for rule in rules)
        return Scope.of(rules, self._mask_key() if is_masking else b"", self.snapshot.members_at)

    def _rule(self, group: LineageGroup) -> GroupRule | None:
        decisions = dict(zip(_IN_SCOPES, self._decide_each(_IN_SCOPES, group), strict=True))
        permitted = frozenset(
            p for p, decision in decisions.items() if decision.is_allowed and self.principal.may_hold(p)
        )
        by_policy = [Grant(permitted)] if permitted else []
        by_shares = [share.grant(self.principal) for share in self._shares_of.get(group.id, ())]
        forbidden = frozenset(permission for permission, decision in decisions.items() if decision.is_forbidden)
        grants = (*by_policy, *by_shares)
        if not (grants or forbidden or group.boundary or group.tells_withheld):
            return None
        return GroupRule(group.id, grants, forbidden, group.boundary, group.tells_withheld)

    def _mask_key(self) -> bytes:
        """Return a key of the principal's own, so that two principals cannot compare the ids of masked entities."""
        name = orjson.dumps([self.principal.account, self.principal.name])
        return new(self.snapshot.secrets.restricted, name, "sha256").digest()

    def _decision(self, permission: Permission, group: LineageGroup) -> Decision:
        return self._decide_each((permission,), group)[0]

    def _decide_each(self, permissions: tuple[Permission, ...], group: LineageGroup) -> tuple[Decision, ...]:
        """Return what a group's policy decides, without calling Cedar if it cannot apply to the principal."""
        if group.id not in self._applicable:
            return (Decision(),) * len(permissions)
        return self.snapshot.evaluator.decide_each(self.principal, permissions, group)

    @cached_property
    def _applicable(self) -> frozenset[str]:
        """The ids of the groups whose policies can apply to the principal."""
        return self.snapshot.policy_index.groups_for(self.principal)

    def decide(self, permission: Permission, groups: Iterable[str], kind: str | None = None) -> Decision:
        """Decide on an action on an entity, by the groups it is in, its account's default group included.

        The policy or a share of any group may allow the action; a policy that forbids it wins. `kind` None decides for
        entities of every kind, which a share that is limited to some kinds does not allow. Unknown groups allow
        nothing.
        """
        return self._decide(permission, groups, lambda share: share.covers(kind))

    def allowing_shares(self, permission: Permission, group: str, kind: str | None) -> tuple[ResourceShare, ...]:
        """Return the shares of a group that allow an action on its entities of a kind, before policies that forbid."""
        shares = self._shares_of.get(group, ())
        return tuple(share for share in shares if permission in share.actions and share.covers(kind))

    def decide_on_group(self, permission: Permission, group: str) -> Decision:
        """Decide on an action on a group itself, by its own policy and that of its account's default group."""
        return self.decide(permission, self._with_default(group))

    def decide_on_own_account(self, permission: Permission) -> Decision:
        """Decide on an action on the default group of the principal's account."""
        return self.decide(permission, [default_group(self.principal.account)])

    def permissions(self, group: str) -> frozenset[Permission]:
        """Return the permissions that the principal holds on a group or on some of its entities."""
        return self._permissions(self._with_default(group))

    def _permissions(self, groups: Iterable[str]) -> frozenset[Permission]:
        held = (p for p in Permission if self._decide(p, groups, lambda share: True, self._decision_of_all).is_allowed)
        return frozenset(held)

    def _decision_of_all(self, permission: Permission, group: LineageGroup) -> Decision:
        """Return a policy's decision on one permission, evaluated and cached together with those on all others."""
        return self._decide_each(_ALL, group)[_ALL.index(permission)]

    def sees_group(self, group: str) -> bool:
        """Whether the principal may know of a group: its account owns it, is offered it, or it allows something."""
        record = self.snapshot.groups.get(group)
        if record is None:
            return False
        if self.principal.is_local or record.account == self.principal.account:
            return True
        seen = self._seen.get(group)
        if seen is None:
            may_hold = group in self._applicable or group in self._shares_of
            seen = group in self._offered_groups or (may_hold and bool(self._permissions([group])))
            self._seen[group] = seen
        return seen

    def visible_groups(self) -> list[LineageGroup]:
        """Return the groups that the principal may know of. Evaluates policies: keep it off the event loop."""
        return [group for group in self.snapshot.groups.values() if self.sees_group(group.id)]

    @cached_property
    def _offered_groups(self) -> frozenset[str]:
        return frozenset(group for share in self._received() for group in share.groups)

    def _received(self) -> Iterator[ResourceShare]:
        """Yield the live shares whose invitation the principal sees and nobody rejected."""
        for share in self.snapshot.shares_for(self.principal.account):
            invitation = self.snapshot.invitation(share.id, self.principal.account)
            if invitation is None or invitation.state is InvitationState.REJECTED:
                continue
            if share.is_live(self.now) and self.sees_invitation(invitation):
                yield share

    @property
    def is_operator(self) -> bool:
        """Whether the principal administers an operator account: it registers accounts, and manages keys of any."""
        home = self.snapshot.accounts.get(self.principal.account)
        return self.principal.is_local or (
            home is not None and home.is_operator and self.decide_on_own_account(Permission.ADMINISTER).is_allowed
        )

    def decide_on_keys(self, account: str) -> Decision:
        """Decide on the API keys of an account: an administrator of it, or of an operator account, manages them."""
        decision = self.decide_on_own_account(Permission.ADMINISTER)
        return decision if account == self.principal.account or self.is_operator else Decision(False)

    def sees_account(self, account: str) -> bool:
        """Whether the principal may know that an account is registered."""
        is_known = self.is_operator or account == self.principal.account
        return account in self.snapshot.accounts and (is_known or self.sees_group(default_group(account)))

    def decide_on_share(self, share: ResourceShare) -> Decision:
        """Decide on seeing all of a share and on revoking it: this needs SHARE on one of its groups."""
        decisions = [self.decide_on_group(Permission.SHARE, group) for group in share.groups]
        return next((decision for decision in decisions if decision.is_allowed), decisions[0])

    def sees_share(self, share: ResourceShare) -> bool:
        """Whether the principal may know of a share: it manages the share, or sees an invitation to it."""
        invitations = (self.snapshot.invitation(share.id, account) for account in share.accounts)
        return self.decide_on_share(share).is_allowed or any(
            invitation is not None and self.sees_invitation(invitation) for invitation in invitations
        )

    def decide_on_invitation(self, invitation: Invitation) -> Decision:
        """Decide on accepting or rejecting an invitation.

        Needs SHARE on the receiving account's default group. The only principal that the share targets in that account
        may decide without it.
        """
        share = self.snapshot.shares[invitation.share]
        decision = self.decide(Permission.SHARE, [default_group(invitation.account)])
        only = [target for target in share.targets if target.account == invitation.account]
        is_own = len(only) == 1 and only[0].name is not None and only[0].includes(self.principal)
        if is_own and not decision.is_forbidden and self.principal.may_hold(Permission.SHARE):
            return Decision(True, False, decision.policies or (f"share/{share.id}",))
        return decision

    def sees_invitation(self, invitation: Invitation) -> bool:
        """Whether the principal sees an invitation: it may decide it, or the share targets it and is not revoked."""
        share = self.snapshot.shares[invitation.share]
        is_for_it = invitation.account == self.principal.account and share.includes(self.principal)
        return share.revoked_at is None and (is_for_it or self.decide_on_invitation(invitation).is_allowed)

    def _with_default(self, group: str) -> tuple[str, ...]:
        record = self.snapshot.groups.get(group)
        return () if record is None else tuple({group, default_group(record.account)})

    def _decide(
        self,
        permission: Permission,
        groups: Iterable[str],
        covers: Callable[[ResourceShare], bool],
        decision_of: Callable[[Permission, LineageGroup], Decision] | None = None,
    ) -> Decision:
        if self.principal.is_local:
            return Decision(True)
        known = [self.snapshot.groups[group] for group in sorted(set(groups)) if group in self.snapshot.groups]
        decisions = {group.id: (decision_of or self._decision)(permission, group) for group in known}
        forbidding = _named((id, decision) for id, decision in decisions.items() if decision.is_forbidden)
        if any(decision.is_forbidden for decision in decisions.values()):
            return Decision(False, True, forbidding)
        if not self.principal.may_hold(permission):
            return Decision(False)
        shares = dict.fromkeys(
            f"share/{share.id}"
            for id in decisions
            for share in self._shares_of.get(id, ())
            if permission in share.actions and covers(share)
        )
        permitting = _named((id, decision) for id, decision in decisions.items() if decision.is_allowed)
        return Decision(bool(permitting or shares), False, (*permitting, *shares))


def _named(decisions: Iterable[tuple[str, Decision]]) -> tuple[str, ...]:
    return tuple(f"{group}/{policy}" for group, decision in decisions for policy in decision.policies)
