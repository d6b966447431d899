"""`lineal ascendants` and `lineal descendants`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import click
import httpx
import orjson
from rich.console import Console
from rich.table import Table

from lineal.auth.authority import Authority
from lineal.auth.principals import LOCAL
from lineal.commands.servers import check_admitted, server_client
from lineal.commands.sinks import no_server
from lineal.commands.stores import open_configured
from lineal.commands.times import moment
from lineal.graphstore.errors import StoreError, Unavailable
from lineal.graphstore.queries import Limits
from lineal.graphstore.values import format_timestamp
from lineal.resolvers.context import Context
from lineal.schema import schema

PAGE = 1000

_QUESTION = """
query (
  $urn: String!, $asOf: AsOf, $depth: Int, $where: EntityFilter, $via: AssociationFilter, $first: Int, $after: String
) {
  entity(urn: $urn, asOf: $asOf) {
    lineage: DIRECTION(depth: $depth, where: $where, via: $via, first: $first, after: $after) {
      totalCount
      completeness { isComplete reasons visited }
      pageInfo { hasNextPage endCursor }
      edges { distance node { urn kind account name version occurredAt } }
    }
  }
}"""


class Asker(Protocol):
    """Puts a GraphQL question; gives its data, or raises StoreError."""

    async def ask(self, document: str, variables: dict[str, Any]) -> dict[str, Any]: ...


class _Server:
    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def ask(self, document: str, variables: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = await self._client.post("/graphql", json={"query": document, "variables": variables})
        except httpx.TransportError as error:
            raise no_server(self._client, error) from error
        check_admitted(answer)
        return _data(answer.json())


class _Opened:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def ask(self, document: str, variables: dict[str, Any]) -> dict[str, Any]:
        result = await schema.execute(document, variables, context_value=self._context)
        return _data({"data": result.data, "errors": [error.formatted for error in result.errors or ()]})


def _data(answer: dict[str, Any]) -> dict[str, Any]:
    if answer.get("errors"):
        raise StoreError(answer["errors"][0]["message"])
    data: dict[str, Any] = answer["data"]
    return data


@asynccontextmanager
async def asker(url: str | None, store: str | None) -> AsyncIterator[Asker]:
    """Whom to ask: a store opened here, or a server."""
    if store is None:
        async with server_client(url) as client:
            yield _Server(client)
        return
    async with await open_configured(store) as opened:
        key, authority = await opened.secret("cursors"), Authority(opened)
        yield _Opened(await Context.opened(opened, authority, LOCAL, key, Limits()))


async def show_lineage(
    made: Asker,
    urn: str,
    direction: str,
    depth: int | None,
    kind: tuple[str, ...],
    via: tuple[str, ...],
    as_of: str | None,
    occurred_by: str | None,
    first: int | None,
    as_json: bool,
) -> int:
    """Print an entity's lineage, read to its last page; exit status 1 where there is no such entity.

    `as_of` is when it was recorded at the latest, `occurred_by` when it occurred at the latest. Raises UsageError where
    either is no time.
    """
    at = moment_asked(as_of, occurred_by)
    variables: dict[str, Any] = {
        "urn": urn,
        "asOf": at or None,
        "depth": depth,
        "where": {"kind": [word.upper() for word in kind]} if kind else None,
        "via": {"type": [word.upper() for word in via]} if via else None,
    }
    document = _QUESTION.replace("DIRECTION", direction)
    edges: list[dict[str, Any]] = []
    page: dict[str, Any] = {"pageInfo": {"hasNextPage": True, "endCursor": None}}
    while page["pageInfo"]["hasNextPage"] and (first is None or len(edges) < first):
        size = PAGE if first is None else min(PAGE, first - len(edges))
        asked = {**variables, "first": size, "after": page["pageInfo"]["endCursor"]}
        entity = (await made.ask(document, asked))["entity"]
        if entity is None:
            raise Unavailable(_absent(urn, at))
        page = entity["lineage"]
        edges += page["edges"]
    reasons = page["completeness"]["reasons"]
    if as_json:
        answer = {"urn": urn, direction: edges, "totalCount": page["totalCount"], "completeness": page["completeness"]}
        if at:
            answer["asOf"] = at
        click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode())
        return 0
    _table(edges)
    click.echo(f"{len(edges)} of {page['totalCount']} {direction} of {urn}" + (f", {shown_moment(at)}" if at else ""))
    if reasons:
        click.echo(f"incomplete: {', '.join(reasons)}", err=True)
    return 0


def moment_asked(as_of: str | None, occurred_by: str | None) -> dict[str, str]:
    """What the flags say, as an `asOf`. Raises UsageError where either is no time."""
    given = {"recordedAt": ("--as-of", as_of), "occurredAt": ("--occurred-by", occurred_by)}
    return {name: format_timestamp(moment(flag, text)) for name, (flag, text) in given.items() if text is not None}


def shown_moment(at: dict[str, str]) -> str:
    """An `asOf` in words."""
    words = {"recordedAt": "recorded", "occurredAt": "occurred"}
    return ", ".join(f"{words[name]} by {time}" for name, time in at.items())


def _absent(urn: str, at: dict[str, str]) -> str:
    if not at:
        return f"{urn} is not recorded here: check the URN, and which store or server is asked"
    return f"{urn} is not there yet, {shown_moment(at)}: check the URN, or give a later time, or none"


def _table(edges: list[dict[str, Any]]) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        for edge in edges:
            click.echo(f"{edge['distance']}\t{edge['node']['kind']}\t{edge['node']['urn']}")
        return
    table = Table("hops", "kind", "name", "version", "account", "occurred", box=None)
    for edge in edges:
        node = edge["node"]
        words = (node["kind"], node["name"], node["version"] or "", node["account"], node["occurredAt"])
        table.add_row(str(edge["distance"]), *words)
    console.print(table)
