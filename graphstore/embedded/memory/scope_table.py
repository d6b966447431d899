"""A scope as arrays: whether an entity is readable and crossable, by the number of its set of groups and its kind.

`Scope.entity_scope` is computed once for each set of groups; a traversal only looks it up, for all keys of a frontier
at once.
"""

from sys import getsizeof
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lineal.auth.scopes import UNLIMITED, Boundary, EntityScope, Scope
from lineal.bounded_cache import BoundedCache
from lineal.graphstore.codes import KIND_BITS, KIND_MASK, KINDS, RESTRICTED
from lineal.graphstore.embedded.memory.group_membership import GroupMembership, MembershipSource
from lineal.graphstore.embedded.memory.key_arrays import Keys, ascending
from lineal.graphstore.kinds import LineageDirection
from lineal.graphstore.walking.reader_protocol import Hidden

_READABLE: Final = 3
_STATES: Final = {Boundary.CUT: 0, Boundary.BRIDGE: 1, Boundary.MASK: 2}
MOST_BYTES: Final = 64 * 1024 * 1024
"""About how many bytes all scope tables hold together; one over 10,000 accounts holds 10 MB."""
_KINDS: Final = 1 << KIND_BITS


class ScopeTable:
    """A scope as tables over the sets of groups that `GroupMembership` holds."""

    def __init__(self, scope: Scope, membership: GroupMembership) -> None:
        self.scope, self.membership = scope, membership
        self._known = 0
        self.table = b""
        """A byte for every set of groups and kind code: 1 if such entities are readable, else 0."""
        self.accounts: set[str] = set()
        """The accounts that have readable entities."""
        self.redacts = False
        """Whether the scope may hide a property key of a readable entity."""
        self._states = np.zeros((0, _KINDS), np.uint8)
        self._limits = {way: np.zeros((0, _KINDS), np.int32) for way in _WAYS}
        self._by_kind = {
            group for group, rule in scope.rules.items() if any(grant.kinds is not None for grant in rule.grants)
        }
        self._lock = Lock()

    @property
    def weight(self) -> int:
        """About how many bytes this holds."""
        limits = sum(limit.nbytes for limit in self._limits.values())
        return 1_000 + len(self.table) + self._states.nbytes + limits + getsizeof(self.accounts)

    def follow(self) -> None:
        """Add the sets of groups that are new in the membership."""
        with self._lock:
            sets = self.membership.sets[self._known :]
            if not sets:
                return
            states = np.zeros((len(sets), _KINDS), np.uint8)
            limits = {way: np.zeros((len(sets), _KINDS), np.int32) for way in _WAYS}
            for row, groups in enumerate(sets):
                for kinds, entity_scope in self._entity_scopes(groups):
                    self.redacts |= entity_scope.is_readable and entity_scope.is_redacted
                    states[row, kinds] = _READABLE if entity_scope.is_readable else _STATES[entity_scope.boundary]
                    limits[_UP][row, kinds] = entity_scope.ascendants
                    limits[_DOWN][row, kinds] = entity_scope.descendants
            self._limits = {way: np.concatenate((self._limits[way], limits[way])) for way in _WAYS}
            self._states = np.concatenate((self._states, states))
            is_readable = self._states == _READABLE
            self.table = is_readable.tobytes()
            homes = self.membership.homes.copy()
            shown = is_readable.any(axis=1)
            self.accounts = {account for (account, _), number in homes.items() if number < len(shown) and shown[number]}
            self._known += len(sets)

    def _entity_scopes(self, groups: frozenset[str]) -> list[tuple[slice | int, EntityScope]]:
        if self._by_kind.isdisjoint(groups):
            return [(slice(None), self.scope.entity_scope(groups, "")), (RESTRICTED, EntityScope())]
        of_kinds = [(code, self.scope.entity_scope(groups, kind)) for code, kind in KINDS.items() if code != RESTRICTED]
        return [(slice(None), EntityScope()), *of_kinds]

    def count_readable(self) -> int:
        """The number of entities of which some kind is readable in their groups."""
        shown = (self._states == _READABLE).any(axis=1)
        numbers = self.membership.loaded_numbers
        return int(np.count_nonzero(shown[numbers[numbers < len(shown)]]))

    def sees(self, key: int) -> int:
        """1 where an entity is readable, else 0."""
        index = self.membership.numbers.item(key >> KIND_BITS) << KIND_BITS | key & KIND_MASK
        if index >= len(self.table):
            self.follow()
        return self.table[index]

    def _at(self, keys: Keys) -> tuple[NDArray[np.int32], Keys]:
        """The indices of the keys in the tables. Computed before the tables are read, because it may extend them."""
        numbers = self.membership.numbers[keys >> KIND_BITS]
        if len(numbers) and numbers.max() >= self._known:
            # Another read has just loaded an entity with a new set of groups.
            self.follow()
        return numbers, keys & KIND_MASK

    def readable(self, keys: Keys) -> Keys:
        """The keys of readable entities; keys may be negative, and stay so."""
        at = self._at(np.abs(keys))
        readable_keys: Keys = keys[self._states[at] == _READABLE]
        return readable_keys

    def not_readable(self, keys: Keys) -> Keys:
        """The keys of entities that are not readable; keys may be negative, and stay so."""
        at = self._at(np.abs(keys))
        hidden_keys: Keys = keys[self._states[at] != _READABLE]
        return hidden_keys

    def crossable(self, keys: Keys, way: LineageDirection, distance: int | None) -> Keys:
        """The keys that may be crossed at a distance; without one, also hidden entities that are not cut."""
        at = self._at(keys)
        if distance is not None:
            crossable_keys: Keys = keys[self._limits[way][at] > distance]
            return crossable_keys
        states = self._states[at]
        may = (self._limits[way][at] == UNLIMITED) | ((states > 0) & (states < _READABLE))
        hidden_or_unlimited: Keys = keys[may]
        return hidden_or_unlimited

    def limit(self, key: int, way: LineageDirection) -> int:
        """The distance below which an entity may be crossed."""
        at = self._at(np.array([key]))
        return int(self._limits[way][at][0])

    def hidden(self, keys: Keys) -> Hidden:
        """The keys of entities that are not readable, by boundary."""
        keys = ascending(np.abs(keys))
        at = self._at(keys)
        states = self._states[at]
        by_state = {state: set(keys[states == state].tolist()) for state in _STATES.values()}
        return Hidden(
            by_state[_STATES[Boundary.MASK]], by_state[_STATES[Boundary.BRIDGE]], by_state[_STATES[Boundary.CUT]]
        )

    def entity_scope(self, key: int) -> EntityScope:
        """The part of the scope that applies to an entity."""
        return self.scope.entity_scope(
            self.membership.sets[self.membership.numbers[key >> KIND_BITS]], KINDS[key & KIND_MASK]
        )


class ScopeTables:
    """The tables of the scopes used last, over one state of group membership."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._membership = GroupMembership()
        self._tables: BoundedCache[Scope, ScopeTable] = BoundedCache(most_bytes, lambda _, table: table.weight)

    def of(self, scope: Scope, source: MembershipSource) -> ScopeTable | None:
        """The table of a scope, up to date with a snapshot; None for a scope of everything."""
        if scope.everything:
            return None
        self._membership.follow(source)
        table = self._tables.get(scope) or ScopeTable(scope, self._membership)
        table.follow()
        # Put again, to be weighed again: the table may have grown by new sets of groups.
        self._tables.put(scope, table)
        return table


_UP, _DOWN = LineageDirection.ASCENDANTS, LineageDirection.DESCENDANTS
_WAYS: Final = (_UP, _DOWN)
