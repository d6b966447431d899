"""What is sent to a store to be recorded: one atomic batch of entities, associations, revisions and observations."""

from dataclasses import dataclass, replace

from lineal.graphstore.kinds import AssociationType, EntityKind, EntityStatus
from lineal.graphstore.records import Association, Entity, Revision, Source
from lineal.graphstore.values import Property


@dataclass(frozen=True, slots=True)
class NewEntity:
    """An entity to record. Without `occurred_at` it takes the time of its recording, or matches what stands."""

    account: str
    kind: EntityKind
    name: str
    version: str | None = None
    type: str | None = None
    description: str | None = None
    status: EntityStatus | None = None
    source: Source | None = None
    tags: tuple[str, ...] = ()
    properties: tuple[Property, ...] = ()
    occurred_at: int | None = None
    title: str | None = None
    """What people read where the name is a number or an id."""


@dataclass(frozen=True, slots=True)
class NewAssociation:
    """An association to record between two urns, each of the same batch or recorded before.

    Without `occurred_at` it exists as soon as both its ends do.
    """

    source: str
    destination: str
    type: AssociationType
    role: str | None = None
    properties: tuple[Property, ...] = ()
    occurred_at: int | None = None


@dataclass(frozen=True, slots=True)
class NewRevision:
    """A revision to append to the entity of a urn, of the same batch or recorded before.

    None leaves a field as it is; with nothing set or removed it is a sighting, which only says that the entity existed
    at `occurred_at`. `removed` names property keys. `superseded_by` is the urn of a recorded entity. `rank`
    is 0; for the statuses of a run that other senders tell too, 1 while it runs and 2 where it has ended.
    """

    entity: str
    status: EntityStatus | None = None
    tags: tuple[str, ...] | None = None
    description: str | None = None
    properties: tuple[Property, ...] = ()
    removed: tuple[str, ...] = ()
    superseded_by: str | None = None
    occurred_at: int | None = None
    rank: int = 0
    title: str | None = None

    @property
    def is_sighting(self) -> bool:
        """Whether it sets and removes nothing."""
        return replace(self, entity="", occurred_at=None, rank=0) == NewRevision("")


@dataclass(frozen=True, slots=True)
class NewObservation:
    """A value of a metric to append to the entity of a urn, of the same batch or recorded before.

    `value` may be NaN or infinite; `step` is any integer of 64 bits. Without `occurred_at` it takes the time of its
    recording.
    """

    entity: str
    metric: str
    value: float
    step: int = 0
    occurred_at: int | None = None


NewPart = NewEntity | NewAssociation | NewRevision | NewObservation
"""A part of a batch, or of an export."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What is written together: all of it or none, seen by readers whole or not at all."""

    entities: tuple[NewEntity, ...] = ()
    associations: tuple[NewAssociation, ...] = ()
    revisions: tuple[NewRevision, ...] = ()
    observations: tuple[NewObservation, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it."""
        return not (self.entities or self.associations or self.revisions or self.observations)


@dataclass(frozen=True, slots=True)
class Idempotency:
    """A caller's promise that two requests under one key are one.

    `key` counts per principal for 24 hours; `fingerprint` is a digest of the request's content: the same key with
    another fingerprint is refused.
    """

    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a batch, in the batch's order.

    `recorded_at` is None where nothing was new. `..._is_new` tells for each part whether this batch wrote it: a repeat
    under the same idempotency key gives the answer the first sending gave. The records are as they stand after the
    batch, and are empty unless asked for; None is what the scope they were asked for under does not show, and every
    revision of an entity whose keys it may hide.
    """

    recorded_at: int | None
    entities_are_new: tuple[bool, ...]
    associations_are_new: tuple[bool, ...]
    revisions_are_new: tuple[bool, ...]
    observations_are_new: tuple[bool, ...]
    entities: tuple[Entity | None, ...] = ()
    associations: tuple[Association | None, ...] = ()
    revisions: tuple[Revision | None, ...] = ()
