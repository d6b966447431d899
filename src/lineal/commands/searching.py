"""`lineal search`."""

from typing import Any, Final

import click
import orjson
from rich.console import Console
from rich.table import Table

from lineal.commands.asking import Asker
from lineal.graphstore.queries import EntityOrderField

PAGE: Final = 100
_QUESTION: Final = """
query ($search: String, $where: EntityFilter, $orderBy: EntityOrder, $first: Int!, $after: String) {
  entities(search: $search, where: $where, orderBy: $orderBy, first: $first, after: $after) {
    totalCount
    pageInfo { hasNextPage endCursor }
    nodes { urn kind account name version status occurredAt }
  }
}"""
_BY_PROPERTY: Final = "property:"


async def show_found(
    made: Asker,
    text: str | None,
    kind: tuple[str, ...],
    accounts: tuple[str, ...],
    tags: tuple[str, ...],
    properties: tuple[str, ...],
    order: str | None,
    first: int | None,
    as_json: bool,
) -> int:
    """Print what is found, read to the last page. Raises UsageError where an option says nothing that can be asked."""
    lists: dict[str, list[Any]] = {
        "kind": [word.upper() for word in kind],
        "account": list(accounts),
        "tag": list(tags),
    }
    lists["property"] = [_property(given) for given in properties]
    where = {name: values for name, values in lists.items() if values}
    variables = {"search": text, "where": where or None, "orderBy": None if order is None else _order(order)}
    nodes: list[dict[str, Any]] = []
    page: dict[str, Any] = {"pageInfo": {"hasNextPage": True, "endCursor": None}}
    while page["pageInfo"]["hasNextPage"] and (first is None or len(nodes) < first):
        size = PAGE if first is None else min(PAGE, first - len(nodes))
        asked = {**variables, "first": size, "after": page["pageInfo"]["endCursor"]}
        page = (await made.ask(_QUESTION, asked))["entities"]
        nodes += page["nodes"]
    if as_json:
        answer = {"entities": nodes, "totalCount": page["totalCount"]}
        click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode())
        return 0
    _table(nodes)
    click.echo(f"{len(nodes)} of {page['totalCount']} found")
    return 0


def _property(given: str) -> dict[str, Any]:
    key, equals, text = given.partition("=")
    if not key or not equals:
        raise click.UsageError(f"--property is {given!r}: write it as KEY=VALUE")
    try:
        value = orjson.loads(text)
    except ValueError:
        value = text
    return {"key": key, "eq": text if value is None else value}


def _order(given: str) -> dict[str, Any]:
    name = given.removeprefix("-")
    direction = "DESCENDING" if name != given else "ASCENDING"
    if name.startswith(_BY_PROPERTY):
        key = name.removeprefix(_BY_PROPERTY)
        return {"field": "PROPERTY", "propertyKey": key, "direction": direction}
    fields = [str(field) for field in EntityOrderField if field is not EntityOrderField.PROPERTY]
    field = name.upper().replace("-", "_")
    if field not in fields:
        raise click.UsageError(f"--order is {given!r}: give {', '.join(fields).lower()}, or property:KEY")
    return {"field": field, "direction": direction}


def _table(nodes: list[dict[str, Any]]) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        for node in nodes:
            click.echo(f"{node['kind']}\t{node['urn']}")
        return
    table = Table("kind", "name", "version", "account", "status", "occurred", box=None)
    for node in nodes:
        words = (node["kind"], node["name"], node["version"] or "", node["account"], node["status"] or "")
        table.add_row(*words, node["occurredAt"])
    console.print(table)
