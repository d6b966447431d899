"""Isolation: every decision of a server equals a reference authorizer's, and no server serves what was revoked."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from keys import make_account, make_key
from reference_authorizer import (
    READ,
    READ_PROPERTIES,
    TRAVERSE,
    Group,
    Person,
    ReferenceAuthorizer,
    Share,
    Statement,
)
from server_process import Server, serving
from torture import SEED, chance, rounds

pytestmark = pytest.mark.slow

ACCOUNTS: Final = ("a", "b", "c")
KINDS: Final = ("DATASET", "MODEL", "IMAGE")
KEYS: Final = ("rows", "owner")
PER_KIND: Final = 11
"""Entities of each kind in each account: 99 in all, which one request asks for."""
CHANGES: Final = 6
"""Changes of access between two comparisons."""
PEOPLE: Final = {
    **{f"{account}-admin": Person(account, "ada", frozenset({"admin"})) for account in ACCOUNTS},
    **{f"{account}-member": Person(account, "mia") for account in ACCOUNTS},
    "b-analyst": Person("b", "bob", frozenset({"analyst"})),
    **{f"{account}-limited": Person(account, "rob", limits=frozenset({READ})) for account in ACCOUNTS},
}
WHO: Final = [
    ("everyone", ""), ("Account", "a"), ("Account", "b"), ("Account", "c"), ("Role", "b/analyst"),
    ("Principal", "b/bob"), ("Principal", "c/mia"), ("Principal", "a/rob"),
]  # fmt: skip
ACTIONS: Final = [(READ,), (READ_PROPERTIES,), (READ, READ_PROPERTIES), (READ, READ_PROPERTIES, TRAVERSE)]
READS: Final = """query ($ids: [ID!]!) {
  nodes(ids: $ids) { ... on Entity { urn properties { key } } }
  entities(first: 100) { totalCount nodes { urn } } }"""
RECORD: Final = """mutation ($entities: [EntityInput!]!) {
  lineageRecord(input: {entities: $entities}) { entities { entity { id urn } } userErrors { message } } }"""


def mutation(name: str, more: str = "") -> str:
    """The document of a mutation with an input `i`; `more` is what it answers beside user errors."""
    kind = name[0].upper() + name[1:]
    return f"mutation ($i: {kind}Input!) {{ payload: {name}(input: $i) {{ {more} userErrors {{ message }} }} }}"


CREATE_GROUP: Final = mutation("lineageGroupCreate", "group { id }")
CHANGE_GROUP: Final = mutation("lineageGroupChange")
SET_POLICY: Final = mutation("lineageGroupPolicySet")
SHARE: Final = mutation("resourceShareCreate", "share { id invitations { id account } }")
ACCEPT: Final = mutation("invitationAccept")
REVOKE: Final = mutation("resourceShareRevoke")
CREATE_KEY: Final = mutation("apiKeyCreate", "text key { id }")
REVOKE_KEY: Final = mutation("apiKeyRevoke")


class Tenants:
    """Three accounts on one store behind some servers, and the reference authorizer's picture of them."""

    def __init__(self, servers: list[Server], keys: dict[str, str], random: Random) -> None:
        self.servers, self.keys, self.random = servers, keys, random
        self.reference = ReferenceAuthorizer()
        self.ids: dict[str, str] = {}
        """The id of each entity by its URN."""
        self.decisions = self.allowed = 0

    def post(self, who: str, query: str, server: int = 0, key: str | None = None, **variables: Any) -> Any:
        """The whole answer of a server to a person, or to the holder of another key."""
        headers = {"Authorization": f"Bearer {key or self.keys[who]}"}
        body = {"query": query, "variables": variables}
        return self.servers[server].client.post("/graphql", json=body, headers=headers).json()

    def ask(self, who: str, query: str, server: int = 0, **variables: Any) -> Any:
        """The data of an answer; of a mutation, its payload without user errors."""
        answer = self.post(who, query, server, **variables)
        assert "errors" not in answer, (answer, query, variables)
        data = answer["data"]
        if query.startswith("mutation"):
            (data,) = data.values()
            assert not data["userErrors"], (data, variables)
        return data

    def fill(self) -> None:
        """Record the entities, and give each account two more groups and policies that the reference knows."""
        for account in ACCOUNTS:
            admin = f"{account}-admin"
            properties = [{"key": key, "value": {"int": 1}} for key in KEYS]
            entities = [
                {"kind": kind, "name": f"{kind}-{number}", "properties": properties}
                for kind in KINDS
                for number in range(PER_KIND)
            ]
            recorded = self.ask(admin, RECORD, entities=entities)["entities"]
            self.ids |= {each["entity"]["urn"]: each["entity"]["id"] for each in recorded}
            listed = self.ask(admin, "{ lineageGroups(first: 100) { nodes { id account isDefault } } }")
            (default,) = (each["id"] for each in listed["lineageGroups"]["nodes"] if each["account"] == account)
            self.reference.groups[default] = Group(account, is_default=True)
            for name in ("one", "two"):
                id = self.ask(admin, CREATE_GROUP, i={"name": name})["group"]["id"]
                self.reference.groups[id] = Group(account, is_default=False)
            for id, group in self.reference.groups.items():
                if group.account == account:
                    self.set_policy(id, [Statement("permit", "Account", account, ACTIONS[-1])] if id == default else [])

    def set_policy(self, id: str, statements: list[Statement], server: int = 0) -> None:
        """Set a group's policy; its administrators may always do everything that the policy does not forbid."""
        group = self.reference.groups[id]
        policy = [Statement("permit", "Role", f"{group.account}/admin", ()), *statements]
        self.ask(
            f"{group.account}-admin", SET_POLICY, server, i={"id": id, "policy": "\n".join(s.text for s in policy)}
        )
        group.policy = policy

    def change(self) -> None:
        """Change access in some way, on some server."""
        draw = self.random
        server = draw.randrange(len(self.servers))
        id, group = draw.choice(list(self.reference.groups.items()))
        how = draw.choice(["policy", "policy", "members", "members", "share", "share", "revoke"])
        if how == "policy":
            count = draw.choice([0, 1, 1, 2, 3])
            self.set_policy(id, [self.statement() for _ in range(count)], server)
        elif how == "members" and not group.is_default:
            admin = f"{group.account}-admin"
            # What a policy forbids even its administrator to read is absent for it.
            mine = [urn for urn in sorted(self.ids) if urn.split(":")[1] == group.account]
            mine = [urn for urn in mine if self.reference.reads(PEOPLE[admin], urn)]
            joins = set(draw.sample(mine, min(len(mine), draw.randrange(12)))) - group.members
            leaves = {urn for urn in mine if urn in group.members and draw.random() < 0.5}
            self.ask(
                admin, CHANGE_GROUP, server, i={"id": id, "addEntities": refs(joins), "removeEntities": refs(leaves)}
            )
            group.members = (group.members | joins) - leaves
        elif how == "share":
            self.share(id, group, server)
        elif live := [id for id, share in self.reference.shares.items() if not share.is_revoked]:
            revoked = draw.choice(live)
            owner = self.reference.groups[self.reference.shares[revoked].groups[0]].account
            self.ask(f"{owner}-admin", REVOKE, server, i={"id": revoked})
            self.reference.shares[revoked].is_revoked = True

    def statement(self) -> Statement:
        """A line of a policy; a sixth of them forbid."""
        return Statement(
            self.random.choice(["permit"] * 5 + ["forbid"]), *self.random.choice(WHO), self.random.choice(ACTIONS)
        )

    def share(self, id: str, group: Group, server: int) -> None:
        """Share a group with another account, which accepts mostly."""
        draw = self.random
        receiver = draw.choice([account for account in ACCOUNTS if account != group.account])
        target = draw.choice([(receiver, None, None), (receiver, "analyst", None), (receiver, None, "mia")])
        kinds = draw.choice([None, None, draw.sample(KINDS, 1)])
        share = Share([id], [target], list(draw.choice(ACTIONS)), kinds, draw.sample(KEYS, draw.choice([0, 0, 1])))
        input = {
            "name": "drawn",
            "groups": share.groups,
            "targets": [{"account": target[0], "role": target[1], "name": target[2]}],
            "actions": share.actions,
            "kinds": share.kinds,
            "redacted": share.redacted,
        }
        made = self.ask(f"{group.account}-admin", SHARE, server, i=input)["share"]
        self.reference.shares[made["id"]] = share
        if draw.random() < 0.8:
            (invitation,) = made["invitations"]
            self.ask(f"{receiver}-admin", ACCEPT, server, i={"id": invitation["id"]})
            share.accepted.add(receiver)

    def compare(self, who: str, server: int) -> None:
        """Ask a server for everything in a person's name, and compare each decision with the reference's."""
        person, urns = PEOPLE[who], list(self.ids)
        answer = self.ask(who, READS, server, ids=[self.ids[urn] for urn in urns])
        listed = {each["urn"] for each in answer["entities"]["nodes"]}
        assert answer["entities"]["totalCount"] == len(listed)
        for urn, node in zip(urns, answer["nodes"], strict=True):
            keys = {each["key"] for each in node["properties"]} if node else set()
            served = [node is not None, urn in listed, *(key in keys for key in KEYS)]
            reads = self.reference.reads(person, urn)
            assert served == [reads, reads, *(self.reference.shows(person, urn, key) for key in KEYS)], (SEED, who, urn)
            self.decisions += len(served)
            self.allowed += sum(served)


def refs(urns: set[str]) -> list[dict[str, str]]:
    return [{"urn": urn} for urn in sorted(urns)]


def opened(folder: Path, servers: int, name: str) -> Iterator[Tenants]:
    """Tenants behind a number of servers on one new store."""
    store, config = f"sqlite:///{folder}/lineal.db", folder / "lineal.toml"
    config.write_text("requests_per_minute = 0\ncost_per_minute = 0\n")
    for account in ACCOUNTS:
        make_account(store, account)
    keys = {}
    for who, person in PEOPLE.items():
        flags = [word for role in sorted(person.roles) for word in ("--role", role)]
        limits = [word for limit in sorted(person.limits or ()) for word in ("--permission", limit.lower())]
        keys[who] = make_key(store, person.account, person.name, *flags, *limits)
    with ExitStack() as stack:
        running = [
            stack.enter_context(serving(store, folder, "--config", str(config), token="")) for _ in range(servers)
        ]
        tenants = Tenants(running, keys, chance(name))
        tenants.fill()
        yield tenants


@pytest.fixture
def tenants(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Tenants]:
    yield from opened(tmp_path, request.param, request.node.name)


@pytest.mark.parametrize("tenants", [1], indirect=True)
def test_every_decision_equals_the_reference(tenants: Tenants) -> None:
    for number in rounds(short=8, whole=256, share=0.1):
        for _ in range(CHANGES if number else 10 * CHANGES):
            tenants.change()
        for who in PEOPLE:
            tenants.compare(who, 0)
    assert 0.05 < tenants.allowed / tenants.decisions < 0.95, "the decisions are all alike"
    print(f"{tenants.decisions} decisions, of which {tenants.allowed} allow, 0 differ; seed {SEED}")


@pytest.mark.parametrize("tenants", [2], indirect=True)
def test_nothing_revoked_is_served_by_another_server(tenants: Tenants) -> None:
    read = "query ($u: String!) { entity(urn: $u) { urn } }"
    urn, reader = "lineal:a:DATASET:DATASET-0", "b-member"
    group = next(id for id, group in tenants.reference.groups.items() if group.account == "a" and not group.is_default)
    permit = Statement("permit", "Account", "b", (READ,))
    revocations = 0

    def shows(server: int, key: str | None = None) -> bool:
        answer = tenants.post(reader, read, server, key=key, u=urn)
        return bool((answer.get("data") or {}).get("entity"))

    def grants(how: str, server: int) -> Any:
        if how == "share":
            input = {"name": "s", "groups": [group], "targets": [{"account": "b"}], "actions": [READ]}
            share = tenants.ask("a-admin", SHARE, server, i=input)["share"]
            tenants.ask("b-admin", ACCEPT, server, i={"id": share["invitations"][0]["id"]})
            return share["id"]
        tenants.set_policy(group, [permit], server)
        if how == "key":
            return tenants.ask("b-admin", CREATE_KEY, server, i={"account": "b", "name": "mia"})
        return None

    def revokes(how: str, server: int, granted: Any) -> None:
        if how == "share":
            tenants.ask("a-admin", REVOKE, server, i={"id": granted})
        elif how == "key":
            tenants.ask("b-admin", REVOKE_KEY, server, i={"id": granted["key"]["id"]})
        elif how == "policy":
            tenants.set_policy(group, [], server)
        else:
            tenants.ask("a-admin", CHANGE_GROUP, server, i={"id": group, "removeEntities": [{"urn": urn}]})

    for _ in rounds(short=200, whole=10_000, share=0.1):
        how = tenants.random.choice(["policy"] * 8 + ["members"] * 8 + ["share", "key"])
        writer = tenants.random.randrange(2)
        tenants.ask("a-admin", CHANGE_GROUP, writer, i={"id": group, "addEntities": [{"urn": urn}]})
        granted = grants(how, writer)
        key = granted["text"] if how == "key" else None
        assert shows(1 - writer, key), f"granted by {how}, and not served"
        revokes(how, writer, granted)
        assert not shows(1 - writer, key), f"served after its {how} was revoked; seed {SEED}, {revocations}"
        assert not shows(writer, key)
        tenants.set_policy(group, [], writer)
        revocations += 1
    print(f"{revocations} revocations, each read on both servers at once, 0 stale; seed {SEED}")
