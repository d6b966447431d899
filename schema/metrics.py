"""Metrics and their observations."""

from typing import Annotated

import strawberry

from lineal.auth.directive import access
from lineal.auth.permissions import Permission
from lineal.resolvers import metrics as resolve
from lineal.schema import arguments as arg
from lineal.schema.connections import ListConnection
from lineal.schema.entities import Entity, Info
from lineal.schema.scalars import JSON, DateTime, MetricNumber


@strawberry.type(description="One value of a metric, at a step and a time.")
class Observation:
    step: JSON = strawberry.field(
        description="Step of the observation, an integer of 64 bits. A client whose numbers are less precise reads "
        "`stepText`."
    )
    step_text: str = strawberry.field(description="Step of the observation, as a string of decimal digits.")
    value: MetricNumber = strawberry.field(description="Value of the metric.")
    occurred_at: DateTime = strawberry.field(description="Time of the observation.")
    recorded_at: DateTime = strawberry.field(description="Time at which this server recorded it.")
    recorded_by: str = strawberry.field(description="Principal that recorded it, as `account/name`.")


@strawberry.type(
    description="Consecutive observations of a series. Of several equally small or great values, `min` and "
    "`max` are the first; they leave NaN out."
)
class MetricBucket:
    count: int = strawberry.field(description="Number of observations in the bucket.")
    nan_count: int = strawberry.field(description="Number of its observations whose value is NaN.")
    first: Observation = strawberry.field(description="First observation of the bucket.")
    last: Observation = strawberry.field(description="Last observation of the bucket.")
    min: Observation | None = strawberry.field(
        description="Observation with the smallest value; null where every value is NaN."
    )
    max: Observation | None = strawberry.field(
        description="Observation with the greatest value; null where every value is NaN."
    )


@strawberry.type(
    description="A metric of an entity: a summary of its observations, or, where it has none of this name, "
    "its numeric property `metrics.NAME`."
)
class Metric:
    name: str = strawberry.field(description="Name of the metric.")
    last: MetricNumber = strawberry.field(
        description="Value at the greatest (step, time): the greatest of several there, and NaN only where there "
        "is no other; of a property, its value."
    )
    min: MetricNumber | None = strawberry.field(
        description="Smallest value, NaN left out; null where every value is NaN; of a property, its value."
    )
    max: MetricNumber | None = strawberry.field(
        description="Greatest value, NaN left out; null where every value is NaN; of a property, its value."
    )
    count: int = strawberry.field(description="Number of observations, NaN included; 0 for a property.")
    nan_count: int = strawberry.field(description="Number of observations whose value is NaN.")
    from_: Entity = strawberry.field(name="from", description="Entity that the metric is recorded on.")

    @strawberry.field(
        description="Observations of the metric, sorted by step, then time, then value, NaN first; empty for a "
        "property.",
        **access(Permission.READ_PROPERTIES),
    )
    async def series(
        self,
        info: Info,
        first: Annotated[
            int | None, strawberry.argument(description="Greatest number of items on the page, 1 to 1000.")
        ] = 100,
        after: arg.After = None,
    ) -> ListConnection[Observation]:
        return await resolve.series(info.context, self, first, after)  # type: ignore[arg-type, return-value]

    @strawberry.field(
        description="Observations in buckets of equal size (give or take one), for plotting a long series "
        "without losing its extremes; empty for a property.",
        **access(Permission.READ_PROPERTIES),
    )
    async def buckets(
        self,
        info: Info,
        most: Annotated[int | None, strawberry.argument(description="Greatest number of buckets, 1 to 1000.")] = 500,
    ) -> list[MetricBucket]:
        return await resolve.buckets(info.context, self, most)  # type: ignore[arg-type, return-value]
