"""Accounts in a store, their people, and the words of administration, all through GraphQL."""

from typing import Any

import pytest
from graphql_requests import access_service_of, data

from lineal.auth.principals import LOCAL, Principal
from lineal.auth.scopes import default_group
from lineal.graphstore.opening import open_store
from lineal.graphstore.store import Store
from lineal.graphstore.urns import entity_id
from lineal.resolvers import access_shares, context

READING = ["READ", "READ_PROPERTIES", "TRAVERSE"]


def admin(account: str) -> Principal:
    return Principal(account, "ada", frozenset({"admin"}))


def member(account: str, name: str = "mia") -> Principal:
    return Principal(account, name)


async def tenants(*accounts: str) -> Store:
    """A store in memory with registered accounts, `populated`."""
    store = await open_store("memory:")
    await populated(store, *accounts)
    return store


async def populated(store: Store, *accounts: str) -> None:
    """Register accounts, and record for each a dataset `d`, a job `j` and a model `m`, d > j > m."""
    for account in accounts:
        assert not (await changed(store, LOCAL, "accountCreate", name=account))["userErrors"]
        await chain(store, account)


async def chain(store: Store, account: str, prefix: str = "") -> None:
    """Record d > j > m, by a member of their account."""
    names = {"d": "DATASET", "j": "TRAINING_JOB", "m": "MODEL"}
    entities = [{"kind": kind, "name": prefix + name} for name, kind in names.items()]
    entities[0]["properties"] = [{"key": "rows", "value": {"int": 7}}]  # type: ignore[assignment]
    urns = [{"urn": f"lineal:{account}:{kind}:{prefix}{name}"} for name, kind in names.items()]
    links = [
        {"source": urns[0], "destination": urns[1], "type": "CONTRIBUTED_TO"},
        {"source": urns[1], "destination": urns[2], "type": "PRODUCED"},
    ]
    assert await recorded(store, member(account), entities=entities, associations=links) == []


RECORD = """mutation ($i: LineageRecordInput!) { lineageRecord(input: $i) {
  entities { isNew entity { urn digest properties { key } } } associations { isNew association { type digest } }
  userErrors { code message path } } }"""
REVISE = """mutation ($i: EntityReviseInput!) { entityRevise(input: $i) {
  entity { urn tags } revision { sequence } isNew userErrors { code message path } } }"""


async def recorded(store: Store, by: Principal, **input: Any) -> Any:
    """The errors of a lineageRecord."""
    return (await data(store, RECORD, {"i": input}, by))["lineageRecord"]["userErrors"]


async def revised(store: Store, by: Principal, **input: Any) -> Any:
    """What became of an entityRevise."""
    return (await data(store, REVISE, {"i": input}, by))["entityRevise"]


_SHOWN = {
    "lineageGroupCreate": "group { id name account boundary tellsWithheld entities { nodes { urn } } }",
    "lineageGroupChange": "group { id name boundary tellsWithheld entities { nodes { urn } } }",
    "lineageGroupPolicySet": "group { id }",
    "resourceShareCreate": "share { id invitations { id state account } }",
    "resourceShareRevoke": "share { id revokedAt revokedBy }",
    "invitationAccept": "invitation { id state decidedBy }",
    "invitationReject": "invitation { id state decidedBy }",
    "accountCreate": "account { name isOperator createdBy }",
    "apiKeyCreate": "text key { id account name roles permissions createdBy }",
    "apiKeyRevoke": "key { id revokedBy }",
}


async def changed(store: Store, by: Principal, mutation: str, **input: Any) -> Any:
    """What became of a change of access."""
    more = " line column" if mutation == "lineageGroupPolicySet" else ""
    kind = mutation[0].upper() + mutation[1:]
    query = f"""mutation ($i: {kind}Input!) {{ {mutation}(input: $i) {{
      {_SHOWN[mutation]} userErrors {{ code message path {more} }} }} }}"""
    return (await data(store, query, {"i": input}, by))[mutation]


async def codes(store: Store, by: Principal, mutation: str, **input: Any) -> list[str]:
    """The codes of a change of access that is refused; of one that is not, none."""
    return [error["code"] for error in (await changed(store, by, mutation, **input))["userErrors"]]


async def share(store: Store, owner: str, *receivers: str, accept: bool = True, **terms: Any) -> str:
    """Share the default group of an account with others, by their administrators; the share's id."""
    input = {
        "name": f"of {owner}",
        "groups": [default_group(owner)],
        "targets": [{"account": receiver} for receiver in receivers],
        "actions": READING,
        **terms,
    }
    done = await changed(store, admin(owner), "resourceShareCreate", **input)
    assert not done["userErrors"], done
    if accept:
        for each in done["share"]["invitations"]:
            account = each["account"]
            assert not await codes(store, admin(account), "invitationAccept", id=each["id"])
    id: str = done["share"]["id"]
    return id


def urn_of(account: str, name: str) -> str:
    """The URN of what `chain` recorded."""
    kind = {"d": "DATASET", "j": "TRAINING_JOB", "m": "MODEL"}[name[-1]]
    return f"lineal:{account}:{kind}:{name}"


def id_at(account: str, name: str) -> str:
    """The id of what `chain` recorded."""
    return entity_id(urn_of(account, name))


async def sees(store: Store, by: Principal) -> set[str]:
    """The URNs of all that a principal may read."""
    return {
        node["urn"]
        for node in (await data(store, "{ entities(first: 100) { nodes { urn } } }", by=by))["entities"]["nodes"]
    }


async def logged(store: Store, by: Principal, **where: Any) -> list[dict[str, Any]]:
    """Records of the audit log, the newest first, once the denials that wait are written."""
    await access_service_of(store).denials.write()
    query = """query ($w: AuditFilter) { auditLog(where: $w, first: 100) {
      nodes { principal action resourceKind resource isAllowed policies requestId count examples } } }"""
    nodes: list[dict[str, Any]] = (await data(store, query, {"w": where}, by))["auditLog"]["nodes"]
    return nodes


def at(monkeypatch: pytest.MonkeyPatch, store: Store, now: int) -> None:
    """Let it be a time, in microseconds, for all that asks what access gives."""
    for module in (context, access_shares):
        monkeypatch.setattr(module, "microseconds", lambda: now)
    monkeypatch.setattr(access_service_of(store), "_clock", lambda: now)
