"""`lineal ascendants` and `lineal descendants`."""

from typing import Any, Final

import click

from lineal.commands.asking import Asker, items_of, read_pages
from lineal.commands.showing import show_json, show_table
from lineal.commands.times import moment_asked, shown_moment
from lineal.graphstore.errors import Unavailable

PAGE: Final = 1000
_QUESTION: Final = """
query (
  $urn: String!, $asOf: AsOf, $depth: Int, $where: EntityFilter, $via: AssociationFilter, $first: Int, $after: String
) {
  entity(urn: $urn, asOf: $asOf) {
    lineage: DIRECTION(depth: $depth, where: $where, via: $via, first: $first, after: $after) {
      totalCount
      completeness { isComplete reasons visited }
      pageInfo { hasNextPage endCursor }
      items: edges { distance node { urn kind account name version occurredAt } }
    }
  }
}"""


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
    """Print an entity's lineage, read to its last page. Raises Unavailable where there is no such entity.

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

    def page_of(data: dict[str, Any]) -> dict[str, Any]:
        if data["entity"] is None:
            raise Unavailable(_absent(urn, at))
        page: dict[str, Any] = data["entity"]["lineage"]
        return page

    pages = await read_pages(made, _QUESTION.replace("DIRECTION", direction), variables, page_of, PAGE, first)
    edges, last = items_of(pages), pages[-1]
    if as_json:
        answer = {"urn": urn, direction: edges, "totalCount": last["totalCount"], "completeness": last["completeness"]}
        show_json({**answer, "asOf": at} if at else answer)
        return 0
    rows = [(str(edge["distance"]), *_shown(edge["node"])) for edge in edges]
    piped = [(str(edge["distance"]), edge["node"]["kind"], edge["node"]["urn"]) for edge in edges]
    show_table(("hops", "kind", "name", "version", "account", "occurred"), rows, piped)
    click.echo(f"{len(edges)} of {last['totalCount']} {direction} of {urn}" + (f", {shown_moment(at)}" if at else ""))
    if last["completeness"]["reasons"]:
        click.echo(f"incomplete: {', '.join(last['completeness']['reasons'])}", err=True)
    return 0


def _shown(node: dict[str, Any]) -> tuple[str, ...]:
    return node["kind"], node["name"], node["version"] or "", node["account"], node["occurredAt"]


def _absent(urn: str, at: dict[str, str]) -> str:
    if not at:
        return f"{urn} is not recorded here: check the URN, and which store or server is asked"
    return f"{urn} is not there yet, {shown_moment(at)}: check the URN, or give a later time, or none"
