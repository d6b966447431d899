"""Breadth-first walks over the association table, one statement a level, resumable level by level.

A walk is of one view, and the store is immutable, so what was walked stays right for ever: a later page goes on from
where an earlier one stopped, in another transaction.
"""

from array import array
from collections.abc import Collection, Iterable
from itertools import chain

from lineal.graphstore.embedded.conditions import Condition, association_condition, matching
from lineal.graphstore.embedded.migrations import SAME_AS, TYPE_CODES
from lineal.graphstore.embedded.reading import AssociationKey, Reading, carried
from lineal.graphstore.filters import matches_association
from lineal.graphstore.kinds import LineageDirection
from lineal.graphstore.queries import AssociationFilter, EntityFilter

FAR_END = {LineageDirection.DESCENDANTS: "destination", LineageDirection.ASCENDANTS: "source"}
NEAR_END = {LineageDirection.DESCENDANTS: "source", LineageDirection.ASCENDANTS: "destination"}

Crossing = tuple[int, AssociationKey]
"""The key an association leads to, and the association."""


class Crossings:
    """Which associations lead on from keys, in one direction, under a filter."""

    def __init__(self, direction: LineageDirection, via: AssociationFilter | None) -> None:
        self.direction, self.via = direction, via
        self.condition: Condition = association_condition(via)
        self.asks_only_types = via is None or via == AssociationFilter(type=via.type)
        self.types = None if via is None or via.type is None else [TYPE_CODES[type] for type in via.type]
        ways = [LineageDirection.ASCENDANTS, LineageDirection.DESCENDANTS]
        self.ways = ways if direction is LineageDirection.CONNECTED else [direction]

    def reversed(self) -> "Crossings":
        """The crossings that lead back."""
        back = {
            LineageDirection.ASCENDANTS: LineageDirection.DESCENDANTS,
            LineageDirection.DESCENDANTS: LineageDirection.ASCENDANTS,
        }
        return Crossings(back.get(self.direction, self.direction), self.via)

    def _statements(self, reading: Reading, columns: str) -> Iterable[str]:
        """One statement a way, and one more where a SAME_AS is crossed against its direction.

        Keys crossed to over a SAME_AS come out negative: `columns` may name `far`.
        """
        both = len(self.ways) == 2
        for way in self.ways:
            near, far = NEAR_END[way], FAR_END[way]
            yield self._statement(reading, near, far, columns, "true")
            if not both and self._has_same_as(reading):
                yield self._statement(reading, far, near, columns, f"a.type = {SAME_AS}")

    def _has_same_as(self, reading: Reading) -> bool:
        rows = reading.connection.execute(
            f"SELECT EXISTS (SELECT 1 FROM association INDEXED BY association_same_as WHERE type = {SAME_AS})"
        )
        return bool(next(rows)[0])

    def _statement(self, reading: Reading, near: str, far: str, columns: str, only: str) -> str:
        signed = f"CASE a.type WHEN {SAME_AS} THEN -a.{far} ELSE a.{far} END"
        return (
            f"SELECT {columns.replace('far', signed)} FROM carray(?) f CROSS JOIN association a ON a.{near} = f.value "
            f"WHERE {only} AND {self.condition.sql} AND {reading.exists('a', far)}"
        )

    def far_keys(self, reading: Reading, frontier: Collection[int]) -> set[int]:
        """Every key one crossing away; negative where the crossing was a SAME_AS."""
        if reading.adjacency is not None and self.asks_only_types:
            return reading.adjacency.far_keys(frontier, self.ways, self.types)
        if not self.condition.exact:
            return {-far if key[1] == SAME_AS else far for _, far, key in self.crossed(reading, frontier)}
        parameters = self.condition.parameters
        rows = (
            reading.connection.execute(statement, (carried(frontier), *parameters))
            for statement in self._statements(reading, "far")
        )
        return set(chain.from_iterable(chain.from_iterable(rows)))

    def crossed(self, reading: Reading, frontier: Collection[int]) -> list[tuple[int, int, AssociationKey]]:
        """Every crossing from the keys: the near key, the far key, the association."""
        columns = "f.value, far, a.source, a.type, a.destination, a.role"
        rows = [
            (near, abs(far), (source, type, destination, role))
            for statement in self._statements(reading, columns)
            for near, far, source, type, destination, role in reading.connection.execute(
                statement, (carried(frontier), *self.condition.parameters)
            )
        ]
        if not self.condition.exact and self.via is not None:
            via = self.via
            records = reading.associations({key for _, _, key in rows})
            rows = [row for row in rows if matches_association(records[row[2]], via)]
        return rows


class OneWay:
    """The walk from some starts in one direction: `levels[d]` holds the keys at distance d (0: nothing)."""

    def __init__(
        self, starts: Collection[int], crossings: Crossings, depth: int | None, stop_at: EntityFilter | None
    ) -> None:
        self.starts = frozenset(starts)
        self.crossings = crossings
        self.depth, self.stop_at = depth, stop_at
        self.levels: list[array[int]] = [array("q")]
        self.distance: dict[int, int] = {}
        # A set takes away what is in another; of a dict's keys it would walk through all.
        self._seen: set[int] = set()
        self.stopped: set[int] = set()
        self.frontier: Collection[int] = self.starts
        self.cut_at_depth = False

    @property
    def finished(self) -> bool:
        """Whether there is nothing further to walk."""
        return not self.frontier or (self.depth is not None and len(self.levels) > self.depth)

    def advance(self, reading: Reading) -> None:
        """Walk one level on."""
        found = self.crossings.far_keys(reading, self.frontier)
        level = len(self.levels)
        returns: frozenset[int] = frozenset()
        if self.crossings.direction is not LineageDirection.CONNECTED:
            returns = (self.starts & found) - self._seen
        if found and min(found) < 0:
            found = {abs(key) for key in found}
        new = found - self._seen - self.starts
        reached = new | returns
        self._seen |= reached
        self.distance.update(dict.fromkeys(reached, level))
        self.levels.append(array("q", reached))
        going_on = new
        if self.stop_at is not None:
            stopped = set(matching(reading, reached, self.stop_at))
            self.stopped |= stopped
            going_on = new - stopped
            reached = reached - stopped
        self.cut_at_depth = self.depth == level and bool(reached)
        self.frontier = going_on
        if self.finished:
            self._seen.clear()

    def before(self, key: int, level: int) -> bool:
        """Whether the walk went on from this key to the given level."""
        if key in self.starts:
            return level == 1
        return self.distance.get(key) == level - 1 and key not in self.stopped


class Steps:
    """Levels of several walks taken together: what any of them reaches, at the least distance."""

    def __init__(self, ways: list[OneWay]) -> None:
        self.ways = ways
        self.levels: list[array[int]] = [array("q")]
        self.seen: set[int] = set()

    @property
    def finished(self) -> bool:
        """Whether every walk is finished."""
        return all(way.finished for way in self.ways)

    @property
    def cut_at_depth(self) -> bool:
        """Whether any walk stopped at its depth with something left to go on from."""
        return any(way.cut_at_depth for way in self.ways)

    def advance(self, reading: Reading) -> None:
        """Walk one level on."""
        for way in self.ways:
            if not way.finished:
                way.advance(reading)
        level = len(self.levels)
        if len(self.ways) == 1:
            self.levels.append(self.ways[0].levels[level])
            return
        new = {key for way in self.ways if len(way.levels) > level for key in way.levels[level]} - self.seen
        self.seen |= new
        self.levels.append(array("q", new))
