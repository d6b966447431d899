"""Records of access, each stored as one document. Times are microseconds since 1970-01-01T00:00:00Z."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lineal.auth.names import within
from lineal.auth.permissions import Permission
from lineal.auth.principals import Principal
from lineal.auth.scopes import Boundary, Grant, default_group

SHAREABLE: Final = frozenset(
    {Permission.READ, Permission.READ_PROPERTIES, Permission.TRAVERSE, Permission.ASSOCIATE, Permission.APPROVE}
)
"""The permissions that a share can allow."""


@dataclass(frozen=True, slots=True)
class Account:
    """A registered tenant. Administrators of an operator account register accounts and create keys for any account."""

    name: str
    is_operator: bool
    created_at: int
    created_by: str

    @property
    def default_group(self) -> str:
        """The id of the group that holds all entities of the account."""
        return default_group(self.name)


@dataclass(frozen=True, slots=True)
class LineageGroup:
    """A set of entities of one account under one Cedar policy.

    `boundary`: what a traversal does at an entity that the caller may not read; None leaves it to the entity's other
    groups. `tells_withheld`: answers state how many entities they withhold.
    """

    id: str
    account: str
    name: str
    is_default: bool
    policy: str
    boundary: Boundary | None
    tells_withheld: bool
    created_at: int
    created_by: str


@dataclass(frozen=True, slots=True)
class ShareTarget:
    """A receiver of a share: an account, a role of it, or one principal of it by name."""

    account: str
    role: str | None = None
    name: str | None = None

    def includes(self, principal: Principal) -> bool:
        """Whether a principal is the receiver or belongs to it."""
        return (
            self.account == principal.account
            and (self.role is None or self.role in principal.roles)
            and (self.name is None or self.name == principal.name)
        )

    @property
    def shown(self) -> str:
        """The receiver in words: `account x`, `role x/y` or `principal x/y`."""
        if self.name is not None:
            return f"principal {within(self.account, self.name)}"
        return f"account {self.account}" if self.role is None else f"role {within(self.account, self.role)}"


@dataclass(frozen=True, slots=True)
class ResourceShare:
    """Groups of an account offered to principals of others, with the permissions it allows on their entities.

    `kinds` None: entities of every kind. `direction` (ASCENDANTS, DESCENDANTS) and `depth` limit crossing only; None
    does not limit it. `redacted`: property keys that stay hidden. `expires_at` None: never.
    """

    id: str
    account: str
    name: str
    groups: tuple[str, ...]
    targets: tuple[ShareTarget, ...]
    actions: frozenset[Permission]
    kinds: frozenset[str] | None
    direction: str | None
    depth: int | None
    redacted: frozenset[str]
    expires_at: int | None
    created_at: int
    created_by: str
    revoked_at: int | None = None
    revoked_by: str | None = None

    def is_live(self, now: int) -> bool:
        """Whether the share is neither revoked nor expired."""
        return self.revoked_at is None and not self.is_expired(now)

    def is_expired(self, now: int) -> bool:
        """Whether the share has expired."""
        return self.expires_at is not None and self.expires_at <= now

    def includes(self, principal: Principal) -> bool:
        """Whether the share targets a principal."""
        return any(target.includes(principal) for target in self.targets)

    def covers(self, kind: str | None) -> bool:
        """Whether the share is for entities of a kind; None asks about entities of every kind."""
        return self.kinds is None or kind in self.kinds

    def grant(self, principal: Principal) -> Grant:
        """Return what the accepted share allows a principal that it targets."""
        return Grant(
            frozenset(filter(principal.may_hold, self.actions)),
            self.kinds,
            None if self.direction is None else frozenset({self.direction}),
            self.depth,
            self.redacted,
        )

    @property
    def accounts(self) -> tuple[str, ...]:
        """The receiving accounts, by name, without duplicates."""
        return tuple(sorted({target.account for target in self.targets}))


class InvitationState(StrEnum):
    """The state of an invitation. Its share allows something only when ACCEPTED."""

    PENDING = "PENDING"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class Invitation:
    """The invitation of one receiving account to a share. `decided_at` and `decided_by` are None while pending."""

    share: str
    account: str
    state: InvitationState = InvitationState.PENDING
    decided_at: int | None = None
    decided_by: str | None = None

    @property
    def id(self) -> str:
        """The id, unique by share and receiving account."""
        return f"{self.share}/{self.account}"

    def state_at(self, share: ResourceShare, now: int) -> InvitationState:
        """Return the state at a time: EXPIRED once the share has expired, unless the invitation was rejected."""
        is_over = share.is_expired(now) and self.state is not InvitationState.REJECTED
        return InvitationState.EXPIRED if is_over else self.state


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """A request that created something under an idempotency key: its digest, the id created, and the time."""

    id: str
    fingerprint: str
    made: str
    at: int


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key that authenticates a principal. Its text begins with `id`; only `hash` of the text is stored.

    `name` is the name of the principal in `account`. `permissions` None: not limited. `expires_at` None: never.
    """

    id: str
    account: str
    name: str
    roles: frozenset[str]
    permissions: frozenset[Permission] | None
    hash: str
    expires_at: int | None
    created_at: int
    created_by: str
    revoked_at: int | None = None
    revoked_by: str | None = None

    def is_usable(self, now: int) -> bool:
        """Whether the key is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    @property
    def principal(self) -> Principal:
        """The principal that the key authenticates."""
        return Principal(self.account, self.name, self.roles, self.permissions)
