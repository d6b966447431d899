"""Experiments, their trials, and the components of these."""

from typing import Annotated

import strawberry

from lineal.auth.directive import access
from lineal.auth.permissions import Permission
from lineal.graphstore.kinds import EntityKind
from lineal.resolvers import kind_fields as read
from lineal.resolvers import related as resolve
from lineal.schema import arguments as arg
from lineal.schema.connections import Connection
from lineal.schema.entities import Entity, Info, Property, of_kind
from lineal.schema.projection import pure


@of_kind(EntityKind.EXPERIMENT)
class Experiment(Entity):
    @strawberry.field(description="Its trials, by URN: those it is associated with.", **access(Permission.TRAVERSE))
    async def trials(
        self, info: Info, first: arg.First = 20, after: arg.After = None
    ) -> Connection[Annotated["Trial", strawberry.lazy("lineal.schema.trials")]]:
        return await resolve.related(info.context, self, resolve.TRIALS_OF_EXPERIMENT, first, after)  # type: ignore[arg-type, return-value]


@of_kind(EntityKind.TRIAL)
class Trial(Entity):
    @strawberry.field(
        description="The experiment it is of; of several, the first by URN.", **access(Permission.TRAVERSE)
    )
    async def experiment(self, info: Info) -> Experiment | None:
        return await resolve.one_related(info.context, self, resolve.EXPERIMENT_OF_TRIAL)  # type: ignore[arg-type, return-value]

    @strawberry.field(
        description="Its components and jobs, by URN: those it is associated with.", **access(Permission.TRAVERSE)
    )
    async def components(self, info: Info, first: arg.First = 20, after: arg.After = None) -> Connection[Entity]:
        return await resolve.related(info.context, self, resolve.COMPONENTS_OF_TRIAL, first, after)  # type: ignore[arg-type, return-value]


@of_kind(EntityKind.TRIAL_COMPONENT)
class TrialComponent(Entity):
    @strawberry.field(description="Which part of its trial it is, as its property `stage` says.")
    @pure(lambda record, context, arguments: read.stage(record))
    def stage(self) -> read.TrialStage | None:
        return read.stage(self)  # type: ignore[arg-type]

    @strawberry.field(
        description="Its parameters, by key: the properties whose keys begin with `hyperparameters.` or `parameters.`."
    )
    @pure(lambda record, context, arguments: read.parameters(record))
    def parameters(self) -> list[Property]:
        return read.parameters(self)  # type: ignore[arg-type, return-value]

    @strawberry.field(description="The artifacts that contributed to it, by URN.", **access(Permission.TRAVERSE))
    async def inputs(self, info: Info, first: arg.First = 20, after: arg.After = None) -> Connection[Entity]:
        return await resolve.related(info.context, self, resolve.INPUTS_OF_COMPONENT, first, after)  # type: ignore[arg-type, return-value]

    @strawberry.field(description="The artifacts it produced, by URN.", **access(Permission.TRAVERSE))
    async def outputs(self, info: Info, first: arg.First = 20, after: arg.After = None) -> Connection[Entity]:
        return await resolve.related(info.context, self, resolve.OUTPUTS_OF_COMPONENT, first, after)  # type: ignore[arg-type, return-value]
