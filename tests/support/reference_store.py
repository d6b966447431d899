"""The contract as plainly as it can be said: lists, sets and loops over everything, in memory.

It shares with the product the shapes of records and questions, identity, checks and digests; how filters match, how
revisions fold, how walks go and pages are cut is written here once more, the simplest way, to be compared with.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from reference_filters import association_matches, entity_matches

from lineal.graphstore.batches import Batch, Idempotency, NewAssociation, NewEntity, NewRevision, Recorded
from lineal.graphstore.checks import checked_urns
from lineal.graphstore.digests import (
    association_form,
    differing_fields,
    digest,
    entity_form,
    revision_form,
    revision_set_form,
)
from lineal.graphstore.errors import BatchRefused, LimitExceeded, Problem, ProblemCode
from lineal.graphstore.kinds import (
    AssociationType,
    Combine,
    EntityKind,
    IncompleteReason,
    LineageDirection,
)
from lineal.graphstore.queries import (
    AssociationsOf,
    EntityFilter,
    EntityOrder,
    Find,
    HistoryOf,
    PropertyKeys,
    Reach,
    ReachAssociations,
    ReachPosition,
    Walk,
)
from lineal.graphstore.records import Association, Entity, Revision, Source, SourceId, View
from lineal.graphstore.store import (
    AssociationPage,
    Durability,
    EntityPage,
    Reached,
    ReachPage,
    RevisionPage,
    Store,
)
from lineal.graphstore.urns import association_id, entity_id

Up, Down = LineageDirection.ASCENDANTS, LineageDirection.DESCENDANTS


@dataclass(frozen=True)
class Kept:
    """A part as recorded: its content with `occurred_at` settled, when, by whom, and its digest."""

    part: NewEntity | NewAssociation | NewRevision
    urn: str
    sequence: int
    at: int
    by: str
    digest: str


class ReferenceStore(Store):
    """Everything recorded, in the order recorded.

    `clock` gives the time of recording in microseconds, `seconds` that of deadlines: one call before the first distance
    of a walk and one after each.
    """

    def __init__(self, clock: Callable[[], int] = lambda: 0, seconds: Callable[[], float] = lambda: 0.0) -> None:
        self.clock, self.seconds = clock, seconds
        self.kept: list[Kept] = []
        self.batches: list[int] = []
        self.keys: dict[tuple[str, str], tuple[str, Recorded]] = {}
        self.secrets: dict[str, bytes] = {}

    # -- writing --

    async def record(
        self,
        batch: Batch,
        *,
        by: str,
        idempotency: Idempotency | None = None,
        durability: Durability = Durability.POWER_LOSS,
        returning: bool = False,
    ) -> Recorded:
        urns = checked_urns(batch)
        if idempotency is not None and (by, idempotency.key) in self.keys:
            fingerprint, answer = self.keys[by, idempotency.key]
            if fingerprint != idempotency.fingerprint:
                raise BatchRefused((Problem(ProblemCode.IDEMPOTENCY_MISMATCH, "used", ("idempotencyKey",)),))
            return answer
        at = max(self.clock(), (self.batches[-1] if self.batches else 0) + 1)
        kept, problems = list(self.kept), list[Problem]()
        flags: dict[str, list[bool]] = {"entities": [], "associations": [], "revisions": []}
        for place, (entity, urn) in enumerate(zip(batch.entities, urns, strict=True)):
            stands = [each for each in kept if isinstance(each.part, NewEntity) and each.urn == urn]
            flags["entities"].append(not stands)
            if not stands:
                settled = replace(entity, occurred_at=at if entity.occurred_at is None else entity.occurred_at)
                kept.append(Kept(settled, urn, 0, at, by, digest(entity_form(settled))))
            else:
                problems += self._conflict(entity_form, entity, stands[0].part, ("entities", place))
        for place, association in enumerate(batch.associations):
            missing = [end for end in ("source", "destination") if not _stands(kept, getattr(association, end))]
            if missing:
                problems += [_not_found(("associations", place, end)) for end in missing]
                flags["associations"].append(False)
                continue
            identity = _identity(association)
            same = [k for k in kept if isinstance(k.part, NewAssociation) and _identity(k.part) == identity]
            flags["associations"].append(not same)
            if not same:
                when = at if association.occurred_at is None else association.occurred_at
                made = replace(association, occurred_at=when)
                kept.append(Kept(made, "", 0, at, by, digest(association_form(made))))
            else:
                problems += self._conflict(association_form, association, same[0].part, ("associations", place))
        for place, revision in enumerate(batch.revisions):
            named = {"entity": revision.entity, "supersededBy": revision.superseded_by}
            missing = [end for end, urn in named.items() if urn is not None and not _stands(kept, urn)]
            if missing:
                problems += [_not_found(("revisions", place, end)) for end in missing]
                flags["revisions"].append(False)
                continue
            earlier = [k for k in kept if isinstance(k.part, NewRevision) and k.urn == revision.entity]
            alike = revision.occurred_at is not None and any(_same_change(k.part, revision) for k in earlier)
            flags["revisions"].append(not alike)
            if not alike:
                when = at if revision.occurred_at is None else revision.occurred_at
                change = replace(revision, occurred_at=when)
                entity_digest = _stands(kept, revision.entity)[0].digest
                previous = earlier[-1].digest if earlier else None
                sequence = len(earlier) + 1
                kept_digest = digest(revision_form(change, entity_digest, previous, sequence))
                kept.append(Kept(change, revision.entity, sequence, at, by, kept_digest))
        if problems:
            raise BatchRefused(tuple(problems))
        is_new = len(kept) > len(self.kept)
        self.kept = kept
        if is_new:
            self.batches.append(at)
        answer = Recorded(
            at if is_new else None,
            tuple(flags["entities"]),
            tuple(flags["associations"]),
            tuple(flags["revisions"]),
        )
        if idempotency is not None:
            self.keys[by, idempotency.key] = (idempotency.fingerprint, answer)
        return answer

    def _conflict(
        self, form: Callable[..., dict[str, object]], part: object, stands: object, path: tuple[str | int, ...]
    ) -> list[Problem]:
        if part.occurred_at is None:  # type: ignore[attr-defined]
            part = replace(part, occurred_at=stands.occurred_at)  # type: ignore[type-var, attr-defined]
        fields = differing_fields(form(part), form(stands))
        return [Problem(ProblemCode.IMMUTABLE_CONFLICT, ", ".join(fields), path)] if fields else []

    # -- what a view shows --

    async def watermark(self) -> int:
        return self.batches[-1] if self.batches else 0

    def _shown(self, view: View) -> list[Kept]:
        moment = view.as_of
        return [
            kept
            for kept in self.kept
            if view.scope.everything
            and kept.at <= moment.recorded_at
            and (moment.occurred_at is None or (kept.part.occurred_at or 0) <= moment.occurred_at)
        ]

    def _entities(self, view: View) -> dict[str, Entity]:
        shown = self._shown(view)
        found = {k.urn: _entity(k, k.part, view) for k in shown if isinstance(k.part, NewEntity)}
        changes = [k for k in shown if isinstance(k.part, NewRevision) and k.urn in found]
        for kept in sorted(changes, key=_fold_order):
            found[kept.urn] = _changed(found[kept.urn], kept.part)
        return found

    def _associations(self, view: View) -> list[Association]:
        entities = self._entities(view)
        found = [_association(k, k.part, view) for k in self._shown(view) if isinstance(k.part, NewAssociation)]
        return sorted((a for a in found if a.source_urn in entities and a.destination_urn in entities), key=_place)

    # -- reading --

    async def entities(self, view: View, ids: Sequence[str]) -> list[Entity | None]:
        by_id = {entity.id: entity for entity in self._entities(view).values()}
        return [by_id.get(id) for id in ids]

    async def find(self, questions: Sequence[Find]) -> list[EntityPage]:
        return [self._find(question) for question in questions]

    def _find(self, question: Find) -> EntityPage:
        matches = [e for e in self._entities(question.view).values() if entity_matches(e, question.where)]

        def order(urn: str, occurred_at: int) -> tuple[int, str]:
            return (0 if question.order is EntityOrder.URN else -occurred_at, urn)

        matches.sort(key=lambda entity: order(entity.urn, entity.occurred_at))
        after = question.after
        left = matches
        if after is not None:
            place = order(after.urn, after.occurred_at)
            left = [entity for entity in matches if order(entity.urn, entity.occurred_at) > place]
        page = tuple(left[: question.first])
        return EntityPage(page, len(matches), _counts(matches), len(left) > question.first)

    async def associations(self, questions: Sequence[AssociationsOf]) -> list[AssociationPage]:
        pages = []
        for question in questions:
            crossed = []
            for association in self._associations(question.view):
                ends = {
                    Up: association.destination_id == question.entity,
                    Down: association.source_id == question.entity,
                }
                both = association.type is AssociationType.SAME_AS or question.direction not in ends
                touches = any(ends.values()) if both else ends[question.direction]
                if touches and (question.via is None or association_matches(association, question.via)):
                    crossed.append(association)
            pages.append(_association_page(crossed, question.first, question.after))
        return pages

    async def history(self, questions: Sequence[HistoryOf]) -> list[RevisionPage]:
        pages = []
        for question in questions:
            urns = {e.urn for e in self._entities(question.view).values() if e.id == question.entity}
            shown = [k for k in self._shown(question.view) if isinstance(k.part, NewRevision) and k.urn in urns]
            all_of = sorted(shown, key=_fold_order)
            after = question.after
            place = (after.occurred_at, after.rank, after.sequence) if after else None
            left = [k for k in all_of if place is None or _fold_order(k) > place]
            items = tuple(_revision(k, k.part, question.view) for k in left[: question.first])
            pages.append(RevisionPage(items, len(all_of), len(left) > question.first))
        return pages

    async def property_keys(self, question: PropertyKeys) -> list[str]:
        kinds = {entity.urn: entity.kind for entity in self._entities(question.view).values()}
        keys = {
            property.key
            for kept in self._shown(question.view)
            if kept.urn in kinds and question.kind in (None, kinds[kept.urn])
            for property in kept.part.properties
            if property.key.startswith(question.starts_with)
        }
        return sorted(keys)[: question.first]

    async def reach(self, questions: Sequence[Reach]) -> list[ReachPage | None]:
        return [self._reach(question) for question in questions]

    async def reach_associations(self, questions: Sequence[ReachAssociations]) -> list[AssociationPage | None]:
        pages: list[AssociationPage | None] = []
        for question in questions:
            walked = self._walked(question.walk)
            if walked is None:
                pages.append(None)
                continue
            up_to = question.up_to
            limits = question.walk.limits
            if up_to is None and walked.largest > limits.visits:
                raise LimitExceeded("cut")
            keys = {
                urn for urn, d in walked.distance.items() if up_to is None or (d, urn) <= (up_to.distance, up_to.urn)
            } | walked.starts
            among = [
                association
                for association in self._associations(question.walk.view)
                if {association.source_urn, association.destination_urn} <= keys
                and (question.walk.via is None or association_matches(association, question.walk.via))
            ]
            pages.append(_association_page(among, question.first, question.after))
        return pages

    async def export(self, view: View) -> AsyncIterator[NewEntity | NewAssociation | NewRevision]:
        shown = self._shown(view)
        ends = self._entities(view)
        places = {_identity(k.part): k for k in shown if isinstance(k.part, NewAssociation)}
        for kept in sorted((k for k in shown if isinstance(k.part, NewEntity)), key=lambda k: k.urn):
            yield _normal(kept.part)
        for association in self._associations(view):
            identity = (association.source_urn, association.destination_urn, association.type, association.role)
            yield _normal(places[identity].part)
        revisions = [k for k in shown if isinstance(k.part, NewRevision) and k.urn in ends]
        for kept in sorted(revisions, key=lambda k: (k.urn, k.sequence)):
            yield _normal(kept.part)

    # -- walks --

    def _walked(self, walk: Walk) -> "Walked | None":
        entities = self._entities(walk.view)
        urn_of = {entity.id: entity.urn for entity in entities.values()}
        if any(id not in urn_of for id in (*walk.starts, *walk.excluding)):
            return None
        crossable = [
            association
            for association in self._associations(walk.view)
            if walk.via is None or association_matches(association, walk.via)
        ]

        def stops(urn: str) -> bool:
            return walk.stop_at is not None and entity_matches(entities[urn], walk.stop_at)

        ways = [Up, Down] if walk.direction is LineageDirection.BOTH else [walk.direction]

        def go(starts: set[str]) -> list[OneWay]:
            return [OneWay(starts, way, walk.depth, crossable, stops) for way in ways]

        starts = {urn_of[id] for id in walk.starts}
        groups = [{start} for start in starts] if walk.combine is Combine.INTERSECTION else [starts]
        each = [go(group) for group in groups]
        reaches = [_least([way.distance for way in group]) for group in each]
        union = _least(reaches)
        common = set.intersection(*(set(reach) for reach in reaches))
        excluded = {urn_of[id] for id in walk.excluding}
        gone = set(_least([way.distance for way in go(excluded)])) if excluded else set()
        distance = {urn: d for urn, d in union.items() if urn in common and urn not in gone}
        flat = [way for group in each for way in group]
        needs_all = len(groups) > 1 or bool(excluded)
        largest = max(len(reach) for reach in [*reaches, gone])
        return Walked(starts, flat, union, distance, any(way.cut for way in flat), needs_all, largest)

    def _reach(self, question: Reach) -> ReachPage | None:
        walk = question.walk
        walked = self._walked(walk)
        if walked is None:
            return None
        entities = self._entities(walk.view)
        order = sorted((d, urn) for urn, d in walked.distance.items())
        after = (question.after.distance, question.after.urn) if question.after else (0, "")
        beyond = [place for place in order if place > after]
        cut = None
        if walked.needs_all and walked.largest > walk.limits.visits:
            raise LimitExceeded("cut")
        if not walked.needs_all and len(beyond) > walk.limits.visits:
            cut = beyond[walk.limits.visits - 1]
        visited = [place for place in order if cut is None or place <= cut]
        where = question.where or EntityFilter()
        matches = [(d, urn) for d, urn in visited if entity_matches(entities[urn], where)]
        left = [place for place in matches if place > after]
        page = left[: question.first]
        more = len(left) > question.first
        reasons = set()
        if more or cut:
            reasons.add(IncompleteReason.PAGE)
        if cut:
            reasons.add(IncompleteReason.VISIT_LIMIT)
        elif walked.cut:
            reasons.add(IncompleteReason.DEPTH)
        end = page[-1] if page else None
        if cut and not more:
            end = cut
        items = tuple(Reached(entities[urn], d, walked.path(urn, d) if question.with_paths else ()) for d, urn in page)
        return ReachPage(
            items,
            len(matches),
            _counts([entities[urn] for _, urn in matches]),
            more or cut is not None,
            ReachPosition(*end) if end else None,
            frozenset(reasons),
            len(walked.union) if walked.needs_all else len(visited),
            ReachPosition(*cut) if cut else None,
        )

    # -- the engine --

    async def ready(self) -> None:
        """It is."""

    async def secret(self, name: str) -> bytes:
        return self.secrets.setdefault(name, (name.encode() + bytes(32))[:32])

    async def close(self) -> None:
        """Nothing to let go of."""


class OneWay:
    """The reach of some starts in one direction, level by level."""

    def __init__(
        self,
        starts: set[str],
        way: LineageDirection,
        depth: int | None,
        crossable: list[Association],
        stops: Callable[[str], bool],
    ) -> None:
        self.starts, self.way, self.stops = starts, way, stops
        self.crossable = crossable
        self.distance: dict[str, int] = {}
        level, frontier = 0, set(starts)
        while frontier and (depth is None or level < depth):
            level += 1
            found = {
                far
                for association in crossable
                for near, far in self.leads(association)
                if near in frontier and not self.ignored(association, far)
            }
            new = found - self.distance.keys()
            self.distance |= dict.fromkeys(new, level)
            frontier = {urn for urn in new if urn not in starts and not stops(urn)}
        self.cut = any(d == depth and not stops(urn) for urn, d in self.distance.items())

    def leads(self, association: Association) -> list[tuple[str, str]]:
        """From where to where an association is crossed."""
        down = (association.source_urn, association.destination_urn)
        up = down[::-1]
        if association.type is AssociationType.SAME_AS or self.way is LineageDirection.CONNECTED:
            return [down, up]
        return [down] if self.way is Down else [up]

    def ignored(self, association: Association, far: str) -> bool:
        """Whether a crossing does not count as reaching a start."""
        connected = self.way is LineageDirection.CONNECTED
        return far in self.starts and (connected or association.type is AssociationType.SAME_AS)


@dataclass
class Walked:
    """Walks combined: what is left, and how paths go back."""

    starts: set[str]
    ways: list[OneWay]
    union: dict[str, int]
    distance: dict[str, int]
    cut: bool
    needs_all: bool
    largest: int

    def path(self, urn: str, distance: int) -> tuple[Association, ...]:
        """The shortest path the tie rule leads to."""
        at, path = urn, list[Association]()
        ways = [way for way in self.ways if way.distance.get(urn) == distance]
        for level in range(distance, 0, -1):
            choices = [
                ((near, association.type, association.role or "", association.source_urn), association, way)
                for way in ways
                for association in way.crossable
                for near, far in way.leads(association)
                if far == at
                and not way.ignored(association, far)
                and (level == 1 if near in way.starts else way.distance.get(near) == level - 1 and not way.stops(near))
            ]
            rank, association, _ = min(choices, key=lambda choice: choice[0])
            ways = [way for other, _, way in choices if other == rank]
            path.append(association)
            at = rank[0]
        return tuple(path[::-1])


def _least(reaches: Iterable[dict[str, int]]) -> dict[str, int]:
    least: dict[str, int] = {}
    for reach in reaches:
        for urn, distance in reach.items():
            least[urn] = min(distance, least.get(urn, distance))
    return least


def _stands(kept: list[Kept], urn: str) -> list[Kept]:
    return [each for each in kept if isinstance(each.part, NewEntity) and each.urn == urn]


def _not_found(path: tuple[str | int, ...]) -> Problem:
    return Problem(ProblemCode.NOT_FOUND, "not recorded", path)


def _identity(part: object) -> tuple[str, str, AssociationType, str | None]:
    assert isinstance(part, NewAssociation)
    return part.source, part.destination, part.type, part.role


def _same_change(left: object, right: NewRevision) -> bool:
    assert isinstance(left, NewRevision)
    return (
        (left.occurred_at, left.rank) == (right.occurred_at, right.rank)
        and set(left.removed) == set(right.removed)
        and revision_set_form(left) == revision_set_form(right)
    )


def _fold_order(kept: Kept) -> tuple[int, int, int]:
    assert isinstance(kept.part, NewRevision)
    return kept.part.occurred_at or 0, kept.part.rank, kept.sequence


def _source(source: Source | None) -> Source | None:
    if source is None or source == Source():
        return None
    ids = {(id.type, id.value) for id in source.ids}
    return replace(source, ids=tuple(SourceId(*id) for id in sorted(ids)))


def _normal(part: NewEntity | NewAssociation | NewRevision) -> NewEntity | NewAssociation | NewRevision:
    """With sets in their order, as a store gives them back."""
    zeroed = [replace(each, value=0.0) if str(each.value) == "-0.0" else each for each in part.properties]
    properties = tuple(sorted(zeroed, key=lambda property: property.key))
    if isinstance(part, NewEntity):
        tags = tuple(sorted(set(part.tags)))
        return replace(part, properties=properties, tags=tags, source=_source(part.source))
    if isinstance(part, NewRevision):
        revised = None if part.tags is None else tuple(sorted(set(part.tags)))
        return replace(part, properties=properties, tags=revised, removed=tuple(sorted(set(part.removed))))
    return replace(part, properties=properties)


def _entity(kept: Kept, part: NewEntity, view: View) -> Entity:
    shown = _normal(part)
    assert isinstance(shown, NewEntity)
    return Entity(
        entity_id(kept.urn), kept.urn, part.account, part.kind, part.name, part.version, part.type, part.description,
        part.status, shown.source, shown.tags, shown.properties, part.occurred_at or 0, kept.at, kept.by, kept.digest,
        view,
    )  # fmt: skip


def _changed(entity: Entity, part: object) -> Entity:
    assert isinstance(part, NewRevision)
    properties = {p.key: p for p in entity.properties if p.key not in part.removed}
    properties |= {p.key: p for p in part.properties}
    return replace(
        entity,
        status=part.status or entity.status,
        tags=entity.tags if part.tags is None else tuple(sorted(set(part.tags))),
        description=entity.description if part.description is None else part.description,
        properties=tuple(properties[key] for key in sorted(properties)),
    )


def _association(kept: Kept, part: NewAssociation, view: View) -> Association:
    return Association(
        association_id(part.source, part.destination, part.type, part.role),
        entity_id(part.source), part.source, entity_id(part.destination), part.destination, part.type, part.role,
        _normal(part).properties, part.occurred_at or 0, kept.at, kept.by, kept.digest, view,
    )  # fmt: skip


def _revision(kept: Kept, part: object, view: View) -> Revision:
    assert isinstance(part, NewRevision)
    shown = _normal(part)
    assert isinstance(shown, NewRevision)
    return Revision(
        entity_id(kept.urn), kept.sequence, part.status, shown.tags, part.description, shown.properties, shown.removed,
        part.superseded_by, part.occurred_at or 0, part.rank, kept.at, kept.by, kept.digest, view,
    )  # fmt: skip


def _place(association: Association) -> tuple[str, str, str, str]:
    return association.source_urn, association.destination_urn, association.type, association.role or ""


def _association_page(found: list[Association], first: int, after: object) -> AssociationPage:
    place = None
    if after is not None:
        place = (after.source_urn, after.destination_urn, after.type, after.role or "")  # type: ignore[attr-defined]
    left = [association for association in found if place is None or _place(association) > place]
    return AssociationPage(tuple(left[:first]), len(found), len(left) > first)


def _counts(entities: list[Entity]) -> dict[EntityKind, int]:
    counter = Counter(entity.kind for entity in entities)
    return {kind: counter[kind] for kind in EntityKind if counter[kind]}
