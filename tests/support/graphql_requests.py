"""Runs GraphQL requests on the schema over a real store, in this process."""

from typing import Any
from weakref import WeakKeyDictionary

from graphql import execute, parse, validate

from lineal.auth.access_service import AccessService
from lineal.auth.principals import LOCAL, Principal
from lineal.graphstore.proxies.base import StoreProxy
from lineal.graphstore.queries import Limits
from lineal.graphstore.store import Store
from lineal.resolvers.context import Context
from lineal.schema import schema
from lineal.schema.projection import ProjectingExecutor

GRAPH = schema._schema


_ACCESS_SERVICES: WeakKeyDictionary[Store, AccessService] = WeakKeyDictionary()


def access_service_of(store: Store) -> AccessService:
    """The access service of a store: one for each engine, as in a server."""
    while isinstance(store, StoreProxy):
        store = store.inner
    return _ACCESS_SERVICES.setdefault(store, AccessService(store))


async def context_of(store: Store, by: Principal = LOCAL, **limits: Any) -> Context:
    """The context of one request by a principal."""
    access_service = access_service_of(store)
    return await Context.opened(
        store, access_service, by, await store.secret("cursors"), Limits(**limits), request_id="r"
    )


async def answer(
    store: Store, query: str, variables: dict[str, Any] | None = None, by: Principal = LOCAL, **limits: Any
) -> Any:
    """The whole result of one request."""
    return await answer_in(await context_of(store, by, **limits), query, variables)


async def answer_in(context: Context, query: str, variables: dict[str, Any] | None = None) -> Any:
    """The whole result of the request of a context."""
    document = parse(query)
    assert not (errors := validate(GRAPH, document)), errors
    result: Any = execute(
        GRAPH, document, variable_values=variables, context_value=context, executor_class=ProjectingExecutor
    )
    return result if not hasattr(result, "__await__") else await result


async def data(
    store: Store, query: str, variables: dict[str, Any] | None = None, by: Principal = LOCAL, **limits: Any
) -> Any:
    """The data of a request without errors."""
    result = await answer(store, query, variables, by, **limits)
    assert not result.errors, result.errors
    return result.data


class Asker:
    """One principal's questions of one store."""

    def __init__(self, store: Store, by: Principal) -> None:
        self.store, self.by = store, by

    async def ask(self, query: str, **variables: Any) -> Any:
        return await data(self.store, query, variables, self.by)

    async def pages(self, field: str, declared: str, given: str, selection: str, **variables: Any) -> list[Any]:
        """All pages of a connection, without their cursors; each page must go on to the next."""
        query = f"query ($after: String {declared}) {{ c: {field}(after: $after {given}) {{ {selection} }} }}"
        all_pages: list[Any] = []
        after = None
        for _ in range(60):
            page = (await self.ask(query, after=after, **variables))["c"]
            if page is None:
                return [None]
            after = page["pageInfo"].pop("endCursor")
            all_pages.append(page)
            if not page["pageInfo"]["hasNextPage"]:
                break
        return all_pages
