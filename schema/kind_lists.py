"""Root fields that list the entities of one kind, generated for every kind."""

from typing import Any, Final

import strawberry

from lineal.auth.directive import access
from lineal.auth.permissions import Permission
from lineal.graphstore.kinds import EntityKind
from lineal.resolvers import entities as resolve
from lineal.resolvers import trials
from lineal.resolvers.list_names import LIST_NAMES
from lineal.schema import arguments as arg
from lineal.schema.connections import Connection
from lineal.schema.entities import Info
from lineal.schema.models import ModelVersionConnection
from lineal.schema.object_types import TYPES
from lineal.schema.trials import Trial


def _list_of(kind: EntityKind) -> Any:
    async def page(
        self: object,
        info: Info,
        where: arg.EntityWhere = None,
        search: arg.Search = None,
        order_by: arg.OrderBy = None,
        as_of: arg.AsOf = None,
        first: arg.First = 20,
        after: arg.After = None,
    ) -> Any:
        return await resolve.entities(info.context, where, search, order_by, as_of, first, after, kind)

    usual = Connection[TYPES[kind]]  # type: ignore[valid-type]
    page.__annotations__["return"] = ModelVersionConnection if kind is EntityKind.MODEL_VERSION else usual
    return strawberry.field(
        _trials if kind is EntityKind.TRIAL else page,
        description=f"Entities of the kind {kind} that match `where` and `search`, by URN unless `orderBy` sets "
        "another order.",
        **access(Permission.READ),
    )


async def _trials(
    self: object,
    info: Info,
    where: arg.EntityWhere = None,
    component_where: arg.ComponentWhere = None,
    search: arg.Search = None,
    order_by: arg.OrderBy = None,
    as_of: arg.AsOf = None,
    first: arg.First = 20,
    after: arg.After = None,
) -> Connection[Trial]:
    context = info.context
    return await trials.trials(context, where, component_where, search, order_by, as_of, first, after)  # type: ignore[return-value]


KindLists: Final = strawberry.type(
    type("KindLists", (), {name: _list_of(kind) for kind, name in LIST_NAMES.items()}),
    description="Lists of the entities of one kind.",
)
"""The root fields, as a base of the query type."""
