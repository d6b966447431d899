"""The caller and lineage groups."""

import strawberry

from lineal.auth.directive import access
from lineal.auth.permissions import Permission
from lineal.auth.scopes import Boundary
from lineal.resolvers import access_groups as resolve
from lineal.schema import arguments as arg
from lineal.schema.entities import Info
from lineal.schema.entity_pages import EntityConnection
from lineal.schema.scalars import DateTime


@strawberry.type(description="Principal that sends the request.")
class Viewer:
    principal: str = strawberry.field(
        description="Principal of the request, as `account/name`: its name in `recordedBy` and in the audit log."
    )
    account: str = strawberry.field(description="Account of the principal.")
    roles: list[str] = strawberry.field(description="Roles of the principal in its account, sorted by code point.")
    permissions: list[Permission] = strawberry.field(
        description="Permissions of the principal on its account's default group."
    )
    limited_to: list[Permission] | None = strawberry.field(
        description="Permissions to which the principal's API key is limited, whatever policies and shares allow; "
        "null if it is not limited."
    )
    pending_invitations: int = strawberry.field(description="Number of pending invitations that the principal sees.")


@strawberry.type(
    description="Set of entities of one account, with the policy that permits actions on them. The default group of "
    "an account holds all its entities; an entity may be in further groups. A permission from any of its groups is "
    "enough, and a policy that forbids wins."
)
class LineageGroup:
    id: strawberry.ID = strawberry.field(description="Opaque id of the group.")
    name: str = strawberry.field(description="Name of the group, unique in its account.")
    account: str = strawberry.field(description="Account that owns the group and its entities.")
    is_default: bool = strawberry.field(description="Whether the group is its account's default group.")
    boundary: Boundary | None = strawberry.field(
        description="What a traversal does at an entity of the group that the caller may not read. Null leaves it "
        "to the entity's other groups; CUT applies if none sets it."
    )
    tells_withheld: bool = strawberry.field(
        description="Whether answers state how many entities of the group they withhold."
    )
    created_at: DateTime = strawberry.field(description="Time at which the group was created.")
    created_by: str = strawberry.field(description="Principal that created the group, as `account/name`.")

    @strawberry.field(
        description="Policy of the group, in Cedar; empty if it permits nothing. The permission is needed on the "
        "default group of the group's account.",
        **access(Permission.ADMINISTER, resolve.administers),
    )
    def policy(self) -> str | None:
        return resolve.policy_of(self)  # type: ignore[arg-type]

    @strawberry.field(description="Permissions that the caller holds on the group or on some of its entities.")
    def permissions(self, info: Info) -> list[Permission]:
        return resolve.permissions_on(info.context, self)  # type: ignore[arg-type]

    @strawberry.field(description="Entities of the group that the caller may read, by URN.", **access(Permission.READ))
    async def entities(self, info: Info, first: arg.First = 20, after: arg.After = None) -> EntityConnection:
        return await resolve.entities_in(info.context, self, first, after)  # type: ignore[arg-type, return-value]
