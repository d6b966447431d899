"""The edges to and from entities that the caller may not read, where these may show: only types and ends.

Nothing else of such an edge is fetched, and of its ends only their groups and kinds, which decide how they are seen,
and the URNs of masked ends. This module sends no requests: the prefetcher sends its steps, and passes their answers to
`take`.
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
    """An edge as seen from its near end: its direction, its type, and the number of its far end."""

    way: LineageDirection
    type: int
    far: int


class HiddenNeighbours:
    """The edges at hidden entities of one view that one call has fetched, and the ends of these edges."""

    def __init__(self, visibility: Visibility) -> None:
        self._visibility, self._scope_steps = visibility, visibility.scope_steps
        self._ends: dict[int, tuple[int, EntityScope]] = {}
        self._edges: dict[Any, defaultdict[int, set[HiddenEdge]]] = {DOWN: defaultdict(set), UP: defaultdict(set)}
        self._fetched: defaultdict[CrossedEdges, set[int]] = defaultdict(set)
        self._urns: dict[int, str] = {}
        """The URNs of masked entities, by their masked keys."""

    # -- steps and answers --

    def steps_from(self, keys: Collection[int], crossed: CrossedEdges) -> GraphTraversal:
        """Return the edges from readable entities to met hidden ones, and from masked entities to all not cut."""
        legs = self._visibility.legs(crossed)
        sides = [
            self._visibility.known(near_keys, __).union(*(self._visibility.edges_to(far, leg) for leg in legs))
            for near_keys, far in (
                ([key for key in keys if not is_masked(key)], self._scope_steps.met),
                ([key for key in keys if is_masked(key)], self._scope_steps.crossed_to),
            )
            if near_keys
        ]
        return self.steps(g.inject(0).union(*sides))

    def edges_at(self, leg: Leg) -> GraphTraversal:
        """Return the edges from the vertices of a traversal to hidden entities that are met."""
        return self._visibility.edges_to(self._scope_steps.met, leg)

    def steps(self, edges: GraphTraversal) -> GraphTraversal:
        """Return steps to the types and ends of edges, the groups and kinds of these ends, and URNs of masked ends."""
        edge = __.unfold().project("type", "source", "destination")
        edge = edge.by(T.label).by(__.out_v().id_()).by(__.in_v().id_())
        ends = __.unfold().both_v().dedup()
        urns = ends.clone().where(self._scope_steps.masked).values("urn")
        return edges.dedup().fold().union(edge, _end_steps(ends), urns)

    def end_steps(self, keys: Collection[int]) -> GraphTraversal:
        """Return steps to the groups and kinds of hidden entities."""
        return _end_steps(self._visibility.known(keys))

    def urn_steps(self, keys: Collection[int]) -> GraphTraversal:
        """Return steps to the URNs of masked entities."""
        return self._visibility.known(keys).values("urn")

    def take(self, answer: Iterable[Any]) -> None:
        """Store the answers of `steps`, `end_steps` or `urn_steps`."""
        for row in answer:
            if isinstance(row, str):
                self._urns[masked(key_of_urn(row))] = row
            elif "of" in row:
                self._take_ends(row["shared"], row["of"])
            else:
                type = TYPE_CODES[AssociationType(row["type"])]
                source, destination = number_of_vertex(row["source"]), number_of_vertex(row["destination"])
                self._edges[DOWN][source].add(HiddenEdge(DOWN, type, destination))
                self._edges[UP][destination].add(HiddenEdge(UP, type, source))

    def _take_ends(self, shared: dict[str, Any], vertices: Iterable[int]) -> None:
        entity_scope = self._scope_steps.entity_scope(shared["groups"], KINDS[shared["kind"]])
        for number in map(number_of_vertex, vertices):
            self._ends[number] = (number << KIND_BITS | shared["kind"], entity_scope)

    # -- fetched edges and ends --

    def unfetched(self, crossed: CrossedEdges, keys: Iterable[int]) -> set[int]:
        """Return the entities, readable or masked, of which some edges to cross may not be fetched."""
        return {key for key in keys if key >> KIND_BITS not in self._fetched[crossed]}

    def note_fetched(self, crossed: CrossedEdges, keys: Iterable[int]) -> None:
        """Note that all edges to cross of these entities are fetched."""
        self._fetched[crossed].update(key >> KIND_BITS for key in keys)

    def missing_ends(self, keys: Iterable[int]) -> list[int]:
        """Return the entities whose groups and kinds are not fetched."""
        return [key for key in keys if key >> KIND_BITS not in self._ends]

    def missing_urns(self, keys: Iterable[int]) -> list[int]:
        """Return the masked keys whose URNs are not fetched."""
        return (
            [key for key in keys if is_masked(key) and key not in self._urns] if self._visibility.meets_hidden else []
        )

    def crossed_from(self, key: int, crossed: CrossedEdges) -> Iterator[HiddenEdge]:
        """Yield the fetched edges to cross from an entity."""
        for way in (DOWN, UP):
            for edge in self._edges[way].get(key >> KIND_BITS, ()):
                if crossed.crosses(way, edge.type):
                    yield edge

    def key(self, number: int) -> int:
        """Return the key of an end."""
        return self._ends[number][0]

    def masked_key(self, number: int) -> int:
        """Return the key of a hidden end in walks."""
        return masked(number << KIND_BITS)

    def entity_scope(self, number: int) -> EntityScope:
        """Return the entity scope of an end."""
        return self._ends[number][1]

    def tells_withheld(self, key: int) -> bool:
        """Return whether every group that hides a hidden entity allows it to be counted."""
        return self._ends[key >> KIND_BITS][1].tells_withheld

    def urn(self, key: int) -> str:
        """Return the URN of a masked key; never shown."""
        return self._urns[key]

    def restricted(self, key: int) -> Restricted:
        """Return the record under which a masked key is shown."""
        view = self._visibility.view
        return Restricted(view.scope.masked_id(entity_id(self._urns[key])), view)


def _end_steps(vertices: GraphTraversal) -> GraphTraversal:
    """Return steps to every distinct pair of kind and set of groups of vertices, with the ids of its vertices."""
    shared = __.project("groups", "kind").by(__.values(GROUP).fold()).by("kind")
    by_shared = vertices.group().by(shared).by(__.id_().fold()).unfold()
    return by_shared.project("shared", "of").by(__.select(Column.keys)).by(__.select(Column.values))
