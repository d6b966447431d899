"""The questions about access."""

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


@strawberry.type(description="The questions about access.")
class AccessQueries:
    @strawberry.field(description="Who asks, and what it may do at home.", **public())
    def viewer(self, info: Info) -> Viewer:
        return resolve_groups.viewer(info.context)  # type: ignore[return-value]

    @strawberry.field(
        description="The lineage groups of the viewer's account, and those of others that allow it something or are "
        "offered to it, by name.",
        **access(Permission.READ),
    )
    async def lineage_groups(
        self, info: Info, first: arg.First = 20, after: arg.After = None
    ) -> ListConnection[LineageGroup]:
        return await resolve_groups.lineage_groups(info.context, first, after)  # type: ignore[return-value]

    @strawberry.field(description="The lineage group of an id; null where there is none.", **access(Permission.READ))
    async def lineage_group(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The id.")]
    ) -> LineageGroup | None:
        return resolve_groups.lineage_group(info.context, id)  # type: ignore[return-value]

    @strawberry.field(
        description="The shares that the viewer's account made, by name.", **access(Permission.SHARE, on_own_account)
    )
    async def resource_shares(
        self, info: Info, first: arg.First = 20, after: arg.After = None
    ) -> ListConnection[ResourceShare]:
        return resolve_shares.resource_shares(info.context, first, after)  # type: ignore[return-value]

    @strawberry.field(
        description="The invitations the viewer's account received: those to shares that are for the viewer, and all "
        "where it may answer them, by the name of their share.",
        **access(Permission.READ),
    )
    async def invitations(
        self,
        info: Info,
        state: Annotated[InvitationState | None, strawberry.argument(description="Only those of a state.")] = None,
        first: arg.First = 20,
        after: arg.After = None,
    ) -> ListConnection[Invitation]:
        return resolve_shares.invitations(info.context, state, first, after)  # type: ignore[return-value]

    @strawberry.field(
        description="What was decided on the viewer's account, the newest first.",
        **access(Permission.READ_AUDIT, on_own_account),
    )
    async def audit_log(
        self,
        info: Info,
        where: Annotated[
            AuditFilter | None, strawberry.argument(description="Which records; all unless given.")
        ] = None,
        first: arg.First = 20,
        after: arg.After = None,
    ) -> AuditLogConnection:
        return await resolve_log.audit_log(info.context, where, first, after)  # type: ignore[return-value]

    @strawberry.field(
        description="The viewer's account; for administrators of an operator account all, by name.",
        **access(Permission.ADMINISTER, on_own_account),
    )
    async def accounts(self, info: Info, first: arg.First = 20, after: arg.After = None) -> ListConnection[Account]:
        return resolve_log.accounts(info.context, first, after)  # type: ignore[return-value]

    @strawberry.field(
        description="The keys of the viewer's account, by the name of their principal; for administrators of an "
        "operator account of any.",
        **access(Permission.ADMINISTER, on_own_account),
    )
    async def api_keys(
        self,
        info: Info,
        account: Annotated[
            str | None, strawberry.argument(description="The account; the viewer's own unless given.")
        ] = None,
        first: arg.First = 20,
        after: arg.After = None,
    ) -> ListConnection[ApiKey]:
        return resolve_log.api_keys(info.context, account, first, after)  # type: ignore[return-value]

    @strawberry.field(
        description="Why a principal may, or may not, do something on an entity, for administrators of its account; "
        "null where there is no such entity.",
        **access(Permission.ADMINISTER),
    )
    async def explain_access(
        self,
        info: Info,
        principal: Annotated[PrincipalInput, strawberry.argument(description="Who.")],
        action: Annotated[Permission, strawberry.argument(description="What.")],
        entity: Annotated[EntityRef, strawberry.argument(description="On which entity.")],
    ) -> AccessExplanation | None:
        return await resolve_explained.explained(info.context, principal, action, entity)  # type: ignore[return-value]
