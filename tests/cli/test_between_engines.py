"""From engine to engine: what is exported from one and ingested into another is the same, and answers the same."""

import asyncio
import json
from io import StringIO
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from engines import Engine, emptied
from graphql_requests import data
from record_builders import now
from server_process import serving

from lineal.capture.sample import write
from lineal.cli import main
from lineal.graphstore.opening import open_store
from lineal.graphstore.queries import BucketsOf, MetricsOf
from lineal.graphstore.store import Store


def associated(source: str, destination: str, type: str, **more: Any) -> dict[str, Any]:
    return {"association": {"source": source, "destination": destination, "type": type, **more}}


def revised(entity: str, **more: Any) -> dict[str, Any]:
    return {"revision": {"entity": entity, **more}}


def observed(entity: str, metric: str, value: float | str, step: int, at: str) -> dict[str, Any]:
    return {"observation": {"entity": entity, "metric": metric, "value": value, "step": step, "occurredAt": at}}


ODD_NAMES = [
    "'); g.V().drop(); //", '"${1+1}"', "back\\slash", "u\u0308n\u0131 \U0001f600 \ue000", "\u202eleft",
    "%2F@:",
]  # fmt: skip
ODD = [
    *(
        {"entity": {"key": name, "kind": "DATASET", "name": name, "account": "ö'dd", "description": name * 50}}
        for name in ODD_NAMES
    ),
    {
        "entity": {
            "key": "full", "kind": "MODEL", "name": "full", "version": "ß", "type": "xgboost", "description": "",
            "status": "IN_PROGRESS", "tags": ["b", "a", "B"], "occurredAt": "1969-12-31T23:59:59.000001Z",
            "source": {"uri": "s3://x/ü", "type": "S3", "ids": [{"type": "S3_ETAG", "value": "'1'"}]},
            "properties": {
                "text": "", "ugly": "\x01\n\t'\"\\", "whole": -(2**53) - 1, "more": {"$int": str(2**63 - 1)},
                "real": 1e-320, "one": {"$float": "1"}, "zero": {"$float": "-0"}, "yes": True, "no": False,
                "when": {"$timestamp": "2026-03-01T12:00:00.123456Z"}, "nested": {"deep": {"down": [1, 2.5, "x"]}},
                "json": {"$json": {"a": [1, {"b": None}], "1": 1.0}},
            },
        }
    },
    *({"entity": {"key": f"n{n}", "kind": "TRAINING_JOB", "name": f"n{n}", "version": str(n)}} for n in range(6)),
    *(associated(f"n{n}", f"n{(n + 1) % 6}", "CONTRIBUTED_TO") for n in range(6)),
    associated("n0", "n3", "CONTRIBUTED_TO", role="train"),
    associated("n0", "n3", "CONTRIBUTED_TO", role="Train '\U0001f600"),
    associated("n0", "n3", "DERIVED_FROM", properties={"a": {"b": 1}, "c": "'"}),
    associated("n5", "full", "PRODUCED", occurredAt="2026-03-01T12:00:00Z"),
    *(associated(name, "n0", "CONTRIBUTED_TO", role=name) for name in ODD_NAMES),
    *(associated(*pair, "SAME_AS") for pair in pairwise(ODD_NAMES)),
    revised("full", status="COMPLETED", tags=[], properties={"text": "new"}, removed=["yes"]),
    revised("full", description="'", removed=["text", "nothing"], occurredAt="2020-01-01T00:00:00Z"),
    revised("full", properties={"yes": {"$int": "1"}}, supersededBy="n2"),
    revised(ODD_NAMES[0], status="FAILED", tags=["\U0001f600"]),
    *(observed("n0", "loss", 1 / (n + 1), n, f"2026-03-01T12:00:{n % 60:02}.000001Z") for n in range(2500)),
    *(observed(ODD_NAMES[3], name, -0.0, -(2**63), "2026-03-01T12:00:00Z") for name in ODD_NAMES),
    observed("full", "auc", 5e-324, 2**63 - 1, "1969-12-31T23:59:59.000001Z"),
    observed("full", "auc", 1e22, 2**63 - 1, "2026-03-01T12:00:00Z"),
    observed("full", "auc", 2**53 + 1, 0, "2026-03-01T12:00:00Z"),
    *(observed("full", "auc", value, 0, "2026-03-01T12:00:00Z") for value in ("NaN", "Infinity", "-Infinity", -5e-324)),
    observed("full", "nan", "NaN", 0, "2026-03-01T12:00:00Z"),
]  # fmt: skip
"""Hostile text, every type of property, a cycle, parallel roles, SAME_AS, and revisions out of order."""

RECORDS = """query ($after: String) { entities(first: 100, after: $after) {
  totalCount pageInfo { hasNextPage endCursor } nodes {
  id urn account kind name version type description status tags digest occurredAt source { uri type ids { type value } }
  properties { key type value }
  history(first: 100) { totalCount nodes {
    sequence status tags description removed digest occurredAt properties { key type value } supersededBy { urn } } }
  associations(first: 100, direction: DESCENDANTS) { totalCount nodes {
    id type role digest occurredAt source { urn } destination { urn } properties { key type value } } }
} } }"""
LINEAGE = """query ($from: [EntityRef!]!, $direction: LineageDirection!, $where: EntityFilter, $stopAt: EntityFilter,
  $via: AssociationFilter, $depth: Int) {
  lineage(from: $from, direction: $direction, where: $where, stopAt: $stopAt, via: $via, depth: $depth, first: 1000) {
    totalCount countsByKind { kind count } completeness { isComplete reasons visited }
    edges { distance node { urn status } path { type role source { urn } destination { urn } } }
    associations(first: 100) { totalCount nodes { id } } } }"""
FOUND = "query ($where: EntityFilter) { entities(where: $where, first: 100) { totalCount nodes { urn } } }"
FILTERS: list[dict[str, Any]] = [
    {"name": {"contains": "'"}},
    {"name": {"startsWith": "N", "ignoreCase": True}},
    {"tag": ["\U0001f600"]},
    {"status": ["COMPLETED"]},
    {"sourceUri": {"startsWith": "s3://"}},
    {"property": [{"key": "yes", "eq": {"int": "1"}}]},
    {"property": [{"key": "hyperparameters.epochs", "gte": {"int": "10"}}]},
    {"occurredAt": {"lt": "1970-01-01T00:00:00Z"}},
    {"not": {"version": {"exists": True}}},
]


def run(*words: str) -> str:
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    return done.output


def answers(url: str) -> list[Any]:
    """What a store says to many questions, but for when and by whom it was recorded."""

    async def ask() -> list[Any]:
        async with await open_store(url) as store:
            nodes: list[Any] = []
            page: Any = {"pageInfo": {"hasNextPage": True, "endCursor": None}}
            while page["pageInfo"]["hasNextPage"]:
                page = (await data(store, RECORDS, {"after": page["pageInfo"]["endCursor"]}))["entities"]
                nodes += page["nodes"]
            assert len(nodes) == page["totalCount"]
            inputs = [nodes]
            ids = {node["urn"].split(":", 3)[3]: node["id"] for node in nodes}
            named = [["n0@0"], ["full@%C3%9F"], ["raw-0-0@1"]]
            starts = [[{"id": ids[each]} for each in some] for some in named]
            starts.append([{"urn": nodes[0]["urn"]}, {"urn": nodes[1]["urn"]}])
            shapes: list[dict[str, Any]] = [
                {},
                {"where": {"name": {"contains": "1"}}, "depth": 3},
                {"stopAt": {"kind": ["MODEL"]}},
                {"via": {"role": {"startsWith": "Train"}}},
                {"via": {"not": {"type": ["SAME_AS"]}}, "where": {"status": ["COMPLETED"]}},
            ]
            for begin, direction, shape in product(starts, ("ASCENDANTS", "DESCENDANTS", "BOTH", "CONNECTED"), shapes):
                inputs.append(await data(store, LINEAGE, {"from": begin, "direction": direction, **shape}))
            inputs += [await data(store, FOUND, {"where": where}) for where in FILTERS]
            inputs.append(await data(store, '{ propertyKeys(startsWith: "", first: 100) }'))
            inputs.append(await observations(store, [node["id"] for node in nodes]))
            return inputs

    return asyncio.run(ask())


async def observations(store: Store, ids: list[str]) -> list[Any]:
    """All metrics, and the series of each in buckets, but for when and by whom they were recorded."""
    view = await now(store)
    metrics = [each for found in await store.metrics([MetricsOf(view, id) for id in ids]) for each in found]
    buckets = await store.buckets([BucketsOf(view, each.entity_id, each.name, 100) for each in metrics])
    shown = [
        [(b.count, *((o.step, o.occurred_at, o.value) for o in (b.first, b.last, b.min, b.max) if o)) for b in some]
        for some in buckets
    ]
    return [metrics, shown]


@pytest.mark.slow
def test_an_export_through_all_engines_is_unchanged(tmp_path: Path, janusgraph: Engine, gremlin_server: Engine) -> None:
    for engine in (janusgraph, gremlin_server):
        asyncio.run(emptied(engine.url))
    urls = [f"sqlite:///{tmp_path}/first.db", janusgraph.url, gremlin_server.url, f"sqlite:///{tmp_path}/last.db"]
    given, sample = tmp_path / "given.jsonl", StringIO()
    write(30, sample)
    given.write_text(sample.getvalue() + "".join(json.dumps(row) + "\n" for row in ODD))
    run("ingest", str(given), "capture/samples/marquez.json", "--store", urls[0])
    files: list[Path] = []
    for number, url in enumerate(urls):
        if files:
            output = run("ingest", str(files[-1]), "--store", url)
            lines = files[-1].read_bytes().count(b"\n")
            assert output == f"{lines} recorded, 0 already there, 0 bad\n"
        files.append(tmp_path / f"{number}.jsonl")
        run("export", "--store", url, str(files[-1]))
        assert files[-1].read_bytes() == files[0].read_bytes(), url
    right = answers(urls[0])
    assert len(right[0]) > 150
    for url in urls[1:]:
        for mine, theirs in zip(right, answers(url), strict=True):
            assert mine == theirs, url


@pytest.mark.slow
def test_events_over_http_and_into_the_store_give_the_same(tmp_path: Path, janusgraph: Engine) -> None:
    """What a server took in is there for a command without one, and the other way round."""
    asyncio.run(emptied(janusgraph.url))
    given, kept = "capture/samples/marquez.json", tmp_path / "kept.jsonl"
    with serving(janusgraph.url, tmp_path) as server:
        assert run("ingest", given, "--url", server.url) == "26 recorded, 0 already there, 0 bad\n"
        assert run("ingest", given, "--store", janusgraph.url) == "0 recorded, 26 already there, 0 bad\n"
        run("export", "--store", janusgraph.url, str(kept))
        asyncio.run(emptied(janusgraph.url))
    assert run("ingest", str(kept), "--store", janusgraph.url).endswith(" recorded, 0 already there, 0 bad\n")
    with serving(janusgraph.url, tmp_path) as server:
        assert run("ingest", given, "--url", server.url) == "0 recorded, 26 already there, 0 bad\n"
