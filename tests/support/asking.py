"""Questions put to the schema over a real store, in this process."""

from typing import Any

from graphql import execute, parse, validate

from lineal.graphstore.queries import Limits
from lineal.graphstore.store import Store
from lineal.resolvers.context import Context, Viewer
from lineal.schema import schema
from lineal.schema.projection import ProjectingExecutor

GRAPH = schema._schema


async def answer(store: Store, query: str, variables: dict[str, Any] | None = None, **limits: Any) -> Any:
    """The whole result of one request."""
    context = Context(store, Viewer("local", "local"), await store.secret("cursors"), Limits(**limits))
    document = parse(query)
    assert not (errors := validate(GRAPH, document)), errors
    result: Any = execute(
        GRAPH, document, variable_values=variables, context_value=context, executor_class=ProjectingExecutor
    )
    return result if not hasattr(result, "__await__") else await result


async def data(store: Store, query: str, variables: dict[str, Any] | None = None, **limits: Any) -> Any:
    """The data of a request without errors."""
    result = await answer(store, query, variables, **limits)
    assert not result.errors, result.errors
    return result.data
