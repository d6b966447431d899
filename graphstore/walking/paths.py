"""One shortest path to each of some reached entities, traced back level by level for all of them at once."""

from collections import defaultdict
from math import inf

from lineal.graphstore.codes import SAME_AS, AssociationKey
from lineal.graphstore.kinds import LineageDirection
from lineal.graphstore.records import Association
from lineal.graphstore.walking.breadth_first import DirectedWalk
from lineal.graphstore.walking.reader_protocol import Reader, is_masked

OpenWalks = tuple[tuple[int, float], ...]
"""The walks, by index, in which a trail can still lead back, with the last time at which it may; see `leads_on`."""
State = tuple[int, OpenWalks]
Trail = tuple[AssociationKey, State]


class ShortestPaths:
    """The paths from entities that walks reached back to a start, by the tie rule of `Reached`; reads no records."""

    def __init__(self, reader: Reader, ways: list[DirectedWalk], targets: list[tuple[int, int]]) -> None:
        """From each target, a key and its least distance, back to a start."""
        self._trails: dict[tuple[int, State], Trail] = {}
        self._begins: dict[tuple[int, int], State] = {}
        wanted: defaultdict[int, set[State]] = defaultdict(set)
        for key, level in targets:
            state = (key, tuple((index, inf) for index, way in enumerate(ways) if way.distance.get(key) == level))
            self._begins[key, level] = state
            wanted[level].add(state)
        for level in range(max(wanted, default=0), 0, -1):
            for state, trail in _trails_one_level_back(reader, ways, level, wanted[level]).items():
                self._trails[level, state] = trail
                if level > 1:
                    wanted[level - 1].add(trail[1])

    @property
    def associations(self) -> set[AssociationKey]:
        """Every association on the paths."""
        return {association for association, _ in self._trails.values()}

    def paths(self, records: dict[AssociationKey, Association]) -> dict[tuple[int, int], tuple[Association, ...]]:
        """For each target: the associations from a start outwards."""
        paths = {}
        for (key, level), state in self._begins.items():
            path = []
            for at in range(level, 0, -1):
                association, state = self._trails[at, state]
                path.append(records[association])
            paths[key, level] = tuple(path[::-1])
        return paths


def _crosses(reader: Reader, way: DirectedWalk, far: int, association: AssociationKey, level: int) -> bool:
    """Whether the walk crossed from the far end to this level over an association."""
    if is_masked(far):
        return False
    directions = [way.crossings.direction]
    if way.crossings.direction is LineageDirection.CONNECTED:
        down = far == association[0]
        directions = [LineageDirection.DESCENDANTS if down else LineageDirection.ASCENDANTS]
        if association[1] == SAME_AS:
            directions = [LineageDirection.ASCENDANTS, LineageDirection.DESCENDANTS]
    return any(reader.crosses(far, direction, level - 1) for direction in directions)


def _trails_one_level_back(
    reader: Reader, ways: list[DirectedWalk], level: int, states: set[State]
) -> dict[State, Trail]:
    behind: defaultdict[tuple[int, int], list[tuple[int, AssociationKey]]] = defaultdict(list)
    for index, way in enumerate(ways):
        keys = {key for key, open_ways in states if index in dict(open_ways)}
        if not keys:
            continue
        crossed = reader.crossed_back(way.crossings_to(level), keys)
        way.learn_spans(reader, {association for _, _, association in crossed})
        for near, far, association in crossed:
            returns_over_same_as = near in way.starts and association[1] == SAME_AS
            is_open = way.leads_on(far, level, association, inf) is not None
            if is_open and not returns_over_same_as and _crosses(reader, way, far, association, level):
                behind[near, index].append((far, association))
    urns = reader.urns({far for crossings in behind.values() for far, _ in crossings} | {key for key, _ in states})
    trails = {}
    for key, open_ways in states:
        choices = [
            ((urns[far], association[1], association[3], urns[association[0]]), far, association, (index, latest_there))
            for index, latest in open_ways
            for far, association in behind[key, index]
            if (latest_there := ways[index].leads_on(far, level, association, latest)) is not None
        ]
        rank, far, association, _ = min(choices)
        still_open = tuple(sorted({way for other, _, _, way in choices if other == rank}))
        trails[key, open_ways] = (association, (far, still_open))
    return trails
