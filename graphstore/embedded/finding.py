"""Pages of entities and of property keys."""

from collections import Counter
from collections.abc import Sequence

from lineal.graphstore.codes import KIND_CODES, KIND_MASK
from lineal.graphstore.embedded.conditions import Parameter, entity_condition
from lineal.graphstore.embedded.reading import Reading
from lineal.graphstore.filters import matches_entity
from lineal.graphstore.queries import EntityOrder, Find, PropertyKeys
from lineal.graphstore.store import EntityPage
from lineal.graphstore.walking.reaching import kinds

_VERIFIED_AT_ONCE = 1000
_ORDERS = {EntityOrder.URN: "e.urn", EntityOrder.NEWEST: "e.occurred_at DESC, e.urn"}
_FROM = "FROM entity e LEFT JOIN entity_content c ON c.key = e.key"


def find_pages(reading: Reading, questions: Sequence[Find]) -> list[EntityPage]:
    """A page of the entities that match, for each question."""
    return [_find_page(reading, question) for question in questions]


def _find_page(reading: Reading, question: Find) -> EntityPage:
    if reading.sees_nothing:
        return EntityPage((), 0, {}, False)
    condition = entity_condition(question.where)
    asked = f"{condition.sql} AND {reading.on_time('e')}"
    parameters: tuple[Parameter, ...] = condition.parameters
    beyond, position = _beyond(question)
    order = _ORDERS[question.order]
    if condition.exact:
        rows = reading.connection.execute(f"SELECT e.kind, count(*) {_FROM} WHERE {asked} GROUP BY e.kind", parameters)
        counter = Counter(dict(rows))
        chosen = reading.keys(
            f"SELECT e.key {_FROM} WHERE {asked} AND {beyond} ORDER BY {order} LIMIT ?",
            (*parameters, *position, question.first + 1),
        )
    else:
        candidates = reading.keys(f"SELECT e.key {_FROM} WHERE {asked} ORDER BY {order}", parameters)
        verified = _verified(reading, candidates, question)
        counter = Counter(key & KIND_MASK for key in verified)
        statement = f"SELECT e.key {_FROM} WHERE {asked} AND {beyond} ORDER BY {order}"
        left = reading.keys(statement, (*parameters, *position))
        chosen = [key for key in left if key in verified][: question.first + 1]
    page = chosen[: question.first]
    entities = reading.entities(page)
    return EntityPage(
        tuple(entities[key] for key in page), counter.total(), kinds(counter), len(chosen) > question.first
    )


def _beyond(question: Find) -> tuple[str, tuple[Parameter, ...]]:
    after = question.after
    if after is None:
        return "true", ()
    if question.order is EntityOrder.URN:
        return "e.urn > ?", (after.urn,)
    at = after.occurred_at
    return "(e.occurred_at < ? OR (e.occurred_at = ? AND e.urn > ?))", (at, at, after.urn)


def _verified(reading: Reading, keys: Sequence[int], question: Find) -> set[int]:
    found: set[int] = set()
    for start in range(0, len(keys), _VERIFIED_AT_ONCE):
        entities = reading.entities(keys[start : start + _VERIFIED_AT_ONCE])
        found |= {key for key, entity in entities.items() if matches_entity(entity, question.where)}
    return found


def property_keys(reading: Reading, question: PropertyKeys) -> list[str]:
    """The first property keys that start with a text."""
    if reading.sees_nothing:
        return []
    start = question.starts_with
    of_kind = "true" if question.kind is None else f"p.kind = {KIND_CODES[question.kind]}"
    rows = reading.connection.execute(
        f"SELECT DISTINCT p.key FROM property_key p WHERE p.key >= ? AND substr(p.key, 1, ?) = ? AND {of_kind} "
        f"AND {reading.on_time('p')} ORDER BY p.key LIMIT ?",
        (start, len(start), start, question.first),
    )
    return [key for (key,) in rows]
