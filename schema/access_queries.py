"""Queries about access."""

from typing import Annotated

import strawberry

from lineal.auth.directive import access, on_own_account, public
from lineal.auth.permissions import Permission
from lineal.auth.records import InvitationState
from lineal.resolvers import access_explained as resolve_explained
from lineal.resolvers import access_groups as resolve_groups
from lineal.resolvers import access_log as resolve_log
from lineal.resolvers import access_shares as resolve_shares
from lineal.schema import arguments as arg
from lineal.schema.access_inputs import PrincipalInput
from lineal.schema.accounts import Account, ApiKey
from lineal.schema.audit import AuditFilter, AuditLogConnection
from lineal.schema.connections import ListConnection
from lineal.schema.entities import Info
from lineal.schema.explanations import AccessExplanation
from lineal.schema.groups import LineageGroup, Viewer
from lineal.schema.inputs import EntityRef
from lineal.schema.shares import Invitation, ResourceShare


@strawberry.type(description="Queries about access.")
class AccessQueries:
    @strawberry.field(
        description="Principal that sends the request, with its permissions on its own account.", **public()
    )
    def viewer(self, info: Info) -> Viewer:
        return resolve_groups.viewer(info.context)  # type: ignore[return-value]

    @strawberry.field(
        description="Lineage groups of the viewer's account, and groups of other accounts that allow the viewer "
        "something or are offered to it, by name.",
        **access(Permission.READ),
    )
    async def lineage_groups(
        self, info: Info, first: arg.First = 20, after: arg.After = None
    ) -> ListConnection[LineageGroup]:
        return await resolve_groups.lineage_groups(info.context, first, after)  # type: ignore[return-value]

    @strawberry.field(
        description="Lineage group with this id; null if there is none that the viewer may know of.",
        **access(Permission.READ),
    )
    async def lineage_group(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Id of the group.")]
    ) -> LineageGroup | None:
        return resolve_groups.lineage_group(info.context, id)  # type: ignore[return-value]

    @strawberry.field(
        description="Shares that the viewer's account owns, by name.", **access(Permission.SHARE, on_own_account)
    )
    async def resource_shares(
        self, info: Info, first: arg.First = 20, after: arg.After = None
    ) -> ListConnection[ResourceShare]:
        return resolve_shares.resource_shares(info.context, first, after)  # type: ignore[return-value]

    @strawberry.field(
        description="Invitations of the viewer's account to shares that are for the viewer, or that the viewer may "
        "accept, by the name of the share. Revoked shares are left out.",
        **access(Permission.READ),
    )
    async def invitations(
        self,
        info: Info,
        state: Annotated[
            InvitationState | None, strawberry.argument(description="State of the invitations; every state by default.")
        ] = None,
        first: arg.First = 20,
        after: arg.After = None,
    ) -> ListConnection[Invitation]:
        return resolve_shares.invitations(info.context, state, first, after)  # type: ignore[return-value]

    @strawberry.field(
        description="Audit log of the viewer's account, newest first: denied reads, and allowed and denied writes.",
        **access(Permission.READ_AUDIT, on_own_account),
    )
    async def audit_log(
        self,
        info: Info,
        where: Annotated[
            AuditFilter | None, strawberry.argument(description="Condition on the records; all by default.")
        ] = None,
        first: arg.First = 20,
        after: arg.After = None,
    ) -> AuditLogConnection:
        return await resolve_log.audit_log(info.context, where, first, after)  # type: ignore[return-value]

    @strawberry.field(
        description="The viewer's account; for administrators of an operator account, all accounts, by name.",
        **access(Permission.ADMINISTER, on_own_account),
    )
    async def accounts(self, info: Info, first: arg.First = 20, after: arg.After = None) -> ListConnection[Account]:
        return resolve_log.accounts(info.context, first, after)  # type: ignore[return-value]

    @strawberry.field(
        description="API keys of an account, by the name of their principal. Keys of another account than the "
        "viewer's are shown to administrators of an operator account.",
        **access(Permission.ADMINISTER, on_own_account),
    )
    async def api_keys(
        self,
        info: Info,
        account: Annotated[
            str | None, strawberry.argument(description="Account of the keys; the viewer's by default.")
        ] = None,
        first: arg.First = 20,
        after: arg.After = None,
    ) -> ListConnection[ApiKey]:
        return resolve_log.api_keys(info.context, account, first, after)  # type: ignore[return-value]

    @strawberry.field(
        description="Explains whether a principal may perform an action on an entity; null if the viewer may "
        "read no such entity. The permission is needed on the default group of the entity's account.",
        **access(Permission.ADMINISTER),
    )
    async def explain_access(
        self,
        info: Info,
        principal: Annotated[PrincipalInput, strawberry.argument(description="Principal that performs the action.")],
        action: Annotated[Permission, strawberry.argument(description="Permission for the action.")],
        entity: Annotated[EntityRef, strawberry.argument(description="Entity that the action is performed on.")],
    ) -> AccessExplanation | None:
        return await resolve_explained.explained(info.context, principal, action, entity)  # type: ignore[return-value]
