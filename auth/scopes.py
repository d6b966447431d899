"""Scopes: what a caller may read and cross, as frozen data that every read of a store takes.

A scope has rules about lineage groups. An entity is always in the default group of its account, and may be in further
groups; reads use the current membership, whatever the time they are as of. `Scope.entity_scope` returns what the caller
may see of an entity of a kind in a set of groups. It alone unites grants, lets a forbid win, and chooses the strictest
boundary. Engines call it once for a set of groups and kind, not for every row.
"""

from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from hmac import new
from types import MappingProxyType
from typing import Final

from lineal.auth.permissions import Permission

MAX_ENTITY_SCOPES: Final = 10_000
"""How many entity scopes a scope caches."""
UNLIMITED: Final = 2**31 - 1
"""The depth that stands for no limit."""


class Boundary(StrEnum):
    """What a traversal does at an entity that the caller may not read; the strictest first.

    CUT: ends there, as if the entity did not exist. BRIDGE: crosses the entity without returning it. MASK: returns the
    entity as restricted, and crosses it.
    """

    CUT = "CUT"
    BRIDGE = "BRIDGE"
    MASK = "MASK"


_STRICTEST: Final = (*Boundary, Boundary.CUT)
"""Boundaries by precedence; the last applies if no group sets one."""


@dataclass(frozen=True, slots=True)
class Grant:
    """The permissions that a policy or share allows on the entities of a group.

    `kinds` None: entities of every kind. `directions` (ASCENDANTS, DESCENDANTS; None for both) and `depth` limit
    crossing only: an entity may be crossed at fewer than `depth` associations from the start of the query. `redacted`:
    property keys that READ_PROPERTIES does not show.
    """

    permissions: frozenset[Permission]
    kinds: frozenset[str] | None = None
    directions: frozenset[str] | None = None
    depth: int | None = None
    redacted: frozenset[str] = frozenset()

    def allows(self, permission: Permission, kind: str) -> bool:
        """Whether the grant allows a permission on entities of a kind."""
        return permission in self.permissions and (self.kinds is None or kind in self.kinds)


@dataclass(frozen=True, slots=True)
class GroupRule:
    """The grants and forbidden permissions of a caller on a group. A forbid wins over the grants of any group.

    `boundary` None leaves it to the other groups of an entity. `tells_withheld`: answers state how many entities of the
    group they withhold.
    """

    group: str
    grants: tuple[Grant, ...] = ()
    forbidden: frozenset[Permission] = frozenset()
    boundary: Boundary | None = None
    tells_withheld: bool = False


_NO_RULE: Final = GroupRule("")


@dataclass(frozen=True, slots=True)
class EntityScope:
    """What a scope says of one entity.

    `hidden_keys`: property keys that the caller may not see; None hides every key. `ascendants` and `descendants` limit
    crossing by the direction of the hop: an entity may be crossed at a smaller distance from the starts. 0 never allows
    it, UNLIMITED always does, and an entity at an unknown distance may be crossed only if UNLIMITED. `boundary` and
    `tells_withheld` apply to an entity that is not readable.
    """

    is_readable: bool = False
    hidden_keys: frozenset[str] | None = None
    ascendants: int = 0
    descendants: int = 0
    boundary: Boundary = Boundary.CUT
    tells_withheld: bool = False

    @property
    def is_redacted(self) -> bool:
        """Whether the scope hides any property key, present or not."""
        return self.hidden_keys is None or bool(self.hidden_keys)

    def hides(self, key: str) -> bool:
        """Whether the scope hides a property key."""
        return self.hidden_keys is None or key in self.hidden_keys


FULL_ENTITY_SCOPE: Final = EntityScope(True, frozenset(), UNLIMITED, UNLIMITED)
"""The scope of an entity for a caller that may do everything."""


@dataclass(frozen=True, eq=False)
class Scope:
    """What a caller may read and cross: everything, or what `rules` allow. A group without a rule allows nothing.

    `mask_key` keys the ids of masked entities. `members_at` is the access epoch of the newest change of any group's
    members, so scopes before and after it differ. Scopes with the same `key` are equal.
    """

    everything: bool = False
    rules: Mapping[str, GroupRule] = field(default_factory=lambda: MappingProxyType({}))
    mask_key: bytes = b""
    members_at: int = 0
    key: bytes = field(init=False, repr=False)
    meets_hidden: bool = field(init=False, repr=False)
    """Whether hidden entities can affect answers: some group masks, bridges or tells how many are withheld."""
    _entity_scopes: dict[tuple[frozenset[str], bool, str], EntityScope] = field(
        init=False, repr=False, default_factory=dict
    )
    """By groups with a rule, whether the entity is in a group without one, and kind."""

    def __post_init__(self) -> None:
        form = repr((self.everything, [_form(self.rules[group]) for group in sorted(self.rules)], self.members_at))
        meets_hidden = any(
            rule.tells_withheld or rule.boundary in (Boundary.BRIDGE, Boundary.MASK) for rule in self.rules.values()
        )
        object.__setattr__(self, "meets_hidden", meets_hidden)
        object.__setattr__(self, "key", sha256(form.encode("utf-8", "surrogatepass") + self.mask_key).digest())

    @classmethod
    def of(cls, rules: Iterable[GroupRule], mask_key: bytes = b"", members_at: int = 0) -> "Scope":
        """Return the scope of rules, at most one for a group."""
        return cls(False, MappingProxyType({rule.group: rule for rule in rules}), mask_key, members_at)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scope) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def entity_scope(self, groups: frozenset[str], kind: str) -> EntityScope:
        """Return what the caller may see of an entity of a kind in these groups, its default group included."""
        if self.everything:
            return FULL_ENTITY_SCOPE
        # Groups without a rule are all alike, and there may be as many of them as accounts.
        ruled = frozenset(group for group in groups if group in self.rules)
        key = ruled, len(ruled) < len(groups), kind
        entity_scope = self._entity_scopes.get(key)
        if entity_scope is None:
            if len(self._entity_scopes) >= MAX_ENTITY_SCOPES:
                self._entity_scopes.clear()
            entity_scope = self._entity_scopes[key] = self._united(*key)
        return entity_scope

    def _united(self, ruled: frozenset[str], has_unruled: bool, kind: str) -> EntityScope:
        parts = [_Part.of(self.rules[group], kind) for group in ruled]
        if has_unruled:
            parts.append(_Part.of(_NO_RULE, kind))
        if any(part.forbids_read for part in parts) or not any(part.reads for part in parts):
            withholding = [part for part in parts if part.forbids_read or not part.reads]
            return EntityScope(
                boundary=_STRICTEST[min(part.boundary for part in parts)] if parts else Boundary.CUT,
                tells_withheld=bool(withholding) and all(part.tells_withheld for part in withholding),
            )
        shown = [] if any(part.forbids_properties for part in parts) else [r for part in parts for r in part.redacted]
        crosses = not any(part.forbids_crossing for part in parts)
        return EntityScope(
            True,
            frozenset.intersection(*shown) if shown else None,
            max(part.ascendants for part in parts) if crosses else 0,
            max(part.descendants for part in parts) if crosses else 0,
        )

    def masked_id(self, id: str) -> str:
        """Return the id that the caller sees of a masked entity."""
        return urlsafe_b64encode(new(self.mask_key, id.encode(), "sha256").digest()[:16]).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class _Part:
    """What one group adds to the scope of entities of a kind. `boundary` is an index into `_STRICTEST`."""

    reads: bool
    forbids_read: bool
    redacted: tuple[frozenset[str], ...]
    forbids_properties: bool
    ascendants: int
    descendants: int
    forbids_crossing: bool
    boundary: int
    tells_withheld: bool

    @classmethod
    def of(cls, rule: GroupRule, kind: str) -> "_Part":
        def grants(permission: Permission) -> list[Grant]:
            return [grant for grant in rule.grants if grant.allows(permission, kind)]

        crossing = grants(Permission.TRAVERSE)
        # An unset boundary gives way to any that is set; CUT applies if no group sets one.
        boundary = len(_STRICTEST) - 1 if rule.boundary is None else _STRICTEST.index(rule.boundary)
        return cls(
            bool(grants(Permission.READ)),
            Permission.READ in rule.forbidden,
            tuple(grant.redacted for grant in grants(Permission.READ_PROPERTIES)),
            Permission.READ_PROPERTIES in rule.forbidden,
            _limit(crossing, "ASCENDANTS"),
            _limit(crossing, "DESCENDANTS"),
            Permission.TRAVERSE in rule.forbidden,
            boundary,
            rule.tells_withheld,
        )


def _limit(grants: Iterable[Grant], direction: str) -> int:
    depths = [grant.depth for grant in grants if grant.directions is None or direction in grant.directions]
    return max((UNLIMITED if depth is None else depth for depth in depths), default=0)


def _form(rule: GroupRule) -> tuple[object, ...]:
    """Return a rule in a form that is the same in every process."""

    def words(names: Iterable[str] | None) -> object:
        return None if names is None else sorted(map(str, names))

    grants = sorted(
        repr((words(g.permissions), words(g.kinds), words(g.directions), g.depth, words(g.redacted)))
        for g in rule.grants
    )
    return rule.group, grants, words(rule.forbidden), rule.boundary and str(rule.boundary), rule.tells_withheld


EVERYTHING: Final = Scope(everything=True)


def default_group(account: str) -> str:
    """Return the id of the group that holds all entities of an account."""
    digest = sha256(b"lineal:default-group:" + account.encode("utf-8", "surrogatepass")).digest()
    return urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()
