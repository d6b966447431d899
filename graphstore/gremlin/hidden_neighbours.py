"""The edges to and from entities that the caller may not read, where these may show: types and ends, no more.

Of such an edge nothing else is fetched, and of its ends only what decides how they are seen, and the URNs of masked
ones. It asks nothing: its steps are for the prefetcher, which hands back what they returned.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.process.traversal import Column, T

from lineal.auth.scopes import EntityScope
from lineal.graphstore.codes import KIND_BITS, KINDS, TYPE_CODES
from lineal.graphstore.gremlin.client import g
from lineal.graphstore.gremlin.crossed_edges import DOWN, UP, CrossedEdges, Leg
from lineal.graphstore.gremlin.vertex_ids import GROUP, key_of_urn, number_of_vertex
from lineal.graphstore.gremlin.visibility import Visibility
from lineal.graphstore.kinds import AssociationType, LineageDirection
from lineal.graphstore.records import Restricted
from lineal.graphstore.urns import entity_id
from lineal.graphstore.walking.reader_protocol import is_masked, masked


@dataclass(frozen=True, slots=True)
class HiddenEdge:
    """An edge as seen from its near end: the direction it leads in, its type, and the number of its far end."""

    way: LineageDirection
    type: int
    far: int


class HiddenNeighbours:
    """The edges at hidden entities of one view that are known in one call, and the ends of these edges."""

    def __init__(self, visibility: Visibility) -> None:
        self._visibility, self._scope_steps = visibility, visibility.scope_steps
        self._ends: dict[int, tuple[int, EntityScope]] = {}
        self._edges: dict[Any, defaultdict[int, set[HiddenEdge]]] = {DOWN: defaultdict(set), UP: defaultdict(set)}
        self._fetched: defaultdict[CrossedEdges, set[int]] = defaultdict(set)
        self._urns: dict[int, str] = {}
        """The URNs of masked entities, by their masked keys."""

    # -- asking and taking --

    def steps_from(self, keys: Collection[int], crossed: CrossedEdges) -> GraphTraversal:
        """The edges from readable entities to hidden ones that are met, and from masked ones to what is not cut."""
        legs = self._visibility.legs(crossed)
        sides = [
            self._visibility.known(near, __).union(*(self._visibility.edges_to(far, leg) for leg in legs))
            for near, far in (
                ([key for key in keys if not is_masked(key)], self._scope_steps.met),
                ([key for key in keys if is_masked(key)], self._scope_steps.crossed_to),
            )
            if near
        ]
        return self.steps(g.inject(0).union(*sides))

    def edges_at(self, leg: Leg) -> GraphTraversal:
        """The edges from wherever a traversal is to hidden entities that are met."""
        return self._visibility.edges_to(self._scope_steps.met, leg)

    def steps(self, edges: GraphTraversal) -> GraphTraversal:
        """What is wanted of edges: types and ends, what decides how the ends are seen, the URNs of masked ends."""
        edge = __.unfold().project("type", "source", "destination")
        edge = edge.by(T.label).by(__.out_v().id_()).by(__.in_v().id_())
        ends = __.unfold().both_v().dedup()
        urns = ends.clone().where(self._scope_steps.masked).values("urn")
        return edges.dedup().fold().union(edge, _end_steps(ends), urns)

    def end_steps(self, keys: Collection[int]) -> GraphTraversal:
        """What decides how hidden entities are seen."""
        return _end_steps(self._visibility.known(keys))

    def urn_steps(self, keys: Collection[int]) -> GraphTraversal:
        """The URNs of masked entities."""
        return self._visibility.known(keys).values("urn")

    def take(self, answer: Iterable[Any]) -> None:
        """Keep what `steps`, `end_steps` or `urn_steps` returned."""
        for each in answer:
            if isinstance(each, str):
                self._urns[masked(key_of_urn(each))] = each
            elif "of" in each:
                self._take_ends(each["alike"], each["of"])
            else:
                type = TYPE_CODES[AssociationType(each["type"])]
                source, destination = number_of_vertex(each["source"]), number_of_vertex(each["destination"])
                self._edges[DOWN][source].add(HiddenEdge(DOWN, type, destination))
                self._edges[UP][destination].add(HiddenEdge(UP, type, source))

    def _take_ends(self, alike: dict[str, Any], vertices: Iterable[int]) -> None:
        entity_scope = self._scope_steps.entity_scope(alike["groups"], KINDS[alike["kind"]])
        for number in map(number_of_vertex, vertices):
            self._ends[number] = (number << KIND_BITS | alike["kind"], entity_scope)

    # -- what is known --

    def unfetched(self, crossed: CrossedEdges, keys: Iterable[int]) -> set[int]:
        """The entities, readable or masked, of which some edges to cross may be unknown."""
        return {key for key in keys if key >> KIND_BITS not in self._fetched[crossed]}

    def note_fetched(self, crossed: CrossedEdges, keys: Iterable[int]) -> None:
        """Of these entities all edges to cross are known."""
        self._fetched[crossed].update(key >> KIND_BITS for key in keys)

    def missing_ends(self, keys: Iterable[int]) -> list[int]:
        """The entities of which it is unknown how they are seen."""
        return [key for key in keys if key >> KIND_BITS not in self._ends]

    def missing_urns(self, keys: Iterable[int]) -> list[int]:
        """The masked keys whose URNs are unknown."""
        return (
            [key for key in keys if is_masked(key) and key not in self._urns] if self._visibility.meets_hidden else []
        )

    def crossed_from(self, key: int, crossed: CrossedEdges) -> Iterator[HiddenEdge]:
        """The known edges to cross from an entity."""
        for way in (DOWN, UP):
            for edge in self._edges[way].get(key >> KIND_BITS, ()):
                if crossed.crosses(way, edge.type):
                    yield edge

    def key(self, number: int) -> int:
        """The key of an end."""
        return self._ends[number][0]

    def masked_key(self, number: int) -> int:
        """The key under which a hidden end is known to walks."""
        return masked(number << KIND_BITS)

    def entity_scope(self, number: int) -> EntityScope:
        """What the caller sees of an end."""
        return self._ends[number][1]

    def tells_withheld(self, key: int) -> bool:
        """Whether every group that hides a hidden entity lets it be counted."""
        return self._ends[key >> KIND_BITS][1].tells_withheld

    def urn(self, key: int) -> str:
        """The URN of a masked key; never shown."""
        return self._urns[key]

    def restricted(self, key: int) -> Restricted:
        """What is shown of a masked key."""
        view = self._visibility.view
        return Restricted(view.scope.masked_id(entity_id(self._urns[key])), view)


def _end_steps(vertices: GraphTraversal) -> GraphTraversal:
    """Every distinct pair of kind and set of groups of vertices, with the ids of the vertices that are alike in it."""
    alike = __.project("groups", "kind").by(__.values(GROUP).fold()).by("kind")
    by_alike = vertices.group().by(alike).by(__.id_().fold()).unfold()
    return by_alike.project("alike", "of").by(__.select(Column.keys)).by(__.select(Column.values))
