"""Who may read what, by the rules of sharing alone: it shares no code with the product."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

READ: Final = "READ"
READ_PROPERTIES: Final = "READ_PROPERTIES"
TRAVERSE: Final = "TRAVERSE"
CEDAR: Final = {READ: "Read", READ_PROPERTIES: "ReadProperties", TRAVERSE: "Traverse"}


@dataclass(frozen=True)
class Person:
    """A principal; `limits` are the permissions of its key, None for all."""

    account: str
    name: str
    roles: frozenset[str] = frozenset()
    limits: frozenset[str] | None = None

    def is_in(self, what: str, id: str) -> bool:
        """Whether it is, or is in, an `Account`, `Role` or `Principal` of an id, or in `everyone`."""
        return {
            "everyone": True,
            "Account": id == self.account,
            "Role": id in {f"{self.account}/{role}" for role in self.roles},
            "Principal": id == f"{self.account}/{self.name}",
        }[what]


@dataclass(frozen=True)
class Statement:
    """A line of a policy: `permit` or `forbid`, whom, and which actions; no actions are all."""

    effect: str
    what: str
    id: str
    actions: tuple[str, ...]

    @property
    def text(self) -> str:
        """The statement in Cedar."""
        who = "principal" if self.what == "everyone" else f'principal in Lineal::{self.what}::"{self.id}"'
        actions = ", ".join(f'Lineal::Action::"{CEDAR[action]}"' for action in self.actions)
        return f"{self.effect} ({who}, {f'action in [{actions}]' if actions else 'action'}, resource);"

    def covers(self, person: Person, action: str) -> bool:
        """Whether it says anything of a person's action."""
        return person.is_in(self.what, self.id) and (not self.actions or action in self.actions)


@dataclass
class Group:
    """A lineage group: its owner, its policy and the URNs of its members; a default group has all of its owner's."""

    account: str
    is_default: bool
    policy: list[Statement] = field(default_factory=list)
    members: set[str] = field(default_factory=set)


@dataclass
class Share:
    """Groups offered to targets, each an account with a role or a name, or neither; and who has accepted it."""

    groups: list[str]
    targets: list[tuple[str, str | None, str | None]]
    actions: list[str]
    kinds: list[str] | None
    redacted: list[str]
    accepted: set[str] = field(default_factory=set)
    is_revoked: bool = False

    def includes(self, person: Person) -> bool:
        """Whether it gives a person anything."""
        return not self.is_revoked and person.account in self.accepted and any(
            account == person.account and role in (None, *person.roles) and name in (None, person.name)
            for account, role, name in self.targets
        )  # fmt: skip


class ReferenceAuthorizer:
    """The groups and shares of a store, by id, and what they allow."""

    def __init__(self) -> None:
        self.groups: dict[str, Group] = {}
        self.shares: dict[str, Share] = {}

    def reads(self, person: Person, urn: str) -> bool:
        """Whether an entity shows."""
        return any(True for _ in self._grants(person, urn, READ))

    def shows(self, person: Person, urn: str, key: str) -> bool:
        """Whether a property of an entity shows."""
        return self.reads(person, urn) and any(
            key not in redacted for redacted in self._grants(person, urn, READ_PROPERTIES)
        )

    def _grants(self, person: Person, urn: str, action: str) -> Iterator[list[str]]:
        """The property keys that each grant redacts; nothing where any group forbids the action."""
        _, account, kind, _ = urn.split(":")
        groups = {
            id: group
            for id, group in self.groups.items()
            if (group.is_default and group.account == account) or urn in group.members
        }
        said = [line for group in groups.values() for line in group.policy if line.covers(person, action)]
        if any(line.effect == "forbid" for line in said) or action not in (person.limits or {action}):
            return
        yield from ([] for line in said if line.effect == "permit")
        for share in self.shares.values():
            of_kind = share.kinds is None or kind in share.kinds
            if share.includes(person) and action in share.actions and of_kind and groups.keys() & set(share.groups):
                yield share.redacted
