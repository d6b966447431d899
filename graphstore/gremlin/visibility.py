"""What one view shows: by its moment, and by its scope."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.process.traversal import Column, P
from gremlin_python.statics import long

from lineal.auth.scopes import FULL_ENTITY_SCOPE, EntityScope
from lineal.graphstore.codes import KIND_BITS, KIND_MASK, KINDS
from lineal.graphstore.gremlin.client import GremlinClient, g
from lineal.graphstore.gremlin.filter_steps import Condition, condition
from lineal.graphstore.gremlin.scope_steps import scope_steps
from lineal.graphstore.gremlin.snapshots import Snapshot
from lineal.graphstore.gremlin.vertex_ids import GROUP, key_of_urn, number_of_vertex, vertex_of_key
from lineal.graphstore.queries import EntityFilter
from lineal.graphstore.records import Restricted, View
from lineal.graphstore.urns import entity_id
from lineal.graphstore.walking.reader_protocol import is_masked, masked


class Seeing:
    """What of the graph a view shows, and what is known so far of how entities are seen."""

    def __init__(self, server: GremlinClient, view: View, snapshot: Snapshot) -> None:
        self.server, self.view, self._snapshot = server, view, snapshot
        self.scope_steps = scope_steps(view.scope)
        self.sees_nothing, self.meets_hidden = self.scope_steps.sees_nothing, self.scope_steps.meets_hidden
        self.is_settled = view.as_of.recorded_at <= snapshot.watermark
        self._until = min(view.as_of.recorded_at, snapshot.watermark)
        self._void = [stamp for stamp in snapshot.aborted if stamp <= self._until]
        self._groups: dict[int, frozenset[int]] = {}
        """The numbers of the groups of entities, by the numbers of these."""
        self.hidden_urns: dict[int, str] = {}
        """The urns of masked entities, by the keys they are shown under."""

    def on_time(self, steps: GraphTraversal, occurred: str | None = "occurred_at") -> GraphTraversal:
        """Only what was recorded, and occurred, by the view's moment."""
        steps = steps.has("recorded_at", P.lte(long(self._until)))
        if self._void:
            # Not `has`, which JanusGraph would ask of its index, a clause for each of what may be a thousand.
            steps = steps.where(__.values("recorded_at").is_(P.without([long(stamp) for stamp in self._void])))
        at = self.view.as_of.occurred_at
        return steps if at is None or occurred is None else steps.has(occurred, P.lte(long(at)))

    def readable(self, vertices: GraphTraversal) -> GraphTraversal:
        """Only the entities that the scope lets be read."""
        condition = self.scope_steps.readable
        return vertices if condition is None else vertices.where(condition)

    def asked_of(self, where: EntityFilter) -> Condition:
        """A filter as a condition on readable entities, of which the scope hides what it hides."""
        return condition(where, self.scope_steps.showing)

    # -- groups, where the scope needs them --

    def grouped(self, vertices: GraphTraversal) -> GraphTraversal:
        """Which groups vertices are in: each set of groups, with the ids of the vertices that are in these."""
        by_groups = vertices.group().by(__.values(GROUP).fold()).by(__.id_().fold()).unfold()
        return by_groups.project("groups", "of").by(__.select(Column.keys)).by(__.select(Column.values))

    def take_groups(self, told: Mapping[str, list[Any]]) -> None:
        """Note what `grouped` gives."""
        groups = frozenset(told["groups"])
        self._groups.update((number_of_vertex(vertex), groups) for vertex in told["of"])

    def load_groups(self, keys: Iterable[int]) -> None:
        """Fetch the groups of readable entities, where they are needed and not known."""
        missing = [key for key in keys if key >> KIND_BITS not in self._groups] if self.scope_steps.needs_groups else []
        if missing:
            for told in self.server.wait(self.grouped(g.V([vertex_of_key(key) for key in missing])))[0]:
                self.take_groups(told)

    def entity_scope(self, key: int) -> EntityScope:
        """What the caller sees of an entity of the view, by its own key."""
        if not self.scope_steps.needs_groups:
            return FULL_ENTITY_SCOPE
        self.load_groups([key])
        return self.scope_steps.entity_scope(self._groups.get(key >> KIND_BITS, ()), KINDS[key & KIND_MASK])

    # -- masked entities --

    def urns_of(self, keys: Collection[int]) -> GraphTraversal:
        """The urns of entities of the view."""
        return g.V([vertex_of_key(key) for key in keys]).values("urn")

    def name(self, urns: Iterable[str]) -> None:
        """Note the urns of masked entities."""
        self.hidden_urns.update((masked(key_of_urn(urn)), urn) for urn in urns)

    def nameless(self, keys: Iterable[int]) -> list[int]:
        """The masked ones whose urns are not known yet."""
        return [key for key in keys if is_masked(key) and key not in self.hidden_urns] if self.meets_hidden else []

    def restricted(self, keys: Collection[int]) -> dict[int, Restricted]:
        """What is shown of masked keys."""
        if missing := self.nameless(keys):
            self.name(*self.server.wait(self.urns_of(missing)))
        masked_id = self.view.scope.masked_id
        return {key: Restricted(masked_id(entity_id(self.hidden_urns[key])), self.view) for key in keys}
