"""Pages of property keys."""

from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import islice

from lineal.graphstore.codes import KIND_CODES
from lineal.graphstore.embedded.sql.filter_sql import Condition
from lineal.graphstore.embedded.sql.index_plan import scan_of_key
from lineal.graphstore.embedded.sql.key_sets import KeySetReader, OfKinds
from lineal.graphstore.embedded.sql.reader import Reader
from lineal.graphstore.kinds import EntityKind
from lineal.graphstore.queries import PropertyKeys


def property_keys(reader: Reader, questions: Sequence[PropertyKeys]) -> list[list[str]]:
    """The first property keys of each question. The questions share what they find out about a key."""
    if reader.sees_nothing:
        return [[]] * len(questions)
    is_borne = cache(partial(_is_borne, reader))
    return [_first_keys(reader, question, is_borne) for question in questions]


def _first_keys(
    reader: Reader, question: PropertyKeys, is_borne: Callable[[EntityKind | None, str], bool]
) -> list[str]:
    """The first property keys that start with a text."""
    start = question.starts_with
    of_kind = "true" if question.kind is None else f"p.kind = {KIND_CODES[question.kind]}"
    rows = reader.connection.execute(
        f"SELECT DISTINCT p.key FROM property_key p WHERE p.key >= ? AND substr(p.key, 1, ?) = ? AND {of_kind} "
        f"AND {reader.visibility.at_moment('p')} ORDER BY p.key",
        (start, len(start), start),
    )
    keys = (key for (key,) in rows)
    if reader.visibility.is_scoped:
        keys = (key for key in keys if is_borne(question.kind, key))
    return list(islice(keys, question.first))


def _is_borne(reader: Reader, of_kind: EntityKind | None, key: str) -> bool:
    """Whether a readable entity of a kind, that does not hide the key, was ever recorded or revised with it."""
    key_sets = KeySetReader(reader.connection)
    kind = None if of_kind is None else OfKinds(frozenset((KIND_CODES[of_kind],)))
    at_moment = Condition(reader.visibility.entity_exists("e"))
    scan = scan_of_key(key)
    for chunk in key_sets.chunks(scan.sql, scan.parameters):
        bearers = reader.visibility.readable(chunk)
        if kind is not None:
            bearers = key_sets.within(bearers, kind)
        for bearer in key_sets.where(bearers, at_moment).tolist():
            if not reader.visibility.hides(bearer, key) and key in _keys_ever(reader, bearer):
                return True
    return False


def _keys_ever(reader: Reader, bearer: int) -> set[str]:
    recorded = reader.entities([bearer], as_recorded=True)[bearer].properties
    revisions = [revision for of_entity in reader.revisions([bearer]).values() for revision in of_entity]
    revised = [property for revision in revisions for property in revision.properties]
    return {property.key for property in (*recorded, *revised)}
