"""The batch that a store records atomically: entities, associations, revisions and observations."""

from dataclasses import dataclass
from typing import Final

from lineal.graphstore.kinds import AssociationType, EntityKind, EntityStatus, PropertyType
from lineal.graphstore.records import Association, Entity, Revision, Source
from lineal.graphstore.values import Property


@dataclass(frozen=True, slots=True)
class NewEntity:
    """An entity to record.

    Without `occurred_at` it takes the time of its recording, or matches the entity that is recorded already.
    """

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
    """A name for people, where `name` is a number or an id."""


@dataclass(frozen=True, slots=True)
class NewAssociation:
    """An association to record between the entities with two URNs, of the same batch or recorded before.

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
    """A revision to append to the entity with a URN, of the same batch or recorded before.

    None leaves a field unchanged. A revision that sets and removes nothing is a sighting: it only states that the
    entity existed at `occurred_at`. `removed` lists property keys. `superseded_by` is the URN of a recorded entity.
    `rank` is 0, but for the statuses of a run that other senders report too, it is 1 while the run continues and 2 once
    it has ended.
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
        """Whether the revision sets and removes nothing."""
        texts = (self.status, self.tags, self.description, self.title, self.superseded_by)
        return not self.properties and not self.removed and texts == (None,) * 5


@dataclass(frozen=True, slots=True)
class NewObservation:
    """A value of a metric to append to the entity with a URN, of the same batch or recorded before.

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


LARGE_BATCH: Final = 20
"""The number of parts from which checking a batch may take milliseconds, and leaves the event loop."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Parts that are written as a whole or not at all, and become visible to readers together."""

    entities: tuple[NewEntity, ...] = ()
    associations: tuple[NewAssociation, ...] = ()
    revisions: tuple[NewRevision, ...] = ()
    observations: tuple[NewObservation, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether the batch has no parts."""
        return not (self.entities or self.associations or self.revisions or self.observations)

    @property
    def is_large(self) -> bool:
        """Whether checking the batch may take milliseconds: it has many parts, or many or JSON properties."""
        parts: tuple[NewEntity | NewAssociation | NewRevision, ...] = (
            *self.entities,
            *self.associations,
            *self.revisions,
        )
        if len(parts) + len(self.observations) > LARGE_BATCH:
            return True
        properties = [property for part in parts for property in part.properties]
        return len(properties) > 2 * LARGE_BATCH or any(each.type is PropertyType.JSON for each in properties)


@dataclass(frozen=True, slots=True)
class Idempotency:
    """A caller's promise that two requests with the same key are one request.

    `key` counts per principal for 24 hours. `fingerprint` is a digest of the request's content: a request with the same
    key and another fingerprint is refused.
    """

    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """The outcome of a batch, with its parts in the batch's order.

    `recorded_at` is None if no part was new. `..._are_new` shows for each part whether this batch wrote it; a repeat
    under the same idempotency key gets the outcome of the first request. The records are read after the batch, and are
    empty unless requested. A record is None if the requested scope does not show it, and so is every revision of an
    entity whose keys the scope may hide.
    """

    recorded_at: int | None
    entities_are_new: tuple[bool, ...]
    associations_are_new: tuple[bool, ...]
    revisions_are_new: tuple[bool, ...]
    observations_are_new: tuple[bool, ...]
    entities: tuple[Entity | None, ...] = ()
    associations: tuple[Association | None, ...] = ()
    revisions: tuple[Revision | None, ...] = ()
