"""Everything in a view, as first recorded, in chunks that memory can hold.

A settled view never changes, so every chunk is a read of its own: an export holds no transaction that writers, the
checkpoint or a shutdown would have to wait for.
"""

from collections.abc import Callable
from typing import Final

from lineal.graphstore.batches import NewAssociation, NewEntity, NewRevision
from lineal.graphstore.embedded.sql.reader import Reader
from lineal.graphstore.kinds import LineageDirection
from lineal.graphstore.recorded_state import as_new_association, as_new_entity, as_new_revision
from lineal.graphstore.walking.pages import in_order
from lineal.graphstore.walking.reader_protocol import Crossings, is_masked

Parts = list[NewEntity] | list[NewAssociation] | list[NewRevision]

_AT_ONCE: Final = 500


def chunk_after(reader: Reader, part: Callable[[Reader, list[int]], Parts], urn: str) -> tuple[Parts, str | None]:
    """The parts of the next entities after a urn, and the urn to go on after; None at the end."""
    if reader.sees_nothing:
        return [], None
    keys = reader.keys(
        f"SELECT e.key FROM entity e WHERE e.urn > ? AND {reader.visibility.entity_shows()} ORDER BY e.urn LIMIT ?",
        (urn, _AT_ONCE),
    )
    last = reader.urns(keys[-1:])[keys[-1]] if len(keys) == _AT_ONCE else None
    return part(reader, keys), last


def _entities(reader: Reader, keys: list[int]) -> Parts:
    entities = reader.entities(keys, as_recorded=True)
    return [as_new_entity(entities[key]) for key in keys]


def _associations(reader: Reader, keys: list[int]) -> Parts:
    crossed = reader.crossed(Crossings(LineageDirection.DESCENDANTS, None), keys)
    mine = set(keys)
    plain = {key for _, _, key in crossed if key[0] in mine and not is_masked(key[2])}
    ordered = in_order(reader, plain)
    records = reader.associations(ordered, as_recorded=True)
    return [as_new_association(records[key]) for key in ordered]


def _revisions(reader: Reader, keys: list[int]) -> Parts:
    revisions = reader.revisions(keys)
    urns = reader.urns(revisions)
    return [
        as_new_revision(revision, urns[key])
        for key in keys
        for revision in sorted(revisions.get(key, ()), key=lambda revision: revision.sequence)
    ]


PARTS: Final = (_entities, _associations, _revisions)
"""In the order of an export: entities by urn, associations in their order, revisions by entity urn and sequence."""
