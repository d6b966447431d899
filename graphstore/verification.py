"""Verification of the records of any store, through the verbs of the contract."""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from lineal.auth.scopes import EVERYTHING
from lineal.graphstore.batches import NewAssociation, NewEntity
from lineal.graphstore.digests import association_form, digest, entity_form, revision_form
from lineal.graphstore.kinds import LineageDirection
from lineal.graphstore.queries import (
    AssociationPosition,
    AssociationsOf,
    EntityPosition,
    Find,
    HistoryOf,
    RevisionPosition,
)
from lineal.graphstore.recorded_state import as_new_association, as_new_revision
from lineal.graphstore.records import AsOf, Association, Entity, Revision, View
from lineal.graphstore.revisions import folded
from lineal.graphstore.store import Store, Verified
from lineal.graphstore.urns import entity_id, make_urn

_AT_ONCE: Final = 100
_PAGE: Final = 1000


def wrong_digest(name: str) -> str:
    """The sentence of a record whose content does not match its digest."""
    return f"{name} does not match its digest: the record was changed or damaged"


def revision_problems(urn: str, entity_digest: str, revisions: Iterable[Revision]) -> Iterator[str]:
    """Yield the problems of the chain of all revisions of an entity."""
    previous = None
    for number, revision in enumerate(sorted(revisions, key=lambda each: each.sequence), 1):
        form = revision_form(as_new_revision(revision, urn), entity_digest, previous, revision.sequence)
        if revision.sequence != number:
            yield f"a revision before number {revision.sequence} of {urn} is missing"
            return
        if digest(form) != revision.digest:
            yield wrong_digest(f"revision {number} of {urn}")
        previous = revision.digest


async def verified_digests(store: Store, sample: int | None = None) -> AsyncIterator[Verified]:
    """Check the records of a store against their digests, through the verbs of the contract.

    Yields one step for some hundred entities with their revisions and associations. With a `sample` it ends after so
    many entities, the first by URN.
    """
    view = View(EVERYTHING, AsOf(await store.watermark()))
    first_recorded = store.export(view)
    after: EntityPosition | None = None
    remaining = sample
    while remaining is None or remaining > 0:
        size = _AT_ONCE if remaining is None else min(remaining, _AT_ONCE)
        (page,) = await store.find([Find(view, first=size, after=after)])
        recorded = []
        async for part in first_recorded:
            if not isinstance(part, NewEntity):
                break
            recorded.append(part)
            if len(recorded) == len(page.items):
                break
        yield await _verified_entities(store, view, page.items, recorded, page.total)
        if not page.has_next:
            return
        after = EntityPosition(page.items[-1].urn)
        remaining = None if remaining is None else remaining - size


async def _verified_entities(
    store: Store, view: View, entities: Sequence[Entity], recorded: Sequence[NewEntity], expected: int
) -> Verified:
    ids = [entity.id for entity in entities]
    problems: list[str] = []
    histories = await _revisions(store, view, ids)
    by_urn = {make_urn(part.account, part.kind, part.name, part.version): part for part in recorded}
    for entity in entities:
        part, revisions = by_urn.get(entity.urn), histories[entity.id]
        if entity.id != entity_id(entity.urn):
            problems.append(f"the id of {entity.urn} is not that of its URN")
        if part is None:
            problems.append(f"{entity.urn} is not in the order of URNs, or its fields are not those of its URN")
            continue
        if digest(entity_form(part)) != entity.digest:
            problems.append(wrong_digest(entity.urn))
        problems += revision_problems(entity.urn, entity.digest or "", revisions)
        if _folded(entity, part, revisions) != entity:
            problems.append(f"{entity.urn} is not what its record and its revisions give")
    associations = await _associations(store, view, ids)
    for association in associations:
        part_of = as_new_association(association)
        # An association without a time of its own is shown with that of its ends.
        forms = association_form(part_of), association_form(_without_time(part_of))
        if all(association.digest != digest(form) for form in forms):
            problems.append(wrong_digest(f"{association.source_urn} {association.type} {association.destination_urn}"))
    count = len(entities) + len(associations) + sum(map(len, histories.values()))
    return Verified(count, tuple(problems), expected)


def _folded(entity: Entity, part: NewEntity, revisions: Iterable[Revision]) -> Entity:
    recorded = replace(
        entity,
        type=part.type,
        description=part.description,
        title=part.title,
        status=part.status,
        source=part.source,
        tags=tuple(sorted(set(part.tags))),
        properties=tuple(sorted(part.properties, key=lambda each: each.key)),
        occurred_at=part.occurred_at or 0,
    )
    return folded(recorded, revisions)


def _without_time(association: NewAssociation) -> NewAssociation:
    return replace(association, occurred_at=None)


async def _revisions(store: Store, view: View, ids: Sequence[str]) -> dict[str, list[Revision]]:
    """All revisions of entities, by id."""
    revisions: dict[str, list[Revision]] = {id: [] for id in ids}
    questions = [HistoryOf(view, id, _PAGE) for id in ids]
    while questions:
        pages = await store.history(questions)
        following = []
        for question, page in zip(questions, pages, strict=True):
            revisions[question.entity] += page.items
            if page.has_next:
                last = page.items[-1]
                position = RevisionPosition(last.occurred_at, last.rank, last.sequence)
                following.append(replace(question, after=position))
        questions = following
    return revisions


async def _associations(store: Store, view: View, ids: Sequence[str]) -> list[Association]:
    """All associations of which one of the entities is the source."""
    associations: list[Association] = []
    questions = [AssociationsOf(view, id, LineageDirection.DESCENDANTS, first=_PAGE) for id in ids]
    while questions:
        pages = await store.associations(questions)
        following = []
        for question, page in zip(questions, pages, strict=True):
            associations += [each for each in page.items if each.source_id == question.entity]
            if page.has_next:
                last = page.items[-1]
                position = AssociationPosition(last.source_urn, last.destination_urn, last.type, last.role)
                following.append(replace(question, after=position))
        questions = following
    return associations
