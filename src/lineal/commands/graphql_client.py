"""GraphQL clients of commands: over HTTP to a server, or in-process on an open store."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NoReturn, Protocol

import httpx

from lineal.auth.access_service import AccessService
from lineal.auth.principals import LOCAL
from lineal.commands.opening import opened_store
from lineal.commands.servers import check_admitted, json_answer, server_client
from lineal.commands.showing import plain
from lineal.commands.sinks import server_unreachable
from lineal.config import Settings
from lineal.graphstore.errors import StoreError
from lineal.graphstore.queries import Limits
from lineal.resolvers.context import Context
from lineal.schema import schema
from lineal.schema.errors import presented


class GraphQLClient(Protocol):
    """Executes a GraphQL document and returns its data. Raises StoreError if there are errors.

    `warnings` are those of the last answer.
    """

    warnings: list[dict[str, Any]]

    async def execute(self, document: str, variables: dict[str, Any]) -> dict[str, Any]: ...


class _Server:
    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self.warnings: list[dict[str, Any]] = []

    async def execute(self, document: str, variables: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = await self._client.post("/graphql", json={"query": document, "variables": variables})
        except httpx.TransportError as error:
            raise server_unreachable(self._client, error) from error
        check_admitted(answer)
        body = json_answer(answer)
        self.warnings = (body.get("extensions") or {}).get("warnings", [])
        return _data(body)


class _InProcess:
    def __init__(self, context: Context) -> None:
        self._context = context
        self.warnings: list[dict[str, Any]] = []

    async def execute(self, document: str, variables: dict[str, Any]) -> dict[str, Any]:
        result = await schema.execute(document, variables, context_value=self._context)
        self.warnings = self._context.warnings
        return _data({"data": result.data, "errors": [presented(error, _fault) for error in result.errors or ()]})


def _fault(error: BaseException) -> NoReturn:
    raise error


def suggestion_of(client: GraphQLClient) -> str:
    """The end of a message about what the last query did not find: ` Did you mean ...?`, or nothing."""
    answer = [warning["suggestion"] for warning in client.warnings if warning.get("suggestion")]
    return f". Did you mean {', or '.join(map(plain, answer))}?" if answer else ""


def _data(answer: dict[str, Any]) -> dict[str, Any]:
    if answer.get("errors"):
        raise StoreError(answer["errors"][0]["message"])
    data: dict[str, Any] | None = answer.get("data")
    if data is None:
        raise StoreError("the answer holds no data, so no server of Lineal gave it: check --url")
    return data


@asynccontextmanager
async def open_client(url: str | None, store: Settings | None) -> AsyncIterator[GraphQLClient]:
    """A client of the opened store, or without a store of the server at `url`."""
    if store is None:
        async with server_client(url) as client:
            yield _Server(client)
        return
    async with opened_store(store) as opened:
        key, access_service = await opened.secret("cursors"), AccessService(opened)
        yield _InProcess(await Context.opened(opened, access_service, LOCAL, key, Limits()))
        await access_service.denials.finish()


async def read_pages(
    client: GraphQLClient,
    document: str,
    variables: dict[str, Any],
    page_of: Callable[[dict[str, Any]], dict[str, Any]],
    size: int,
    first: int | None = None,
) -> list[dict[str, Any]]:
    """All pages of a connection, or as many as hold `first` items; always at least one.

    `page_of` extracts the page from the data. The document must pass its variables `first` and `after` to the
    connection, and select `pageInfo { hasNextPage endCursor }` and, under the alias `items`, the nodes or edges.
    """
    pages: list[dict[str, Any]] = []
    count, after = 0, None
    while not pages or (after is not None and (first is None or count < first)):
        page_arguments = {"first": size if first is None else min(size, first - count), "after": after}
        page = page_of(await client.execute(document, {**variables, **page_arguments}))
        pages.append(page)
        count += len(page["items"])
        after = page["pageInfo"]["endCursor"] if page["pageInfo"]["hasNextPage"] else None
    return pages


def items_of(pages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The items of all pages, in order."""
    return [item for page in pages for item in page["items"]]
