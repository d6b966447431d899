"""Experiments, trials and trial components."""

from typing import Annotated

import strawberry

from lineal.auth.directive import access
from lineal.auth.permissions import Permission
from lineal.graphstore.kinds import EntityKind
from lineal.resolvers import kind_fields as read
from lineal.resolvers import related as resolve
from lineal.resolvers import trials
from lineal.schema import arguments as arg
from lineal.schema.connections import Connection
from lineal.schema.entities import Entity, Info, of_kind
from lineal.schema.executions import Execution
from lineal.schema.projection import pure


@of_kind(EntityKind.EXPERIMENT)
class Experiment(Entity):
    @strawberry.field(
        description="Trials that the experiment is associated with, sorted by URN.", **access(Permission.TRAVERSE)
    )
    async def trials(
        self,
        info: Info,
        where: arg.EntityWhere = None,
        component_where: arg.ComponentWhere = None,
        first: arg.RelatedFirst = 5,
        after: arg.After = None,
    ) -> Connection[Annotated["Trial", strawberry.lazy("lineal.schema.trials")]]:
        return await trials.trials_of(info.context, self, where, component_where, first, after)  # type: ignore[arg-type, return-value]


@of_kind(EntityKind.TRIAL)
class Trial(Entity):
    @strawberry.field(
        description="Experiment of the trial; of several, the first by URN. Null where there is none that the "
        "caller may see.",
        **access(Permission.TRAVERSE),
    )
    async def experiment(self, info: Info) -> Experiment | None:
        return await resolve.one_related(info.context, self, resolve.EXPERIMENT_OF_TRIAL)  # type: ignore[arg-type, return-value]

    @strawberry.field(
        description="Components and jobs that the trial is associated with, sorted by URN.",
        **access(Permission.TRAVERSE),
    )
    async def components(
        self, info: Info, first: arg.RelatedFirst = 5, after: arg.After = None
    ) -> Connection[Execution]:
        return await resolve.related(info.context, self, resolve.COMPONENTS_OF_TRIAL, first, after)  # type: ignore[arg-type, return-value]


@of_kind(EntityKind.TRIAL_COMPONENT)
class TrialComponent(Execution):
    @strawberry.field(
        description="Stage of the trial at which this component runs, from the property `stage`; null where the "
        "property is missing or hidden, or names no stage."
    )
    @pure(lambda record, context, arguments: read.stage(record))
    def stage(self) -> read.TrialStage | None:
        return read.stage(self)  # type: ignore[arg-type]
