"""Resource shares, and the invitations to them."""

import strawberry

from lineal.auth.permissions import Permission
from lineal.auth.records import InvitationState
from lineal.graphstore.kinds import EntityKind, LineageDirection
from lineal.resolvers import access_shares as resolve
from lineal.schema.entities import Info
from lineal.schema.groups import LineageGroup
from lineal.schema.scalars import DateTime


@strawberry.type(description="Whom a share is for: all of an account, those of it in a role, or one principal of it.")
class ShareTarget:
    account: str = strawberry.field(description="The receiving account.")
    role: str | None = strawberry.field(description="The role of it; null: of any.")
    name: str | None = strawberry.field(description="The principal of it; null: any.")


@strawberry.type(
    description="Lineage groups of an account offered to principals of others, with what is allowed on their entities "
    "and how far. It gives something once an invitation to it is accepted, and nothing once it is revoked or expired."
)
class ResourceShare:
    id: strawberry.ID = strawberry.field(description="Opaque.")
    name: str = strawberry.field(description="What people call it.")
    account: str = strawberry.field(description="The account that offers it.")
    depth: int | None = strawberry.field(
        description="An entity is crossed only where it lies nearer than so many associations from the starts."
    )
    expires_at: DateTime | None = strawberry.field(description="When it ends; null: never.")
    created_at: DateTime = strawberry.field(description="When it was made.")
    created_by: str = strawberry.field(description="Who made it.")
    revoked_at: DateTime | None = strawberry.field(description="When it was revoked.")
    revoked_by: str | None = strawberry.field(description="Who revoked it.")

    @strawberry.field(description="The groups it offers, by name, of those the caller may know of.")
    def groups(self, info: Info) -> list[LineageGroup]:
        return resolve.groups_shared(info.context, self)  # type: ignore[arg-type, return-value]

    @strawberry.field(description="Whom it is for; to a receiver, whom of its own account.")
    def targets(self, info: Info) -> list[ShareTarget]:
        return resolve.targets_of(info.context, self)  # type: ignore[arg-type, return-value]

    @strawberry.field(description="What it allows.")
    def actions(self) -> list[Permission]:
        return resolve.actions_of(self)  # type: ignore[arg-type]

    @strawberry.field(description="The kinds of entities it allows that on; null: every kind.")
    def kinds(self) -> list[EntityKind] | None:
        return resolve.kinds_of(self)  # type: ignore[arg-type]

    @strawberry.field(description="In which direction entities may be crossed; null: both.")
    def direction(self) -> LineageDirection | None:
        return resolve.direction_of(self)  # type: ignore[arg-type]

    @strawberry.field(description="Property keys that stay hidden.")
    def redacted(self) -> list[str]:
        return resolve.redacted_of(self)  # type: ignore[arg-type]

    @strawberry.field(description="What its receivers made of it; to a receiver, what its own account did.")
    def invitations(self, info: Info) -> list["Invitation"]:
        return resolve.invitations_to(info.context, self)  # type: ignore[arg-type, return-value]


@strawberry.type(description="A share as offered to one receiving account.")
class Invitation:
    id: strawberry.ID = strawberry.field(description="Opaque.")
    account: str = strawberry.field(description="The receiving account.")
    share: ResourceShare = strawberry.field(description="What is offered.")
    state: InvitationState = strawberry.field(description="What became of it.")
    decided_at: DateTime | None = strawberry.field(description="When it was answered.")
    decided_by: str | None = strawberry.field(description="Who answered.")
