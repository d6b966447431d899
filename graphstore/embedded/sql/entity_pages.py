"""Pages of entities."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

import apsw
import numpy as np

from lineal.graphstore.codes import KIND_BITS, KIND_CODES, KIND_MASK
from lineal.graphstore.content_codec import unpacked_property
from lineal.graphstore.embedded.memory.key_arrays import NO_KEYS, Keys, among, is_one_of
from lineal.graphstore.embedded.sql.connections import Connection
from lineal.graphstore.embedded.sql.filter_sql import REVISED, Condition, entity_condition, joined
from lineal.graphstore.embedded.sql.index_plan import parts_asked, plain_of
from lineal.graphstore.embedded.sql.key_sets import CONTENT, Arm, Decision, KeySets, as_condition, carried, named_in
from lineal.graphstore.embedded.sql.reader import Reader
from lineal.graphstore.filters import matches_entity
from lineal.graphstore.full_text import is_found, words_of
from lineal.graphstore.ordering import (
    Place,
    check_sortable,
    compared,
    in_order,
    place_of,
    sorted_places,
    value_of_property,
)
from lineal.graphstore.queries import EntityOrderField, Find, Ordering
from lineal.graphstore.records import Entity
from lineal.graphstore.store import EntityPage
from lineal.graphstore.walking.reach_pages import kinds

MOST_NAMED = 50
"""So many accounts, or fewer, are named in a statement."""
_VERIFIED_AT_ONCE = 1000
_EVERY: Final = Condition("true")
MOST_PROBED: Final = 3000
"""So far the arms of a question are counted, to take the shortest."""
MOST_VERIFIED: Final = 500
"""Up to so many candidates are read and judged, rather than all that the index names for the other conditions."""
_FROM: Final = f"entity e {CONTENT}"
_PLACED: Final = "e.key, e.urn, c.properties"
FEW_MATCHES: Final = 1000
"""Up to so many matches are looked up and sorted for a page."""
_DENSE: Final = 8
"""Where more match, and one entity in so many, a page is found by looking through all in its order."""
SqlRows: TypeAlias = Iterable[tuple[Any, ...]]


def find_pages(reader: Reader, questions: Sequence[Find]) -> list[EntityPage]:
    """A page of the entities that match, for each question."""
    return [_find_page(reader, question) for question in questions]


def _find_page(reader: Reader, question: Find) -> EntityPage:
    if reader.sees_nothing:
        return EntityPage((), 0, {}, False)
    return Finding(reader, question).page()


class Finding:
    """One question on its way: what the index and the database decide of it, and what the records do."""

    def __init__(self, reader: Reader, question: Find) -> None:
        self.reader, self.question = reader, question
        self.deciding = KeySets(reader.connection)
        self.may = entity_condition(question.where)
        self.parts = parts_asked(question.where, question.search)
        self.driver = _driver(reader, [arm for part in self.parts for arm in part.arms])
        self.plain = plain_of(self.parts, self.driver)
        self.of_view = Condition(reader.on_time("e"))
        if question.within is not None:
            within = f"{self.of_view.sql} AND {within_group(reader)}"
            self.of_view = Condition(within, (question.within,))
        self.after = _place(reader, question)

    def page(self) -> EntityPage:
        """What is asked."""
        plain = self.plain
        if plain is None or self._hides_what_is_asked():
            return self._page(*self._verified(self._candidates()))
        names = any(named_in(plain))
        if self.driver is None and not names:
            return self._page_by_rows(as_condition(plain))
        keys = self._candidates()
        if names and len(keys) <= MOST_VERIFIED:
            return self._page(*self._verified(keys))
        doubtful = keys[among(keys, self._doubtful(plain, keys))]
        counter, matches = self._verified(doubtful)
        decided = self.deciding.holding(plain, keys[~among(keys, doubtful)] if len(doubtful) else keys)
        codes, counts = np.unique(decided & KIND_MASK, return_counts=True)
        counter.update(dict(zip(codes.tolist(), counts.tolist(), strict=True)))
        check_sortable(counter.total(), self.question.order)
        return self._page(counter, [*matches, *self._first_of(decided)])

    def _page(self, counter: Counter[int], matches: list[Entity]) -> EntityPage:
        question = self.question
        page = in_order(matches, question.order, self.after)
        has_next = len(page) > question.first
        return EntityPage(tuple(page[: question.first]), counter.total(), kinds(counter), has_next)

    def _page_by_rows(self, asked: Condition) -> EntityPage:
        """Where the index names nothing: a page by looking through the entities, by an index of the database's own."""
        settled = self._is_settled()
        counter, matches = (Counter[int](), list[Entity]()) if settled else self._verified(self._revised())
        decided = joined((asked, self.of_view, Condition(seen(self.reader))), "AND", "true")
        if not settled:
            decided = joined((decided, Condition(f"NOT {REVISED}")), "AND", "true")
        counter.update(dict(self._rows("e.kind, count(*)", decided, "GROUP BY e.kind")))
        check_sortable(counter.total(), self.question.order)
        if self.question.order.field is EntityOrderField.PROPERTY:
            return self._page(counter, [*matches, *self._first_by_property(self._rows(_PLACED, decided))])
        return self._page(counter, [*matches, *self._first_in_rows(decided)])

    def _hides_what_is_asked(self) -> bool:
        """Whether a property key may be hidden that a condition or the order asks of."""
        scope_table = self.reader.scope_table
        by_property = self.question.order.field is EntityOrderField.PROPERTY
        return (
            scope_table is not None
            and scope_table.redacts
            and (by_property or any(part.of_properties for part in self.parts))
        )

    def _is_settled(self) -> bool:
        """Whether nothing is asked that revisions change."""
        revisable = self.question.order.field in (EntityOrderField.STATUS, EntityOrderField.PROPERTY)
        return self.may.exact and self.question.search is None and not revisable

    def _candidates(self) -> Keys:
        """All that may match."""
        return self._shown(self.deciding.named(self.driver))

    def _revised(self) -> Keys:
        return self._shown(self.deciding.keys("SELECT entity FROM revision"))

    def _shown(self, keys: Keys) -> Keys:
        """Those that the view shows."""
        scope_table = self.reader.scope_table
        return self.deciding.where(keys if scope_table is None else scope_table.readable(keys), self.of_view)

    def _doubtful(self, plain: Decision, keys: Keys) -> Keys:
        """Of which only the records tell whether they match."""
        if self._is_settled():
            return NO_KEYS
        arms = {named.doubtful for named in named_in(plain)} - {None}
        return np.concatenate([self.deciding.revised(keys), *map(self.deciding.named, arms)])

    def _verified(self, keys: Keys) -> tuple[Counter[int], list[Entity]]:
        """Counts of those that match by their records, and the first of them beyond the place."""
        question, counter = self.question, Counter[int]()
        search = words_of(question.search or "")
        first: list[Entity] = []
        may = self.deciding.where(keys, self.may).tolist() if len(keys) else []
        for start in range(0, len(may), _VERIFIED_AT_ONCE):
            entities = self.reader.entities(may[start : start + _VERIFIED_AT_ONCE]).values()
            found = [each for each in entities if matches_entity(each, question.where) and is_found(each, search)]
            counter.update(KIND_CODES[entity.kind] for entity in found)
            check_sortable(counter.total(), question.order)
            first = in_order([*first, *found], question.order, self.after)[: question.first + 1]
        return counter, first

    def _first_of(self, keys: Keys) -> Iterable[Entity]:
        """The first of some entities beyond the place."""
        if not len(keys):
            return ()
        connection = self.reader.connection
        among_keys = f"carray(?) f CROSS JOIN entity e ON e.key = f.value {CONTENT}"
        if self.question.order.field is EntityOrderField.PROPERTY:
            rows = connection.execute(f"SELECT {_PLACED} FROM {among_keys}", (carried(keys),))
            return self._first_by_property(rows)
        if len(keys) > FEW_MATCHES and _DENSE * len(keys) > int(keys[-1]) >> KIND_BITS:
            assert isinstance(connection, Connection)
            connection.matches = is_one_of(keys)
            return self._first_in_rows(Condition("matches(e.key)"))
        return self._first_in_rows(_EVERY, among_keys, (carried(keys),))

    def _first_in_rows(self, asked: Condition, source: str = _FROM, given: tuple[object, ...] = ()) -> Iterable[Entity]:
        """The first of some rows beyond the place, in an order by a column."""
        order = self.question.order
        ending = f"ORDER BY {_ordered_by(order)} LIMIT {self.question.first + 1:d}"
        whole = joined((asked, _beyond(order, self.after)), "AND", "true")
        return self.reader.entities([key for (key,) in self._rows("e.key", whole, ending, source, given)]).values()

    def _rows(
        self, what: str, asked: Condition, ending: str = "", source: str = _FROM, given: tuple[object, ...] = ()
    ) -> SqlRows:
        content = "c." in what + asked.sql + ending
        source = source if content else source.removesuffix(CONTENT)
        return self.reader.connection.execute(
            f"SELECT {what} FROM {source} WHERE {asked.sql} {ending}", (*given, *asked.parameters)
        )

    def _first_by_property(self, rows: SqlRows) -> Iterable[Entity]:
        """The first of rows of key, urn and properties beyond the place, in an order by a property."""
        order, after = self.question.order, self.after
        assert order.property_key is not None
        entity_groups: list[tuple[Place, int]] = []
        for key, urn, text in rows:
            property = unpacked_property(text, order.property_key)
            place = None if property is None else value_of_property(property), urn
            if after is None or compared(place, after, order) > 0:
                entity_groups.append((place, key))
        return self.reader.entities(
            [key for _, key in sorted_places(entity_groups, order)[: self.question.first + 1]]
        ).values()


def _driver(reader: Reader, arms: Sequence[Arm]) -> Arm | None:
    """The shortest of some arms; None where there is none, and all entities are looked through."""
    if len(arms) < 2:
        return arms[0] if arms else None
    lengths: list[int] = []
    for arm in arms:
        counted = f"SELECT count(*) FROM (SELECT 1 FROM ({arm.sql}) LIMIT {min([MOST_PROBED, *lengths]):d})"
        lengths.append(reader.connection.execute(counted, arm.parameters).get)
    return arms[lengths.index(min(lengths))]


def _place(reader: Reader, question: Find) -> Place | None:
    """Where the page goes on, by what stands at its position, whoever may see it."""
    after = question.after
    if after is None:
        return None
    if question.order.field is EntityOrderField.URN:
        return (0, after.urn), after.urn
    keys = reader.keys(f"SELECT e.key FROM entity e WHERE e.urn = ? AND {reader.on_time('e')}", (after.urn,))
    standing = reader.entities(keys)
    return place_of(standing[keys[0]], question.order) if keys else (None, after.urn)


_BY_NAME: Final = " ".join(f"WHEN {code} THEN '{kind}'" for kind, code in KIND_CODES.items())
_COLUMNS: Final = {
    EntityOrderField.KIND: f"CASE e.kind {_BY_NAME} END",
    EntityOrderField.TYPE: "c.type",
    EntityOrderField.STATUS: "c.status",
    EntityOrderField.SOURCE_URI: "c.source_uri",
}
_MAY_MISS: Final = (
    EntityOrderField.VERSION,
    EntityOrderField.TYPE,
    EntityOrderField.STATUS,
    EntityOrderField.SOURCE_URI,
)


def _column(order: Ordering) -> str:
    return _COLUMNS.get(order.field, f"e.{order.field.lower()}")


def _ordered_by(order: Ordering) -> str:
    column, sign = _column(order), " DESC" if order.descending else ""
    missing_last = f"{column} IS NULL, " if order.field in _MAY_MISS else ""
    by_urn = "" if order.field is EntityOrderField.URN else ", e.urn"
    return f"{missing_last}{column}{sign}{by_urn}"


def _beyond(order: Ordering, after: Place | None) -> Condition:
    """That an entity comes after a place, in an order by a column."""
    if after is None:
        return _EVERY
    column, (value, urn) = _column(order), after
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


def seen(reader: Reader) -> str:
    """The condition that `entity e` is readable under the reading's scope: `true` where every entity is."""
    scope_table = reader.scope_table
    if scope_table is None:
        return "true"
    assert isinstance(reader.connection, Connection)
    reader.connection.sees = scope_table.sees
    accounts = scope_table.accounts
    if len(accounts) > MOST_NAMED or 2 * len(accounts) > len(scope_table.places.homes):
        return "sees(e.key)"
    # Where few accounts show, their entities are found by the index and the others not looked at.
    among = ", ".join(apsw.format_sql_value(account) for account in sorted(accounts))
    return f"(e.account IN ({among}) AND sees(e.key))"


_COMPARTMENT = "ifnull((SELECT p.compartment FROM placement p WHERE p.entity = e.key), 0)"


def within_group(reader: Reader) -> str:
    """The condition that `entity e` is in a group, whose id is the parameter."""
    return f"EXISTS (SELECT 1 FROM compartment c, json_each(c.groups) g WHERE c.id = {_COMPARTMENT} AND g.value = ?)"
