"""`walking.reader_protocol.Reader` behind Gremlin: what is missing is fetched, and the caches of the call answer."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from gremlin_python.process.graph_traversal import GraphTraversal

from lineal.auth.scopes import Boundary, EntityScope
from lineal.graphstore.codes import SAME_AS, TYPES, AssociationKey
from lineal.graphstore.filters import association_matcher, matches_restricted
from lineal.graphstore.gremlin.client import GremlinClient
from lineal.graphstore.gremlin.codec import AssociationLine
from lineal.graphstore.gremlin.crossed_edges import DOWN, CrossedEdges
from lineal.graphstore.gremlin.edge_cache import asks_properties, asks_times
from lineal.graphstore.gremlin.match_cache import asks_only_kinds, of_kinds
from lineal.graphstore.gremlin.prefetcher import Prefetcher, is_beside_masked
from lineal.graphstore.gremlin.snapshots import Snapshot
from lineal.graphstore.gremlin.urn_cache import UrnCache
from lineal.graphstore.gremlin.view_caches import ViewCaches
from lineal.graphstore.kinds import LineageDirection
from lineal.graphstore.queries import EntityFilter, Walk
from lineal.graphstore.records import Association, Entity, Restricted, Revision, View
from lineal.graphstore.redacting import bare_association, redacted_association
from lineal.graphstore.urns import entity_id
from lineal.graphstore.walking.reader_protocol import Crossings, Hidden, is_masked

Step = tuple[int, int, AssociationKey]
"""A crossing: the near key, the far key, the association."""


class Reader:
    """One view of the graph, for the length of one call on a worker thread.

    Other modules build traversals of their own from `visibility` and `records`, and send them by `ask`.
    """

    def __init__(self, client: GremlinClient, view: View, snapshot: Snapshot, urns: UrnCache) -> None:
        caches = ViewCaches.of(client, view, snapshot, urns)
        self.client, self.view, self.visibility = client, view, caches.visibility
        self.records = caches.records
        self._scopes, self._edges = caches.scopes, caches.edges
        self._hidden, self._matches = caches.hidden, caches.matches
        self.prefetcher = Prefetcher(client, caches)
        self.sees_nothing = self.visibility.sees_nothing
        self.is_settled = self.visibility.is_settled
        self.meets_hidden = self.visibility.meets_hidden

    def ask(self, *steps: GraphTraversal) -> list[list[Any]]:
        """The answers to traversals, in one journey."""
        return self.client.wait(*steps)

    # -- prefetching --

    def prefetch_ids(self, ids: Collection[str]) -> None:
        self.prefetcher.ids(ids)

    def prefetch_walks(self, walks: Iterable[tuple[Walk, int | None]]) -> None:
        self.prefetcher.walks(walks)

    def prefetch_crossings(self, asked: Iterable[tuple[Crossings, Collection[int]]]) -> None:
        self.prefetcher.crossings(asked)

    def prefetch_matches(self, asked: Iterable[tuple[EntityFilter | None, Collection[int]]]) -> None:
        self.prefetcher.matches(asked)

    def prefetch_records(self, keys: Collection[int], associations: Collection[AssociationKey]) -> None:
        self.prefetcher.records(keys, associations)

    # -- entities --

    def keys_of(self, ids: Collection[str]) -> dict[str, int]:
        self.prefetcher.ids(ids)
        return {id: key for id in ids if (key := self.records.key_of_id(id)) is not None}

    def urns(self, keys: Collection[int]) -> dict[int, str]:
        self.prefetcher.urns(keys)
        return {key: self._hidden.restricted(key).urn if is_masked(key) else self.records.urn(key) for key in keys}

    def entities(self, keys: Collection[int], *, as_recorded: bool = False) -> dict[int, Entity]:
        self.prefetcher.keys(keys)
        entity = self.records.as_recorded if as_recorded else self.records.entity
        return {key: entity(key) for key in keys}

    def entities_in(self, answer: Iterable[Any]) -> list[Entity]:
        """The entities of the view in an answer to `records.steps`."""
        return [self.records.entity(key) for key in self.records.take(answer)]

    def restricted(self, keys: Collection[int]) -> dict[int, Restricted]:
        self.prefetcher.urns(keys)
        return {key: self._hidden.restricted(key) for key in keys}

    def revisions(self, keys: Collection[int], since: int | None = None) -> dict[int, list[Revision]]:
        self.prefetcher.keys(keys)
        by_key = self.records.revisions(keys, since)
        return {key: revisions for key, revisions in by_key.items() if revisions}

    def numbered_revisions(self, numbers: Collection[tuple[int, int]]) -> dict[tuple[int, int], Revision]:
        self.prefetcher.keys({key for key, _ in numbers})
        return self.records.numbered_revisions(numbers)

    def entity_scopes(self, keys: Collection[int]) -> dict[int, EntityScope]:
        """What the caller sees of readable entities."""
        self.prefetcher.scopes(keys)
        return {key: self._scopes.of(key) for key in keys}

    def matching(self, keys: Collection[int], where: EntityFilter | None) -> Collection[int]:
        if where is None or where == EntityFilter() or not keys:
            return keys
        if self.meets_hidden and any(map(is_masked, keys)):
            plain = set(self._matching([key for key in keys if not is_masked(key)], where))
            shows = matches_restricted(where)
            return [key for key in keys if (shows if is_masked(key) else key in plain)]
        return self._matching(keys, where)

    def _matching(self, keys: Collection[int], where: EntityFilter) -> Collection[int]:
        keys = of_kinds(keys, where)
        if asks_only_kinds(where):
            return keys
        self.prefetcher.matches([(where, keys)])
        return self._matches.matching(where, keys)

    # -- associations --

    def associations(
        self, keys: Collection[AssociationKey], *, as_recorded: bool = False
    ) -> dict[AssociationKey, Association]:
        self.prefetcher.records((), keys, with_times=not as_recorded)
        ends = {end for key in keys for end in (key[0], key[2]) if not is_masked(end)}
        self.prefetcher.scopes(ends)
        return {key: self._bare(key) if is_beside_masked(key) else self._association(key, as_recorded) for key in keys}

    def _association(self, key: AssociationKey, as_recorded: bool) -> Association:
        association = self._edges.association(key, as_recorded=as_recorded)
        return redacted_association(association, self._scopes.of(key[0]), self._scopes.of(key[2]))

    def _bare(self, key: AssociationKey) -> Association:
        self.prefetcher.urns((key[0], key[2]))
        urns = [self._hidden.urn(end) if is_masked(end) else self.records.urn(end) for end in (key[0], key[2])]
        source, destination = (
            (entity_id(urn), urn, is_masked(end)) for urn, end in zip(urns, (key[0], key[2]), strict=True)
        )
        return bare_association(source, destination, TYPES[key[1]], self.view)

    def lines(self, keys: Collection[AssociationKey]) -> dict[AssociationKey, AssociationLine]:
        """The lines of those of the associations that exist in the view."""
        self.prefetcher.lines(keys)
        return {key: line for key in keys if (line := self._edges.line(key)) is not None}

    # -- crossing --

    def crosses(self, key: int, direction: LineageDirection, distance: int) -> bool:
        if self.visibility.scope_steps.limits:
            self.prefetcher.scopes([key])
        return self._scopes.may_cross(key, direction, distance)

    def _crossable(
        self, crossings: Crossings, frontier: Collection[int], distance: int | None
    ) -> list[tuple[int, CrossedEdges]]:
        """Those of a frontier that may be crossed at a distance, with the edges to cross."""
        crossed = CrossedEdges.of(crossings)
        if self.visibility.scope_steps.limits:
            self.prefetcher.scopes([key for key in frontier if not is_masked(key)])
        return [
            (key, part)
            for key in frontier
            if (part := crossed if is_masked(key) else self._scopes.crossable(key, crossed, distance)) is not None
        ]

    def _known_crossable(
        self, crossings: Crossings, frontier: Collection[int], distance: int | None
    ) -> list[tuple[int, CrossedEdges]]:
        """Like `_crossable`; the edges are known then."""
        crossable = self._crossable(crossings, frontier, distance)
        self.prefetcher.crossings([(crossings, [key for key, _ in crossable])])
        return crossable

    def far_keys(self, crossings: Crossings, frontier: Collection[int], distance: int | None) -> set[int]:
        return self._far_keys(crossings, self._known_crossable(crossings, frontier, distance))

    def crossed_in_parts(
        self, crossings: Crossings, frontier: Collection[int], distance: int
    ) -> Iterator[tuple[set[int], set[int]]]:
        # The edges that the walk's prefetch noted beyond its depth cost no journey, and one of them mostly suffices.
        yield self._far_keys(crossings, self._crossable(crossings, frontier, distance)), set()
        masked = self.hidden_keys(crossings, frontier, distance).masked if self.meets_hidden else set[int]()
        yield self.far_keys(crossings, frontier, distance), masked

    def _far_keys(self, crossings: Crossings, crossable: list[tuple[int, CrossedEdges]]) -> set[int]:
        steps = {(key, far, line.key) for key, part in crossable for far, line in self._edges.crossed_from(key, part)}
        reached = {-far if key[1] == SAME_AS else far for _, far, key in self._allowed(crossings, steps)}
        if not self.meets_hidden:
            return reached
        beside_hidden = CrossedEdges.beside_hidden(crossings)
        for key, _ in crossable:
            for edge in self._hidden.crossed_from(key, beside_hidden) if is_masked(key) else ():
                if self._hidden.entity_scope(edge.far).is_readable:
                    far = self._hidden.key(edge.far)
                    reached.add(-far if edge.type == SAME_AS else far)
        return reached

    def hidden_keys(self, crossings: Crossings, frontier: Collection[int], distance: int | None) -> Hidden:
        hidden = Hidden(set(), set(), set())
        by_boundary = {Boundary.MASK: hidden.masked, Boundary.BRIDGE: hidden.bridged, Boundary.CUT: hidden.cut}
        for key, part in self._known_crossable(crossings, frontier, distance):
            for edge in self._hidden.crossed_from(key, CrossedEdges(part.ways, crossings.beside_hidden)):
                entity_scope = self._hidden.entity_scope(edge.far)
                if not entity_scope.is_readable:
                    by_boundary[entity_scope.boundary].add(self._hidden.masked_key(edge.far))
        return hidden

    def tell_withheld(self, keys: Collection[int]) -> bool:
        self.prefetcher.hidden_ends(keys)
        return all(self._hidden.tells_withheld(key) for key in keys)

    def crossed(self, crossings: Crossings, frontier: Collection[int]) -> list[Step]:
        self.prefetcher.crossings([(crossings, frontier)])
        return self._known_crossed(crossings, frontier)

    def crossed_back(self, crossings: Crossings, keys: Collection[int]) -> list[Step]:
        back = crossings.reversed()
        if self._edges.knows_walks(CrossedEdges.of(crossings)):
            return self._known_crossed(back, keys)
        return self.crossed(back, keys)

    def _known_crossed(self, crossings: Crossings, frontier: Collection[int]) -> list[Step]:
        crossed = CrossedEdges.of(crossings)
        steps = {(near, far, line.key) for near in frontier for far, line in self._edges.crossed_from(near, crossed)}
        allowed = self._allowed(crossings, steps)
        return allowed + self._crossed_beside_masked(crossings, frontier) if self.meets_hidden else allowed

    def _allowed(self, crossings: Crossings, steps: set[Step]) -> list[Step]:
        """The crossings between readable entities that the filters allow."""
        if crossings.asks_only_types:
            return list(steps)
        keys = {key for _, _, key in steps}
        with_times = any(map(asks_times, crossings.filters))
        if with_times or any(map(asks_properties, crossings.filters)):
            records = self.associations(keys, as_recorded=not with_times)
        else:
            records = {key: self._edges.association(key, as_recorded=True) for key in keys}
        is_match = association_matcher(*crossings.filters)
        return [step for step in steps if is_match(records[step[2]])]

    def _crossed_beside_masked(self, crossings: Crossings, frontier: Collection[int]) -> list[Step]:
        """The crossings to and from masked entities: all associations of a type between the same two are one."""
        crossed = CrossedEdges.beside_hidden(crossings)
        steps: set[Step] = set()
        for near in frontier:
            for edge in self._hidden.crossed_from(near, crossed):
                entity_scope = self._hidden.entity_scope(edge.far)
                if entity_scope.is_readable and is_masked(near):
                    far = self._hidden.key(edge.far)
                elif not entity_scope.is_readable and entity_scope.boundary is Boundary.MASK:
                    far = self._hidden.masked_key(edge.far)
                else:
                    continue
                source, destination = (near, far) if edge.way is DOWN else (far, near)
                steps.add((near, far, (source, edge.type, destination, "")))
        return list(steps)
