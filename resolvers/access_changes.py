"""Mutations of access: groups and their policies, shares and invitations, accounts and API keys."""

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
from lineal.graphstore.errors import BatchRefused
from lineal.graphstore.urns import canonical_urn
from lineal.resolvers.access_shares import InvitationView, invitation_view
from lineal.resolvers.context import Context
from lineal.resolvers.idempotency import checked_key
from lineal.resolvers.references import ref_id
from lineal.resolvers.write_permissions import entity_groups

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class ChangeError:
    """The reason why a mutation changed nothing. `line` and `column` count from 1, in a policy."""

    code: RefusalCode
    message: str
    path: Sequence[str]
    line: int | None = None
    column: int | None = None


@dataclass(frozen=True, slots=True)
class GroupPayload:
    """The changed group, or the reasons why nothing was changed."""

    group: LineageGroup | None = None
    user_errors: Sequence[ChangeError] = ()


@dataclass(frozen=True, slots=True)
class SharePayload:
    """The changed share, or the reasons why nothing was changed."""

    share: ResourceShare | None = None
    user_errors: Sequence[ChangeError] = ()


@dataclass(frozen=True, slots=True)
class InvitationPayload:
    """The decided invitation, or the reasons why nothing was changed."""

    invitation: InvitationView | None = None
    user_errors: Sequence[ChangeError] = ()


@dataclass(frozen=True, slots=True)
class AccountPayload:
    """The registered account, or the reasons why nothing was changed."""

    account: Account | None = None
    user_errors: Sequence[ChangeError] = ()


@dataclass(frozen=True, slots=True)
class KeyPayload:
    """The changed key, or the reasons why nothing was changed. `text` is set only if this request created it."""

    key: ApiKey | None = None
    text: str | None = None
    user_errors: Sequence[ChangeError] = ()


async def create_lineage_group(context: Context, input: Any) -> GroupPayload:
    """Create a lineage group."""
    try:
        change = await _group_change(context, input, input.add_entities or (), ())
        operation = create_group(input.name, account=input.account, change=change)
        once_only = _once(input, operation, lambda group: group.id, _recalled_group)
        group = await context.change(Permission.SHARE, once_only)
        return GroupPayload(group)
    except Refused as refused:
        return GroupPayload(user_errors=_errors(refused))


async def change_lineage_group(context: Context, input: Any) -> GroupPayload:
    """Change a lineage group and its entities."""
    try:
        change = await _group_change(context, input, input.add_entities or (), input.remove_entities or ())
        group = await context.change(Permission.SHARE, change_group(input.id, change))
        return GroupPayload(group)
    except Refused as refused:
        return GroupPayload(user_errors=_errors(refused))


async def _group_change(
    context: Context, input: Any, add_refs: Sequence[Any], remove_refs: Sequence[Any]
) -> GroupChange:
    """Return the change of a group, with the accounts of the entities that the caller may read. Raises Refused."""
    shown: dict[str, str] = {}
    adds = _ids(add_refs, "addEntities", shown)
    removes = _ids(remove_refs, "removeEntities", shown)
    owners = {}
    if len(adds) <= MAX_ENTITIES and len(removes) <= MAX_ENTITIES:
        scope = context.authorizer.scope
        entities = await entity_groups(context, [*adds, *removes])
        owners = {
            id: entity.account
            for id, entity in entities.items()
            if scope.entity_scope(entity.groups, entity.kind).is_readable
        }
        context.missed(id for id in (*adds, *removes) if id not in owners)
    boundary = input.boundary
    return GroupChange(
        input.name,
        Boundary(boundary) if boundary not in (None, UNSET) else None,
        boundary is None,
        input.tells_withheld,
        adds,
        removes,
        owners,
        shown,
    )


def _ids(refs: Sequence[Any], argument: str, shown: dict[str, str]) -> list[str]:
    """The ids of references; notes the URN of each reference by URN. Raises Refused for an invalid URN."""
    ids = []
    for index, ref in enumerate(refs):
        try:
            ids.append(ref_id(ref, argument, index))
        except BatchRefused as refused:
            raise Refused(RefusalCode.INVALID_VALUE, refused.problems[0].message, (argument, index)) from None
        if ref.urn is not UNSET:
            shown[ids[-1]] = canonical_urn(ref.urn)
    return ids


async def set_lineage_group_policy(context: Context, input: Any) -> GroupPayload:
    """Replace the policy of a lineage group, or only check it."""
    try:
        operation = set_policy(input.id, input.policy, is_dry_run=bool(input.is_dry_run))
        group = await context.change(Permission.ADMINISTER, operation)
        return GroupPayload(group)
    except PolicyRefused as refused:
        path = ("input", "policy")
        problems = refused.problems
        return GroupPayload(
            user_errors=[
                ChangeError(refused.code, problem.message, path, problem.line, problem.column) for problem in problems
            ]
        )
    except Refused as refused:
        return GroupPayload(user_errors=_errors(refused))


async def create_resource_share(context: Context, input: Any) -> SharePayload:
    """Offer lineage groups to principals of other accounts."""
    terms = ShareTerms(
        input.name,
        tuple(input.groups),
        tuple(ShareTarget(target.account, target.role, target.name) for target in input.targets),
        frozenset(map(Permission, input.actions)),
        None if input.kinds is None else frozenset(map(str, input.kinds)),
        None if input.direction is None else str(input.direction),
        input.depth,
        frozenset(input.redacted or ()),
        input.expires_at,
    )
    try:
        operation = _once(input, create_share(terms), lambda share: share.id, _recalled_share)
        share = await context.change(Permission.SHARE, operation)
        return SharePayload(share)
    except Refused as refused:
        return SharePayload(user_errors=_errors(refused))


async def revoke_resource_share(context: Context, input: Any) -> SharePayload:
    """Revoke a share."""
    try:
        share = await context.change(Permission.SHARE, revoke_share(input.id))
        return SharePayload(share)
    except Refused as refused:
        return SharePayload(user_errors=_errors(refused))


async def accept_share_invitation(context: Context, input: Any) -> InvitationPayload:
    """Accept an invitation."""
    return await _decided(context, accept_invitation(input.id))


async def reject_share_invitation(context: Context, input: Any) -> InvitationPayload:
    """Reject an invitation, or give it up after accepting."""
    return await _decided(context, reject_invitation(input.id))


async def _decided(context: Context, operation: Operation[Invitation]) -> InvitationPayload:
    try:
        invitation = await context.change(Permission.SHARE, operation)
        return InvitationPayload(invitation_view(context.snapshot, invitation))
    except Refused as refused:
        return InvitationPayload(user_errors=_errors(refused))


async def register_account(context: Context, input: Any) -> AccountPayload:
    """Register an account, with its default group."""
    try:
        operation = create_account(input.name, is_operator=bool(input.is_operator))
        once_only = _once(input, operation, lambda account: account.name, _recalled_account)
        account = await context.change(Permission.ADMINISTER, once_only)
        return AccountPayload(account)
    except Refused as refused:
        return AccountPayload(user_errors=_errors(refused))


async def create_api_key(context: Context, input: Any) -> KeyPayload:
    """Create an API key."""
    limits = None if input.permissions is None else frozenset(map(Permission, input.permissions))
    operation = create_key(
        input.name,
        account=input.account,
        roles=frozenset(input.roles or ()),
        permissions=limits,
        expires_at=input.expires_at,
    )
    try:
        once_only = _once(input, operation, lambda new: new.key.id, _recalled_key)
        new = await context.change(Permission.ADMINISTER, once_only)
        return KeyPayload(new.key, new.text or None)
    except Refused as refused:
        return KeyPayload(user_errors=_errors(refused))


async def revoke_api_key(context: Context, input: Any) -> KeyPayload:
    """Revoke an API key."""
    try:
        key = await context.change(Permission.ADMINISTER, revoke_key(input.id))
        return KeyPayload(key)
    except Refused as refused:
        return KeyPayload(user_errors=_errors(refused))


def _once(
    input: Any,
    operation: Operation[Result],
    id_of: Callable[[Result], str],
    recall: Callable[[AccessSnapshot, Authorizer, str], Result | None],
) -> Operation[Result]:
    """Return the operation of a request, applied once if the request has an idempotency key."""
    if input.idempotency_key is None:
        return operation
    key = checked_key(input.idempotency_key)
    return once(operation, key, sha256(repr(input).encode("utf-8", "surrogatepass")).hexdigest(), id_of, recall)


def _recalled_group(snapshot: AccessSnapshot, authorizer: Authorizer, id: str) -> LineageGroup | None:
    is_allowed = authorizer.decide_on_group(Permission.SHARE, id).is_allowed
    return snapshot.groups.get(id) if is_allowed else None


def _recalled_share(snapshot: AccessSnapshot, authorizer: Authorizer, id: str) -> ResourceShare | None:
    share = snapshot.shares.get(id)
    return share if share is not None and authorizer.decide_on_share(share).is_allowed else None


def _recalled_account(snapshot: AccessSnapshot, authorizer: Authorizer, name: str) -> Account | None:
    return snapshot.accounts.get(name) if authorizer.is_operator else None


def _recalled_key(snapshot: AccessSnapshot, authorizer: Authorizer, id: str) -> NewKey | None:
    # The text of a key is not stored, so a repeated request cannot return it.
    key = snapshot.keys.get(id)
    return NewKey(key, "") if key is not None and authorizer.decide_on_keys(key.account).is_allowed else None


def _errors(refused: Refused) -> list[ChangeError]:
    return [ChangeError(refused.code, refused.message, ("input", *map(str, refused.path)))]
