"""The visible part of one snapshot in one view: the only module that checks existence, times and scope.

Every read takes its conditions on rows and its tests of keys from here; no other module compares times or queries a
scope.
"""

from collections.abc import Collection
from typing import Final

import apsw
import numpy as np

from lineal.auth.scopes import EntityScope
from lineal.graphstore.codes import KIND_BITS
from lineal.graphstore.embedded.memory.key_arrays import NO_KEYS, Keys, keys_of
from lineal.graphstore.embedded.memory.scope_table import ScopeTable
from lineal.graphstore.embedded.sql.connection import Connection
from lineal.graphstore.kinds import LineageDirection
from lineal.graphstore.records import View
from lineal.graphstore.walking.reader_protocol import Hidden

MOST_NAMED: Final = 50
"""A statement names the accounts that have readable entities where there are no more than this."""


class Visibility:
    """Decides which part of the snapshot of one connection a view shows.

    Conditions are SQL that holds for rows of an alias; they are `true` where every row shows. Methods on keys keep the
    order of the keys. `scope_table` is that of the view's scope, None only where the scope is everything.

    `shows_nothing`: no entity is readable. `is_settled`: no later batch can belong to the view's moment, so the view
    never changes. `covers_all`: nothing in the snapshot is later than the view's moment, so no row needs its times
    compared. `meets_hidden`: hidden entities may show as restricted. `is_scoped`: entities may be hidden.
    """

    def __init__(self, connection: Connection, view: View, scope_table: ScopeTable | None = None) -> None:
        assert scope_table is not None or view.scope.everything, "a limited scope is read with its table"
        self._connection, self._scope_table = connection, scope_table
        self._as_of = as_of = view.as_of
        latest = newest(connection)
        self.covers_all = as_of.occurred_at is None and as_of.recorded_at >= latest
        self.is_settled = as_of.recorded_at <= latest
        self._has_moved = as_of.recorded_at < latest and _has_moved(connection, as_of.recorded_at)
        self.is_scoped = scope_table is not None
        self.shows_nothing = scope_table is not None and not scope_table.accounts
        self.meets_hidden = view.scope.meets_hidden

    # -- the moment --

    def at_moment(self, alias: str) -> str:
        """The condition that a row was recorded and occurred by the view's moment; not for entities or associations."""
        if self.covers_all:
            return "true"
        as_of = self._as_of
        condition = f"{alias}.recorded_at <= {as_of.recorded_at:d}"
        return condition + ("" if as_of.occurred_at is None else f" AND {alias}.occurred_at <= {as_of.occurred_at:d}")

    def known_from(self, alias: str) -> str:
        """The earliest time of an entity row and its revisions, of those that were recorded by the view's moment."""
        if not self._has_moved:
            return f"{alias}.known_from"
        at = self._as_of.recorded_at
        earliest = (
            f"SELECT min({alias}.occurred_at, v.occurred_at) FROM revision v INDEXED BY revision_by_time "
            f"WHERE v.entity = {alias}.key AND v.recorded_at <= {at:d} ORDER BY v.occurred_at LIMIT 1"
        )
        return f"iif({alias}.moved_at > {at:d}, ifnull(({earliest}), {alias}.occurred_at), {alias}.known_from)"

    def entity_exists(self, alias: str) -> str:
        """The condition that an entity exists in the view, readable or not."""
        if self.covers_all:
            return "true"
        as_of = self._as_of
        condition = f"{alias}.recorded_at <= {as_of.recorded_at:d}"
        return condition + (
            "" if as_of.occurred_at is None else f" AND {self.known_from(alias)} <= {as_of.occurred_at:d}"
        )

    def occurred_at(self, alias: str) -> str:
        """The time of an association row; where it has none, the later of the times of its ends."""
        ends = (
            f"(SELECT {self.known_from(end)} FROM entity {end} WHERE {end}.key = {alias}.{column})"
            for end, column in (("es", "source"), ("ed", "destination"))
        )
        return f"ifnull({alias}.occurred_at, max({', '.join(ends)}))"

    def is_at_moment(self, recorded_at: int, occurred_at: int) -> bool:
        """Whether the two times are no later than the view's moment."""
        as_of = self._as_of
        return recorded_at <= as_of.recorded_at and (as_of.occurred_at is None or occurred_at <= as_of.occurred_at)

    def association_exists(self, alias: str, end: str) -> str:
        """The condition that an association exists, provided that the end other than column `end` does.

        Recorded times of the ends need no check: an association is never recorded before its ends.
        """
        if self.covers_all:
            return "true"
        as_of = self._as_of
        condition = f"{alias}.recorded_at <= {as_of.recorded_at:d}"
        if as_of.occurred_at is not None:
            own = f"ifnull({alias}.occurred_at <= {as_of.occurred_at:d}, true)"
            other = f"SELECT 1 FROM entity o WHERE o.key = {alias}.{end} AND {self.entity_exists('o')}"
            condition += f" AND {own} AND EXISTS ({other})"
        return condition

    # -- the scope, in SQL --

    def entity_shows(self) -> str:
        """The condition that `entity e` exists in the view and is readable."""
        return f"{self.entity_exists('e')} AND {self.entity_is_readable()}"

    def entity_is_readable(self) -> str:
        """The condition that `entity e` is readable under the scope."""
        table = self._scope_table
        if table is None:
            return "true"
        self._connection.sees = table.sees
        accounts = table.accounts
        if len(accounts) > MOST_NAMED or 2 * len(accounts) > len(table.membership.homes):
            return "sees(e.key)"
        # Where few accounts are readable, the index finds their entities, and the others are not read.
        named = ", ".join(apsw.format_sql_value(account) for account in sorted(accounts))
        return f"(e.account IN ({named}) AND sees(e.key))"

    # -- the scope, by key --

    def readable(self, keys: Keys) -> Keys:
        """The keys of readable entities; keys may be negative."""
        return keys if self._scope_table is None else self._scope_table.readable(keys)

    def count_readable(self) -> int:
        """About how many entities are readable: those of kinds that a scope leaves out count where others are read."""
        if self._scope_table is not None:
            return self._scope_table.count_readable()
        last: int = self._connection.execute("SELECT ifnull(max(key), 0) FROM entity").get
        return last >> KIND_BITS

    def readable_set(self, keys: Collection[int]) -> set[int]:
        """The keys of readable entities, as a set; keys may be negative."""
        if self._scope_table is None:
            return set(keys)
        return set(self._scope_table.readable(keys_of(keys)).tolist())

    def not_readable(self, keys: Keys) -> Keys:
        """The keys of entities that are not readable; keys may be negative."""
        return NO_KEYS if self._scope_table is None else self._scope_table.not_readable(keys)

    def hidden(self, keys: Collection[int] | Keys) -> Hidden:
        """The keys of entities that are not readable, by boundary."""
        if self._scope_table is None:
            return Hidden(set(), set(), set())
        return self._scope_table.hidden(keys if isinstance(keys, np.ndarray) else keys_of(keys))

    def crossable(self, keys: Keys, direction: LineageDirection, distance: int | None) -> Keys:
        """The keys that may be crossed at a distance; without one, also hidden entities that are not cut."""
        return keys if self._scope_table is None else self._scope_table.crossable(keys, direction, distance)

    def crosses(self, key: int, direction: LineageDirection, distance: int) -> bool:
        """Whether an entity may be crossed at a distance."""
        return self._scope_table is None or self._scope_table.limit(key, direction) > distance

    def entity_scope(self, key: int) -> EntityScope:
        """The part of the scope that applies to an entity. Only where the view is scoped."""
        assert self._scope_table is not None
        return self._scope_table.entity_scope(key)

    def hides(self, key: int, property_key: str) -> bool:
        """Whether the scope hides a property key of an entity."""
        return self._scope_table is not None and self._scope_table.entity_scope(key).hides(property_key)

    @property
    def hides_properties(self) -> bool:
        """Whether the scope may hide a property key of some readable entity."""
        return self._scope_table is not None and self._scope_table.redacts


def _has_moved(connection: Connection, recorded_at: int) -> bool:
    """Whether a batch recorded after a time moved the earliest known time of an entity."""
    moved: int = connection.execute("SELECT EXISTS (SELECT 1 FROM entity WHERE moved_at > ?)", (recorded_at,)).get
    return bool(moved)


def newest(connection: Connection) -> int:
    """The `recorded_at` of the newest batch; 0 where there is none."""
    recorded_at: int = connection.execute("SELECT ifnull(max(recorded_at), 0) FROM batch").get
    return recorded_at
