"""`lineal models`: model groups, their versions, and the decisions on these."""

from operator import itemgetter
from typing import Any, Final

import click

from lineal.commands.asking import Asker, items_of, read_pages
from lineal.commands.showing import show_json, show_table
from lineal.commands.times import moment_asked, shown_moment
from lineal.graphstore.errors import StoreError

_PAGE: Final = 50
_MOST_DECISIONS: Final = 100
"""How many decisions are shown of a version."""
_GROUPS: Final = """
query ($where: EntityFilter, $asOf: AsOf, $first: Int!, $after: String) {
  page: modelGroups(where: $where, asOf: $asOf, first: $first, after: $after) {
    pageInfo { hasNextPage endCursor }
    items: nodes {
      urn account name registered(first: 1) { totalCount nodes { number urn } } latestApproved { number urn }
    }
} }"""
_VERSIONS: Final = """
query ($urn: String!, $asOf: AsOf, $first: Int!, $after: String, $decisions: Int!) {
  entity(urn: $urn, asOf: $asOf) { ... on ModelGroup {
    page: registered(first: $first, after: $after) {
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


async def show_groups(made: Asker, as_of: str | None, occurred_by: str | None, as_json: bool) -> int:
    """List the model groups: how many versions each has, the greatest number, and the latest that is approved.

    As of the moment of `--as-of` and `--occurred-by`. Raises UsageError where either is no time.
    """
    groups = await _read_groups(made, None, moment_asked(as_of, occurred_by))
    if as_json:
        show_json({"modelGroups": groups})
        return 0
    rows = (
        (
            group["urn"],
            str(group["registered"]["totalCount"]),
            _number(next(iter(group["registered"]["nodes"]), None)),
            _number(group["latestApproved"]),
        )
        for group in groups
    )
    show_table(("group", "versions", "latest", "latest approved"), rows)
    return 0


async def show_group(made: Asker, group: str, as_of: str | None, occurred_by: str | None, as_json: bool) -> int:
    """List the versions of a group, the newest first, each with its decisions, the latest first; as `show_groups`."""
    at = moment_asked(as_of, occurred_by)
    urn = await _urn_of(made, group, at)

    def page_of(data: dict[str, Any]) -> dict[str, Any]:
        if not data["entity"]:
            raise _absent(urn, at)
        page: dict[str, Any] = data["entity"]["page"]
        return page

    asked = {"urn": urn, "asOf": at or None, "decisions": _MOST_DECISIONS}
    versions = items_of(await read_pages(made, _VERSIONS, asked, page_of, _PAGE))
    if as_json:
        shown = [{**version, "approvals": version["approvals"]["nodes"]} for version in versions]
        show_json({"urn": urn, "versions": shown})
        return 0
    nothing: dict[str, Any] = dict.fromkeys(("decision", "by", "at", "reason"))
    rows = (
        (
            version["urn"],
            (version["model"] or {}).get("urn", ""),
            *(decided[name] or "" for name in ("decision", "by", "at", "reason")),
        )
        for version in versions
        for decided in version["approvals"]["nodes"] or [nothing]
    )
    show_table(("version", "model", "decision", "by", "at", "reason"), rows)
    for version in versions:
        if version["approvals"]["totalCount"] > _MOST_DECISIONS:
            count = version["approvals"]["totalCount"]
            click.echo(f"{version['urn']} has {count} decisions; the latest {_MOST_DECISIONS} are shown", err=True)
    return 0


async def register(made: Asker, group: str, model: str, description: str | None, tags: tuple[str, ...]) -> int:
    """Register the model of a URN in a group, by its name or URN; print the version's URN alone."""
    named = {"urn": group} if group.startswith("lineal:") else {"name": group}
    given = {"group": named, "model": {"urn": model}, "description": description, "tags": list(tags)}
    done = await _changed(made, _REGISTER, "modelVersionRegister", given)
    click.echo(_shown(done["modelVersion"]))
    return 0


async def review(made: Asker, version: str, decision: str, reason: str | None) -> int:
    """Record a decision on the version of a URN; print the approval's URN alone."""
    given = {"version": {"urn": version}, "decision": decision, "reason": reason}
    done = await _changed(made, _REVIEW, "modelVersionReview", given)
    click.echo(_shown(done["approval"]))
    return 0


async def _read_groups(made: Asker, where: dict[str, Any] | None, at: dict[str, str]) -> list[dict[str, Any]]:
    return items_of(await read_pages(made, _GROUPS, {"where": where, "asOf": at or None}, itemgetter("page"), _PAGE))


async def _urn_of(made: Asker, group: str, at: dict[str, str]) -> str:
    """The URN of a group, which is given by it or by its name in any account."""
    if group.startswith("lineal:"):
        return group
    found = [str(each["urn"]) for each in await _read_groups(made, {"name": {"eq": group}}, at)]
    if len(found) > 1:
        raise StoreError(f"there are {len(found)} model groups of this name; give the URN of one: {', '.join(found)}")
    if not found:
        raise _absent(group, at)
    return found[0]


def _absent(group: str, at: dict[str, str]) -> StoreError:
    when = f", {shown_moment(at)}" if at else ""
    return StoreError(f"there is no model group {group} here{when}: `lineal models` lists them")


async def _changed(made: Asker, document: str, mutation: str, given: dict[str, Any]) -> dict[str, Any]:
    done: dict[str, Any] = (await made.ask(document, {"input": given}))[mutation]
    if done["userErrors"]:
        raise StoreError(" ".join(error["message"] for error in done["userErrors"]))
    return done


def _shown(recorded: dict[str, Any] | None) -> str:
    return "recorded, but you may not read it" if recorded is None else str(recorded["urn"])


def _number(version: dict[str, Any] | None) -> str:
    return "" if version is None else str(version["number"] or version["urn"])
