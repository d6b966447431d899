"""A scope as conditions on the vertices of entities, by the numbers of the groups on a vertex.

A condition is a sequence of steps that the engine evaluates at every hop, so that entities that the caller may not see
are not fetched. It is None if it always holds: a traversal is then the same as for a scope of everything. If the exact
entity scope is needed, the groups of the entity are fetched with it.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final

from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.process.traversal import P, TextP

from lineal.auth.permissions import Permission
from lineal.auth.scopes import FULL_ENTITY_SCOPE, Boundary, EntityScope, Grant, Scope
from lineal.graphstore.codes import KIND_CODES
from lineal.graphstore.gremlin.vertex_ids import GROUP, number_of_group
from lineal.graphstore.kinds import EntityKind, LineageDirection

_WAYS: Final = (LineageDirection.ASCENDANTS, LineageDirection.DESCENDANTS)
_NO_GROUP: Final = ""
"""The id for every group without a rule in the scope; no group has it."""
_KEPT: Final = 64
MOST_NAMED: Final = 50
"""The most groups that a query of an index names."""


def never() -> GraphTraversal:
    """Return a condition that no entity passes."""
    return __.has_not("recorded_at")


def in_groups(groups: Iterable[str]) -> GraphTraversal:
    """Return a condition: the vertex is in any of these groups, however many."""
    # `within` would be compared member by member: for a thousand groups, that takes a hundred times as long.
    return __.values(GROUP).as_string().is_(TextP.regex(pattern(str(number_of_group(group)) for group in groups)))


def pattern(words: Iterable[str]) -> str:
    """Return a regular expression that matches these words of letters and digits, and no other text.

    Common beginnings occur once, so that the time of matching depends on the length of a text, not on the number of
    words.
    """
    tree: dict[str, Any] = {}
    for word in words:
        node = tree
        for character in word:
            node = node.setdefault(character, {})
        node[""] = {}

    def written(node: dict[str, Any]) -> str:
        ways = [character + written(rest) if character else "" for character, rest in sorted(node.items())]
        return ways[0] if len(ways) == 1 else f"(?:{'|'.join(ways)})"

    return f"^{written(tree)}$"


@dataclass(frozen=True)
class _Allowance:
    """The groups in which a permission is allowed, with the kinds (None for all), and the groups that forbid it."""

    groups: dict[str, frozenset[str] | None]
    forbidden: frozenset[str]

    @classmethod
    def of(
        cls, scope: Scope, permission: Permission, admits: Callable[[Grant], bool] = lambda grant: True
    ) -> "_Allowance":
        """Return the allowance of the grants of a scope that `admits` accepts."""
        forbidden = frozenset(rule.group for rule in scope.rules.values() if permission in rule.forbidden)
        groups: dict[str, frozenset[str] | None] = {}
        for rule in scope.rules.values():
            kinds = [grant.kinds for grant in rule.grants if permission in grant.permissions and admits(grant)]
            named_kinds = frozenset[str]().union(*(of_grant for of_grant in kinds if of_grant is not None))
            if (named_kinds or None in kinds) and rule.group not in forbidden:
                groups[rule.group] = None if None in kinds else named_kinds
        return cls(groups, forbidden)

    def covers(self, other: "_Allowance") -> bool:
        """Return whether this allows, group by group, everything that `other` allows."""

        def holds(group: str, kinds: frozenset[str] | None) -> bool:
            allowed = self.groups.get(group, frozenset())
            return allowed is None or (kinds is not None and kinds <= allowed)

        return self.forbidden <= other.forbidden and all(holds(group, kinds) for group, kinds in other.groups.items())

    def allowed(self) -> GraphTraversal:
        """Return a condition: some group of a vertex allows the permission, whatever other groups forbid."""
        by_kinds: defaultdict[frozenset[str] | None, list[str]] = defaultdict(list)
        for group, kinds in self.groups.items():
            by_kinds[kinds].append(group)
        return any_of([_of_kinds(kinds, in_groups(groups)) for kinds, groups in by_kinds.items()])

    def steps(self) -> GraphTraversal:
        """Return a condition: the permission is allowed on a vertex."""
        return _unless(self.forbidden, self.allowed())


def any_of(conditions: list[GraphTraversal]) -> GraphTraversal:
    """Return a condition: any of these conditions holds."""
    if not conditions:
        return never()
    return conditions[0] if len(conditions) == 1 else __.or_(*conditions)


def _in_any(groups: Collection[str]) -> GraphTraversal:
    return in_groups(groups) if groups else never()


def _of_kinds(kinds: frozenset[str] | None, condition: GraphTraversal) -> GraphTraversal:
    if kinds is None:
        return condition
    # Not `has`: JanusGraph would look up all entities of the kinds in an index.
    codes = sorted(KIND_CODES[EntityKind(kind)] for kind in kinds)
    return __.and_(__.values("kind").is_(P.within(codes)), condition)


def _unless(groups: Collection[str], condition: GraphTraversal) -> GraphTraversal:
    return __.and_(__.not_(in_groups(groups)), condition) if groups else condition


class ScopeSteps:
    """One scope as steps.

    `redacts`: some readable entity may have a hidden property key. `limits`: some readable entity may not be crossed at
    some distance or in some direction. `needs_groups`: readable entities differ in their entity scopes.
    """

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self._read = _Allowance.of(scope, Permission.READ)
        self.sees_nothing = not scope.everything and not self._read.groups
        self.meets_hidden = scope.meets_hidden
        self.counts_withheld = any(rule.tells_withheld for rule in scope.rules.values())
        unredacted = _Allowance.of(scope, Permission.READ_PROPERTIES, lambda grant: not grant.redacted)
        self.redacts = not unredacted.covers(self._read)
        unlimited = [self._crossing((way,), lambda grant: grant.depth is None) for way in _WAYS]
        self.limits = not all(allowance.covers(self._read) for allowance in unlimited)
        self.needs_groups = self.redacts or self.limits
        self._shown: dict[str | None, GraphTraversal | None] = {}
        self._groups = {int(number_of_group(group)): group for group in scope.rules}

    # -- visible entities --

    def entity_scope(self, numbers: Iterable[int], kind: EntityKind) -> EntityScope:
        """Return the entity scope of an entity of a kind in the groups with these numbers."""
        if self.scope.everything:
            return FULL_ENTITY_SCOPE
        return self.scope.entity_scope(frozenset(self._groups.get(number, _NO_GROUP) for number in numbers), kind)

    @cached_property
    def readable(self) -> GraphTraversal | None:
        """The condition that an entity is readable."""
        return None if self.scope.everything else self._read.steps()

    @cached_property
    def readable_in(self) -> list[int] | None:
        """The numbers of groups, in order, such that every readable entity is in one of them; None if they are many."""
        groups = self._read.groups
        return None if self.scope.everything or len(groups) > MOST_NAMED else sorted(map(number_of_group, groups))

    @cached_property
    def met(self) -> GraphTraversal:
        """The condition that an entity is not readable, and that a traversal registers it."""
        hidden = never() if self.readable is None else __.not_(self.readable)
        if self.counts_withheld:
            return hidden
        crossed = self._bounded(Boundary.BRIDGE) | self._bounded(Boundary.MASK)
        return __.and_(hidden, _unless(self._bounded(Boundary.CUT), _in_any(crossed)))

    @cached_property
    def masked(self) -> GraphTraversal:
        """The condition that an entity is met, and shown as restricted."""
        stricter = self._bounded(Boundary.CUT) | self._bounded(Boundary.BRIDGE)
        return __.and_(self.met, _unless(stricter, _in_any(self._bounded(Boundary.MASK))))

    @cached_property
    def crossed_to(self) -> GraphTraversal:
        """The condition that a traversal registers an entity that it reaches from a hidden one."""
        return self.met if self.readable is None else __.or_(self.readable, self.met)

    def _bounded(self, boundary: Boundary) -> frozenset[str]:
        return frozenset(rule.group for rule in self.scope.rules.values() if rule.boundary is boundary)

    # -- properties --

    def showing(self, key: str | None) -> GraphTraversal | None:
        """Return the condition that a readable entity does not hide a property key; None: a key that no grant names."""
        return self._showing(key if key in self.redacted else None)

    @cached_property
    def redacted(self) -> frozenset[str]:
        """The property keys that some grant redacts."""
        grants = (grant for rule in self.scope.rules.values() for grant in rule.grants)
        return frozenset().union(*(grant.redacted for grant in grants))

    def _showing(self, key: str | None) -> GraphTraversal | None:
        if key not in self._shown:
            shown = _Allowance.of(self.scope, Permission.READ_PROPERTIES, lambda grant: key not in grant.redacted)
            self._shown[key] = None if shown.covers(self._read) else shown.steps()
        return self._shown[key]

    # -- crossing --

    def _crossing(self, ways: Collection[LineageDirection], admits: Callable[[Grant], bool]) -> _Allowance:
        def leads(grant: Grant) -> bool:
            return (grant.directions is None or not grant.directions.isdisjoint(ways)) and admits(grant)

        return _Allowance.of(self.scope, Permission.TRAVERSE, leads)

    def crossable(self, ways: Collection[LineageDirection], begin: int) -> GraphTraversal | None:
        """Return the condition, in a `repeat`, that a readable entity may be crossed in any of `ways` at its distance.

        `begin` is the number of the loop in which starts are crossed.
        """
        if not self.limits:
            return None
        rules = self.scope.rules.values()
        depths = {grant.depth for rule in rules for grant in rule.grants}
        conditions = []
        for depth in sorted(depths, key=lambda depth: (depth is not None, depth)):
            allowed = self._crossing(ways, _of_depth(depth))
            if allowed.groups:
                within = allowed.allowed()
                conditions.append(within if depth is None else __.and_(__.loops().is_(P.lt(begin + depth)), within))
        return _unless(self._crossing(ways, lambda grant: True).forbidden, any_of(conditions))


def _of_depth(depth: int | None) -> Callable[[Grant], bool]:
    return lambda grant: grant.depth == depth


@lru_cache(_KEPT)
def scope_steps(scope: Scope) -> ScopeSteps:
    """Return the steps of a scope, cached for the most recent scopes."""
    return ScopeSteps(scope)
