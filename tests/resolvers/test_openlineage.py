"""OpenLineage events asked through GraphQL: lineage that goes on across names, versions and renames, jobs, facets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from graphql_requests import data
from openlineage_events import dataset, event, facet

from lineal.capture.openlineage import receive
from lineal.graphstore.opening import open_store
from lineal.graphstore.store import Store

REACHED = """query ($urn: String!, $asOf: AsOf, $stopAt: EntityFilter) { entity(urn: $urn, asOf: $asOf) {
  descendants(first: 100, stopAt: $stopAt) { totalCount edges { node { urn } path { type } } }
  ascendants(first: 100) { nodes { urn } } } }"""


@asynccontextmanager
async def holding(*events: dict[str, Any]) -> AsyncIterator[Store]:
    """A store that received events."""
    async with await open_store("memory:") as store:
        for each in events:
            await receive(store, each, account="local", by="me")
        yield store


def run_of(number: int, reads: list[Any], writes: list[Any], job: str | None = None, **more: Any) -> dict[str, Any]:
    """The one event of a run, on a day of its own."""
    return event(
        eventType="COMPLETE",
        eventTime=f"2026-01-{number:02}T00:00:00Z",
        run={"runId": f"run-{number}"},
        job={"namespace": "n", "name": job or f"job-{number}"},
        inputs=reads,
        outputs=writes,
        **more,
    )


async def downstream(store: Store, urn: str, **arguments: Any) -> dict[str, list[str]]:
    """The types of the associations on the way to each descendant, by its urn after the account."""
    answer = (await data(store, REACHED, {"urn": f"lineal:local:{urn}", **arguments}))["entity"]["descendants"]
    assert answer["totalCount"] == len(answer["edges"])
    return {
        each["node"]["urn"].removeprefix("lineal:local:"): [step["type"] for step in each["path"]]
        for each in answer["edges"]
    }


async def test_lineage_goes_on_through_symlinks() -> None:
    table = {"identifiers": [{"namespace": "hive://ms:9083", "name": "db.orders", "type": "TABLE"}]}
    writer = run_of(1, [dataset("kafka://b:9092", "orders")], [dataset("s3://lake", "wh/orders", symlinks=table)])
    reader = run_of(2, [dataset("hive://ms:9083", "db.orders")], [dataset("s3://lake", "churn")])
    async with holding(writer, reader) as store:
        answer = await downstream(store, "DATASET:kafka://b:9092/orders")
        assert answer["DATASET:s3://lake/churn"] == [
            "CONTRIBUTED_TO",
            "PRODUCED",
            "SAME_AS",
            "CONTRIBUTED_TO",
            "PRODUCED",
        ]
        assert "PROCESSING_JOB:run-2" in answer


@pytest.mark.parametrize("writer_names_version", [True, False])
async def test_lineage_goes_on_where_one_side_names_no_version(writer_names_version: bool) -> None:
    bare, versioned = dataset("s3://lake", "feat"), dataset("s3://lake", "feat", version={"datasetVersion": "7"})
    written, read = (versioned, bare) if writer_names_version else (bare, versioned)
    async with holding(
        run_of(1, [dataset("s3://lake", "raw")], [written]), run_of(2, [read], [dataset("wh", "scores")])
    ) as store:
        raw = "DATASET:s3://lake/raw"
        assert "DATASET:wh/scores" in await downstream(store, raw)
        exactly = await downstream(store, raw, stopAt={"kind": "DATASET", "version": {"exists": False}})
        assert "DATASET:wh/scores" not in exactly
        versions = "query ($urn: String!) { entity(urn: $urn) { versions(first: 9) { nodes { version } } } }"
        answer = await data(store, versions, {"urn": "lineal:local:DATASET:s3://lake/feat"})
        assert {each["version"] for each in answer["entity"]["versions"]["nodes"]} == {None, "7"}


async def test_version_exact_lineage_goes_on_where_both_sides_name_the_version() -> None:
    seven, eight = (dataset("s3://lake", "feat", version={"datasetVersion": each}) for each in "78")
    async with holding(
        run_of(1, [dataset("s3://lake", "raw")], [seven]),
        run_of(2, [seven], [dataset("wh", "of seven")]),
        run_of(3, [eight], [dataset("wh", "of eight")]),
    ) as store:
        stop = {"kind": "DATASET", "version": {"exists": False}}
        answer = await downstream(store, "DATASET:s3://lake/raw", stopAt=stop)
        assert {urn for urn in answer if urn.startswith("DATASET:wh")} == {"DATASET:wh/of%20seven"}


async def test_a_renamed_table_is_downstream_of_what_it_was_made_of() -> None:
    change = {"lifecycleStateChange": "RENAME", "previousIdentifier": {"namespace": "pg", "name": "tmp_t"}}
    async with holding(
        run_of(1, [dataset("pg", "src")], [dataset("pg", "tmp_t")]),
        run_of(2, [], [dataset("pg", "t", lifecycleStateChange=change)]),
        run_of(3, [dataset("pg", "t")], [dataset("pg", "final")]),
    ) as store:
        answer = await downstream(store, "DATASET:pg/src")
        assert answer["DATASET:pg/t"] == ["CONTRIBUTED_TO", "PRODUCED", "DERIVED_FROM"]
        assert "DATASET:pg/final" in answer


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
async def test_what_comes_late_is_there_as_of_its_time(order: list[int]) -> None:
    events = [
        run_of(1, [dataset("n", "a")], [dataset("n", "b")]),
        run_of(20, [dataset("n", "a")], [dataset("n", "c")]),
    ]
    between = {"occurredAt": "2026-01-10T00:00:00Z"}
    async with holding(*(events[index] for index in order)) as store:
        assert (await downstream(store, "DATASET:n/a", asOf=between)).keys() == {"PROCESSING_JOB:run-1", "DATASET:n/b"}
        answer = await data(store, REACHED, {"urn": "lineal:local:DATASET:n/b", "asOf": between})
        up = {each["urn"].removeprefix("lineal:local:") for each in answer["entity"]["ascendants"]["nodes"]}
        assert up == {"PROCESSING_JOB:run-1", "DATASET:n/a", "PIPELINE:n/job-1"}
        assert len(await downstream(store, "DATASET:n/a")) == 4


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
async def test_a_run_that_completed_stays_completed(order: list[int]) -> None:
    events = [
        event(eventType="COMPLETE", eventTime="2026-01-01T12:00:00.000Z"),
        event(eventType="RUNNING", eventTime="2026-01-01T12:00:00.250Z"),
    ]
    async with holding(*(events[index] for index in order)) as store:
        runs = (await data(store, "{ processingJobs { nodes { status } } }"))["processingJobs"]["nodes"]
        assert runs == [{"status": "COMPLETED"}]


@pytest.mark.parametrize(
    "name",
    ["/".join(f"customer_segment_{n}=value_{n}" for n in range(60)), "数" * 700, "数" * 3000, "x" * 9000],
)
async def test_long_names_are_found_and_traversed(name: str) -> None:
    async with holding(
        run_of(1, [dataset("s3://lake", name)], [dataset("n", "out")]),
        run_of(2, [dataset("s3://lake", f"{name}!")], [dataset("n", "other")]),
    ) as store:
        query = """query ($name: JSON!) { datasets(where: {property: [{key: "name", eq: $name}]}) { nodes { urn
          descendants { nodes { urn } } } } }"""
        (found,) = (await data(store, query, {"name": name}))["datasets"]["nodes"]
        reached = [each["urn"] for each in found["descendants"]["nodes"]]
        assert reached == ["lineal:local:PROCESSING_JOB:run-1", "lineal:local:DATASET:n/out"]
        assert (await data(store, REACHED, {"urn": found["urn"]}))["entity"]["descendants"]["totalCount"] == 2


async def test_what_feeds_a_job() -> None:
    parent = facet(run={"runId": "run-9"}, job={"namespace": "n", "name": "dag"})
    first = run_of(1, [dataset("rag", "chunk1")], [dataset("rag", "emb1")], "embed")
    second = run_of(2, [dataset("rag", "chunk2")], [dataset("rag", "emb2")], "embed")
    second["run"]["facets"] = {"parent": parent}
    async with holding(first, second) as store:
        query = """{ pipelines(where: {name: {eq: "n/embed"}}) { nodes {
          runs { totalCount nodes { name title status ... on ProcessingJob {
            inputs { totalCount nodes { name } } outputs { totalCount nodes { name } } parent { name }
            pipeline { name } } } }
          inputs { totalCount nodes { name } } outputs { totalCount nodes { name } } latestRun { name } } }
          processingJobs(where: {name: {eq: "run-9"}}) { nodes { title children { totalCount nodes { name } } } } }"""
        answer = await data(store, query)
        (job,) = answer["pipelines"]["nodes"]
        assert job["runs"]["totalCount"] == 2
        assert job["inputs"] == {"totalCount": 2, "nodes": [{"name": "rag/chunk1"}, {"name": "rag/chunk2"}]}
        assert job["outputs"] == {"totalCount": 2, "nodes": [{"name": "rag/emb1"}, {"name": "rag/emb2"}]}
        assert job["latestRun"] == {"name": "run-2"}
        runs = {each["name"]: each for each in job["runs"]["nodes"]}
        assert runs["run-1"] == {
            "name": "run-1",
            "title": "embed",
            "status": "COMPLETED",
            "inputs": {"totalCount": 1, "nodes": [{"name": "rag/chunk1"}]},
            "outputs": {"totalCount": 1, "nodes": [{"name": "rag/emb1"}]},
            "parent": None,
            "pipeline": {"name": "n/embed"},
        }
        assert runs["run-2"]["parent"] == {"name": "run-9"}
        (above,) = answer["processingJobs"]["nodes"]
        assert above == {"title": "dag", "children": {"totalCount": 1, "nodes": [{"name": "run-2"}]}}


@pytest.fixture
async def with_facets() -> AsyncIterator[Store]:
    """A store with a job that has tags, an owner and SQL, and a dataset whose column is known."""
    facets = {
        "tags": facet(tags=[{"key": "team", "value": "blue", "source": "X"}]),
        "ownership": facet(owners=[{"name": "ann", "type": "OWNER"}]),
        "sql": facet(query="SELECT cust_key FROM staging_customers"),
        "house": facet(note="migrated from the mainframe"),
    }
    column = {"fields": [{"name": "cust_key", "type": "int"}]}
    sent = run_of(1, [], [dataset("x", "dim", schema=column)])
    sent["job"] = {"namespace": "c", "name": "facet_job", "facets": facets}
    async with holding(sent, run_of(2, [dataset("x", "other")], [])) as store:
        yield store


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ('where: {tag: ["team:blue"]}', {"c/facet_job"}),
        ('where: {tag: ["team"]}', {"c/facet_job"}),
        ('where: {property: [{key: "tags.team", eq: "blue"}]}', {"c/facet_job"}),
        ('where: {property: [{key: "ownership.owners.ann", eq: "OWNER"}]}', {"c/facet_job"}),
        ('where: {property: [{key: "sql.query", contains: "staging_customers"}]}', {"c/facet_job"}),
        ('where: {kind: [FEATURE], property: [{key: "name", eq: "cust_key"}]}', {"x/dim#cust_key"}),
        ('where: {kind: [FEATURE], property: [{key: "column.type", eq: "int"}]}', {"x/dim#cust_key"}),
        ('search: "ann"', {"c/facet_job"}),
        ('search: "blue"', {"c/facet_job"}),
        ('search: "staging_customers"', {"c/facet_job"}),
        ('search: "mainframe"', {"c/facet_job"}),
        ('search: "cust_key", where: {kind: [FEATURE]}', {"x/dim#cust_key"}),
    ],
)
async def test_facets_are_found(with_facets: Store, arguments: str, names: set[str]) -> None:
    answer = await data(with_facets, f"{{ entities({arguments}) {{ totalCount nodes {{ name }} }} }}")
    assert {each["name"] for each in answer["entities"]["nodes"]} == names
    assert answer["entities"]["totalCount"] == len(names)


async def test_a_column_leads_to_its_dataset(with_facets: Store) -> None:
    query = '{ features(where: {property: [{key: "name", eq: "cust_key"}]}) { nodes { dataset { name } } } }'
    assert (await data(with_facets, query))["features"]["nodes"] == [{"dataset": {"name": "x/dim"}}]


async def test_each_job_keeps_its_own_description() -> None:
    def described(number: int, namespace: str, name: str) -> dict[str, Any]:
        facets = {"documentation": facet(description=f"{namespace} and {name}")}
        return run_of(number, [], []) | {"job": {"namespace": namespace, "name": name, "facets": facets}}

    async with holding(
        run_of(1, [], [dataset("warehouse", "eu/orders")]),
        run_of(2, [dataset("warehouse/eu", "orders")], []),
        described(3, "team", "a/etl"),
        described(4, "team/a", "etl"),
    ) as store:
        query = """{ datasets { totalCount } pipelines(where: {property: [{key: "namespace", startsWith: "team"}]}) {
          nodes { description property(key: "namespace") runs { totalCount } } } }"""
        answer = await data(store, query)
        assert answer["datasets"]["totalCount"] == 2
        jobs = answer["pipelines"]["nodes"]
        assert {(each["property"], each["description"], each["runs"]["totalCount"]) for each in jobs} == {
            ("team", "team and a/etl", 1),
            ("team/a", "team/a and etl", 1),
        }
        assert await downstream(store, "DATASET:warehouse/eu/orders") == {}
