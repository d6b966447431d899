"""What a view shows on this engine: what exists at its snapshot and its as-of times, within its scope.

The one place that decides it. A traversal that reads starts at a method of `Visibility`, and steps over edges through
one; `tests/graphstore/gremlin/test_visibility.py` fails where one does not.
"""

from collections.abc import Collection
from typing import Any

from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.process.traversal import P
from gremlin_python.statics import long

from lineal.graphstore.filter_expressions import Expression
from lineal.graphstore.gremlin.client import g
from lineal.graphstore.gremlin.crossed_edges import DOWN, CrossedEdges, Leg
from lineal.graphstore.gremlin.filter_steps import Condition, condition
from lineal.graphstore.gremlin.index_backlog import unindexed_vertices
from lineal.graphstore.gremlin.scope_steps import scope_steps
from lineal.graphstore.gremlin.snapshots import Snapshot
from lineal.graphstore.gremlin.vertex_ids import vertex_of, vertex_of_key
from lineal.graphstore.records import Entity, View


class Visibility:
    """One view of the graph, as steps of traversals and as tests of what they return.

    `sees_nothing`, `meets_hidden` and `is_settled` are those of `walking.reader_protocol.Reader`. `has_same_as`: the
    snapshot may hold a SAME_AS.
    """

    def __init__(self, view: View, snapshot: Snapshot) -> None:
        self.view = view
        self.scope_steps = scope_steps(view.scope)
        self.sees_nothing = self.scope_steps.sees_nothing
        self.meets_hidden = self.scope_steps.meets_hidden
        self.has_same_as = snapshot.has_same_as
        self.is_settled = view.as_of.recorded_at <= snapshot.watermark
        self.unindexed = unindexed_vertices(snapshot.unindexed)
        """The entities that the mixed index may not show yet: searches look through them too."""
        self._until = min(view.as_of.recorded_at, snapshot.watermark)
        self._aborted = [stamp for stamp in snapshot.aborted if stamp <= self._until]

    # -- existence and as-of --

    def recorded(self, steps: GraphTraversal, *, whenever_occurred: bool = False) -> GraphTraversal:
        """Only the vertices or edges that were recorded, and unless `whenever_occurred` occurred, by the as-of times.

        An edge's `occurred_at` is the latest of its own and those of its ends, so that it exists where all three do.
        """
        steps = steps.has("recorded_at", P.lte(long(self._until)))
        if self._aborted:
            # Not `has`: JanusGraph would ask its index, with one clause for each of what may be a thousand stamps.
            steps = steps.where(__.values("recorded_at").is_(P.without([long(stamp) for stamp in self._aborted])))
        at = self.view.as_of.occurred_at
        return steps if at is None or whenever_occurred else steps.has("occurred_at", P.lte(long(at)))

    def is_recorded(self, entity: Entity) -> bool:
        """Whether an entity was recorded and occurred by the as-of times."""
        is_recorded = entity.recorded_at <= self._until and entity.recorded_at not in self._aborted
        return is_recorded and self.has_occurred(entity.occurred_at)

    def has_occurred(self, at: int) -> bool:
        """Whether a time is not later than the view's as-of time of occurrence."""
        return self.view.as_of.occurred_at is None or at <= self.view.as_of.occurred_at

    # -- entities --

    def readable(self, vertices: GraphTraversal) -> GraphTraversal:
        """Only the entities that the scope makes readable."""
        readable = self.scope_steps.readable
        return vertices if readable is None else vertices.where(readable)

    def entities(self, vertices: GraphTraversal) -> GraphTraversal:
        """Only the readable entities of the view."""
        return self.readable(self.recorded(vertices))

    def by_number(self, numbers: Collection[int], source: Any = g) -> GraphTraversal:
        """The readable vertices of some numbers; their records tell whether they are of the view, by `is_recorded`.

        `source` is `__` for a start inside another traversal.
        """
        return self.readable(source.V([vertex_of(number) for number in numbers]))

    def known(self, keys: Collection[int], source: Any = g) -> GraphTraversal:
        """The vertices of keys that an answer for this view contained: nothing is left to be tested of them."""
        return source.V([vertex_of_key(key) for key in keys])

    def filter_condition(self, where: Expression) -> Condition:
        """A filter as a condition on readable entities; property keys that the scope hides behave as absent."""
        return condition(where, self.scope_steps.showing)

    # -- edges --

    def legs(self, crossed: CrossedEdges) -> list[Leg]:
        """The edges to cross, by direction."""
        return crossed.legs(has_same_as=self.has_same_as)

    def edges(self, leg: Leg, vertices: GraphTraversal | None = None) -> GraphTraversal:
        """The edges of the view from vertices, or from wherever a traversal is, to readable entities."""
        return self._edges(leg, self.scope_steps.readable, vertices)

    def edges_to(self, far: GraphTraversal, leg: Leg) -> GraphTraversal:
        """The edges of the view from wherever a traversal is to entities that pass a condition, readable or not."""
        return self._edges(leg, far, None)

    def _edges(self, leg: Leg, far: GraphTraversal | None, vertices: GraphTraversal | None) -> GraphTraversal:
        start = __ if vertices is None else vertices
        edges = self.recorded(start.out_e(*leg.labels) if leg.way is DOWN else start.in_e(*leg.labels))
        return edges if far is None else edges.where((__.in_v() if leg.way is DOWN else __.out_v()).where(far))

    def edges_among(self, sources: Collection[int], labels: Collection[str], ends: Collection[int]) -> GraphTraversal:
        """The edges of the view between known entities, by the keys of these."""
        edges = self.recorded(self.known(sources).out_e(*labels))
        return edges.where(__.in_v().has_id(P.within([vertex_of_key(key) for key in ends])))

    def revision_edges(self, vertices: GraphTraversal, label: str) -> GraphTraversal:
        """The edges of the view that hold the revisions of entities.

        Where the scope redacts, revisions come whenever they occurred: the number under which one is shown depends on
        all before it. `has_occurred` tells which show.
        """
        return self.recorded(vertices.out_e(label), whenever_occurred=self.scope_steps.redacts)
