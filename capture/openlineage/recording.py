"""Records the mapped events, each whole or not at all, however often and in whatever order they arrive."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, TypeAlias

from lineal.auth.access_store import AuditEntry
from lineal.auth.scopes import EVERYTHING
from lineal.capture.openlineage.events import InvalidEvent
from lineal.capture.openlineage.facets import belongs
from lineal.capture.openlineage.mapped import Mapped
from lineal.capture.openlineage.mapping import mapped_event
from lineal.capture.tie_breaking import without_lost_ties
from lineal.graphstore.batches import Batch, NewAssociation, NewEntity, NewObservation, NewRevision
from lineal.graphstore.errors import BatchRefused, ProblemCode
from lineal.graphstore.queries import HistoryOf
from lineal.graphstore.records import AsOf, Entity, Revision, View
from lineal.graphstore.store import Store
from lineal.graphstore.urns import entity_id
from lineal.threads import off_loop_if

MAX_ENTITIES: Final = 1_000
"""Most entities of one transaction; an event of more is recorded in several, its run's status with the last."""
MAX_ASSOCIATIONS: Final = 2_000
"""Most associations, and most observations, of one transaction."""
_PAGE: Final = 16
"""How many revisions of an entity at an event's time and later are read at first, and eight times as many each time
that they do not suffice: mostly the next event states the same facets."""
_ATTEMPTS: Final = 8

Permit: TypeAlias = Callable[[Batch], Awaitable[Sequence[AuditEntry]]]
"""Raises unless all of an event may be written, and returns the entries for the audit log."""


async def permit_all(batch: Batch) -> Sequence[AuditEntry]:
    """For a writer into its own store, without a server."""
    return ()


async def receive(store: Store, event: object, *, account: str, by: str, permit: Permit = permit_all) -> bool:
    """Record one event, as `record_event`. Raises InvalidEvent if the event is invalid too."""
    return await record_event(store, mapped_event(event, account), by=by, permit=permit)


async def record_event(store: Store, wanted: Mapped, *, by: str, permit: Permit = permit_all) -> bool:
    """Record one event; returns whether anything in it was new.

    `permit` receives all records of the event, whether or not they are recorded already. Raises InvalidEvent where
    the event contradicts what is recorded, what `permit` raises, and what `Store.record` raises.
    """
    is_large = len(wanted.entities) + len(wanted.associations) > MAX_ENTITIES
    audit = await permit(await off_loop_if(is_large, wanted.batch))
    is_new = False
    for part in await off_loop_if(is_large, _parts, wanted):
        is_new |= await _record_part(store, part, by, audit)
        audit = ()
    return is_new


@dataclass(frozen=True, slots=True)
class _Part:
    """What of an event is recorded in one transaction."""

    wanted: Mapped
    urns: Sequence[str] = ()
    associations: Sequence[NewAssociation] = ()
    revisions: Mapping[str, NewRevision] = field(default_factory=dict)
    observations: tuple[NewObservation, ...] = ()
    status: NewRevision | None = None


def _parts(wanted: Mapped) -> list[_Part]:
    revisions = {each.entity: each for each in wanted.revisions()}
    # The subject, the run of a run event, is recorded first, and its status last, when all is there.
    urns = [wanted.subject, *(urn for urn in wanted.entities if urn != wanted.subject)]
    number_of = {urn: index // MAX_ENTITIES for index, urn in enumerate(urns)}
    associations: defaultdict[int, list[NewAssociation]] = defaultdict(list)
    for each in wanted.associations.values():
        associations[max(number_of[each.source], number_of[each.destination])].append(each)
    observations: defaultdict[int, list[NewObservation]] = defaultdict(list)
    for observation in wanted.observations:
        observations[number_of[observation.entity]].append(observation)
    parts: list[_Part] = []
    for number in range(number_of[urns[-1]] + 1):
        chunk = urns[number * MAX_ENTITIES : (number + 1) * MAX_ENTITIES]
        own = {urn: revisions[urn] for urn in chunk if urn in revisions}
        part = _Part(wanted, chunk, [], own)
        for begin in range(0, max(1, len(associations[number]), len(observations[number])), MAX_ASSOCIATIONS):
            cut = slice(begin, begin + MAX_ASSOCIATIONS)
            observed = tuple(observations[number][cut])
            parts.append(replace(part, associations=associations[number][cut], observations=observed))
            part = _Part(wanted)
    parts[-1] = replace(parts[-1], status=wanted.status)
    return parts


async def _record_part(store: Store, part: _Part, by: str, audit: Sequence[AuditEntry]) -> bool:
    for attempt in range(_ATTEMPTS):
        batch = await _missing(store, part)
        try:
            done = await store.record(batch, by=by, audit=audit)
        except BatchRefused as refused:
            # Another writer recorded an entity since we looked, or an association is recorded with other content.
            raced = all(problem.code is ProblemCode.IMMUTABLE_CONFLICT for problem in refused.problems)
            if not raced or attempt == _ATTEMPTS - 1:
                raise InvalidEvent([problem.message for problem in refused.problems]) from refused
            unknown_ends = {problem.path[1] for problem in refused.problems if problem.path[0] == "associations"}
            left = [each for index, each in enumerate(part.associations) if index not in unknown_ends]
            part = replace(part, associations=left)
            continue
        fresh = {urn for urn, is_new in zip(_urns(batch.entities, part), done.entities_are_new, strict=True) if is_new}
        await _replace_facets(store, part, fresh, by)
        return done.recorded_at is not None
    raise AssertionError("unreachable")


def _urns(entities: Iterable[NewEntity], part: _Part) -> Iterator[str]:
    by_entity = {id(part.wanted.entities[urn]): urn for urn in part.urns}
    return (by_entity[id(each)] for each in entities)


async def _missing(store: Store, part: _Part) -> Batch:
    """What of a part is not recorded yet."""
    wanted = part.wanted
    view = View(EVERYTHING, AsOf(await store.watermark()))
    recorded = await _recorded(store, view, part.urns)
    entities = tuple(wanted.entities[urn] for urn in part.urns if urn not in recorded)
    revisions = {}
    for urn in part.urns:
        revision = _with_sighting(wanted, urn, part.revisions.get(urn), recorded.get(urn))
        if revision is not None:
            revisions[urn] = revision
    revised_urns = [urn for urn in revisions if urn in recorded]
    ties = await _ties(store, view, revised_urns, wanted.at)
    left = [without_lost_ties(revision, ties.get(urn, ())) for urn, revision in revisions.items()]
    if part.status is not None:
        run = part.status.entity
        history = await _ties(store, view, [run], wanted.at)
        left.append(without_lost_ties(part.status, history[run]))
    revised = tuple(each for each in left if each is not None)
    return Batch(entities, tuple(part.associations), revised, part.observations)


def _with_sighting(
    wanted: Mapped, urn: str, revision: NewRevision | None, recorded: Entity | None
) -> NewRevision | None:
    identity = wanted.identities.get(urn, ())
    if recorded is not None and wanted.at >= (recorded.occurred_at or 0):
        keys = {property.key for property in recorded.properties}
        if all(property.key in keys for property in identity):
            return revision
    if revision is None:
        return wanted.sighting(urn)
    properties = {property.key: property for property in (*identity, *revision.properties)}
    return replace(revision, properties=tuple(properties.values()))


async def _recorded(store: Store, view: View, urns: Iterable[str]) -> dict[str, Entity]:
    ids = {entity_id(urn): urn for urn in urns}
    entities = await store.entities(view, list(ids))
    return {ids[entity.id]: entity for entity in entities if entity is not None}


async def _ties(store: Store, view: View, urns: Sequence[str], at: int) -> dict[str, tuple[Revision, ...]]:
    """By urn, all revisions of an entity at a time, and maybe some of later ones."""
    return await _since(store, view, urns, at, lambda _, read: read[-1].occurred_at > at)


async def _since(
    store: Store, view: View, urns: Sequence[str], at: int, suffices: Callable[[str, Sequence[Revision]], bool]
) -> dict[str, tuple[Revision, ...]]:
    """By urn, the first revisions of an entity at a time and later, as many as suffice, or all.

    How many revisions were before the time, or are after those, does not count.
    """
    found: dict[str, tuple[Revision, ...]] = {}
    first, asked = _PAGE, list(urns)
    while asked:
        pages = await store.history([HistoryOf(view, entity_id(urn), first, since=at) for urn in asked])
        read = dict(zip(asked, pages, strict=True))
        found |= {urn: page.items for urn, page in read.items()}
        asked = [urn for urn, page in read.items() if page.has_next and not suffices(urn, page.items)]
        first *= 8
    return found


async def _replace_facets(store: Store, part: _Part, fresh: set[str], by: str) -> None:
    """Remove what earlier statements of the part's facets left behind, and what the part's leave behind in later ones.

    Done after recording, so that of two events recorded at once at least one sees the other.
    """
    wanted = part.wanted
    urns = [urn for urn in part.revisions if wanted.stated.get(urn) and urn not in fresh]
    if not urns:
        return
    view = View(EVERYTHING, AsOf(await store.watermark()))
    since = await _since(store, view, urns, wanted.at, partial(_are_restated, part))
    late = [urn for urn in urns if any(revision.occurred_at > wanted.at for revision in since[urn])]
    # Where nothing occurred later, an entity is as it was at the event's time.
    entities = await _recorded(store, view, [urn for urn in urns if urn not in late])
    if late:
        at_time = View(EVERYTHING, AsOf(view.as_of.recorded_at, wanted.at))
        entities |= await _recorded(store, at_time, late)
    repairs = []
    for urn in urns:
        entity = entities.get(urn)
        keys = {property.key for property in entity.properties} if entity is not None else set()
        stale = keys - _kept(part, urn, since[urn])
        stale = {key for key in stale if any(belongs(key, facet) for facet in wanted.stated[urn])}
        if stale:
            repairs.append(NewRevision(urn, removed=tuple(sorted(stale)), occurred_at=wanted.at))
        repairs += _superseded(urn, part, since[urn])
    if repairs:
        await store.record(Batch(revisions=tuple(repairs)), by=by)


def _kept(part: _Part, urn: str, since: Iterable[Revision]) -> set[str]:
    """The keys that the part sets, or another event of its time does that counts as later."""
    ties = [revision for revision in since if revision.occurred_at == part.wanted.at]
    return {property.key for property in part.revisions[urn].properties} | {
        property.key for tie in ties for property in tie.properties
    }


def _are_restated(part: _Part, urn: str, since: Sequence[Revision]) -> bool:
    """Whether all that the part states is stated again before the last of some revisions, whose time may have more."""
    later = [each for each in since if part.wanted.at < each.occurred_at < since[-1].occurred_at]
    facets = _facets_with_properties(part, urn)
    return since[-1].occurred_at > part.wanted.at and _restated(facets, later) == facets


def _facets_with_properties(part: _Part, urn: str) -> set[str]:
    keys = {each.key for each in part.revisions[urn].properties}
    return {facet for facet in part.wanted.stated[urn] if any(belongs(key, facet) for key in keys)}


def _restated(facets: set[str], revisions: Iterable[Revision]) -> set[str]:
    """Those of the facets that revisions state, or delete."""
    keys = {property.key for each in revisions for property in each.properties}
    removed = {key for each in revisions for key in each.removed}
    return {facet for facet in facets if facet in removed or any(belongs(key, facet) for key in keys)}


def _superseded(urn: str, part: _Part, since: Iterable[Revision]) -> Iterator[NewRevision]:
    """The removals of properties that the next statements of the part's facets do not repeat."""
    groups: dict[int, list[Revision]] = {}
    for later in since:
        if later.occurred_at > part.wanted.at:
            groups.setdefault(later.occurred_at, []).append(later)
    waiting = _facets_with_properties(part, urn)
    mine = {property.key for property in part.revisions[urn].properties}
    for at, revisions in groups.items():
        set_keys = {property.key for revision in revisions for property in revision.properties}
        removed = {key for revision in revisions for key in revision.removed}
        restated = _restated(waiting, revisions)
        waiting -= restated
        gone = {key for key in mine if key not in set_keys and any(belongs(key, facet) for facet in restated)}
        if gone - removed:
            yield NewRevision(urn, removed=tuple(sorted(gone - removed)), occurred_at=at)
        if not waiting:
            return
