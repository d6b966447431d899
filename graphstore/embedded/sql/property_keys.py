"""Pages of property keys."""

from itertools import islice

from lineal.graphstore.codes import KIND_CODES
from lineal.graphstore.embedded.sql.filter_sql import Condition
from lineal.graphstore.embedded.sql.index_plan import scan_of_key
from lineal.graphstore.embedded.sql.key_sets import KeySetReader, OfKinds
from lineal.graphstore.embedded.sql.reader import Reader
from lineal.graphstore.queries import PropertyKeys


def property_keys(reader: Reader, question: PropertyKeys) -> list[str]:
    """The first property keys that start with a text."""
    if reader.sees_nothing:
        return []
    start = question.starts_with
    of_kind = "true" if question.kind is None else f"p.kind = {KIND_CODES[question.kind]}"
    rows = reader.connection.execute(
        f"SELECT DISTINCT p.key FROM property_key p WHERE p.key >= ? AND substr(p.key, 1, ?) = ? AND {of_kind} "
        f"AND {reader.visibility.at_moment('p')} ORDER BY p.key",
        (start, len(start), start),
    )
    keys = (key for (key,) in rows)
    if reader.visibility.is_scoped:
        keys = (key for key in keys if _is_borne(reader, question, key))
    return list(islice(keys, question.first))


def _is_borne(reader: Reader, question: PropertyKeys, key: str) -> bool:
    """Whether a readable entity, of which the scope does not hide the key, was ever recorded or revised with it."""
    key_sets = KeySetReader(reader.connection)
    kind = None if question.kind is None else OfKinds(frozenset((KIND_CODES[question.kind],)))
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
