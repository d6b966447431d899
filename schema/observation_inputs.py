"""Inputs of the recording of observations."""

import strawberry

from lineal.schema.inputs import EntityRef
from lineal.schema.scalars import JSON, DateTime, MetricNumber


@strawberry.input(description="One value of a metric.")
class ObservationInput:
    step: JSON | None = strawberry.field(
        default=None,
        description="Step of the observation, 0 by default: an integer of 64 bits, as a number or as a decimal "
        "string (for clients whose numbers are less precise).",
    )
    value: MetricNumber = strawberry.field(description="Value of the metric.")
    occurred_at: DateTime | None = strawberry.field(
        default=None,
        description="Time of the observation; the time of recording by default. The same value at the same step "
        "and time is recorded once; another value there is another observation.",
    )


@strawberry.input(description="Observations of one metric of one entity.")
class SeriesInput:
    entity: EntityRef = strawberry.field(description="The entity.")
    metric: str = strawberry.field(description="Name of the metric, for example `loss` or `validation:auc`.")
    observations: list[ObservationInput] = strawberry.field(description="Observations, in any order.")


@strawberry.input(description="Observations to append: all of them are recorded, or nothing.")
class ObservationsRecordInput:
    series: list[SeriesInput] = strawberry.field(
        description="At most 1000 series, with at most 10,000 observations in all."
    )
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="Key that makes the request safe to repeat: within 24 hours, the same request with the same "
        "key by the same principal writes nothing more and returns the first answer.",
    )
