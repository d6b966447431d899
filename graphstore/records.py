"""The records that a store returns: frozen, each with the view under which it was read.

Times are microseconds since 1970-01-01T00:00:00Z. Nested reads of a record use the record's own `view`, so that an
answer shows one moment, however deep it goes.
"""

from dataclasses import dataclass, field
from typing import Final

from lineal.auth.scopes import Scope
from lineal.graphstore.kinds import LINEAGE_TYPE, AssociationType, EntityKind, EntityStatus, LineageType, SourceIdType
from lineal.graphstore.values import Property


@dataclass(frozen=True, slots=True)
class AsOf:
    """The moment of a read: it sees nothing that was recorded or that occurred later.

    `recorded_at` is a watermark: the time of the newest visible batch, or an earlier time. `occurred_at` None means any
    time.
    """

    recorded_at: int
    occurred_at: int | None = None


@dataclass(frozen=True, slots=True)
class View:
    """The scope and the moment of a read: an argument of every read verb."""

    scope: Scope
    as_of: AsOf


@dataclass(frozen=True, slots=True)
class SourceId:
    """A typed digest or storage version of the content at a source."""

    type: SourceIdType
    value: str


@dataclass(frozen=True, slots=True)
class Source:
    """The address of an entity's content.

    `type` is free text: S3, GIT, OCI, HTTP, FILE. `ids` are sorted by (type, value).
    """

    uri: str | None = None
    type: str | None = None
    ids: tuple[SourceId, ...] = ()


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity as read: its record with the revisions of its view applied.

    `occurred_at` is the earliest of the times of the record and its revisions; for an entity as first recorded, the
    time of the record. `tags` are sorted by code point; `properties` by key, each key once, without those that the
    view's scope hides. `digest` is 64 hexadecimal digits of SHA-256, or None where the scope may hide a property key of
    the entity.
    """

    id: str
    urn: str
    account: str
    kind: EntityKind
    name: str
    version: str | None
    type: str | None
    description: str | None
    title: str | None
    """A name for people, where `name` is a number or an id."""
    status: EntityStatus | None
    source: Source | None
    tags: tuple[str, ...]
    properties: tuple[Property, ...]
    occurred_at: int
    recorded_at: int
    recorded_by: str
    digest: str | None
    view: View = field(compare=False, repr=False)

    @property
    def lineage_type(self) -> LineageType:
        """The lineage type of the entity's kind."""
        return LINEAGE_TYPE[self.kind]


RESTRICTED_URN: Final = "lineal:restricted:"
"""The start of the URN of a restricted entity; its masked id follows."""


@dataclass(frozen=True, slots=True)
class Restricted:
    """The record of a masked entity, which the caller may not read: it shows only that the entity exists.

    `id` is `Scope.masked_id` of the entity's id; no read verb accepts it.
    """

    id: str
    view: View = field(compare=False, repr=False)
    account: str = field(default="restricted", init=False)
    kind: EntityKind = field(default=EntityKind.RESTRICTED, init=False)
    lineage_type: LineageType = field(default=LineageType.RESTRICTED, init=False)
    name: str = field(default="restricted", init=False)
    version: None = field(default=None, init=False)
    type: None = field(default=None, init=False)
    description: None = field(default=None, init=False)
    title: None = field(default=None, init=False)
    status: None = field(default=None, init=False)
    source: None = field(default=None, init=False)
    tags: tuple[str, ...] = field(default=(), init=False)
    properties: tuple[Property, ...] = field(default=(), init=False)
    occurred_at: None = field(default=None, init=False)
    recorded_at: None = field(default=None, init=False)
    recorded_by: str = field(default="restricted", init=False)
    digest: None = field(default=None, init=False)

    @property
    def urn(self) -> str:
        """The URN under which the entity is shown and sorted, and which identifies it."""
        return RESTRICTED_URN + self.id


@dataclass(frozen=True, slots=True)
class Association:
    """A directed association, from upstream to downstream, without the properties that the scope hides at either end.

    An association that was recorded without `occurred_at` has the later of the times of its ends; as first recorded, it
    has None.

    An association with a restricted end has a type, its ends (a restricted one by its restricted id and URN), and
    "restricted" as `recorded_by`. All associations of one type between the same two entities are shown as one. Its id
    is `Scope.masked_id` of the id of the association of this type without a role. `digest` is None then, and also if
    keys of an end may be hidden.
    """

    id: str
    source_id: str
    source_urn: str
    destination_id: str
    destination_urn: str
    type: AssociationType
    role: str | None
    properties: tuple[Property, ...]
    occurred_at: int | None
    recorded_at: int | None
    recorded_by: str
    digest: str | None
    view: View = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Revision:
    """One appended change to an entity: the fields that it sets, and the property keys that it removes.

    None means unchanged; empty `tags` clear the tags. `rank` orders revisions of the same `occurred_at`, before
    `sequence` does. If the scope may hide keys of the entity, the revision has no hidden keys and no digest, revisions
    that would then change nothing are left out, and `sequence` counts the remaining ones.
    """

    entity_id: str
    sequence: int
    status: EntityStatus | None
    tags: tuple[str, ...] | None
    description: str | None
    title: str | None
    properties: tuple[Property, ...]
    removed: tuple[str, ...]
    superseded_by: str | None
    """The URN of the entity that supersedes this one."""
    occurred_at: int
    rank: int
    recorded_at: int
    recorded_by: str
    digest: str | None
    view: View = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Observation:
    """One value of a metric of an entity, at a step and a time. A NaN value is always `math.nan`."""

    entity_id: str
    metric: str
    step: int
    value: float
    occurred_at: int
    recorded_at: int
    recorded_by: str
    view: View = field(compare=False, repr=False)

    @property
    def step_text(self) -> str:
        """The step in decimal digits, which no client rounds."""
        return str(self.step)


@dataclass(frozen=True, slots=True)
class Metric:
    """A summary of the observations of one metric of an entity, of which the view has at least one.

    `last` is the value of the observation that is greatest by (step, occurred_at, value), where NaN is below all
    numbers. `min` and `max` ignore NaN values, which `nan_count` counts; they are None if all values are NaN.
    """

    entity_id: str
    name: str
    last: float
    min: float | None
    max: float | None
    count: int
    nan_count: int
    view: View = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A summary of consecutive observations of a series.

    `count` counts all observations, `nan_count` those whose value is NaN. Of several equal extremes, `min` and `max`
    are the first. They ignore NaN values, and are None if all values are NaN.
    """

    count: int
    nan_count: int
    first: Observation
    last: Observation
    min: Observation | None
    max: Observation | None
