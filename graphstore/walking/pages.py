"""Builds pages of associations and revisions, and the records of a batch, from the reads of an engine."""

from collections.abc import Sequence

from lineal.graphstore.batch_validation import Outcome
from lineal.graphstore.batches import Batch, Recorded
from lineal.graphstore.codes import SAME_AS, TYPE_CODES, AssociationKey
from lineal.graphstore.kinds import LineageDirection
from lineal.graphstore.queries import (
    AssociationPosition,
    AssociationsOf,
    HistoryOf,
    ReachAssociations,
    ReachPosition,
    Walk,
)
from lineal.graphstore.revisions import fold_order
from lineal.graphstore.store import AssociationPage, RevisionPage
from lineal.graphstore.urns import entity_id
from lineal.graphstore.walking.reader_protocol import Crossings, Reader, Records
from lineal.graphstore.walking.walk_state import WalkState


def associations_pages(reader: Reader, questions: Sequence[AssociationsOf]) -> list[AssociationPage]:
    """A page of the associations of one entity, for each question."""
    directions = [_crossing_direction(question.direction) for question in questions]
    reader.prefetch_walks(
        (Walk(question.view, (question.entity,), direction, depth=1, via=question.via), 0)
        for question, direction in zip(questions, directions, strict=True)
    )
    lists = []
    for question, direction in zip(questions, directions, strict=True):
        keys = list(reader.keys_of([question.entity]).values())
        crossed = reader.crossed(Crossings(direction, question.via), keys) if keys else []
        lists.append(in_order(reader, {association for _, _, association in crossed}))
    return _association_pages(
        reader, [(ordered, q.first, q.after) for ordered, q in zip(lists, questions, strict=True)]
    )


def _crossing_direction(direction: LineageDirection) -> LineageDirection:
    return LineageDirection.CONNECTED if direction is LineageDirection.BOTH else direction


def among_pages(
    reader: Reader, walked_questions: Sequence[tuple[WalkState, ReachAssociations]]
) -> list[AssociationPage]:
    """The page of the associations between the entities that each walk traversed, up to its question's `up_to`."""
    missing = [(state, question) for state, question in walked_questions if state.associations(question.up_to) is None]
    crossings = [_among_crossings(question.walk) for _, question in missing]
    traversed = [_traversed(reader, state, question) for state, question in missing]
    pairs = list(zip(crossings, traversed, strict=True))
    reader.prefetch_crossings((each, keys) for several, keys in pairs for each in several)
    for (state, question), (several, keys) in zip(missing, pairs, strict=True):
        every, *first_hop = (
            {association for _, far, association in reader.crossed(each, keys) if far in keys} for each in several
        )
        for allowed in first_hop:
            every = {each for each in every if each in allowed or not _leaves(each, state.starts, question.walk)}
        state.keep_associations(question.up_to, in_order(reader, every))
    return _association_pages(
        reader, [(state.associations(q.up_to) or [], q.first, q.after) for state, q in walked_questions]
    )


def _among_crossings(walk: Walk) -> list[Crossings]:
    """The crossings that `via` allows, and those that `first_hop` allows too, if there is one."""
    every = Crossings(LineageDirection.DESCENDANTS, walk.via)
    return [every] if walk.first_hop is None else [every, Crossings(every.direction, walk.via, walk.first_hop)]


def _leaves(association: AssociationKey, starts: frozenset[int], walk: Walk) -> bool:
    """Whether an association leaves one of the starts in the direction of a walk."""
    source, type, destination, _ = association
    leaves_both = type == SAME_AS or walk.direction not in (LineageDirection.ASCENDANTS, LineageDirection.DESCENDANTS)
    return (source in starts and (leaves_both or walk.direction is LineageDirection.DESCENDANTS)) or (
        destination in starts and (leaves_both or walk.direction is LineageDirection.ASCENDANTS)
    )


def _traversed(reader: Reader, state: WalkState, question: ReachAssociations) -> set[int]:
    up_to: ReachPosition | None = question.up_to
    last = len(state.source.levels) if up_to is None else state.level(reader, up_to)
    keys = set(state.starts)
    for level, reached in enumerate(state.source.levels[: last + 1]):
        if up_to is not None and level == last:
            reached = [key for urn, key in state.ordered(reader, None, level) if urn <= up_to.urn]
        keys.update(reached)
    return keys


def in_order(reader: Reader, associations: set[AssociationKey]) -> list[AssociationKey]:
    """Associations in the order they are listed in."""
    urns = reader.urns({association[0] for association in associations} | {a[2] for a in associations})
    return sorted(associations, key=lambda a: (urns[a[0]], urns[a[2]], a[1], a[3]))


def _association_pages(
    reader: Reader, requests: Sequence[tuple[list[AssociationKey], int, AssociationPosition | None]]
) -> list[AssociationPage]:
    starts = [0 if after is None else _index_after(reader, ordered, after) for ordered, _, after in requests]
    shown = [ordered[start : start + first] for start, (ordered, first, _) in zip(starts, requests, strict=True)]
    reader.prefetch_records((), {key for page in shown for key in page})
    pages = []
    for page, start, (ordered, first, _) in zip(shown, starts, requests, strict=True):
        records = reader.associations(page)
        pages.append(AssociationPage(tuple(records[key] for key in page), len(ordered), len(ordered) > start + first))
    return pages


def _index_after(reader: Reader, ordered: list[AssociationKey], after: AssociationPosition) -> int:
    position = (after.source_urn, after.destination_urn, after.type, after.role or "")
    low, high = 0, len(ordered)
    while low < high:
        middle = (low + high) // 2
        record = reader.associations([ordered[middle]])[ordered[middle]]
        if (record.source_urn, record.destination_urn, record.type, record.role or "") <= position:
            low = middle + 1
        else:
            high = middle
    return low


def history_pages(reader: Reader, questions: Sequence[HistoryOf]) -> list[RevisionPage]:
    """A page of an entity's revisions, for each question."""
    reader.prefetch_ids({question.entity for question in questions})
    return [_history_page(reader, question) for question in questions]


def _history_page(reader: Reader, question: HistoryOf) -> RevisionPage:
    keys = list(reader.keys_of([question.entity]).values())
    by_key = reader.revisions(keys, question.since)
    revisions = sorted((revision for of_entity in by_key.values() for revision in of_entity), key=fold_order)
    after = question.after
    if after is not None:
        position = (after.occurred_at, after.rank, after.sequence)
        beyond = [revision for revision in revisions if fold_order(revision) > position]
    else:
        beyond = revisions
    return RevisionPage(tuple(beyond[: question.first]), len(revisions), len(beyond) > question.first)


def recorded(records: Records | None, batch: Batch, urns: list[str], outcome: Outcome) -> Recorded:
    """The result of a batch; with its records, if `records` is set to read them."""
    parts = (outcome.entities, outcome.associations, outcome.revisions, outcome.observations)
    entities_new, associations_new, revisions_new, observations_new = map(tuple, parts)
    flags = (entities_new, associations_new, revisions_new, observations_new)
    if records is None:
        return Recorded(outcome.recorded_at, *flags)
    ids = {urn: entity_id(urn) for urn in urns}
    for association in batch.associations:
        ids |= {urn: entity_id(urn) for urn in (association.source, association.destination)}
    ids |= {revision.entity: entity_id(revision.entity) for revision in batch.revisions}
    keys = records.keys_of(ids.values())
    keys_by_urn = {urn: keys[id] for urn, id in ids.items() if id in keys}
    revised = [keys_by_urn.get(revision.entity) for revision in batch.revisions]
    entities = records.entities(
        [keys_by_urn[urn] for urn in {*urns, *(r.entity for r in batch.revisions)} if urn in keys_by_urn]
    )
    association_keys: list[AssociationKey | None] = [
        (keys_by_urn[a.source], TYPE_CODES[a.type], keys_by_urn[a.destination], a.role or "")
        if a.source in keys_by_urn and a.destination in keys_by_urn
        else None
        for a in batch.associations
    ]
    associations = records.associations(
        {association_key for association_key in association_keys if association_key is not None}
    )
    # Where keys may be hidden, visible revisions are renumbered, so the number of this one is unknown.
    numbers = {
        (key, sequence)
        for key, sequence in zip(revised, outcome.sequences, strict=True)
        if key is not None and entities[key].digest is not None
    }
    revisions = records.numbered_revisions(numbers) if numbers else {}
    return Recorded(
        outcome.recorded_at,
        *flags,
        entities=tuple(entities[keys_by_urn[urn]] if urn in keys_by_urn else None for urn in urns),
        associations=tuple(
            None if association_key is None else associations[association_key] for association_key in association_keys
        ),
        revisions=tuple(
            None if key is None else revisions.get((key, sequence))
            for key, sequence in zip(revised, outcome.sequences, strict=True)
        ),
    )
