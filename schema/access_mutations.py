"""Changes of access, and what the answers say."""

from typing import Annotated

import strawberry

from lineal.auth.directive import access
from lineal.auth.permissions import Permission
from lineal.resolvers import access_changes as resolve
from lineal.schema import access_inputs as given
from lineal.schema import permissions as codes
from lineal.schema.accounts import Account, ApiKey
from lineal.schema.entities import Info
from lineal.schema.groups import LineageGroup
from lineal.schema.shares import Invitation, ResourceShare

_CODE = "What kind of problem."
_MESSAGE = "What is wrong, and what to do."
_PATH = "Where in the input it lies."
_ERRORS = "Why nothing was changed; empty where it was."


@strawberry.type(description="Why a lineageGroupCreate changed nothing.")
class LineageGroupCreateError:
    code: codes.LineageGroupCreateErrorCode = strawberry.field(description=_CODE)
    message: str = strawberry.field(description=_MESSAGE)
    path: list[str] = strawberry.field(description=_PATH)


@strawberry.type(description="What became of a lineageGroupCreate.")
class LineageGroupCreatePayload:
    group: LineageGroup | None = strawberry.field(description="The group; null where nothing was changed.")
    user_errors: list[LineageGroupCreateError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="Why a lineageGroupChange changed nothing.")
class LineageGroupChangeError:
    code: codes.LineageGroupChangeErrorCode = strawberry.field(description=_CODE)
    message: str = strawberry.field(description=_MESSAGE)
    path: list[str] = strawberry.field(description=_PATH)


@strawberry.type(description="What became of a lineageGroupChange.")
class LineageGroupChangePayload:
    group: LineageGroup | None = strawberry.field(description="The group as it now is; null where nothing was changed.")
    user_errors: list[LineageGroupChangeError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="Why a lineageGroupPolicySet changed nothing.")
class LineageGroupPolicySetError:
    code: codes.LineageGroupPolicySetErrorCode = strawberry.field(description=_CODE)
    message: str = strawberry.field(description=_MESSAGE)
    path: list[str] = strawberry.field(description=_PATH)
    line: int | None = strawberry.field(description="The line of the policy, from 1; null where it is no part of it.")
    column: int | None = strawberry.field(
        description="The column of the line, from 1; null where the whole policy statement that begins there is meant."
    )


@strawberry.type(description="What became of a lineageGroupPolicySet.")
class LineageGroupPolicySetPayload:
    group: LineageGroup | None = strawberry.field(
        description="The group as it now is, or in a dry run would be; null where nothing was changed."
    )
    user_errors: list[LineageGroupPolicySetError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="Why a resourceShareCreate changed nothing.")
class ResourceShareCreateError:
    code: codes.ResourceShareCreateErrorCode = strawberry.field(description=_CODE)
    message: str = strawberry.field(description=_MESSAGE)
    path: list[str] = strawberry.field(description=_PATH)


@strawberry.type(description="What became of a resourceShareCreate.")
class ResourceShareCreatePayload:
    share: ResourceShare | None = strawberry.field(description="The share; null where nothing was changed.")
    user_errors: list[ResourceShareCreateError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="Why a resourceShareRevoke changed nothing.")
class ResourceShareRevokeError:
    code: codes.ResourceShareRevokeErrorCode = strawberry.field(description=_CODE)
    message: str = strawberry.field(description=_MESSAGE)
    path: list[str] = strawberry.field(description=_PATH)


@strawberry.type(description="What became of a resourceShareRevoke.")
class ResourceShareRevokePayload:
    share: ResourceShare | None = strawberry.field(
        description="The share as it now is; null where nothing was changed."
    )
    user_errors: list[ResourceShareRevokeError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="Why an invitationAccept changed nothing.")
class InvitationAcceptError:
    code: codes.InvitationAcceptErrorCode = strawberry.field(description=_CODE)
    message: str = strawberry.field(description=_MESSAGE)
    path: list[str] = strawberry.field(description=_PATH)


@strawberry.type(description="What became of an invitationAccept.")
class InvitationAcceptPayload:
    invitation: Invitation | None = strawberry.field(
        description="The invitation as it now is; null where nothing was changed."
    )
    user_errors: list[InvitationAcceptError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="Why an invitationReject changed nothing.")
class InvitationRejectError:
    code: codes.InvitationRejectErrorCode = strawberry.field(description=_CODE)
    message: str = strawberry.field(description=_MESSAGE)
    path: list[str] = strawberry.field(description=_PATH)


@strawberry.type(description="What became of an invitationReject.")
class InvitationRejectPayload:
    invitation: Invitation | None = strawberry.field(
        description="The invitation as it now is; null where nothing was changed."
    )
    user_errors: list[InvitationRejectError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="Why an accountCreate changed nothing.")
class AccountCreateError:
    code: codes.AccountCreateErrorCode = strawberry.field(description=_CODE)
    message: str = strawberry.field(description=_MESSAGE)
    path: list[str] = strawberry.field(description=_PATH)


@strawberry.type(description="What became of an accountCreate.")
class AccountCreatePayload:
    account: Account | None = strawberry.field(description="The account; null where nothing was changed.")
    user_errors: list[AccountCreateError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="Why an apiKeyCreate changed nothing.")
class ApiKeyCreateError:
    code: codes.ApiKeyCreateErrorCode = strawberry.field(description=_CODE)
    message: str = strawberry.field(description=_MESSAGE)
    path: list[str] = strawberry.field(description=_PATH)


@strawberry.type(description="What became of an apiKeyCreate.")
class ApiKeyCreatePayload:
    key: ApiKey | None = strawberry.field(description="The key; null where nothing was changed.")
    text: str | None = strawberry.field(
        description="The whole key, to be sent as a bearer token. It is kept nowhere: keep it now, and keep it safe. "
        "Null in the answer to a repeat."
    )
    user_errors: list[ApiKeyCreateError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="Why an apiKeyRevoke changed nothing.")
class ApiKeyRevokeError:
    code: codes.ApiKeyRevokeErrorCode = strawberry.field(description=_CODE)
    message: str = strawberry.field(description=_MESSAGE)
    path: list[str] = strawberry.field(description=_PATH)


@strawberry.type(description="What became of an apiKeyRevoke.")
class ApiKeyRevokePayload:
    key: ApiKey | None = strawberry.field(description="The key as it now is; null where nothing was changed.")
    user_errors: list[ApiKeyRevokeError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="What of access can be changed.")
class AccessMutations:
    @strawberry.mutation(
        description="Makes a lineage group.",
        **access(Permission.SHARE),
    )
    async def lineage_group_create(
        self,
        info: Info,
        input: Annotated[given.LineageGroupCreateInput, strawberry.argument(description="The group to make.")],
    ) -> LineageGroupCreatePayload:
        return await resolve.create_lineage_group(info.context, input)  # type: ignore[return-value]

    @strawberry.mutation(
        description="Changes a lineage group, and what is in it, from the next request on.",
        **access(Permission.SHARE),
    )
    async def lineage_group_change(
        self,
        info: Info,
        input: Annotated[given.LineageGroupChangeInput, strawberry.argument(description="What changes.")],
    ) -> LineageGroupChangePayload:
        return await resolve.change_lineage_group(info.context, input)  # type: ignore[return-value]

    @strawberry.mutation(
        description="Replaces the policy of a lineage group, from the next request on.",
        **access(Permission.ADMINISTER),
    )
    async def lineage_group_policy_set(
        self,
        info: Info,
        input: Annotated[given.LineageGroupPolicySetInput, strawberry.argument(description="The policy.")],
    ) -> LineageGroupPolicySetPayload:
        return await resolve.set_lineage_group_policy(info.context, input)  # type: ignore[return-value]

    @strawberry.mutation(
        description="Offers lineage groups to principals of other accounts. Each receiving account gets an invitation.",
        **access(Permission.SHARE),
    )
    async def resource_share_create(
        self,
        info: Info,
        input: Annotated[given.ResourceShareCreateInput, strawberry.argument(description="The share to make.")],
    ) -> ResourceShareCreatePayload:
        return await resolve.create_resource_share(info.context, input)  # type: ignore[return-value]

    @strawberry.mutation(
        description="Ends what a share gives, at once.",
        **access(Permission.SHARE),
    )
    async def resource_share_revoke(
        self,
        info: Info,
        input: Annotated[given.ResourceShareRevokeInput, strawberry.argument(description="The share to end.")],
    ) -> ResourceShareRevokePayload:
        return await resolve.revoke_resource_share(info.context, input)  # type: ignore[return-value]

    @strawberry.mutation(
        description="Accepts an invitation: from the next request on its share gives what it says. A share for a "
        "single principal may be accepted by that one, too.",
        **access(Permission.SHARE),
    )
    async def invitation_accept(
        self,
        info: Info,
        input: Annotated[given.InvitationAcceptInput, strawberry.argument(description="The invitation.")],
    ) -> InvitationAcceptPayload:
        return await resolve.accept(info.context, input)  # type: ignore[return-value]

    @strawberry.mutation(
        description="Rejects an invitation, for good, or gives up what was accepted.",
        **access(Permission.SHARE),
    )
    async def invitation_reject(
        self,
        info: Info,
        input: Annotated[given.InvitationRejectInput, strawberry.argument(description="The invitation.")],
    ) -> InvitationRejectPayload:
        return await resolve.reject(info.context, input)  # type: ignore[return-value]

    @strawberry.mutation(
        description="Registers an account, with the default group that holds all its entities. For administrators of "
        "an operator account.",
        **access(Permission.ADMINISTER),
    )
    async def account_create(
        self, info: Info, input: Annotated[given.AccountCreateInput, strawberry.argument(description="The account.")]
    ) -> AccountCreatePayload:
        return await resolve.register_account(info.context, input)  # type: ignore[return-value]

    @strawberry.mutation(
        description="Makes a key by which a principal is known. Its text is told this once.",
        **access(Permission.ADMINISTER),
    )
    async def api_key_create(
        self, info: Info, input: Annotated[given.ApiKeyCreateInput, strawberry.argument(description="The key to make.")]
    ) -> ApiKeyCreatePayload:
        return await resolve.create_api_key(info.context, input)  # type: ignore[return-value]

    @strawberry.mutation(
        description="Makes a key useless, at once.",
        **access(Permission.ADMINISTER),
    )
    async def api_key_revoke(
        self, info: Info, input: Annotated[given.ApiKeyRevokeInput, strawberry.argument(description="The key.")]
    ) -> ApiKeyRevokePayload:
        return await resolve.revoke_api_key(info.context, input)  # type: ignore[return-value]
