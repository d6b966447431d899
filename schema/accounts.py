"""Accounts, and the keys of their principals."""

import strawberry

from lineal.auth.permissions import Permission
from lineal.resolvers import access_log as resolve
from lineal.schema.entities import Info
from lineal.schema.scalars import DateTime


@strawberry.type(description="A registered account.")
class Account:
    name: str = strawberry.field(description="Its name, as in URNs.")
    is_operator: bool = strawberry.field(
        description="Whether its administrators may register accounts, and make keys for any."
    )
    created_at: DateTime = strawberry.field(description="When it was registered.")
    created_by: str = strawberry.field(description="Who registered it.")


@strawberry.type(description="A key by which a principal is known. Its text is told once, when it is made.")
class ApiKey:
    id: strawberry.ID = strawberry.field(description="Which it is: its text begins `lnl_` and this.")
    account: str = strawberry.field(description="The account it acts for.")
    name: str = strawberry.field(description="The principal it speaks for, by its name in the account.")
    expires_at: DateTime | None = strawberry.field(description="When it ends; null: never.")
    created_at: DateTime = strawberry.field(description="When it was made.")
    created_by: str = strawberry.field(description="Who made it.")
    revoked_at: DateTime | None = strawberry.field(description="When it was revoked.")
    revoked_by: str | None = strawberry.field(description="Who revoked it.")

    @strawberry.field(description="The roles its principal has.")
    def roles(self) -> list[str]:
        return sorted(self.roles)

    @strawberry.field(description="What it is limited to, whatever policies and shares give; null: not limited.")
    def permissions(self) -> list[Permission] | None:
        return resolve.limits_of(self)  # type: ignore[arg-type]

    @strawberry.field(description="When it was last used, to the minute; null where it never was.")
    async def last_used_at(self, info: Info) -> DateTime | None:
        return await resolve.last_used(info.context, self)  # type: ignore[arg-type, return-value]
