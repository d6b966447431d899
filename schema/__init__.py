"""The GraphQL schema: types, inputs, payloads, connections, limits."""

from functools import cache

import strawberry
from graphql import GraphQLError, GraphQLSchema
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from lineal.schema import enums as _enums  # noqa: F401 (describes the enums before types use them)
from lineal.schema import permissions as _permissions  # noqa: F401 (likewise)
from lineal.schema.input_objects import build_inputs_on_coercion
from lineal.schema.mutations import Mutation
from lineal.schema.object_types import TYPES
from lineal.schema.queries import Query
from lineal.schema.scalars import SCALARS

_CONFIG = StrawberryConfig(scalar_map=SCALARS, sort_schema=True)


class _Schema(strawberry.Schema):
    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Log nothing: a mistake of the caller needs no traceback, and the caller of `execute` presents the others."""


schema = _Schema(Query, Mutation, types=list(TYPES.values()), config=_CONFIG)
"""The one schema."""

GRAPH: GraphQLSchema = schema._schema  # noqa: SLF001 (execution needs graphql-core's own schema)
"""The executable schema."""

build_inputs_on_coercion(GRAPH, _CONFIG)


@cache
def sdl() -> str:
    """The schema as sorted SDL, ending in a newline: what `schema.graphql` holds."""
    return schema.as_str().rstrip("\n") + "\n"
