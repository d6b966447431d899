"""Walks of one view, fetched before they are walked.

All associations of a walk come in one traversal: `repeat(...).barrier().dedup()` visits every vertex once, level by
level, and the `line` of an edge holds all that a walk needs, so that no record is read. The walk itself then goes from
line to line in memory. Where it stops at more than kinds, the same traversal returns which of the vertices match. A
walk that is too large to fetch at once is fetched level by level.

Existence, as-of and scope are tested at every hop: an edge is noted only where both its ends show, and the walk goes on
only over edges whose near end may be crossed.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from time import monotonic
from typing import Any, Final, NamedTuple

from gremlin_python.process.graph_traversal import GraphTraversal, __

from lineal.graphstore.codes import KIND_BITS, SAME_AS
from lineal.graphstore.filter_compiler import compiled_entity_filter
from lineal.graphstore.gremlin.client import GremlinClient, g
from lineal.graphstore.gremlin.codec import AssociationLine
from lineal.graphstore.gremlin.crossed_edges import DOWN, SAME_AS_LABEL, UP, CrossedEdges, Leg
from lineal.graphstore.gremlin.edge_cache import asks_properties, asks_times, content_steps
from lineal.graphstore.gremlin.match_cache import asks_only_kinds, of_kinds
from lineal.graphstore.gremlin.vertex_ids import number_of_id, number_of_vertex
from lineal.graphstore.gremlin.view_caches import ViewCaches
from lineal.graphstore.kinds import LineageDirection
from lineal.graphstore.queries import EntityFilter, Walk
from lineal.graphstore.walking.reader_protocol import Crossings

MOST_WALKED: Final = 200_000
"""A walk that visits more vertices is not fetched at once, but level by level."""
MOST_SECONDS: Final = 10.0
"""A walk that takes longer to fetch at once is fetched level by level, too: its deadline is checked between levels."""
MOST_GUESSED: Final = 1000
"""The most records of the nearest entities that come with a walk's associations, if as many are shown."""
MOST_GLIMPSED: Final = 5
"""The most edges of each leg noted from a vertex at a walk's depth: mostly one shows that something lies beyond."""


@dataclass(frozen=True, slots=True)
class _Fetch:
    """One walk of one direction. Walks that differ in nothing but their starts are fetched together.

    `first_hop` are those of the edges that lead on from the starts, between readable entities and beside hidden ones:
    the others are fetched as well, since another walk may cross them.
    """

    crossed: CrossedEdges
    beside_hidden: CrossedEdges
    first_hop: tuple[CrossedEdges, CrossedEdges]
    with_contents: bool
    with_times: bool
    depth: int | None
    stop_at: EntityFilter | None

    @property
    def stop_matches(self) -> EntityFilter | None:
        """The filter that decides where the walk stops, if it asks for more than kinds."""
        return None if self.stop_at is None or asks_only_kinds(self.stop_at) else self.stop_at


class _Starts(NamedTuple):
    """The numbers of the vertices that walks start from, and about how many of the nearest entities are shown."""

    numbers: set[int]
    shown: int


class WalkPrefetcher:
    """Fetches walks into the caches of a view."""

    def __init__(self, client: GremlinClient, caches: ViewCaches) -> None:
        self._client, self._visibility = client, caches.visibility
        self._scopes, self._records, self._edges = caches.scopes, caches.records, caches.edges
        self._hidden, self._matches = caches.hidden, caches.matches

    def prefetch(self, walks: Iterable[tuple[Walk, int]]) -> None:
        """Fetch walks, in one journey; each with about how many of the nearest entities it reaches are shown."""
        if self._visibility.sees_nothing:
            return
        numbers: set[int] = set()
        fetches: dict[_Fetch, _Starts] = {}
        for walk, shown in walks:
            starts = {number for id in (*walk.starts, *walk.excluding) if (number := number_of_id(id)) is not None}
            numbers |= starts
            for fetch in _fetches(walk) if starts else ():
                together = fetches.get(fetch, _Starts(set(), 0))
                fetches[fetch] = _Starts(together.numbers | starts, min(together.shown + shown, MOST_GUESSED))
        asked = [self._steps(fetch, starts) for fetch, starts in fetches.items()]
        with_records = {number for starts in fetches.values() if starts.shown for number in starts.numbers}
        missing = self._records.missing(numbers - with_records)
        if missing:
            asked.append(self._records.steps(self._visibility.by_number(missing)).fold())
        began = monotonic()
        answers = self._client.wait(*asked)
        # What took less time here was not cut short there.
        is_whole = monotonic() - began < MOST_SECONDS
        if missing:
            self._records.take(answers.pop()[0])
        received = {fetch: answer for fetch, (answer,) in zip(fetches, answers, strict=True)}
        for answer in received.values():
            self._take(answer)
        self._records.note_fetched(numbers if is_whole else missing)
        for fetch, answer in received.items():
            is_known = is_whole and self._take_walk(fetch, fetches[fetch], answer)
            for crossed in {fetch.crossed, fetch.first_hop[0]}:
                self._edges.note_walk(crossed, is_whole=is_known)

    # -- asking --

    def _steps(self, fetch: _Fetch, starts: _Starts) -> GraphTraversal:
        """A walk in one traversal: its lines, the first records, where it stops, the contents; as far as needed.

        It notes edges as it crosses them, and so reads none twice.
        """
        condition = self._stop_condition(fetch)
        together = len(starts.numbers) > 1
        begin = 1 if together else 0
        hop = self._hop(fetch, begin)
        last = None if fetch.depth is None else fetch.depth + begin
        if last is not None:
            glimpse = self._hop(fetch, begin, "beyond").not_(__.identity())
            hop = __.choose(__.loops().is_(last), glimpse, hop)
        if condition is not None:
            # Starts are expanded in any case.
            hop = __.filter_(__.or_(__.loops().is_(begin), __.not_(condition))).flat_map(hop)
        if together:
            walk = _walk_together(self._visibility.by_number(starts.numbers, __), hop).emit()
        else:
            walk = self._visibility.by_number(starts.numbers).emit().repeat(hop.barrier().dedup())
        asked = {"lines": __.cap("lines")}
        if last is not None:
            walk = walk.times(last + 1)
            asked["beyond"] = __.cap("beyond")
        if self._scopes.needs_groups:
            ends = __.union(__.unfold(), __.cap("edges").unfold().both_v()).dedup()
            asked["groups"] = self._scopes.steps(ends).fold()
        if self._meets_hidden(fetch):
            asked["hidden"] = self._hidden.steps(__.cap("hidden").unfold()).fold()
        if starts.shown:
            # The starts come first, then the nearest: so a page of the nearest comes along.
            first = __.unfold().limit(starts.shown + len(starts.numbers))
            asked["records"] = self._records.steps(first).fold()
        if fetch.stop_matches is not None:
            asked["stops"] = self._matches.steps(__.unfold(), fetch.stop_matches).fold()
        if self._visibility.scope_steps.limits:
            asked["visited"] = __.unfold().id_().fold()
        if fetch.with_contents:
            asked["contents"] = __.cap("contents")
        if fetch.with_times:
            asked["times"] = __.cap("times")
        bounded = walk.limit(MOST_WALKED + len(starts.numbers)).time_limit(int(MOST_SECONDS * 1000))
        return reduce(lambda steps, each: steps.by(each), asked.values(), bounded.fold().project(*asked))

    def _hop(self, fetch: _Fetch, begin: int, noted: str = "lines") -> GraphTraversal:
        hops = []
        for leg in self._visibility.legs(fetch.crossed):
            edges = self._visibility.edges(leg)
            if noted == "beyond":
                edges = __.local(edges.limit(MOST_GLIMPSED))
            edges = edges.aggregate(noted).by("line")
            if self._scopes.needs_groups:
                edges = edges.aggregate("edges")
            if fetch.with_contents:
                edges = edges.side_effect(content_steps(__.identity()).aggregate("contents"))
            if fetch.with_times:
                edges = edges.side_effect(self._visibility.times_of_ends(__.identity()).aggregate("times"))
            if self._visibility.scope_steps.limits:
                edges = edges.where(self._may_cross(fetch.crossed, leg, begin))
            hops.append(edges.in_v() if leg.way is DOWN else edges.out_v())
        hop = _union(hops)
        if self._meets_hidden(fetch):
            met = _union([self._hidden.edges_at(leg) for leg in self._visibility.legs(fetch.beside_hidden)])
            hop = __.side_effect(met.aggregate("hidden")).flat_map(hop)
        return hop

    def _meets_hidden(self, fetch: _Fetch) -> bool:
        return self._visibility.meets_hidden and bool(fetch.beside_hidden.types)

    def _may_cross(self, crossed: CrossedEdges, leg: Leg, begin: int) -> GraphTraversal:
        """Whether the walk may cross an edge from its near end; a SAME_AS that leads both ways, in either direction."""

        def from_near_end(ways: Collection[LineageDirection]) -> GraphTraversal:
            near = __.out_v() if leg.way is DOWN else __.in_v()
            return near.where(self._visibility.scope_steps.crossable(ways, begin))

        if len(crossed.ways) == 1 or SAME_AS_LABEL not in leg.labels:
            return from_near_end(crossed.ways if len(crossed.ways) == 1 else (leg.way,))
        return __.or_(from_near_end((leg.way,)), __.has_label(SAME_AS_LABEL).where(from_near_end(crossed.ways)))

    def _stop_condition(self, fetch: _Fetch) -> GraphTraversal | None:
        """What holds of a vertex only if the walk stops there; None where nothing is sure to."""
        if fetch.stop_at is None:
            return None
        condition = self._visibility.filter_condition(compiled_entity_filter(fetch.stop_at).expression)
        if condition.is_settled:
            return __.identity() if condition.exact is None else condition.exact
        return __.has_not("widened") if condition.exact is None else __.has_not("widened").where(condition.exact)

    # -- taking --

    def _take(self, answer: Mapping[str, list[Any]]) -> None:
        """Keep what is right even if the walk was cut short: groups, hidden edges, records, contents, times."""
        self._scopes.take(answer.get("groups", ()))
        self._hidden.take(answer.get("hidden", ()))
        self._records.take(answer.get("records", ()))
        self._edges.take_contents(answer.get("contents", ()))
        self._records.take_times(answer.get("times", ()))

    def _take_walk(self, fetch: _Fetch, starts: _Starts, answer: Mapping[str, list[Any]]) -> bool:
        """Keep the lines and the matches of a walk that was not cut by time; whether it was not cut at all."""
        lines = self._edges.take(answer["lines"])
        reached = _far_ends(lines, fetch.crossed.ways)
        if len(reached) >= MOST_WALKED:
            return False
        if self._visibility.scope_steps.limits:
            visited = {number_of_vertex(vertex) for vertex in answer["visited"]}
            reached = {key for key in reached if key >> KIND_BITS in visited}
        if fetch.stop_matches is not None:
            self._matches.take(fetch.stop_matches, reached, answer["stops"])
        self._edges.take(answer.get("beyond", ()))
        expanded, last = self._expanded(fetch, starts)
        whole = {key for key in last if self._edges.count_from(key, fetch.crossed) < MOST_GLIMPSED}
        for crossed in {fetch.crossed, fetch.first_hop[0]}:
            self._edges.note_fetched(crossed, expanded | whole)
        if self._visibility.meets_hidden:
            for crossed in {fetch.beside_hidden, fetch.first_hop[1]}:
                self._hidden.note_fetched(crossed, expanded | last)
        return True

    def _expanded(self, fetch: _Fetch, starts: _Starts) -> tuple[set[int], set[int]]:
        """The keys that the walk expanded, and those it would have expanded if its depth were greater.

        Of the first all lines are noted.
        """
        frontier = {key for number in starts.numbers if (key := self._records.key_at(number)) is not None}
        expanded, level = set[int](), 0
        while frontier and level != fetch.depth:
            expanded |= frontier
            reached = {far for key in frontier for far in self._crossed_from(key, fetch.crossed, level)}
            frontier = self._going_on(fetch, reached - expanded)
            level += 1
        return expanded, frontier

    def _crossed_from(self, key: int, crossed: CrossedEdges, distance: int) -> Iterable[int]:
        crossable = self._scopes.crossable(key, crossed, distance)
        return () if crossable is None else (far for far, _ in self._edges.crossed_from(key, crossable))

    def _going_on(self, fetch: _Fetch, reached: set[int]) -> set[int]:
        if fetch.stop_at is None:
            return reached
        if fetch.stop_matches is None:
            return reached.difference(of_kinds(reached, fetch.stop_at))
        return reached - self._matches.known_to_match(fetch.stop_matches, reached)


def _fetches(walk: Walk) -> list[_Fetch]:
    """The walks to fetch for a walk: of BOTH, one for each direction."""
    if walk.via is not None and walk.via.type == ():
        return []
    directions = [UP, DOWN] if walk.direction is LineageDirection.BOTH else [walk.direction]
    filters = [each for each in (walk.via, walk.first_hop) if each is not None]
    asks = (any(map(asks_properties, filters)), any(map(asks_times, filters)))
    fetches = []
    for direction in directions:
        crossed, beside = _edges(Crossings(direction, walk.via))
        first_hop = _edges(Crossings(direction, walk.via, walk.first_hop))
        fetches.append(_Fetch(crossed, beside, first_hop, *asks, walk.depth, walk.stop_at))
    return fetches


def _edges(crossings: Crossings) -> tuple[CrossedEdges, CrossedEdges]:
    """The edges to cross between readable entities, and beside hidden ones."""
    return CrossedEdges.of(crossings), CrossedEdges.beside_hidden(crossings)


def _walk_together(starts: GraphTraversal, hop: GraphTraversal) -> GraphTraversal:
    """A walk from all starts at once: its first round yields the starts, so that it has one round more than hops.

    `repeat` walks from starts it is given one after the other: they would not come before all that is reached, and what
    was visited at the depth from one start would not be expanded when it is nearer to another.
    """
    return g.inject(0).repeat(__.choose(__.loops().is_(0), starts, hop).barrier().dedup())


def _union(branches: list[GraphTraversal]) -> GraphTraversal:
    return branches[0] if len(branches) == 1 else __.union(*branches)


def _far_ends(lines: Iterable[AssociationLine], ways: Collection[LineageDirection]) -> set[int]:
    """What lines lead to; a SAME_AS leads both ways."""
    lines = list(lines)
    down = {line.destination for line in lines if DOWN in ways or line.type == SAME_AS}
    return down | {line.source for line in lines if UP in ways or line.type == SAME_AS}
