"""Breadth-first walks, resumable level by level.

A walk is of one view, and the store is immutable, so what was walked stays right for ever: a later page goes on from
where an earlier one stopped, in another read.
"""

from array import array
from collections.abc import Collection

from lineal.graphstore.kinds import LineageDirection
from lineal.graphstore.queries import EntityFilter
from lineal.graphstore.walking.reader_protocol import Crossings, Reader, masked


class DirectedWalk:
    """The walk from some starts in one direction: `levels[d]` holds the keys at distance d (0: nothing).

    What is shown as restricted is among them under its masked key, and never gone on from.
    """

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
        self.hidden_frontier: set[int] = set()
        """The hidden entities met that may be crossed."""
        self.withheld: set[int] = set()
        """The hidden entities met that are not shown."""

    @property
    def finished(self) -> bool:
        """Whether there is nothing further to walk that has a distance."""
        return not self.frontier or (self.depth is not None and len(self.levels) > self.depth)

    def advance(self, reader: Reader) -> None:
        """Walk one level on."""
        level = len(self.levels)
        found = reader.far_keys(self.crossings, self.frontier, level - 1)
        returns: frozenset[int] = frozenset()
        if self.crossings.direction is not LineageDirection.CONNECTED:
            returns = (self.starts & found) - self._seen
        if found and min(found) < 0:
            found = {abs(key) for key in found}
        new = found - self._seen - self.starts
        reached = new | returns
        if reader.meets_hidden:
            reached |= self._met(reader, level)
        self._seen |= reached
        self.distance.update(dict.fromkeys(reached, level))
        self.levels.append(array("q", reached))
        going_on = new
        if self.stop_at is not None:
            stopped = set(reader.matching(reached, self.stop_at))
            self.stopped |= stopped
            going_on = new - stopped
            reached = reached - stopped
        self.cut_at_depth = self.depth == level and bool(reached)
        self.frontier = going_on
        if self.finished:
            self._seen.clear()

    def _met(self, reader: Reader, level: int) -> set[int]:
        """Note the hidden entities that the frontier leads to; gives the masked keys not shown before."""
        hidden = reader.hidden_keys(self.crossings, self.frontier, level - 1)
        self.hidden_frontier |= going_on_from(reader, hidden.masked, self.stop_at) | hidden.bridged
        self.withheld |= hidden.bridged | hidden.cut
        return {masked(key) for key in hidden.masked} - self._seen

    def before(self, key: int, level: int) -> bool:
        """Whether the walk went on from this key to the given level."""
        if key in self.starts:
            return level == 1
        return self.distance.get(key) == level - 1 and key not in self.stopped


def going_on_from(reader: Reader, hidden: set[int], stop_at: EntityFilter | None) -> set[int]:
    """Of masked entities those at which a walk does not stop."""
    stops = stop_at is not None and hidden and reader.matching([masked(next(iter(hidden)))], stop_at)
    return set() if stops else hidden


class HiddenReach:
    """What a finished walk reaches only across hidden entities, one hop after another, with no distances."""

    def __init__(self, way: DirectedWalk) -> None:
        self._way = way
        self._hidden = set(way.hidden_frontier)
        self.frontier: set[int] = set(way.hidden_frontier)
        self.reached: set[int] = set()

    def advance(self, reader: Reader) -> None:
        """Walk one hop on."""
        way = self._way
        found = reader.far_keys(way.crossings, self.frontier, None)
        hidden = reader.hidden_keys(way.crossings, self.frontier, None)
        returns: frozenset[int] = frozenset()
        if way.crossings.direction is not LineageDirection.CONNECTED:
            returns = way.starts & found
        new = {abs(key) for key in found} - way.starts
        shown = {masked(key) for key in hidden.masked}
        reached = {key for key in new | returns | shown if key not in way.distance} - self.reached
        self.reached |= reached
        going_on = reached & new
        if way.stop_at is not None:
            going_on -= set(reader.matching(going_on, way.stop_at))
        way.withheld |= hidden.bridged | hidden.cut
        crossable = (going_on_from(reader, hidden.masked, way.stop_at) | hidden.bridged) - self._hidden
        self._hidden |= crossable
        self.frontier = going_on | crossable


class WalkUnion:
    """Levels of several walks taken together: what any of them reaches, at the least distance.

    What is reached only across hidden entities makes the last level, `beyond_at`, once all others are known.
    """

    def __init__(self, ways: list[DirectedWalk]) -> None:
        self.ways = ways
        self.levels: list[array[int]] = [array("q")]
        self.seen: set[int] = set()
        self.beyond_at: int | None = None
        self._beyond: list[HiddenReach] = []

    @property
    def finished(self) -> bool:
        """Whether every walk is finished."""
        if not all(way.finished for way in self.ways):
            return False
        return self.beyond_at is not None or not any(way.hidden_frontier and way.depth is None for way in self.ways)

    @property
    def cut_at_depth(self) -> bool:
        """Whether any walk stopped at its depth with something left to go on from."""
        return any(way.cut_at_depth for way in self.ways)

    @property
    def withheld(self) -> set[int]:
        """The hidden entities met that are not shown."""
        return set().union(*(way.withheld for way in self.ways))

    def advance(self, reader: Reader) -> None:
        """Walk one level on; beyond hidden entities one hop, which makes a level with the last."""
        if all(way.finished for way in self.ways):
            self._advance_beyond(reader)
            return
        for way in self.ways:
            if not way.finished:
                way.advance(reader)
        level = len(self.levels)
        if len(self.ways) == 1:
            self.levels.append(self.ways[0].levels[level])
            return
        new = {key for way in self.ways if len(way.levels) > level for key in way.levels[level]} - self.seen
        self.seen |= new
        self.levels.append(array("q", new))

    def _advance_beyond(self, reader: Reader) -> None:
        if not self._beyond:
            self._beyond = [HiddenReach(way) for way in self.ways]
        for beyond in self._beyond:
            if beyond.frontier:
                beyond.advance(reader)
        if not any(beyond.frontier for beyond in self._beyond):
            reached = set().union(*(beyond.reached for beyond in self._beyond))
            self.beyond_at = len(self.levels)
            self.levels.append(array("q", reached - self.seen))
