"""Mutations that change access, with their payloads and errors."""

from typing import Annotated

import strawberry

from lineal.auth.directive import access
from lineal.auth.permissions import Permission
from lineal.resolvers import access_changes as resolve
from lineal.schema import access_inputs as inputs
from lineal.schema import permissions as codes
from lineal.schema.accounts import Account, ApiKey
from lineal.schema.entities import Info
from lineal.schema.groups import LineageGroup
from lineal.schema.shares import Invitation, ResourceShare
from lineal.schema.user_errors import UserError

_CODE = "Code of the problem, for programs."
_ERRORS = "Reasons why nothing was changed; empty if the mutation succeeded."


@strawberry.type(description="Reason why lineageGroupCreate changed nothing.")
class LineageGroupCreateError(UserError):
    code: codes.LineageGroupCreateErrorCode = strawberry.field(description=_CODE)


@strawberry.type(description="Result of lineageGroupCreate.")
class LineageGroupCreatePayload:
    group: LineageGroup | None = strawberry.field(description="Created group; null if nothing was changed.")
    user_errors: list[LineageGroupCreateError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="Reason why lineageGroupChange changed nothing.")
class LineageGroupChangeError(UserError):
    code: codes.LineageGroupChangeErrorCode = strawberry.field(description=_CODE)


@strawberry.type(description="Result of lineageGroupChange.")
class LineageGroupChangePayload:
    group: LineageGroup | None = strawberry.field(description="Changed group; null if nothing was changed.")
    user_errors: list[LineageGroupChangeError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="Reason why lineageGroupPolicySet changed nothing.")
class LineageGroupPolicySetError(UserError):
    code: codes.LineageGroupPolicySetErrorCode = strawberry.field(description=_CODE)
    line: int | None = strawberry.field(description="Line of the policy, from 1; null if the policy is not at fault.")
    column: int | None = strawberry.field(
        description="Column of the line, from 1; null if the problem is somewhere in the statement that begins in "
        "this line."
    )


@strawberry.type(description="Result of lineageGroupPolicySet.")
class LineageGroupPolicySetPayload:
    group: LineageGroup | None = strawberry.field(
        description="Group with the new policy, which a dry run does not keep; null if the policy was refused."
    )
    user_errors: list[LineageGroupPolicySetError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="Reason why resourceShareCreate changed nothing.")
class ResourceShareCreateError(UserError):
    code: codes.ResourceShareCreateErrorCode = strawberry.field(description=_CODE)


@strawberry.type(description="Result of resourceShareCreate.")
class ResourceShareCreatePayload:
    share: ResourceShare | None = strawberry.field(description="Created share; null if nothing was changed.")
    user_errors: list[ResourceShareCreateError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="Reason why resourceShareRevoke changed nothing.")
class ResourceShareRevokeError(UserError):
    code: codes.ResourceShareRevokeErrorCode = strawberry.field(description=_CODE)


@strawberry.type(description="Result of resourceShareRevoke.")
class ResourceShareRevokePayload:
    share: ResourceShare | None = strawberry.field(description="Revoked share; null if nothing was changed.")
    user_errors: list[ResourceShareRevokeError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="Reason why invitationAccept changed nothing.")
class InvitationAcceptError(UserError):
    code: codes.InvitationAcceptErrorCode = strawberry.field(description=_CODE)


@strawberry.type(description="Result of invitationAccept.")
class InvitationAcceptPayload:
    invitation: Invitation | None = strawberry.field(
        description="Invitation after the change; null if nothing was changed."
    )
    user_errors: list[InvitationAcceptError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="Reason why invitationReject changed nothing.")
class InvitationRejectError(UserError):
    code: codes.InvitationRejectErrorCode = strawberry.field(description=_CODE)


@strawberry.type(description="Result of invitationReject.")
class InvitationRejectPayload:
    invitation: Invitation | None = strawberry.field(
        description="Invitation after the change; null if nothing was changed."
    )
    user_errors: list[InvitationRejectError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="Reason why accountCreate changed nothing.")
class AccountCreateError(UserError):
    code: codes.AccountCreateErrorCode = strawberry.field(description=_CODE)


@strawberry.type(description="Result of accountCreate.")
class AccountCreatePayload:
    account: Account | None = strawberry.field(description="Registered account; null if nothing was changed.")
    user_errors: list[AccountCreateError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="Reason why apiKeyCreate changed nothing.")
class ApiKeyCreateError(UserError):
    code: codes.ApiKeyCreateErrorCode = strawberry.field(description=_CODE)


@strawberry.type(description="Result of apiKeyCreate.")
class ApiKeyCreatePayload:
    key: ApiKey | None = strawberry.field(description="Created key; null if nothing was changed.")
    text: str | None = strawberry.field(
        description="Text of the key, to be sent as a bearer token. The server does not store it: save it now. Null "
        "in the answer to a repeated request."
    )
    user_errors: list[ApiKeyCreateError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="Reason why apiKeyRevoke changed nothing.")
class ApiKeyRevokeError(UserError):
    code: codes.ApiKeyRevokeErrorCode = strawberry.field(description=_CODE)


@strawberry.type(description="Result of apiKeyRevoke.")
class ApiKeyRevokePayload:
    key: ApiKey | None = strawberry.field(description="Revoked key; null if nothing was changed.")
    user_errors: list[ApiKeyRevokeError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="Mutations that change access.")
class AccessMutations:
    @strawberry.mutation(
        description="Creates a lineage group. The permission is needed on the default group of its account.",
        **access(Permission.SHARE),
    )
    async def lineage_group_create(
        self,
        info: Info,
        input: Annotated[inputs.LineageGroupCreateInput, strawberry.argument(description="Group to create.")],
    ) -> LineageGroupCreatePayload:
        return await resolve.create_lineage_group(info.context, input)  # type: ignore[return-value]

    @strawberry.mutation(
        description="Changes a lineage group and its entities, from the next request on. The permission is needed on "
        "the default group of its account.",
        **access(Permission.SHARE),
    )
    async def lineage_group_change(
        self,
        info: Info,
        input: Annotated[inputs.LineageGroupChangeInput, strawberry.argument(description="Change to make.")],
    ) -> LineageGroupChangePayload:
        return await resolve.change_lineage_group(info.context, input)  # type: ignore[return-value]

    @strawberry.mutation(
        description="Replaces the policy of a lineage group, from the next request on. The permission is needed on "
        "the default group of its account.",
        **access(Permission.ADMINISTER),
    )
    async def lineage_group_policy_set(
        self,
        info: Info,
        input: Annotated[inputs.LineageGroupPolicySetInput, strawberry.argument(description="New policy.")],
    ) -> LineageGroupPolicySetPayload:
        return await resolve.set_lineage_group_policy(info.context, input)  # type: ignore[return-value]

    @strawberry.mutation(
        description="Offers lineage groups to principals of other accounts. Every receiving account gets an "
        "invitation. The permission is needed on all of the groups.",
        **access(Permission.SHARE),
    )
    async def resource_share_create(
        self,
        info: Info,
        input: Annotated[inputs.ResourceShareCreateInput, strawberry.argument(description="Share to create.")],
    ) -> ResourceShareCreatePayload:
        return await resolve.create_resource_share(info.context, input)  # type: ignore[return-value]

    @strawberry.mutation(
        description="Revokes a share, from the next request on. The permission is needed on one of its groups.",
        **access(Permission.SHARE),
    )
    async def resource_share_revoke(
        self,
        info: Info,
        input: Annotated[inputs.ResourceShareRevokeInput, strawberry.argument(description="Share to revoke.")],
    ) -> ResourceShareRevokePayload:
        return await resolve.revoke_resource_share(info.context, input)  # type: ignore[return-value]

    @strawberry.mutation(
        description="Accepts an invitation, from the next request on. The permission is needed on the default group "
        "of the receiving account; the only principal that a share is for may accept without it.",
        **access(Permission.SHARE),
    )
    async def invitation_accept(
        self,
        info: Info,
        input: Annotated[inputs.InvitationAcceptInput, strawberry.argument(description="Invitation to decide.")],
    ) -> InvitationAcceptPayload:
        return await resolve.accept_share_invitation(info.context, input)  # type: ignore[return-value]

    @strawberry.mutation(
        description="Rejects an invitation, or gives it up after accepting; this is final. The permission is needed "
        "as for invitationAccept.",
        **access(Permission.SHARE),
    )
    async def invitation_reject(
        self,
        info: Info,
        input: Annotated[inputs.InvitationRejectInput, strawberry.argument(description="Invitation to decide.")],
    ) -> InvitationRejectPayload:
        return await resolve.reject_share_invitation(info.context, input)  # type: ignore[return-value]

    @strawberry.mutation(
        description="Registers an account, with its default group. Only administrators of an operator account "
        "may do so.",
        **access(Permission.ADMINISTER),
    )
    async def account_create(
        self,
        info: Info,
        input: Annotated[inputs.AccountCreateInput, strawberry.argument(description="Account to register.")],
    ) -> AccountCreatePayload:
        return await resolve.register_account(info.context, input)  # type: ignore[return-value]

    @strawberry.mutation(
        description="Creates an API key for a principal. Only this answer shows its text. Keys of another account "
        "need an administrator of an operator account.",
        **access(Permission.ADMINISTER),
    )
    async def api_key_create(
        self, info: Info, input: Annotated[inputs.ApiKeyCreateInput, strawberry.argument(description="Key to create.")]
    ) -> ApiKeyCreatePayload:
        return await resolve.create_api_key(info.context, input)  # type: ignore[return-value]

    @strawberry.mutation(
        description="Revokes an API key, from the next request on.",
        **access(Permission.ADMINISTER),
    )
    async def api_key_revoke(
        self, info: Info, input: Annotated[inputs.ApiKeyRevokeInput, strawberry.argument(description="Key to revoke.")]
    ) -> ApiKeyRevokePayload:
        return await resolve.revoke_api_key(info.context, input)  # type: ignore[return-value]
