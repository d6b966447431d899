"""What changes of access are given."""

import strawberry
from strawberry import UNSET

from lineal.auth.permissions import Permission
from lineal.auth.scopes import Boundary
from lineal.graphstore.kinds import EntityKind, LineageDirection
from lineal.schema.scalars import DateTime

_IDEMPOTENCY_KEY = "Makes a repeat of this request within 24 hours answer as the first did, and make nothing more."
_ADDED = "Ids of entities of its account that join it, at most 1000."


@strawberry.input(description="A lineage group to make. Its policy is empty at first, and permits nothing by itself.")
class LineageGroupCreateInput:
    name: str = strawberry.field(description="What people will call it; no other group of the account has the name.")
    account: str | None = strawberry.field(
        default=None, description="The account to make it in; the viewer's own unless given."
    )
    boundary: Boundary | None = strawberry.field(
        default=UNSET, description="What a traversal does that meets an entity of it the caller may not read."
    )
    tells_withheld: bool | None = strawberry.field(
        default=None, description="Whether callers may learn how many of its entities are withheld; not unless given."
    )
    add_entities: list[strawberry.ID] | None = strawberry.field(default=None, description=_ADDED)
    idempotency_key: str | None = strawberry.field(default=None, description=_IDEMPOTENCY_KEY)


@strawberry.input(description="What of a lineage group changes; what is left out stays.")
class LineageGroupChangeInput:
    id: strawberry.ID = strawberry.field(description="The group.")
    name: str | None = strawberry.field(default=None, description="What people will call it.")
    boundary: Boundary | None = strawberry.field(
        default=UNSET,
        description="What a traversal does that meets an entity of it the caller may not read; null unsets it.",
    )
    tells_withheld: bool | None = strawberry.field(
        default=None, description="Whether callers may learn how many of its entities are withheld."
    )
    add_entities: list[strawberry.ID] | None = strawberry.field(default=None, description=_ADDED)
    remove_entities: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Ids of entities that leave it, at most 1000."
    )


@strawberry.input(description="The policy of a lineage group. It takes the place of the one before, at once.")
class LineageGroupPolicySetInput:
    id: strawberry.ID = strawberry.field(description="The group.")
    policy: str = strawberry.field(description="The policy, in Cedar, at most 64 KiB; an empty one permits nothing.")
    is_dry_run: bool | None = strawberry.field(
        default=None, description="Only say what is wrong with it, and change nothing."
    )


@strawberry.input(description="Whom a share is for: all of an account, or those of it in a role, or one principal.")
class ShareTargetInput:
    account: str = strawberry.field(description="The receiving account.")
    role: str | None = strawberry.field(default=None, description="A role of it; any unless given.")
    name: str | None = strawberry.field(default=None, description="A principal of it, by name; any unless given.")


@strawberry.input(description="Lineage groups to offer to principals of other accounts, and how far.")
class ResourceShareCreateInput:
    name: str = strawberry.field(description="What people will call it.")
    groups: list[strawberry.ID] = strawberry.field(description="The groups, all of one account; at most 100.")
    targets: list[ShareTargetInput] = strawberry.field(description="Whom it is for; at most 100.")
    actions: list[Permission] = strawberry.field(
        description="What it allows: READ, READ_PROPERTIES, TRAVERSE, ASSOCIATE or APPROVE. Crossing needs READ and "
        "TRAVERSE."
    )
    kinds: list[EntityKind] | None = strawberry.field(
        default=None, description="The kinds of entities it allows that on; every kind unless given."
    )
    direction: LineageDirection | None = strawberry.field(
        default=None, description="ASCENDANTS or DESCENDANTS: in which entities may be crossed; both unless given."
    )
    depth: int | None = strawberry.field(
        default=None,
        description="How near the starts entities must lie to be crossed: 1 lets starts alone be crossed. Any "
        "distance unless given.",
    )
    redacted: list[str] | None = strawberry.field(default=None, description="Property keys that stay hidden.")
    expires_at: DateTime | None = strawberry.field(default=None, description="When it ends; never unless given.")
    idempotency_key: str | None = strawberry.field(default=None, description=_IDEMPOTENCY_KEY)


@strawberry.input(description="A share to end.")
class ResourceShareRevokeInput:
    id: strawberry.ID = strawberry.field(description="The share.")


@strawberry.input(description="An invitation to accept.")
class InvitationAcceptInput:
    id: strawberry.ID = strawberry.field(description="The invitation.")


@strawberry.input(description="An invitation to reject, or to give up.")
class InvitationRejectInput:
    id: strawberry.ID = strawberry.field(description="The invitation.")


@strawberry.input(description="An account to register.")
class AccountCreateInput:
    name: str = strawberry.field(description="Its name, as in URNs.")
    is_operator: bool | None = strawberry.field(
        default=None,
        description="Whether its administrators may register accounts, and make keys for any; not unless given.",
    )
    idempotency_key: str | None = strawberry.field(default=None, description=_IDEMPOTENCY_KEY)


@strawberry.input(description="A key to make.")
class ApiKeyCreateInput:
    name: str = strawberry.field(description="The principal it speaks for, by its name in the account.")
    account: str | None = strawberry.field(
        default=None, description="The account it acts for; the viewer's own unless given."
    )
    roles: list[str] | None = strawberry.field(default=None, description="The roles its principal has.")
    permissions: list[Permission] | None = strawberry.field(
        default=None, description="What it is limited to, whatever policies and shares give; not limited unless given."
    )
    expires_at: DateTime | None = strawberry.field(default=None, description="When it ends; never unless given.")
    idempotency_key: str | None = strawberry.field(default=None, description=_IDEMPOTENCY_KEY)


@strawberry.input(description="A key to make useless.")
class ApiKeyRevokeInput:
    id: strawberry.ID = strawberry.field(description="The key, by its id.")


@strawberry.input(description="A principal: someone, or something, of an account, in roles.")
class PrincipalInput:
    account: str = strawberry.field(description="The account.")
    name: str = strawberry.field(description="Its name in the account.")
    roles: list[str] | None = strawberry.field(default=None, description="The roles it has there.")
