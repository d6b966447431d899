"""`lineal models`: model groups, their versions, and the decisions on versions."""

from operator import itemgetter
from typing import Any, Final

import click

from lineal.commands.graphql_client import GraphQLClient, items_of, read_pages
from lineal.commands.showing import show_json, show_table
from lineal.commands.times import as_of_argument, as_of_text
from lineal.graphstore.errors import StoreError

_PAGE: Final = 50
_MOST_DECISIONS: Final = 100
"""Maximum number of decisions to print for a version."""
_GROUPS: Final = """
query ($where: EntityFilter, $asOf: AsOf, $first: Int!, $after: String) {
  page: modelGroups(where: $where, asOf: $asOf, first: $first, after: $after) {
    pageInfo { hasNextPage endCursor }
    items: nodes {
      urn account name versions(first: 1) { totalCount nodes { number urn } } latestApproved { number urn }
    }
} }"""
_VERSIONS: Final = """
query ($urn: String!, $asOf: AsOf, $first: Int!, $after: String, $decisions: Int!) {
  entity(urn: $urn, asOf: $asOf) { ... on ModelGroup {
    page: versions(first: $first, after: $after) {
      pageInfo { hasNextPage endCursor }
      items: nodes {
        urn number model { urn } approvals(first: $decisions) { totalCount nodes { decision by at reason } }
      }
} } } }"""
_REGISTER: Final = """
mutation ($input: ModelVersionRegisterInput!) { modelVersionRegister(input: $input) {
  modelVersion { urn number } userErrors { message } } }"""
_REVIEW: Final = """
mutation ($input: ModelVersionReviewInput!) { modelVersionReview(input: $input) {
  approval { urn decision } userErrors { message } } }"""


async def show_groups(client: GraphQLClient, as_of: str | None, occurred_by: str | None, as_json: bool) -> int:
    """Print the model groups with their number of versions, latest version and latest approved version.

    As of `as_of` and `occurred_by`. Raises UsageError if either is not a time.
    """
    groups = await _read_groups(client, None, as_of_argument(as_of, occurred_by))
    if as_json:
        show_json({"modelGroups": groups})
        return 0
    rows = (
        (
            group["urn"],
            str(group["versions"]["totalCount"]),
            _number(next(iter(group["versions"]["nodes"]), None)),
            _number(group["latestApproved"]),
        )
        for group in groups
    )
    show_table(("group", "versions", "latest", "latest approved"), rows)
    return 0


async def show_group(
    client: GraphQLClient, group: str, as_of: str | None, occurred_by: str | None, as_json: bool
) -> int:
    """Print the versions of a group, newest first, each with its decisions, latest first, as of `as_of`."""
    at = as_of_argument(as_of, occurred_by)
    urn = await _find_urn(client, group, at)

    def page_of(data: dict[str, Any]) -> dict[str, Any]:
        if not data["entity"]:
            raise _missing_group(urn, at)
        page: dict[str, Any] = data["entity"]["page"]
        return page

    variables = {"urn": urn, "asOf": at or None, "decisions": _MOST_DECISIONS}
    versions = items_of(await read_pages(client, _VERSIONS, variables, page_of, _PAGE))
    if as_json:
        shown = [{**version, "approvals": version["approvals"]["nodes"]} for version in versions]
        show_json({"urn": urn, "versions": shown})
        return 0
    no_decision: dict[str, Any] = dict.fromkeys(("decision", "by", "at", "reason"))
    rows = (
        (
            version["urn"],
            (version["model"] or {}).get("urn", ""),
            *(decision_row[name] or "" for name in ("decision", "by", "at", "reason")),
        )
        for version in versions
        for decision_row in version["approvals"]["nodes"] or [no_decision]
    )
    show_table(("version", "model", "decision", "by", "at", "reason"), rows)
    for version in versions:
        if version["approvals"]["totalCount"] > _MOST_DECISIONS:
            count = version["approvals"]["totalCount"]
            click.echo(f"{version['urn']} has {count} decisions; the latest {_MOST_DECISIONS} are shown", err=True)
    return 0


async def register(
    client: GraphQLClient, group: str, model: str, description: str | None, tags: tuple[str, ...]
) -> int:
    """Register a model in a group, which is a name or a URN, and print the URN of the version."""
    reference = {"urn": group} if group.startswith("lineal:") else {"name": group}
    input = {"group": reference, "model": {"urn": model}, "description": description, "tags": list(tags)}
    payload = await _mutate(client, _REGISTER, "modelVersionRegister", input)
    click.echo(_shown(payload["modelVersion"]))
    return 0


async def review(client: GraphQLClient, version: str, decision: str, reason: str | None) -> int:
    """Record a decision on a version, and print the URN of the approval."""
    input = {"version": {"urn": version}, "decision": decision, "reason": reason}
    payload = await _mutate(client, _REVIEW, "modelVersionReview", input)
    click.echo(_shown(payload["approval"]))
    return 0


async def _read_groups(client: GraphQLClient, where: dict[str, Any] | None, at: dict[str, str]) -> list[dict[str, Any]]:
    return items_of(await read_pages(client, _GROUPS, {"where": where, "asOf": at or None}, itemgetter("page"), _PAGE))


async def _find_urn(client: GraphQLClient, group: str, at: dict[str, str]) -> str:
    """The URN of a group, which is a URN or a name in any account."""
    if group.startswith("lineal:"):
        return group
    urns = [str(match["urn"]) for match in await _read_groups(client, {"name": {"eq": group}}, at)]
    if len(urns) > 1:
        raise StoreError(f"there are {len(urns)} model groups of this name; give the URN of one: {', '.join(urns)}")
    if not urns:
        raise _missing_group(group, at)
    return urns[0]


def _missing_group(group: str, at: dict[str, str]) -> StoreError:
    when = f", {as_of_text(at)}" if at else ""
    return StoreError(f"there is no model group {group} here{when}: `lineal models` lists them")


async def _mutate(client: GraphQLClient, document: str, mutation: str, input: dict[str, Any]) -> dict[str, Any]:
    payload: dict[str, Any] = (await client.execute(document, {"input": input}))[mutation]
    if payload["userErrors"]:
        raise StoreError(" ".join(error["message"] for error in payload["userErrors"]))
    return payload


def _shown(recorded: dict[str, Any] | None) -> str:
    return "recorded, but you may not read it" if recorded is None else str(recorded["urn"])


def _number(version: dict[str, Any] | None) -> str:
    return "" if version is None else str(version["number"] or version["urn"])
