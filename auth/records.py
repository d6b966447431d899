"""What is kept about access, one frozen record a document. Times are microseconds since 1970-01-01T00:00:00Z."""

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
"""What a share can allow."""


@dataclass(frozen=True, slots=True)
class Account:
    """A tenant that is registered. Administrators of an operator account may register others and make keys for them."""

    name: str
    is_operator: bool
    created_at: int
    created_by: str

    @property
    def default_group(self) -> str:
        """The id of the group that holds all its entities."""
        return default_group(self.name)


@dataclass(frozen=True, slots=True)
class LineageGroup:
    """Entities of one account, and the policy on them, in Cedar.

    `boundary` None leaves to an entity's other groups what a traversal does that meets it and may not read it.
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
    """Whom a share is for: all of an account, those of it in a role, or one principal of it by name."""

    account: str
    role: str | None = None
    name: str | None = None

    def includes(self, principal: Principal) -> bool:
        """Whether a principal is among them."""
        return (
            self.account == principal.account
            and (self.role is None or self.role in principal.roles)
            and (self.name is None or self.name == principal.name)
        )

    @property
    def shown(self) -> str:
        """Whom, in words: `account x`, `role x/y` or `principal x/y`."""
        if self.name is not None:
            return f"principal {within(self.account, self.name)}"
        return f"account {self.account}" if self.role is None else f"role {within(self.account, self.role)}"


@dataclass(frozen=True, slots=True)
class ResourceShare:
    """Groups of an account offered to others, with what is allowed on their entities and how far.

    `kinds` None: entities of every kind. `direction` (ASCENDANTS, DESCENDANTS) and `depth` limit crossing alone; None
    does not. `redacted` are property keys it leaves hidden. `expires_at` None: never.
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
        """Whether it is neither revoked nor expired."""
        return self.revoked_at is None and not self.is_expired(now)

    def is_expired(self, now: int) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and self.expires_at <= now

    def includes(self, principal: Principal) -> bool:
        """Whether a principal is among those it is for."""
        return any(target.includes(principal) for target in self.targets)

    def speaks_of(self, kind: str | None) -> bool:
        """Whether it is about entities of a kind; None: of all kinds alike."""
        return self.kinds is None or kind in self.kinds

    def grant(self, principal: Principal) -> Grant:
        """What it allows a principal it is for, once accepted."""
        return Grant(
            frozenset(filter(principal.may_hold, self.actions)),
            self.kinds,
            None if self.direction is None else frozenset({self.direction}),
            self.depth,
            self.redacted,
        )

    @property
    def accounts(self) -> tuple[str, ...]:
        """The receiving accounts, each once, in the order of their names."""
        return tuple(sorted({target.account for target in self.targets}))


class InvitationState(StrEnum):
    """What became of an invitation; only ACCEPTED gives anything."""

    PENDING = "PENDING"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class Invitation:
    """A share as offered to one receiving account. `decided_at` and `decided_by` None: nobody has decided."""

    share: str
    account: str
    state: InvitationState = InvitationState.PENDING
    decided_at: int | None = None
    decided_by: str | None = None

    @property
    def id(self) -> str:
        """Which it is: one for each share and receiving account."""
        return f"{self.share}/{self.account}"

    def state_at(self, share: ResourceShare, now: int) -> InvitationState:
        """Its state at a time: EXPIRED once its share has expired, unless it was rejected."""
        is_over = share.is_expired(now) and self.state is not InvitationState.REJECTED
        return InvitationState.EXPIRED if is_over else self.state


@dataclass(frozen=True, slots=True)
class Repeat:
    """A request that made something under an idempotency key: a digest of what it asked, what it made, and when."""

    id: str
    fingerprint: str
    made: str
    at: int


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key by which a principal is known: `id` begins its text and recognises it, `hash` is all that is kept of it.

    `name` is the principal's, in `account`. `permissions` None: not limited. `expires_at` None: never.
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
        """Whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    @property
    def principal(self) -> Principal:
        """Who asks with it."""
        return Principal(self.account, self.name, self.roles, self.permissions)
