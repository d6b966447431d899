"""Finds pages of entities: the index narrows the candidates, sets of keys decide over most, records over the rest."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from time import monotonic
from typing import Any, Final, TypeAlias

import numpy as np

from lineal.graphstore.codes import KIND_BITS, KIND_CODES, KIND_MASK
from lineal.graphstore.content_codec import unpacked_property
from lineal.graphstore.embedded.memory.key_arrays import NO_KEYS, Keys, among, is_one_of
from lineal.graphstore.embedded.sql.connection import Connection
from lineal.graphstore.embedded.sql.filter_sql import EVERY_ROW, REVISED, Condition, all_of, entity_condition
from lineal.graphstore.embedded.sql.index_plan import plans_of, undecided
from lineal.graphstore.embedded.sql.key_sets import (
    CONTENT,
    IndexScan,
    KeySet,
    KeySetReader,
    as_condition,
    carray_of,
    indexed_in,
)
from lineal.graphstore.embedded.sql.reader import Reader
from lineal.graphstore.embedded.sql.visibility import Visibility
from lineal.graphstore.filter_compiler import compiled_entity_filter
from lineal.graphstore.filters import entity_matcher
from lineal.graphstore.full_text import is_found, words_of
from lineal.graphstore.ordering import (
    SortPosition,
    check_sortable,
    compared,
    in_order,
    property_sort_value,
    sort_position,
    sorted_by_position,
)
from lineal.graphstore.queries import EntityOrderField, Find, Ordering
from lineal.graphstore.records import Entity
from lineal.graphstore.request_costs import charge_properties, charge_records, charge_rows
from lineal.graphstore.store import EntityPage
from lineal.graphstore.walking.reach_pages import kinds

_VERIFIED_AT_ONCE = 1000
MOST_PROBED: Final = 3000
"""To find the shortest scan, the keys of each scan are counted up to this number."""
MOST_VERIFIED: Final = 500
"""For up to this many candidates, their records are read instead of the index for the other conditions."""
_ENTITIES: Final = f"entity e {CONTENT}"
_SORTED_COLUMNS: Final = "e.key, e.urn, c.properties"
FEW_MATCHES: Final = 1000
"""Up to this many matches are looked up and sorted for a page."""
_DENSE: Final = 8
"""Where more match, and at least one entity in this many, the page is read in its order, skipping mismatches."""
TURN_SECONDS: Final = 0.05
"""How long a turn of a thread goes on to further questions."""
SqlRows: TypeAlias = Iterable[tuple[Any, ...]]


def pages_of_turn(reader: Reader, questions: Sequence[Find]) -> list[EntityPage]:
    """Pages of the entities that match, for the first of the questions: one, and more while the turn has time."""
    if reader.sees_nothing:
        return [EntityPage((), 0, {}, False)] * len(questions)
    began = monotonic()
    pages: list[EntityPage] = []
    for question in questions:
        pages.append(_Search(reader, question).page())
        if monotonic() - began > TURN_SECONDS:
            break
    return pages


def beginning(page: EntityPage, first: int) -> EntityPage:
    """The page of at most `first` items that begins like a page."""
    if len(page.items) <= first:
        return page
    return replace(page, items=page.items[:first], has_next=True)


class _Search:
    """The search for one page."""

    def __init__(self, reader: Reader, question: Find) -> None:
        self.reader, self.question = reader, question
        self.key_sets = KeySetReader(reader.connection)
        self.matches = entity_matcher(question.where)
        compiled = compiled_entity_filter(question.where)
        where = compiled.expression
        self.compares_rows = not compiled.asks_only_kinds
        self.condition = entity_condition(where, reader.visibility)
        self.plans = plans_of(where, question.search, reader.visibility)
        self.scan = _shortest(reader, [scan for plan in self.plans for scan in plan.scans])
        self.key_set = undecided(self.plans, self.scan)
        self.in_view = Condition(reader.visibility.entity_exists("e"))
        if question.within is not None:
            self.in_view = Condition(f"{self.in_view.sql} AND {IN_GROUP}", (question.within,))
        self.after = _position(reader, question)

    def page(self) -> EntityPage:
        """The page."""
        key_set = self.key_set
        if key_set is None or self._hidden_properties_matter():
            return self._page(*self._verified(self._candidates()))
        reads_index = any(indexed_in(key_set))
        if self.scan is None and not reads_index:
            return self._page_of_rows(as_condition(key_set))
        keys = self._candidates()
        if reads_index and len(keys) <= MOST_VERIFIED:
            return self._page(*self._verified(keys))
        doubtful = keys[among(keys, self._doubtful(key_set, keys))]
        counter, matches = self._verified(doubtful)
        charge_rows(len(keys), compared=False)
        decided = self.key_sets.within(keys[~among(keys, doubtful)] if len(doubtful) else keys, key_set)
        codes, counts = np.unique(decided & KIND_MASK, return_counts=True)
        counter.update(dict(zip(codes.tolist(), counts.tolist(), strict=True)))
        check_sortable(counter.total(), self.question.order)
        return self._page(counter, [*matches, *self._first_of(decided)])

    def _page(self, counter: Counter[int], matches: list[Entity]) -> EntityPage:
        question = self.question
        page = in_order(matches, question.order, self.after)
        has_next = len(page) > question.first
        return EntityPage(tuple(page[: question.first]), counter.total(), kinds(counter), has_next)

    def _page_of_rows(self, condition: Condition) -> EntityPage:
        """The page where no scan finds candidates, by a condition on the rows of all entities."""
        ignores_revisions = self._ignores_revisions()
        counter, matches = (Counter[int](), list[Entity]()) if ignores_revisions else self._verified(self._revised())
        decided = all_of((condition, self.in_view, Condition(self.reader.visibility.entity_is_readable())))
        if not ignores_revisions:
            decided = all_of((decided, Condition(f"NOT {REVISED}")))
        charge_rows(self.reader.visibility.count_readable(), compared=self.compares_rows)
        counter.update(dict(self._rows("e.kind, count(*)", decided, "GROUP BY e.kind")))
        check_sortable(counter.total(), self.question.order)
        if self.question.order.field is EntityOrderField.PROPERTY:
            charge_properties(counter.total())
            return self._page(counter, [*matches, *self._first_by_property(self._rows(_SORTED_COLUMNS, decided))])
        return self._page(counter, [*matches, *self._first_in_rows(decided)])

    def _hidden_properties_matter(self) -> bool:
        """Whether the scope may hide a property that the filter, the search or the order depends on."""
        by_property = self.question.order.field is EntityOrderField.PROPERTY
        return self.reader.visibility.hides_properties and (
            by_property or any(plan.asks_properties for plan in self.plans)
        )

    def _ignores_revisions(self) -> bool:
        """Whether neither the filter nor the search nor the order depends on fields that revisions change."""
        revisable = self.question.order.field in (EntityOrderField.STATUS, EntityOrderField.PROPERTY)
        return self.condition.exact and self.question.search is None and not revisable

    def _candidates(self) -> Keys:
        """The readable entities of the view that the scan selects."""
        return self._shown(self.key_sets.scanned(self.scan))

    def _revised(self) -> Keys:
        return self._shown(self.key_sets.keys("SELECT entity FROM revision"))

    def _shown(self, keys: Keys) -> Keys:
        """The keys, among some keys, that exist in the view and are readable."""
        return self.key_sets.where(self.reader.visibility.readable(keys), self.in_view)

    def _doubtful(self, key_set: KeySet, keys: Keys) -> Keys:
        """The keys that must be checked on their records."""
        if self._ignores_revisions():
            return NO_KEYS
        scans = {indexed.doubtful for indexed in indexed_in(key_set)} - {None}
        return np.concatenate([self.key_sets.revised(keys), *map(self.key_sets.scanned, scans)])

    def _verified(self, keys: Keys) -> tuple[Counter[int], list[Entity]]:
        """Counts, by kind, of the candidates whose records match, and the first of these after the position."""
        question, counter = self.question, Counter[int]()
        search = words_of(question.search or "")
        first: list[Entity] = []
        charge_rows(len(keys), compared=self.compares_rows)
        candidates = self.key_sets.where(keys, self.condition).tolist() if len(keys) else []
        charge_records(len(candidates))
        for start in range(0, len(candidates), _VERIFIED_AT_ONCE):
            entities = self.reader.entities(candidates[start : start + _VERIFIED_AT_ONCE]).values()
            matches = [entity for entity in entities if self.matches(entity) and is_found(entity, search)]
            counter.update(KIND_CODES[entity.kind] for entity in matches)
            check_sortable(counter.total(), question.order)
            first = in_order([*first, *matches], question.order, self.after)[: question.first + 1]
        return counter, first

    def _first_of(self, keys: Keys) -> Iterable[Entity]:
        """The first entities after the position, of some keys."""
        if not len(keys):
            return ()
        connection = self.reader.connection
        of_keys = f"carray(?) f CROSS JOIN entity e ON e.key = f.value {CONTENT}"
        if self.question.order.field is EntityOrderField.PROPERTY:
            charge_properties(len(keys))
            rows = connection.execute(f"SELECT {_SORTED_COLUMNS} FROM {of_keys}", (carray_of(keys),))
            return self._first_by_property(rows)
        if len(keys) > FEW_MATCHES and _DENSE * len(keys) > int(keys[-1]) >> KIND_BITS:
            assert isinstance(connection, Connection)
            connection.matches = is_one_of(keys)
            return self._first_in_rows(Condition("matches(e.key)"))
        return self._first_in_rows(EVERY_ROW, of_keys, (carray_of(keys),))

    def _first_in_rows(
        self, condition: Condition, source: str = _ENTITIES, parameters: tuple[object, ...] = ()
    ) -> Iterable[Entity]:
        """The first entities after the position, of the rows of a condition, in an order by a column."""
        order = self.question.order
        column = _column(order, self.reader.visibility)
        ending = f"ORDER BY {_ordered_by(order, column)} LIMIT {self.question.first + 1:d}"
        rows = self._rows("e.key", all_of((condition, _beyond(order, column, self.after))), ending, source, parameters)
        return self.reader.entities([key for (key,) in rows]).values()

    def _rows(
        self,
        columns: str,
        condition: Condition,
        ending: str = "",
        source: str = _ENTITIES,
        parameters: tuple[object, ...] = (),
    ) -> SqlRows:
        if "c." not in columns + condition.sql + ending:
            source = source.removesuffix(CONTENT)
        return self.reader.connection.execute(
            f"SELECT {columns} FROM {source} WHERE {condition.sql} {ending}", (*parameters, *condition.parameters)
        )

    def _first_by_property(self, rows: SqlRows) -> Iterable[Entity]:
        """The first entities after the position, of rows of `_SORTED_COLUMNS`, in an order by a property."""
        order, after = self.question.order, self.after
        assert order.property_key is not None
        keys: list[tuple[SortPosition, int]] = []
        for key, urn, text in rows:
            property = unpacked_property(text, order.property_key)
            position = None if property is None else property_sort_value(property), urn
            if after is None or compared(position, after, order) > 0:
                keys.append((position, key))
        first = sorted_by_position(keys, order)[: self.question.first + 1]
        return self.reader.entities([key for _, key in first]).values()


def _shortest(reader: Reader, scans: Sequence[IndexScan]) -> IndexScan | None:
    """The scan that selects the fewest keys; None without scans."""
    if len(scans) < 2:
        return scans[0] if scans else None
    lengths: list[int] = []
    for scan in scans:
        count = f"SELECT count(*) FROM (SELECT 1 FROM ({scan.sql}) LIMIT {min([MOST_PROBED, *lengths]):d})"
        lengths.append(reader.connection.execute(count, scan.parameters).get)
    return scans[lengths.index(min(lengths))]


def _position(reader: Reader, question: Find) -> SortPosition | None:
    """The sort position after which the page starts; whether its entity may be read does not matter."""
    after = question.after
    if after is None:
        return None
    if question.order.field is EntityOrderField.URN:
        return (0, after.urn), after.urn
    keys = reader.keys(
        f"SELECT e.key FROM entity e WHERE e.urn = ? AND {reader.visibility.entity_exists('e')}", (after.urn,)
    )
    entities = reader.entities(keys)
    return sort_position(entities[keys[0]], question.order) if keys else (None, after.urn)


_BY_NAME: Final = " ".join(f"WHEN {code} THEN '{kind}'" for kind, code in KIND_CODES.items())
_COLUMNS: Final = {
    EntityOrderField.KIND: f"CASE e.kind {_BY_NAME} END",
    EntityOrderField.TYPE: "c.type",
    EntityOrderField.STATUS: "c.status",
    EntityOrderField.SOURCE_URI: "c.source_uri",
}
_NULLABLE: Final = (
    EntityOrderField.VERSION,
    EntityOrderField.TYPE,
    EntityOrderField.STATUS,
    EntityOrderField.SOURCE_URI,
)


def _column(order: Ordering, visibility: Visibility) -> str:
    if order.field is EntityOrderField.OCCURRED_AT:
        return visibility.known_from("e")
    return _COLUMNS.get(order.field, f"e.{order.field.lower()}")


def _ordered_by(order: Ordering, column: str) -> str:
    sign = " DESC" if order.descending else ""
    missing_last = f"{column} IS NULL, " if order.field in _NULLABLE else ""
    by_urn = "" if order.field is EntityOrderField.URN else ", e.urn"
    return f"{missing_last}{column}{sign}{by_urn}"


def _beyond(order: Ordering, column: str, after: SortPosition | None) -> Condition:
    """The condition that an entity comes after a position, in an order by a column."""
    if after is None:
        return EVERY_ROW
    value, urn = after
    if value is None:
        return Condition(f"({column} IS NULL AND e.urn > ?)", (urn,))
    sign = "<" if order.descending else ">"
    at = value[1]
    assert isinstance(at, str | int)
    if order.field is EntityOrderField.URN:
        return Condition(f"{column} {sign} ?", (at,))
    return Condition(
        f"({column} IS NULL OR {column} {sign} ? OR ({column} = ? AND e.urn > ?))",
        (str(at) if isinstance(at, str) else at,) * 2 + (urn,),
    )


_COMPARTMENT = "ifnull((SELECT p.compartment FROM placement p WHERE p.entity = e.key), 0)"


IN_GROUP: Final = (
    f"EXISTS (SELECT 1 FROM compartment c, json_each(c.groups) g WHERE c.id = {_COMPARTMENT} AND g.value = ?)"
)
"""The condition that `entity e` is in the group whose id is the parameter."""
