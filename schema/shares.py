"""Resource shares and their invitations."""

import strawberry

from lineal.auth.permissions import Permission
from lineal.auth.records import InvitationState
from lineal.graphstore.kinds import EntityKind, LineageDirection
from lineal.resolvers import access_shares as resolve
from lineal.schema.entities import Info
from lineal.schema.groups import LineageGroup
from lineal.schema.scalars import DateTime


@strawberry.type(description="Receivers of a share: an account, a role of it, or one principal of it.")
class ShareTarget:
    account: str = strawberry.field(description="Receiving account.")
    role: str | None = strawberry.field(description="Role in the receiving account; null for every role.")
    name: str | None = strawberry.field(
        description="Name of a principal in the receiving account; null for every principal."
    )


@strawberry.type(
    description="Offer of lineage groups to principals of other accounts, with the permissions it allows on their "
    "entities. It allows something from the time an invitation is accepted until the share is revoked or expires."
)
class ResourceShare:
    id: strawberry.ID = strawberry.field(description="Opaque id of the share.")
    name: str = strawberry.field(description="Name of the share.")
    account: str = strawberry.field(description="Account that owns the shared groups.")
    depth: int | None = strawberry.field(
        description="An entity may be crossed only if fewer than this many associations separate it from the start "
        "of the traversal; null for no limit."
    )
    expires_at: DateTime | None = strawberry.field(description="Time at which the share expires; null if never.")
    created_at: DateTime = strawberry.field(description="Time at which the share was created.")
    created_by: str = strawberry.field(description="Principal that created the share, as `account/name`.")
    revoked_at: DateTime | None = strawberry.field(
        description="Time at which the share was revoked; null if it was not."
    )
    revoked_by: str | None = strawberry.field(
        description="Principal that revoked the share, as `account/name`; null if it was not revoked."
    )

    @strawberry.field(description="Shared groups that the caller may know of, by name.")
    def groups(self, info: Info) -> list[LineageGroup]:
        return resolve.groups_shared(info.context, self)  # type: ignore[arg-type, return-value]

    @strawberry.field(description="Receivers of the share. A receiving account is shown only its own.")
    def targets(self, info: Info) -> list[ShareTarget]:
        return resolve.targets_of(info.context, self)  # type: ignore[arg-type, return-value]

    @strawberry.field(description="Permissions that the share allows.")
    def actions(self) -> list[Permission]:
        return resolve.actions_of(self)  # type: ignore[arg-type]

    @strawberry.field(description="Kinds of entities on which the share allows its permissions; null for every kind.")
    def kinds(self) -> list[EntityKind] | None:
        return resolve.kinds_of(self)  # type: ignore[arg-type]

    @strawberry.field(description="Direction in which entities may be crossed; null for both.")
    def direction(self) -> LineageDirection | None:
        return resolve.direction_of(self)  # type: ignore[arg-type]

    @strawberry.field(description="Property keys that the share leaves hidden, sorted by code point.")
    def redacted(self) -> list[str]:
        return resolve.redacted_of(self)  # type: ignore[arg-type]

    @strawberry.field(description="Invitations to the share. A receiving account is shown only its own.")
    def invitations(self, info: Info) -> list["Invitation"]:
        return resolve.invitations_to(info.context, self)  # type: ignore[arg-type, return-value]


@strawberry.type(description="Invitation of one receiving account to a share.")
class Invitation:
    id: strawberry.ID = strawberry.field(description="Opaque id of the invitation.")
    account: str = strawberry.field(description="Receiving account.")
    share: ResourceShare = strawberry.field(description="Share that is offered.")
    state: InvitationState = strawberry.field(description="State of the invitation at the time of the request.")
    decided_at: DateTime | None = strawberry.field(
        description="Time at which the invitation was accepted or rejected; null while it is pending."
    )
    decided_by: str | None = strawberry.field(
        description="Principal that accepted or rejected it, as `account/name`; null while it is pending."
    )
