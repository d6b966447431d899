"""What a store gives back: frozen records, each carrying the view it was read under.

Times are microseconds since 1970-01-01T00:00:00Z. Nested reads of a record use its own `view`, so that an answer is
of one moment however deep it goes.
"""

from dataclasses import dataclass, field
from typing import Final

from lineal.auth.scopes import Scope
from lineal.graphstore.kinds import LINEAGE_TYPE, AssociationType, EntityKind, EntityStatus, LineageType, SourceIdType
from lineal.graphstore.values import Property


@dataclass(frozen=True, slots=True)
class AsOf:
    """The moment a read is of: nothing recorded, or occurred, later than it exists.

    `recorded_at` is a watermark: the newest visible batch's time, or an earlier one. `occurred_at` None: any.
    """

    recorded_at: int
    occurred_at: int | None = None


@dataclass(frozen=True, slots=True)
class View:
    """Who reads, and as of when: an argument of every read verb."""

    scope: Scope
    as_of: AsOf


@dataclass(frozen=True, slots=True)
class SourceId:
    """A typed digest or storage version of what a source names."""

    type: SourceIdType
    value: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where the thing lies. `type` is an open word: S3, GIT, OCI, HTTP, FILE. `ids` in order of (type, value)."""

    uri: str | None = None
    type: str | None = None
    ids: tuple[SourceId, ...] = ()


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity as read: its record with the revisions of its view folded in.

    `occurred_at` is the earliest of the record's and its revisions', or, of one as first recorded, the record's own.
    `tags` by code point; `properties` by key, each key once, without those the view's scope hides. `digest` is 64
    hexadecimal digits of SHA-256; None where the scope may hide some property key of it.
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
    """What people read where the name is a number or an id."""
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
        """The family its kind belongs to."""
        return LINEAGE_TYPE[self.kind]


RESTRICTED_URN: Final = "lineal:restricted:"
"""Begins the urn under which a restricted entity is shown; its id ends it."""


@dataclass(frozen=True, slots=True)
class Restricted:
    """What a caller is shown of an entity it may not read, where its owner masks it: that it is there, and no more.

    `id` is `Scope.masked_id` of the entity's; no read verb takes it.
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
        """The urn it is shown, sorted and told apart by."""
        return RESTRICTED_URN + self.id


@dataclass(frozen=True, slots=True)
class Association:
    """A directed association, upstream to downstream, without the properties that the scope hides of either end.

    Recorded without `occurred_at`, it has the later of its ends', or, of one as first recorded, none.
    Beside a restricted end it has a type and ends, by their restricted ids and urns, and `recorded_by` "restricted";
    however many of a type there are between the same two, they are one. Its id is then `Scope.masked_id` of that of
    the association of this type without a role. `digest` is None there, and beside an end whose keys may be hidden.
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
    """One appended change to an entity: what it sets, and which property keys it removes.

    None means untouched; empty `tags` clear them. `rank` orders revisions of one `occurred_at` before `sequence` does.
    Where the scope may hide keys of the entity: without those, without a digest, without the revisions that would then
    have changed nothing, and `sequence` counts those that are left.
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
    """The urn of the entity that takes this one's place."""
    occurred_at: int
    rank: int
    recorded_at: int
    recorded_by: str
    digest: str | None
    view: View = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Observation:
    """One value of an entity's metric: at a step, and a time. The value may be NaN, which is always `math.nan`."""

    entity_id: str
    metric: str
    step: int
    value: float
    occurred_at: int
    recorded_at: int
    recorded_by: str
    view: View = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Metric:
    """What an entity's observations of a metric come to, at least one in the view.

    `last` is the value of the greatest (step, occurred_at, value), NaN below all numbers. `min` and `max` leave NaN
    out, of which there are `nan_count`: they are None where all values are NaN.
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
    """Neighbours in a series, in its order: how many, how many NaN, the first and the last, and the extremes.

    Of several that are as small, or as great, `min` and `max` are the first; they leave NaN out, and are None where all
    are NaN.
    """

    count: int
    nan_count: int
    first: Observation
    last: Observation
    min: Observation | None
    max: Observation | None
