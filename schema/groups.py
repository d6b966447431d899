"""Lineage groups: whose entities, and who may do what with them."""

import strawberry

from lineal.auth.directive import access
from lineal.auth.permissions import Permission
from lineal.auth.scopes import Boundary
from lineal.resolvers import access_groups as resolve
from lineal.schema import arguments as arg
from lineal.schema.connections import Connection
from lineal.schema.entities import Entity, Info
from lineal.schema.scalars import DateTime


@strawberry.type(description="Who asks.")
class Viewer:
    principal: str = strawberry.field(
        description="Who the request speaks for, as `account/name`: its name in what it records, and in the log."
    )
    account: str = strawberry.field(description="The account it acts for.")
    roles: list[str] = strawberry.field(description="The roles it has in its account.")
    permissions: list[Permission] = strawberry.field(description="What it may do on its account's default group.")
    limited_to: list[Permission] | None = strawberry.field(
        description="What its key is limited to, whatever policies and shares give; null where it is not."
    )
    pending_invitations: int = strawberry.field(description="How many invitations wait for an answer.")


@strawberry.type(
    description="Entities of one account, and the policy that says who may do what with them. Every account has a "
    "default group, which holds all its entities for ever; an entity may be in several groups."
)
class LineageGroup:
    id: strawberry.ID = strawberry.field(description="Opaque.")
    name: str = strawberry.field(description="What people call it.")
    account: str = strawberry.field(description="The account that owns it, and whose entities it holds.")
    is_default: bool = strawberry.field(description="Whether it is the account's default group.")
    boundary: Boundary | None = strawberry.field(
        description="What a traversal does that meets an entity of it the caller may not read; unset, the entity's "
        "other groups say, and CUT counts where none does."
    )
    tells_withheld: bool = strawberry.field(
        description="Whether callers may learn how many of its entities are withheld from an answer."
    )
    created_at: DateTime = strawberry.field(description="When it was made.")
    created_by: str = strawberry.field(description="Who made it.")

    @strawberry.field(
        description="Its policy, in Cedar, for administrators of its account.",
        **access(Permission.ADMINISTER, resolve.administers),
    )
    def policy(self) -> str | None:
        return resolve.policy_of(self)  # type: ignore[arg-type]

    @strawberry.field(description="What the caller may do on it, or on some of its entities.")
    def permissions(self, info: Info) -> list[Permission]:
        return resolve.permissions_on(info.context, self)  # type: ignore[arg-type]

    @strawberry.field(description="Those of its entities that the caller may read, by URN.", **access(Permission.READ))
    async def entities(self, info: Info, first: arg.First = 20, after: arg.After = None) -> Connection[Entity]:
        return await resolve.entities_in(info.context, self, first, after)  # type: ignore[arg-type, return-value]
