"""What one principal may do: its scope, and the decisions on it."""

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
"""The permissions that reads ask scopes about; the others are asked of `Authorizer.decide`."""
_ALL: Final = tuple(Permission)


@dataclass(frozen=True, eq=False)
class Authorizer:
    """What a principal may do, by the directory of an epoch, from a time until the next share expires."""

    principal: Principal
    snapshot: AccessSnapshot
    now: int
    _scope: Scope | None = field(init=False, repr=False, default=None)
    _seen: dict[str, bool] = field(init=False, repr=False, default_factory=dict)
    """Of other accounts' groups that were asked about, whether the principal may know of them."""

    @cached_property
    def shares(self) -> tuple[ResourceShare, ...]:
        """The shares that allow the principal something: accepted by its account, neither revoked nor expired."""
        return tuple(share for share in self.offered if self._is_accepted(share))

    @cached_property
    def offered(self) -> tuple[ResourceShare, ...]:
        """The shares the principal is among the targets of, accepted or not, neither revoked nor expired."""
        offered = self.snapshot.shares_for(self.principal.account)
        return tuple(share for share in offered if share.is_live(self.now) and share.includes(self.principal))

    def _is_accepted(self, share: ResourceShare) -> bool:
        invitation = self.snapshot.invitation(share.id, self.principal.account)
        return invitation is not None and invitation.state is InvitationState.ACCEPTED

    @cached_property
    def ends_at(self) -> int | None:
        """When the next share with its account expires, and this is no longer right; None where none will."""
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
        """What the principal may read and cross, for every read verb of a store. Evaluated once, by the first caller.

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
        said = self._decide_each(_IN_SCOPES, group)
        decisions = dict(zip(_IN_SCOPES, said, strict=True))
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
        """Differs for each principal, so that two cannot compare what they were shown as restricted."""
        who = orjson.dumps([self.principal.account, self.principal.name])
        return new(self.snapshot.secrets.restricted, who, "sha256").digest()

    def _decision(self, permission: Permission, group: LineageGroup) -> Decision:
        return self._decide_each((permission,), group)[0]

    def _decide_each(self, permissions: tuple[Permission, ...], group: LineageGroup) -> tuple[Decision, ...]:
        """What a group's policy decides, without Cedar where the policy cannot apply to the principal."""
        if group.id not in self._applicable:
            return (Decision(),) * len(permissions)
        return self.snapshot.evaluator.decide_each(self.principal, permissions, group)

    @cached_property
    def _applicable(self) -> frozenset[str]:
        """The ids of the groups whose policies can apply to the principal."""
        return self.snapshot.policy_index.groups_for(self.principal)

    def decide(self, permission: Permission, groups: Iterable[str], kind: str | None = None) -> Decision:
        """Whether the principal may do something on an entity that is in these groups, its default group among them.

        Any group may allow it, by its policy or by a share of it; a policy of any that forbids it wins. `kind` None
        asks about entities of every kind: a share that is limited to some kinds does not allow that. Groups that are
        not known allow nothing.
        """
        return self._decide(permission, groups, lambda share: share.speaks_of(kind))

    def allowing(self, permission: Permission, group: str, kind: str | None) -> tuple[ResourceShare, ...]:
        """The shares of a group that allow something on its entities of a kind, whatever a policy forbids."""
        shares = self._shares_of.get(group, ())
        return tuple(share for share in shares if permission in share.actions and share.speaks_of(kind))

    def decide_on_group(self, permission: Permission, group: str) -> Decision:
        """Whether the principal may do something on a group itself: by its policy, or its account's default group's."""
        return self.decide(permission, self._with_default(group))

    def decide_on_own_account(self, permission: Permission) -> Decision:
        """Whether the principal may do something on the default group of its own account."""
        return self.decide(permission, [default_group(self.principal.account)])

    def permissions(self, group: str) -> frozenset[Permission]:
        """What the principal may do on a group, or on some of its entities: of these kinds, or so far."""
        return self._permissions(self._with_default(group))

    def _permissions(self, groups: Iterable[str]) -> frozenset[Permission]:
        held = (p for p in Permission if self._decide(p, groups, lambda share: True, self._said).is_allowed)
        return frozenset(held)

    def _said(self, permission: Permission, group: LineageGroup) -> Decision:
        """What a group's policy says of a permission, where all are going to be asked for."""
        said = self._decide_each(_ALL, group)
        return said[_ALL.index(permission)]

    def sees_group(self, group: str) -> bool:
        """Whether the principal may know of a group: it is its own account's, allows it something, or is offered."""
        found = self.snapshot.groups.get(group)
        if found is None:
            return False
        if self.principal.is_local or found.account == self.principal.account:
            return True
        seen = self._seen.get(group)
        if seen is None:
            may_hold = group in self._applicable or group in self._shares_of
            seen = group in self._offered_groups or (may_hold and bool(self._permissions([group])))
            self._seen[group] = seen
        return seen

    def visible_groups(self) -> list[LineageGroup]:
        """The groups that the principal may know of. Evaluates their policies: keep it off the event loop."""
        return [group for group in self.snapshot.groups.values() if self.sees_group(group.id)]

    @cached_property
    def _offered_groups(self) -> frozenset[str]:
        return frozenset(group for share in self._received() for group in share.groups)

    def _received(self) -> Iterator[ResourceShare]:
        """The shares by whose invitations, not rejected, the principal knows of their groups."""
        for share in self.snapshot.shares_for(self.principal.account):
            invitation = self.snapshot.invitation(share.id, self.principal.account)
            if invitation is None or invitation.state is InvitationState.REJECTED:
                continue
            if share.is_live(self.now) and self.sees_invitation(invitation):
                yield share

    @property
    def is_operator(self) -> bool:
        """Whether the principal administers an operator account: it may register accounts and make keys for any."""
        home = self.snapshot.accounts.get(self.principal.account)
        return self.principal.is_local or (
            home is not None and home.is_operator and self.decide_on_own_account(Permission.ADMINISTER).is_allowed
        )

    def decide_on_keys(self, account: str) -> Decision:
        """Whether the principal may see, make and revoke the keys of an account: its own, or any if it is operator."""
        decision = self.decide_on_own_account(Permission.ADMINISTER)
        return decision if account == self.principal.account or self.is_operator else Decision(False)

    def sees_account(self, account: str) -> bool:
        """Whether the principal may know that an account is registered."""
        is_known = self.is_operator or account == self.principal.account
        return account in self.snapshot.accounts and (is_known or self.sees_group(default_group(account)))

    def decide_on_share(self, share: ResourceShare) -> Decision:
        """Whether the principal may see a share as its owner does, and revoke it: it may share one of its groups."""
        decisions = [self.decide_on_group(Permission.SHARE, group) for group in share.groups]
        return next((decision for decision in decisions if decision.is_allowed), decisions[0])

    def sees_share(self, share: ResourceShare) -> bool:
        """Whether the principal may know of a share: as its owner does, or by an invitation it receives."""
        received = (self.snapshot.invitation(share.id, account) for account in share.accounts)
        return self.decide_on_share(share).is_allowed or any(
            invitation is not None and self.sees_invitation(invitation) for invitation in received
        )

    def decide_on_invitation(self, invitation: Invitation) -> Decision:
        """Whether the principal may accept or reject an invitation.

        Those may who may share in the receiving account, and a single principal who is all that the share is for there.
        """
        share = self.snapshot.shares[invitation.share]
        decision = self.decide(Permission.SHARE, [default_group(invitation.account)])
        only = [target for target in share.targets if target.account == invitation.account]
        is_own = len(only) == 1 and only[0].name is not None and only[0].includes(self.principal)
        if is_own and not decision.is_forbidden and self.principal.may_hold(Permission.SHARE):
            return Decision(True, False, decision.policies or (f"share/{share.id}",))
        return decision

    def sees_invitation(self, invitation: Invitation) -> bool:
        """Whether the principal receives an invitation: it may decide it, or the share is for it, and not revoked."""
        share = self.snapshot.shares[invitation.share]
        is_for_it = invitation.account == self.principal.account and share.includes(self.principal)
        return share.revoked_at is None and (is_for_it or self.decide_on_invitation(invitation).is_allowed)

    def _with_default(self, group: str) -> tuple[str, ...]:
        found = self.snapshot.groups.get(group)
        return () if found is None else tuple({group, default_group(found.account)})

    def _decide(
        self,
        permission: Permission,
        groups: Iterable[str],
        counts: Callable[[ResourceShare], bool],
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
            if permission in share.actions and counts(share)
        )
        permitting = _named((id, decision) for id, decision in decisions.items() if decision.is_allowed)
        return Decision(bool(permitting or shares), False, (*permitting, *shares))


def _named(decisions: Iterable[tuple[str, Decision]]) -> tuple[str, ...]:
    return tuple(f"{group}/{policy}" for group, decision in decisions for policy in decision.policies)
