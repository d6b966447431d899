"""`lineal ascendants` and `lineal descendants`."""

from typing import Any, Final

import click

from lineal.commands.graphql_client import GraphQLClient, items_of, read_pages, suggestion_of
from lineal.commands.showing import show_json, show_table, shown_name
from lineal.commands.times import as_of_argument, as_of_text
from lineal.graphstore.errors import Unavailable

PAGE: Final = 1000
_LINEAGE: Final = """
query (
  $urn: String!, $asOf: AsOf, $depth: Int, $where: EntityFilter, $via: AssociationFilter, $firstHop: AssociationFilter,
  $causal: Boolean, $first: Int, $after: String
) {
  entity(urn: $urn, asOf: $asOf) {
    lineage: DIRECTION(
      depth: $depth, where: $where, via: $via, firstHop: $firstHop, causal: $causal, first: $first, after: $after
    ) {
      totalCount
      completeness { isComplete reasons visited }
      pageInfo { hasNextPage endCursor }
      items: edges { distance node { urn kind account title name version occurredAt } }
    }
  }
}"""


async def show_lineage(
    client: GraphQLClient,
    urn: str,
    direction: str,
    depth: int | None,
    kind: tuple[str, ...],
    via: tuple[str, ...],
    first_hop_role: str | None,
    causal: bool,
    as_of: str | None,
    occurred_by: str | None,
    first: int | None,
    as_json: bool,
) -> int:
    """Print all pages of an entity's lineage. Raises Unavailable if the entity is not recorded.

    `as_of` limits when records were recorded, `occurred_by` when they occurred. Raises UsageError if either is not a
    time.
    """
    at = as_of_argument(as_of, occurred_by)
    variables: dict[str, Any] = {
        "urn": urn,
        "asOf": at or None,
        "depth": depth,
        "where": {"kind": [name.upper() for name in kind]} if kind else None,
        "via": {"type": [name.upper() for name in via]} if via else None,
        "firstHop": None if first_hop_role is None else {"role": {"eq": first_hop_role}},
        "causal": causal,
    }

    def page_of(data: dict[str, Any]) -> dict[str, Any]:
        if data["entity"] is None:
            raise Unavailable(_missing_message(urn, at) + suggestion_of(client))
        page: dict[str, Any] = data["entity"]["lineage"]
        return page

    pages = await read_pages(client, _LINEAGE.replace("DIRECTION", direction), variables, page_of, PAGE, first)
    edges, last = items_of(pages), pages[-1]
    if as_json:
        answer = {"urn": urn, direction: edges, "totalCount": last["totalCount"], "completeness": last["completeness"]}
        show_json({**answer, "asOf": at} if at else answer)
        return 0
    rows = [(str(edge["distance"]), *_shown(edge["node"])) for edge in edges]
    piped = [(str(edge["distance"]), edge["node"]["kind"], edge["node"]["urn"]) for edge in edges]
    show_table(("hops", "kind", "name", "version", "account", "occurred"), rows, piped)
    click.echo(f"{len(edges)} of {last['totalCount']} {direction} of {urn}" + (f", {as_of_text(at)}" if at else ""))
    if last["completeness"]["reasons"]:
        click.echo(f"incomplete: {', '.join(last['completeness']['reasons'])}", err=True)
    return 0


def _shown(node: dict[str, Any]) -> tuple[str, ...]:
    return node["kind"], shown_name(node), node["version"] or "", node["account"], node["occurredAt"]


def _missing_message(urn: str, at: dict[str, str]) -> str:
    if not at:
        return f"{urn} is not recorded here: check the URN, and the store or server"
    return f"{urn} does not exist as of then ({as_of_text(at)}): check the URN, or give a later time, or none"
