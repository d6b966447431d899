"""Input types: filters, and entities, associations and revisions to record."""

from typing import Optional

import strawberry
from strawberry import UNSET

from lineal.graphstore.kinds import (
    AssociationType,
    EntityKind,
    EntityStatus,
    LineageType,
    OrderDirection,
    SourceIdType,
)
from lineal.graphstore.queries import EntityOrderField
from lineal.schema.scalars import JSON, DateTime


@strawberry.input(
    description="Condition on a text field. All operators that are set must hold; an operator that is null is "
    "not set, and where none is set, every entity matches. A missing text satisfies only `exists: "
    "false`."
)
class StringFilter:
    eq: str | None = strawberry.field(default=UNSET, description="Equal to this.")
    ne: str | None = strawberry.field(default=UNSET, description="Present, and not equal to this.")
    in_: list[str] | None = strawberry.field(
        default=UNSET, description="Equal to one of these. An empty list matches nothing.", name="in"
    )
    contains: str | None = strawberry.field(default=UNSET, description="Contains this text.")
    starts_with: str | None = strawberry.field(default=UNSET, description="Starts with this text.")
    exists: bool | None = strawberry.field(default=UNSET, description="True: present. False: missing.")
    ignore_case: bool | None = strawberry.field(
        default=False, description="Compare without regard to case, by Unicode full case folding."
    )


@strawberry.input(
    description="Condition on a time. All bounds that are set must hold; a bound that is null is not set. A "
    "date without a time is its midnight in UTC."
)
class TimeFilter:
    gt: DateTime | None = strawberry.field(default=UNSET, description="Later than.")
    gte: DateTime | None = strawberry.field(default=UNSET, description="At or later than.")
    lt: DateTime | None = strawberry.field(default=UNSET, description="Earlier than.")
    lte: DateTime | None = strawberry.field(default=UNSET, description="At or earlier than.")


@strawberry.input(
    description="Condition on the property with a key. All operators that are set must hold, and at least one "
    "must be set; an operator that is null is not set. Values of different types are never equal, "
    "and order comparisons across types are false. Integers and floats compare as numbers, exactly. "
    "An operand that is a string is compared with a string property as text, with a number if it is "
    "a decimal integer (`9007199254740993`, without leading zeros), and with a timestamp if it is "
    "an RFC 3339 time, or a date, which stands for its midnight in UTC."
)
class PropertyFilter:
    key: str = strawberry.field(description="Key of the property.")
    eq: JSON | None = strawberry.field(default=UNSET, description="Equal to this.")
    ne: JSON | None = strawberry.field(default=UNSET, description="Present, and not equal to this.")
    gt: JSON | None = strawberry.field(default=UNSET, description="Greater than this.")
    gte: JSON | None = strawberry.field(default=UNSET, description="Greater than or equal to this.")
    lt: JSON | None = strawberry.field(default=UNSET, description="Less than this.")
    lte: JSON | None = strawberry.field(default=UNSET, description="Less than or equal to this.")
    in_: list[JSON] | None = strawberry.field(
        default=UNSET, description="Equal to one of these. An empty list matches nothing.", name="in"
    )
    contains: str | None = strawberry.field(default=UNSET, description="A string that contains this text.")
    starts_with: str | None = strawberry.field(default=UNSET, description="A string that starts with this text.")
    exists: bool | None = strawberry.field(default=UNSET, description="True: present. False: missing.")


@strawberry.input(
    description="Condition on an entity with its revisions applied. All fields that are set must hold; an "
    "empty filter matches every entity."
)
class EntityFilter:
    kind: list[EntityKind] | None = strawberry.field(default=None, description="Kind is one of these.")
    lineage_type: list[LineageType] | None = strawberry.field(
        default=None, description="Family of the kind is one of these."
    )
    type: list[str] | None = strawberry.field(default=None, description="Subtype (`type`) is one of these.")
    account: list[str] | None = strawberry.field(default=None, description="Owned by one of these accounts.")
    urn: StringFilter | None = strawberry.field(default=None, description="URN of the entity.")
    name: StringFilter | None = strawberry.field(default=None, description="Name of the entity.")
    version: StringFilter | None = strawberry.field(default=None, description="Version of the entity.")
    source_uri: StringFilter | None = strawberry.field(
        default=None, description="Address of the entity's content (`source.uri`)."
    )
    status: list[EntityStatus] | None = strawberry.field(default=None, description="Status is one of these.")
    tag: list[str] | None = strawberry.field(default=None, description="Has at least one of these tags.")
    occurred_at: TimeFilter | None = strawberry.field(
        default=None, description="Earliest time at which the entity is known to have existed in the world."
    )
    recorded_at: TimeFilter | None = strawberry.field(
        default=None, description="Time at which this server recorded it."
    )
    recorded_by: StringFilter | None = strawberry.field(
        default=None, description="Principal that recorded it, as `account/name`."
    )
    property: list[PropertyFilter] | None = strawberry.field(
        default=None, description="Conditions on properties; all must hold."
    )
    and_: list["EntityFilter"] | None = strawberry.field(
        default=None, description="All of these filters match; an empty list matches everything.", name="and"
    )
    or_: list["EntityFilter"] | None = strawberry.field(
        default=None, description="At least one of these filters matches; an empty list matches nothing.", name="or"
    )
    not_: Optional["EntityFilter"] = strawberry.field(
        default=None, description="Filter that must not match.", name="not"
    )


@strawberry.input(description="Order of entities; ties are broken by URN.")
class EntityOrder:
    field: EntityOrderField = strawberry.field(description="Field to sort by.")
    property_key: str | None = strawberry.field(
        default=None, description="Key of the property to sort by; required where the field is PROPERTY."
    )
    direction: OrderDirection | None = strawberry.field(
        default=OrderDirection.ASCENDING, description="Direction of the order; ASCENDING by default."
    )


@strawberry.input(
    description="Condition on an association. All fields that are set must hold; an empty filter matches "
    "every association."
)
class AssociationFilter:
    type: list[AssociationType] | None = strawberry.field(default=None, description="Type is one of these.")
    role: StringFilter | None = strawberry.field(default=None, description="Role of the source, for example `train`.")
    occurred_at: TimeFilter | None = strawberry.field(
        default=None,
        description="Time at which the source contributed; without one, the later of the ends' times.",
    )
    recorded_at: TimeFilter | None = strawberry.field(
        default=None, description="Time at which this server recorded it."
    )
    property: list[PropertyFilter] | None = strawberry.field(
        default=None, description="Conditions on properties; all must hold."
    )
    not_: Optional["AssociationFilter"] = strawberry.field(
        default=None, description="Filter that must not match.", name="not"
    )


@strawberry.input(
    description="Point in time at which a field is read: whatever was recorded or occurred later does not exist "
    "in the answer. A time that is not set is that of the enclosing field; on a root field it is "
    "unlimited. A date without a time is its midnight in UTC. Permissions and group membership are "
    "always the present ones."
)
class AsOf:
    recorded_at: DateTime | None = strawberry.field(
        default=None, description="Only what this server had recorded by this time. A future time counts as now."
    )
    occurred_at: DateTime | None = strawberry.field(
        default=None, description="Only what had happened in the world by this time, whenever it was recorded."
    )


@strawberry.input(description="A typed value: set exactly one field.", one_of=True)
class PropertyValueInput:
    string_value: str | None = strawberry.field(name="string", default=UNSET, description="A string.")
    int_value: JSON | None = strawberry.field(
        name="int",
        default=UNSET,
        description="An integer of 64 bits, as a number or as a decimal string (for clients whose numbers are "
        "less precise).",
    )
    float_value: float | None = strawberry.field(
        name="float", default=UNSET, description="A finite 64-bit floating-point number."
    )
    boolean_value: bool | None = strawberry.field(name="boolean", default=UNSET, description="True or false.")
    timestamp_value: DateTime | None = strawberry.field(name="timestamp", default=UNSET, description="A time.")
    json_value: JSON | None = strawberry.field(name="json", default=UNSET, description="Any JSON value but null.")


@strawberry.input(description="A property to record.")
class PropertyInput:
    key: str = strawberry.field(description="Key of the property; dots group keys: `hyperparameters.learning_rate`.")
    value: PropertyValueInput = strawberry.field(description="Value of the property.")


@strawberry.input(description="A digest or storage version that identifies the exact content of a source.")
class SourceIdInput:
    type: SourceIdType = strawberry.field(
        description="Type of the identifier: a digest algorithm, or the system that issued the version id."
    )
    value: str = strawberry.field(description="The digest or version id.")


@strawberry.input(
    description="Location of an entity's content: an address, the storage it is in, and its exact version."
)
class SourceInput:
    uri: str | None = strawberry.field(
        default=None, description="Address of the content, for example `s3://bucket/key`; null where it is not known."
    )
    type: str | None = strawberry.field(
        default=None,
        description="Storage that holds the content: S3, GIT, OCI, HTTP, FILE, or any other text; null where it "
        "is not known.",
    )
    ids: list[SourceIdInput] | None = strawberry.field(
        default=None, description="Digests and storage versions of the content."
    )


@strawberry.input(description="Reference to an entity: set exactly one of `id` and `urn`.", one_of=True)
class EntityRef:
    id: strawberry.ID | None = strawberry.field(default=UNSET, description="Id of the entity.")
    urn: str | None = strawberry.field(default=UNSET, description="URN of the entity.")


@strawberry.input(
    description="An entity to record. Account, kind, name and version are its identity. Recording the same "
    "content again succeeds and changes nothing; other content under the same identity is "
    "refused as IMMUTABLE_CONFLICT."
)
class EntityInput:
    account: str | None = strawberry.field(
        default=None, description="Account that owns the entity; the caller's account by default."
    )
    kind: EntityKind = strawberry.field(description="Kind of the entity.")
    name: str = strawberry.field(
        description="Name of the entity. Account, kind, name and version together identify it."
    )
    version: str | None = strawberry.field(
        default=None, description="Version of the entity, any text: an object version, a commit id, a digest, a number."
    )
    type: str | None = strawberry.field(
        default=None,
        description="Subtype in the recorder's own words, for example of the kinds ARTIFACT, ACTION and "
        "CONTEXT; null where none was recorded.",
    )
    description: str | None = strawberry.field(
        default=None, description="Description of the entity, as its recorder wrote it; null where it has none."
    )
    title: str | None = strawberry.field(
        default=None, description="Name for people, where `name` is a number or an id; null where none was recorded."
    )
    status: EntityStatus | None = strawberry.field(
        default=None, description="Status of the entity; null where none was recorded."
    )
    source: SourceInput | None = strawberry.field(
        default=None, description="Location of the entity's content; null where none was recorded."
    )
    properties: list[PropertyInput] | None = strawberry.field(
        default=None, description="Typed properties, each key at most once."
    )
    tags: list[str] | None = strawberry.field(default=None, description="Tags of the entity.")
    occurred_at: DateTime | None = strawberry.field(
        default=None,
        description="Time at which it came to exist in the world; the time of recording by default, or that of its "
        "first revision where that is earlier.",
    )


@strawberry.input(
    description="An association to record, from the entity that contributed to the entity it contributed to."
)
class AssociationInput:
    source: EntityRef = strawberry.field(description="Entity that contributed, upstream.")
    destination: EntityRef = strawberry.field(description="Entity that the source contributed to, downstream.")
    type: AssociationType = strawberry.field(description="How the source contributed to the destination.")
    role: str | None = strawberry.field(
        default=None, description="Role of the source, for example `train` or `validation`."
    )
    properties: list[PropertyInput] | None = strawberry.field(
        default=None, description="Typed properties, each key at most once."
    )
    occurred_at: DateTime | None = strawberry.field(
        default=None,
        description="Time at which the source contributed, in the world. Without it the association exists as soon as "
        "both its ends do.",
    )


@strawberry.input(description="A batch: all of it is recorded, or nothing.")
class LineageRecordInput:
    entities: list[EntityInput] | None = strawberry.field(default=None, description="Entities to record, at most 1000.")
    associations: list[AssociationInput] | None = strawberry.field(
        default=None, description="Associations to record, at most 1000. Their ends may be entities of this batch."
    )
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="Key that makes the request safe to repeat: within 24 hours, the same request with the same "
        "key by the same principal writes nothing more and returns the first answer.",
    )


@strawberry.input(
    description="A revision to append to an entity. Null and missing fields leave the entity's fields as they "
    "are. A revision that sets only `occurredAt` states that the entity existed at that time; it is "
    "recorded where the entity is not known from as early."
)
class EntityReviseInput:
    entity: EntityRef = strawberry.field(description="Entity to revise.")
    status: EntityStatus | None = strawberry.field(default=None, description="New status.")
    tags: list[str] | None = strawberry.field(
        default=None, description="New tags; they replace the earlier ones, and an empty list removes all."
    )
    description: str | None = strawberry.field(default=None, description="New description.")
    title: str | None = strawberry.field(default=None, description="New title.")
    properties: list[PropertyInput] | None = strawberry.field(default=None, description="Properties to set.")
    removed: list[str] | None = strawberry.field(
        default=None, description="Keys of the properties that the revision removes."
    )
    superseded_by: EntityRef | None = strawberry.field(default=None, description="Entity that replaces this one.")
    occurred_at: DateTime | None = strawberry.field(
        default=None,
        description="Time of the change in the world; the time of recording by default. The same change at the "
        "same time is recorded once.",
    )
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="Key that makes the request safe to repeat: within 24 hours, the same request with the same "
        "key by the same principal writes nothing more and returns the first answer.",
    )
