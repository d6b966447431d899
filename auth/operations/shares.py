"""Operations that create and revoke resource shares."""

from dataclasses import dataclass, replace
from typing import Final

from lineal.auth.access_codec import document
from lineal.auth.access_snapshot import AccessSnapshot
from lineal.auth.access_store import AccessChange, AuditEntry
from lineal.auth.authorizer import Authorizer
from lineal.auth.decisions import Decision
from lineal.auth.names import printable
from lineal.auth.operations.base import (
    Attempt,
    Operation,
    Plan,
    RefusalCode,
    Refused,
    checked_count,
    checked_name,
    new_id,
)
from lineal.auth.permissions import Permission
from lineal.auth.records import SHAREABLE, Invitation, LineageGroup, ResourceShare, ShareTarget
from lineal.auth.scopes import UNLIMITED

MAX_PARTS: Final = 100
"""Largest number of groups, targets or redacted keys of a share."""

_ACTION: Final = "resourceShareCreate"


@dataclass(frozen=True, slots=True)
class ShareTerms:
    """The terms of a new share; the fields are those of `ResourceShare`."""

    name: str
    groups: tuple[str, ...]
    targets: tuple[ShareTarget, ...]
    actions: frozenset[Permission]
    kinds: frozenset[str] | None = None
    direction: str | None = None
    depth: int | None = None
    redacted: frozenset[str] = frozenset()
    expires_at: int | None = None


def create_share(terms: ShareTerms) -> Operation[ResourceShare]:
    """Offer groups of one account to principals of others. Every receiving account gets an invitation.

    Needs SHARE on all of the groups. Refused with INVALID_VALUE, TOO_LARGE, NOT_FOUND or FORBIDDEN.
    """

    def plan(snapshot: AccessSnapshot, authorizer: Authorizer, now: int) -> Plan[ResourceShare]:
        _check_sizes(terms)
        id = new_id()
        groups, entries = zip(
            *(_shareable(snapshot, authorizer, terms, place) for place in range(len(terms.groups))), strict=True
        )
        account = groups[0].account
        _check(terms, account, [group.account for group in groups], now)
        share = ResourceShare(
            id,
            account,
            terms.name,
            tuple(dict.fromkeys(terms.groups)),
            tuple(dict.fromkeys(terms.targets)),
            terms.actions,
            terms.kinds,
            terms.direction,
            terms.depth,
            terms.redacted,
            terms.expires_at,
            now,
            authorizer.principal.shown,
        )
        policies = tuple(dict.fromkeys(policy for entry in entries for policy in entry.policies))
        attempt = Attempt(authorizer, _ACTION, "SHARE", id, (account,))
        invitations = [document(Invitation(id, receiver)) for receiver in share.accounts]
        audit = (attempt.entry(Decision(True, False, policies)),)
        return Plan(AccessChange((document(share), *invitations), audit=audit), share)

    return plan


def _shareable(
    snapshot: AccessSnapshot, authorizer: Authorizer, terms: ShareTerms, place: int
) -> tuple[LineageGroup, AuditEntry]:
    id = terms.groups[place]
    group = snapshot.groups.get(id)
    attempt = Attempt(authorizer, _ACTION, "GROUP", id, () if group is None else (group.account,))
    if group is None or not authorizer.sees_group(id):
        raise attempt.missing(f"There is no lineage group {printable(id)}.", ("groups", place))
    message = f"Sharing group {group.name} needs {Permission.SHARE.shown} on it."
    return group, attempt.demand(authorizer.decide_on_group(Permission.SHARE, id), message, ("groups", place))


def _check_sizes(terms: ShareTerms) -> None:
    for what, parts in (("groups", terms.groups), ("targets", terms.targets)):
        checked_count(len(parts), MAX_PARTS, what, what)
        if not parts:
            raise Refused(RefusalCode.INVALID_VALUE, f"A share has at least one of {what}: name one.", (what,))
    checked_count(len(terms.redacted), MAX_PARTS, "redacted keys", "redacted")


def _check(terms: ShareTerms, account: str, owners: list[str], now: int) -> None:
    def invalid(message: str, *path: str | int) -> Refused:
        return Refused(RefusalCode.INVALID_VALUE, message, path)

    checked_name(terms.name, "The share's name", "name")
    for place, owner in enumerate(owners):
        if owner != account:
            raise invalid("The groups of a share are of one account: make a share for each.", "groups", place)
    for place, target in enumerate(terms.targets):
        _check_target(target, account, place)
    if not terms.actions:
        raise invalid("A share allows at least one action: name one.", "actions")
    if not terms.actions <= SHAREABLE:
        listed, refused = ", ".join(sorted(SHAREABLE)), ", ".join(sorted(terms.actions - SHAREABLE))
        raise invalid(f"A share cannot allow {refused}: it can allow {listed}.", "actions")
    if terms.kinds is not None and not terms.kinds:
        raise invalid("A share of no kinds would allow nothing: name some, or leave kinds out.", "kinds")
    if terms.direction not in (None, "ASCENDANTS", "DESCENDANTS"):
        raise invalid("A share's direction is ASCENDANTS or DESCENDANTS: leave it out for both.", "direction")
    if terms.depth is not None and not 0 < terms.depth < UNLIMITED:
        raise invalid("A share's depth is at least 1: leave it out for all the way.", "depth")
    if terms.expires_at is not None and terms.expires_at <= now:
        raise invalid("The share would expire in the past: give a later time.", "expiresAt")


def _check_target(target: ShareTarget, account: str, place: int) -> None:
    checked_name(target.account, "The account's name", "targets", place, "account")
    if target.account == account:
        message = (
            f"Account {account} owns these groups: permit its own principals in a group's policy, without a share."
        )
        raise Refused(RefusalCode.INVALID_VALUE, message, ("targets", place, "account"))
    if target.role is not None and target.name is not None:
        message = "A target is an account, a role of it, or a principal of it: give a role or a name, not both."
        raise Refused(RefusalCode.INVALID_VALUE, message, ("targets", place))
    if target.role is not None:
        checked_name(target.role, "The role's name", "targets", place, "role")
    if target.name is not None:
        checked_name(target.name, "The principal's name", "targets", place, "name")


def revoke_share(id: str) -> Operation[ResourceShare]:
    """Revoke a share, from the next request on. Revoking it again changes nothing.

    Needs SHARE on one of its groups. Refused with NOT_FOUND or FORBIDDEN.
    """

    def plan(snapshot: AccessSnapshot, authorizer: Authorizer, now: int) -> Plan[ResourceShare]:
        share = snapshot.shares.get(id)
        attempt = Attempt(authorizer, "resourceShareRevoke", "SHARE", id, () if share is None else (share.account,))
        decision = None if share is None else authorizer.decide_on_share(share)
        if share is None or decision is None or not (decision.is_allowed or authorizer.sees_share(share)):
            raise attempt.missing(f"There is no resource share {printable(id)}.", ("id",))
        entry = attempt.demand(decision, f"Only account {share.account}, which made this share, revokes it.")
        if share.revoked_at is not None:
            return Plan(AccessChange(audit=(entry,)), share)
        revoked = replace(share, revoked_at=now, revoked_by=authorizer.principal.shown)
        return Plan(AccessChange((document(revoked),), audit=(entry,)), revoked)

    return plan
