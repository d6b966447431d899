"""What callers give to record observations."""

import strawberry

from lineal.schema.inputs import EntityRef
from lineal.schema.scalars import JSON, DateTime


@strawberry.input(description="One value of a metric.")
class ObservationInput:
    step: JSON | None = strawberry.field(
        default=None,
        description="At which step, 0 unless given: an integer of 64 bits, as a number or, where a client's numbers "
        "are too short for it, as decimal text.",
    )
    value: float = strawberry.field(description="The value, a finite number.")
    occurred_at: DateTime | None = strawberry.field(
        default=None,
        description="When it was observed; the time of recording unless given. At the same step and time the same "
        "value again changes nothing, and another is a conflict.",
    )


@strawberry.input(description="Observations of one metric of one entity.")
class SeriesInput:
    entity: EntityRef = strawberry.field(description="The entity.")
    metric: str = strawberry.field(description="The metric's name: `loss`, `validation:auc`.")
    observations: list[ObservationInput] = strawberry.field(description="The observations, in any order.")


@strawberry.input(description="Observations to append: all of them are recorded, or nothing.")
class ObservationsRecordInput:
    series: list[SeriesInput] = strawberry.field(
        description="At most 1000, with at most 10,000 observations between them."
    )
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="Makes a repeat of this request within 24 hours answer as the first did, and write nothing more.",
    )
