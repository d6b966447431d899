"""Pages of what walks reach: limits, filters, order, and what a page shows."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import Final, Protocol

from lineal.graphstore.codes import KIND_MASK, KINDS, AssociationKey
from lineal.graphstore.errors import LimitExceeded
from lineal.graphstore.kinds import Combine, EntityKind, IncompleteReason, LineageDirection
from lineal.graphstore.queries import UNMEASURED, EntityFilter, Limits, Reach, ReachPosition, Walk
from lineal.graphstore.records import Entity, Restricted
from lineal.graphstore.store import Reached, ReachPage
from lineal.graphstore.walking.breadth_first import DirectedWalk, WalkUnion
from lineal.graphstore.walking.paths import ShortestPaths
from lineal.graphstore.walking.reader_protocol import Crossings, Reader, is_masked


class Levels(Protocol):
    """What is reached, level by level: `levels[d]` holds the keys at distance d."""

    @property
    def levels(self) -> Sequence[Collection[int]]: ...
    @property
    def finished(self) -> bool: ...
    @property
    def cut_at_depth(self) -> bool: ...
    @property
    def beyond_at(self) -> int | None: ...
    @property
    def withheld(self) -> set[int]: ...
    def advance(self, reader: Reader) -> None: ...


class CombinedWalk:
    """What is left of finished walks after INTERSECTION and `excluding`."""

    finished = True

    def __init__(self, reader: Reader, each: list[WalkUnion], excluded: WalkUnion | None, limits: Limits) -> None:
        deadline = monotonic() + limits.seconds
        for steps in [*each, *([excluded] if excluded else [])]:
            visited, known = 0, len(steps.levels)
            while not steps.finished:
                steps.advance(reader)
                visited, known = visited + sum(map(len, steps.levels[known:])), len(steps.levels)
                if visited > limits.visits or monotonic() > deadline:
                    raise LimitExceeded(
                        f"an INTERSECTION, or a query with `excluding`, needs the whole of its walks, and one passed "
                        f"the limit of {limits.visits} entities or {limits.seconds:g} seconds: ask with a smaller "
                        "depth, a stopAt or a via, or raise the limit in the server's settings"
                    )
        distances = [_distances(steps) for steps in each]
        common = set.intersection(*(set(distance) for distance in distances))
        if excluded is not None:
            common -= _distances(excluded).keys()
        self.visited = len(set().union(*distances))
        self.cut_at_depth = any(steps.cut_at_depth for steps in each)
        self.withheld = set[int]().union(*(steps.withheld for steps in each))
        last = max(len(steps.levels) for steps in each)
        levels: list[list[int]] = [[] for _ in range(last)]
        beyond: list[int] = []
        for key in common:
            least = min(distance[key] for distance in distances)
            (beyond if least == UNMEASURED else levels[least]).append(key)
        self.beyond_at = last if beyond else None
        self.levels: Sequence[Collection[int]] = [*levels, beyond] if beyond else levels

    def advance(self, reader: Reader) -> None:
        raise AssertionError("a finished walk has nothing further")


def _distances(steps: WalkUnion) -> dict[int, int]:
    return {
        key: UNMEASURED if level == steps.beyond_at else level
        for level, keys in enumerate(steps.levels)
        for key in keys
    }


@dataclass(frozen=True, slots=True)
class Known:
    """How far an answer goes: whole levels up to `last`, of which the last may be cut after the urn `until`."""

    last: int
    until: str | None
    reason: IncompleteReason | None


_REACHED_BYTES: Final = 120
_NAMED_BYTES: Final = 200
"""What a key takes with its distance, and a key with its urn: measured on walks of 100,000."""


class WalkState:
    """A walk as far as it has been walked, with what was worked out of it; shared by pages, one at a time."""

    def __init__(self, reader: Reader, walk: Walk, starts: list[int], excluded: list[int]) -> None:
        self.walk = walk
        self.starts = frozenset(starts)
        self.lock = Lock()
        groups = [[start] for start in starts] if walk.combine is Combine.INTERSECTION else [starts]
        each = [self._steps(group) for group in groups]
        self.ways = [way for steps in each for way in steps.ways]
        self.source: Levels = each[0]
        self.visited: int | None = None
        if len(each) > 1 or excluded:
            combined = CombinedWalk(reader, each, self._steps(excluded) if excluded else None, walk.limits)
            self.source, self.visited = combined, combined.visited
        self._ordered: dict[tuple[EntityFilter | None, int], list[tuple[str, int]]] = {}
        self._matched: dict[tuple[EntityFilter | None, int], Collection[int]] = {}
        self._counts: dict[tuple[EntityFilter | None, int], Counter[int]] = {}
        self.associations: dict[ReachPosition | None, list[AssociationKey]] = {}

    def _steps(self, starts: list[int]) -> WalkUnion:
        walk = self.walk
        ways = [walk.direction]
        if walk.direction is LineageDirection.BOTH:
            ways = [LineageDirection.ASCENDANTS, LineageDirection.DESCENDANTS]
        return WalkUnion([DirectedWalk(starts, Crossings(way, walk.via), walk.depth, walk.stop_at) for way in ways])

    @property
    def weight(self) -> int:
        """About how many bytes this holds."""
        reached = sum(map(len, self.source.levels))
        named = sum(map(len, self._ordered.values()))
        named += sum(map(len, self.associations.values()))
        return 10_000 + _REACHED_BYTES * reached + _NAMED_BYTES * named

    def position(self, level: int, urn: str) -> ReachPosition:
        """The position of what lies at a level."""
        return ReachPosition(UNMEASURED if level == self.source.beyond_at else level, urn)

    def level(self, reader: Reader, position: ReachPosition) -> int:
        """The level that a position lies at; of one without a distance it is known when all is walked."""
        if position.distance != UNMEASURED:
            return position.distance
        while not self.source.finished:
            self.source.advance(reader)
        return len(self.source.levels) if self.source.beyond_at is None else self.source.beyond_at

    def ordered(self, reader: Reader, where: EntityFilter | None, level: int) -> list[tuple[str, int]]:
        """The (urn, key) of a level's matches, by urn."""
        found = self._ordered.get((where, level))
        if found is None:
            urns = reader.urns(self.matched(reader, where, level))
            found = self._ordered[where, level] = sorted((urn, key) for key, urn in urns.items())
        return found

    def unmatched(self, where: EntityFilter | None, last: int) -> list[int]:
        """The keys of the levels up to the last of which it is not known whether they match."""
        unknown = [level for level in range(1, last + 1) if where is not None and (where, level) not in self._matched]
        return [key for level in unknown for key in self.source.levels[level]]

    def matched(self, reader: Reader, where: EntityFilter | None, level: int) -> Collection[int]:
        """The keys of a level that match."""
        if where is None:
            return self.source.levels[level]
        found = self._matched.get((where, level))
        if found is None:
            found = self._matched[where, level] = reader.matching(self.source.levels[level], where)
        return found

    def known(self, reader: Reader, after: ReachPosition | None, limits: Limits) -> Known:
        """Walk on until everything is walked or a limit cuts."""
        source, deadline = self.source, monotonic() + limits.seconds
        first = self.level(reader, after) if after else 1
        beyond, level = 0, first
        while True:
            while len(source.levels) <= level and not source.finished:
                if len(source.levels) > first + 1 and monotonic() > deadline:
                    return Known(level - 1, None, IncompleteReason.DEADLINE)
                source.advance(reader)
            if len(source.levels) <= level:
                return Known(len(source.levels) - 1, None, None)
            size = len(source.levels[level])
            if after and level == first:
                size = sum(urn > after.urn for urn, _ in self.ordered(reader, None, level))
            if beyond + size > limits.visits:
                urns = [urn for urn, _ in self.ordered(reader, None, level)]
                past = [urn for urn in urns if urn > after.urn] if after and level == first else urns
                room = limits.visits - beyond
                if room == 0:
                    return Known(level - 1, None, IncompleteReason.VISIT_LIMIT)
                return Known(level, past[room - 1], IncompleteReason.VISIT_LIMIT)
            beyond += size
            level += 1

    def counts(self, reader: Reader, where: EntityFilter | None, level: int, known: Known) -> Counter[int]:
        """How many of a level match within what is known, by the codes of their kinds."""
        if level == known.last and known.until is not None:
            until = known.until
            return Counter(key & KIND_MASK for urn, key in self.ordered(reader, where, level) if urn <= until)
        found = self._counts.get((where, level))
        if found is None:
            keys = self.matched(reader, where, level)
            found = self._counts[where, level] = Counter([key & KIND_MASK for key in keys])
        return found


class _Page:
    """A page in the making: how far the answer goes, then what it shows, then the records of that."""

    def __init__(self, reader: Reader, walked: WalkState, question: Reach) -> None:
        self.walked, self.question = walked, question
        self.where = question.where if question.where != EntityFilter() else None
        self.known = walked.known(reader, question.after, question.walk.limits)
        self.shown: list[tuple[int, str, int]] = []
        """Distance, urn and key."""
        self.has_more = False
        self.trails = ShortestPaths(reader, walked.ways, [])

    def unmatched(self) -> tuple[EntityFilter | None, list[int]]:
        """What has to be matched before it can be chosen what the page shows."""
        return self.where, self.walked.unmatched(self.where, self.known.last)

    def choose(self, reader: Reader) -> None:
        """Find out what the page shows, and the ways that lead there."""
        walked, known, after, first = self.walked, self.known, self.question.after, self.question.first
        chosen: list[tuple[int, str, int]] = []
        begin = walked.level(reader, after) if after else 1
        for level in range(begin, known.last + 1):
            if len(chosen) > first:
                break
            if not walked.matched(reader, self.where, level):
                continue
            for urn, key in walked.ordered(reader, self.where, level):
                if len(chosen) > first or (level == known.last and known.until is not None and urn > known.until):
                    break
                if after is None or level > begin or urn > after.urn:
                    chosen.append((level, urn, key))
        self.has_more, self.shown = len(chosen) > first, chosen[:first]
        if self.question.with_paths:
            targets = [(key, level) for level, _, key in self.shown if level != walked.source.beyond_at]
            self.trails = ShortestPaths(reader, walked.ways, targets)

    def made(self, reader: Reader) -> ReachPage:
        """The page."""
        walked, known = self.walked, self.known
        counter: Counter[int] = Counter()
        visited = 0
        for level in range(1, known.last + 1):
            counter.update(walked.counts(reader, self.where, level, known))
            is_cut = level == known.last and known.until is not None
            visited += walked.counts(reader, None, level, known).total() if is_cut else len(walked.source.levels[level])
        end = walked.position(*self.shown[-1][:2]) if self.shown else None
        cut_at = _last_visited(reader, walked, known) if known.reason is not None else None
        if cut_at is not None and not self.has_more:
            end = cut_at
        has_next = self.has_more or known.reason is not None
        reasons = {known.reason} if known.reason else set()
        if has_next:
            reasons.add(IncompleteReason.PAGE)
        if walked.source.cut_at_depth and known.reason is None:
            reasons.add(IncompleteReason.DEPTH)
        withheld = self._withheld(reader)
        if withheld:
            reasons.add(IncompleteReason.POLICY)
        if walked.visited is not None:
            visited = walked.visited
        return ReachPage(
            self._items(reader), counter.total(), kinds(counter), has_next, end, frozenset(reasons), visited, cut_at,
            withheld,
        )  # fmt: skip

    def _items(self, reader: Reader) -> tuple[Reached, ...]:
        keys = [key for _, _, key in self.shown]
        entities: dict[int, Entity | Restricted] = dict(reader.entities([key for key in keys if not is_masked(key)]))
        if reader.meets_hidden:
            entities |= reader.restricted([key for key in keys if is_masked(key)])
        paths = self.trails.paths(reader.associations(self.trails.associations))
        return tuple(
            Reached(
                entities[key],
                None if level == self.walked.source.beyond_at else level,
                paths.get((key, level), ()),
            )
            for level, _, key in self.shown
        )

    def _withheld(self, reader: Reader) -> int | None:
        """How many hidden entities were met and are not shown, if all are known, there are any and it may be told."""
        met = self.walked.source.withheld if self.known.reason is None else set()
        return len(met) if met and reader.tell_withheld(met) else None


def reach_pages(reader: Reader, asked: Sequence[tuple[WalkState, Reach]]) -> list[ReachPage]:
    """A page of each walk."""
    pages = [_Page(reader, walked, question) for walked, question in asked]
    reader.prefetch_matches([page.unmatched() for page in pages])
    for page in pages:
        page.choose(reader)
    shown = {key for page in pages for _, _, key in page.shown}
    reader.prefetch_records(shown, {association for page in pages for association in page.trails.associations})
    return [page.made(reader) for page in pages]


def kinds(counter: Mapping[int, int]) -> dict[EntityKind, int]:
    """Counts by kind, in the order of kinds, from counts by code."""
    by_kind = {KINDS[code]: count for code, count in counter.items()}
    return {kind: by_kind[kind] for kind in EntityKind if kind in by_kind}


def _last_visited(reader: Reader, walked: WalkState, known: Known) -> ReachPosition | None:
    if known.until is not None:
        return walked.position(known.last, known.until)
    # A level can be empty in the midst: what one way of BOTH finds there, the other has found nearer.
    for level in range(known.last, 0, -1):
        if ordered := walked.ordered(reader, None, level):
            return walked.position(level, ordered[-1][0])
    return None
