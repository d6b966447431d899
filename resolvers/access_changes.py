"""Changes of access: groups and their policies, shares and invitations, accounts and keys."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeVar

from strawberry import UNSET

from lineal.auth.access_snapshot import AccessSnapshot
from lineal.auth.authorizer import Authorizer
from lineal.auth.operations.accounts import create_account
from lineal.auth.operations.api_keys import NewKey, create_key, revoke_key
from lineal.auth.operations.base import Operation, RefusalCode, Refused
from lineal.auth.operations.group_policies import PolicyRefused, set_policy
from lineal.auth.operations.groups import MAX_ENTITIES, GroupChange, change_group, create_group
from lineal.auth.operations.idempotency import once
from lineal.auth.operations.invitations import accept_invitation, reject_invitation
from lineal.auth.operations.shares import ShareTerms, create_share, revoke_share
from lineal.auth.permissions import Permission
from lineal.auth.records import Account, ApiKey, Invitation, LineageGroup, ResourceShare, ShareTarget
from lineal.auth.scopes import Boundary
from lineal.resolvers.access_shares import Invited, invited
from lineal.resolvers.context import Context
from lineal.resolvers.idempotency import checked_key
from lineal.resolvers.write_permissions import entity_groups

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class ChangeError:
    """Why nothing was changed. `line` and `column` count from 1, in a policy."""

    code: RefusalCode
    message: str
    path: Sequence[str]
    line: int | None = None
    column: int | None = None


@dataclass(frozen=True, slots=True)
class GroupChanged:
    """What became of a change of a lineage group."""

    group: LineageGroup | None = None
    user_errors: Sequence[ChangeError] = ()


@dataclass(frozen=True, slots=True)
class ShareChanged:
    """What became of a change of a resource share."""

    share: ResourceShare | None = None
    user_errors: Sequence[ChangeError] = ()


@dataclass(frozen=True, slots=True)
class InvitationAnswered:
    """What became of an answer to an invitation."""

    invitation: Invited | None = None
    user_errors: Sequence[ChangeError] = ()


@dataclass(frozen=True, slots=True)
class AccountCreated:
    """What became of registering an account."""

    account: Account | None = None
    user_errors: Sequence[ChangeError] = ()


@dataclass(frozen=True, slots=True)
class KeyChanged:
    """What became of a change of a key. `text` is the whole key, told once: where this request made it."""

    key: ApiKey | None = None
    text: str | None = None
    user_errors: Sequence[ChangeError] = ()


async def create_lineage_group(context: Context, given: Any) -> GroupChanged:
    """Make a lineage group."""
    try:
        change = await _group_change(context, given, given.add_entities or (), ())
        operation = create_group(given.name, account=given.account, change=change)
        made = _once(given, operation, lambda group: group.id, _group_made)
        done = await context.change(Permission.SHARE, made)
        return GroupChanged(done)
    except Refused as refused:
        return GroupChanged(user_errors=_errors(refused))


async def change_lineage_group(context: Context, given: Any) -> GroupChanged:
    """Change a lineage group, and what is in it."""
    try:
        change = await _group_change(context, given, given.add_entities or (), given.remove_entities or ())
        done = await context.change(Permission.SHARE, change_group(given.id, change))
        return GroupChanged(done)
    except Refused as refused:
        return GroupChanged(user_errors=_errors(refused))


async def _group_change(context: Context, given: Any, adds: Sequence[str], removes: Sequence[str]) -> GroupChange:
    """What changes of a group, with whose the entities are of those that the caller may read."""
    owners = {}
    if len(adds) <= MAX_ENTITIES and len(removes) <= MAX_ENTITIES:
        scope, places = context.authorizer.scope, await entity_groups(context, [*adds, *removes])
        readable = {id: each for id, each in places.items() if scope.entity_scope(each.groups, each.kind).is_readable}
        context.missed(id for id in (*adds, *removes) if id not in readable)
        owners = {id: each.account for id, each in readable.items()}
    boundary = given.boundary
    return GroupChange(
        given.name,
        Boundary(boundary) if boundary not in (None, UNSET) else None,
        boundary is None,
        given.tells_withheld,
        adds,
        removes,
        owners,
    )


async def set_lineage_group_policy(context: Context, given: Any) -> GroupChanged:
    """Replace the policy of a lineage group, or say whether it could be."""
    try:
        operation = set_policy(given.id, given.policy, is_dry_run=bool(given.is_dry_run))
        done = await context.change(Permission.ADMINISTER, operation)
        return GroupChanged(done)
    except PolicyRefused as refused:
        path = ("input", "policy")
        wrong = [ChangeError(refused.code, each.message, path, each.line, each.column) for each in refused.problems]
        return GroupChanged(user_errors=wrong)
    except Refused as refused:
        return GroupChanged(user_errors=_errors(refused))


async def create_resource_share(context: Context, given: Any) -> ShareChanged:
    """Offer lineage groups to others."""
    terms = ShareTerms(
        given.name,
        tuple(given.groups),
        tuple(ShareTarget(each.account, each.role, each.name) for each in given.targets),
        frozenset(map(Permission, given.actions)),
        None if given.kinds is None else frozenset(map(str, given.kinds)),
        None if given.direction is None else str(given.direction),
        given.depth,
        frozenset(given.redacted or ()),
        given.expires_at,
    )
    try:
        operation = _once(given, create_share(terms), lambda share: share.id, _share_made)
        done = await context.change(Permission.SHARE, operation)
        return ShareChanged(done)
    except Refused as refused:
        return ShareChanged(user_errors=_errors(refused))


async def revoke_resource_share(context: Context, given: Any) -> ShareChanged:
    """End a share."""
    try:
        done = await context.change(Permission.SHARE, revoke_share(given.id))
        return ShareChanged(done)
    except Refused as refused:
        return ShareChanged(user_errors=_errors(refused))


async def accept(context: Context, given: Any) -> InvitationAnswered:
    """Accept an invitation."""
    return await _answered(context, accept_invitation(given.id))


async def reject(context: Context, given: Any) -> InvitationAnswered:
    """Reject an invitation, or give up what was accepted."""
    return await _answered(context, reject_invitation(given.id))


async def _answered(context: Context, operation: Operation[Invitation]) -> InvitationAnswered:
    try:
        answered = await context.change(Permission.SHARE, operation)
        return InvitationAnswered(invited(context.snapshot, answered))
    except Refused as refused:
        return InvitationAnswered(user_errors=_errors(refused))


async def register_account(context: Context, given: Any) -> AccountCreated:
    """Register an account, with its default group."""
    try:
        made = create_account(given.name, is_operator=bool(given.is_operator))
        operation = _once(given, made, lambda account: account.name, _account_made)
        done = await context.change(Permission.ADMINISTER, operation)
        return AccountCreated(done)
    except Refused as refused:
        return AccountCreated(user_errors=_errors(refused))


async def create_api_key(context: Context, given: Any) -> KeyChanged:
    """Make a key."""
    limits = None if given.permissions is None else frozenset(map(Permission, given.permissions))
    operation = create_key(
        given.name,
        account=given.account,
        roles=frozenset(given.roles or ()),
        permissions=limits,
        expires_at=given.expires_at,
    )
    try:
        made = await context.change(Permission.ADMINISTER, _once(given, operation, lambda new: new.key.id, _key_made))
        return KeyChanged(made.key, made.text or None)
    except Refused as refused:
        return KeyChanged(user_errors=_errors(refused))


async def revoke_api_key(context: Context, given: Any) -> KeyChanged:
    """Make a key useless."""
    try:
        done = await context.change(Permission.ADMINISTER, revoke_key(given.id))
        return KeyChanged(done)
    except Refused as refused:
        return KeyChanged(user_errors=_errors(refused))


def _once(
    given: Any,
    operation: Operation[Made],
    made: Callable[[Made], str],
    recall: Callable[[AccessSnapshot, Authorizer, str], Made | None],
) -> Operation[Made]:
    """The operation of a request, done once where the request has a key for that."""
    if given.idempotency_key is None:
        return operation
    key = checked_key(given.idempotency_key)
    return once(operation, key, sha256(repr(given).encode("utf-8", "surrogatepass")).hexdigest(), made, recall)


def _group_made(snapshot: AccessSnapshot, authorizer: Authorizer, id: str) -> LineageGroup | None:
    may = authorizer.decide_on_group(Permission.SHARE, id).is_allowed
    return snapshot.groups.get(id) if may else None


def _share_made(snapshot: AccessSnapshot, authorizer: Authorizer, id: str) -> ResourceShare | None:
    share = snapshot.shares.get(id)
    return share if share is not None and authorizer.decide_on_share(share).is_allowed else None


def _account_made(snapshot: AccessSnapshot, authorizer: Authorizer, name: str) -> Account | None:
    return snapshot.accounts.get(name) if authorizer.is_operator else None


def _key_made(snapshot: AccessSnapshot, authorizer: Authorizer, id: str) -> NewKey | None:
    # The text was told once, and is kept nowhere.
    key = snapshot.keys.get(id)
    return NewKey(key, "") if key is not None and authorizer.decide_on_keys(key.account).is_allowed else None


def _errors(refused: Refused) -> list[ChangeError]:
    return [ChangeError(refused.code, refused.message, ("input", *map(str, refused.path)))]
