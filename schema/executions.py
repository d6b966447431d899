"""What ran: trial components, jobs and pipeline executions, and the pipelines that they are runs of."""

from typing import Annotated

import strawberry

from lineal.auth.directive import access
from lineal.auth.permissions import Permission
from lineal.graphstore.kinds import EntityKind
from lineal.resolvers import kind_fields as read
from lineal.resolvers import newest_first, pipelines
from lineal.resolvers import related as resolve
from lineal.schema import arguments as arg
from lineal.schema.connections import Connection
from lineal.schema.entities import Entity, Info, Property, of_kind
from lineal.schema.entity_pages import EntityConnection
from lineal.schema.projection import pure


@strawberry.interface(
    description="A piece of work that ran, with its parameters, inputs and outputs: a trial component, a "
    "training, processing or transform job, or a pipeline execution."
)
class Execution(Entity):
    @strawberry.field(
        description="Parameters: the properties with keys that start with `hyperparameters.` or `parameters.`, "
        "sorted by key. Those whose keys the caller may not read (lineage:ReadProperties) are left "
        "out."
    )
    @pure(lambda record, context, arguments: read.parameters(record))
    def parameters(self) -> list[Property]:
        return read.parameters(self)  # type: ignore[arg-type, return-value]

    @strawberry.field(
        description="Artifacts that contributed to the work, sorted by URN: data, code, images, models.",
        **access(Permission.TRAVERSE),
    )
    async def inputs(self, info: Info, first: arg.RelatedFirst = 5, after: arg.After = None) -> EntityConnection:
        return await resolve.related(info.context, self, resolve.INPUTS_OF_EXECUTION, first, after)  # type: ignore[arg-type, return-value]

    @strawberry.field(description="Artifacts that the work produced, sorted by URN.", **access(Permission.TRAVERSE))
    async def outputs(self, info: Info, first: arg.RelatedFirst = 5, after: arg.After = None) -> EntityConnection:
        return await resolve.related(info.context, self, resolve.OUTPUTS_OF_EXECUTION, first, after)  # type: ignore[arg-type, return-value]


@strawberry.interface(
    description="A run: a training, processing or transform job, or a pipeline execution, with its pipeline and the "
    "runs above and below it."
)
class Run(Execution):
    @strawberry.field(
        description="Pipeline that this is a run of; of several, the first by URN. Null where there is none that "
        "the caller may see.",
        **access(Permission.TRAVERSE),
    )
    async def pipeline(self, info: Info) -> Annotated["Pipeline", strawberry.lazy("lineal.schema.executions")] | None:
        return await resolve.one_related(info.context, self, resolve.PIPELINE_OF_RUN)  # type: ignore[arg-type, return-value]

    @strawberry.field(
        description="Run that started this one; of several, the first by URN. Null where there "
        "is none that the caller may see.",
        **access(Permission.TRAVERSE),
    )
    async def parent(self, info: Info) -> Annotated["Run", strawberry.lazy("lineal.schema.executions")] | None:
        return await resolve.one_related(info.context, self, resolve.PARENT_OF_RUN)  # type: ignore[arg-type, return-value]

    @strawberry.field(
        description="Runs that this one started, sorted by URN.",
        **access(Permission.TRAVERSE),
    )
    async def children(
        self, info: Info, first: arg.RelatedFirst = 5, after: arg.After = None
    ) -> Connection[Annotated["Run", strawberry.lazy("lineal.schema.executions")]]:
        return await resolve.related(info.context, self, resolve.CHILDREN_OF_RUN, first, after)  # type: ignore[arg-type, return-value]


@of_kind(EntityKind.TRAINING_JOB)
class TrainingJob(Run):
    pass


@of_kind(EntityKind.PROCESSING_JOB)
class ProcessingJob(Run):
    pass


@of_kind(EntityKind.TRANSFORM_JOB)
class TransformJob(Run):
    pass


@of_kind(EntityKind.PIPELINE_EXECUTION)
class PipelineExecution(Run):
    pass


@of_kind(EntityKind.PIPELINE)
class Pipeline(Entity):
    @strawberry.field(
        description="Runs of the pipeline, the latest `occurredAt` first.",
        **access(Permission.TRAVERSE),
    )
    async def runs(self, info: Info, first: arg.RelatedFirst = 5, after: arg.After = None) -> Connection[Run]:
        return await newest_first.newest_first(info.context, self, resolve.RUNS_OF_PIPELINE, first, after)  # type: ignore[arg-type, return-value]

    @strawberry.field(
        description="Run with the latest `occurredAt`; null where there is none that the caller may see.",
        **access(Permission.TRAVERSE),
    )
    async def latest_run(self, info: Info) -> Run | None:
        return await newest_first.newest(info.context, self, resolve.RUNS_OF_PIPELINE)  # type: ignore[arg-type, return-value]

    @strawberry.field(
        description="Artifacts that contributed to the pipeline itself or to one of its 1,000 latest runs, sorted by "
        "URN. If it has more runs, a warning `CUT` in `extensions.warnings` says so.",
        **access(Permission.TRAVERSE),
    )
    async def inputs(self, info: Info, first: arg.RelatedFirst = 5, after: arg.After = None) -> EntityConnection:
        path = info.path.as_list()
        return await pipelines.data_of(info.context, self, resolve.INPUTS_OF_EXECUTION, path, first, after)  # type: ignore[arg-type, return-value]

    @strawberry.field(
        description="Artifacts that the pipeline itself or one of its 1,000 latest runs produced, sorted by URN. "
        "If it has more runs, a warning `CUT` in `extensions.warnings` says so.",
        **access(Permission.TRAVERSE),
    )
    async def outputs(self, info: Info, first: arg.RelatedFirst = 5, after: arg.After = None) -> EntityConnection:
        path = info.path.as_list()
        return await pipelines.data_of(info.context, self, resolve.OUTPUTS_OF_EXECUTION, path, first, after)  # type: ignore[arg-type, return-value]
