"""Questions to a store: filters, pages and the queries themselves, as frozen, hashable data.

A field that is None (or False) asks nothing. Filters mean the same on every engine (`filter_compiler` settles what
follows, once for all engines):

- All fields that ask something must hold. An empty filter matches everything; an empty list of words, `in_` or `or_`
  matches nothing; an empty `and_` or `property` matches everything. `tag` is any-of, `property` all-of.
- A missing field or property satisfies only `exists=False`, and a `not_` of any other condition.
- Values of different types are never equal, and an ordering across types is false; integers and floats compare as
  numbers, exactly; strings by code point; booleans and JSON have no order; JSON is equal by canonical text.
- A STRING operand is compared with a property of another type as what it says: with a number as the integer that it is
  in decimal (`"9007199254740993"`, from clients whose numbers are less precise; no plus, no leading zeros), with a
  TIMESTAMP as the RFC 3339 time that it is, or as the beginning, in UTC, of the date that it is. One that says nothing
  of that type is of another type. With a STRING property it is compared as text, whatever it says.
- `contains` and `starts_with` hold for strings only. `ignore_case` is Unicode full case folding of both sides, for
  every operator of its filter.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lineal.graphstore.kinds import (
    AssociationType,
    Combine,
    EntityKind,
    EntityStatus,
    LineageDirection,
    LineageType,
    PropertyType,
)
from lineal.graphstore.records import View


@dataclass(frozen=True, slots=True)
class Operand:
    """A value to compare with, with its type, so that 1, true and "a" stay apart. JSON as canonical text."""

    type: PropertyType
    value: str | int | float | bool


@dataclass(frozen=True, slots=True)
class StringFilter:
    """A condition on a text field. Every operator that is set must hold."""

    eq: str | None = None
    ne: str | None = None
    in_: tuple[str, ...] | None = None
    contains: str | None = None
    starts_with: str | None = None
    exists: bool | None = None
    ignore_case: bool = False


@dataclass(frozen=True, slots=True)
class TimeFilter:
    """A condition on a time, in microseconds. Every bound that is set must hold."""

    gt: int | None = None
    gte: int | None = None
    lt: int | None = None
    lte: int | None = None


@dataclass(frozen=True, slots=True)
class PropertyFilter:
    """A condition on the property of a key. Every operator that is set must hold; without one, all entities match."""

    key: str
    eq: Operand | None = None
    ne: Operand | None = None
    gt: Operand | None = None
    gte: Operand | None = None
    lt: Operand | None = None
    lte: Operand | None = None
    in_: tuple[Operand, ...] | None = None
    contains: str | None = None
    starts_with: str | None = None
    exists: bool | None = None


@dataclass(frozen=True, slots=True)
class EntityFilter:
    """A condition on an entity as read."""

    kind: tuple[EntityKind, ...] | None = None
    lineage_type: tuple[LineageType, ...] | None = None
    type: tuple[str, ...] | None = None
    account: tuple[str, ...] | None = None
    urn: StringFilter | None = None
    name: StringFilter | None = None
    version: StringFilter | None = None
    source_uri: StringFilter | None = None
    status: tuple[EntityStatus, ...] | None = None
    tag: tuple[str, ...] | None = None
    occurred_at: TimeFilter | None = None
    recorded_at: TimeFilter | None = None
    recorded_by: StringFilter | None = None
    property: tuple[PropertyFilter, ...] | None = None
    and_: tuple["EntityFilter", ...] | None = None
    or_: tuple["EntityFilter", ...] | None = None
    not_: "EntityFilter | None" = None


@dataclass(frozen=True, slots=True)
class AssociationFilter:
    """A condition on an association."""

    type: tuple[AssociationType, ...] | None = None
    role: StringFilter | None = None
    occurred_at: TimeFilter | None = None
    recorded_at: TimeFilter | None = None
    property: tuple[PropertyFilter, ...] | None = None
    not_: "AssociationFilter | None" = None


class EntityOrderField(StrEnum):
    """The field that entities are ordered by, as read; PROPERTY for the property of a key."""

    URN = "URN"
    NAME = "NAME"
    VERSION = "VERSION"
    KIND = "KIND"
    ACCOUNT = "ACCOUNT"
    TYPE = "TYPE"
    STATUS = "STATUS"
    SOURCE_URI = "SOURCE_URI"
    OCCURRED_AT = "OCCURRED_AT"
    RECORDED_AT = "RECORDED_AT"
    RECORDED_BY = "RECORDED_BY"
    PROPERTY = "PROPERTY"


@dataclass(frozen=True, slots=True)
class Ordering:
    """An order of entities by a field as read; `property_key` where the field is PROPERTY.

    Texts by code point, times and numbers by value, kinds and statuses by their names; properties of several types:
    booleans (false first), numbers, strings, timestamps, JSON by canonical text. `descending` reverses all of that.
    An entity without the field, or whose property is hidden, comes last either way; ties are by urn, ascending.
    """

    field: EntityOrderField = EntityOrderField.URN
    property_key: str | None = None
    descending: bool = False


BY_URN: Final = Ordering()
NEWEST_FIRST: Final = Ordering(EntityOrderField.OCCURRED_AT, descending=True)


@dataclass(frozen=True, slots=True)
class EntityPosition:
    """A place in any order of entities: after the entity of this urn.

    What the entity is sorted by is looked up as of the question's view, whether or not the scope of the day still lets
    it be read (what was shown once is no secret), but for a property that the scope hides; where there is no such
    entity, it is sorted as one without the field.
    """

    urn: str


UNMEASURED: Final = 2**62
"""The distance in a position of what is reached only across hidden entities: after all others."""


@dataclass(frozen=True, slots=True)
class ReachPosition:
    """A place in the order (distance, urn) of what is reached; UNMEASURED where no distance is told."""

    distance: int
    urn: str


@dataclass(frozen=True, slots=True)
class AssociationPosition:
    """A place in the order (source urn, destination urn, type, role), no role before any role."""

    source_urn: str
    destination_urn: str
    type: AssociationType
    role: str | None


@dataclass(frozen=True, slots=True)
class RevisionPosition:
    """A place in the order revisions fold in."""

    occurred_at: int
    rank: int
    sequence: int


@dataclass(frozen=True, slots=True)
class ObservationPosition:
    """A place in a series: the order (step, occurred_at, value), with the value in its sortable form."""

    step: int
    occurred_at: int
    sortable: int


@dataclass(frozen=True, slots=True)
class Find:
    """A page of the entities that match `where`, and that `search` finds (see `words`; a text of no word finds all).

    Of those in a group only, where `within` is the id of one that is no default group: for that, ask for its account.
    """

    view: View
    where: EntityFilter = EntityFilter()
    order: Ordering = BY_URN
    first: int = 20
    after: EntityPosition | None = None
    within: str | None = None
    search: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a traversal may go: entities visited beyond the page's start, and seconds."""

    visits: int = 1_000_000
    seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Walk:
    """A traversal from `starts` (ids, at least one), however its answer is filtered and paged afterwards.

    `depth` None goes all the way; `stop_at`, `via` and `first_hop` None ask nothing. `excluding` holds ids.
    `causal` crosses only what could have flowed; not for CONNECTED, which has no direction to flow in.
    """

    view: View
    starts: tuple[str, ...]
    direction: LineageDirection
    combine: Combine = Combine.UNION
    excluding: tuple[str, ...] = ()
    depth: int | None = None
    stop_at: EntityFilter | None = None
    via: AssociationFilter | None = None
    first_hop: AssociationFilter | None = None
    causal: bool = False
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class Reach:
    """A page of what a walk reaches. `with_paths` asks for one shortest path to each entity of the page."""

    walk: Walk
    where: EntityFilter | None = None
    first: int = 20
    after: ReachPosition | None = None
    with_paths: bool = False


@dataclass(frozen=True, slots=True)
class ReachAssociations:
    """A page of the associations among the starts and everything a walk traversed, allowed by its filters.

    `up_to` is the `cut_at` of the page it belongs to: what lies beyond is left out here too.
    """

    walk: Walk
    first: int = 100
    after: AssociationPosition | None = None
    up_to: ReachPosition | None = None


@dataclass(frozen=True, slots=True)
class AssociationsOf:
    """A page of the associations of one entity that a traversal in `direction` would cross from it.

    ASCENDANTS: those it is the destination of; DESCENDANTS: the source of; BOTH and CONNECTED: either. A SAME_AS is
    crossed both ways, so it is among them in every direction.
    """

    view: View
    entity: str
    direction: LineageDirection = LineageDirection.BOTH
    via: AssociationFilter | None = None
    first: int = 20
    after: AssociationPosition | None = None


@dataclass(frozen=True, slots=True)
class HistoryOf:
    """A page of an entity's revisions in fold order; where `since` is set, of those that occurred then or later."""

    view: View
    entity: str
    first: int = 20
    after: RevisionPosition | None = None
    since: int | None = None


@dataclass(frozen=True, slots=True)
class PropertyKeys:
    """The property keys that start with a text, by code point."""

    view: View
    starts_with: str
    kind: EntityKind | None = None
    first: int = 20


@dataclass(frozen=True, slots=True)
class MetricsOf:
    """The metrics of an entity that has observations of them, by name; `names` None: all."""

    view: View
    entity: str
    names: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class SeriesOf:
    """A page of the observations of one metric of an entity, in the order (step, occurred_at, value)."""

    view: View
    entity: str
    metric: str
    first: int = 100
    after: ObservationPosition | None = None


@dataclass(frozen=True, slots=True)
class BucketsOf:
    """A series in at most `most` buckets (at least 1): of n observations, bucket i of m begins at place i*n//m.

    So there are never more buckets than observations, and each holds as many as any other, give or take one.
    """

    view: View
    entity: str
    metric: str
    most: int
