"""Questions to a store: filters, positions, and the queries themselves, as frozen, hashable data.

A field that is None (or False) sets no condition. Filters mean the same on every engine; `filter_compiler` applies
these rules once for all engines:

- All conditions must hold. An empty filter matches everything. An empty list of texts, `in_` or `or_` matches nothing;
  an empty `and_` or `property` matches everything. `tag` requires any of its tags, `property` all of its conditions.
- A missing field or property satisfies only `exists=False`, and a `not_` of any other condition.
- Values of different types are never equal, and an ordering across types is false. Integers and floats compare as
  numbers, exactly; strings by code point. Booleans and JSON have no order; JSON values are equal if their canonical
  texts are.
- A STRING operand is parsed when it is compared with a property of another type. For a number, it must be an integer in
  decimal (`"9007199254740993"`, from clients with less precise numbers; no plus, no leading zeros). For a TIMESTAMP, it
  must be an RFC 3339 time, or a date, which means its beginning in UTC. An operand that cannot be parsed counts as
  a value of another type. With a STRING property it is compared as text, whatever it contains.
- `contains` and `starts_with` hold for strings only. `ignore_case` applies Unicode full case folding to both sides, for
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
    """A value to compare with, and its type, so that 1, true and "a" differ. JSON is canonical text."""

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
    """A condition on a time in microseconds. Every bound that is set must hold."""

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
    """The field by which entities as read are ordered; PROPERTY for the property of a key."""

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
    """An order of entities by a field as read; `property_key` is set if the field is PROPERTY.

    Texts are ordered by code point, times and numbers by value, kinds and statuses by their names. Properties of
    several types are ordered by type: booleans (false first), numbers, strings, timestamps, JSON by canonical text.
    `descending` reverses all of that. Entities without the field, or with a hidden property, come last in either
    direction; ties are by URN, ascending.
    """

    field: EntityOrderField = EntityOrderField.URN
    property_key: str | None = None
    descending: bool = False


BY_URN: Final = Ordering()
NEWEST_FIRST: Final = Ordering(EntityOrderField.OCCURRED_AT, descending=True)


@dataclass(frozen=True, slots=True)
class EntityPosition:
    """A position in any order of entities: after the entity of this URN.

    The value by which that entity is sorted is looked up in the question's view, even if the current scope does not
    show the entity (what was once shown is no secret), except a property that the scope hides. A position whose entity
    does not exist is sorted like an entity without the field.
    """

    urn: str


UNMEASURED: Final = 2**62
"""The distance in the position of an entity that is reached only across hidden entities: after all others."""


@dataclass(frozen=True, slots=True)
class ReachPosition:
    """A position in the order (distance, URN) of reached entities; UNMEASURED for an entity without a distance."""

    distance: int
    urn: str


@dataclass(frozen=True, slots=True)
class AssociationPosition:
    """A position in the order (source URN, destination URN, type, role); no role comes before any role."""

    source_urn: str
    destination_urn: str
    type: AssociationType
    role: str | None


@dataclass(frozen=True, slots=True)
class RevisionPosition:
    """A position in the order in which revisions are applied."""

    occurred_at: int
    rank: int
    sequence: int


@dataclass(frozen=True, slots=True)
class ObservationPosition:
    """A position in a series, in the order (step, occurred_at, value), with the value in its sortable form."""

    step: int
    occurred_at: int
    sortable: int


@dataclass(frozen=True, slots=True)
class Find:
    """A page of the entities that match `where` and whose text contains the words of `search` (see `full_text`).

    A `search` without words matches all entities. `within` is the id of a group that is not a default group, and
    restricts the page to the entities in it; for the default group of an account, filter by the account instead.
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
    """The limits of a traversal: entities visited beyond the page's start, and seconds."""

    visits: int = 1_000_000
    seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Walk:
    """A traversal from `starts` (ids, at least one), independent of how its result is filtered and paged.

    `depth` None is unlimited; `stop_at`, `via` and `first_hop` None set no condition. `excluding` contains ids.
    `causal` crosses only associations along which data could have flowed; it is not allowed for CONNECTED, which has no
    direction of flow.
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
    """A page of the entities that a walk reaches. `with_paths` adds one shortest path to each entity of the page."""

    walk: Walk
    where: EntityFilter | None = None
    first: int = 20
    after: ReachPosition | None = None
    with_paths: bool = False


@dataclass(frozen=True, slots=True)
class ReachAssociations:
    """A page of the associations among the starts and all that a walk traversed and its filters allow.

    `up_to` is the `cut_at` of the reach page that it belongs to: associations beyond it are left out here too.
    """

    walk: Walk
    first: int = 100
    after: AssociationPosition | None = None
    up_to: ReachPosition | None = None


@dataclass(frozen=True, slots=True)
class AssociationsOf:
    """A page of the associations of one entity that a traversal in `direction` would cross from it.

    ASCENDANTS: those of which it is the destination; DESCENDANTS: the source; BOTH and CONNECTED: either. A SAME_AS is
    crossed both ways, so it is included in every direction.
    """

    view: View
    entity: str
    direction: LineageDirection = LineageDirection.BOTH
    via: AssociationFilter | None = None
    first: int = 20
    after: AssociationPosition | None = None


@dataclass(frozen=True, slots=True)
class HistoryOf:
    """A page of an entity's revisions in the order in which they are applied; `since` is the earliest time, if set."""

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
    """The metrics of which an entity has observations, by name; `names` None selects all."""

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
    """A series in at most `most` buckets (at least 1): of n observations, bucket i of m begins at index i*n//m.

    So there are never more buckets than observations, and their sizes differ by at most one.
    """

    view: View
    entity: str
    metric: str
    most: int
