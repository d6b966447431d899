"""Everything in a view, as first recorded, in chunks that memory can hold."""

from collections.abc import Iterator

import apsw

from lineal.graphstore.batches import NewAssociation, NewEntity, NewRevision
from lineal.graphstore.embedded.finding import in_order
from lineal.graphstore.embedded.reading import Reading
from lineal.graphstore.embedded.standing import as_new_association, as_new_entity, as_new_revision
from lineal.graphstore.embedded.walks import Crossings
from lineal.graphstore.kinds import LineageDirection
from lineal.graphstore.records import View

Part = NewEntity | NewAssociation | NewRevision

_AT_ONCE = 500


def exported(connection: apsw.Connection, view: View) -> Iterator[list[Part]]:
    """Entities by urn, then associations in their order, then revisions by entity urn and sequence."""
    reading = Reading(connection, view)
    if reading.sees_nothing:
        return
    for keys in _keys(reading):
        entities = reading.entities(keys, as_recorded=True)
        yield [as_new_entity(entities[key]) for key in keys]
    for keys in _keys(reading):
        crossed = Crossings(LineageDirection.DESCENDANTS, None).crossed(reading, keys)
        mine = set(keys)
        ordered = in_order(reading, {association for _, _, association in crossed if association[0] in mine})
        records = reading.associations(ordered)
        yield from _chunk([as_new_association(records[key]) for key in ordered])
    for keys in _keys(reading):
        revisions = reading.revisions(keys)
        urns = reading.urns(revisions)
        parts: list[Part] = []
        for key in keys:
            found = sorted(revisions.get(key, ()), key=lambda revision: revision.sequence)
            parts += [as_new_revision(revision, urns[key]) for revision in found]
        yield from _chunk(parts)


def _chunk(parts: list[Part] | list[NewAssociation]) -> Iterator[list[Part]]:
    if parts:
        yield list(parts)


def _keys(reading: Reading) -> Iterator[list[int]]:
    last = ""
    while True:
        keys = reading.keys(
            f"SELECT e.key FROM entity e WHERE e.urn > ? AND {reading.on_time('e')} ORDER BY e.urn LIMIT ?",
            (last, _AT_ONCE),
        )
        if not keys:
            return
        yield keys
        last = reading.urns(keys[-1:])[keys[-1]]
