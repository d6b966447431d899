"""What can be recorded, and what the answers say."""

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
from lineal.schema.revisions import Revision


@strawberry.type(description="Why a lineageRecord wrote nothing.")
class LineageRecordError:
    code: LineageRecordErrorCode = strawberry.field(description="What kind of problem.")
    message: str = strawberry.field(description="What is wrong, and what to do.")
    path: list[str] = strawberry.field(description="Where in the input it lies.")


@strawberry.type(description="Why an entityRevise wrote nothing.")
class EntityReviseError:
    code: EntityReviseErrorCode = strawberry.field(description="What kind of problem.")
    message: str = strawberry.field(description="What is wrong, and what to do.")
    path: list[str] = strawberry.field(description="Where in the input it lies.")


@strawberry.type(description="An entity of the batch.")
class RecordedEntity:
    entity: Entity | None = strawberry.field(description="The entity as it stands; null where it may not be read.")
    is_new: bool = strawberry.field(description="Whether this request wrote it.")


@strawberry.type(description="An association of the batch.")
class RecordedAssociation:
    association: Association | None = strawberry.field(
        description="The association as it stands; null where it may not be seen."
    )
    is_new: bool = strawberry.field(description="Whether this request wrote it.")


@strawberry.type(description="What became of a lineageRecord.")
class LineageRecordPayload:
    entities: list[RecordedEntity] = strawberry.field(
        description="In the input's order; empty where nothing was written."
    )
    associations: list[RecordedAssociation] = strawberry.field(
        description="In the input's order; empty where nothing was written."
    )
    user_errors: list[LineageRecordError] = strawberry.field(
        description="Why nothing was written; empty where all was."
    )


@strawberry.type(description="What became of an entityRevise.")
class EntityRevisePayload:
    entity: Entity | None = strawberry.field(description="The entity as it now stands; null where nothing was written.")
    revision: Revision | None = strawberry.field(
        description="The revision; null where nothing was written, and where property keys of the entity are hidden."
    )
    is_new: bool = strawberry.field(description="Whether this request wrote it.")
    user_errors: list[EntityReviseError] = strawberry.field(description="Why nothing was written; empty where it was.")


@strawberry.type(description="What can be recorded, and what of access can be changed.")
class Mutation(AccessMutations, ModelMutations, ObservationMutations):
    @strawberry.mutation(
        description="Records one atomic batch of entities and associations: all of it, or nothing. Recording the same "
        "again is a success that changes nothing. Associating takes `lineage:Associate` on both ends.",
        **access(Permission.RECORD),
    )
    async def lineage_record(
        self, info: Info, input: Annotated[LineageRecordInput, strawberry.argument(description="The batch.")]
    ) -> LineageRecordPayload:
        return await resolve.lineage_record(info.context, input)  # type: ignore[return-value]

    @strawberry.mutation(
        description="Appends what changed in an entity's life: status, tags, description, properties.",
        **access(Permission.RECORD),
    )
    async def entity_revise(
        self, info: Info, input: Annotated[EntityReviseInput, strawberry.argument(description="The change.")]
    ) -> EntityRevisePayload:
        return await resolve.entity_revise(info.context, input)  # type: ignore[return-value]
