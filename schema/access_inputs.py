"""Inputs of the mutations that change access."""

import strawberry
from strawberry import UNSET

from lineal.auth.permissions import Permission
from lineal.auth.scopes import Boundary
from lineal.graphstore.kinds import EntityKind, LineageDirection
from lineal.schema.inputs import EntityRef
from lineal.schema.scalars import DateTime

_IDEMPOTENCY_KEY = (
    "Key of your choice. A request that repeats the key within 24 hours creates nothing and returns the first result."
)
_ADDED = "Entities that join the group, at most 1000. They must belong to its account."


@strawberry.input(description="Lineage group to create. Its policy is empty at first, and permits nothing.")
class LineageGroupCreateInput:
    name: str = strawberry.field(description="Name of the group, unique in its account.")
    account: str | None = strawberry.field(
        default=None, description="Account that will own the group; the viewer's by default."
    )
    boundary: Boundary | None = strawberry.field(
        default=UNSET,
        description="What a traversal does at an entity of the group that the caller may not read; unset by default.",
    )
    tells_withheld: bool | None = strawberry.field(
        default=None,
        description="Whether answers state how many entities of the group they withhold; false by default.",
    )
    add_entities: list[EntityRef] | None = strawberry.field(default=None, description=_ADDED)
    idempotency_key: str | None = strawberry.field(default=None, description=_IDEMPOTENCY_KEY)


@strawberry.input(description="Change of a lineage group. Fields left out stay as they are.")
class LineageGroupChangeInput:
    id: strawberry.ID = strawberry.field(description="Id of the group.")
    name: str | None = strawberry.field(default=None, description="New name of the group, unique in its account.")
    boundary: Boundary | None = strawberry.field(
        default=UNSET,
        description="What a traversal does at an entity of the group that the caller may not read; null unsets it.",
    )
    tells_withheld: bool | None = strawberry.field(
        default=None, description="Whether answers state how many entities of the group they withhold."
    )
    add_entities: list[EntityRef] | None = strawberry.field(default=None, description=_ADDED)
    remove_entities: list[EntityRef] | None = strawberry.field(
        default=None, description="Entities that leave the group, at most 1000."
    )


@strawberry.input(description="New policy of a lineage group. It replaces the old policy from the next request on.")
class LineageGroupPolicySetInput:
    id: strawberry.ID = strawberry.field(description="Id of the group.")
    policy: str = strawberry.field(description="Policy in Cedar, at most 64 KiB. An empty policy permits nothing.")
    is_dry_run: bool | None = strawberry.field(
        default=None, description="Check the policy and change nothing; false by default."
    )


@strawberry.input(description="Receivers of a share: an account, a role of it, or one principal of it.")
class ShareTargetInput:
    account: str = strawberry.field(description="Receiving account.")
    role: str | None = strawberry.field(
        default=None, description="Role in the receiving account; every role by default."
    )
    name: str | None = strawberry.field(
        default=None, description="Name of a principal in the receiving account; every principal by default."
    )


@strawberry.input(description="Share to create: lineage groups offered to principals of other accounts.")
class ResourceShareCreateInput:
    name: str = strawberry.field(description="Name of the share.")
    groups: list[strawberry.ID] = strawberry.field(description="Ids of the groups, at most 100, all of one account.")
    targets: list[ShareTargetInput] = strawberry.field(description="Receivers of the share, at most 100.")
    actions: list[Permission] = strawberry.field(
        description="Permissions that the share allows: READ, READ_PROPERTIES, TRAVERSE, ASSOCIATE or APPROVE. "
        "Crossing an entity needs READ and TRAVERSE."
    )
    kinds: list[EntityKind] | None = strawberry.field(
        default=None, description="Kinds of entities on which the share allows its permissions; every kind by default."
    )
    direction: LineageDirection | None = strawberry.field(
        default=None,
        description="Direction in which entities may be crossed, ASCENDANTS or DESCENDANTS; both by default.",
    )
    depth: int | None = strawberry.field(
        default=None,
        description="An entity may be crossed only if fewer than this many associations separate it from the start "
        "of the traversal: 1 lets only the start be crossed. No limit by default.",
    )
    redacted: list[str] | None = strawberry.field(
        default=None, description="Property keys that the share leaves hidden."
    )
    expires_at: DateTime | None = strawberry.field(
        default=None, description="Time at which the share expires; never by default."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=_IDEMPOTENCY_KEY)


@strawberry.input(description="Share to revoke.")
class ResourceShareRevokeInput:
    id: strawberry.ID = strawberry.field(description="Id of the share.")


@strawberry.input(description="Invitation to accept.")
class InvitationAcceptInput:
    id: strawberry.ID = strawberry.field(description="Id of the invitation.")


@strawberry.input(description="Invitation to reject, or to give up after accepting.")
class InvitationRejectInput:
    id: strawberry.ID = strawberry.field(description="Id of the invitation.")


@strawberry.input(description="Account to register.")
class AccountCreateInput:
    name: str = strawberry.field(description="Name of the account, as in URNs.")
    is_operator: bool | None = strawberry.field(
        default=None,
        description="Whether administrators of the account may register accounts and create keys for any account; "
        "false by default.",
    )
    idempotency_key: str | None = strawberry.field(default=None, description=_IDEMPOTENCY_KEY)


@strawberry.input(description="API key to create.")
class ApiKeyCreateInput:
    name: str = strawberry.field(description="Name of the key's principal in its account.")
    account: str | None = strawberry.field(
        default=None, description="Account of the key's principal; the viewer's by default."
    )
    roles: list[str] | None = strawberry.field(
        default=None, description="Roles of the key's principal; none by default."
    )
    permissions: list[Permission] | None = strawberry.field(
        default=None,
        description="Permissions to which the key is limited, whatever policies and shares allow; not limited by "
        "default.",
    )
    expires_at: DateTime | None = strawberry.field(
        default=None, description="Time at which the key expires; never by default."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=_IDEMPOTENCY_KEY)


@strawberry.input(description="API key to revoke.")
class ApiKeyRevokeInput:
    id: strawberry.ID = strawberry.field(description="Id of the key.")


@strawberry.input(description="Principal: a person or a program of an account, with roles.")
class PrincipalInput:
    account: str = strawberry.field(description="Account of the principal.")
    name: str = strawberry.field(description="Name of the principal in its account.")
    roles: list[str] | None = strawberry.field(
        default=None, description="Roles of the principal in its account; none by default."
    )
