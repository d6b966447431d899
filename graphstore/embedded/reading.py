"""One read for a walk: the rows of a view, and what crosses from key to key."""

from collections.abc import Collection, Iterable
from functools import cached_property
from itertools import chain

import apsw

from lineal.graphstore.codes import KIND_MASK, SAME_AS, AssociationKey, kind_codes
from lineal.graphstore.embedded.adjacency import Adjacency
from lineal.graphstore.embedded.conditions import association_condition, entity_condition
from lineal.graphstore.embedded.present import Present
from lineal.graphstore.embedded.rows import Rows, carried
from lineal.graphstore.filters import matches_association, matches_entity
from lineal.graphstore.kinds import LineageDirection
from lineal.graphstore.queries import EntityFilter
from lineal.graphstore.records import View
from lineal.graphstore.walking.crossings import Crossings, Near

_FAR_END = {LineageDirection.DESCENDANTS: "destination", LineageDirection.ASCENDANTS: "source"}
_NEAR_END = {LineageDirection.DESCENDANTS: "source", LineageDirection.ASCENDANTS: "destination"}


class Reading(Near, Rows):
    """`walking.crossings.Reading` by SQL: one statement a level and way, or none where an adjacency is in memory."""

    def __init__(self, connection: apsw.Connection, view: View, present: Present) -> None:
        super().__init__(connection, view)
        self._present = present

    @cached_property
    def _adjacency(self) -> Adjacency | None:
        # That of the newest batch the transaction sees: it serves where the view is of that too.
        return self._present.at(self.connection) if self.covers_all and self.is_settled else None

    def matching(self, keys: Collection[int], where: EntityFilter | None) -> Collection[int]:
        """Those of the keys, known to exist in the view, whose entities match; in their order."""
        if where is None or where == EntityFilter() or not keys:
            return keys
        codes = kind_codes(EntityFilter(where.kind, where.lineage_type))
        if codes is not None:
            keys = [key for key in keys if key & KIND_MASK in codes]
            if not keys or where == EntityFilter(where.kind, where.lineage_type):
                return keys
        condition = entity_condition(where)
        rows = self.connection.execute(
            "SELECT e.key FROM carray(?) f CROSS JOIN entity e ON e.key = f.value "
            f"LEFT JOIN entity_content c ON c.key = e.key WHERE {condition.sql}",
            (carried(keys), *condition.parameters),
        )
        found = {key for (key,) in rows}
        if not condition.exact:
            entities = self.entities(found)
            found = {key for key, entity in entities.items() if matches_entity(entity, where)}
        return [key for key in keys if key in found]

    def far_keys(self, crossings: Crossings, frontier: Collection[int]) -> set[int]:
        """Every key one crossing away; negative where the crossing was a SAME_AS."""
        if crossings.asks_only_types and self._adjacency is not None:
            return self._adjacency.far_keys(frontier, crossings.ways, crossings.types)
        condition = association_condition(crossings.via)
        if not condition.exact:
            return {-far if key[1] == SAME_AS else far for _, far, key in self.crossed(crossings, frontier)}
        rows = (
            self.connection.execute(statement, (carried(frontier), *condition.parameters))
            for statement in self._statements(crossings, condition.sql, "far")
        )
        return set(chain.from_iterable(chain.from_iterable(rows)))

    def crossed(self, crossings: Crossings, frontier: Collection[int]) -> list[tuple[int, int, AssociationKey]]:
        """Every crossing from the keys: the near key, the far key, the association."""
        condition = association_condition(crossings.via)
        columns = "f.value, far, a.source, a.type, a.destination, a.role"
        rows = [
            (near, abs(far), (source, type, destination, role))
            for statement in self._statements(crossings, condition.sql, columns)
            for near, far, source, type, destination, role in self.connection.execute(
                statement, (carried(frontier), *condition.parameters)
            )
        ]
        if not condition.exact and crossings.via is not None:
            via = crossings.via
            records = self.associations({key for _, _, key in rows})
            rows = [row for row in rows if matches_association(records[row[2]], via)]
        return rows

    def crossed_back(self, crossings: Crossings, keys: Collection[int]) -> list[tuple[int, int, AssociationKey]]:
        """Every crossing that leads to the keys; near is the key."""
        return self.crossed(crossings.reversed(), keys)

    def _statements(self, crossings: Crossings, condition: str, columns: str) -> Iterable[str]:
        """One statement a way, and one more where a SAME_AS is crossed against its direction.

        Keys crossed to over a SAME_AS come out negative: `columns` may name `far`.
        """
        both = len(crossings.ways) == 2
        for way in crossings.ways:
            near, far = _NEAR_END[way], _FAR_END[way]
            yield self._statement(near, far, columns, condition)
            if not both and self._has_same_as():
                yield self._statement(far, near, columns, f"a.type = {SAME_AS} AND {condition}")

    def _has_same_as(self) -> bool:
        rows = self.connection.execute(
            f"SELECT EXISTS (SELECT 1 FROM association INDEXED BY association_same_as WHERE type = {SAME_AS})"
        )
        return bool(next(rows)[0])

    def _statement(self, near: str, far: str, columns: str, condition: str) -> str:
        signed = f"CASE a.type WHEN {SAME_AS} THEN -a.{far} ELSE a.{far} END"
        return (
            f"SELECT {columns.replace('far', signed)} FROM carray(?) f CROSS JOIN association a ON a.{near} = f.value "
            f"WHERE {condition} AND {self.exists('a', far)}"
        )
