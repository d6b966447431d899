"""Comparison of entities by parameters and metrics."""

from typing import Annotated

import strawberry

from lineal.auth.directive import access
from lineal.auth.permissions import Permission
from lineal.graphstore.kinds import PropertyType
from lineal.resolvers import comparison as resolve
from lineal.schema import arguments as arg
from lineal.schema.entities import Entity, Info
from lineal.schema.inputs import EntityRef
from lineal.schema.metrics import Metric
from lineal.schema.scalars import JSON


@strawberry.type(description="A value of a parameter, and the entity that it is recorded on.")
class ParameterValue:
    type: PropertyType = strawberry.field(description="Type of the value.")
    shown: JSON = strawberry.field(
        name="value", description="Value of the property; a timestamp is an RFC 3339 string."
    )
    from_: Entity = strawberry.field(name="from", description="First entity that the value is recorded on.")


@strawberry.type(description="The values of a parameter of one compared entity.")
class ParameterCell:
    of: Entity = strawberry.field(description="The compared entity.")
    values: list[ParameterValue] = strawberry.field(
        description="Distinct values: none where the parameter is not recorded, several where parts of the "
        "entity record different ones."
    )


@strawberry.type(description="A parameter of the compared entities: a property of any of them or of their parts.")
class ComparedParameter:
    key: str = strawberry.field(description="Key of the property.")
    is_varying: bool = strawberry.field(
        description="Whether any two of the entities differ in the parameter; a missing value counts as "
        "different. 1 and 1.0 are equal; other values of different types never are."
    )
    cells: list[ParameterCell] = strawberry.field(description="One cell for each compared entity, in their order.")


@strawberry.type(description="The values of a metric of one compared entity.")
class MetricCell:
    of: Entity = strawberry.field(description="The compared entity.")
    metrics: list[Metric] = strawberry.field(
        description="The metric on every part of the entity that has it: on the entity itself first, then by URN."
    )


@strawberry.type(description="A metric of the compared entities.")
class ComparedMetric:
    name: str = strawberry.field(description="Name of the metric.")
    cells: list[MetricCell] = strawberry.field(description="One cell for each compared entity, in their order.")

    @strawberry.field(
        description="Cell with the best value, NaN left out; of equal values, the first by URN. Null where no entity "
        "has the metric with a value but NaN."
    )
    def best(
        self,
        goal: Annotated[
            resolve.MetricGoal, strawberry.argument(description="Whether greater or smaller values are better.")
        ],
        by: Annotated[
            resolve.MetricValue | None,
            strawberry.argument(description="Value of each metric to compare; LAST by default."),
        ] = resolve.MetricValue.LAST,
    ) -> MetricCell | None:
        return resolve.best(self, goal, by or resolve.MetricValue.LAST)  # type: ignore[arg-type, return-value]


@strawberry.type(
    description="Entities side by side. The parameters and metrics of an entity include those of its parts: "
    "a trial's components and jobs, the job that produced a model, the model of a model version "
    "and the job that produced it, and the PARAMETERS that directly contributed to any of these."
)
class Comparison:
    entities: list[Entity] = strawberry.field(
        description="The compared entities, in the order of the argument `of`; the trials of an experiment by URN."
    )
    total_count: int = strawberry.field(
        description="Number of entities that could be compared: of an experiment, all trials that the caller may see."
    )
    is_complete: bool = strawberry.field(
        description="Whether all `totalCount` entities are compared. False where the experiment has more trials "
        "than `first`."
    )

    @strawberry.field(
        description="Compared entities that differ from the entity `from` in the parameter `key` alone: its "
        "values are different or missing, and all other parameters have the same values. Each comes "
        "with its values of the parameter, in the order of `entities`. Inputs, such as data and "
        "code, are not compared.",
        **access(Permission.READ_PROPERTIES),
    )
    async def differing_only_in(
        self,
        info: Info,
        key: Annotated[
            str, strawberry.argument(description="Key of the parameter, for example `hyperparameters.learning_rate`.")
        ],
        from_: Annotated[
            EntityRef,
            strawberry.argument(name="from", description="Compared entity that the others must differ from."),
        ],
        starts_with: Annotated[
            str | None,
            strawberry.argument(
                description="Only parameters whose keys start with this text count, for example `hyperparameters.`; "
                "all by default."
            ),
        ] = None,
    ) -> list[ParameterCell]:
        return resolve.differing_only_in(info.context, self, key, from_, starts_with)  # type: ignore[arg-type, return-value]

    @strawberry.field(
        description="Parameters of the entities, sorted by key: all properties but `metrics.*`.",
        **access(Permission.READ_PROPERTIES),
    )
    async def parameters(
        self,
        info: Info,
        varying: Annotated[
            bool | None,
            strawberry.argument(
                description="True: only parameters that vary. False: only those held constant. All by default."
            ),
        ] = None,
        starts_with: Annotated[
            str | None,
            strawberry.argument(description="Only parameters with keys that start with this text; all by default."),
        ] = None,
    ) -> list[ComparedParameter]:
        return resolve.parameters(info.context, self, varying, starts_with)  # type: ignore[arg-type, return-value]

    @strawberry.field(description="Metrics of the entities, sorted by name.", **access(Permission.READ_PROPERTIES))
    async def metrics(
        self,
        info: Info,
        names: Annotated[
            list[str] | None,
            strawberry.argument(description="Names of the metrics to return, at most 100; all metrics by default."),
        ] = None,
    ) -> list[ComparedMetric]:
        return await resolve.metrics(info.context, self, names)  # type: ignore[arg-type, return-value]


@strawberry.type(description="Comparison of entities.")
class ComparisonQueries:
    @strawberry.field(
        description="Compares entities side by side: trials, components, jobs, models or any others, or all "
        "trials of an experiment. Set either `of` or `experiment`. Null where one of the entities "
        "does not exist or the caller may not read it, so that a mistyped id does not read as "
        '"equal".',
        **access(Permission.READ),
    )
    async def comparison(
        self,
        info: Info,
        of: Annotated[list[EntityRef] | None, strawberry.argument(description="Entities to compare, 2 to 100.")] = None,
        experiment: Annotated[
            EntityRef | None, strawberry.argument(description="Experiment whose trials are compared, by URN.")
        ] = None,
        first: Annotated[
            int | None,
            strawberry.argument(
                description="Greatest number of trials of the experiment to compare, 1 to 1000; without effect "
                "where `of` is set."
            ),
        ] = 100,
        as_of: arg.AsOf = None,
    ) -> Comparison | None:
        path = info.path.as_list()
        return await resolve.comparison(info.context, of, experiment, first, as_of, path)  # type: ignore[return-value]
