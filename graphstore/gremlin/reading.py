"""What crosses from key to key, of one view.

A walk's associations are fetched before it is walked, all in one traversal: `repeat(...).barrier().dedup()` visits each
vertex once, level by level, and every edge says in its `line` all that a walk wants to know, so no vertex is read. Then
the walk goes from line to line in memory. Where it stops at more than kinds, a second traversal, asked beside the
first, tells which of the vertices reached match. What is too much to fetch at once is fetched level by level.

What is asked of the engine is bounded in time by the stamps of the view, at every hop.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import reduce
from time import monotonic
from typing import Any, Final, NamedTuple

from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.statics import long

from lineal.graphstore.codes import KIND_BITS, SAME_AS, TYPE_CODES, TYPES, AssociationKey
from lineal.graphstore.filters import matches_association
from lineal.graphstore.gremlin.conditions import condition
from lineal.graphstore.gremlin.keys import number_of_id, vertex_of, vertex_of_key
from lineal.graphstore.gremlin.loading import MOST_LOADED, Loading, Urns, asks_kinds_alone, of_kinds
from lineal.graphstore.gremlin.moments import Moment
from lineal.graphstore.gremlin.packing import Line, association_of
from lineal.graphstore.gremlin.server import Server, g
from lineal.graphstore.kinds import AssociationType, LineageDirection
from lineal.graphstore.queries import AssociationFilter, EntityFilter, Walk
from lineal.graphstore.records import View
from lineal.graphstore.walking.crossings import Crossings

MOST_WALKED: Final = 200_000
"""A walk that comes by more vertices than these is not fetched at once, but goes level by level."""
MOST_SECONDS: Final = 10.0
"""A walk that takes longer to fetch at once goes level by level, too: between levels its deadline is looked at."""
MOST_GUESSED: Final = 1000
"""So many records of the nearest that walks reach are fetched beside their associations, if as many are shown."""
_DOWN, _UP = LineageDirection.DESCENDANTS, LineageDirection.ASCENDANTS
_SAME_AS: Final = str(AssociationType.SAME_AS)


@dataclass(frozen=True, slots=True)
class Crossed:
    """In which ways associations are crossed, and the codes of which types; None for all."""

    ways: tuple[LineageDirection, ...]
    types: frozenset[int] | None

    @classmethod
    def of(cls, crossings: Crossings) -> "Crossed":
        """What crossings cross, whatever else they ask of an association."""
        return cls(tuple(crossings.ways), None if crossings.types is None else frozenset(crossings.types))

    @property
    def labels(self) -> list[str]:
        """The labels of the edges."""
        return [str(type) for code, type in enumerate(TYPES) if self.types is None or code in self.types]


@dataclass(frozen=True, slots=True)
class Fetch:
    """What walks alike in all but their starts fetch together: one walk of one or both ways."""

    crossed: Crossed
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


class Reading(Loading):
    """`walking.crossings.Reading` by traversals."""

    def __init__(self, server: Server, view: View, moment: Moment, urns: Urns) -> None:
        super().__init__(server, view, moment, urns)
        self._lines = {_DOWN: self._out, _UP: self._in}
        self._fetched: defaultdict[Crossed, set[int]] = defaultdict(set)
        self._foreseen: dict[Crossed, bool] = {}
        """Whether all walks that cross so were fetched whole, so that what leads back in them is known."""

    # -- walks, before they begin --

    def foresee_walks(self, walks: Iterable[tuple[Walk, int | None]]) -> None:
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
            asked.append(self.with_revisions(g.V([vertex_of(number) for number in missing])).fold())
        began = monotonic()
        answers = self.server.wait(*asked)
        # What took shorter here was not cut there.
        is_whole = monotonic() - began < MOST_SECONDS
        if missing:
            self.take(answers.pop()[0])
        received = {fetch: self._received(answer) for fetch, (answer,) in zip(fetches, answers, strict=True)}
        self._asked |= numbers if is_whole else missing
        for fetch, (texts, stopped) in received.items():
            is_known = is_whole and self._answered(fetch, fetches[fetch], texts, stopped)
            self._foreseen[fetch.crossed] = is_known and self._foreseen.get(fetch.crossed, True)

    def _asked_by(self, fetch: Fetch, starts: _Starts) -> GraphTraversal:
        """All of a walk in one traversal: its lines, the first records, where it stops, the contents; what is wanted.

        It notes the edges as it crosses them, and so need not read them again.
        """
        vertices = [vertex_of(number) for number in starts.numbers]
        stops = self._stops(fetch)
        hop = self._noting_hop(fetch)
        together = len(vertices) > 1
        if stops is not None:
            # The starts are always expanded.
            hop = __.filter_(__.or_(__.loops().is_(1 if together else 0), __.not_(stops))).flat_map(hop)
        steps = _together(vertices, hop).emit() if together else g.V(vertices).emit().repeat(hop.barrier().dedup())
        if fetch.depth is not None:
            steps = steps.times(fetch.depth + together)
        asked = {"lines": __.cap("lines")}
        if starts.shown:
            # Of what the walk comes by, the starts first, then the nearest: so a page of the nearest comes along.
            first = __.unfold().limit(starts.shown + len(starts.numbers))
            asked["records"] = self.with_revisions(first).fold()
        if fetch.stop_matches is not None:
            asked["stops"] = self.judging(__.unfold(), condition(fetch.stop_matches)).fold()
        if fetch.with_content:
            asked["contents"] = __.cap("contents")
        bounded = steps.limit(MOST_WALKED + len(vertices)).time_limit(int(MOST_SECONDS * 1000))
        return reduce(lambda told, each: told.by(each), asked.values(), bounded.fold().project(*asked))

    def _noting_hop(self, fetch: Fetch) -> GraphTraversal:
        hops = []
        for way, labels in self._legs(fetch.crossed):
            edges = self._edges(way, labels).aggregate("lines").by("line")
            if fetch.with_content:
                edges = edges.side_effect(self.contents(__.identity()).aggregate("contents"))
            hops.append(edges.in_v() if way is _DOWN else edges.out_v())
        return hops[0] if len(hops) == 1 else __.union(*hops)

    def _stops(self, fetch: Fetch) -> GraphTraversal | None:
        """What surely holds of a vertex that the walk stops at, if anything does."""
        if fetch.stop_at is None:
            return None
        asked = condition(fetch.stop_at)
        if asked.is_settled:
            return __.identity() if asked.exact is None else asked.exact
        return __.has_not("widened") if asked.exact is None else __.has_not("widened").where(asked.exact)

    def _received(self, answer: dict[str, list[Any]]) -> tuple[list[str], list[Any]]:
        """Read the records among what came; the lines, and what tells where the walk stops."""
        self._asked |= {key >> KIND_BITS for key in self.take(answer.get("records", ()))}
        self._take_contents(answer.get("contents", ()))
        return answer["lines"], answer.get("stops", [])

    def _answered(self, fetch: Fetch, starts: _Starts, texts: list[str], stopped: list[Any]) -> bool:
        """Note what came of a walk that was not cut short in time; whether it was not cut short at all."""
        lines = self._learn(texts)
        reached = _far_ends(lines, fetch.crossed.ways)
        if len(reached) >= MOST_WALKED:
            return False
        if fetch.stop_matches is not None:
            self.judge(fetch.stop_matches, reached, stopped)
        self._know(fetch, [key for number in starts.numbers if (key := self._by_number.get(number)) is not None])
        return True

    def _know(self, fetch: Fetch, starts: list[int]) -> None:
        """Of the keys that the walk would expand, the lines noted are all there are."""
        crossed, judged = fetch.crossed, self._judged.get(fetch.stop_matches or EntityFilter(), {})
        stops = fetch.stop_at if fetch.stop_at is not None and fetch.stop_matches is None else None
        fetched = self._fetched[crossed]
        frontier, level = set(starts), 0
        expanded: set[int] = set()
        while frontier:
            expanded |= frontier
            level += 1
            if level == fetch.depth:
                break
            found = {far for key in frontier for far, _ in self._from(key, crossed)} - expanded
            stopped = set(of_kinds(found, stops)) if stops is not None else set()
            frontier = {key for key in found - stopped if not judged.get(key, False)}
        fetched |= expanded

    # -- edges --

    def _edges(self, way: LineageDirection, labels: list[str]) -> GraphTraversal:
        # An edge's `occurred_at` is the latest of its own and its ends', so that it exists where all three do.
        return self.on_time(__.out_e(*labels) if way is _DOWN else __.in_e(*labels))

    def _legs(self, crossed: Crossed) -> list[tuple[LineageDirection, list[str]]]:
        """The ways with the labels to cross; a SAME_AS is crossed against its direction too."""
        labels = crossed.labels
        legs = [(way, labels) for way in crossed.ways]
        if len(crossed.ways) == 1 and self._moment.has_same_as and _SAME_AS in labels:
            legs.append((_UP if crossed.ways[0] is _DOWN else _DOWN, [_SAME_AS]))
        return legs

    def _edges_of(self, vertices: GraphTraversal, crossed: Crossed) -> GraphTraversal:
        legs = self._legs(crossed)
        if len(legs) == 1:
            # Without a step around it JanusGraph reads the edges of many vertices at once.
            ((way, labels),) = legs
            return self.on_time(vertices.out_e(*labels) if way is _DOWN else vertices.in_e(*labels))
        return vertices.union(*(self._edges(way, labels) for way, labels in legs))

    # -- crossing, in memory --

    def _from(self, key: int, crossed: Crossed) -> Iterable[tuple[int, Line]]:
        """What is crossed from a key: the far keys and the lines."""
        types = crossed.types
        for way in crossed.ways:
            for line in self._lines[way].get(key, ()):
                if types is None or line.type in types:
                    yield (line.destination if way is _DOWN else line.source), line
        if len(crossed.ways) == 1 and (types is None or SAME_AS in types):
            back = _UP if crossed.ways[0] is _DOWN else _DOWN
            for line in self._lines[back].get(key, ()):
                if line.type == SAME_AS:
                    yield (line.source if back is _UP else line.destination), line

    def foresee_crossings(self, asked: Iterable[tuple[Crossings, Collection[int]]]) -> None:
        """Fetch the lines of one level, where they are not known."""
        wanted: defaultdict[Crossed, set[int]] = defaultdict(set)
        for crossings, keys in asked:
            crossed = Crossed.of(crossings)
            missing = {key for key in keys if key not in self._fetched[crossed]}
            if missing and not self.sees_nothing and crossed.labels:
                wanted[crossed] |= missing
        edges = [
            self._edges_of(g.V([vertex_of_key(key) for key in keys]), crossed).values("line").fold()
            for crossed, keys in wanted.items()
        ]
        for (crossed, keys), (texts,) in zip(wanted.items(), self.server.wait(*edges), strict=True):
            self._fetched[crossed] |= keys
            self._learn(texts)

    def far_keys(self, crossings: Crossings, frontier: Collection[int]) -> set[int]:
        return {-far if key[1] == SAME_AS else far for _, far, key in self.crossed(crossings, frontier)}

    def crossed(self, crossings: Crossings, frontier: Collection[int]) -> list[tuple[int, int, AssociationKey]]:
        self.foresee_crossings([(crossings, frontier)])
        return self._known_crossed(crossings, frontier)

    def crossed_back(self, crossings: Crossings, keys: Collection[int]) -> list[tuple[int, int, AssociationKey]]:
        back = crossings.reversed()
        is_known = self._foreseen.get(Crossed.of(crossings), False)
        return self._known_crossed(back, keys) if is_known else self.crossed(back, keys)

    def _known_crossed(self, crossings: Crossings, frontier: Collection[int]) -> list[tuple[int, int, AssociationKey]]:
        crossed, via = Crossed.of(crossings), crossings.via
        found = {(near, far, line.key) for near in frontier for far, line in self._from(near, crossed)}
        if crossings.asks_only_types or via is None:
            return list(found)
        keys = {key for _, _, key in found}
        if _asks_properties(via):
            records = self.associations(keys)
        else:
            records = {key: association_of(self._by_key[key], None, self.view) for key in keys}
        return [each for each in found if matches_association(records[each[2]], via)]


def _fetches(walk: Walk) -> list[Fetch]:
    """What a walk has to fetch: for BOTH, each of its two walks."""
    via = walk.via
    if walk.depth == 0 or (via is not None and via.type == ()):
        return []
    sides: list[tuple[LineageDirection, ...]] = [(walk.direction,)]
    if walk.direction is LineageDirection.BOTH:
        sides = [(_UP,), (_DOWN,)]
    elif walk.direction is LineageDirection.CONNECTED:
        sides = [(_UP, _DOWN)]
    types = None if via is None or via.type is None else frozenset(TYPE_CODES[type] for type in via.type)
    with_content = via is not None and _asks_properties(via)
    return [Fetch(Crossed(ways, types), with_content, walk.depth, walk.stop_at) for ways in sides]


def _together(starts: list[long], hop: GraphTraversal) -> GraphTraversal:
    """A walk from all starts at once: the first round puts them in, and its rounds are one more than its hops.

    Given to `repeat` from outside, starts are walked from one after the other: they would not come before all that is
    reached, and what was seen at the depth from one would not be gone on from when it comes nearer from another.
    """
    return g.inject(0).repeat(__.choose(__.loops().is_(0), __.V(starts), hop).barrier().dedup())


def _far_ends(lines: Iterable[Line], ways: Collection[LineageDirection]) -> set[int]:
    """What lines lead to; a SAME_AS leads both ways."""
    lines = list(lines)
    down = {line.destination for line in lines if _DOWN in ways or line.type == SAME_AS}
    return down | {line.source for line in lines if _UP in ways or line.type == SAME_AS}


def _asks_properties(via: AssociationFilter) -> bool:
    return bool(via.property) or (via.not_ is not None and _asks_properties(via.not_))
