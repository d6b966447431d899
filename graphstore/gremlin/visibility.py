"""What a view shows on this engine: what exists at its snapshot and its as-of times, within its scope.

The one place that decides it. A traversal that reads starts at a method of `Visibility`, and steps over edges through
one; `tests/graphstore/gremlin/test_visibility.py` fails where one does not.
"""

from collections.abc import Collection
from typing import Any, Final

from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.process.traversal import Order, P
from gremlin_python.statics import long

from lineal.graphstore.filter_expressions import Expression
from lineal.graphstore.gremlin.checkpoints import Checkpoint, newest_fetched
from lineal.graphstore.gremlin.client import g
from lineal.graphstore.gremlin.crossed_edges import DOWN, CrossedEdges, Leg
from lineal.graphstore.gremlin.filter_steps import Condition, condition
from lineal.graphstore.gremlin.index_backlog import unindexed_vertices
from lineal.graphstore.gremlin.scope_steps import scope_steps
from lineal.graphstore.gremlin.snapshots import Snapshot
from lineal.graphstore.gremlin.vertex_ids import vertex_of, vertex_of_key
from lineal.graphstore.records import Entity, Revision, View

REVISED: Final = "REVISED"
"""The label of the edges, from an entity to itself, that hold its revisions."""
MOVED: Final = "moved"
"""The property of entities that revisions of later batches moved to an earlier time."""


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
        self.is_present = view.as_of.occurred_at is None
        """Whether everything recorded counts, whenever it occurred."""
        self.is_settled = view.as_of.recorded_at <= snapshot.watermark
        self.unindexed = unindexed_vertices(snapshot.unindexed)
        """The entities that the mixed index may not show yet: searches look through them too."""
        self._until = min(view.as_of.recorded_at, snapshot.watermark)
        self._aborted = [stamp for stamp in snapshot.aborted if stamp <= self._until]

    # -- existence and as-of --

    def recorded(self, steps: GraphTraversal, *, whenever_occurred: bool = False) -> GraphTraversal:
        """Only what was recorded, and unless `whenever_occurred` occurred, by the as-of times."""
        steps = steps.has("recorded_at", P.lte(long(self._until)))
        if self._aborted:
            # Not `has`: JanusGraph would ask its index, with one clause for each of what may be a thousand stamps.
            steps = steps.where(__.values("recorded_at").is_(P.without([long(stamp) for stamp in self._aborted])))
        at = self.view.as_of.occurred_at
        return steps if at is None or whenever_occurred else steps.has("occurred_at", P.lte(long(at)))

    def is_recorded(self, record: Entity | Revision | Checkpoint) -> bool:
        """Whether a record was recorded by the as-of time."""
        return record.recorded_at <= self._until and record.recorded_at not in self._aborted

    def has_occurred(self, at: int) -> bool:
        """Whether a time is not later than the view's as-of time of occurrence."""
        return self.view.as_of.occurred_at is None or at <= self.view.as_of.occurred_at

    # -- entities --

    def known_from(self) -> GraphTraversal:
        """From a vertex to the earliest time of its entity and of the revisions that are recorded.

        The vertex holds it as of the entity's batch. Only where a later batch moved it back, the revisions are read.
        """
        revised = self.recorded(__.out_e(REVISED), whenever_occurred=True)
        earliest_revised = __.local(revised.order().by("occurred_at").limit(1))
        earliest = __.union(__.values("occurred_at"), earliest_revised.values("occurred_at")).min_()
        return __.choose(_is_moved(), __.flat_map(earliest), __.values("occurred_at"))

    def occurred(self, vertices: GraphTraversal) -> GraphTraversal:
        """Only the entities that are known from the as-of time of occurrence, or earlier."""
        steps = self._has_occurred()
        return vertices if steps is None else vertices.where(steps)

    def _has_occurred(self) -> GraphTraversal | None:
        at = self.view.as_of.occurred_at
        if at is None:
            return None
        by_revision = _is_moved().where(self.recorded(__.out_e(REVISED)))
        return __.or_(__.has("occurred_at", P.lte(long(at))), by_revision)

    def existing(self, vertices: GraphTraversal) -> GraphTraversal:
        """Only the entities of the view, readable or not."""
        return self.occurred(self.recorded(vertices, whenever_occurred=True))

    def readable(self, vertices: GraphTraversal) -> GraphTraversal:
        """Only the entities that the scope makes readable."""
        readable = self.scope_steps.readable
        return vertices if readable is None else vertices.where(readable)

    def entities(self, vertices: GraphTraversal) -> GraphTraversal:
        """Only the readable entities of the view."""
        return self.readable(self.existing(vertices))

    def by_number(self, numbers: Collection[int], source: Any = g) -> GraphTraversal:
        """The readable vertices of some numbers that have occurred; `is_recorded` tells whether they are of the view.

        `source` is `__` for a start inside another traversal.
        """
        return self.readable(self.occurred(source.V([vertex_of(number) for number in numbers])))

    def known(self, keys: Collection[int], source: Any = g) -> GraphTraversal:
        """The vertices of keys that an answer for this view contained: nothing is left to be tested of them."""
        return source.V([vertex_of_key(key) for key in keys])

    def filter_condition(self, where: Expression) -> Condition:
        """A filter as a condition on readable entities; property keys that the scope hides behave as absent."""
        return condition(where, self.scope_steps.showing, self.known_from)

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
        edges = self._associations(start.out_e(*leg.labels) if leg.way is DOWN else start.in_e(*leg.labels))
        tests = [each for each in (self._has_occurred(), far) if each is not None]
        if not tests:
            return edges
        end = __.in_v() if leg.way is DOWN else __.out_v()
        return edges.where(end.where(tests[0] if len(tests) == 1 else __.and_(*tests)))

    def _associations(self, edges: GraphTraversal) -> GraphTraversal:
        """Only the associations that were recorded, and occurred if they have a time, by the as-of times."""
        edges, at = self.recorded(edges, whenever_occurred=True), self.view.as_of.occurred_at
        return edges if at is None else edges.or_(__.has_not("occurred_at"), __.has("occurred_at", P.lte(long(at))))

    def edges_among(self, sources: Collection[int], labels: Collection[str], ends: Collection[int]) -> GraphTraversal:
        """The edges of the view between known entities, by the keys of these."""
        edges = self._associations(self.known(sources).out_e(*labels))
        return edges.where(__.in_v().has_id(P.within([vertex_of_key(key) for key in ends])))

    def times_of_ends(self, edges: GraphTraversal) -> GraphTraversal:
        """From associations to the times of the ends of those that have none of their own, as `times_of` tells them."""
        return self.times_of(edges.has_not("occurred_at").both_v().dedup())

    def times_of(self, vertices: GraphTraversal) -> GraphTraversal:
        """The ids of vertices, with the time from which each is known."""
        return vertices.project("vertex", "known_from").by(__.id_()).by(self.known_from())

    def revision_edges(self, vertices: GraphTraversal) -> GraphTraversal:
        """The edges of the view that hold the revisions of entities.

        Where the scope redacts, revisions come whenever they occurred: the number under which one is shown depends on
        all before it. `has_occurred` tells which show.
        """
        return self.recorded(vertices.out_e(REVISED), whenever_occurred=self.scope_steps.redacts)

    def newest_revision_edges(self, vertices: GraphTraversal) -> GraphTraversal:
        """The edges of the revisions of each vertex that were recorded last; those of aborted batches among them.

        JanusGraph takes them from its index: all steps that would have to look at every edge are left out.
        """
        recorded = __.out_e(REVISED).has("recorded_at", P.lte(long(self._until)))
        return vertices.local(recorded.order().by("sequence", Order.desc).limit(newest_fetched()))

    def revision_edges_by(self, keys: Collection[int], name: str, test: P) -> GraphTraversal:
        """The edges of the revisions of known entities of which a property in JanusGraph's index passes a test."""
        # The test follows the edges at once, so that JanusGraph uses its index for it.
        edges = self.known(keys).out_e(REVISED).has(name, test)
        return self.recorded(edges, whenever_occurred=self.scope_steps.redacts)


def _is_moved() -> GraphTraversal:
    """Whether a vertex is marked as known from an earlier time than it holds; an aborted batch may have marked it."""
    return __.has(MOVED)
