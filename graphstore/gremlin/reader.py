"""Walks of one view, fetched before they are walked.

All associations of a walk come in one traversal: `repeat(...).barrier().dedup()` visits each
vertex once, level by level, and every edge says in its `line` all that a walk wants to know, so no record is read. Then
the walk goes from line to line in memory. Where it stops at more than kinds, a second traversal, asked beside the
first, tells which of the vertices reached match. What is too much to fetch at once is fetched level by level.

What is asked of the engine is bounded in time by the stamps of the view, and by what its scope shows, at every hop: an
association is noted only where both its ends show, and gone on from where its near end may be crossed.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import reduce
from time import monotonic
from typing import Any, Final, NamedTuple

from gremlin_python.process.graph_traversal import GraphTraversal, __

from lineal.graphstore.codes import KIND_BITS, SAME_AS
from lineal.graphstore.gremlin.client import g
from lineal.graphstore.gremlin.codec import Line
from lineal.graphstore.gremlin.edge_cache import SAME_AS_LABEL, Crossing, asks_properties
from lineal.graphstore.gremlin.hidden_neighbours import Crossed
from lineal.graphstore.gremlin.record_cache import MOST_LOADED, asks_kinds_alone, of_kinds
from lineal.graphstore.gremlin.vertex_ids import number_of_id, number_of_vertex, vertex_of
from lineal.graphstore.kinds import LineageDirection
from lineal.graphstore.queries import EntityFilter, Walk
from lineal.graphstore.walking.reader_protocol import Crossings

MOST_WALKED: Final = 200_000
"""A walk that comes by more vertices than these is not fetched at once, but goes level by level."""
MOST_SECONDS: Final = 10.0
"""A walk that takes longer to fetch at once goes level by level, too: between levels its deadline is looked at."""
MOST_GUESSED: Final = 1000
"""So many records of the nearest that walks reach are fetched beside their associations, if as many are shown."""
_DOWN, _UP = LineageDirection.DESCENDANTS, LineageDirection.ASCENDANTS


@dataclass(frozen=True, slots=True)
class Fetch:
    """What walks alike in all but their starts fetch together: one walk of one or both ways."""

    crossed: Crossed
    beside_hidden: Crossed
    with_content: bool
    depth: int | None
    stop_at: EntityFilter | None

    @property
    def stop_matches(self) -> EntityFilter | None:
        """The filter that tells where the walk stops, if it is more than kinds."""
        return None if self.stop_at is None or asks_kinds_alone(self.stop_at) else self.stop_at


class _Starts(NamedTuple):
    """From where walks go, by the numbers of the vertices, and about how many of the nearest they reach are shown."""

    numbers: set[int]
    shown: int


class Reader(Crossing):
    """`walking.reader_protocol.Reader` by traversals."""

    def prefetch_walks(self, walks: Iterable[tuple[Walk, int | None]]) -> None:
        if self.sees_nothing:
            return
        numbers: set[int] = set()
        fetches: dict[Fetch, _Starts] = {}
        for walk, shown in walks:
            starts = {number for id in (*walk.starts, *walk.excluding) if (number := number_of_id(id)) is not None}
            numbers |= starts
            if shown is None:
                # Of one hop all may be looked through.
                shown = MOST_LOADED if walk.depth == 1 else 0
            for fetch in _fetches(walk) if starts else ():
                given = fetches.setdefault(fetch, _Starts(set(), 0))
                fetches[fetch] = _Starts(given.numbers | starts, min(given.shown + shown, MOST_GUESSED))
        asked = [self._asked_by(fetch, starts) for fetch, starts in fetches.items()]
        read = {number for starts in fetches.values() if starts.shown for number in starts.numbers}
        missing = numbers - self._asked - read
        if missing:
            asked.append(self.with_revisions(self.readable(g.V([vertex_of(number) for number in missing]))).fold())
        began = monotonic()
        answers = self.server.wait(*asked)
        # What took shorter here was not cut there.
        is_whole = monotonic() - began < MOST_SECONDS
        if missing:
            self.take(answers.pop()[0])
        received = {fetch: answer for fetch, (answer,) in zip(fetches, answers, strict=True)}
        for answer in received.values():
            self._receive(answer)
        self._asked |= numbers if is_whole else missing
        for fetch, answer in received.items():
            is_known = is_whole and self._answered(fetch, fetches[fetch], answer)
            self._foreseen[fetch.crossed] = is_known and self._foreseen.get(fetch.crossed, True)

    def _asked_by(self, fetch: Fetch, starts: _Starts) -> GraphTraversal:
        """All of a walk in one traversal: its lines, the first records, where it stops, the contents; what is wanted.

        It notes the edges as it crosses them, and so need not read them again.
        """
        vertices = [vertex_of(number) for number in starts.numbers]
        stops = self._stops(fetch)
        together = len(vertices) > 1
        begin = 1 if together else 0
        hop = self._noting_hop(fetch, begin)
        if stops is not None:
            # The starts are always expanded.
            hop = __.filter_(__.or_(__.loops().is_(begin), __.not_(stops))).flat_map(hop)
        if together:
            steps = _together(self.readable(__.V(vertices)), hop).emit()
        else:
            steps = self.readable(g.V(vertices)).emit().repeat(hop.barrier().dedup())
        if fetch.depth is not None:
            steps = steps.times(fetch.depth + begin)
        asked = {"lines": __.cap("lines")}
        if self.scope_steps.needs_groups:
            ends = __.union(__.unfold(), __.cap("edges").unfold().both_v()).dedup()
            asked["groups"] = self.grouped(ends).fold()
        if self._notes_beside(fetch):
            asked["beside"] = self.beside.told(__.cap("beside").unfold()).fold()
        if starts.shown:
            # Of what the walk comes by, the starts first, then the nearest: so a page of the nearest comes along.
            first = __.unfold().limit(starts.shown + len(starts.numbers))
            asked["records"] = self.with_revisions(first).fold()
        if fetch.stop_matches is not None:
            asked["stops"] = self.judging(__.unfold(), self.asked_of(fetch.stop_matches)).fold()
        if self.scope_steps.limits:
            asked["visited"] = __.unfold().id_().fold()
        if fetch.with_content:
            asked["contents"] = __.cap("contents")
        bounded = steps.limit(MOST_WALKED + len(vertices)).time_limit(int(MOST_SECONDS * 1000))
        return reduce(lambda told, each: told.by(each), asked.values(), bounded.fold().project(*asked))

    def _noting_hop(self, fetch: Fetch, begin: int) -> GraphTraversal:
        hops = []
        for way, labels in self._legs(fetch.crossed):
            edges = self._edges(way, labels).aggregate("lines").by("line")
            if self.scope_steps.needs_groups:
                edges = edges.aggregate("edges")
            if fetch.with_content:
                edges = edges.side_effect(self.contents(__.identity()).aggregate("contents"))
            if self.scope_steps.limits:
                edges = edges.where(self._may_cross(fetch.crossed, way, labels, begin))
            hops.append(edges.in_v() if way is _DOWN else edges.out_v())
        hop = hops[0] if len(hops) == 1 else __.union(*hops)
        if self._notes_beside(fetch):
            met = [self._beside_of(leg, self.scope_steps.met) for leg in self._legs(fetch.beside_hidden)]
            hop = __.side_effect((met[0] if len(met) == 1 else __.union(*met)).aggregate("beside")).flat_map(hop)
        return hop

    def _notes_beside(self, fetch: Fetch) -> bool:
        return self.meets_hidden and bool(fetch.beside_hidden.types)

    def _may_cross(self, crossed: Crossed, way: LineageDirection, labels: list[str], begin: int) -> GraphTraversal:
        """Whether a walk may cross an edge of a leg from its near end: a SAME_AS that leads both ways, in either."""

        def from_near(ways: Collection[LineageDirection]) -> GraphTraversal:
            near = __.out_v() if way is _DOWN else __.in_v()
            return near.where(self.scope_steps.crossable(ways, begin))

        if len(crossed.ways) == 1 or SAME_AS_LABEL not in labels:
            return from_near(crossed.ways if len(crossed.ways) == 1 else (way,))
        return __.or_(from_near((way,)), __.has_label(SAME_AS_LABEL).where(from_near(crossed.ways)))

    def _stops(self, fetch: Fetch) -> GraphTraversal | None:
        """What surely holds of a vertex that the walk stops at, if anything does."""
        if fetch.stop_at is None:
            return None
        asked = self.asked_of(fetch.stop_at)
        if asked.is_settled:
            return __.identity() if asked.exact is None else asked.exact
        return __.has_not("widened") if asked.exact is None else __.has_not("widened").where(asked.exact)

    def _receive(self, answer: dict[str, list[Any]]) -> None:
        """Read the groups, the records and the contents among what came."""
        for told in answer.get("groups", ()):
            self.take_groups(told)
        self.name(self.beside.learn(answer.get("beside", ())))
        self._asked |= {key >> KIND_BITS for key in self.take(answer.get("records", ()))}
        self._take_contents(answer.get("contents", ()))

    def _answered(self, fetch: Fetch, starts: _Starts, answer: dict[str, list[Any]]) -> bool:
        """Note what came of a walk that was not cut short in time; whether it was not cut short at all."""
        lines = self.learn(answer["lines"])
        reached = _far_ends(lines, fetch.crossed.ways)
        if len(reached) >= MOST_WALKED:
            return False
        if self.scope_steps.limits:
            visited = {number_of_vertex(vertex) for vertex in answer["visited"]}
            reached = {key for key in reached if key >> KIND_BITS in visited}
        if fetch.stop_matches is not None:
            self.judge(fetch.stop_matches, reached, answer["stops"])
        self._know(fetch, [key for number in starts.numbers if (key := self._by_number.get(number)) is not None])
        return True

    def _know(self, fetch: Fetch, starts: list[int]) -> None:
        """Of the keys that the walk would expand, the lines noted are all there are."""
        crossed, judged = fetch.crossed, self._judged.get(fetch.stop_matches or EntityFilter(), {})
        stops = fetch.stop_at if fetch.stop_at is not None and fetch.stop_matches is None else None
        frontier, level = set(starts), 0
        expanded: set[int] = set()
        while frontier:
            expanded |= frontier
            if level + 1 == fetch.depth:
                break
            found = {far for key in frontier for far, _ in self._gone_on(key, crossed, level)} - expanded
            stopped = set(of_kinds(found, stops)) if stops is not None else set()
            frontier = {key for key in found - stopped if not judged.get(key, False)}
            level += 1
        self._fetched[crossed] |= expanded
        if self.meets_hidden:
            self.beside.fetched[fetch.beside_hidden] |= {key >> KIND_BITS for key in expanded}


def _fetches(walk: Walk) -> list[Fetch]:
    """What a walk has to fetch: for BOTH, each of its two walks."""
    via = walk.via
    if walk.depth == 0 or (via is not None and via.type == ()):
        return []
    sides = [_UP, _DOWN] if walk.direction is LineageDirection.BOTH else [walk.direction]
    with_content = via is not None and asks_properties(via)
    each = [Crossings(side, via) for side in sides]
    return [
        Fetch(Crossed.of(side), Crossed.beside_hidden(side), with_content, walk.depth, walk.stop_at) for side in each
    ]


def _together(starts: GraphTraversal, hop: GraphTraversal) -> GraphTraversal:
    """A walk from all starts at once: the first round puts them in, and its rounds are one more than its hops.

    Given to `repeat` from outside, starts are walked from one after the other: they would not come before all that is
    reached, and what was seen at the depth from one would not be gone on from when it comes nearer from another.
    """
    return g.inject(0).repeat(__.choose(__.loops().is_(0), starts, hop).barrier().dedup())


def _far_ends(lines: Iterable[Line], ways: Collection[LineageDirection]) -> set[int]:
    """What lines lead to; a SAME_AS leads both ways."""
    lines = list(lines)
    down = {line.destination for line in lines if _DOWN in ways or line.type == SAME_AS}
    return down | {line.source for line in lines if _UP in ways or line.type == SAME_AS}
