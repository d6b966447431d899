"""Accepting and rejecting invitations to shares."""

from dataclasses import replace

from lineal.auth.access_codec import document
from lineal.auth.access_snapshot import AccessSnapshot
from lineal.auth.access_store import AccessChange
from lineal.auth.authorizer import Authorizer
from lineal.auth.names import told
from lineal.auth.operations.base import Attempt, Operation, Plan, RefusalCode, Refused
from lineal.auth.permissions import Permission
from lineal.auth.records import Invitation, InvitationState


def accept_invitation(id: str) -> Operation[Invitation]:
    """Accept an invitation: from the next request on, its share gives what it says.

    Needs SHARE on the receiving account's default group, or to be the single principal that the share is for there.
    Refused with NOT_FOUND, FORBIDDEN, EXPIRED, or CONFLICT where it was rejected, which is final.
    """
    return _decision(id, InvitationState.ACCEPTED, "invitationAccept")


def reject_invitation(id: str) -> Operation[Invitation]:
    """Reject an invitation, for good, or give up what was accepted.

    Needs what accepting needs. Refused with NOT_FOUND, FORBIDDEN or EXPIRED.
    """
    return _decision(id, InvitationState.REJECTED, "invitationReject")


def _decision(id: str, state: InvitationState, action: str) -> Operation[Invitation]:
    def plan(snapshot: AccessSnapshot, authorizer: Authorizer, now: int) -> Plan[Invitation]:
        invitation = snapshot.invitations.get(id)
        share = None if invitation is None else snapshot.shares[invitation.share]
        # The owner of the share learns what became of it, as far as the caller may know of the share at all.
        sees = invitation is not None and authorizer.sees_invitation(invitation)
        accounts = (invitation.account, *((share.account,) if sees and share else ())) if invitation else ()
        attempt = Attempt(authorizer, action, "INVITATION", id, accounts)
        if invitation is None or share is None or not sees:
            raise attempt.missing(f"There is no invitation {told(id)}.", ("id",))
        allowed = attempt.demand(
            authorizer.decide_on_invitation(invitation),
            f"This needs {Permission.SHARE.shown} on the default group of account {invitation.account}.",
        )
        if invitation.state is state:
            return Plan(AccessChange(audit=(allowed,)), invitation)
        if invitation.state_at(share, now) is InvitationState.EXPIRED:
            raise Refused(RefusalCode.EXPIRED, "The share has expired: ask its owner for another.", ("id",))
        if invitation.state is InvitationState.REJECTED:
            raise Refused(RefusalCode.CONFLICT, "It was rejected, for good: ask the owner for another share.", ("id",))
        decided = replace(invitation, state=state, decided_at=now, decided_by=authorizer.principal.shown)
        return Plan(AccessChange((document(decided),), audit=(allowed,)), decided)

    return plan
