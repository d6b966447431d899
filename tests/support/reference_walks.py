"""How the reference model walks: everything over and over, until nothing is new."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import inf

from reference_filters import association_matches, entity_matches, restricted_matches
from reference_scope import EVER, Seen

from lineal.auth.scopes import Boundary
from lineal.graphstore.kinds import AssociationType, Combine, LineageDirection
from lineal.graphstore.queries import UNMEASURED, EntityFilter, Walk
from lineal.graphstore.records import Association, Entity

Up, Down = LineageDirection.ASCENDANTS, LineageDirection.DESCENDANTS
Crossing = tuple[str, str, Association]
"""From where to where, over what."""


class DirectedWalk:
    """The reach of some starts in one direction, distance by distance, and then beyond hidden entities."""

    def __init__(self, graph: Seen, starts: set[str], way: LineageDirection, walk: Walk) -> None:
        self.graph, self.starts, self.way, self.walk = graph, starts, way, walk
        self.crossings = self.all_crossings(graph.associations)
        self.hidden_crossings = self.all_crossings(graph.links)
        self.withheld: set[str] = set()
        self.distance: dict[str, int] = {}
        hidden: set[str] = set()
        level, frontier = 0, set(starts)
        while frontier and (walk.depth is None or level < walk.depth):
            level += 1
            results = {
                far
                for near, far, association in self.crossings
                if near in frontier and self.may_cross(near, far, association, level - 1)
                if not self.ignored(association, far)
            }
            met = {
                far
                for near, far, association in self.hidden_crossings
                if near in frontier and self.may_cross(near, far, association, level - 1)
            }
            self.withheld |= met
            hidden |= {name for name in met if graph.eyes[name].boundary is Boundary.BRIDGE}
            hidden |= {name for name in results if self.is_masked(name) and not self.stops(name)}
            new = results - self.distance.keys()
            self.distance |= dict.fromkeys(new, level)
            frontier = {
                name for name in new if name not in starts and not self.is_masked(name) and not self.stops(name)
            }
        self.steps = level
        """How many distances it took to know that there is nothing further."""
        if walk.depth is None:
            self.go_beyond(hidden)

    def go_beyond(self, hidden: set[str]) -> None:
        """Add what is reached only across hidden entities."""
        frontier, crossed = set(hidden), set(hidden)
        reached: set[str] = set()
        while frontier:
            following = set()
            for near, far, association in self.crossings + self.hidden_crossings:
                if near not in frontier or not self.may_cross(near, far, association, EVER):
                    continue
                eye = self.graph.eyes[far]
                if far not in self.graph.entities:
                    self.withheld.add(far)
                    if eye.boundary is Boundary.BRIDGE:
                        following.add(far)
                elif self.is_masked(far):
                    reached.add(far)
                    if not self.stops(far):
                        following.add(far)
                elif not self.ignored(association, far):
                    if (
                        (self.walk.causal or (far not in self.distance and far not in reached))
                        and far not in self.starts
                        and not self.stops(far)
                    ):
                        following.add(far)
                    reached.add(far)
            frontier = following - crossed
            crossed |= following
        self.distance |= {name: UNMEASURED for name in reached if name not in self.distance}

    def is_masked(self, name: str) -> bool:
        return name in self.graph.entities and not isinstance(self.graph.entities[name], Entity)

    def stops(self, name: str) -> bool:
        return self.walk.stop_at is not None and matches(self.graph, name, self.walk.stop_at)

    def all_crossings(self, associations: list[Association]) -> list[Crossing]:
        via, first_hop = self.walk.via, self.walk.first_hop
        return [
            (near, far, association)
            for association in associations
            if via is None or association_matches(association, via)
            for near, far in self.leads(association)
            if near not in self.starts or first_hop is None or association_matches(association, first_hop)
        ]

    def may_cross(self, near: str, far: str, association: Association, distance: int) -> bool:
        """Whether what is at a distance is gone on from, over an association; EVER where nobody knows how far it is."""
        eye = self.graph.eyes[near]
        if not eye.reads:
            return distance == EVER and eye.boundary is not Boundary.CUT
        ways = [self.way]
        if self.way is LineageDirection.CONNECTED:
            ways = [Down if near == association.source_urn else Up]
            if association.type is AssociationType.SAME_AS:
                ways = [Up, Down]
        return any(eye.crosses(way, distance) for way in ways)

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


class CausalWalk(DirectedWalk):
    """The reach of some starts in one direction over what could have flowed: every path there is, one by one.

    None goes over an entity twice: without the round it would be shorter, and no later.
    """

    def __init__(self, graph: Seen, starts: set[str], way: LineageDirection, walk: Walk) -> None:
        super().__init__(graph, starts, way, replace(walk, causal=False, depth=0))
        self.walk = walk
        self.hidden: set[str] = set()
        self.paths: dict[str, list[list[tuple[str, Association]]]] = {}
        """By what they lead to, all paths: near ends and associations."""
        for start in starts:
            self.go_on(start, -inf, [])
        self.steps = max(self.distance.values(), default=0) + 1
        if walk.depth is None:
            self.go_beyond(self.hidden)

    def go_on(self, near: str, label: float, path: list[tuple[str, Association]]) -> None:
        """Follow every path on from its last entity; what arrives by `label` may go on from then."""
        hops = len(path)
        if hops == self.walk.depth:
            return
        for at, far, association in self.hidden_crossings:
            if at == near and self.may_cross(near, far, association, hops):
                self.withheld.add(far)
                if self.graph.eyes[far].boundary is Boundary.BRIDGE:
                    self.hidden.add(far)
        for at, far, association in self.crossings:
            first, last = self.graph.spans.get(association.id, (-inf, inf))
            if self.way is Up:
                first, last = -last, -first
            if at != near or label > last or not self.may_cross(near, far, association, hops):
                continue
            if self.ignored(association, far):
                continue
            longer = [*path, (near, association)]
            self.distance[far] = min(len(longer), self.distance.get(far, len(longer)))
            self.paths.setdefault(far, []).append(longer)
            if self.is_masked(far):
                if not self.stops(far):
                    self.hidden.add(far)
            elif far not in self.starts and far not in [each for each, _ in path] and not self.stops(far):
                self.go_on(far, max(label, first), longer)


def matches(graph: Seen, name: str, where: EntityFilter) -> bool:
    entity = graph.entities[name]
    return entity_matches(entity, where) if isinstance(entity, Entity) else restricted_matches(where)


@dataclass
class WalkState:
    """Walks combined: what is left, and how paths go back."""

    starts: set[str]
    ways: list[DirectedWalk]
    union: dict[str, int]
    distance: dict[str, int]
    needs_all: bool
    largest: int
    """The most that any single one of the walks reached, that from the excluded too."""
    is_cut_at_depth: bool
    """Whether a depth greater by one lets a walk from its starts reach more, which `excluding` does not remove."""

    @property
    def steps(self) -> int:
        return max(way.steps for way in self.ways)

    @property
    def withheld(self) -> int | None:
        met = set().union(*(way.withheld for way in self.ways))
        eyes = self.ways[0].graph.eyes
        return len(met) if met and all(eyes[name].tells for name in met) else None

    def path(self, urn: str, distance: int) -> tuple[Association, ...]:
        """The shortest path the tie rule leads to."""
        if distance == UNMEASURED:
            return ()
        if isinstance(self.ways[0], CausalWalk):
            paths = [path for way in self.ways if isinstance(way, CausalWalk) for path in way.paths.get(urn, ())]
            ranked = [
                ([(near, a.type, a.role or "", a.source_urn) for near, a in path[::-1]], [a for _, a in path])
                for path in paths
                if len(path) == distance
            ]
            return tuple(min(ranked, key=lambda each: each[0])[1])
        at, path = urn, list[Association]()
        ways = [way for way in self.ways if way.distance.get(urn) == distance]
        for level in range(distance, 0, -1):
            choices = [
                ((near, association.type, association.role or "", association.source_urn), association, way)
                for way in ways
                for near, far, association in way.crossings
                if far == at and not way.ignored(association, far) and way.may_cross(near, far, association, level - 1)
                if (level == 1 if near in way.starts else way.distance.get(near) == level - 1 and not way.stops(near))
            ]
            rank, association, _ = min(choices, key=lambda choice: choice[0])
            ways = [way for other, _, way in choices if other == rank]
            path.append(association)
            at = rank[0]
        return tuple(path[::-1])


def walked(walk: Walk, graph: Seen) -> WalkState | None:
    """The walk among what its view shows; None where a start or one excluded is not there."""
    urn_of = {entity.id: entity.urn for entity in graph.readable.values()}
    if any(id not in urn_of for id in (*walk.starts, *walk.excluding)):
        return None
    ways = [Up, Down] if walk.direction is LineageDirection.BOTH else [walk.direction]

    def go(starts: set[str], deeper: int = 0) -> list[DirectedWalk]:
        bounded = replace(walk, depth=None if walk.depth is None else walk.depth + deeper)
        kind = CausalWalk if walk.causal else DirectedWalk
        return [kind(graph, starts, way, bounded) for way in ways]

    starts = {urn_of[id] for id in walk.starts}
    groups = [{start} for start in starts] if walk.combine is Combine.INTERSECTION else [starts]
    each = [go(group) for group in groups]
    reaches = [_least(way.distance for way in group) for group in each]
    union = _least(reaches)
    common = set.intersection(*(set(reach) for reach in reaches))
    excluded = {urn_of[id] for id in walk.excluding}
    gone = set(_least(way.distance for way in go(excluded))) if excluded else set()
    deeper = [_least(way.distance for way in go(group, 1)) for group in groups]
    return WalkState(
        starts,
        [way for group in each for way in group],
        union,
        {urn: d for urn, d in union.items() if urn in common and urn not in gone},
        len(groups) > 1 or bool(excluded),
        max(len(reach) for reach in [*reaches, gone]),
        any(more.keys() - reach.keys() - gone for more, reach in zip(deeper, reaches, strict=True)),
    )


def _least(reaches: Iterable[dict[str, int]]) -> dict[str, int]:
    least: dict[str, int] = {}
    for reach in reaches:
        for urn, distance in reach.items():
            least[urn] = min(distance, least.get(urn, distance))
    return least
