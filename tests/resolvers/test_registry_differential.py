"""A registry as of any moment equals one worked out in plain Python from what was registered and decided."""

from dataclasses import dataclass
from typing import Any, Final

from engines import Engine, emptied
from graphql_requests import data
from hypothesis import given, settings
from hypothesis import strategies as st
from record_builders import EPOCH
from registry_requests import registered, reviewed
from tenants import admin, member, populated, recorded

from lineal.auth.principals import LOCAL
from lineal.graphstore.opening import open_store
from lineal.graphstore.store import Store
from lineal.graphstore.values import format_timestamp

EXAMPLES: Final = settings.default.max_examples if settings.default else 150
GROUPS: Final = ("g", "h")


@dataclass(frozen=True, slots=True)
class Version:
    """A registration: when it was recorded, and occurred."""

    group: str
    number: int
    recorded_at: int
    occurred_at: int

    @property
    def urn(self) -> str:
        return f"lineal:a:MODEL_VERSION:{self.group}@{self.number}"


@dataclass(frozen=True, slots=True)
class Decision:
    """A review of a version."""

    version: Version
    decision: str
    recorded_at: int
    occurred_at: int


@dataclass(frozen=True, slots=True)
class Registry:
    """What there is at a moment."""

    versions: tuple[Version, ...]
    decisions: tuple[Decision, ...]

    def at(self, recorded_at: int, occurred_at: int) -> "Registry":
        def is_there(each: Version | Decision) -> bool:
            return each.recorded_at <= recorded_at and each.occurred_at <= occurred_at

        return Registry(
            tuple(each for each in self.versions if is_there(each)),
            tuple(each for each in self.decisions if is_there(each) and is_there(each.version)),
        )

    def history(self, version: Version) -> list[str]:
        decisions = sorted(
            (each for each in self.decisions if each.version == version),
            key=lambda each: (each.occurred_at, each.recorded_at),
        )
        return [each.decision for each in reversed(decisions)]

    def group(self, name: str) -> dict[str, Any]:
        versions = sorted(
            (each for each in self.versions if each.group == name), key=lambda each: each.number, reverse=True
        )
        approved = [each.number for each in versions if self.history(each)[:1] == ["APPROVED"]]
        return {
            "latestApproved": {"number": approved[0]} if approved else None,
            "versions": {
                "totalCount": len(versions),
                "nodes": [
                    {
                        "number": each.number,
                        "approval": next(({"decision": word} for word in self.history(each)), None),
                        "approvals": {"nodes": [{"decision": word} for word in self.history(each)]},
                    }
                    for each in versions
                ],
            },
        }


times = st.integers(0, 6).map(lambda step: EPOCH + step)
steps = st.lists(
    st.tuples(st.sampled_from(GROUPS), st.none() | st.sampled_from(["APPROVED", "REJECTED", "PENDING"]), times,
              st.integers(0, 3)),
    min_size=1, max_size=14,
)  # fmt: skip


async def lived(store: Store, asked: list[tuple[str, str | None, int, int]]) -> Registry:
    """Register, or decide on one of the versions there are."""
    await populated(store, "a")
    # They are there before all versions, whenever these occurred.
    there = [("MODEL", "old"), *(("MODEL_GROUP", group) for group in GROUPS)]
    first = [{"kind": kind, "name": name, "occurredAt": format_timestamp(EPOCH)} for kind, name in there]
    assert await recorded(store, member("a"), entities=first) == []
    versions: list[Version] = []
    decisions: list[Decision] = []
    for group, decision, at, place in asked:
        when = format_timestamp(at)
        if decision is None:
            variables = {"group": {"name": group}, "model": {"urn": "lineal:a:MODEL:old"}}
            done = await registered(store, member("a"), **variables, occurredAt=when)
            number = done["modelVersion"]["number"]
            assert number == 1 + sum(each.group == group for each in versions)
            versions.append(Version(group, number, await store.watermark(), at))
        elif versions:
            version = versions[place % len(versions)]
            done = await reviewed(store, admin("a"), version.urn, decision, occurredAt=when)
            assert done["isNew"]
            decisions.append(Decision(version, decision, await store.watermark(), at))
    return Registry(tuple(versions), tuple(decisions))


ASKED = """query ($u: String!, $at: AsOf!) { entity(urn: $u, asOf: $at) { ... on ModelGroup {
  latestApproved { number }
  versions(first: 100) { totalCount nodes {
    number approval { decision } approvals(first: 100) { nodes { decision } } } } } } }"""


async def compared(store: Store, asked: list[tuple[str, str | None, int, int]]) -> None:
    async with store:
        registry = await lived(store, asked)
        registrations = [each.recorded_at for each in registry.versions]
        reviews = [each.recorded_at for each in registry.decisions]
        for recorded_at in {*registrations, *reviews, await store.watermark()}:
            for occurred_at in (EPOCH, EPOCH + 3, EPOCH + 6):
                then = registry.at(recorded_at, occurred_at)
                at = {"recordedAt": format_timestamp(recorded_at), "occurredAt": format_timestamp(occurred_at)}
                for group in GROUPS:
                    answer = await data(store, ASKED, {"u": f"lineal:a:MODEL_GROUP:{group}", "at": at}, LOCAL)
                    assert answer["entity"] == then.group(group), (at, group)


@settings(max_examples=EXAMPLES // 3)
@given(steps)
async def test_as_of_any_moment(asked: list[tuple[str, str | None, int, int]]) -> None:
    await compared(await open_store("memory:"), asked)


@settings(max_examples=EXAMPLES // 50)
@given(steps)
async def test_behind_graph_servers_too(graph_server: Engine, asked: list[tuple[str, str | None, int, int]]) -> None:
    await emptied(graph_server.url)
    await compared(await open_store(graph_server.url), asked)
