"""Models, the groups they are registered in, their numbered versions, and the decisions on these."""

from typing import Annotated

import strawberry

from lineal.auth.directive import access
from lineal.auth.permissions import Permission
from lineal.graphstore.kinds import EntityKind
from lineal.resolvers import kind_fields as read
from lineal.resolvers import registry
from lineal.resolvers import related as resolve
from lineal.schema import arguments as arg
from lineal.schema.connections import Connection
from lineal.schema.entities import Entity, Info, of_kind
from lineal.schema.projection import pure
from lineal.schema.scalars import DateTime


@of_kind(EntityKind.MODEL)
class Model(Entity):
    @strawberry.field(
        description="The model groups it is registered in, by way of versions of theirs.", **access(Permission.TRAVERSE)
    )
    async def groups(
        self, info: Info, first: arg.First = 20, after: arg.After = None
    ) -> Connection[Annotated["ModelGroup", strawberry.lazy("lineal.schema.models")]]:
        return await resolve.related(info.context, self, resolve.GROUPS_OF_MODEL, first, after)  # type: ignore[arg-type, return-value]


@of_kind(EntityKind.MODEL_GROUP)
class ModelGroup(Entity):
    @strawberry.field(
        description="Its versions: the greatest number first, and last those without a number, by URN.",
        **access(Permission.TRAVERSE),
    )
    async def registered(
        self, info: Info, first: arg.First = 20, after: arg.After = None
    ) -> Connection[Annotated["ModelVersion", strawberry.lazy("lineal.schema.models")]]:
        return await registry.registered(info.context, self, first, after)  # type: ignore[arg-type, return-value]

    @strawberry.field(
        description="The version of the greatest number whose latest decision is APPROVED. Decisions that the caller "
        "may not see do not count.",
        **access(Permission.TRAVERSE),
    )
    async def latest_approved(
        self, info: Info
    ) -> Annotated["ModelVersion", strawberry.lazy("lineal.schema.models")] | None:
        return await registry.latest_approved(info.context, self)  # type: ignore[arg-type, return-value]


@of_kind(EntityKind.MODEL_VERSION)
class ModelVersion(Entity):
    @strawberry.field(description="Its number in its group: its `version`, where that is a number from 1 on.")
    @pure(lambda record, context, arguments: read.number(record))
    def number(self) -> int | None:
        return read.number(self)  # type: ignore[arg-type]

    @strawberry.field(
        description="The group it is registered in; of several, the one of its account and name, else the first by "
        "URN.",
        **access(Permission.TRAVERSE),
    )
    async def group(self, info: Info) -> ModelGroup | None:
        return await registry.group(info.context, self)  # type: ignore[arg-type, return-value]

    @strawberry.field(
        description="The model that is registered under it; of several, the first by URN.",
        **access(Permission.TRAVERSE),
    )
    async def model(self, info: Info) -> Model | None:
        return await resolve.one_related(info.context, self, resolve.MODEL_OF_VERSION)  # type: ignore[arg-type, return-value]

    @strawberry.field(
        description="The latest decision on it, by `at`; null where there is none the caller may see.",
        **access(Permission.TRAVERSE),
    )
    async def approval(self, info: Info) -> Annotated["Approval", strawberry.lazy("lineal.schema.models")] | None:
        return await registry.approval(info.context, self)  # type: ignore[arg-type, return-value]

    @strawberry.field(description="All decisions on it, the latest first.", **access(Permission.TRAVERSE))
    async def approvals(
        self, info: Info, first: arg.First = 20, after: arg.After = None
    ) -> Connection[Annotated["Approval", strawberry.lazy("lineal.schema.models")]]:
        return await registry.approvals(info.context, self, first, after)  # type: ignore[arg-type, return-value]


@of_kind(EntityKind.APPROVAL)
class Approval(Entity):
    @strawberry.field(
        description="What was decided, as its property `decision` says; null where that is no decision, or hidden."
    )
    @pure(lambda record, context, arguments: read.decision(record))
    def decision(self) -> read.ReviewDecision | None:
        return read.decision(self)  # type: ignore[arg-type]

    @strawberry.field(description="Why.")
    @pure(lambda record, context, arguments: read.text(record, "reason"))
    def reason(self) -> str | None:
        return read.text(self, "reason")  # type: ignore[arg-type]

    @strawberry.field(description="Who decided: who recorded it.")
    @pure(lambda record, context, arguments: record.recorded_by)
    def by(self) -> str:
        return self.recorded_by

    @strawberry.field(description="When it was decided: when it happened.")
    @pure(lambda record, context, arguments: record.occurred_at)
    def at(self) -> DateTime:
        return self.occurred_at  # type: ignore[return-value]

    @strawberry.field(
        description="The version it is a decision on; of several, the first by URN.", **access(Permission.TRAVERSE)
    )
    async def model_version(self, info: Info) -> ModelVersion | None:
        return await resolve.one_related(info.context, self, resolve.VERSION_OF_APPROVAL)  # type: ignore[arg-type, return-value]
