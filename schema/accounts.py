"""Accounts and API keys."""

import strawberry

from lineal.auth.permissions import Permission
from lineal.resolvers import access_log as resolve
from lineal.schema.entities import Info
from lineal.schema.scalars import DateTime


@strawberry.type(description="An account: it owns entities and lineage groups, and its principals act for it.")
class Account:
    name: str = strawberry.field(description="Name of the account, as in URNs.")
    is_operator: bool = strawberry.field(
        description="Whether administrators of the account may register accounts and create keys for any account."
    )
    created_at: DateTime = strawberry.field(description="Time at which the account was registered.")
    created_by: str = strawberry.field(description="Principal that registered the account, as `account/name`.")


@strawberry.type(description="API key that authenticates a principal. The server shows its text once, on creation.")
class ApiKey:
    id: strawberry.ID = strawberry.field(description="Id of the key. The key's text begins with `lnl_` and the id.")
    account: str = strawberry.field(description="Account of the key's principal.")
    name: str = strawberry.field(description="Name of the key's principal in its account.")
    expires_at: DateTime | None = strawberry.field(description="Time at which the key expires; null if never.")
    created_at: DateTime = strawberry.field(description="Time at which the key was created.")
    created_by: str = strawberry.field(description="Principal that created the key, as `account/name`.")
    revoked_at: DateTime | None = strawberry.field(description="Time at which the key was revoked; null if it was not.")
    revoked_by: str | None = strawberry.field(
        description="Principal that revoked the key, as `account/name`; null if it was not revoked."
    )

    @strawberry.field(description="Roles of the key's principal, sorted by code point.")
    def roles(self) -> list[str]:
        return sorted(self.roles)

    @strawberry.field(
        description="Permissions to which the key is limited, whatever policies and shares allow; null if it is not "
        "limited."
    )
    def permissions(self) -> list[Permission] | None:
        return resolve.limits_of(self)  # type: ignore[arg-type]

    @strawberry.field(description="Time at which the key was last used, to the minute; null if never.")
    async def last_used_at(self, info: Info) -> DateTime | None:
        return await resolve.last_used(info.context, self)  # type: ignore[arg-type, return-value]
