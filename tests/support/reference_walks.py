"""How the reference model walks: everything over and over, until nothing is new."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from reference_filters import association_matches, entity_matches

from lineal.graphstore.kinds import AssociationType, Combine, LineageDirection
from lineal.graphstore.queries import Walk
from lineal.graphstore.records import Association, Entity

Up, Down = LineageDirection.ASCENDANTS, LineageDirection.DESCENDANTS


class OneWay:
    """The reach of some starts in one direction, distance by distance."""

    def __init__(
        self,
        starts: set[str],
        way: LineageDirection,
        depth: int | None,
        crossable: list[Association],
        stops: Callable[[str], bool],
    ) -> None:
        self.starts, self.way, self.stops = starts, way, stops
        self.crossable = crossable
        self.distance: dict[str, int] = {}
        level, frontier = 0, set(starts)
        while frontier and (depth is None or level < depth):
            level += 1
            found = {
                far
                for association in crossable
                for near, far in self.leads(association)
                if near in frontier and not self.ignored(association, far)
            }
            new = found - self.distance.keys()
            self.distance |= dict.fromkeys(new, level)
            frontier = {urn for urn in new if urn not in starts and not stops(urn)}
        self.steps = level
        """How many distances it took to know that there is nothing further."""
        self.is_cut = any(d == depth and not stops(urn) for urn, d in self.distance.items())

    def leads(self, association: Association) -> list[tuple[str, str]]:
        """From where to where an association is crossed."""
        down = (association.source_urn, association.destination_urn)
        up = down[::-1]
        if association.type is AssociationType.SAME_AS or self.way is LineageDirection.CONNECTED:
            return [down, up]
        return [down] if self.way is Down else [up]

    def ignored(self, association: Association, far: str) -> bool:
        """Whether a crossing does not count as reaching a start."""
        connected = self.way is LineageDirection.CONNECTED
        return far in self.starts and (connected or association.type is AssociationType.SAME_AS)


@dataclass
class Walked:
    """Walks combined: what is left, and how paths go back."""

    starts: set[str]
    ways: list[OneWay]
    union: dict[str, int]
    distance: dict[str, int]
    needs_all: bool
    largest: int
    """The most that any single one of the walks reached, that from the excluded too."""

    @property
    def is_cut_at_depth(self) -> bool:
        return any(way.is_cut for way in self.ways)

    @property
    def steps(self) -> int:
        return max(way.steps for way in self.ways)

    def path(self, urn: str, distance: int) -> tuple[Association, ...]:
        """The shortest path the tie rule leads to."""
        at, path = urn, list[Association]()
        ways = [way for way in self.ways if way.distance.get(urn) == distance]
        for level in range(distance, 0, -1):
            choices = [
                ((near, association.type, association.role or "", association.source_urn), association, way)
                for way in ways
                for association in way.crossable
                for near, far in way.leads(association)
                if far == at
                and not way.ignored(association, far)
                and (level == 1 if near in way.starts else way.distance.get(near) == level - 1 and not way.stops(near))
            ]
            rank, association, _ = min(choices, key=lambda choice: choice[0])
            ways = [way for other, _, way in choices if other == rank]
            path.append(association)
            at = rank[0]
        return tuple(path[::-1])


def walked(walk: Walk, entities: dict[str, Entity], associations: list[Association]) -> Walked | None:
    """The walk among what its view shows; None where a start or one excluded is not there."""
    urn_of = {entity.id: entity.urn for entity in entities.values()}
    if any(id not in urn_of for id in (*walk.starts, *walk.excluding)):
        return None
    crossable = [a for a in associations if walk.via is None or association_matches(a, walk.via)]

    def stops(urn: str) -> bool:
        return walk.stop_at is not None and entity_matches(entities[urn], walk.stop_at)

    ways = [Up, Down] if walk.direction is LineageDirection.BOTH else [walk.direction]

    def go(starts: set[str]) -> list[OneWay]:
        return [OneWay(starts, way, walk.depth, crossable, stops) for way in ways]

    starts = {urn_of[id] for id in walk.starts}
    groups = [{start} for start in starts] if walk.combine is Combine.INTERSECTION else [starts]
    each = [go(group) for group in groups]
    reaches = [_least(way.distance for way in group) for group in each]
    union = _least(reaches)
    common = set.intersection(*(set(reach) for reach in reaches))
    excluded = {urn_of[id] for id in walk.excluding}
    gone = set(_least(way.distance for way in go(excluded))) if excluded else set()
    return Walked(
        starts,
        [way for group in each for way in group],
        union,
        {urn: d for urn, d in union.items() if urn in common and urn not in gone},
        len(groups) > 1 or bool(excluded),
        max(len(reach) for reach in [*reaches, gone]),
    )


def _least(reaches: Iterable[dict[str, int]]) -> dict[str, int]:
    least: dict[str, int] = {}
    for reach in reaches:
        for urn, distance in reach.items():
            least[urn] = min(distance, least.get(urn, distance))
    return least
