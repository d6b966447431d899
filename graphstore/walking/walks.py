"""Breadth-first walks, resumable level by level.

A walk is of one view, and the store is immutable, so what was walked stays right for ever: a later page goes on from
where an earlier one stopped, in another read.
"""

from array import array
from collections.abc import Collection

from lineal.graphstore.kinds import LineageDirection
from lineal.graphstore.queries import EntityFilter
from lineal.graphstore.walking.crossings import Crossings, Reading


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
        level = len(self.levels)
        found = reading.far_keys(self.crossings, self.frontier)
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
            stopped = set(reading.matching(reached, self.stop_at))
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
