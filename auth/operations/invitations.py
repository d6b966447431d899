"""Operations that accept and reject invitations to shares."""

from dataclasses import replace

from lineal.auth.access_codec import document
from lineal.auth.access_snapshot import AccessSnapshot
from lineal.auth.access_store import AccessChange
from lineal.auth.authorizer import Authorizer
from lineal.auth.names import printable
from lineal.auth.operations.base import Attempt, Operation, Plan, RefusalCode, Refused
from lineal.auth.permissions import Permission
from lineal.auth.records import Invitation, InvitationState


def accept_invitation(id: str) -> Operation[Invitation]:
    """Accept an invitation; its share applies from the next request on.

    Needs SHARE on the receiving account's default group, unless the caller is the only principal that the share targets
    there. Refused with NOT_FOUND, FORBIDDEN, EXPIRED, or CONFLICT if it was rejected, which is final.
    """
    return _decision(id, InvitationState.ACCEPTED, "invitationAccept")


def reject_invitation(id: str) -> Operation[Invitation]:
    """Reject an invitation, or give it up after accepting. This is final.

    Needs the same permission as accepting. Refused with NOT_FOUND, FORBIDDEN or EXPIRED.
    """
    return _decision(id, InvitationState.REJECTED, "invitationReject")


def _decision(id: str, state: InvitationState, action: str) -> Operation[Invitation]:
    def plan(snapshot: AccessSnapshot, authorizer: Authorizer, now: int) -> Plan[Invitation]:
        invitation = snapshot.invitations.get(id)
        share = None if invitation is None else snapshot.shares[invitation.share]
        # Auditors of the owner read the decision, unless the caller may not even know of the share.
        sees = invitation is not None and authorizer.sees_invitation(invitation)
        accounts = (invitation.account, *((share.account,) if sees and share else ())) if invitation else ()
        attempt = Attempt(authorizer, action, "INVITATION", id, accounts)
        if invitation is None or share is None or not sees:
            raise attempt.missing(f"There is no invitation {printable(id)}.", ("id",))
        entry = attempt.demand(
            authorizer.decide_on_invitation(invitation),
            f"This needs {Permission.SHARE.shown} on the default group of account {invitation.account}.",
        )
        if invitation.state is state:
            return Plan(AccessChange(audit=(entry,)), invitation)
        if invitation.state_at(share, now) is InvitationState.EXPIRED:
            raise Refused(RefusalCode.EXPIRED, "The share has expired: ask its owner for another.", ("id",))
        if invitation.state is InvitationState.REJECTED:
            raise Refused(RefusalCode.CONFLICT, "It was rejected, for good: ask the owner for another share.", ("id",))
        decided = replace(invitation, state=state, decided_at=now, decided_by=authorizer.principal.shown)
        return Plan(AccessChange((document(decided),), audit=(entry,)), decided)

    return plan
