"""What crosses from key to key, of one view.

A walk's associations are fetched before it is walked, all in one traversal: `repeat(...).barrier().dedup()` visits each
vertex once, level by level, and every edge says in its `line` all that a walk wants to know, so no vertex is read. Then
the walk goes from line to line in memory. Where it stops at more than kinds, a second traversal, asked beside the
first, tells which of the vertices reached match. What is too much to fetch at once is fetched level by level.

What is asked of the engine is bounded in time by the stamps of the view, at every hop.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.process.traversal import P
from gremlin_python.statics import long

from lineal.graphstore.codes import KIND_BITS, KIND_MASK, SAME_AS, TYPE_CODES, TYPES, AssociationKey, kind_codes
from lineal.graphstore.filters import matches_association
from lineal.graphstore.gremlin.conditions import condition
from lineal.graphstore.gremlin.heads import Moment
from lineal.graphstore.gremlin.keys import number_of_id, vertex_of, vertex_of_key
from lineal.graphstore.gremlin.loading import Loading, Urns, asks_kinds_alone
from lineal.graphstore.gremlin.packing import Line, association_of
from lineal.graphstore.gremlin.server import Server, g
from lineal.graphstore.kinds import AssociationType, LineageDirection
from lineal.graphstore.queries import AssociationFilter, EntityFilter, Walk
from lineal.graphstore.records import View
from lineal.graphstore.walking.crossings import Crossings

MOST_LINES: Final = 500_000
"""Where a walk would fetch more associations at once, it goes level by level."""
MOST_GUESSED: Final = 1000
"""So many records of what walks of one hop reach are fetched beside their associations, if about as many are shown."""
_DOWN, _UP = LineageDirection.DESCENDANTS, LineageDirection.ASCENDANTS
_ALL_CODES: Final = range(KIND_MASK + 1)
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
    def stop_codes(self) -> Collection[int]:
        """The kinds at which the walk stops, told by the edges that lead there."""
        if self.stop_at is None:
            return ()
        if self.stop_at == EntityFilter():
            return _ALL_CODES
        return (kind_codes(self.stop_at) or ()) if asks_kinds_alone(self.stop_at) else ()

    @property
    def stop_matches(self) -> EntityFilter | None:
        """The filter that tells where the walk stops, if it is more than kinds."""
        return None if self.stop_at is None or asks_kinds_alone(self.stop_at) else self.stop_at


class Reading(Loading):
    """`walking.crossings.Reading` by traversals."""

    def __init__(self, server: Server, view: View, moment: Moment, urns: Urns) -> None:
        super().__init__(server, view, moment, urns)
        self._lines: dict[LineageDirection, defaultdict[int, dict[AssociationKey, Line]]] = {
            _DOWN: defaultdict(dict),
            _UP: defaultdict(dict),
        }
        self._fetched: defaultdict[Crossed, set[int]] = defaultdict(set)
        self._foreseen: set[Crossed] = set()

    # -- walks, before they begin --

    def foresee_walks(self, walks: Iterable[Walk], first: int = 0) -> None:
        if self.sees_nothing:
            return
        numbers: set[int] = set()
        fetches: dict[Fetch, set[int]] = {}
        for walk in walks:
            starts = {number for id in (*walk.starts, *walk.excluding) if (number := number_of_id(id)) is not None}
            numbers |= starts
            for fetch in _fetches(walk):
                fetches.setdefault(fetch, set()).update(starts)
        fetches = {fetch: starts for fetch, starts in fetches.items() if starts}
        missing = numbers - self._asked
        self._asked |= missing
        asked: list[GraphTraversal] = []
        if missing:
            asked.append(self.with_revisions(g.V([vertex_of(number) for number in missing])))
        for fetch, starts in fetches.items():
            asked += self._asked_by(fetch, [vertex_of(number) for number in starts])
        guessed = min(first, MOST_GUESSED)
        near = [(fetch, starts) for fetch, starts in fetches.items() if guessed and fetch.depth == 1]
        for fetch, starts in near:
            reached = self._reached(fetch, [vertex_of(number) for number in starts])
            asked.append(self.with_revisions(reached.limit(guessed)))
        answers = iter(self.server.wait(*asked))
        if missing:
            self.take(next(answers))
        for fetch, starts in fetches.items():
            self._answered(fetch, starts, answers)
        for _ in near:
            self._asked |= {key >> KIND_BITS for key in self.take(next(answers))}

    def _asked_by(self, fetch: Fetch, starts: list[long]) -> list[GraphTraversal]:
        asked = [self._edges_of(self._expanded(fetch, starts), fetch.crossed).values("line").limit(MOST_LINES + 1)]
        if fetch.with_content:
            asked.append(self.contents(self._edges_of(self._expanded(fetch, starts), fetch.crossed)))
        if fetch.stop_matches is not None:
            asked.append(self.judging(self._reached(fetch, starts), condition(fetch.stop_matches)))
        return asked

    def _answered(self, fetch: Fetch, starts: Collection[int], answers: Iterator[list[Any]]) -> None:
        texts = next(answers)
        if fetch.with_content:
            self._take_contents(next(answers))
        stopped = next(answers) if fetch.stop_matches is not None else []
        if len(texts) > MOST_LINES:
            return
        lines = self._learn(texts)
        self._note(lines)
        if fetch.stop_matches is not None:
            self.judge(fetch.stop_matches, _far_ends(lines, fetch.crossed.ways), stopped)
        self._foreseen.add(fetch.crossed)
        self._know(fetch, [key for number in starts if (key := self._by_number.get(number)) is not None])

    def _expanded(self, fetch: Fetch, starts: list[long]) -> GraphTraversal:
        """The vertices from which a walk goes on: its starts, and what it reaches but does not stop at."""
        further = None if fetch.depth is None else fetch.depth - 1
        if further == 0:
            return g.V(starts)
        hop = self._hop(fetch)
        stops = self._stops(fetch)
        if stops is not None:
            hop = hop.where(__.not_(stops))
        if further is not None and len(starts) > 1:
            return _together(starts, hop).emit().times(further + 1)
        steps = g.V(starts).emit().repeat(hop.barrier().dedup())
        return steps if further is None else steps.times(further)

    def _reached(self, fetch: Fetch, starts: list[long]) -> GraphTraversal:
        """The vertices that a walk reaches, and maybe its starts."""
        hop, stops = self._hop(fetch), self._stops(fetch)
        if fetch.depth == 1:
            return g.V(starts).flat_map(hop).dedup()
        together = fetch.depth is not None and len(starts) > 1
        if stops is not None:
            # The starts are always expanded.
            hop = __.filter_(__.or_(__.loops().is_(1 if together else 0), __.not_(stops))).flat_map(hop)
        if together:
            assert fetch.depth is not None
            return _together(starts, hop).emit().times(fetch.depth + 1)
        steps = g.V(starts).repeat(hop.barrier().dedup()).emit()
        return steps if fetch.depth is None else steps.times(fetch.depth)

    def _stops(self, fetch: Fetch) -> GraphTraversal | None:
        """What surely holds of a vertex that the walk stops at, if anything does."""
        if fetch.stop_matches is None:
            return None
        asked = condition(fetch.stop_matches)
        if asked.is_settled:
            return asked.exact
        return __.has_not("widened") if asked.exact is None else __.has_not("widened").where(asked.exact)

    def _know(self, fetch: Fetch, starts: list[int]) -> None:
        """Of the keys that the walk would expand, the lines noted are all there are."""
        crossed, judged = fetch.crossed, self._judged.get(fetch.stop_matches or EntityFilter(), {})
        stop_codes = frozenset(fetch.stop_codes)
        fetched = self._fetched[crossed]
        frontier, level = set(starts), 0
        expanded: set[int] = set()
        while frontier:
            expanded |= frontier
            level += 1
            if level == fetch.depth:
                break
            found = {far for key in frontier for far, _ in self._from(key, crossed)} - expanded
            frontier = {key for key in found if key & KIND_MASK not in stop_codes and not judged.get(key, False)}
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

    def _hop(self, fetch: Fetch) -> GraphTraversal:
        hops = []
        for way, labels in self._legs(fetch.crossed):
            edges = self._edges(way, labels)
            if fetch.stop_codes and fetch.stop_matches is None:
                edges = edges.has(
                    "destination_kind" if way is _DOWN else "source_kind", P.without(sorted(fetch.stop_codes))
                )
            hops.append(edges.in_v() if way is _DOWN else edges.out_v())
        return hops[0] if len(hops) == 1 else __.union(*hops)

    # -- crossing, in memory --

    def _note(self, lines: Iterable[Line]) -> None:
        for line in lines:
            for way, near in ((_DOWN, line.source), (_UP, line.destination)):
                self._lines[way][near][line.key] = line

    def _from(self, key: int, crossed: Crossed) -> Iterable[tuple[int, Line]]:
        """What is crossed from a key: the far keys and the lines."""
        types = crossed.types
        for way in crossed.ways:
            for line in self._lines[way].get(key, {}).values():
                if types is None or line.type in types:
                    yield (line.destination if way is _DOWN else line.source), line
        if len(crossed.ways) == 1 and (types is None or SAME_AS in types):
            back = _UP if crossed.ways[0] is _DOWN else _DOWN
            for line in self._lines[back].get(key, {}).values():
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
            self._edges_of(g.V([vertex_of_key(key) for key in keys]), crossed).values("line")
            for crossed, keys in wanted.items()
        ]
        for (crossed, keys), texts in zip(wanted.items(), self.server.wait(*edges), strict=True):
            self._fetched[crossed] |= keys
            self._note(self._learn(texts))

    def far_keys(self, crossings: Crossings, frontier: Collection[int]) -> set[int]:
        return {-far if key[1] == SAME_AS else far for _, far, key in self.crossed(crossings, frontier)}

    def crossed(self, crossings: Crossings, frontier: Collection[int]) -> list[tuple[int, int, AssociationKey]]:
        self.foresee_crossings([(crossings, frontier)])
        return self._known_crossed(crossings, frontier)

    def crossed_back(self, crossings: Crossings, keys: Collection[int]) -> list[tuple[int, int, AssociationKey]]:
        back = crossings.reversed()
        return self._known_crossed(back, keys) if Crossed.of(crossings) in self._foreseen else self.crossed(back, keys)

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

    Given to `repeat` from outside, starts are walked from one after the other: what was seen at the depth from one
    would not be gone on from when it comes nearer from another.
    """
    return g.inject(0).repeat(__.choose(__.loops().is_(0), __.V(starts), hop).barrier().dedup())


def _far_ends(lines: Iterable[Line], ways: Collection[LineageDirection]) -> set[int]:
    """What lines lead to; a SAME_AS leads both ways."""
    lines = list(lines)
    down = {line.destination for line in lines if _DOWN in ways or line.type == SAME_AS}
    return down | {line.source for line in lines if _UP in ways or line.type == SAME_AS}


def _asks_properties(via: AssociationFilter) -> bool:
    return bool(via.property) or (via.not_ is not None and _asks_properties(via.not_))
