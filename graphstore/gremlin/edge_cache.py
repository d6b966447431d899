"""What crosses from key to key, of one view, level by level.

What is asked of the engine is bounded in time by the stamps of the view, and by what its scope shows: an association is
noted only where both its ends are readable; beside a hidden end, where that may show, no more than `beside` tells.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Final

from gremlin_python.process.graph_traversal import GraphTraversal, __

from lineal.auth.scopes import UNLIMITED, Boundary
from lineal.graphstore.codes import KIND_BITS, SAME_AS, AssociationKey
from lineal.graphstore.filters import matches_association
from lineal.graphstore.gremlin.client import GremlinClient, g
from lineal.graphstore.gremlin.codec import Line, association_of
from lineal.graphstore.gremlin.hidden_neighbours import Beside, Crossed, ends
from lineal.graphstore.gremlin.record_cache import Loading, Urns
from lineal.graphstore.gremlin.snapshots import Snapshot
from lineal.graphstore.gremlin.vertex_ids import vertex_of_key
from lineal.graphstore.kinds import AssociationType, LineageDirection
from lineal.graphstore.queries import AssociationFilter
from lineal.graphstore.records import View
from lineal.graphstore.walking.reader_protocol import Crossings, Hidden, is_masked, masked

_DOWN, _UP = LineageDirection.DESCENDANTS, LineageDirection.ASCENDANTS
SAME_AS_LABEL: Final = str(AssociationType.SAME_AS)

Step = tuple[int, int, AssociationKey]
"""A crossing: the near key, the far key, the association."""


class Crossing(Loading):
    """The crossings that are known so far, and the rest by traversals."""

    def __init__(self, server: GremlinClient, view: View, snapshot: Snapshot, urns: Urns) -> None:
        super().__init__(server, view, snapshot, urns)
        self._lines = {_DOWN: self._out, _UP: self._in}
        self._fetched: defaultdict[Crossed, set[int]] = defaultdict(set)
        self.beside = Beside(self.scope_steps)
        self._foreseen: dict[Crossed, bool] = {}
        """Whether all walks that cross so were fetched whole, so that what leads back in them is known."""

    # -- edges --

    def _edges(self, way: LineageDirection, labels: list[str]) -> GraphTraversal:
        return self._that_show(way, __.out_e(*labels) if way is _DOWN else __.in_e(*labels))

    def _that_show(self, way: LineageDirection, edges: GraphTraversal) -> GraphTraversal:
        """The edges of the view that lead to what is readable."""
        # An edge's `occurred_at` is the latest of its own and its ends', so that it exists where all three do.
        edges, readable = self.on_time(edges), self.scope_steps.readable
        if readable is None:
            return edges
        return edges.where((__.in_v() if way is _DOWN else __.out_v()).where(readable))

    def _beside_of(self, leg: tuple[LineageDirection, list[str]], far: GraphTraversal) -> GraphTraversal:
        """The edges of the view that lead to what a condition holds of."""
        way, labels = leg
        edges = self.on_time(__.out_e(*labels) if way is _DOWN else __.in_e(*labels))
        return edges.where((__.in_v() if way is _DOWN else __.out_v()).where(far))

    def _legs(self, crossed: Crossed) -> list[tuple[LineageDirection, list[str]]]:
        """The ways with the labels to cross; a SAME_AS is crossed against its direction too."""
        labels = crossed.labels
        legs = [(way, labels) for way in crossed.ways]
        if len(crossed.ways) == 1 and self._snapshot.has_same_as and SAME_AS_LABEL in labels:
            legs.append((_UP if crossed.ways[0] is _DOWN else _DOWN, [SAME_AS_LABEL]))
        return legs

    def _edges_of(self, vertices: GraphTraversal, crossed: Crossed) -> GraphTraversal:
        legs = self._legs(crossed)
        if len(legs) == 1:
            # Without a step around it JanusGraph reads the edges of many vertices at once.
            ((way, labels),) = legs
            return self._that_show(way, vertices.out_e(*labels) if way is _DOWN else vertices.in_e(*labels))
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

    def _gone_on(self, key: int, crossed: Crossed, distance: int | None) -> Iterable[tuple[int, Line]]:
        """What may be crossed from a key at a distance."""
        if not self.scope_steps.limits:
            return self._from(key, crossed)
        ways = [way for way in crossed.ways if self._lets_cross(key, way, distance)]
        if not ways or len(ways) == len(crossed.ways):
            return self._from(key, crossed) if ways else ()
        return self._from(key, Crossed(tuple(ways), crossed.types))

    def _lets_cross(self, key: int, way: LineageDirection, distance: int | None) -> bool:
        if not self.scope_steps.limits:
            return True
        entity_scope = self.entity_scope(key)
        limit = entity_scope.ascendants if way is _UP else entity_scope.descendants
        return limit == UNLIMITED if distance is None else distance < limit

    def crosses(self, key: int, direction: LineageDirection, distance: int) -> bool:
        return self._lets_cross(key, direction, distance)

    # -- crossing, level by level --

    def prefetch_crossings(self, asked: Iterable[tuple[Crossings, Collection[int]]]) -> None:
        """Fetch what one level crosses, where it is not known."""
        plain: defaultdict[Crossed, set[int]] = defaultdict(set)
        beside: defaultdict[Crossed, set[int]] = defaultdict(set)
        for crossings, keys in asked:
            crossed, bare = Crossed.of(crossings), Crossed.beside_hidden(crossings)
            if crossed.labels and not self.sees_nothing:
                plain[crossed] |= {key for key in keys if not is_masked(key)} - self._fetched[crossed]
            if bare.labels and self.meets_hidden:
                beside[bare] |= {key for key in keys if key >> KIND_BITS not in self.beside.fetched[bare]}
        lines = [
            self.lines(self._edges_of(g.V([vertex_of_key(key) for key in keys]), crossed)).fold()
            for crossed, keys in plain.items()
            if keys
        ]
        met = [self.beside.told(self._edges_beside(keys, bare)).fold() for bare, keys in beside.items() if keys]
        answers = self.server.wait(*lines, *met)
        for (told,) in answers[: len(lines)]:
            self.learn(told)
        for (told,) in answers[len(lines) :]:
            self.name(self.beside.learn(told))
        for crossed, keys in plain.items():
            self._fetched[crossed] |= keys
        for bare, keys in beside.items():
            self.beside.fetched[bare] |= {key >> KIND_BITS for key in keys}

    def _edges_beside(self, keys: Collection[int], crossed: Crossed) -> GraphTraversal:
        """The edges from what is readable to what is hidden and met, and from what is hidden to what is not cut."""
        legs = self._legs(crossed)
        sides = [
            __.V([vertex_of_key(key) for key in near]).union(*(self._beside_of(leg, far) for leg in legs))
            for near, far in (
                ([key for key in keys if not is_masked(key)], self.scope_steps.met),
                ([key for key in keys if is_masked(key)], self.scope_steps.crossed_to),
            )
            if near
        ]
        return g.inject(0).union(*sides)

    def _crossable(self, crossings: Crossings, frontier: Collection[int], distance: int | None) -> list[int]:
        """Those of a frontier that may be crossed at a distance in some way; what they cross is known afterwards."""
        if self.scope_steps.limits:
            self.load_groups([key for key in frontier if not is_masked(key)])
            frontier = [
                key
                for key in frontier
                if is_masked(key) or any(self._lets_cross(key, way, distance) for way in crossings.ways)
            ]
        self.prefetch_crossings([(crossings, frontier)])
        return list(frontier)

    def far_keys(self, crossings: Crossings, frontier: Collection[int], distance: int | None) -> set[int]:
        near, crossed = self._crossable(crossings, frontier, distance), Crossed.of(crossings)
        lines = {(key, far, line.key) for key in near for far, line in self._gone_on(key, crossed, distance)}
        found = {-far if key[1] == SAME_AS else far for _, far, key in self._allowed(crossings, lines)}
        if self.meets_hidden:
            for key in filter(is_masked, near):
                for each in self.beside.crossings_from(key >> KIND_BITS, Crossed.beside_hidden(crossings)):
                    if self.beside.entity_scope(each.far).is_readable:
                        far = self.beside.key(each.far)
                        found.add(-far if each.type == SAME_AS else far)
        return found

    def hidden_keys(self, crossings: Crossings, frontier: Collection[int], distance: int | None) -> Hidden:
        hidden = Hidden(set(), set(), set())
        met = {Boundary.MASK: hidden.masked, Boundary.BRIDGE: hidden.bridged, Boundary.CUT: hidden.cut}
        for key in self._crossable(crossings, frontier, distance):
            ways = [way for way in crossings.ways if is_masked(key) or self._lets_cross(key, way, distance)]
            for each in self.beside.crossings_from(key >> KIND_BITS, Crossed(tuple(ways), crossings.beside_hidden)):
                entity_scope = self.beside.entity_scope(each.far)
                if not entity_scope.is_readable:
                    met[entity_scope.boundary].add(masked(each.far << KIND_BITS))
        return hidden

    def tell_withheld(self, keys: Collection[int]) -> bool:
        missing = [key for key in keys if not self.beside.is_known(key >> KIND_BITS)]
        if missing:
            self.beside.learn(*self.server.wait(ends(g.V([vertex_of_key(key) for key in missing]))))
        return all(self.beside.entity_scope(key >> KIND_BITS).tells_withheld for key in keys)

    def crossed(self, crossings: Crossings, frontier: Collection[int]) -> list[Step]:
        self.prefetch_crossings([(crossings, frontier)])
        return self._known_crossed(crossings, frontier)

    def crossed_back(self, crossings: Crossings, keys: Collection[int]) -> list[Step]:
        back = crossings.reversed()
        is_known = self._foreseen.get(Crossed.of(crossings), False)
        return self._known_crossed(back, keys) if is_known else self.crossed(back, keys)

    def _known_crossed(self, crossings: Crossings, frontier: Collection[int]) -> list[Step]:
        crossed = Crossed.of(crossings)
        found = {(near, far, line.key) for near in frontier for far, line in self._from(near, crossed)}
        known = self._allowed(crossings, found)
        return known + self._barely_crossed(crossings, frontier) if self.meets_hidden else known

    def _allowed(self, crossings: Crossings, found: set[Step]) -> list[Step]:
        """Those of some crossings between readable entities that the filter allows."""
        via = crossings.via
        if crossings.asks_only_types or via is None:
            return list(found)
        keys = {key for _, _, key in found}
        if asks_properties(via):
            records = self.associations(keys)
        else:
            records = {key: association_of(self._by_key[key], None, self.view) for key in keys}
        return [each for each in found if matches_association(records[each[2]], via)]

    def _barely_crossed(self, crossings: Crossings, frontier: Collection[int]) -> list[Step]:
        """Crossings beside a masked entity: all associations of a type between the same two are one."""
        crossed = Crossed.beside_hidden(crossings)
        found: set[Step] = set()
        for near in frontier:
            for each in self.beside.crossings_from(near >> KIND_BITS, crossed):
                entity_scope = self.beside.entity_scope(each.far)
                if entity_scope.is_readable and is_masked(near):
                    far = self.beside.key(each.far)
                elif not entity_scope.is_readable and entity_scope.boundary is Boundary.MASK:
                    far = masked(each.far << KIND_BITS)
                else:
                    continue
                source, destination = (near, far) if each.way is _DOWN else (far, near)
                found.add((near, far, (source, each.type, destination, "")))
        return list(found)


def asks_properties(via: AssociationFilter) -> bool:
    """Whether a filter asks for properties, which lines do not tell."""
    return bool(via.property) or (via.not_ is not None and asks_properties(via.not_))
