"""Reads a view for walks: its records, and the crossings from key to key."""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cached_property
from itertools import chain

import numpy as np

from lineal.graphstore.codes import KIND_MASK, SAME_AS, TYPES, AssociationKey
from lineal.graphstore.deadlines import check
from lineal.graphstore.embedded.memory.adjacency import Adjacency
from lineal.graphstore.embedded.memory.adjacency_cache import AdjacencyCache
from lineal.graphstore.embedded.memory.key_arrays import Keys, keys_of
from lineal.graphstore.embedded.memory.scope_table import ScopeTable
from lineal.graphstore.embedded.sql.connection import Connection
from lineal.graphstore.embedded.sql.filter_sql import Condition, association_condition, entity_condition
from lineal.graphstore.embedded.sql.memory_sources import MemorySource
from lineal.graphstore.embedded.sql.record_reader import RowReader, carray_of
from lineal.graphstore.filter_compiler import compiled_entity_filter
from lineal.graphstore.filters import association_matcher, entity_matcher, matches_restricted
from lineal.graphstore.kinds import LineageDirection
from lineal.graphstore.queries import AssociationFilter, EntityFilter
from lineal.graphstore.records import View
from lineal.graphstore.request_costs import charge_records
from lineal.graphstore.walking.reader_protocol import Crossings, Hidden, NoPrefetch, is_masked, masked

_FAR_END = {LineageDirection.DESCENDANTS: "destination", LineageDirection.ASCENDANTS: "source"}
_NEAR_END = {LineageDirection.DESCENDANTS: "source", LineageDirection.ASCENDANTS: "destination"}

Crossing = tuple[int, int, AssociationKey]


class Reader(NoPrefetch, RowReader):
    """Reads a view by SQL: one statement a level and direction, or none where an adjacency is in memory."""

    def __init__(
        self, connection: Connection, view: View, adjacency_cache: AdjacencyCache, scope_table: ScopeTable | None
    ) -> None:
        super().__init__(connection, view, scope_table)
        self._adjacency_cache = adjacency_cache

    @cached_property
    def _adjacency(self) -> Adjacency | None:
        # The adjacency in memory is that of the newest batch in the snapshot, so it serves only views of that moment.
        is_newest = self.visibility.covers_all and self.is_settled
        return self._adjacency_cache.at(MemorySource(self.connection)) if is_newest else None

    # -- matches --

    def matching(self, keys: Collection[int], where: EntityFilter | None) -> Collection[int]:
        if where is None or where == EntityFilter() or not keys:
            return keys
        if self.meets_hidden and any(map(is_masked, keys)):
            plain = set(self._matching([key for key in keys if not is_masked(key)], where))
            shows = matches_restricted(where)
            return [key for key in keys if (shows if is_masked(key) else key in plain)]
        return self._matching(keys, where)

    def _matching(self, keys: Collection[int], where: EntityFilter) -> Collection[int]:
        compiled = compiled_entity_filter(where)
        if compiled.codes is not None:
            keys = [key for key in keys if key & KIND_MASK in compiled.codes]
        if not keys or compiled.asks_only_kinds:
            return keys
        condition = entity_condition(compiled.rest, self.visibility)
        rows = self.connection.execute(
            "SELECT e.key FROM carray(?) f CROSS JOIN entity e ON e.key = f.value "
            f"LEFT JOIN entity_content c ON c.key = e.key WHERE {condition.sql}",
            (carray_of(keys), *condition.parameters),
        )
        matches = {key for (key,) in rows}
        if not condition.exact:
            charge_records(len(matches))
            entities = self.entities(matches)
            is_match = entity_matcher(where)
            matches = {key for key, entity in entities.items() if is_match(entity)}
        return [key for key in keys if key in matches]

    # -- crossing --

    def far_keys(self, crossings: Crossings, frontier: Collection[int], distance: int | None) -> set[int]:
        check()  # A level in memory runs no SQL statement, which would check the deadline.
        frontiers = self._frontiers(crossings, frontier, distance)
        visibility = self.visibility
        if crossings.asks_only_types and self._adjacency is not None:
            return self._adjacency.far_keys(frontiers, crossings.types, visibility.readable)
        if not visibility.is_scoped or distance is not None:
            return self._far_readable(crossings, frontiers)
        # A filter sees only the type of an association that has a hidden end.
        hidden = {way: visibility.not_readable(keys) for way, keys in frontiers.items()}
        bare = association_condition(visibility, _of_types(crossings.beside_hidden))
        from_hidden = visibility.readable_set(self._select_far_keys(hidden, bare))
        plain = {way: visibility.readable(keys) for way, keys in frontiers.items()}
        return from_hidden | self._far_readable(crossings, plain)

    def _far_readable(self, crossings: Crossings, frontiers: Mapping[LineageDirection, Keys]) -> set[int]:
        """Every readable key one crossing away from readable ones; negative where the crossing was a SAME_AS."""
        condition = association_condition(self.visibility, *crossings.filters)
        if condition.exact:
            far_keys = self._select_far_keys(frontiers, condition)
            return self.visibility.readable_set(far_keys)
        return {
            -far if key[1] == SAME_AS else far
            for way, near in frontiers.items()
            for _, far, key in self._readable_crossings(crossings, {way: near})
        }

    def hidden_keys(self, crossings: Crossings, frontier: Collection[int], distance: int | None) -> Hidden:
        types = crossings.beside_hidden
        visibility = self.visibility
        if not visibility.is_scoped or not types:
            return Hidden(set(), set(), set())
        frontiers = self._frontiers(crossings, frontier, distance)
        if self._adjacency is not None:
            far_keys = self._adjacency.far_keys(frontiers, types, visibility.not_readable)
        else:
            far_keys = self._select_far_keys(frontiers, association_condition(visibility, _of_types(types)))
        return visibility.hidden(far_keys)

    def tell_withheld(self, keys: Collection[int]) -> bool:
        visibility = self.visibility
        return visibility.is_scoped and all(visibility.entity_scope(key).tells_withheld for key in keys)

    def crosses(self, key: int, direction: LineageDirection, distance: int) -> bool:
        return self.visibility.crosses(key, direction, distance)

    def crossed(self, crossings: Crossings, frontier: Collection[int]) -> list[Crossing]:
        if not self.meets_hidden:
            keys = keys_of(frontier)
            return self._readable_crossings(crossings, dict.fromkeys(crossings.ways, keys))
        plain = keys_of([key for key in frontier if not is_masked(key)])
        rows = self._readable_crossings(crossings, dict.fromkeys(crossings.ways, plain))
        return rows + self._masked_crossings(crossings, frontier, plain)

    def crossed_back(self, crossings: Crossings, keys: Collection[int]) -> list[Crossing]:
        return self.crossed(crossings.reversed(), keys)

    def _frontiers(
        self, crossings: Crossings, frontier: Collection[int], distance: int | None
    ) -> dict[LineageDirection, Keys]:
        """The keys of a frontier that may be crossed, in ascending order, by direction."""
        keys = keys_of(frontier)
        keys.sort()
        if not self.visibility.is_scoped:
            return dict.fromkeys(crossings.ways, keys)
        return {way: self.visibility.crossable(keys, way, distance) for way in crossings.ways}

    def _select_far_keys(self, frontiers: Mapping[LineageDirection, Keys], condition: Condition) -> set[int]:
        rows = (
            self.connection.execute(statement, (carray_of(keys), *condition.parameters))
            for statement, keys in self._statements(frontiers, condition.sql, "far")
        )
        return set(chain.from_iterable(chain.from_iterable(rows)))

    def _select_crossings(self, frontiers: Mapping[LineageDirection, Keys], condition: Condition) -> list[Crossing]:
        columns = "f.value, far, a.source, a.type, a.destination, a.role"
        return [
            (near, abs(far), (source, type, destination, role))
            for statement, keys in self._statements(frontiers, condition.sql, columns)
            for near, far, source, type, destination, role in self.connection.execute(
                statement, (carray_of(keys), *condition.parameters)
            )
        ]

    def _readable_crossings(self, crossings: Crossings, frontiers: Mapping[LineageDirection, Keys]) -> list[Crossing]:
        """Crossings between readable entities."""
        condition = association_condition(self.visibility, *crossings.filters)
        rows = self._select_crossings(frontiers, condition)
        if self.visibility.is_scoped:
            readable = self.visibility.readable_set({far for _, far, _ in rows})
            rows = [row for row in rows if row[1] in readable]
        if not condition.exact:
            is_match = association_matcher(*crossings.filters)
            records = self.associations({key for _, _, key in rows})
            rows = [row for row in rows if is_match(records[row[2]])]
        return rows

    def _masked_crossings(self, crossings: Crossings, frontier: Collection[int], plain: Keys) -> list[Crossing]:
        """Crossings that have a masked end: all associations of one type between the same two ends count as one."""
        visibility = self.visibility
        types = crossings.beside_hidden
        if not visibility.is_scoped or not types:
            return []
        condition = association_condition(visibility, _of_types(types))
        own = keys_of(self._own_keys([key for key in frontier if is_masked(key)]).values())
        near_plain = self._select_crossings(dict.fromkeys(crossings.ways, plain), condition)
        near_masked = self._select_crossings(dict.fromkeys(crossings.ways, own), condition)
        far = {far for _, far, _ in (*near_plain, *near_masked)}
        hidden = visibility.hidden(far).masked
        shown = {key: key for key in visibility.readable_set(far)} | {key: masked(key) for key in hidden}
        shown_crossings: dict[Crossing, None] = {}
        for rows, name in ((near_plain, _itself), (near_masked, masked)):
            for near, other, (source, type, _, _) in rows:
                if other not in shown or (rows is near_plain and other not in hidden):
                    continue
                ends = (name(near), shown[other])
                low, high = ends if near == source else ends[::-1]
                shown_crossings[ends[0], ends[1], (low, type, high, "")] = None
        return list(shown_crossings)

    def _statements(
        self, frontiers: Mapping[LineageDirection, Keys], condition: str, columns: str
    ) -> Iterable[tuple[str, Keys]]:
        """One statement a direction, and one more where a SAME_AS is crossed against its direction, with their keys.

        Keys crossed to over a SAME_AS come out negative: `columns` may name `far`.
        """
        # Where both directions start from the same keys, the other statement crosses a SAME_AS against its direction.
        lefts = list(frontiers.values())
        both = len(lefts) == 2 and (lefts[0] is lefts[1] or np.array_equal(lefts[0], lefts[1]))
        for way, keys in frontiers.items():
            near, far = _NEAR_END[way], _FAR_END[way]
            yield self._statement(near, far, columns, condition), keys
            if not both and self._has_same_as:
                yield self._statement(far, near, columns, f"a.type = {SAME_AS} AND {condition}"), keys

    @cached_property
    def _has_same_as(self) -> bool:
        rows = self.connection.execute(
            f"SELECT EXISTS (SELECT 1 FROM association INDEXED BY association_same_as WHERE type = {SAME_AS})"
        )
        return bool(next(rows)[0])

    def _statement(self, near: str, far: str, columns: str, condition: str) -> str:
        signed = f"CASE a.type WHEN {SAME_AS} THEN -a.{far} ELSE a.{far} END"
        return (
            f"SELECT {columns.replace('far', signed)} FROM carray(?) f CROSS JOIN association a ON a.{near} = f.value "
            f"WHERE {condition} AND {self.visibility.association_exists('a', far)}"
        )


def _of_types(codes: Collection[int]) -> AssociationFilter:
    return AssociationFilter(type=tuple(TYPES[code] for code in sorted(codes)))


_itself: Callable[[int], int] = int
