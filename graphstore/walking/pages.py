"""Pages of associations and revisions, and the records of a batch, from an engine's reads."""

from lineal.graphstore.batches import Batch, Recorded
from lineal.graphstore.codes import TYPE_CODES, AssociationKey
from lineal.graphstore.folding import fold_order
from lineal.graphstore.judging import Outcome
from lineal.graphstore.kinds import LineageDirection
from lineal.graphstore.queries import (
    AssociationPosition,
    AssociationsOf,
    HistoryOf,
    ReachAssociations,
    ReachPosition,
)
from lineal.graphstore.store import AssociationPage, RevisionPage
from lineal.graphstore.urns import entity_id
from lineal.graphstore.walking.crossings import Crossings, Reading, Records
from lineal.graphstore.walking.reaching import Walked


def associations_page(reading: Reading, question: AssociationsOf) -> AssociationPage:
    """One page of the associations of one entity."""
    keys = reading.keys_of([question.entity])
    direction = question.direction
    if direction is LineageDirection.BOTH:
        direction = LineageDirection.CONNECTED
    crossings = Crossings(direction, question.via)
    found = {association for _, _, association in reading.crossed(crossings, list(keys.values()))} if keys else set()
    return _association_page(reading, in_order(reading, found), question.first, question.after)


def among_page(reading: Reading, walked: Walked, question: ReachAssociations) -> AssociationPage:
    """One page of the associations among what a walk traversed, as far as `up_to`."""
    ordered = walked.associations.get(question.up_to)
    if ordered is None:
        keys = _traversed(reading, walked, question)
        crossings = Crossings(LineageDirection.DESCENDANTS, question.walk.via)
        found = {association for _, far, association in reading.crossed(crossings, keys) if far in keys}
        ordered = walked.associations[question.up_to] = in_order(reading, found)
    return _association_page(reading, ordered, question.first, question.after)


def _traversed(reading: Reading, walked: Walked, question: ReachAssociations) -> set[int]:
    up_to: ReachPosition | None = question.up_to
    last = len(walked.source.levels) if up_to is None else up_to.distance
    keys = set(walked.starts)
    for level, reached in enumerate(walked.source.levels[: last + 1]):
        if up_to is not None and level == last:
            reached = [key for urn, key in walked.ordered(reading, None, level) if urn <= up_to.urn]
        keys.update(reached)
    return keys


def in_order(reading: Reading, associations: set[AssociationKey]) -> list[AssociationKey]:
    """Associations in the order they are listed in."""
    urns = reading.urns({association[0] for association in associations} | {a[2] for a in associations})
    return sorted(associations, key=lambda a: (urns[a[0]], urns[a[2]], a[1], a[3]))


def _association_page(
    reading: Reading, ordered: list[AssociationKey], first: int, after: AssociationPosition | None
) -> AssociationPage:
    start = 0 if after is None else _index_after(reading, ordered, after)
    page = ordered[start : start + first]
    records = reading.associations(page)
    return AssociationPage(tuple(records[key] for key in page), len(ordered), len(ordered) > start + first)


def _index_after(reading: Reading, ordered: list[AssociationKey], after: AssociationPosition) -> int:
    place = (after.source_urn, after.destination_urn, after.type, after.role or "")
    low, high = 0, len(ordered)
    while low < high:
        middle = (low + high) // 2
        record = reading.associations([ordered[middle]])[ordered[middle]]
        if (record.source_urn, record.destination_urn, record.type, record.role or "") <= place:
            low = middle + 1
        else:
            high = middle
    return low


def history_page(reading: Reading, question: HistoryOf) -> RevisionPage:
    """One page of an entity's revisions."""
    keys = list(reading.keys_of([question.entity]).values())
    revisions = sorted((r for found in reading.revisions(keys).values() for r in found), key=fold_order)
    after = question.after
    if after is not None:
        place = (after.occurred_at, after.rank, after.sequence)
        beyond = [revision for revision in revisions if fold_order(revision) > place]
    else:
        beyond = revisions
    return RevisionPage(tuple(beyond[: question.first]), len(revisions), len(beyond) > question.first)


def recorded(records: Records | None, batch: Batch, urns: list[str], outcome: Outcome) -> Recorded:
    """The answer to a batch; with its records as they stand, if there is something to read them from."""
    flags = (tuple(outcome.entities), tuple(outcome.associations), tuple(outcome.revisions))
    if records is None:
        return Recorded(outcome.recorded_at, *flags)
    named = {urn: entity_id(urn) for urn in urns}
    for association in batch.associations:
        named |= {urn: entity_id(urn) for urn in (association.source, association.destination)}
    named |= {revision.entity: entity_id(revision.entity) for revision in batch.revisions}
    keys = records.keys_of(named.values())
    entities = records.entities([keys[named[urn]] for urn in urns])
    triples: list[AssociationKey] = [
        (keys[named[a.source]], TYPE_CODES[a.type], keys[named[a.destination]], a.role or "")
        for a in batch.associations
    ]
    associations = records.associations(set(triples))
    revised = [keys[named[revision.entity]] for revision in batch.revisions]
    revisions = {
        (key, revision.sequence): revision
        for key, found in (records.revisions(set(revised)) if revised else {}).items()
        for revision in found
    }
    return Recorded(
        outcome.recorded_at,
        *flags,
        entities=tuple(entities[keys[named[urn]]] for urn in urns),
        associations=tuple(associations[triple] for triple in triples),
        revisions=tuple(revisions[key, sequence] for key, sequence in zip(revised, outcome.sequences, strict=True)),
    )
