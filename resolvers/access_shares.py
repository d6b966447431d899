"""Shares of the caller's account, and the invitations it received to those of others."""

from collections.abc import Sequence
from dataclasses import dataclass

from lineal.auth.access_service import microseconds
from lineal.auth.access_snapshot import AccessSnapshot
from lineal.auth.directive import checked
from lineal.auth.permissions import Permission, in_order
from lineal.auth.records import Invitation, InvitationState, LineageGroup, ResourceShare, ShareTarget
from lineal.graphstore.kinds import EntityKind, LineageDirection
from lineal.resolvers.access_pages import listed
from lineal.resolvers.context import Context
from lineal.resolvers.pages import Connection


@dataclass(frozen=True, slots=True)
class Invited:
    """An invitation with its share, and its state now."""

    id: str
    account: str
    share: ResourceShare
    state: InvitationState
    decided_at: int | None
    decided_by: str | None


def invited(snapshot: AccessSnapshot, invitation: Invitation) -> Invited:
    """An invitation as it stands now."""
    share = snapshot.shares[invitation.share]
    state = invitation.state_at(share, microseconds())
    return Invited(invitation.id, invitation.account, share, state, invitation.decided_at, invitation.decided_by)


def resource_shares(context: Context, first: int | None, after: str | None) -> Connection[ResourceShare]:
    """The shares of the caller's account, by name. The field's guard asks for the permission."""
    own = [share for share in context.snapshot.shares.values() if is_own(context, share)]
    return listed(context, "resourceShares", ((each.name, each.id, each) for each in own), first, after)


def is_own(context: Context, share: ResourceShare) -> bool:
    """Whether a share is one of the caller's account's, or the caller is the local administrator."""
    return context.principal.is_local or share.account == context.principal.account


def invitations_of(context: Context) -> list[Invited]:
    """The invitations the caller receives: it may answer them, or their shares are for it. Those revoked are over."""
    checked(Permission.READ)
    snapshot, account = context.snapshot, context.principal.account
    found = [snapshot.invitation(share.id, account) for share in snapshot.shares_for(account)]
    return [invited(snapshot, each) for each in found if each is not None and context.authorizer.sees_invitation(each)]


def invitations(
    context: Context, state: InvitationState | None, first: int | None, after: str | None
) -> Connection[Invited]:
    """The invitations the caller may see, of one state if given, by the name of their share."""
    wanted = None if state is None else InvitationState(state)
    seen = [each for each in invitations_of(context) if wanted in (None, each.state)]
    return listed(context, "invitations", ((each.share.name, each.id, each) for each in seen), first, after, wanted)


def actions_of(share: ResourceShare) -> list[Permission]:
    """What a share allows, in order."""
    return in_order(share.actions)


def kinds_of(share: ResourceShare) -> list[EntityKind] | None:
    """The kinds a share is limited to, in order; None where it is not."""
    return None if share.kinds is None else [kind for kind in EntityKind if kind in share.kinds]


def direction_of(share: ResourceShare) -> LineageDirection | None:
    """The direction a share is limited to."""
    return None if share.direction is None else LineageDirection(share.direction)


def redacted_of(share: ResourceShare) -> list[str]:
    """The property keys a share leaves hidden, by code point."""
    return sorted(share.redacted)


def targets_of(context: Context, share: ResourceShare) -> Sequence[ShareTarget]:
    """Whom a share is for, as far as that concerns the caller's account: all, where the share is its own."""
    return [each for each in share.targets if is_own(context, share) or each.account == context.principal.account]


def groups_shared(context: Context, share: ResourceShare) -> list[LineageGroup]:
    """The groups of a share, by name, of those that the caller may know of."""
    ids = [id for id in share.groups if is_own(context, share) or context.authorizer.sees_group(id)]
    groups = [context.snapshot.groups[id] for id in ids if id in context.snapshot.groups]
    return sorted(groups, key=lambda group: (group.name, group.id))


def invitations_to(context: Context, share: ResourceShare) -> list[Invited]:
    """What the receiving accounts made of a share, as far as that concerns the caller's account."""
    concerned = [each for each in share.accounts if is_own(context, share) or each == context.principal.account]
    found = [context.snapshot.invitation(share.id, account) for account in concerned]
    return [invited(context.snapshot, each) for each in found if each is not None]
