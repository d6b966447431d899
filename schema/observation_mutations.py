"""Recording observations."""

from typing import Annotated

import strawberry

from lineal.auth.directive import access
from lineal.auth.permissions import Permission
from lineal.resolvers import observations
from lineal.schema.entities import Entity, Info
from lineal.schema.enums import ObservationsRecordErrorCode
from lineal.schema.observation_inputs import ObservationsRecordInput


@strawberry.type(description="Why an observationsRecord wrote nothing.")
class ObservationsRecordError:
    code: ObservationsRecordErrorCode = strawberry.field(description="What kind of problem.")
    message: str = strawberry.field(description="What is wrong, and what to do.")
    path: list[str] = strawberry.field(description="Where in the input it lies.")


@strawberry.type(description="What became of an observationsRecord.")
class ObservationsRecordPayload:
    new_count: int = strawberry.field(description="How many observations this request wrote.")
    entities: list[Entity] = strawberry.field(
        description="What was observed, as it now stands, each once, in the input's order; empty where nothing was "
        "written because of an error."
    )
    user_errors: list[ObservationsRecordError] = strawberry.field(
        description="Why nothing was written; empty where all was."
    )


@strawberry.type(description="What can be observed.")
class ObservationMutations:
    @strawberry.mutation(
        description="Appends observations to metrics of entities: all of them, or nothing. The same again is a success "
        "that changes nothing.",
        **access(Permission.RECORD),
    )
    async def observations_record(
        self,
        info: Info,
        input: Annotated[ObservationsRecordInput, strawberry.argument(description="The observations.")],
    ) -> ObservationsRecordPayload:
        return await observations.observations_record(info.context, input)  # type: ignore[return-value]
