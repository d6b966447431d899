"""Explanations of decisions, in sentences."""

from collections.abc import Iterable, Iterator

from lineal.auth.access_snapshot import AccessSnapshot
from lineal.auth.authorizer import Authorizer
from lineal.auth.decisions import Decision, Explanation, GroupExplanation
from lineal.auth.names import printable
from lineal.auth.permissions import Permission
from lineal.auth.principals import Principal
from lineal.auth.records import InvitationState, LineageGroup, ResourceShare


def explain(
    snapshot: AccessSnapshot,
    principal: Principal,
    permission: Permission,
    groups: Iterable[str],
    kind: str | None,
    now: int,
) -> Explanation:
    """Explain the decision of `Authorizer.decide` on an entity of a kind in these groups, with that of every group.

    Unknown groups are left out.
    """
    authorizer = Authorizer(principal, snapshot, now)
    known = [snapshot.groups[group] for group in sorted(set(groups)) if group in snapshot.groups]
    decision = authorizer.decide(permission, [group.id for group in known], kind)
    explanations = tuple(_explained(authorizer, permission, group, kind, now) for group in known)
    return Explanation(decision.is_allowed, explanations, tuple(_reasons(principal, permission, explanations)))


def _reasons(principal: Principal, permission: Permission, groups: tuple[GroupExplanation, ...]) -> Iterator[str]:
    who, what = printable(principal.shown), permission.shown
    if principal.is_local:
        yield f"{who} is the local administrator, and may do everything."
        return
    if not principal.may_hold(permission):
        limits = ", ".join(sorted(limit.shown for limit in principal.permissions or ()))
        yield f"The key of {who} is limited to {limits}; {what} is not among them."
    if any(group.is_forbidden for group in groups):
        yield f"A policy forbids {what}, and wins over everything that permits it."
    elif not any(group.is_allowed for group in groups):
        yield f"No policy and no share permits {who} {what}, so it is denied."
    elif principal.may_hold(permission):
        yield f"{who} holds {what}: a policy or share permits it, and no policy forbids it."


def _explained(
    authorizer: Authorizer, permission: Permission, group: LineageGroup, kind: str | None, now: int
) -> GroupExplanation:
    decision = authorizer.snapshot.evaluator.decide(authorizer.principal, permission, group)
    shares = authorizer.allowing_shares(permission, group.id, kind)
    name = f"{group.name} of account {group.account}"
    reasons = [f"Policy {policy} of group {name} permits it." for policy in decision.policies if decision.is_allowed]
    reasons += [f"Policy {policy} of group {name} forbids it." for policy in decision.policies if decision.is_forbidden]
    if decision.is_forbidden and not decision.policies:
        reasons.append(f"The policy of group {name} cannot be evaluated, so it forbids everything.")
    if decision == Decision():
        reasons.append(f"No policy of group {name} applies.")
    for share in authorizer.snapshot.shares_for(authorizer.principal.account):
        if group.id in share.groups and permission in share.actions and share.includes(authorizer.principal):
            reasons.append(
                f"Share {share.name} ({share.id}) {_share_reason(authorizer, permission, share, kind, now)}."
            )
    return GroupExplanation(
        group.id,
        decision.is_allowed or bool(shares),
        decision.is_forbidden,
        decision.policies,
        tuple(share.id for share in shares),
        tuple(reasons),
    )


def _share_reason(
    authorizer: Authorizer, permission: Permission, share: ResourceShare, kind: str | None, now: int
) -> str:
    """Return what a share that targets the principal allows, as the end of a sentence."""
    invitation = authorizer.snapshot.invitation(share.id, authorizer.principal.account)
    if share.revoked_at is not None:
        return "would permit it, but was revoked"
    if share.is_expired(now):
        return "would permit it, but has expired"
    if invitation is None or invitation.state is not InvitationState.ACCEPTED:
        state = InvitationState.PENDING if invitation is None else invitation.state
        return f"would permit it, but its invitation to account {printable(authorizer.principal.account)} is {state}"
    if share.kinds is not None and kind not in share.kinds:
        return f"permits it on {', '.join(sorted(share.kinds))} only"
    if permission is Permission.READ_PROPERTIES and share.redacted:
        return f"permits it, except for the keys {', '.join(sorted(share.redacted))}"
    if permission is not Permission.TRAVERSE:
        return "permits it"
    limits = [f"in direction {share.direction} only"] if share.direction else []
    limits += [f"at fewer than {share.depth} associations from the start of a query"] if share.depth else []
    return " ".join(["permits it", " and ".join(limits)]).strip()
