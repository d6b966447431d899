"""A batch judged against what stands: what of it is new, and what is wrong with it. The same over every engine."""

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

KEPT_MICROSECONDS: Final = 24 * 3600 * 1_000_000
"""How long an idempotency key counts."""

IDEMPOTENCY_MISMATCH: Final = Problem(
    ProblemCode.IDEMPOTENCY_MISMATCH,
    "This idempotencyKey was used for another request in the last 24 hours: use a new one.",
    ("idempotencyKey",),
)

Part = TypeVar("Part", NewEntity, NewAssociation, NewRevision)


def now() -> int:
    """Microseconds since 1970."""
    return time_ns() // 1000


@dataclass(slots=True)
class Outcome:
    """What became of a batch: which parts are new, and which revision each became."""

    recorded_at: int | None = None
    entities: list[bool] = field(default_factory=list)
    associations: list[bool] = field(default_factory=list)
    revisions: list[bool] = field(default_factory=list)
    sequences: list[int] = field(default_factory=list)
    observations: list[bool] = field(default_factory=list)

    def packed(self) -> str:
        """As text, to be kept beside an idempotency key."""
        parts = (self.entities, self.associations, self.revisions, self.sequences, self.observations)
        return packed([self.recorded_at, *parts])

    @classmethod
    def unpacked(cls, text: str) -> "Outcome":
        """What `packed` made a text of."""
        return cls(*orjson.loads(text))


@dataclass(frozen=True, slots=True)
class Stands:
    """An entity that stands."""

    urn: str
    key: int
    occurred_at: int
    digest: str
    known_from: int
    """The earliest `occurred_at` of the entity and of its revisions."""


@dataclass(frozen=True, slots=True)
class RecordedRevisions:
    """The revisions of an entity that a new one is compared with: the last one recorded, and all of some times."""

    last_sequence: int
    last_digest: str
    of_times: tuple[Revision, ...]

    @classmethod
    def of(cls, revisions: Collection[Revision], times: Collection[int]) -> "RecordedRevisions":
        """From all revisions of an entity, at least one."""
        last = max(revisions, key=lambda each: each.sequence)
        assert last.digest is not None, "batches are validated under a scope of everything"
        return cls(last.sequence, last.digest, tuple(each for each in revisions if each.occurred_at in times))


class RecordedState(Protocol):
    """What stands in an engine, whoever may see it, at the moment a batch is judged."""

    def entities(self, ids: Collection[str]) -> dict[str, Stands]:
        """By id, those that stand."""

    def associations(self, keys: Collection[AssociationKey]) -> dict[AssociationKey, tuple[int | None, str]]:
        """`occurred_at` and digest of those that stand."""

    def revisions(self, times: Mapping[int, Collection[int]]) -> dict[int, "RecordedRevisions"]:
        """For each entity key that has revisions: those at its times, and the last one."""

    def observations(self, keys: Collection[ObservationKey]) -> set[ObservationKey]:
        """Those observations that stand, and maybe others."""

    def entity(self, key: int) -> NewEntity:
        """One that stands, as first recorded."""

    def association(self, key: AssociationKey) -> NewAssociation:
        """One that stands, as first recorded."""

    def new_key(self, id: str, kind: EntityKind) -> int:
        """A key for an entity to be."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An entity to write, with its id, urn and digest; its `occurred_at` is settled."""

    id: str
    urn: str
    entity: NewEntity
    digest: str


class BatchValidation:
    """One batch, judged at the moment `at`. `judge` fills in what is new, or raises BatchRefused with all problems."""

    def __init__(self, standing: RecordedState, batch: Batch, urns: list[str], at: int) -> None:
        self.standing, self.batch, self.urns, self.at = standing, batch, urns, at
        self.outcome = Outcome()
        self.entities: dict[int, Judged] = {}
        self.associations: dict[AssociationKey, tuple[NewAssociation, str]] = {}
        self.revisions: list[tuple[int, int, NewRevision, str]] = []
        """Entity key, sequence, the revision, its digest."""
        self.observations: set[ObservationKey] = set()
        self.known_from: dict[int, int] = {}
        """The earliest time of every new entity, by key, and of every other that a revision moves it back for."""
        self.property_keys: set[tuple[str, int, int]] = set()
        """Key, code of kind, and the moment it counts from, of every property in what is new."""
        self.known: dict[str, Stands] = {}
        """By urn: every entity of the batch, and what its associations and revisions name."""
        self._problems: list[Problem] = []

    def judge(self) -> None:
        """Find what is new, and what is wrong."""
        self._judge_entities()
        self._judge_associations()
        self._judge_revisions()
        self._judge_observations()
        if self._problems:
            raise BatchRefused(tuple(sorted(self._problems, key=_place)))
        if self.entities or self.associations or self.revisions or self.observations:
            self.outcome.recorded_at = self.at

    def _judge_entities(self) -> None:
        ids = [entity_id(urn) for urn in self.urns]
        standing = self.standing.entities(ids) if ids else {}
        for index, (urn, id, entity) in enumerate(zip(self.urns, ids, self.batch.entities, strict=True)):
            stands = standing.get(id)
            self.outcome.entities.append(stands is None)
            if stands is None:
                settled = _settled(entity, self.at)
                key = self.standing.new_key(id, entity.kind)
                kept = digest(entity_form(settled))
                self.entities[key] = Judged(id, urn, settled, kept)
                at = self.known_from[key] = settled.occurred_at or 0
                standing[id] = self.known[urn] = Stands(urn, key, at, kept, at)
                self._note_keys(settled, key, at)
                continue
            self.known[urn] = stands
            if stands.urn != urn:
                self._refuse(ProblemCode.INVALID_VALUE, f"the id of {urn} is taken by {stands.urn}.", "entities", index)
                continue
            form = entity_form(_settled(entity, stands.occurred_at))
            if digest(form) != stands.digest:
                first = self.entities.get(stands.key)
                before = first.entity if first else self.standing.entity(stands.key)
                self._conflict(urn, form, entity_form(before), "entities", index)

    def _judge_associations(self) -> None:
        batch = self.batch
        named = {urn for each in batch.associations for urn in (each.source, each.destination)}
        named |= {revision.entity for revision in batch.revisions}
        named |= {revision.superseded_by for revision in batch.revisions if revision.superseded_by is not None}
        named |= {observation.entity for observation in batch.observations}
        self._look_up(named)
        entity_groups: list[tuple[int, NewAssociation, AssociationKey]] = []
        for index, association in enumerate(batch.associations):
            source = self._key(association.source, "associations", index, "source")
            destination = self._key(association.destination, "associations", index, "destination")
            if source is not None and destination is not None:
                key = (source, TYPE_CODES[association.type], destination, association.role or "")
                entity_groups.append((index, association, key))
        old = [key for _, _, key in entity_groups if key[0] not in self.entities and key[2] not in self.entities]
        standing = self.standing.associations(old) if old else {}
        self.outcome.associations = [False] * len(batch.associations)
        for index, association, key in entity_groups:
            if key not in standing:
                kept = digest(association_form(association))
                self.associations[key] = (association, kept)
                standing[key] = (association.occurred_at, kept)
                self.outcome.associations[index] = True
                continue
            occurred_at, kept = standing[key]
            form = association_form(_settled(association, occurred_at))
            if digest(form) != kept:
                before = self.associations[key][0] if key in self.associations else self.standing.association(key)
                name = f"{association.source} {association.type} {association.destination}"
                self._conflict(name, form, association_form(before), "associations", index)

    def _look_up(self, urns: Iterable[str]) -> None:
        by_id = {entity_id(urn): urn for urn in urns if urn not in self.known}
        for id, stands in (self.standing.entities(list(by_id)) if by_id else {}).items():
            if by_id[id] == stands.urn:
                self.known[stands.urn] = stands

    def _judge_revisions(self) -> None:
        wanted: list[tuple[int, NewRevision, int]] = []
        for index, revision in enumerate(self.batch.revisions):
            key = self._key(revision.entity, "revisions", index, "entity")
            if revision.superseded_by is not None:
                self._key(revision.superseded_by, "revisions", index, "supersededBy")
            if key is not None:
                wanted.append((index, revision, key))
        times: defaultdict[int, set[int]] = defaultdict(set)
        for _, revision, key in wanted:
            if key not in self.entities:
                times[key] |= set() if revision.occurred_at is None else {revision.occurred_at}
        recorded = self.standing.revisions(times) if times else {}
        last = {key: (each.last_sequence, each.last_digest) for key, each in recorded.items()}
        alike: defaultdict[tuple[int, int | None], list[tuple[int, NewRevision]]] = defaultdict(list)
        for key, each in recorded.items():
            for known in sorted(each.of_times, key=lambda known: known.sequence):
                alike[key, known.occurred_at].append((known.sequence, as_new_revision(known, "")))
        self.outcome.revisions = [False] * len(self.batch.revisions)
        self.outcome.sequences = [0] * len(self.batch.revisions)
        for index, revision, key in wanted:
            settled = _settled(revision, self.at)
            candidates = [] if revision.occurred_at is None else alike[key, revision.occurred_at]
            same = [sequence for sequence, known in candidates if _is_same(known, settled)]
            if same:
                self.outcome.sequences[index] = same[0]
                continue
            last_sequence, previous = last.get(key, (0, None))
            sequence, stands = last_sequence + 1, self.known[revision.entity]
            at, known_from = settled.occurred_at or 0, self.known_from.get(key, stands.known_from)
            if at < known_from:
                self._move_back(key, at)
            elif settled.is_sighting:
                continue
            kept = digest(revision_form(settled, stands.digest, previous, sequence))
            last[key] = sequence, kept
            alike[key, at].append((sequence, settled))
            self.revisions.append((key, sequence, settled, kept))
            self._note_keys(settled, key, at)
            self.outcome.revisions[index], self.outcome.sequences[index] = True, sequence

    def _move_back(self, key: int, at: int) -> None:
        """Let an entity be known from an earlier time on, and with it the properties of its record."""
        self.known_from[key] = at
        first = self.entities.get(key)
        self._note_keys(first.entity if first else self.standing.entity(key), key, at)

    def _judge_observations(self) -> None:
        wanted: list[tuple[int, ObservationKey]] = []
        for index, observation in enumerate(self.batch.observations):
            key = self._key(observation.entity, "observations", index, "entity")
            if key is not None:
                at = self.at if observation.occurred_at is None else observation.occurred_at
                wanted.append((index, (key, observation.metric, observation.step, at, sortable(observation.value))))
        old = {place for _, place in wanted if place[0] not in self.entities}
        standing = self.standing.observations(old) if old else set()
        self.outcome.observations = [False] * len(self.batch.observations)
        for index, place in wanted:
            if place not in standing and place not in self.observations:
                self.observations.add(place)
                self.outcome.observations[index] = True

    def _note_keys(self, part: NewEntity | NewRevision, key: int, occurred_at: int) -> None:
        self.property_keys.update((property.key, key & KIND_MASK, occurred_at) for property in part.properties)

    def _key(self, urn: str, *path: str | int) -> int | None:
        stands = self.known.get(urn)
        if stands is None:
            self._refuse(ProblemCode.NOT_FOUND, not_recorded(urn), *path)
        return None if stands is None else stands.key

    def _conflict(self, name: str, form: dict[str, object], standing: dict[str, object], *path: str | int) -> None:
        fields = differing_fields(form, standing)
        self._problems.append(Problem(ProblemCode.IMMUTABLE_CONFLICT, conflicting(name, fields), path, fields))

    def _refuse(self, code: ProblemCode, message: str, *path: str | int) -> None:
        self._problems.append(Problem(code, message, path))


def _place(problem: Problem) -> tuple[int, int]:
    parts = ("entities", "associations", "revisions", "observations")
    return parts.index(str(problem.path[0])), int(problem.path[1])


def _settled(part: Part, occurred_at: int | None) -> Part:
    return part if part.occurred_at is not None else replace(part, occurred_at=occurred_at)


def _is_same(left: NewRevision, right: NewRevision) -> bool:
    return (
        left.occurred_at == right.occurred_at
        and set(left.removed) == set(right.removed)
        and revision_set_form(left) == revision_set_form(right)
    )
