"""One read of the graph: records of a view, and what crosses from key to key, with as few journeys as can be.

A walk's associations are fetched before it is walked, all in one traversal: `repeat(...).barrier().dedup()` visits each
vertex once, level by level, and every edge says in its `line` all that a walk wants to know, so no vertex is read. Then
the walk goes from line to line in memory. Where the engine cannot tell where to stop, it is fetched level by level.

What is asked of the engine is bounded in time by the stamps of the view, at every hop.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace
from itertools import chain
from typing import Any, Final

from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.process.traversal import P
from gremlin_python.statics import long

from lineal.graphstore.codes import KIND_BITS, KIND_MASK, SAME_AS, TYPES, AssociationKey, kind_codes
from lineal.graphstore.filters import matches_association, matches_entity
from lineal.graphstore.folding import folded
from lineal.graphstore.gremlin.heads import Moment
from lineal.graphstore.gremlin.keys import key_of_urn, number_of_id, vertex_of, vertex_of_key
from lineal.graphstore.gremlin.packing import Line, association_of, unpacked, unpacked_line
from lineal.graphstore.gremlin.server import Server, g
from lineal.graphstore.kinds import AssociationType, LineageDirection
from lineal.graphstore.queries import EntityFilter, Walk
from lineal.graphstore.records import Association, Entity, Revision, View
from lineal.graphstore.walking.crossings import Crossings

MOST_LINES: Final = 500_000
"""Where a walk would fetch more associations at once, it goes level by level."""
MOST_APART: Final = 8
"""From more starts than these, a walk of limited depth goes level by level."""
_MOST_URNS: Final = 200_000
_DOWN, _UP = LineageDirection.DESCENDANTS, LineageDirection.ASCENDANTS
_ALL_CODES: Final = range(KIND_MASK + 1)
_REVISED: Final = "REVISED"


_Crossed = tuple[tuple[LineageDirection, ...], frozenset[int] | None]
"""In which ways associations are crossed, and the codes of which types."""


class Urns(dict[int, str]):
    """Urns by key: they never change, so the newest learnt are kept from read to read."""

    def learn(self, key: int, urn: str) -> None:
        """Keep one more, and forget the oldest where there are many."""
        if key not in self and len(self) >= _MOST_URNS:
            for old in [each for each, _ in zip(self, range(_MOST_URNS // 10), strict=False)]:
                self.pop(old, None)
        self[key] = urn


class Reading:
    """`walking.crossings.Reading` by traversals."""

    def __init__(self, server: Server, view: View, moment: Moment, urns: Urns) -> None:
        self.server, self.view, self._moment, self._urns = server, view, moment, urns
        self.sees_nothing = not view.scope.everything
        self.is_settled = view.as_of.recorded_at <= moment.newest
        self._until = min(view.as_of.recorded_at, moment.newest)
        self._void = [stamp for stamp in moment.void if stamp <= self._until]
        self._records: dict[int, Entity] = {}
        self._by_number: dict[int, int] = {}
        self._revisions: dict[int, list[Revision]] = {}
        self._asked: set[int] = set()
        self._lines: dict[LineageDirection, defaultdict[int, dict[AssociationKey, Line]]] = {
            _DOWN: defaultdict(dict),
            _UP: defaultdict(dict),
        }
        self._fetched: defaultdict[_Crossed, set[int]] = defaultdict(set)
        self._foreseen: set[_Crossed] = set()
        self._by_key: dict[AssociationKey, Line] = {}
        self._content: dict[AssociationKey, str] = {}

    # -- what the view shows --

    def on_time(self, steps: GraphTraversal, occurred: str | None = "occurred_at") -> GraphTraversal:
        """Only what was recorded, and occurred, by the view's moment."""
        steps = steps.has("recorded_at", P.lte(long(self._until)))
        if self._void:
            steps = steps.has("recorded_at", P.without([long(stamp) for stamp in self._void]))
        at = self.view.as_of.occurred_at
        return steps if at is None or occurred is None else steps.has(occurred, P.lte(long(at)))

    def _edges(self, way: LineageDirection, labels: list[str]) -> GraphTraversal:
        # An edge's `occurred_at` is the latest of its own and its ends', so that it exists where all three do.
        return self.on_time(__.out_e(*labels) if way is _DOWN else __.in_e(*labels))

    # -- records --

    def with_revisions(self, vertices: GraphTraversal) -> GraphTraversal:
        """The records of entity vertices, and of their revisions, as texts."""
        return self.on_time(vertices).union(__.values("record"), self.on_time(__.out_e(_REVISED)).values("line"))

    def take(self, texts: Iterable[str]) -> list[int]:
        """Read records from texts; the keys of the entities among them."""
        keys = []
        for text in texts:
            key, record = unpacked(text, self.view)
            if isinstance(record, Entity):
                self._records[key] = record
                self._by_number[key >> KIND_BITS] = key
                self._revisions.setdefault(key, [])
                self._urns.learn(key, record.urn)
                keys.append(key)
            else:
                found = self._revisions.setdefault(key, [])
                if all(each.sequence != record.sequence for each in found):
                    found.append(record)
        return keys

    def _load(self, numbers: Collection[int], *others: GraphTraversal) -> list[list[Any]]:
        missing = set(numbers) - self._asked
        if not missing or self.sees_nothing:
            return self.server.wait(*others) if others else []
        self._asked |= missing
        records = self.with_revisions(g.V([vertex_of(number) for number in missing]))
        texts, *answers = self.server.wait(records, *others)
        self.take(texts)
        return answers

    def load_ids(self, ids: Collection[str], *others: GraphTraversal) -> list[list[Any]]:
        """Load the records of ids, in one journey with some other questions, whose answers are given."""
        return self._load({number for id in ids if (number := number_of_id(id)) is not None}, *others)

    def key_at(self, number: int) -> int | None:
        """The key of the entity whose id begins with these bits, if one exists."""
        self._load([number])
        return self._by_number.get(number)

    def keys_of(self, ids: Collection[str]) -> dict[str, int]:
        self.load_ids(ids)
        by_id = {entity.id: key for key, entity in self._records.items()}
        return {id: by_id[id] for id in ids if id in by_id}

    def urns(self, keys: Collection[int]) -> dict[int, str]:
        missing = [key for key in keys if key not in self._urns]
        found = {}
        if missing:
            (urns,) = self.server.wait(g.V([vertex_of_key(key) for key in missing]).values("urn"))
            for urn in urns:
                key = key_of_urn(urn)
                found[key] = urn
                self._urns.learn(key, urn)
        return found | {key: self._urns[key] for key in keys if key not in found}

    def entities(self, keys: Collection[int], *, as_recorded: bool = False) -> dict[int, Entity]:
        self._load({key >> KIND_BITS for key in keys})
        if as_recorded:
            return {key: self._records[key] for key in keys}
        return {
            key: folded(self._records[key], self._revisions[key]) if self._revisions[key] else self._records[key]
            for key in keys
        }

    def revisions(self, keys: Collection[int]) -> dict[int, list[Revision]]:
        self._load({key >> KIND_BITS for key in keys})
        return {
            key: [_of(revision, self._records[key].id) for revision in self._revisions[key]]
            for key in keys
            if self._revisions.get(key)
        }

    def matching(self, keys: Collection[int], where: EntityFilter | None) -> Collection[int]:
        if where is None or where == EntityFilter() or not keys:
            return keys
        codes = kind_codes(EntityFilter(where.kind, where.lineage_type))
        if codes is not None:
            keys = [key for key in keys if key & KIND_MASK in codes]
            if where == EntityFilter(where.kind, where.lineage_type):
                return keys
        entities = self.entities(keys)
        return [key for key in keys if matches_entity(entities[key], where)]

    # -- associations --

    def associations(self, keys: Collection[AssociationKey]) -> dict[AssociationKey, Association]:
        missing = [key for key in keys if key not in self._by_key]
        if missing:
            (texts,) = self.server.wait(self._among(missing).values("line"))
            self._learn(texts)
        wanted = [key for key in keys if self._by_key[key].has_content and key not in self._content]
        if wanted:
            self._fetch_content(self._among(wanted))
        return {key: association_of(self._by_key[key], self._content.get(key), self.view) for key in keys}

    def standing(self, keys: Collection[AssociationKey]) -> dict[AssociationKey, Line]:
        """The lines of those associations that stand."""
        (texts,) = self.server.wait(self._among(keys).values("line"))
        self._learn(texts)
        return {key: self._by_key[key] for key in keys if key in self._by_key}

    def _among(self, keys: Collection[AssociationKey]) -> GraphTraversal:
        """The edges of some associations, and maybe of others between the same ends."""
        sources = [vertex_of_key(key) for key in {key[0] for key in keys}]
        destinations = [vertex_of_key(key) for key in {key[2] for key in keys}]
        labels = [str(TYPES[code]) for code in sorted({key[1] for key in keys})]
        edges = self.on_time(g.V(sources).out_e(*labels))
        return edges.where(__.in_v().has_id(P.within(destinations)))

    def _fetch_content(self, edges: GraphTraversal) -> None:
        (found,) = self.server.wait(edges.has("content").value_map("line", "content"))
        for each in found:
            self._content[unpacked_line(each["line"]).key] = each["content"]

    def _learn(self, texts: Iterable[str]) -> list[Line]:
        lines = []
        for text in texts:
            line = unpacked_line(text)
            if line.key not in self._by_key:
                self._by_key[line.key] = line
                self._urns.learn(line.source, line.source_urn)
                self._urns.learn(line.destination, line.destination_urn)
            lines.append(self._by_key[line.key])
        return lines

    # -- crossing --

    def foresee(self, walk: Walk) -> None:
        ids = {*walk.starts, *walk.excluding}
        numbers = {number for id in ids if (number := number_of_id(id)) is not None}
        if self.sees_nothing or not numbers:
            return
        stop_codes = None if walk.stop_at is None else kind_codes(walk.stop_at)
        if walk.stop_at is not None and walk.stop_at != EntityFilter() and stop_codes is None:
            self._load(numbers)
            return
        vertices = [vertex_of(number) for number in numbers]
        stop = frozenset(_ALL_CODES if walk.stop_at == EntityFilter() else stop_codes or ())
        further = None if walk.depth is None else walk.depth - 1
        crosses_none = walk.via is not None and walk.via.type == ()
        asked = [] if crosses_none or (further is not None and further < 0) else _sides(walk.direction)
        groups = [vertices]
        if further and len(vertices) > 1:
            # The engine walks from one start after the other: what it saw at the depth from one, it would not go on
            # from when it comes nearer from another.
            groups = [[vertex] for vertex in vertices]
            if len(groups) > MOST_APART:
                asked = []
        closures = [self._closure(group, ways, walk, further, stop) for ways in asked for group in groups]
        self._asked |= numbers
        texts, *closed = self.server.wait(self.with_revisions(g.V(vertices)), *closures)
        starts = [key for key in self.take(texts) if key >> KIND_BITS in numbers]
        for index, ways in enumerate(asked):
            found = closed[index * len(groups) : (index + 1) * len(groups)]
            if all(len(texts) <= MOST_LINES for texts in found):
                self._know(ways, self._learn(chain.from_iterable(found)), starts, further, stop, walk)

    def _closure(
        self,
        vertices: list[long],
        ways: list[LineageDirection],
        walk: Walk,
        further: int | None,
        stop: frozenset[int],
    ) -> GraphTraversal:
        labels = _labels(walk.via.type if walk.via is not None else None)
        steps = g.V(vertices)
        if further is None or further > 0:
            hops = [self._hop(way, names, stop) for way, names in self._legs(ways, labels)]
            hop = hops[0] if len(hops) == 1 else __.union(*hops)
            steps = steps.emit().repeat(hop.barrier().dedup())
            if further is not None:
                steps = steps.times(further)
        return self._lines_of(steps, ways, labels).limit(MOST_LINES + 1)

    def _lines_of(self, vertices: GraphTraversal, ways: list[LineageDirection], labels: list[str]) -> GraphTraversal:
        legs = self._legs(ways, labels)
        if len(legs) == 1:
            # Without a step around it JanusGraph reads the edges of many vertices at once.
            ((way, names),) = legs
            return self.on_time(vertices.out_e(*names) if way is _DOWN else vertices.in_e(*names)).values("line")
        return vertices.union(*(self._edges(way, names) for way, names in legs)).values("line")

    def _legs(self, ways: list[LineageDirection], labels: list[str]) -> list[tuple[LineageDirection, list[str]]]:
        """The ways with the labels to cross; a SAME_AS is crossed against its direction too."""
        legs = [(way, labels) for way in ways]
        same_as = str(AssociationType.SAME_AS)
        if len(ways) == 1 and self._moment.has_same_as and same_as in labels:
            legs.append((_UP if ways[0] is _DOWN else _DOWN, [same_as]))
        return legs

    def _hop(self, way: LineageDirection, labels: list[str], stop: frozenset[int]) -> GraphTraversal:
        edges = self._edges(way, labels)
        if stop:
            edges = edges.has("destination_kind" if way is _DOWN else "source_kind", P.without(sorted(stop)))
        return edges.in_v() if way is _DOWN else edges.out_v()

    def _know(
        self,
        ways: list[LineageDirection],
        lines: list[Line],
        starts: list[int],
        further: int | None,
        stop: frozenset[int],
        walk: Walk,
    ) -> None:
        """Note the lines, and of which keys they are all there are: those the walk would expand."""
        crossings = Crossings(ways[0] if len(ways) == 1 else LineageDirection.CONNECTED, walk.via)
        fetched = self._fetched[_crossed(crossings)]
        self._foreseen.add(_crossed(crossings))
        self._note(lines)
        frontier, level = set(starts), 0
        reached: set[int] = set()
        while frontier:
            fetched |= frontier
            reached |= frontier
            if further is not None and level >= further:
                break
            level += 1
            found = {far for key in frontier for far, _ in self._from(key, crossings)}
            frontier = {key for key in found - reached if key & KIND_MASK not in stop}

    def _note(self, lines: Iterable[Line]) -> None:
        for line in lines:
            for way, near in ((_DOWN, line.source), (_UP, line.destination)):
                self._lines[way][near][line.key] = line

    def _from(self, key: int, crossings: Crossings) -> Iterable[tuple[int, Line]]:
        """What is crossed from a key, under the types of the filter: the far keys and the lines."""
        for way in crossings.ways:
            for line in self._lines[way].get(key, {}).values():
                if crossings.types is None or line.type in crossings.types:
                    yield (line.destination if way is _DOWN else line.source), line
        if len(crossings.ways) == 1 and (crossings.types is None or SAME_AS in crossings.types):
            back = _UP if crossings.ways[0] is _DOWN else _DOWN
            for line in self._lines[back].get(key, {}).values():
                if line.type == SAME_AS:
                    yield (line.source if back is _UP else line.destination), line

    def _fetch(self, crossings: Crossings, frontier: Collection[int]) -> None:
        """The lines of one level, where they are not known."""
        fetched = self._fetched[_crossed(crossings)]
        missing = [key for key in frontier if key not in fetched]
        if not missing or self.sees_nothing or crossings.types == []:
            return
        fetched.update(missing)
        labels = _labels(None if crossings.types is None else [TYPES[code] for code in crossings.types])
        vertices = g.V([vertex_of_key(key) for key in missing])
        (texts,) = self.server.wait(self._lines_of(vertices, crossings.ways, labels))
        self._note(self._learn(texts))

    def far_keys(self, crossings: Crossings, frontier: Collection[int]) -> set[int]:
        return {-far if key[1] == SAME_AS else far for _, far, key in self.crossed(crossings, frontier)}

    def crossed(self, crossings: Crossings, frontier: Collection[int]) -> list[tuple[int, int, AssociationKey]]:
        self._fetch(crossings, frontier)
        return self._known_crossed(crossings, frontier)

    def crossed_back(self, crossings: Crossings, keys: Collection[int]) -> list[tuple[int, int, AssociationKey]]:
        back = crossings.reversed()
        return self._known_crossed(back, keys) if _crossed(crossings) in self._foreseen else self.crossed(back, keys)

    def _known_crossed(self, crossings: Crossings, frontier: Collection[int]) -> list[tuple[int, int, AssociationKey]]:
        found = {(near, far, line.key) for near in frontier for far, line in self._from(near, crossings)}
        via = crossings.via
        if crossings.asks_only_types or via is None:
            return list(found)
        records = self.associations({key for _, _, key in found})
        return [each for each in found if matches_association(records[each[2]], via)]


def _crossed(crossings: Crossings) -> _Crossed:
    return tuple(crossings.ways), None if crossings.types is None else frozenset(crossings.types)


def _sides(direction: LineageDirection) -> list[list[LineageDirection]]:
    """The walks of a direction, each with the ways it crosses."""
    if direction is LineageDirection.BOTH:
        return [[_UP], [_DOWN]]
    return [[_UP, _DOWN]] if direction is LineageDirection.CONNECTED else [[direction]]


def _labels(types: Collection[AssociationType] | None) -> list[str]:
    return [str(type) for type in (TYPES if types is None else types)]


def _of(revision: Revision, id: str) -> Revision:
    return replace(revision, entity_id=id)
