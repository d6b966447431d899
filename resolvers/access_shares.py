"""Shares of the caller's account, and its invitations to shares of others."""

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
class InvitationView:
    """An invitation with its share, and its current state."""

    id: str
    account: str
    share: ResourceShare
    state: InvitationState
    decided_at: int | None
    decided_by: str | None


def invitation_view(snapshot: AccessSnapshot, invitation: Invitation) -> InvitationView:
    """Return an invitation with its share and current state."""
    share = snapshot.shares[invitation.share]
    state = invitation.state_at(share, microseconds())
    return InvitationView(invitation.id, invitation.account, share, state, invitation.decided_at, invitation.decided_by)


def resource_shares(context: Context, first: int | None, after: str | None) -> Connection[ResourceShare]:
    """Return the shares of the caller's account, by name. The field's guard checks the permission."""
    own = [share for share in context.snapshot.shares.values() if is_own(context, share)]
    return listed(context, "resourceShares", ((each.name, each.id, each) for each in own), first, after)


def is_own(context: Context, share: ResourceShare) -> bool:
    """Whether the caller's account owns a share, or the caller is the local administrator."""
    return context.principal.is_local or share.account == context.principal.account


def invitations_of(context: Context) -> list[InvitationView]:
    """Return the invitations that the caller sees: it may decide them, or their shares target it."""
    checked(Permission.READ)
    snapshot, account = context.snapshot, context.principal.account
    received = [snapshot.invitation(share.id, account) for share in snapshot.shares_for(account)]
    return [
        invitation_view(snapshot, invitation)
        for invitation in received
        if invitation is not None and context.authorizer.sees_invitation(invitation)
    ]


def invitations(
    context: Context, state: InvitationState | None, first: int | None, after: str | None
) -> Connection[InvitationView]:
    """Return the invitations that the caller sees, of one state or of all, by the name of their share."""
    wanted = None if state is None else InvitationState(state)
    seen = [invitation for invitation in invitations_of(context) if wanted in (None, invitation.state)]
    return listed(
        context,
        "invitations",
        ((invitation.share.name, invitation.id, invitation) for invitation in seen),
        first,
        after,
        wanted,
    )


def actions_of(share: ResourceShare) -> list[Permission]:
    """Return the permissions that a share allows, in order."""
    return in_order(share.actions)


def kinds_of(share: ResourceShare) -> list[EntityKind] | None:
    """Return the kinds to which a share is limited, in order; None if it is not limited."""
    return None if share.kinds is None else [kind for kind in EntityKind if kind in share.kinds]


def direction_of(share: ResourceShare) -> LineageDirection | None:
    """Return the direction to which a share limits crossing; None if it does not."""
    return None if share.direction is None else LineageDirection(share.direction)


def redacted_of(share: ResourceShare) -> list[str]:
    """Return the property keys that a share leaves hidden, by code point."""
    return sorted(share.redacted)


def targets_of(context: Context, share: ResourceShare) -> Sequence[ShareTarget]:
    """Return the targets of a share: all for its owner, those of the caller's account for a receiver."""
    return [target for target in share.targets if is_own(context, share) or target.account == context.principal.account]


def groups_shared(context: Context, share: ResourceShare) -> list[LineageGroup]:
    """Return the groups of a share that the caller may know of, by name."""
    ids = [id for id in share.groups if is_own(context, share) or context.authorizer.sees_group(id)]
    groups = [context.snapshot.groups[id] for id in ids if id in context.snapshot.groups]
    return sorted(groups, key=lambda group: (group.name, group.id))


def invitations_to(context: Context, share: ResourceShare) -> list[InvitationView]:
    """Return the invitations to a share: all for its owner, that of the caller's account for a receiver."""
    concerned = [
        receiver for receiver in share.accounts if is_own(context, share) or receiver == context.principal.account
    ]
    sent = [context.snapshot.invitation(share.id, account) for account in concerned]
    return [invitation_view(context.snapshot, invitation) for invitation in sent if invitation is not None]
