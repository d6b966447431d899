"""What the caller of one call sees of entities, by the groups these are in."""

from collections.abc import Iterable, Mapping
from typing import Any

from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.process.traversal import Column

from lineal.auth.scopes import FULL_ENTITY_SCOPE, UNLIMITED, EntityScope
from lineal.graphstore.codes import KIND_BITS, KIND_MASK, KINDS
from lineal.graphstore.gremlin.crossed_edges import UP, CrossedEdges
from lineal.graphstore.gremlin.scope_steps import ScopeSteps
from lineal.graphstore.gremlin.vertex_ids import GROUP, number_of_vertex
from lineal.graphstore.kinds import LineageDirection


class EntityScopes:
    """The entity scopes of readable entities whose groups are known, if the scope needs the groups at all."""

    def __init__(self, scope_steps: ScopeSteps) -> None:
        self._scope_steps = scope_steps
        self.needs_groups = scope_steps.needs_groups
        self._groups: dict[int, frozenset[int]] = {}
        """The numbers of the groups of entities, by the numbers of the entities."""

    def steps(self, vertices: GraphTraversal) -> GraphTraversal:
        """The groups of vertices: every distinct set of groups, with the ids of the vertices in exactly these."""
        by_groups = vertices.group().by(__.values(GROUP).fold()).by(__.id_().fold()).unfold()
        return by_groups.project("groups", "of").by(__.select(Column.keys)).by(__.select(Column.values))

    def take(self, answer: Iterable[Mapping[str, list[Any]]]) -> None:
        """Keep what `steps` returned."""
        for alike in answer:
            groups = frozenset(alike["groups"])
            self._groups.update((number_of_vertex(vertex), groups) for vertex in alike["of"])

    def missing(self, keys: Iterable[int]) -> list[int]:
        """The keys of the entities whose groups have to be fetched first."""
        return [key for key in keys if key >> KIND_BITS not in self._groups] if self.needs_groups else []

    def of(self, key: int) -> EntityScope:
        """What the caller sees of a readable entity."""
        if not self.needs_groups:
            return FULL_ENTITY_SCOPE
        return self._scope_steps.entity_scope(self._groups.get(key >> KIND_BITS, ()), KINDS[key & KIND_MASK])

    # -- crossing --

    def may_cross(self, key: int, way: LineageDirection, distance: int | None) -> bool:
        """Whether an entity may be crossed in a direction at a distance; None: at no known distance."""
        if not self._scope_steps.limits:
            return True
        entity_scope = self.of(key)
        limit = entity_scope.ascendants if way is UP else entity_scope.descendants
        return limit == UNLIMITED if distance is None else distance < limit

    def crossable(self, key: int, crossed: CrossedEdges, distance: int | None) -> CrossedEdges | None:
        """The part of some edges that may be crossed from an entity at a distance; None where none may."""
        if not self._scope_steps.limits:
            return crossed
        ways = tuple(way for way in crossed.ways if self.may_cross(key, way, distance))
        if len(ways) == len(crossed.ways):
            return crossed
        return CrossedEdges(ways, crossed.types) if ways else None
