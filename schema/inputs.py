"""What callers give: filters, and what they record."""

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
    description="A condition on a text. Every operator given must hold; a missing text satisfies only `exists: false`."
)
class StringFilter:
    eq: str | None = strawberry.field(default=UNSET, description="Equal.")
    ne: str | None = strawberry.field(default=UNSET, description="There, and not equal.")
    in_: list[str] | None = strawberry.field(
        default=UNSET, description="Equal to one of these; to none of an empty list.", name="in"
    )
    contains: str | None = strawberry.field(default=UNSET, description="Holds this text.")
    starts_with: str | None = strawberry.field(default=UNSET, description="Begins with this text.")
    exists: bool | None = strawberry.field(default=UNSET, description="Is there, or is not.")
    ignore_case: bool = strawberry.field(default=False, description="Compare by Unicode full case folding.")


@strawberry.input(description="A condition on a time. Every bound given must hold.")
class TimeFilter:
    gt: DateTime | None = strawberry.field(default=UNSET, description="Later than.")
    gte: DateTime | None = strawberry.field(default=UNSET, description="At or later than.")
    lt: DateTime | None = strawberry.field(default=UNSET, description="Earlier than.")
    lte: DateTime | None = strawberry.field(default=UNSET, description="At or earlier than.")


@strawberry.input(
    description="A condition on the property of a key. Every operator given must hold, and at least one is "
    "needed. Values of different types are never equal, and an order across types never holds; "
    "integers and floats compare as numbers, exactly; against a timestamp an RFC 3339 text is a"
    " time."
)
class PropertyFilter:
    key: str = strawberry.field(description="The property's key.")
    eq: JSON | None = strawberry.field(default=UNSET, description="Equal.")
    ne: JSON | None = strawberry.field(default=UNSET, description="There, and not equal.")
    gt: JSON | None = strawberry.field(default=UNSET, description="Greater than.")
    gte: JSON | None = strawberry.field(default=UNSET, description="Greater or equal.")
    lt: JSON | None = strawberry.field(default=UNSET, description="Less than.")
    lte: JSON | None = strawberry.field(default=UNSET, description="Less or equal.")
    in_: list[JSON] | None = strawberry.field(
        default=UNSET, description="Equal to one of these; to none of an empty list.", name="in"
    )
    contains: str | None = strawberry.field(default=UNSET, description="A text that holds this one.")
    starts_with: str | None = strawberry.field(default=UNSET, description="A text that begins with this one.")
    exists: bool | None = strawberry.field(default=UNSET, description="Is there, or is not.")


@strawberry.input(
    description="A condition on an entity as read. All given fields must hold; an empty filter matches everything."
)
class EntityFilter:
    kind: list[EntityKind] | None = strawberry.field(default=None, description="Is of one of these kinds.")
    lineage_type: list[LineageType] | None = strawberry.field(default=None, description="Is of one of these families.")
    type: list[str] | None = strawberry.field(default=None, description="Has one of these as its free subtype.")
    account: list[str] | None = strawberry.field(default=None, description="Belongs to one of these accounts.")
    urn: StringFilter | None = strawberry.field(default=None, description="Its URN.")
    name: StringFilter | None = strawberry.field(default=None, description="Its name.")
    version: StringFilter | None = strawberry.field(default=None, description="Its version.")
    source_uri: StringFilter | None = strawberry.field(default=None, description="The URI of its source.")
    status: list[EntityStatus] | None = strawberry.field(default=None, description="Stands at one of these.")
    tag: list[str] | None = strawberry.field(default=None, description="Carries at least one of these tags.")
    occurred_at: TimeFilter | None = strawberry.field(default=None, description="When it happened.")
    recorded_at: TimeFilter | None = strawberry.field(default=None, description="When it was recorded here.")
    recorded_by: StringFilter | None = strawberry.field(default=None, description="Who recorded it.")
    property: list[PropertyFilter] | None = strawberry.field(default=None, description="Properties; all must hold.")
    and_: list["EntityFilter"] | None = strawberry.field(
        default=None, description="All of these hold; an empty list holds.", name="and"
    )
    or_: list["EntityFilter"] | None = strawberry.field(
        default=None, description="At least one of these holds; an empty list does not.", name="or"
    )
    not_: Optional["EntityFilter"] = strawberry.field(default=None, description="This does not hold.", name="not")


@strawberry.input(description="An order of entities; ties are by URN.")
class EntityOrder:
    field: EntityOrderField = strawberry.field(description="What they are ordered by.")
    property_key: str | None = strawberry.field(default=None, description="The key, where the field is PROPERTY.")
    direction: OrderDirection = strawberry.field(default=OrderDirection.ASCENDING, description="Which way.")


@strawberry.input(description="A condition on an association. All given fields must hold.")
class AssociationFilter:
    type: list[AssociationType] | None = strawberry.field(default=None, description="Is of one of these types.")
    role: StringFilter | None = strawberry.field(default=None, description="Its role.")
    occurred_at: TimeFilter | None = strawberry.field(default=None, description="When it happened.")
    recorded_at: TimeFilter | None = strawberry.field(default=None, description="When it was recorded here.")
    property: list[PropertyFilter] | None = strawberry.field(default=None, description="Properties; all must hold.")
    not_: Optional["AssociationFilter"] = strawberry.field(default=None, description="This does not hold.", name="not")


@strawberry.input(
    description="As of when to answer, in two times: what was recorded, or occurred, later does not exist. A time that "
    "is not given is that of the field around it; on a root field it is unlimited. Who may see what, and what is in "
    "which group, is always today's."
)
class AsOf:
    recorded_at: DateTime | None = strawberry.field(
        default=None, description="What was known here at this time: recorded by then. A time to come is now."
    )
    occurred_at: DateTime | None = strawberry.field(
        default=None, description="What had happened in the world by this time, whenever it was recorded."
    )


@strawberry.input(description="A typed value: exactly one of these.", one_of=True)
class PropertyValueInput:
    string_value: str | None = strawberry.field(name="string", default=UNSET, description="Text.")
    int_value: JSON | None = strawberry.field(
        name="int",
        default=UNSET,
        description="An integer of 64 bits, as a number or, where a client's numbers are too short for it, as "
        "decimal text.",
    )
    float_value: float | None = strawberry.field(
        name="float", default=UNSET, description="A finite floating-point number."
    )
    boolean_value: bool | None = strawberry.field(name="boolean", default=UNSET, description="True or false.")
    timestamp_value: DateTime | None = strawberry.field(name="timestamp", default=UNSET, description="A moment.")
    json_value: JSON | None = strawberry.field(name="json", default=UNSET, description="Any JSON but null.")


@strawberry.input(description="A property to record.")
class PropertyInput:
    key: str = strawberry.field(description="Its key; dots group: `hyperparameters.learning_rate`.")
    value: PropertyValueInput = strawberry.field(description="Its typed value.")


@strawberry.input(description="An exact version of what a source names.")
class SourceIdInput:
    type: SourceIdType = strawberry.field(description="What kind of identifier this is.")
    value: str = strawberry.field(description="The digest or version itself.")


@strawberry.input(description="Where a thing lies.")
class SourceInput:
    uri: str | None = strawberry.field(default=None, description="Its address.")
    type: str | None = strawberry.field(
        default=None, description="What it lies in: S3, GIT, OCI, HTTP, FILE, or any other word."
    )
    ids: list[SourceIdInput] | None = strawberry.field(
        default=None, description="Its exact version, by digest or by the storage's own word."
    )


@strawberry.input(description="An entity, by exactly one of its id and its URN.", one_of=True)
class EntityRef:
    id: strawberry.ID | None = strawberry.field(default=UNSET, description="Its id.")
    urn: str | None = strawberry.field(default=UNSET, description="Its URN.")


@strawberry.input(
    description="An entity to record. Its identity is account, kind, name and version; the same again with "
    "the same content is no error and changes nothing."
)
class EntityInput:
    account: str | None = strawberry.field(
        default=None, description="The account it belongs to; the viewer's own unless given."
    )
    kind: EntityKind = strawberry.field(description="What it is.")
    name: str = strawberry.field(description="What people call it.")
    version: str | None = strawberry.field(
        default=None, description="Which one of that name: an object version, a commit, a digest, a number."
    )
    type: str | None = strawberry.field(default=None, description="A free word for a finer kind.")
    description: str | None = strawberry.field(default=None, description="Prose.")
    status: EntityStatus | None = strawberry.field(default=None, description="Where it stands.")
    source: SourceInput | None = strawberry.field(default=None, description="Where it lies.")
    properties: list[PropertyInput] | None = strawberry.field(
        default=None, description="Typed properties, each key once."
    )
    tags: list[str] | None = strawberry.field(default=None, description="Words it is marked with.")
    occurred_at: DateTime | None = strawberry.field(
        default=None, description="When it happened; the time of recording unless given."
    )


@strawberry.input(description="An association to record, from what contributed to what it contributed to.")
class AssociationInput:
    source: EntityRef = strawberry.field(description="What contributed.")
    destination: EntityRef = strawberry.field(description="What it contributed to.")
    type: AssociationType = strawberry.field(description="How it contributed.")
    role: str | None = strawberry.field(default=None, description="In which role: `train`, `validation`.")
    properties: list[PropertyInput] | None = strawberry.field(
        default=None, description="Typed properties, each key once."
    )
    occurred_at: DateTime | None = strawberry.field(
        default=None, description="When it happened; the time of recording unless given."
    )


@strawberry.input(description="One atomic batch: all of it is recorded, or nothing.")
class LineageRecordInput:
    entities: list[EntityInput] | None = strawberry.field(default=None, description="At most 1000.")
    associations: list[AssociationInput] | None = strawberry.field(
        default=None, description="At most 1000; they may name entities of this batch."
    )
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="Makes a repeat of this request within 24 hours answer as the first did, and write nothing more.",
    )


@strawberry.input(description="What changed in an entity's life. Appended, never written over.")
class EntityReviseInput:
    entity: EntityRef = strawberry.field(description="What is revised.")
    status: EntityStatus | None = strawberry.field(default=None, description="Where it stands now.")
    tags: list[str] | None = strawberry.field(default=None, description="All its tags from now on.")
    description: str | None = strawberry.field(default=None, description="Its description from now on.")
    properties: list[PropertyInput] | None = strawberry.field(default=None, description="Properties set.")
    removed: list[str] | None = strawberry.field(default=None, description="Keys of properties removed.")
    superseded_by: EntityRef | None = strawberry.field(default=None, description="What takes its place.")
    occurred_at: DateTime | None = strawberry.field(
        default=None,
        description="When it changed; the time of recording unless given. The same change at the same time "
        "again changes nothing.",
    )
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="Makes a repeat of this request within 24 hours answer as the first did, and write nothing more.",
    )
