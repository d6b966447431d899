"""Recording of observations."""

from typing import Annotated

import strawberry

from lineal.auth.directive import access
from lineal.auth.permissions import Permission
from lineal.resolvers import observations
from lineal.schema.entities import Entity, Info
from lineal.schema.enums import ObservationsRecordErrorCode
from lineal.schema.observation_inputs import ObservationsRecordInput
from lineal.schema.user_errors import UserError


@strawberry.type(description="Reason why `observationsRecord` wrote nothing.")
class ObservationsRecordError(UserError):
    code: ObservationsRecordErrorCode = strawberry.field(description="Code of the problem, for programs.")


@strawberry.type(description="Result of `observationsRecord`.")
class ObservationsRecordPayload:
    new_count: int = strawberry.field(description="Number of observations that this request wrote.")
    entities: list[Entity] = strawberry.field(
        description="Observed entities as they are now, each once, in the order of the input; empty where the "
        "request was refused."
    )
    user_errors: list[ObservationsRecordError] = strawberry.field(
        description="Reasons why the batch was refused; empty where it was recorded."
    )


@strawberry.type(description="Recording of observations.")
class ObservationMutations:
    @strawberry.mutation(
        description="Appends observations to metrics of entities: all of them or nothing. Recording the same "
        "observation again succeeds and changes nothing.",
        **access(Permission.RECORD),
    )
    async def observations_record(
        self,
        info: Info,
        input: Annotated[ObservationsRecordInput, strawberry.argument(description="Observations to append.")],
    ) -> ObservationsRecordPayload:
        return await observations.observations_record(info.context, input)  # type: ignore[return-value]
