"""Entities side by side, by parameters and metrics."""

from typing import Annotated

import strawberry

from lineal.auth.directive import access
from lineal.auth.permissions import Permission
from lineal.graphstore.kinds import PropertyType
from lineal.resolvers import comparison as resolve
from lineal.schema import arguments as arg
from lineal.schema.entities import Entity, Info
from lineal.schema.metrics import Metric
from lineal.schema.scalars import JSON


@strawberry.type(description="A value of a parameter, and who tells it.")
class ParameterValue:
    type: PropertyType = strawberry.field(description="The value's type.")
    shown: JSON = strawberry.field(name="value", description="The value; a timestamp as RFC 3339 text.")
    from_: Entity = strawberry.field(name="from", description="The first entity that tells this value.")


@strawberry.type(description="What is told of a parameter of one compared entity.")
class ParameterCell:
    of: Entity = strawberry.field(description="The compared entity.")
    values: list[ParameterValue] = strawberry.field(
        description="Its values, each once: none where nothing tells it, several where its parts tell it differently."
    )


@strawberry.type(description="A parameter of all compared entities: a property of any of what tells of them.")
class ComparedParameter:
    key: str = strawberry.field(description="The property's key.")
    is_varying: bool = strawberry.field(
        description="Whether any two of the entities differ in it, absent or not. 1 and 1.0 are equal; values of "
        "different types never are."
    )
    cells: list[ParameterCell] = strawberry.field(description="One for each compared entity, in their order.")


@strawberry.type(description="What is told of a metric of one compared entity.")
class MetricCell:
    of: Entity = strawberry.field(description="The compared entity.")
    metrics: list[Metric] = strawberry.field(
        description="The metric of each that tells it: of the entity itself first, then by URN."
    )


@strawberry.type(description="A metric of all compared entities.")
class ComparedMetric:
    name: str = strawberry.field(description="Its name.")
    cells: list[MetricCell] = strawberry.field(description="One for each compared entity, in their order.")

    @strawberry.field(
        description="The cell with the best value, of equal ones the first by URN; null where nothing tells any."
    )
    def best(
        self,
        goal: Annotated[resolve.MetricGoal, strawberry.argument(description="Which values are better.")],
        by: Annotated[
            resolve.MetricValue, strawberry.argument(description="Which value of a metric counts.")
        ] = resolve.MetricValue.LAST,
    ) -> MetricCell | None:
        return resolve.best(self, goal, by)  # type: ignore[arg-type, return-value]


@strawberry.type(
    description="Entities side by side. Each is told by itself and what is recorded beside it: a trial by its "
    "components and jobs, a model by what produced it, a model version by its model and what produced that; "
    "and each of these by the PARAMETERS that contributed to it directly."
)
class Comparison:
    entities: list[Entity] = strawberry.field(description="The compared entities, in the order they were given.")

    @strawberry.field(
        description="Their parameters, by key: all properties but `metrics.*`.", **access(Permission.READ_PROPERTIES)
    )
    async def parameters(
        self,
        info: Info,
        varying: Annotated[
            bool | None,
            strawberry.argument(description="Only those that vary, or that are held constant; all unless given."),
        ] = None,
        starts_with: Annotated[
            str | None, strawberry.argument(description="Only those whose keys begin with this text.")
        ] = None,
    ) -> list[ComparedParameter]:
        return resolve.parameters(info.context, self, varying, starts_with)  # type: ignore[arg-type, return-value]

    @strawberry.field(description="Their metrics, by name.", **access(Permission.READ_PROPERTIES))
    async def metrics(
        self,
        info: Info,
        names: Annotated[
            list[str] | None, strawberry.argument(description="Only these, at most 100; all unless given.")
        ] = None,
    ) -> list[ComparedMetric]:
        return await resolve.metrics(info.context, self, names)  # type: ignore[arg-type, return-value]


@strawberry.type(description="What can be compared.")
class ComparisonQueries:
    @strawberry.field(
        description="Entities side by side: trials, their components, jobs, models, or any others. Null where one does "
        "not exist: a mistyped id must not read as equal.",
        **access(Permission.READ),
    )
    async def comparison(
        self,
        info: Info,
        of: Annotated[list[strawberry.ID], strawberry.argument(description="The ids of 2 to 100 entities.")],
        as_of: arg.AsOf = None,
    ) -> Comparison | None:
        return await resolve.comparison(info.context, of, as_of)  # type: ignore[return-value]
