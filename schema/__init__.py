"""What the outside sees: types, inputs, payloads, connections, limits."""

import strawberry
from strawberry.schema.config import StrawberryConfig

from lineal.schema import enums as _enums  # noqa: F401 (describes the enums before types use them)
from lineal.schema import permissions as _permissions  # noqa: F401 (likewise)
from lineal.schema.mutations import Mutation
from lineal.schema.object_types import TYPES
from lineal.schema.queries import Query
from lineal.schema.scalars import SCALARS

schema = strawberry.Schema(
    Query,
    Mutation,
    types=list(TYPES.values()),
    config=StrawberryConfig(disable_field_suggestions=True, scalar_map=SCALARS, sort_schema=True),
)
"""The one schema."""


def sdl() -> str:
    """The schema as sorted SDL, ending in a newline: what `schema.graphql` holds."""
    return schema.as_str().rstrip("\n") + "\n"
