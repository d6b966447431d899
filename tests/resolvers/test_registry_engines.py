"""One story of a registry, through GraphQL, over every engine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from engines import GRAPH_SERVERS, emptied
from graphql_requests import data
from registry_requests import refusals, registered, reviewed
from tenants import admin, member, populated, recorded, share, urn_of

from lineal.graphstore.opening import open_store
from lineal.graphstore.store import Store

A, ADA, B = member("a"), admin("a"), member("b")
GROUP = {"group": {"name": "churn"}, "model": {"urn": urn_of("a", "m")}}


@pytest.fixture(params=["memory", "sqlite", *GRAPH_SERVERS])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    url = {"memory": "memory:", "sqlite": f"sqlite:///{tmp_path}/lineal.db"}.get(request.param)
    if url is None:
        url = request.getfixturevalue(request.param.replace("-", "_")).url
        await emptied(url)
    async with await open_store(url) as opened:
        await populated(opened, "a", "b")
        yield opened


SHOWN = """{ entity(urn: "lineal:a:MODEL_GROUP:churn") { ... on ModelGroup { latestApproved { urn }
  versions { nodes { number approval { decision by } model { name groups { nodes { name } } }
    approvals { nodes { decision reason } } ascendants { totalCount } } } } } }"""


async def test_a_registry(store: Store) -> None:
    once = await registered(store, A, **GROUP, idempotencyKey="k")
    assert (await registered(store, A, **GROUP))["modelVersion"]["number"] == 2
    assert await registered(store, A, **GROUP, idempotencyKey="k") == once
    assert once["modelVersion"]["number"] == 1
    decided = await reviewed(store, ADA, once["modelVersion"]["urn"], "APPROVED", idempotencyKey="k2")
    assert await reviewed(store, ADA, once["modelVersion"]["urn"], "APPROVED", idempotencyKey="k2") == decided
    second = "lineal:a:MODEL_VERSION:churn@2"
    await reviewed(store, ADA, second, "APPROVED")
    await reviewed(store, ADA, second, "REJECTED", reason="drifts")
    model = {"name": "m", "groups": {"nodes": [{"name": "churn"}]}}
    whole = {
        "latestApproved": {"urn": "lineal:a:MODEL_VERSION:churn@1"},
        "versions": {
            "nodes": [
                {
                    "number": 2,
                    "approval": {"decision": "REJECTED", "by": "a/ada"},
                    "model": model,
                    "approvals": {
                        "nodes": [
                            {"decision": "REJECTED", "reason": "drifts"},
                            {"decision": "APPROVED", "reason": None},
                        ]
                    },
                    "ascendants": {"totalCount": 4},
                },
                {
                    "number": 1,
                    "approval": {"decision": "APPROVED", "by": "a/ada"},
                    "model": model,
                    "approvals": {"nodes": [{"decision": "APPROVED", "reason": None}]},
                    "ascendants": {"totalCount": 4},
                },
            ]
        },
    }
    assert (await data(store, SHOWN, by=A))["entity"] == whole
    assert (await data(store, SHOWN, by=B))["entity"] is None
    await share(store, "a", "b")
    assert (await data(store, SHOWN, by=B))["entity"] == whole
    assert refusals(await registered(store, B, group={"name": "mine"}, model=GROUP["model"])) == [
        ("FORBIDDEN", ["input", "model"])
    ]


async def test_trials_and_endpoints(store: Store) -> None:
    kinds = ["EXPERIMENT", "TRIAL", "TRIAL_COMPONENT", "MODEL_VERSION", "DEPLOYMENT", "ENDPOINT"]
    urns = [{"urn": f"lineal:a:{kind}:x"} for kind in kinds]
    types = ["ASSOCIATED_WITH", "ASSOCIATED_WITH", "PRODUCED", "CONTRIBUTED_TO", "CONTRIBUTED_TO"]
    ties = [
        {"source": source, "destination": destination, "type": type}
        for source, destination, type in zip(urns, urns[1:], types, strict=False)
    ]
    assert await recorded(store, A, entities=[{"kind": kind, "name": "x"} for kind in kinds], associations=ties) == []
    query = """{ experiments { nodes { trials { nodes { experiment { urn } components { totalCount nodes { urn
      ... on TrialComponent { outputs { nodes { kind } } inputs { totalCount } } } } } } } }
      endpoints { nodes { modelVersions { totalCount nodes { urn number } } } } }"""
    component = {"urn": urns[2]["urn"], "outputs": {"nodes": [{"kind": "MODEL_VERSION"}]}, "inputs": {"totalCount": 0}}
    assert await data(store, query, by=A) == {
        "experiments": {"nodes": [{"trials": {"nodes": [
            {"experiment": urns[0], "components": {"totalCount": 1, "nodes": [component]}}]}}]},
        "endpoints": {"nodes": [{"modelVersions": {"totalCount": 1, "nodes": [{**urns[3], "number": None}]}}]},
    }  # fmt: skip
