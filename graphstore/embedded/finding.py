"""Pages of entities and of property keys."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Final, TypeAlias

import apsw

from lineal.graphstore.codes import KIND_CODES
from lineal.graphstore.content import unpacked_properties
from lineal.graphstore.embedded.candidates import Arm, bearing, parts_asked, plain_of
from lineal.graphstore.embedded.conditions import REVISED, Condition, entity_condition, joined
from lineal.graphstore.embedded.connections import Connection
from lineal.graphstore.embedded.reading import Reading
from lineal.graphstore.filters import matches_entity
from lineal.graphstore.ordering import (
    Place,
    check_sortable,
    compared,
    in_order,
    place_of,
    sorted_places,
    value_of_property,
)
from lineal.graphstore.queries import EntityOrderField, Find, Ordering, PropertyKeys
from lineal.graphstore.records import Entity
from lineal.graphstore.store import EntityPage
from lineal.graphstore.walking.reaching import kinds
from lineal.graphstore.words import is_found, words_of

MOST_NAMED = 50
"""So many accounts, or fewer, are named in a statement."""
_VERIFIED_AT_ONCE = 1000
_CONTENT: Final = "LEFT JOIN entity_content c ON c.key = e.key"
_FROM: Final = f"FROM entity e {_CONTENT}"
_EVERY: Final = Condition("true")
_NONE: Final = Arm("SELECT 0 AS key WHERE false", ())
MOST_PROBED: Final = 3000
"""So far the arms of a question are counted, to take the shortest."""
Rows: TypeAlias = Iterable[tuple[Any, ...]]


def find_pages(reading: Reading, questions: Sequence[Find]) -> list[EntityPage]:
    """A page of the entities that match, for each question."""
    return [_find_page(reading, question) for question in questions]


def _find_page(reading: Reading, question: Find) -> EntityPage:
    if reading.sees_nothing:
        return EntityPage((), 0, {}, False)
    return Finding(reading, question).page()


class Finding:
    """One question on its way: what the database decides of it, and what the records do."""

    def __init__(self, reading: Reading, question: Find) -> None:
        self.reading, self.question = reading, question
        self.may = entity_condition(question.where)
        self.parts = parts_asked(question.where, question.search)
        self.driver = _driver(reading, [arm for part in self.parts for arm in part.arms])
        general = f"{reading.on_time('e')} AND {seen(reading)}"
        self.general = Condition(general)
        if question.within is not None:
            self.general = Condition(f"{general} AND {within_group(reading)}", (question.within,))
        self.after = _place(reading, question)

    def page(self) -> EntityPage:
        """What is asked."""
        question, order = self.question, self.question.order
        decided, doubtful = self._split()
        counter, matches = self._verified(doubtful)
        if decided is not None:
            counter += self._counts(decided)
        check_sortable(counter.total(), order)
        if decided is not None:
            keys = (
                self._first_by_property(decided) if order.field is EntityOrderField.PROPERTY else self._first(decided)
            )
            matches += self.reading.entities(keys).values()
        page = in_order(matches, order, self.after)
        has_next = len(page) > question.first
        return EntityPage(tuple(page[: question.first]), counter.total(), kinds(counter), has_next)

    def _split(self) -> tuple[Condition | None, Arm | None]:
        """What holds for those that the database decides on, and what names those whose records have to be looked at.

        No condition: nothing is decided; no arm: all that may match are looked at.
        """
        lens, order = self.reading.lens, self.question.order
        revisable = order.field in (EntityOrderField.STATUS, EntityOrderField.PROPERTY)
        if self.may.exact and self.question.search is None and not revisable:
            return self.may, _NONE
        redacts = lens is not None and lens.redacts
        plain = plain_of(self.parts, self.driver)
        of_properties = any(part.of_properties for part in self.parts)
        if plain is None or (redacts and (of_properties or order.field is EntityOrderField.PROPERTY)):
            return None, self.driver
        decided = joined((Condition(f"NOT {REVISED}"), plain), "AND", "true")
        return decided, _revised_among(self.driver)

    def _select(self, what: str, driver: Arm | None, condition: Condition, more: Condition, ending: str = "") -> Rows:
        whole = joined((condition, self.general, more), "AND", "true")
        asked = f"WHERE {whole.sql} {ending}"
        source, parameters = "entity e", whole.parameters
        if driver is not None:
            # UNION gives each key once, and in the order the entities lie in.
            keys = f"SELECT key FROM ({driver.sql}) UNION {_NONE.sql}"
            source = f"({keys}) f CROSS JOIN entity e ON e.key = f.key"
            parameters = (*driver.parameters, *parameters)
        content = _CONTENT if "c." in what + asked else ""
        return self.reading.connection.execute(f"SELECT {what} FROM {source} {content} {asked}", parameters)

    def _counts(self, condition: Condition) -> Counter[int]:
        return Counter(dict(self._select("e.kind, count(*)", self.driver, condition, _EVERY, "GROUP BY e.kind")))

    def _first(self, condition: Condition) -> list[int]:
        """The keys of the first beyond the place, in an order by a column."""
        order = self.question.order
        ending = f"ORDER BY {_ordered_by(order)} LIMIT {self.question.first + 1:d}"
        return [key for (key,) in self._select("e.key", self.driver, condition, _beyond(order, self.after), ending)]

    def _first_by_property(self, condition: Condition) -> list[int]:
        """The keys of the first beyond the place, in an order by what stands in the content."""
        order, after = self.question.order, self.after
        placed: list[tuple[Place, int]] = []
        for key, urn, text in self._select("e.key, e.urn, c.properties", self.driver, condition, _EVERY):
            found = (each for each in unpacked_properties(text) if each.key == order.property_key)
            place = next(map(value_of_property, found), None), urn
            if after is None or compared(place, after, order) > 0:
                placed.append((place, key))
        return [key for _, key in sorted_places(placed, order)[: self.question.first + 1]]

    def _verified(self, driver: Arm | None) -> tuple[Counter[int], list[Entity]]:
        """Counts of those that match, of those that an arm names, and the first of them beyond the place."""
        question, counter = self.question, Counter[int]()
        keys = [] if driver is _NONE else [key for (key,) in self._select("e.key", driver, self.may, _EVERY)]
        search = words_of(question.search or "")
        first: list[Entity] = []
        for start in range(0, len(keys), _VERIFIED_AT_ONCE):
            entities = self.reading.entities(keys[start : start + _VERIFIED_AT_ONCE]).values()
            found = [each for each in entities if matches_entity(each, question.where) and is_found(each, search)]
            counter.update(KIND_CODES[entity.kind] for entity in found)
            check_sortable(counter.total(), question.order)
            first = in_order([*first, *found], question.order, self.after)[: question.first + 1]
        return counter, first


def _revised_among(driver: Arm | None) -> Arm:
    """Names those of the entities that an arm names that were ever revised."""
    if driver is None:
        return Arm("SELECT entity AS key FROM revision", ())
    revised = "EXISTS (SELECT 1 FROM revision v WHERE v.entity = d.key)"
    return Arm(f"SELECT d.key FROM ({driver.sql}) d WHERE {revised}", driver.parameters)


def _driver(reading: Reading, arms: Sequence[Arm]) -> Arm | None:
    """The shortest of some arms; None where there is none, and entities are looked through."""
    if len(arms) < 2:
        return arms[0] if arms else None
    lengths: list[int] = []
    for arm in arms:
        counted = f"SELECT count(*) FROM (SELECT 1 FROM ({arm.sql}) LIMIT {min([MOST_PROBED, *lengths]):d})"
        lengths.append(reading.connection.execute(counted, arm.parameters).get)
    return arms[lengths.index(min(lengths))]


def _place(reading: Reading, question: Find) -> Place | None:
    """Where the page goes on, by what stands at its position, whoever may see it."""
    after = question.after
    if after is None:
        return None
    if question.order.field is EntityOrderField.URN:
        return (0, after.urn), after.urn
    keys = reading.keys(f"SELECT e.key FROM entity e WHERE e.urn = ? AND {reading.on_time('e')}", (after.urn,))
    standing = reading.entities(keys)
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


def seen(reading: Reading) -> str:
    """The condition that `entity e` is readable under the reading's scope: `true` where every entity is."""
    lens = reading.lens
    if lens is None:
        return "true"
    assert isinstance(reading.connection, Connection)
    reading.connection.sees = lens.sees
    accounts = lens.accounts
    if len(accounts) > MOST_NAMED or 2 * len(accounts) > len(lens.places.homes):
        return "sees(e.key)"
    # Where few accounts show, their entities are found by the index and the others not looked at.
    among = ", ".join(apsw.format_sql_value(account) for account in sorted(accounts))
    return f"(e.account IN ({among}) AND sees(e.key))"


_COMPARTMENT = "ifnull((SELECT p.compartment FROM placement p WHERE p.entity = e.key), 0)"


def within_group(reading: Reading) -> str:
    """The condition that `entity e` is in a group, whose id is the parameter."""
    return f"EXISTS (SELECT 1 FROM compartment c, json_each(c.groups) g WHERE c.id = {_COMPARTMENT} AND g.value = ?)"


def property_keys(reading: Reading, question: PropertyKeys) -> list[str]:
    """The first property keys that start with a text."""
    if reading.sees_nothing:
        return []
    start = question.starts_with
    of_kind = "true" if question.kind is None else f"p.kind = {KIND_CODES[question.kind]}"
    rows = reading.connection.execute(
        f"SELECT DISTINCT p.key FROM property_key p WHERE p.key >= ? AND substr(p.key, 1, ?) = ? AND {of_kind} "
        f"AND {reading.on_time('p')} ORDER BY p.key",
        (start, len(start), start),
    )
    keys = (key for (key,) in rows)
    if reading.lens is not None:
        keys = (key for key in keys if _is_borne(reading, question, key))
    return list(islice(keys, question.first))


def _is_borne(reading: Reading, question: PropertyKeys, key: str) -> bool:
    """Whether a readable entity that does not hide the key was ever recorded or revised with it."""
    assert reading.lens is not None
    of_kind = "true" if question.kind is None else f"e.kind = {KIND_CODES[question.kind]}"
    arm = bearing(key)
    bearers = reading.connection.execute(
        f"SELECT e.key FROM ({arm.sql}) f CROSS JOIN entity e ON e.key = f.key "
        f"WHERE {of_kind} AND {reading.on_time('e')} AND {seen(reading)}",
        arm.parameters,
    )
    shown = (bearer for (bearer,) in bearers if not reading.lens.sight(bearer).hides(key))
    return any(key in _keys_ever(reading, bearer) for bearer in shown)


def _keys_ever(reading: Reading, bearer: int) -> set[str]:
    recorded = reading.entities([bearer], as_recorded=True)[bearer].properties
    revised = [each for found in reading.revisions([bearer]).values() for each in found]
    return {each.key for each in recorded} | {each.key for revision in revised for each in revision.properties}
