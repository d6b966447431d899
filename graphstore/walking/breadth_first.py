"""Breadth-first walks, resumable level by level.

A walk belongs to one view, and the store is immutable, so the levels walked so far stay right for ever: a later page
continues where an earlier one stopped, in another read. A step first reads everything it needs and then changes the
walk, so a read that fails leaves the walk as it was.
"""

from array import array
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from sys import getsizeof
from typing import Any, Final

from lineal.bounded_cache import INT_BYTES
from lineal.graphstore.codes import AssociationKey
from lineal.graphstore.kinds import LineageDirection
from lineal.graphstore.queries import EntityFilter
from lineal.graphstore.walking.reader_protocol import Crossings, Hidden, Reader, masked

_ARRAY_BYTES: Final = getsizeof(array("q"))


@dataclass(frozen=True, slots=True)
class Step:
    """The next level of a walk, read completely before the walk changes."""

    reached: set[int]
    stopped: set[int]
    frontier: set[int]
    hidden_frontier: set[int]
    withheld: set[int]


class DirectedWalk:
    """The walk from some starts in one direction: `levels[d]` holds the keys at distance d, `levels[0]` is empty.

    An entity shown as restricted is reached under its masked key and never expanded.
    """

    is_causal = False

    def __init__(
        self,
        starts: Collection[int],
        crossings: Crossings,
        first_hop: Crossings,
        depth: int | None,
        stop_at: EntityFilter | None,
    ) -> None:
        self.starts = frozenset(starts)
        self.crossings, self.first_hop = crossings, first_hop
        self.depth, self.stop_at = depth, stop_at
        self.levels: list[array[int]] = [array("q")]
        self.distance: dict[int, int] = {}
        self.stopped: set[int] = set()
        self.frontier: Collection[int] = self.starts
        self.hidden_frontier: set[int] = set()
        """The hidden entities met that may be crossed."""
        self.withheld: set[int] = set()
        """The hidden entities met that are not shown."""

    @property
    def finished(self) -> bool:
        """Whether every level that has a distance is walked."""
        return not self.frontier or (self.depth is not None and len(self.levels) > self.depth)

    @property
    def weight(self) -> int:
        """About how many bytes this holds; the sets of visible keys share their integers with `distance`."""
        hidden = (self.hidden_frontier, self.withheld)
        containers = (self.distance, self.stopped, self.frontier, *hidden)
        integers = len(self.distance) + sum(map(len, hidden))
        return sum(map(getsizeof, containers)) + INT_BYTES * integers + _levels_weight(self.levels, len(self.distance))

    def crossings_to(self, level: int) -> Crossings:
        """The crossings that lead to a level. Those to level 1 leave the starts, and may have a filter of their own."""
        return self.first_hop if level == 1 else self.crossings

    def next_step(self, reader: Reader) -> Step:
        """The next level; the walk does not change until `append`."""
        distance = len(self.levels) - 1
        crossings = self.crossings_to(len(self.levels))
        far_keys = reader.far_keys(crossings, self.frontier, distance)
        hidden = Hidden(set(), set(), set())
        if reader.meets_hidden:
            hidden = reader.hidden_keys(crossings, self.frontier, distance)
        reached, new = self.first_reached(far_keys, hidden.masked)
        stopped = matching(reader, reached, self.stop_at)
        crossable = (hidden.masked - masked_stops(reader, hidden.masked, self.stop_at)) | hidden.bridged
        return Step(reached, stopped, new - stopped, crossable, hidden.bridged | hidden.cut)

    def append(self, step: Step) -> None:
        """Make a step part of the walk."""
        self.distance.update(dict.fromkeys(step.reached, len(self.levels)))
        self.stopped |= step.stopped
        self.hidden_frontier |= step.hidden_frontier
        self.withheld |= step.withheld
        self.frontier = step.frontier
        self.levels.append(array("q", step.reached))

    def first_reached(self, far_keys: set[int], hidden: Iterable[int]) -> tuple[set[int], set[int]]:
        """The keys that the walk reaches for the first time, and of these the readable ones that are no start.

        `far_keys` is the result of `Reader.far_keys`; `hidden` are the keys of entities that are shown as restricted.
        """
        # set.difference looks each element up in a dict; the operator would copy all keys of the dict first.
        is_connected = self.crossings.direction is LineageDirection.CONNECTED
        returns = set() if is_connected else (far_keys & self.starts).difference(self.distance)
        new = ({abs(key) for key in far_keys} - self.starts).difference(self.distance)
        return new | returns | {key for key in map(masked, hidden) if key not in self.distance}, new

    def beyond_depth(self, reader: Reader) -> Iterator[set[int]]:
        """The keys first reached one level beyond `depth`, in parts: a caller may stop at the first that suffices."""
        if self.frontier:
            crossings = self.crossings_to(len(self.levels))
            for far_keys, hidden in reader.crossed_in_parts(crossings, self.frontier, len(self.levels) - 1):
                yield self.first_reached(far_keys, hidden)[0]

    def learn_spans(self, reader: Reader, associations: Iterable[AssociationKey]) -> None:
        """Read and cache the spans of associations for `leads_on`."""

    def leads_on(self, far: int, level: int, association: AssociationKey, latest: float) -> float | None:
        """The last time at which a path may reach a far end; None unless the walk crossed from there to the level.

        `latest` is the last time at which the association may be crossed, so that the rest of the path can follow. A
        walk that is not causal ignores times and returns `latest`.
        """
        if far in self.starts:
            return latest if level == 1 else None
        return latest if self.distance.get(far) == level - 1 and far not in self.stopped else None


def matching(reader: Reader, keys: Collection[int], where: EntityFilter | None) -> set[int]:
    """The keys that match a filter; none where there is no filter."""
    return set() if where is None else set(reader.matching(keys, where))


def masked_stops(reader: Reader, hidden: set[int], stop_at: EntityFilter | None) -> set[int]:
    """The entities shown as restricted at which a walk stops: all or none, because filters treat them alike."""
    return hidden if hidden and matching(reader, [masked(next(iter(hidden)))], stop_at) else set()


@dataclass(frozen=True, slots=True)
class Hop:
    """The next hop beyond hidden entities, read completely before the reach changes."""

    reached: set[int]
    frontier: set[int]
    hidden: set[int]
    withheld: set[int]


class HiddenReach:
    """The entities that a finished walk reaches only across hidden ones, hop by hop, without distances."""

    def __init__(self, walk: DirectedWalk) -> None:
        self.walk = walk
        self.hidden = set(walk.hidden_frontier)
        self.frontier: set[int] = set(walk.hidden_frontier)
        self.reached: set[int] = set()
        self.expanded: set[int] = set()

    @property
    def weight(self) -> int:
        """About how many bytes this holds, without the walk."""
        sets = (self.reached, self.hidden, self.frontier, self.expanded)
        return sum(getsizeof(keys) + INT_BYTES * len(keys) for keys in sets)

    def next_hop(self, reader: Reader) -> Hop:
        """The next hop; nothing changes until `append`."""
        walk = self.walk
        far_keys = reader.far_keys(walk.crossings, self.frontier, None)
        hidden = reader.hidden_keys(walk.crossings, self.frontier, None)
        first, new = walk.first_reached(far_keys, hidden.masked)
        reached = first - self.reached
        # Times are unknown beyond hidden entities: an entity that a causal walk reached too late may lead on from here.
        expandable = {abs(key) for key in far_keys} - walk.starts - self.expanded if walk.is_causal else reached & new
        crossable = (hidden.masked - masked_stops(reader, hidden.masked, walk.stop_at)) | hidden.bridged
        crossable -= self.hidden
        frontier = (expandable - matching(reader, expandable, walk.stop_at)) | crossable
        return Hop(reached, frontier, crossable, hidden.bridged | hidden.cut)

    def append(self, hop: Hop) -> None:
        """Make a hop part of the reach."""
        self.walk.withheld |= hop.withheld
        self.reached |= hop.reached
        self.hidden |= hop.hidden
        self.expanded |= hop.frontier
        self.frontier = hop.frontier


class WalkUnion:
    """The combined levels of several walks: every key that any of them reaches, at its least distance.

    `beyond_at` is the number of the last level, which holds the entities that are reached only across hidden ones; None
    until all other levels are known. `cut_at_depth`: whether the walks reach an entity one level beyond their depth
    that none of them reaches within it, except `excluded` keys; None until known.
    """

    def __init__(self, walks: list[DirectedWalk]) -> None:
        self.walks = walks
        self.levels: list[array[int]] = [array("q")]
        self.excluded: Collection[int] = frozenset()
        self.beyond_at: int | None = None
        self.cut_at_depth: bool | None = None if walks[0].depth is not None else False
        self._several = len(walks) > 1
        self._reached: set[int] = set()
        """The keys of all levels, where there are several walks."""
        self._hidden_reaches: list[HiddenReach] = []

    @property
    def finished(self) -> bool:
        """Whether every walk is finished, and the reach beyond hidden entities and beyond the depth is known."""
        if self.cut_at_depth is None or not all(walk.finished for walk in self.walks):
            return False
        return self.beyond_at is not None or not any(walk.hidden_frontier and walk.depth is None for walk in self.walks)

    @property
    def weight(self) -> int:
        """About how many bytes this holds; a single walk shares its levels."""
        beyond = len(self.levels[-1]) if self.beyond_at is not None else 0
        own = _levels_weight(self.levels, len(self._reached) + beyond)
        reaches = sum(reach.weight for reach in self._hidden_reaches)
        return own + getsizeof(self._reached) + reaches + sum(walk.weight for walk in self.walks)

    @property
    def withheld(self) -> set[int]:
        """The hidden entities met that are not shown."""
        return set().union(*(walk.withheld for walk in self.walks))

    def advance(self, reader: Reader) -> None:
        """Walk one level further; after the last, check beyond the depth, or take one hop beyond hidden entities."""
        unfinished = [walk for walk in self.walks if not walk.finished]
        if unfinished:
            self._advance_level(reader, unfinished)
        elif self.cut_at_depth is None:
            self.cut_at_depth = self._leads_beyond_depth(reader)
        else:
            self._advance_beyond(reader)

    def _advance_level(self, reader: Reader, unfinished: list[DirectedWalk]) -> None:
        steps = [(walk, walk.next_step(reader)) for walk in unfinished]
        for walk, step in steps:
            walk.append(step)
        if not self._several:
            self.levels.append(self.walks[0].levels[-1])
            return
        new = set[int]().union(*(step.reached for _, step in steps)) - self._reached
        self._reached |= new
        self.levels.append(array("q", new))

    def _leads_beyond_depth(self, reader: Reader) -> bool:
        return any(
            key not in self._reached and key not in self.excluded
            for walk in self.walks
            for part in walk.beyond_depth(reader)
            for key in part
        )

    def _advance_beyond(self, reader: Reader) -> None:
        reaches = self._hidden_reaches or [HiddenReach(walk) for walk in self.walks]
        hops = [(reach, reach.next_hop(reader)) for reach in reaches if reach.frontier]
        for reach, hop in hops:
            reach.append(hop)
        self._hidden_reaches = reaches
        if not any(reach.frontier for reach in reaches):
            reached = set[int]().union(*(reach.reached for reach in reaches))
            self.beyond_at = len(self.levels)
            self.levels.append(array("q", reached - self._reached))
            self._hidden_reaches = []


def _levels_weight(levels: list[Any], reached: int) -> int:
    return getsizeof(levels) + _ARRAY_BYTES * len(levels) + 8 * reached
