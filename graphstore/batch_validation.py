"""Validates a batch against the recorded state: which parts are new, and all problems. The same for every engine."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from time import time_ns
from typing import Final, Protocol, TypeVar

import orjson

from lineal.graphstore.batches import Batch, NewAssociation, NewEntity, NewRevision
from lineal.graphstore.codes import KIND_MASK, TYPE_CODES, AssociationKey, ObservationKey
from lineal.graphstore.content_codec import packed
from lineal.graphstore.digests import (
    association_form,
    differing_fields,
    digest,
    entity_form,
    revision_form,
    revision_set_form,
)
from lineal.graphstore.errors import (
    BatchRefused,
    Problem,
    ProblemCode,
    conflicting,
    not_recorded,
)
from lineal.graphstore.kinds import EntityKind
from lineal.graphstore.metric_values import sortable
from lineal.graphstore.recorded_state import as_new_revision
from lineal.graphstore.records import Revision
from lineal.graphstore.urns import entity_id

IDEMPOTENCY_MICROSECONDS: Final = 24 * 3600 * 1_000_000
"""How long an idempotency key is kept."""

IDEMPOTENCY_MISMATCH: Final = Problem(
    ProblemCode.IDEMPOTENCY_MISMATCH,
    "This idempotencyKey was used for another request in the last 24 hours: use a new one.",
    ("idempotencyKey",),
)

Part = TypeVar("Part", NewEntity, NewAssociation, NewRevision)


def now() -> int:
    """Return the time in microseconds since 1970."""
    return time_ns() // 1000


@dataclass(slots=True)
class Outcome:
    """The outcome of a batch: for each part whether it is new, and for each revision its sequence number."""

    recorded_at: int | None = None
    entities: list[bool] = field(default_factory=list)
    associations: list[bool] = field(default_factory=list)
    revisions: list[bool] = field(default_factory=list)
    sequences: list[int] = field(default_factory=list)
    observations: list[bool] = field(default_factory=list)

    def packed(self) -> str:
        """Return the outcome as text, to be stored with an idempotency key."""
        parts = (self.entities, self.associations, self.revisions, self.sequences, self.observations)
        return packed([self.recorded_at, *parts])

    @classmethod
    def unpacked(cls, text: str) -> "Outcome":
        """Return the outcome from the text that `packed` returned."""
        return cls(*orjson.loads(text))


@dataclass(frozen=True, slots=True)
class RecordedEntity:
    """The identity, times and digest of a recorded entity."""

    urn: str
    key: int
    occurred_at: int
    digest: str
    known_from: int
    """The earliest `occurred_at` of the entity and of its revisions."""


@dataclass(frozen=True, slots=True)
class RecordedRevisions:
    """The revisions of an entity that a new one is compared with: the last recorded one, and all at some times."""

    last_sequence: int
    last_digest: str
    of_times: tuple[Revision, ...]

    @classmethod
    def of(cls, last: Revision, of_times: Iterable[Revision]) -> "RecordedRevisions":
        """Return the revisions that are needed for new ones: the last, and those at the same times."""
        assert last.digest is not None, "batches are validated under a scope of everything"
        return cls(last.sequence, last.digest, tuple(of_times))


class RecordedState(Protocol):
    """The state that an engine has recorded when a batch is validated, whoever may read it."""

    def entities(self, ids: Collection[str]) -> dict[str, RecordedEntity]:
        """Return the recorded entities by id."""

    def associations(self, keys: Collection[AssociationKey]) -> dict[AssociationKey, tuple[int | None, str]]:
        """Return `occurred_at` and digest of the recorded associations."""

    def revisions(self, times: Mapping[int, Collection[int]]) -> dict[int, "RecordedRevisions"]:
        """Return, by entity key, the last revision and those at these times, for each entity that has revisions."""

    def observations(self, keys: Collection[ObservationKey]) -> set[ObservationKey]:
        """Return the recorded ones of these observations, and possibly others."""

    def entity(self, key: int) -> NewEntity:
        """Return a recorded entity, as first recorded."""

    def association(self, key: AssociationKey) -> NewAssociation:
        """Return a recorded association, as first recorded."""

    def new_key(self, id: str, kind: EntityKind) -> int:
        """Return a key for a new entity."""


@dataclass(frozen=True, slots=True)
class ValidatedEntity:
    """A new entity with its id, URN and digest; its `occurred_at` is set."""

    id: str
    urn: str
    entity: NewEntity
    digest: str


class BatchValidation:
    """The validation of one batch at the time `at`. After `validate`, the attributes hold the new parts."""

    def __init__(self, recorded_state: RecordedState, batch: Batch, urns: list[str], at: int) -> None:
        self.recorded_state, self.batch, self.urns, self.at = recorded_state, batch, urns, at
        self.outcome = Outcome()
        self.entities: dict[int, ValidatedEntity] = {}
        self.associations: dict[AssociationKey, tuple[NewAssociation, str]] = {}
        self.revisions: list[tuple[int, int, NewRevision, str]] = []
        """Entity key, sequence number, the revision, its digest."""
        self.observations: set[ObservationKey] = set()
        self.known_from: dict[int, int] = {}
        """By key, the earliest time of each new entity, and of others that a revision moves to an earlier time."""
        self.property_keys: set[tuple[str, int, int]] = set()
        """For every property of the new parts: its key, the code of the kind, and the time from which it counts."""
        self.known: dict[str, RecordedEntity] = {}
        """By URN, the entities of the batch, and those that its associations, revisions and observations name."""
        self._problems: list[Problem] = []

    def validate(self) -> None:
        """Find the new parts; raise BatchRefused with all problems if there are any."""
        self._validate_entities()
        self._validate_associations()
        self._validate_revisions()
        self._validate_observations()
        if self._problems:
            raise BatchRefused(tuple(sorted(self._problems, key=_batch_order)))
        if self.entities or self.associations or self.revisions or self.observations:
            self.outcome.recorded_at = self.at

    def _validate_entities(self) -> None:
        ids = [entity_id(urn) for urn in self.urns]
        known = self.recorded_state.entities(ids) if ids else {}
        for index, (urn, id, entity) in enumerate(zip(self.urns, ids, self.batch.entities, strict=True)):
            recorded = known.get(id)
            self.outcome.entities.append(recorded is None)
            if recorded is None:
                timed = _with_time(entity, self.at)
                key = self.recorded_state.new_key(id, entity.kind)
                entity_digest = digest(entity_form(timed))
                self.entities[key] = ValidatedEntity(id, urn, timed, entity_digest)
                at = self.known_from[key] = timed.occurred_at or 0
                known[id] = self.known[urn] = RecordedEntity(urn, key, at, entity_digest, at)
                self._add_property_keys(timed, key, at)
                continue
            self.known[urn] = recorded
            if recorded.urn != urn:
                message = f"the id of {urn} is taken by {recorded.urn}."
                self._refuse(ProblemCode.INVALID_VALUE, message, "entities", index)
                continue
            form = entity_form(_with_time(entity, recorded.occurred_at))
            if digest(form) != recorded.digest:
                earlier = self.entities.get(recorded.key)
                first_recorded = earlier.entity if earlier else self.recorded_state.entity(recorded.key)
                self._conflict(urn, form, entity_form(first_recorded), "entities", index)

    def _validate_associations(self) -> None:
        batch = self.batch
        urns = {urn for association in batch.associations for urn in (association.source, association.destination)}
        urns |= {revision.entity for revision in batch.revisions}
        urns |= {revision.superseded_by for revision in batch.revisions if revision.superseded_by is not None}
        urns |= {observation.entity for observation in batch.observations}
        self._look_up(urns)
        keyed: list[tuple[int, NewAssociation, AssociationKey]] = []
        for index, association in enumerate(batch.associations):
            source = self._key(association.source, "associations", index, "source")
            destination = self._key(association.destination, "associations", index, "destination")
            if source is not None and destination is not None:
                key = (source, TYPE_CODES[association.type], destination, association.role or "")
                keyed.append((index, association, key))
        between_recorded = [key for _, _, key in keyed if key[0] not in self.entities and key[2] not in self.entities]
        known = self.recorded_state.associations(between_recorded) if between_recorded else {}
        self.outcome.associations = [False] * len(batch.associations)
        for index, association, key in keyed:
            if key not in known:
                association_digest = digest(association_form(association))
                self.associations[key] = (association, association_digest)
                known[key] = (association.occurred_at, association_digest)
                self.outcome.associations[index] = True
                continue
            occurred_at, recorded_digest = known[key]
            form = association_form(_with_time(association, occurred_at))
            if digest(form) != recorded_digest:
                earlier = self.associations.get(key)
                first_recorded = earlier[0] if earlier else self.recorded_state.association(key)
                name = f"{association.source} {association.type} {association.destination}"
                self._conflict(name, form, association_form(first_recorded), "associations", index)

    def _look_up(self, urns: Iterable[str]) -> None:
        by_id = {entity_id(urn): urn for urn in urns if urn not in self.known}
        for id, recorded in (self.recorded_state.entities(list(by_id)) if by_id else {}).items():
            if by_id[id] == recorded.urn:
                self.known[recorded.urn] = recorded

    def _validate_revisions(self) -> None:
        keyed: list[tuple[int, NewRevision, int]] = []
        for index, revision in enumerate(self.batch.revisions):
            key = self._key(revision.entity, "revisions", index, "entity")
            if revision.superseded_by is not None:
                self._key(revision.superseded_by, "revisions", index, "supersededBy")
            if key is not None:
                keyed.append((index, revision, key))
        times: defaultdict[int, set[int]] = defaultdict(set)
        for _, revision, key in keyed:
            if key not in self.entities:
                times[key] |= set() if revision.occurred_at is None else {revision.occurred_at}
        recorded = self.recorded_state.revisions(times) if times else {}
        last = {key: (revisions.last_sequence, revisions.last_digest) for key, revisions in recorded.items()}
        same_time: defaultdict[tuple[int, int | None], list[tuple[int, NewRevision]]] = defaultdict(list)
        for key, revisions in recorded.items():
            for earlier in sorted(revisions.of_times, key=lambda revision: revision.sequence):
                same_time[key, earlier.occurred_at].append((earlier.sequence, as_new_revision(earlier, "")))
        self.outcome.revisions = [False] * len(self.batch.revisions)
        self.outcome.sequences = [0] * len(self.batch.revisions)
        for index, revision, key in keyed:
            timed = _with_time(revision, self.at)
            candidates = [] if revision.occurred_at is None else same_time[key, revision.occurred_at]
            equal = [sequence for sequence, earlier in candidates if _is_equal(earlier, timed)]
            if equal:
                self.outcome.sequences[index] = equal[0]
                continue
            last_sequence, previous_digest = last.get(key, (0, None))
            sequence, entity = last_sequence + 1, self.known[revision.entity]
            at, known_from = timed.occurred_at or 0, self.known_from.get(key, entity.known_from)
            if at < known_from:
                self._move_back(key, at)
            elif timed.is_sighting:
                continue
            revision_digest = digest(revision_form(timed, entity.digest, previous_digest, sequence))
            last[key] = sequence, revision_digest
            same_time[key, at].append((sequence, timed))
            self.revisions.append((key, sequence, timed, revision_digest))
            self._add_property_keys(timed, key, at)
            self.outcome.revisions[index], self.outcome.sequences[index] = True, sequence

    def _move_back(self, key: int, at: int) -> None:
        """Set an earlier time from which an entity is known, and with it the properties of its record."""
        self.known_from[key] = at
        new = self.entities.get(key)
        self._add_property_keys(new.entity if new else self.recorded_state.entity(key), key, at)

    def _validate_observations(self) -> None:
        keyed: list[tuple[int, ObservationKey]] = []
        for index, observation in enumerate(self.batch.observations):
            key = self._key(observation.entity, "observations", index, "entity")
            if key is not None:
                at = self.at if observation.occurred_at is None else observation.occurred_at
                keyed.append((index, (key, observation.metric, observation.step, at, sortable(observation.value))))
        of_recorded = {observation_key for _, observation_key in keyed if observation_key[0] not in self.entities}
        known = self.recorded_state.observations(of_recorded) if of_recorded else set()
        self.outcome.observations = [False] * len(self.batch.observations)
        for index, observation_key in keyed:
            if observation_key not in known and observation_key not in self.observations:
                self.observations.add(observation_key)
                self.outcome.observations[index] = True

    def _add_property_keys(self, part: NewEntity | NewRevision, key: int, occurred_at: int) -> None:
        self.property_keys.update((property.key, key & KIND_MASK, occurred_at) for property in part.properties)

    def _key(self, urn: str, *path: str | int) -> int | None:
        entity = self.known.get(urn)
        if entity is None:
            self._refuse(ProblemCode.NOT_FOUND, not_recorded(urn), *path)
            return None
        return entity.key

    def _conflict(self, name: str, form: dict[str, object], recorded: dict[str, object], *path: str | int) -> None:
        fields = differing_fields(form, recorded)
        self._problems.append(Problem(ProblemCode.IMMUTABLE_CONFLICT, conflicting(name, fields), path, fields))

    def _refuse(self, code: ProblemCode, message: str, *path: str | int) -> None:
        self._problems.append(Problem(code, message, path))


def _batch_order(problem: Problem) -> tuple[int, int]:
    parts = ("entities", "associations", "revisions", "observations")
    return parts.index(str(problem.path[0])), int(problem.path[1])


def _with_time(part: Part, occurred_at: int | None) -> Part:
    return part if part.occurred_at is not None else replace(part, occurred_at=occurred_at)


def _is_equal(left: NewRevision, right: NewRevision) -> bool:
    return (
        left.occurred_at == right.occurred_at
        and set(left.removed) == set(right.removed)
        and revision_set_form(left) == revision_set_form(right)
    )
