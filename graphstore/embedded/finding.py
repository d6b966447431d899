"""Pages of entities and of property keys."""

from collections import Counter
from collections.abc import Sequence
from itertools import islice

import apsw

from lineal.graphstore.codes import KIND_CODES
from lineal.graphstore.content import packed
from lineal.graphstore.embedded.conditions import Parameter, entity_condition
from lineal.graphstore.embedded.connections import Connection
from lineal.graphstore.embedded.reading import Reading
from lineal.graphstore.filters import matches_entity
from lineal.graphstore.ordering import Place, check_sortable, in_order, place_of
from lineal.graphstore.queries import Find, OrderField, PropertyKeys
from lineal.graphstore.records import Entity
from lineal.graphstore.store import EntityPage
from lineal.graphstore.walking.reaching import kinds
from lineal.graphstore.words import is_found, words_of

MOST_NAMED = 50
"""So many accounts, or fewer, are named in a statement."""
_VERIFIED_AT_ONCE = 1000
_FROM = "FROM entity e LEFT JOIN entity_content c ON c.key = e.key"


def find_pages(reading: Reading, questions: Sequence[Find]) -> list[EntityPage]:
    """A page of the entities that match, for each question."""
    return [_find_page(reading, question) for question in questions]


def _find_page(reading: Reading, question: Find) -> EntityPage:
    if reading.sees_nothing:
        return EntityPage((), 0, {}, False)
    condition = entity_condition(question.where)
    asked = f"{condition.sql} AND {reading.on_time('e')} AND {seen(reading)}"
    parameters: tuple[Parameter, ...] = condition.parameters
    if question.within is not None:
        asked = f"{asked} AND {within_group(reading)}"
        parameters = (*parameters, question.within)
    after = _place(reading, question)
    candidates = reading.keys(f"SELECT e.key {_FROM} WHERE {asked}", parameters)
    found = _verified(reading, candidates, question)
    counter = Counter(KIND_CODES[entity.kind] for entity in found)
    check_sortable(counter.total(), question.order)
    chosen = in_order(found, question.order, after)
    return EntityPage(tuple(chosen[: question.first]), counter.total(), kinds(counter), len(chosen) > question.first)


def _place(reading: Reading, question: Find) -> Place | None:
    """Where the page goes on, by what stands at its position, whoever may see it."""
    after = question.after
    if after is None:
        return None
    if question.order.field is OrderField.URN:
        return (0, after.urn), after.urn
    keys = reading.keys(f"SELECT e.key FROM entity e WHERE e.urn = ? AND {reading.on_time('e')}", (after.urn,))
    standing = reading.entities(keys)
    return place_of(standing[keys[0]], question.order) if keys else (None, after.urn)


def _verified(reading: Reading, keys: Sequence[int], question: Find) -> list[Entity]:
    search = words_of(question.search or "")
    found: list[Entity] = []
    for start in range(0, len(keys), _VERIFIED_AT_ONCE):
        entities = reading.entities(keys[start : start + _VERIFIED_AT_ONCE]).values()
        found += [each for each in entities if matches_entity(each, question.where) and is_found(each, search)]
    return found


def seen(reading: Reading) -> str:
    """The condition that `entity e` is readable under the reading's scope: `true` where every entity is."""
    lens = reading.lens
    if lens is None:
        return "true"
    assert isinstance(reading.connection, Connection)
    reading.connection.see_through(lens.table, lens.places.numbers.data)
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
    revised = (
        "SELECT 1 FROM revision r CROSS JOIN revision_content v ON v.entity = r.entity AND v.sequence = r.sequence "
        f"WHERE r.entity = e.key AND {reading.on_time('r')} AND instr(v.properties, ?1) > 0"
    )
    bearers = reading.connection.execute(
        f"SELECT e.key {_FROM} WHERE {of_kind} AND {reading.on_time('e')} AND {seen(reading)} "
        f"AND (ifnull(instr(c.properties, ?1) > 0, false) OR EXISTS ({revised}))",
        (packed(key),),
    )
    shown = (bearer for (bearer,) in bearers if not reading.lens.sight(bearer).hides(key))
    return any(key in _keys_ever(reading, bearer) for bearer in shown)


def _keys_ever(reading: Reading, bearer: int) -> set[str]:
    recorded = reading.entities([bearer], as_recorded=True)[bearer].properties
    revised = [each for found in reading.revisions([bearer]).values() for each in found]
    return {each.key for each in recorded} | {each.key for revision in revised for each in revision.properties}
