"""Models, model groups, model versions and approvals."""

from typing import Annotated

import strawberry

from lineal.auth.directive import access
from lineal.auth.permissions import Permission
from lineal.graphstore.kinds import EntityKind
from lineal.resolvers import kind_fields as read
from lineal.resolvers import newest_first, registry
from lineal.resolvers import related as resolve
from lineal.schema import arguments as arg
from lineal.schema.connections import Connection
from lineal.schema.entities import Entity, Info, of_kind
from lineal.schema.entity_pages import VersionConnection, VersionEdge
from lineal.schema.projection import pure
from lineal.schema.scalars import DateTime


@of_kind(EntityKind.MODEL)
class Model(Entity):
    @strawberry.field(
        description="Model groups that a version of this model is registered in, sorted by URN.",
        **access(Permission.TRAVERSE),
    )
    async def groups(
        self, info: Info, first: arg.RelatedFirst = 5, after: arg.After = None
    ) -> Connection[Annotated["ModelGroup", strawberry.lazy("lineal.schema.models")]]:
        return await resolve.related(info.context, self, resolve.GROUPS_OF_MODEL, first, after)  # type: ignore[arg-type, return-value]


@of_kind(EntityKind.MODEL_GROUP)
class ModelGroup(Entity):
    @strawberry.field(
        description="Model versions of the group, newest first: the greatest number first, then those without a "
        "number, by URN.",
        **access(Permission.TRAVERSE),
    )
    async def versions(
        self, info: Info, first: arg.First = 20, after: arg.After = None
    ) -> Annotated["ModelVersionConnection", strawberry.lazy("lineal.schema.models")]:
        return await registry.versions(info.context, self, first, after)  # type: ignore[arg-type, return-value]

    @strawberry.field(
        description="Version with the greatest number whose latest decision is APPROVED; null where there is "
        "none. Decisions that the caller may not see do not count.",
        **access(Permission.TRAVERSE),
    )
    async def latest_approved(
        self, info: Info
    ) -> Annotated["ModelVersion", strawberry.lazy("lineal.schema.models")] | None:
        return await registry.latest_approved(info.context, self)  # type: ignore[arg-type, return-value]


@of_kind(EntityKind.MODEL_VERSION)
class ModelVersion(Entity):
    @strawberry.field(
        description="Number of the version in its group: `version`, where that is a number of at least 1; else null."
    )
    @pure(lambda record, context, arguments: read.number(record))
    def number(self) -> int | None:
        return read.number(self)  # type: ignore[arg-type]

    @strawberry.field(
        description="Model group of the version; of several, the one with its account and name, else the first "
        "by URN. Null where there is none that the caller may see.",
        **access(Permission.TRAVERSE),
    )
    async def group(self, info: Info) -> ModelGroup | None:
        return await registry.group(info.context, self)  # type: ignore[arg-type, return-value]

    @strawberry.field(
        description="Model that is registered as this version; of several, the first by URN. Null where there is "
        "none that the caller may see.",
        **access(Permission.TRAVERSE),
    )
    async def model(self, info: Info) -> Model | None:
        return await resolve.one_related(info.context, self, resolve.MODEL_OF_VERSION)  # type: ignore[arg-type, return-value]

    @strawberry.field(
        description="Latest decision on the version, by `at`; null where there is none that the caller may see.",
        **access(Permission.TRAVERSE),
    )
    async def approval(self, info: Info) -> Annotated["Approval", strawberry.lazy("lineal.schema.models")] | None:
        return await newest_first.newest(info.context, self, resolve.APPROVALS_OF_VERSION)  # type: ignore[arg-type, return-value]

    @strawberry.field(description="Decisions on the version, the latest first.", **access(Permission.TRAVERSE))
    async def approvals(
        self, info: Info, first: arg.RelatedFirst = 5, after: arg.After = None
    ) -> Connection[Annotated["Approval", strawberry.lazy("lineal.schema.models")]]:
        return await newest_first.newest_first(info.context, self, resolve.APPROVALS_OF_VERSION, first, after)  # type: ignore[arg-type, return-value]


@strawberry.type(description="A model version of a list, with its cursor.")
class ModelVersionEdge(VersionEdge):
    node: ModelVersion = strawberry.field(description="The model version.")

    is_type_of = classmethod(lambda cls, record, info: True)


@strawberry.type(description="A page of model versions. Later pages are read at the snapshot of the first page.")
class ModelVersionConnection(VersionConnection):
    edges: list[ModelVersionEdge] = strawberry.field(  # type: ignore[assignment]
        description="Items of the page, with cursors."
    )
    nodes: list[ModelVersion] = strawberry.field(  # type: ignore[assignment]
        description="Items of the page, without cursors."
    )

    is_type_of = classmethod(lambda cls, record, info: True)


@of_kind(EntityKind.APPROVAL)
class Approval(Entity):
    @strawberry.field(
        description="Decision, from the property `decision`; null where the property holds no decision or is hidden."
    )
    @pure(lambda record, context, arguments: read.decision(record))
    def decision(self) -> read.ReviewDecision | None:
        return read.decision(self)  # type: ignore[arg-type]

    @strawberry.field(
        description="Reason for the decision, in the reviewer's words, from the property `reason`; null where there "
        "is none or it is hidden."
    )
    @pure(lambda record, context, arguments: read.text(record, "reason"))
    def reason(self) -> str | None:
        return read.text(self, "reason")  # type: ignore[arg-type]

    @strawberry.field(description="Principal that decided, as `account/name`: the recorder of the approval.")
    @pure(lambda record, context, arguments: record.recorded_by)
    def by(self) -> str:
        return self.recorded_by

    @strawberry.field(description="Time of the decision.")
    @pure(lambda record, context, arguments: record.occurred_at)
    def at(self) -> DateTime:
        return self.occurred_at  # type: ignore[return-value]

    @strawberry.field(
        description="Model version that the decision is about; of several, the first by URN. Null where there "
        "is none that the caller may see.",
        **access(Permission.TRAVERSE),
    )
    async def model_version(self, info: Info) -> ModelVersion | None:
        return await resolve.one_related(info.context, self, resolve.VERSION_OF_APPROVAL)  # type: ignore[arg-type, return-value]
