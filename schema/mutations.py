"""The root mutation type; recording and revising entities."""

from typing import Annotated

import strawberry

from lineal.auth.directive import access
from lineal.auth.permissions import Permission
from lineal.resolvers import recording as resolve
from lineal.schema.access_mutations import AccessMutations
from lineal.schema.associations import Association
from lineal.schema.entities import Entity, Info
from lineal.schema.enums import EntityReviseErrorCode, LineageRecordErrorCode
from lineal.schema.inputs import EntityReviseInput, LineageRecordInput
from lineal.schema.model_mutations import ModelMutations
from lineal.schema.observation_mutations import ObservationMutations
from lineal.schema.quarantine import QuarantineMutations
from lineal.schema.revisions import Revision
from lineal.schema.user_errors import UserError


@strawberry.type(description="Reason why `lineageRecord` wrote nothing.")
class LineageRecordError(UserError):
    code: LineageRecordErrorCode = strawberry.field(description="Code of the problem, for programs.")


@strawberry.type(description="Reason why `entityRevise` wrote nothing.")
class EntityReviseError(UserError):
    code: EntityReviseErrorCode = strawberry.field(description="Code of the problem, for programs.")


@strawberry.type(description="An entity of the batch, with whether it is new.")
class RecordedEntity:
    entity: Entity | None = strawberry.field(
        description="The entity as it is now; null where the caller may not read it."
    )
    is_new: bool = strawberry.field(description="Whether this request recorded it; false where it was recorded before.")


@strawberry.type(description="An association of the batch, with whether it is new.")
class RecordedAssociation:
    association: Association | None = strawberry.field(
        description="The association as it is now; null where the caller may not read one of its ends."
    )
    is_new: bool = strawberry.field(description="Whether this request recorded it; false where it was recorded before.")


@strawberry.type(description="Result of `lineageRecord`.")
class LineageRecordPayload:
    entities: list[RecordedEntity] = strawberry.field(
        description="Recorded parts of the batch, in the order of the input; empty where the batch was refused."
    )
    associations: list[RecordedAssociation] = strawberry.field(
        description="Recorded parts of the batch, in the order of the input; empty where the batch was refused."
    )
    user_errors: list[LineageRecordError] = strawberry.field(
        description="Reasons why the batch was refused; empty where it was recorded."
    )


@strawberry.type(description="Result of `entityRevise`.")
class EntityRevisePayload:
    entity: Entity | None = strawberry.field(
        description="The entity as it is now; null where the revision was refused."
    )
    revision: Revision | None = strawberry.field(
        description="The revision; null where it was refused, where it states only a time and the entity is known "
        "from as early, and where a policy hides property keys of the entity."
    )
    is_new: bool = strawberry.field(description="Whether this request recorded it; false where it was recorded before.")
    user_errors: list[EntityReviseError] = strawberry.field(
        description="Reasons why the request was refused; empty where it was carried out."
    )


@strawberry.type(description="Changes: recording lineage, registering models, and administering access.")
class Mutation(AccessMutations, ModelMutations, ObservationMutations, QuarantineMutations):
    @strawberry.mutation(
        description="Records a batch of entities and associations: all of it or nothing. Recording the same "
        "content again succeeds and changes nothing. An association also requires the permission "
        "ASSOCIATE on both of its ends.",
        **access(Permission.RECORD),
    )
    async def lineage_record(
        self, info: Info, input: Annotated[LineageRecordInput, strawberry.argument(description="Batch to record.")]
    ) -> LineageRecordPayload:
        return await resolve.lineage_record(info.context, input)  # type: ignore[return-value]

    @strawberry.mutation(
        description="Appends a revision to an entity: a new status, title, tags, description or properties.",
        **access(Permission.RECORD),
    )
    async def entity_revise(
        self, info: Info, input: Annotated[EntityReviseInput, strawberry.argument(description="Revision to append.")]
    ) -> EntityRevisePayload:
        return await resolve.entity_revise(info.context, input)  # type: ignore[return-value]
