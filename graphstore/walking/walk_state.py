"""The state of a walk, shared by all its pages: the levels walked so far, and results computed from them."""

from array import array
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from sys import getsizeof
from threading import Lock
from time import monotonic
from typing import Final, Protocol

from lineal.bounded_cache import INT_BYTES
from lineal.graphstore.codes import KIND_MASK, AssociationKey
from lineal.graphstore.errors import LimitExceeded
from lineal.graphstore.kinds import Combine, IncompleteReason, LineageDirection
from lineal.graphstore.queries import UNMEASURED, EntityFilter, Limits, ReachPosition, Walk
from lineal.graphstore.walking.breadth_first import DirectedWalk, WalkUnion
from lineal.graphstore.walking.causality import CausalWalk
from lineal.graphstore.walking.reader_protocol import Crossings, Reader


class Levels(Protocol):
    """What is reached, level by level: `levels[d]` holds the keys at distance d."""

    @property
    def levels(self) -> Sequence[Collection[int]]: ...
    @property
    def finished(self) -> bool: ...
    @property
    def cut_at_depth(self) -> bool | None: ...
    @property
    def beyond_at(self) -> int | None: ...
    @property
    def withheld(self) -> set[int]: ...
    @property
    def weight(self) -> int: ...
    def advance(self, reader: Reader) -> None: ...


class CombinedWalk:
    """The levels that INTERSECTION and `excluding` leave of walks, which are finished first."""

    finished = True

    def __init__(self, reader: Reader, unions: list[WalkUnion], excluded: WalkUnion | None, limits: Limits) -> None:
        deadline = monotonic() + limits.seconds
        if excluded is not None:
            excluded.cut_at_depth = False
            _finish(reader, excluded, limits, deadline)
        removed = {} if excluded is None else _distances(excluded)
        for union in unions:
            union.excluded = removed
            _finish(reader, union, limits, deadline)
            union.excluded = frozenset()
        distances = [_distances(union) for union in unions]
        common = set.intersection(*(set(distance) for distance in distances)).difference(removed)
        self.visited = len(set().union(*distances))
        self.cut_at_depth = any(union.cut_at_depth for union in unions)
        self.withheld = set[int]().union(*(union.withheld for union in unions))
        last = max(len(union.levels) for union in unions)
        levels = [array("q") for _ in range(last)]
        beyond = array("q")
        for key in common:
            least = min(distance[key] for distance in distances)
            (beyond if least == UNMEASURED else levels[least]).append(key)
        self.beyond_at = last if beyond else None
        self.levels: Sequence[array[int]] = [*levels, beyond] if beyond else levels
        self.weight = sum(map(getsizeof, self.levels)) + sum(union.weight for union in unions)

    def advance(self, reader: Reader) -> None:
        raise AssertionError("a combined walk is finished when it is created")


def _finish(reader: Reader, union: WalkUnion, limits: Limits, deadline: float) -> None:
    visited, walked = 0, len(union.levels)
    while not union.finished:
        union.advance(reader)
        visited, walked = visited + sum(map(len, union.levels[walked:])), len(union.levels)
        if visited > limits.visits or monotonic() > deadline:
            raise LimitExceeded(
                f"an INTERSECTION, or a query with `excluding`, needs the whole of its walks, and one passed the limit "
                f"of {limits.visits} entities or {limits.seconds:g} seconds: ask with a smaller depth, a stopAt or a "
                "via, or raise the limit in the server's settings"
            )


def _distances(union: WalkUnion) -> dict[int, int]:
    return {
        key: UNMEASURED if level == union.beyond_at else level
        for level, keys in enumerate(union.levels)
        for key in keys
    }


@dataclass(frozen=True, slots=True)
class Cutoff:
    """How far an answer goes: whole levels up to `last`, of which the last may be cut after the urn `until`."""

    last: int
    until: str | None
    reason: IncompleteReason | None


_STATE_BYTES: Final = 10_000
"""About the bytes of the walk itself, with its starts and filters, and of everything not counted elsewhere."""
_ENTRY_BYTES: Final = 300
_URN_BYTES: Final = 56 + INT_BYTES
"""The bytes of a (urn, key), without those of the urn."""
_ASSOCIATION_BYTES: Final = 72 + 2 * INT_BYTES + 16
"""The bytes of an association's key, and of a role in some of them."""


class WalkState:
    """The levels of a walk so far, with results computed from them; shared by pages, which use it one at a time.

    Every computation is cached when it is complete, so a read that fails caches nothing. Nevertheless, a call that
    fails while it uses the state sets `failed`, and no call uses the state again, even if it waits for its lock.
    """

    def __init__(self, reader: Reader, walk: Walk, starts: list[int], excluded: list[int]) -> None:
        self.walk = walk
        self.starts = frozenset(starts)
        self.lock = Lock()
        self.failed = False
        groups = [[start] for start in starts] if walk.combine is Combine.INTERSECTION else [starts]
        unions = [self._union(group) for group in groups]
        self.walks = [each for union in unions for each in union.walks]
        self.source: Levels = unions[0]
        self.visited: int | None = None
        if len(unions) > 1 or excluded:
            combined = CombinedWalk(reader, unions, self._union(excluded) if excluded else None, walk.limits)
            self.source, self.visited = combined, combined.visited
        self._ordered: dict[tuple[EntityFilter | None, int], list[tuple[str, int]]] = {}
        self._matched: dict[tuple[EntityFilter | None, int], Collection[int]] = {}
        self._counts: dict[tuple[EntityFilter | None, int], Counter[int]] = {}
        self._associations: dict[ReachPosition | None, list[AssociationKey]] = {}
        self._computed_bytes = 0

    def _union(self, starts: list[int]) -> WalkUnion:
        walk = self.walk
        directions = [walk.direction]
        if walk.direction is LineageDirection.BOTH:
            directions = [LineageDirection.ASCENDANTS, LineageDirection.DESCENDANTS]
        kind = CausalWalk if walk.causal else DirectedWalk
        return WalkUnion(
            [
                kind(
                    starts,
                    Crossings(direction, walk.via),
                    Crossings(direction, walk.via, walk.first_hop),
                    walk.depth,
                    walk.stop_at,
                )
                for direction in directions
            ]
        )

    @property
    def weight(self) -> int:
        """About how many bytes this holds."""
        return _STATE_BYTES + self._computed_bytes + self.source.weight

    def position(self, level: int, urn: str) -> ReachPosition:
        """The position of an entity at a level."""
        return ReachPosition(UNMEASURED if level == self.source.beyond_at else level, urn)

    def level(self, reader: Reader, position: ReachPosition) -> int:
        """The level of a position; finishes the walk for a position without a distance."""
        if position.distance != UNMEASURED:
            return position.distance
        while not self.source.finished:
            self.source.advance(reader)
        return len(self.source.levels) if self.source.beyond_at is None else self.source.beyond_at

    def ordered(self, reader: Reader, where: EntityFilter | None, level: int) -> list[tuple[str, int]]:
        """The (urn, key) of a level's matches, by urn."""
        ordered = self._ordered.get((where, level))
        if ordered is None:
            urns = reader.urns(self.matched(reader, where, level))
            ordered = sorted((urn, key) for key, urn in urns.items())
            self._count(ordered, _URN_BYTES * len(ordered) + sum(getsizeof(urn) for urn, _ in ordered))
            self._ordered[where, level] = ordered
        return ordered

    def unmatched(self, where: EntityFilter | None, last: int) -> list[int]:
        """The keys of the levels up to `last` that are not matched yet."""
        unknown = [level for level in range(1, last + 1) if where is not None and (where, level) not in self._matched]
        return [key for level in unknown for key in self.source.levels[level]]

    def matched(self, reader: Reader, where: EntityFilter | None, level: int) -> Collection[int]:
        """The keys of a level that match."""
        if where is None:
            return self.source.levels[level]
        matched = self._matched.get((where, level))
        if matched is None:
            matched = reader.matching(self.source.levels[level], where)
            self._count(matched, INT_BYTES * len(matched))
            self._matched[where, level] = matched
        return matched

    def walk_on(self, reader: Reader, after: ReachPosition | None, limits: Limits) -> Cutoff:
        """Walk until everything is walked or a limit cuts the walk."""
        source, deadline = self.source, monotonic() + limits.seconds
        first = self.level(reader, after) if after else 1
        beyond, level = 0, first
        while True:
            while len(source.levels) <= level and not source.finished:
                if len(source.levels) > first + 1 and monotonic() > deadline:
                    return Cutoff(level - 1, None, IncompleteReason.DEADLINE)
                source.advance(reader)
            if len(source.levels) <= level:
                return Cutoff(len(source.levels) - 1, None, None)
            size = len(source.levels[level])
            if after and level == first:
                size = sum(urn > after.urn for urn, _ in self.ordered(reader, None, level))
            if beyond + size > limits.visits:
                urns = [urn for urn, _ in self.ordered(reader, None, level)]
                past = [urn for urn in urns if urn > after.urn] if after and level == first else urns
                room = limits.visits - beyond
                if room == 0:
                    return Cutoff(level - 1, None, IncompleteReason.VISIT_LIMIT)
                return Cutoff(level, past[room - 1], IncompleteReason.VISIT_LIMIT)
            beyond += size
            level += 1

    def counts(self, reader: Reader, where: EntityFilter | None, level: int, cutoff: Cutoff) -> Counter[int]:
        """The number of matches of a level up to the cutoff, by kind code."""
        if level == cutoff.last and cutoff.until is not None:
            until = cutoff.until
            return Counter(key & KIND_MASK for urn, key in self.ordered(reader, where, level) if urn <= until)
        counts = self._counts.get((where, level))
        if counts is None:
            counts = Counter([key & KIND_MASK for key in self.matched(reader, where, level)])
            self._count(counts, 0)
            self._counts[where, level] = counts
        return counts

    def associations(self, up_to: ReachPosition | None) -> list[AssociationKey] | None:
        """The cached associations between the entities traversed up to a position, in order; None if there are none."""
        return self._associations.get(up_to)

    def keep_associations(self, up_to: ReachPosition | None, associations: list[AssociationKey]) -> None:
        """Cache the associations between the entities traversed up to a position."""
        self._count(associations, _ASSOCIATION_BYTES * len(associations))
        self._associations[up_to] = associations

    def _count(self, container: object, contents: int) -> None:
        self._computed_bytes += _ENTRY_BYTES + getsizeof(container) + contents
