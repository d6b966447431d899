"""Metrics: what an entity's observations come to, and the observations themselves."""

from typing import Annotated

import strawberry

from lineal.auth.directive import access
from lineal.auth.permissions import Permission
from lineal.resolvers import metrics as resolve
from lineal.schema import arguments as arg
from lineal.schema.connections import ListConnection
from lineal.schema.entities import Entity, Info
from lineal.schema.scalars import JSON, DateTime


@strawberry.type(description="One value of a metric: at a step, and a time. Of one step and time there is one.")
class Observation:
    step: JSON = strawberry.field(description="At which step, an integer of 64 bits.")
    value: float = strawberry.field(description="The value.")
    occurred_at: DateTime = strawberry.field(description="When it was observed.")
    recorded_at: DateTime = strawberry.field(description="When it was recorded here.")
    recorded_by: str = strawberry.field(description="Who recorded it.")


@strawberry.type(
    description="Neighbours in a series. Of several that are as small, or as great, `min` and `max` are the first."
)
class MetricBucket:
    count: int = strawberry.field(description="How many observations are in it.")
    first: Observation = strawberry.field(description="The first of them.")
    last: Observation = strawberry.field(description="The last of them.")
    min: Observation = strawberry.field(description="That of the least value.")
    max: Observation = strawberry.field(description="That of the greatest value.")


@strawberry.type(
    description="A metric of an entity: what its observations come to. Where an entity has no observations of a name, "
    "the number that is its property `metrics.NAME`."
)
class Metric:
    name: str = strawberry.field(description="Its name.")
    last: float = strawberry.field(description="The value of the greatest (step, time); of a property, its value.")
    min: float = strawberry.field(description="The least value; of a property, its value.")
    max: float = strawberry.field(description="The greatest value; of a property, its value.")
    count: int = strawberry.field(description="How many observations there are; 0 of a property.")
    from_: Entity = strawberry.field(name="from", description="The entity that tells it.")

    @strawberry.field(
        description="The observations, by step, then time; none of a property.", **access(Permission.READ_PROPERTIES)
    )
    async def series(
        self,
        info: Info,
        first: Annotated[int, strawberry.argument(description="How many a page shall have, 1 to 1000.")] = 100,
        after: arg.After = None,
    ) -> ListConnection[Observation]:
        return await resolve.series(info.context, self, first, after)  # type: ignore[arg-type, return-value]

    @strawberry.field(
        description="The observations in buckets of neighbours, as many in each, give or take one: for plotting a long "
        "series without losing its extremes. None of a property.",
        **access(Permission.READ_PROPERTIES),
    )
    async def buckets(
        self,
        info: Info,
        most: Annotated[int, strawberry.argument(description="How many buckets at most, 1 to 1000.")] = 500,
    ) -> list[MetricBucket]:
        return await resolve.buckets(info.context, self, most)  # type: ignore[arg-type, return-value]
