"""Pages of property keys."""

from itertools import islice

from lineal.graphstore.codes import KIND_CODES
from lineal.graphstore.embedded.candidates import bearing
from lineal.graphstore.embedded.conditions import Condition
from lineal.graphstore.embedded.deciding import Deciding, OfKinds
from lineal.graphstore.embedded.reading import Reading
from lineal.graphstore.queries import PropertyKeys


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
    deciding = Deciding(reading.connection)
    kind = None if question.kind is None else OfKinds(frozenset((KIND_CODES[question.kind],)))
    on_time = Condition(reading.on_time("e"))
    arm = bearing(key)
    for some in deciding.chunks(arm.sql, arm.parameters):
        bearers = reading.lens.readable(some)
        if kind is not None:
            bearers = deciding.holding(kind, bearers)
        for bearer in deciding.where(bearers, on_time).tolist():
            if not reading.lens.sight(bearer).hides(key) and key in _keys_ever(reading, bearer):
                return True
    return False


def _keys_ever(reading: Reading, bearer: int) -> set[str]:
    recorded = reading.entities([bearer], as_recorded=True)[bearer].properties
    revised = [each for found in reading.revisions([bearer]).values() for each in found]
    return {each.key for each in recorded} | {each.key for revision in revised for each in revision.properties}
