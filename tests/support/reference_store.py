"""The contract as plainly as it can be said: lists, sets and loops over everything, in memory.

It shares with the product the shapes of records and questions, identity, checks and digests; how filters match, how
revisions fold, how walks go and pages are cut is written here once more, the simplest way, to be compared with.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import replace
from math import inf
from time import monotonic
from typing import Any

from reference_access import ReferenceAccess
from reference_filters import association_matches, entity_matches
from reference_recording import Ledger, ValidatedBatch
from reference_records import (
    association_of,
    changed,
    entity_of,
    foldable,
    identity,
    normal,
    observation_of,
    place,
    revision_of,
)
from reference_scope import Eye, Seen, revisions_shown, seen
from reference_search import in_order, nobody, search_finds
from reference_series import buckets_among, metrics_among, page_among
from reference_walks import WalkState, matches, walked

from lineal.auth.access_store import AccessChange, AccessDelta, AuditEntry, AuditPage, AuditQuestion
from lineal.auth.scopes import Scope
from lineal.graphstore import ordering
from lineal.graphstore.batches import Batch, Idempotency, NewAssociation, NewEntity, NewObservation, NewPart, Recorded
from lineal.graphstore.checks import checked_urns
from lineal.graphstore.errors import BatchRefused, LimitExceeded, Problem, ProblemCode, Unavailable
from lineal.graphstore.kinds import (
    AssociationType,
    EntityKind,
    EntityStatus,
    IncompleteReason,
    LineageDirection,
    LineageType,
)
from lineal.graphstore.quarantine import Quarantined, QuarantineLimits, QuarantinePage, QuarantineQuestion
from lineal.graphstore.queries import (
    UNMEASURED,
    AssociationPosition,
    AssociationsOf,
    BucketsOf,
    EntityFilter,
    EntityOrderField,
    Find,
    HistoryOf,
    Limits,
    MetricsOf,
    PropertyKeys,
    Reach,
    ReachAssociations,
    ReachPosition,
    SeriesOf,
)
from lineal.graphstore.recorded_state import as_new_association, as_new_revision
from lineal.graphstore.records import (
    AsOf,
    Association,
    Bucket,
    Entity,
    Metric,
    Observation,
    Restricted,
    Revision,
    View,
)
from lineal.graphstore.store import (
    AssociationPage,
    Durability,
    EntityGroups,
    EntityPage,
    Newest,
    Reached,
    ReachPage,
    RevisionPage,
    SeriesPage,
    Store,
    Verified,
)
from lineal.graphstore.urns import entity_id
from lineal.graphstore.verification import verified_digests

Place = tuple[int, str]
"""A distance and a urn: the order of what is reached."""


class ReferenceStore(Store):
    """Everything recorded, in the order recorded. `clock` gives the time of recording, in microseconds."""

    def __init__(self, clock: Callable[[], int] = lambda: 0) -> None:
        self.clock = clock
        self.ledger = Ledger()
        self.latest = 0
        self.access = ReferenceAccess(clock)
        self.keys: dict[tuple[str, str], tuple[str, int | None, ValidatedBatch]] = {}
        self.secrets: dict[str, bytes] = {}
        self.kept: dict[str, Quarantined] = {}
        self.is_closed = False

    # -- writing --

    async def record(
        self,
        batch: Batch,
        *,
        by: str,
        idempotency: Idempotency | None = None,
        durability: Durability = Durability.POWER_LOSS,
        returning: Scope | None = None,
        audit: Sequence[AuditEntry] = (),
    ) -> Recorded:
        recorded = self._record(batch, by, idempotency, returning)
        self.access.append(audit)
        return recorded

    def _record(self, batch: Batch, by: str, idempotency: Idempotency | None, returning: Scope | None) -> Recorded:
        self._refuse_if_closed()
        urns = checked_urns(batch)
        if idempotency is not None and (by, idempotency.key) in self.keys:
            fingerprint, recorded_at, validated = self.keys[by, idempotency.key]
            if fingerprint != idempotency.fingerprint:
                sentence = "This idempotencyKey was used for another request in the last 24 hours: use a new one."
                raise BatchRefused((Problem(ProblemCode.IDEMPOTENCY_MISMATCH, sentence, ("idempotencyKey",)),))
            return self._recorded(batch, urns, recorded_at, validated, returning)
        at = max(self.clock(), self.latest + 1)
        validated = ValidatedBatch(self.ledger, batch, urns, at, by)
        if validated.problems:
            raise BatchRefused(tuple(validated.problems))
        if validated.is_new:
            self.ledger, self.latest = validated.ledger, at
        recorded_at = at if validated.is_new else None
        if idempotency is not None:
            self.keys[by, idempotency.key] = (idempotency.fingerprint, recorded_at, validated)
        return self._recorded(batch, urns, recorded_at, validated, returning)

    def _recorded(
        self, batch: Batch, urns: list[str], recorded_at: int | None, validated: ValidatedBatch, returning: Scope | None
    ) -> Recorded:
        flags = (
            tuple(validated.entities),
            tuple(validated.associations),
            tuple(n > 0 for n in validated.sequences),
            tuple(validated.observations),
        )
        if returning is None:
            return Recorded(recorded_at, *flags)
        view = View(returning, AsOf(self.latest))
        entities = self._entities(view)
        associations = {place(association): association for association in self._seen(view).associations}
        revisions = {
            (kept.urn, kept.sequence): revision_of(kept, view)
            for kept in self.ledger.revisions
            if kept.urn in entities and entities[kept.urn].digest is not None
        }
        return Recorded(
            recorded_at,
            *flags,
            tuple(entities.get(urn) for urn in urns),
            tuple(associations.get(identity(part)) for part in batch.associations),
            tuple(revisions.get((r.entity, abs(n))) for r, n in zip(batch.revisions, validated.sequences, strict=True)),
        )

    # -- what a view shows --

    def _refuse_if_closed(self) -> None:
        if self.is_closed:
            raise Unavailable("the store is closed: the server is shutting down")

    async def watermark(self) -> int:
        self._refuse_if_closed()
        return self.latest

    async def newest(self) -> Newest:
        return Newest(await self.watermark(), self.access.epoch)

    def _view(self, view: View) -> Ledger:
        """What is of the view's moment, whoever may see it."""
        moment = view.as_of

        def shown(at: int, occurred_at: int | None) -> bool:
            is_past = None in (moment.occurred_at, occurred_at) or (occurred_at or 0) <= (moment.occurred_at or 0)
            return at <= moment.recorded_at and is_past

        ledger, known_from = self.ledger, self._known_from(view)
        entities = [kept for kept in ledger.entities if kept.urn in known_from and shown(kept.at, known_from[kept.urn])]
        urns = {kept.urn for kept in entities}
        return Ledger(
            entities,
            [
                kept
                for kept in ledger.associations
                if shown(kept.at, kept.part.occurred_at) and {kept.part.source, kept.part.destination} <= urns
            ],
            [kept for kept in ledger.revisions if shown(kept.at, kept.occurred_at) and kept.urn in urns],
            [kept for kept in ledger.observations if shown(kept.at, kept.occurred_at) and kept.part.entity in urns],
        )

    def _known_from(self, view: View) -> dict[str, int]:
        """The earliest time of every entity, and of its revisions, as of what was recorded by the view's moment."""
        until = view.as_of.recorded_at
        ledger = Ledger(
            [kept for kept in self.ledger.entities if kept.at <= until],
            revisions=[kept for kept in self.ledger.revisions if kept.at <= until],
        )
        return {kept.urn: ledger.known_from(kept.urn) for kept in ledger.entities}

    def _seen(self, view: View) -> Seen:
        """What is of the view's moment, as its scope shows it."""
        self._refuse_if_closed()
        ledger, known_from = self._view(view), self._known_from(view)
        results = {kept.urn: entity_of(kept, known_from[kept.urn], view) for kept in ledger.entities}
        for kept in foldable(ledger.revisions):
            results[kept.urn] = changed(results[kept.urn], kept)
        ends_at = [max(known_from[k.part.source], known_from[k.part.destination]) for k in ledger.associations]
        associations = [association_of(*each, view) for each in zip(ledger.associations, ends_at, strict=True)]
        graph = seen(results, associations, view, self._groups)
        for recorded, shown in zip(ledger.associations, associations, strict=True):
            graph.spans[shown.id] = _span(recorded.part, shown, results, ledger)
        return graph

    def _entities(self, view: View) -> dict[str, Entity]:
        return self._seen(view).readable

    def _revisions(self, view: View, urn: str) -> list[Revision]:
        """Those of an entity that show, in the order recorded."""
        graph = self._seen(view)
        if urn not in graph.readable:
            return []
        recorded, every = self.ledger.entity(urn), [revision_of(kept, view) for kept in self.ledger.revisions_of(urn)]
        assert recorded is not None
        until, occurred_by = view.as_of.recorded_at, view.as_of.occurred_at
        return [
            revision
            for revision in revisions_shown(every, graph.eyes[urn], recorded.occurred_at)
            if revision.recorded_at <= until and (occurred_by is None or revision.occurred_at <= occurred_by)
        ]

    def _groups(self, urn: str) -> frozenset[str]:
        """The groups an entity is in."""
        kept = self.ledger.entity(urn)
        assert kept is not None
        return self.access.groups_of(entity_id(urn), kept.part.account)

    # -- reading --

    async def entities(self, view: View, ids: Sequence[str]) -> list[Entity | None]:
        by_id = {entity.id: entity for entity in self._entities(view).values()}
        return [by_id.get(id) for id in ids]

    async def find(self, questions: Sequence[Find]) -> list[EntityPage]:
        return [self._find(question) for question in questions]

    def _find(self, question: Find) -> EntityPage:
        matches = [e for e in self._entities(question.view).values() if entity_matches(e, question.where)]
        if question.within is not None:
            matches = [e for e in matches if question.within in self.access.groups_of(e.id, e.account)]

        if question.search is not None:
            matches = [e for e in matches if search_finds(e, question.search)]
        if question.order.field is EntityOrderField.PROPERTY and len(matches) > ordering.MOST_SORTED:
            raise LimitExceeded("too many to be sorted")
        matches = in_order(matches, question.order)
        left = matches
        if question.after is not None:
            start = self._standing(question.view, question.after.urn)
            with_start = in_order([*(e for e in matches if e.urn != start.urn), start], question.order)
            left = with_start[[e.urn for e in with_start].index(start.urn) + 1 :]
        page = tuple(left[: question.first])
        return EntityPage(page, len(matches), _counts(matches), len(left) > question.first)

    def _standing(self, view: View, urn: str) -> Any:
        """An entity, whoever may see it, but for its hidden properties; a nameless one where there is none."""
        graph = self._seen(view)
        if urn in graph.readable:
            return graph.readable[urn]
        ledger, known_from = self._view(view), self._known_from(view)
        results = {kept.urn: entity_of(kept, known_from[kept.urn], view) for kept in ledger.entities}
        for kept in foldable(ledger.revisions):
            results[kept.urn] = changed(results[kept.urn], kept)
        if urn in results:
            return replace(results[urn], properties=())
        return nobody(urn, view)

    async def associations(self, questions: Sequence[AssociationsOf]) -> list[AssociationPage]:
        return [self._associations_of(question) for question in questions]

    def _associations_of(self, question: AssociationsOf) -> AssociationPage:
        crossed = []
        graph = self._seen(question.view)
        by_id = {entity.id: entity for entity in graph.readable.values()}
        for association in graph.associations if question.entity in by_id else ():
            ends = {
                LineageDirection.ASCENDANTS: association.destination_id == question.entity,
                LineageDirection.DESCENDANTS: association.source_id == question.entity,
            }
            both = association.type is AssociationType.SAME_AS or question.direction not in ends
            touches = any(ends.values()) if both else ends[question.direction]
            if touches and (question.via is None or association_matches(association, question.via)):
                crossed.append(association)
        return _association_page(crossed, question.first, question.after)

    async def history(self, questions: Sequence[HistoryOf]) -> list[RevisionPage]:
        return [self._history(question) for question in questions]

    def _history(self, question: HistoryOf) -> RevisionPage:
        self._refuse_if_closed()
        urns = [kept.urn for kept in self.ledger.entities if entity_id(kept.urn) == question.entity]
        in_order = sorted((each for urn in urns for each in self._revisions(question.view, urn)), key=_order)
        if question.since is not None:
            in_order = [revision for revision in in_order if revision.occurred_at >= question.since]
        after = question.after
        position = (after.occurred_at, after.rank, after.sequence) if after else None
        left = [revision for revision in in_order if position is None or _order(revision) > position]
        return RevisionPage(tuple(left[: question.first]), len(in_order), len(left) > question.first)

    # -- observations --

    def _observations(self, view: View) -> list[Observation]:
        """Those that show, in the order of an export."""
        graph = self._seen(view)
        kept = [
            each
            for each in self._view(view).observations
            if each.part.entity in graph.readable
            and not graph.eyes[each.part.entity].hides(f"metrics.{each.part.metric}")
        ]
        return [observation_of(each, view) for each in sorted(kept, key=lambda each: each.place)]

    async def metrics(self, questions: Sequence[MetricsOf]) -> list[tuple[Metric, ...]]:
        return [metrics_among(self._observations(question.view), question) for question in questions]

    async def series(self, questions: Sequence[SeriesOf]) -> list[SeriesPage]:
        return [page_among(self._observations(question.view), question) for question in questions]

    async def buckets(self, questions: Sequence[BucketsOf]) -> list[tuple[Bucket, ...]]:
        return [buckets_among(self._observations(question.view), question) for question in questions]

    async def property_keys(self, questions: Sequence[PropertyKeys]) -> list[list[str]]:
        return [self._property_keys(question) for question in questions]

    def _property_keys(self, question: PropertyKeys) -> list[str]:
        graph = self._seen(question.view)
        ledger = self._view(question.view)
        inputs = [(kept.urn, kept.part.properties) for kept in ledger.entities]
        inputs += [(kept.urn, kept.part.properties) for kept in ledger.revisions]
        keys = {
            property.key
            for urn, properties in inputs
            if urn in graph.readable and question.kind in (None, graph.readable[urn].kind)
            for property in properties
            if property.key.startswith(question.starts_with) and not graph.eyes[urn].hides(property.key)
        }
        return sorted(keys)[: question.first]

    # -- walks --

    def _walked(self, question: Reach | ReachAssociations) -> WalkState | None:
        return walked(question.walk, self._seen(question.walk.view))

    async def reach(self, questions: Sequence[Reach]) -> list[ReachPage | None]:
        return [self._reach(question) for question in questions]

    def _reach(self, question: Reach) -> ReachPage | None:
        started = monotonic()
        results = self._walked(question)
        if results is None:
            return None
        graph = self._seen(question.walk.view)
        entities = graph.entities
        after = (question.after.distance, question.after.urn) if question.after else (0, "")
        visited, cut, why = _visited(results, after, question.walk.limits, started)
        where = question.where or EntityFilter()
        listed = [(d, urn) for d, urn in visited if matches(graph, urn, where)]
        left = [each for each in listed if each > after]
        page = left[: question.first]
        more = len(left) > question.first
        reasons = {why} if why else set()
        if more or why:
            reasons.add(IncompleteReason.PAGE)
        if results.is_cut_at_depth and not why:
            reasons.add(IncompleteReason.DEPTH)
        withheld = None if why else results.withheld
        if withheld:
            reasons.add(IncompleteReason.POLICY)
        end = page[-1] if page else None
        if why and not more:
            end = cut
        return ReachPage(
            tuple(
                Reached(
                    entities[urn], None if d == UNMEASURED else d, results.path(urn, d) if question.with_paths else ()
                )
                for d, urn in page
            ),
            len(listed),
            _counts(entities[urn] for _, urn in listed),
            more or why is not None,
            ReachPosition(*end) if end else None,
            frozenset(reasons),
            len(results.union) if results.needs_all else len(visited),
            ReachPosition(*cut) if cut else None,
            withheld,
        )

    async def reach_associations(self, questions: Sequence[ReachAssociations]) -> list[AssociationPage | None]:
        return [self._reach_associations(question) for question in questions]

    def _reach_associations(self, question: ReachAssociations) -> AssociationPage | None:
        started, walk = monotonic(), question.walk
        results = self._walked(question)
        if results is None:
            return None
        if question.up_to is None:
            visited, _, why = _visited(results, (0, ""), walk.limits, started)
            if why:
                raise LimitExceeded("the walk is cut by a limit")
        else:
            up_to = (question.up_to.distance, question.up_to.urn)
            visited = [each for each in _in_order(results) if each <= up_to]
        ends = results.starts | {urn for _, urn in visited}
        among = [
            association
            for association in self._seen(walk.view).associations
            if {association.source_urn, association.destination_urn} <= ends
            and (walk.via is None or association_matches(association, walk.via))
            and (
                walk.first_hop is None
                or association_matches(association, walk.first_hop)
                or not any(near in results.starts for way in results.ways for near, _ in way.leads(association))
            )
        ]
        return _association_page(among, question.first, question.after)

    def verify(self, sample: int | None = None) -> AsyncIterator[Verified]:
        return verified_digests(self, sample)

    async def export(self, view: View) -> AsyncIterator[NewPart]:
        self._refuse_if_closed()
        graph = self._seen(view)
        ledger = self._view(view)
        for entity in sorted(ledger.entities, key=lambda kept: kept.urn):
            if entity.urn in graph.readable:
                yield normal(_without(entity.part, graph.eyes[entity.urn]))
        for association in graph.associations:
            if association.recorded_at is not None:
                part = as_new_association(association)
                recorded = self.ledger.association(part)
                assert recorded is not None
                yield replace(part, occurred_at=recorded.part.occurred_at)
        for urn in sorted(graph.readable):
            for revision in self._revisions(view, urn):
                yield as_new_revision(revision, urn)
        urns = {entity.id: urn for urn, entity in graph.readable.items()}
        for each in self._observations(view):
            yield NewObservation(urns[each.entity_id], each.metric, each.value, each.step, each.occurred_at)

    # -- access --

    async def access_since(self, epoch: int) -> AccessDelta:
        self._refuse_if_closed()
        return self.access.since(epoch)

    async def change_access(self, change: AccessChange, *, epoch: int) -> int:
        self._refuse_if_closed()
        accounts = {entity_id(kept.urn): kept.part.account for kept in self.ledger.entities}
        return self.access.change(change, epoch, accounts)

    async def entity_groups(self, ids: Sequence[str]) -> list[EntityGroups | None]:
        self._refuse_if_closed()
        entity_groups = {
            (id := entity_id(kept.urn)): EntityGroups(
                kept.urn, kept.part.kind, kept.part.account, self.access.groups_of(id, kept.part.account)
            )
            for kept in self.ledger.entities
        }
        return [entity_groups.get(id) for id in ids]

    async def audit(self, entries: Sequence[AuditEntry]) -> None:
        self._refuse_if_closed()
        self.access.append(entries)

    async def audit_log(self, question: AuditQuestion) -> AuditPage:
        self._refuse_if_closed()
        return self.access.page(question)

    async def key_used(self, id: str, at: int) -> None:
        self._refuse_if_closed()
        self.access.uses[id] = max(at, self.access.uses.get(id, at))

    async def keys_used(self, ids: Sequence[str]) -> dict[str, int]:
        self._refuse_if_closed()
        return {id: self.access.uses[id] for id in ids if id in self.access.uses}

    # -- the quarantine --

    async def quarantine(self, kept: Quarantined, limits: QuarantineLimits) -> None:
        self._refuse_if_closed()
        self.kept[kept.id] = kept
        left = dict.fromkeys((each.account for each in self.kept.values()), limits.max_bytes)
        for each in sorted(self.kept.values(), key=lambda each: (each.received_at, each.id), reverse=True):
            left[each.account] -= len(each.document) + 1024
            if (
                left[each.account] < 0 and each.account == kept.account
            ) or kept.received_at - each.received_at > limits.days * 86_400_000_000:
                del self.kept[each.id]

    async def quarantined(self, question: QuarantineQuestion) -> QuarantinePage:
        self._refuse_if_closed()
        mine = [each for each in self.kept.values() if question.account in (None, each.account)]
        mine = [each for each in mine if question.ids is None or each.id in question.ids]
        where = question.where
        mine = [each for each in mine if where.run in (None, each.run) and where.job in (None, each.job)]
        mine = [each for each in mine if where.received_by in (None, each.received_by)]
        mine = [each for each in mine if not where.problem or any(where.problem in text for text in each.problems)]
        mine = [each for each in mine if where.since is None or each.received_at >= where.since]
        mine = [each for each in mine if where.until is None or each.received_at < where.until]
        mine.sort(key=lambda each: (each.received_at, each.id), reverse=True)
        past = [each for each in mine if question.before and (each.received_at, each.id) >= question.before]
        left = mine[len(past) : len(past) + question.first]
        if not question.with_documents:
            left = [replace(each, document=b"") for each in left]
        return QuarantinePage(tuple(left), len(mine), len(past) + question.first < len(mine))

    async def discard_quarantined(self, id: str) -> bool:
        self._refuse_if_closed()
        return self.kept.pop(id, None) is not None

    # -- the engine --

    async def ready(self) -> None:
        self._refuse_if_closed()

    async def secret(self, name: str) -> bytes:
        self._refuse_if_closed()
        return self.secrets.setdefault(name, (name.encode() + bytes(32))[:32])

    async def close(self) -> None:
        self.is_closed = True


def _span(part: NewAssociation, shown: Association, found: dict[str, Entity], ledger: Ledger) -> tuple[float, float]:
    """When an association may have carried something."""
    if part.type is AssociationType.SAME_AS:
        return -inf, inf
    if part.occurred_at is not None:
        return part.occurred_at, part.occurred_at
    assert shown.occurred_at is not None
    over = (EntityStatus.COMPLETED, EntityStatus.FAILED, EntityStatus.STOPPED)
    ends: list[float] = []
    for urn in (part.source, part.destination):
        if found[urn].lineage_type is LineageType.ACTION:
            end_times = [each.occurred_at for each in ledger.revisions if each.urn == urn and each.part.status in over]
            ends.append(max(end_times) if end_times and found[urn].status in over else inf)
    return shown.occurred_at, max(shown.occurred_at, *ends) if ends else inf


def _order(revision: Revision) -> tuple[int, int, int]:
    return revision.occurred_at, revision.rank, revision.sequence


def _without(entity: NewEntity, eye: Eye) -> NewEntity:
    return replace(entity, properties=tuple(each for each in entity.properties if not eye.hides(each.key)))


def _in_order(state: WalkState) -> list[Place]:
    return sorted((distance, urn) for urn, distance in state.distance.items())


def _visited(
    found: WalkState, after: Place, limits: Limits, started: float
) -> tuple[list[Place], Place | None, IncompleteReason | None]:
    """What is visited within the limits, in order; where a limit cuts it, and which."""
    in_order = _in_order(found)
    late = monotonic() > started + limits.seconds
    if found.needs_all:
        if found.largest > limits.visits or (late and found.steps):
            raise LimitExceeded("a walk that is needed whole is cut by a limit")
        return in_order, None, None
    known, why = in_order, None
    for distance in range(1, found.steps) if late else ():
        within = [each for each in in_order if each[0] <= distance]
        if within and within[-1] > after:
            known, why = within, IncompleteReason.DEADLINE
            break
    beyond = [each for each in known if each > after]
    if len(beyond) > limits.visits:
        cut = beyond[limits.visits - 1]
        return [each for each in known if each <= cut], cut, IncompleteReason.VISIT_LIMIT
    return known, known[-1] if why else None, why


def _association_page(found: list[Association], first: int, after: AssociationPosition | None) -> AssociationPage:
    position = None
    if after is not None:
        position = (after.source_urn, after.destination_urn, after.type, after.role or "")
    left = [association for association in found if position is None or place(association) > position]
    return AssociationPage(tuple(left[:first]), len(found), len(left) > first)


def _counts(entities: Iterable[Entity | Restricted]) -> dict[EntityKind, int]:
    counter = Counter(entity.kind for entity in entities)
    return {kind: counter[kind] for kind in EntityKind if counter[kind]}
