"""Scopes: what a caller may read and cross, as frozen data that every store read verb takes.

The rules of a scope are about lineage groups. An entity is in its account's default group for ever, and may be in more;
membership is always today's. `Scope.entity_scope` returns what the caller may see of an entity of a kind in a set of
groups: the one place where grants are united, where a forbid wins, and where the strictest boundary is chosen. Engines
compute it once for each set of groups and kind, not once a row.
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

UNLIMITED: Final = 2**31 - 1
"""A depth without a limit."""


class Boundary(StrEnum):
    """What a traversal does that meets an entity the caller may not read; the strictest first.

    CUT: as if it were not there. BRIDGE: it is crossed, and not shown. MASK: it is shown as restricted, and crossed.
    """

    CUT = "CUT"
    BRIDGE = "BRIDGE"
    MASK = "MASK"


_STRICTEST: Final = (*Boundary, Boundary.CUT)
"""In the order that decides; the last is for what no group sets."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What one policy or share allows on the entities of a group.

    `kinds` None: those of every kind. For crossing alone: `directions` (ASCENDANTS, DESCENDANTS) None: both; `depth`:
    an entity is crossed only where it lies nearer than so many associations from the query's starts. `redacted` are
    property keys that READ_PROPERTIES leaves hidden here.
    """

    permissions: frozenset[Permission]
    kinds: frozenset[str] | None = None
    directions: frozenset[str] | None = None
    depth: int | None = None
    redacted: frozenset[str] = frozenset()

    def allows(self, permission: Permission, kind: str) -> bool:
        """Whether it allows something on entities of a kind."""
        return permission in self.permissions and (self.kinds is None or kind in self.kinds)


@dataclass(frozen=True, slots=True)
class GroupRule:
    """What a caller may do with the entities of a group. A forbidden permission wins over a grant of any group.

    `boundary` None leaves it to an entity's other groups. `tells_withheld`: callers may learn how many are withheld.
    """

    group: str
    grants: tuple[Grant, ...] = ()
    forbidden: frozenset[Permission] = frozenset()
    boundary: Boundary | None = None
    tells_withheld: bool = False


@dataclass(frozen=True, slots=True)
class EntityScope:
    """What a caller sees of an entity.

    `hidden_keys`: the property keys it may not see; None for all. An entity is crossed at a distance from the starts
    that is less than `ascendants` or `descendants`, by the direction of the hop: 0 is never, UNLIMITED always, and what
    lies at no known distance is crossed only where this is UNLIMITED. `boundary` and `tells_withheld` are for one that
    is not readable.
    """

    is_readable: bool = False
    hidden_keys: frozenset[str] | None = None
    ascendants: int = 0
    descendants: int = 0
    boundary: Boundary = Boundary.CUT
    tells_withheld: bool = False

    @property
    def is_redacted(self) -> bool:
        """Whether some property key may be hidden, there or not."""
        return self.hidden_keys is None or bool(self.hidden_keys)

    def hides(self, key: str) -> bool:
        """Whether a property key is hidden."""
        return self.hidden_keys is None or key in self.hidden_keys


FULL_ENTITY_SCOPE: Final = EntityScope(True, frozenset(), UNLIMITED, UNLIMITED)
"""Of a scope of everything."""


@dataclass(frozen=True, eq=False)
class Scope:
    """What a caller may read and cross: everything, or what `rules` say of groups; of others it sees nothing.

    `mask_key` makes the ids under which the caller is shown masked entities. `members_at` is the access epoch of the
    newest change of any group's members: a scope before it is not equal to one after. Scopes are equal by `key`.
    """

    everything: bool = False
    rules: Mapping[str, GroupRule] = field(default_factory=lambda: MappingProxyType({}))
    mask_key: bytes = b""
    members_at: int = 0
    key: bytes = field(init=False, repr=False)
    meets_hidden: bool = field(init=False, repr=False)
    """Whether what is hidden may show at all: some group masks, bridges or tells."""
    _sights: dict[tuple[frozenset[str], str], EntityScope] = field(init=False, repr=False, default_factory=dict)
    _parts: dict[tuple[str, str], "_Part"] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        told = repr((self.everything, [_form(self.rules[group]) for group in sorted(self.rules)], self.members_at))
        shows = any(
            rule.tells_withheld or rule.boundary in (Boundary.BRIDGE, Boundary.MASK) for rule in self.rules.values()
        )
        object.__setattr__(self, "meets_hidden", shows)
        object.__setattr__(self, "key", sha256(told.encode("utf-8", "surrogatepass") + self.mask_key).digest())

    @classmethod
    def of(cls, rules: Iterable[GroupRule], mask_key: bytes = b"", members_at: int = 0) -> "Scope":
        """The scope of some rules, one for each group that anything is said of."""
        return cls(False, MappingProxyType({rule.group: rule for rule in rules}), mask_key, members_at)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scope) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def entity_scope(self, groups: frozenset[str], kind: str) -> EntityScope:
        """What the caller sees of an entity of a kind that is in these groups: all of them, its default group too."""
        if self.everything:
            return FULL_ENTITY_SCOPE
        found = self._sights.get((groups, kind))
        if found is None:
            found = self._sights[groups, kind] = self._sight(groups, kind)
        return found

    def _sight(self, groups: frozenset[str], kind: str) -> EntityScope:
        parts = [self._part(group, kind) for group in groups]
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

    def _part(self, group: str, kind: str) -> "_Part":
        found = self._parts.get((group, kind))
        if found is None:
            found = self._parts[group, kind] = _Part.of(self.rules.get(group) or GroupRule(group), kind)
        return found

    def masked_id(self, id: str) -> str:
        """The id under which the caller is shown an entity that is masked."""
        return urlsafe_b64encode(new(self.mask_key, id.encode(), "sha256").digest()[:16]).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class _Part:
    """What one group adds to the sight of entities of a kind. `boundary` is by its place among the strictest."""

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
        # What is not set decides nothing where something is; where nothing is set, it is cut.
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
    """A rule in a form that is the same in every process."""

    def words(given: Iterable[str] | None) -> object:
        return None if given is None else sorted(map(str, given))

    grants = sorted(
        repr((words(g.permissions), words(g.kinds), words(g.directions), g.depth, words(g.redacted)))
        for g in rule.grants
    )
    return rule.group, grants, words(rule.forbidden), rule.boundary and str(rule.boundary), rule.tells_withheld


EVERYTHING: Final = Scope(everything=True)


def default_group(account: str) -> str:
    """The id of the group that holds all entities of an account."""
    digest = sha256(b"lineal:default-group:" + account.encode("utf-8", "surrogatepass")).digest()
    return urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()
