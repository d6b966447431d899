"""`lineal search`."""

from operator import itemgetter
from typing import Any, Final

import click
import orjson

from lineal.commands.graphql_client import GraphQLClient, items_of, read_pages
from lineal.commands.showing import show_json, show_table, shown_name
from lineal.graphstore.queries import EntityOrderField

PAGE: Final = 100
_SEARCH: Final = """
query ($search: String, $where: EntityFilter, $orderBy: EntityOrder, $first: Int!, $after: String) {
  entities(search: $search, where: $where, orderBy: $orderBy, first: $first, after: $after) {
    totalCount
    pageInfo { hasNextPage endCursor }
    items: nodes { urn kind account title name version status occurredAt }
  }
}"""
_BY_PROPERTY: Final = "property:"


async def show_search(
    client: GraphQLClient,
    text: str | None,
    kind: tuple[str, ...],
    accounts: tuple[str, ...],
    tags: tuple[str, ...],
    properties: tuple[str, ...],
    order: str | None,
    first: int | None,
    as_json: bool,
) -> int:
    """Print all pages of a search. Raises UsageError for an option that is not valid."""
    lists: dict[str, list[Any]] = {
        "kind": [word.upper() for word in kind],
        "account": list(accounts),
        "tag": list(tags),
    }
    lists["property"] = [_property(option) for option in properties]
    where = {name: values for name, values in lists.items() if values}
    variables = {"search": text, "where": where or None, "orderBy": None if order is None else _order(order)}
    pages = await read_pages(client, _SEARCH, variables, itemgetter("entities"), PAGE, first)
    nodes, total = items_of(pages), pages[-1]["totalCount"]
    if as_json:
        show_json({"entities": nodes, "totalCount": total})
        return 0
    rows = [(*_shown(node), node["status"] or "", node["occurredAt"]) for node in nodes]
    piped = [(node["kind"], node["urn"]) for node in nodes]
    show_table(("kind", "name", "version", "account", "status", "occurred"), rows, piped)
    click.echo(f"{len(nodes)} of {total} found")
    return 0


def _property(option: str) -> dict[str, Any]:
    key, equals, text = option.partition("=")
    if not key or not equals:
        raise click.UsageError(f"--property is {option!r}: write it as KEY=VALUE")
    try:
        value = orjson.loads(text)
    except ValueError:
        value = text
    return {"key": key, "eq": text if value is None else value}


def _order(option: str) -> dict[str, Any]:
    name = option.removeprefix("-")
    direction = "DESCENDING" if name != option else "ASCENDING"
    if name.startswith(_BY_PROPERTY):
        key = name.removeprefix(_BY_PROPERTY)
        return {"field": "PROPERTY", "propertyKey": key, "direction": direction}
    fields = [str(field) for field in EntityOrderField if field is not EntityOrderField.PROPERTY]
    field = name.upper().replace("-", "_")
    if field not in fields:
        raise click.UsageError(f"--order is {option!r}: give {', '.join(fields).lower()}, or property:KEY")
    return {"field": field, "direction": direction}


def _shown(node: dict[str, Any]) -> tuple[str, ...]:
    return node["kind"], shown_name(node), node["version"] or "", node["account"]
