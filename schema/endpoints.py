"""Endpoints."""

import strawberry

from lineal.auth.directive import access
from lineal.auth.permissions import Permission
from lineal.graphstore.kinds import EntityKind
from lineal.resolvers import related as resolve
from lineal.schema import arguments as arg
from lineal.schema.entities import Entity, Info, of_kind
from lineal.schema.models import ModelVersionConnection


@of_kind(EntityKind.ENDPOINT)
class Endpoint(Entity):
    @strawberry.field(
        description="Model versions that contributed to the endpoint, directly or through a deployment: the "
        "nearest first, then by URN.",
        **access(Permission.TRAVERSE),
    )
    async def model_versions(
        self, info: Info, first: arg.RelatedFirst = 5, after: arg.After = None
    ) -> ModelVersionConnection:
        return await resolve.related(info.context, self, resolve.VERSIONS_BEHIND_ENDPOINT, first, after)  # type: ignore[arg-type, return-value]
