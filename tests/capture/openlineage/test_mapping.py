"""What OpenLineage events come to."""

from typing import Any

from openlineage_events import PARENT, RUN, dataset, event, facet, job, received
from record_builders import now

from lineal.capture.openlineage import receive, recording
from lineal.graphstore.batches import Batch, Recorded
from lineal.graphstore.full_text import is_found, words_of
from lineal.graphstore.kinds import AssociationType, EntityKind, EntityStatus
from lineal.graphstore.opening import open_store
from lineal.graphstore.proxies.base import StoreProxy
from lineal.graphstore.queries import AssociationFilter, AssociationsOf, EntityFilter, Find, MetricsOf
from lineal.graphstore.store import Store
from lineal.graphstore.urns import entity_id, make_urn


async def test_a_run_with_its_job_datasets_and_parent() -> None:
    sent = event(
        inputs=[{"namespace": "db", "name": "in", "inputFacets": {"rows": facet(count=5)}}],
        outputs=[
            dataset("db", "out", version={"datasetVersion": "7"}, documentation={"description": "What came out."})
        ],
        run={
            "runId": RUN,
            "facets": {
                "parent": facet(run={"runId": PARENT}, job={"namespace": "n", "name": "p"}),
                "nominalTime": facet(nominalStartTime="2026-03-01T00:00:00Z"),
                "mine": facet(a=1),
            },
        },
        job=job(sql={"query": "SELECT 1"}),
    )
    held = await received(sent, event(eventType="COMPLETE", eventTime="2026-03-01T13:00:00+01:00"))
    assert held.one("PROCESSING_JOB", RUN).status is EntityStatus.COMPLETED
    assert [held.one("PROCESSING_JOB", run).title for run in (RUN, PARENT)] == ["j", "p"]
    assert held.properties("PROCESSING_JOB", RUN) == {
        "producer": "test",
        "startedAt": "2026-03-01T11:00:00.000000Z",
        "endedAt": "2026-03-01T12:00:00.000000Z",
        "nominalTime.nominalStartTime": "2026-03-01T00:00:00.000000Z",
        "mine": {"a": 1},
        "inputs.db/in.rows": {"count": 5},
        "parent.run.runId": PARENT,
        "parent.job.namespace": "n",
        "parent.job.name": "p",
    }
    assert held.properties("PIPELINE", "n/j") == {"namespace": "n", "name": "j", "sql.query": "SELECT 1"}
    assert held.one("DATASET", "db/out").description == "What came out."
    assert held.one("DATASET", "db/out", "7").description == "What came out."
    run = f"PROCESSING_JOB:{RUN}"
    assert held.links() == {
        ("DATASET:db/in", "CONTRIBUTED_TO", run),
        ("PIPELINE:n/j", "ASSOCIATED_WITH", run),
        ("PIPELINE:n/p", "ASSOCIATED_WITH", f"PROCESSING_JOB:{PARENT}"),
        (f"PROCESSING_JOB:{PARENT}", "ASSOCIATED_WITH", run),
        (run, "PRODUCED", "DATASET:db/out"),
        (run, "PRODUCED", "DATASET:db/out@7"),
    }
    levels = {each.destination_urn: each.properties[0].value for each in held.associations if each.type == "PRODUCED"}
    assert sorted(map(str, levels.values())) == ["DATASET", "VERSION"]


async def test_job_and_dataset_events() -> None:
    base = {"eventTime": "2026-03-01T12:00:00Z"}
    held = await received(
        {**base, "job": {"namespace": "n", "name": "j"}, "inputs": [{"namespace": "db", "name": "in"}]},
        {**base, "dataset": dataset("db", "in", storage={"fileFormat": "parquet"})},
    )
    assert held.links() == {("DATASET:db/in", "CONTRIBUTED_TO", "PIPELINE:n/j")}
    assert held.properties("DATASET", "db/in") == {"namespace": "db", "name": "in", "storage.fileFormat": "parquet"}


async def test_a_root_and_its_job_exist_too() -> None:
    root = {"run": {"runId": "ROOT"}, "job": {"namespace": "n", "name": "dag"}}
    engine = {"processing_engine": facet(version="2.10.0")}
    parent = facet(run={"runId": PARENT, "facets": engine}, job={"namespace": "n", "name": "task"}, root=root)
    held = await received(event(run={"runId": RUN, "facets": {"parent": parent}}))
    assert ("PROCESSING_JOB:root", "ASSOCIATED_WITH", f"PROCESSING_JOB:{RUN}") in held.links()
    assert ("PIPELINE:n/dag", "ASSOCIATED_WITH", "PROCESSING_JOB:root") in held.links()
    assert [each.role for each in held.associations if "root" in each.source_urn] == ["root"]
    assert held.properties("PROCESSING_JOB", PARENT) == {"processing_engine.version": "2.10.0"}


async def test_symlinks_are_the_same_thing() -> None:
    symlinks = {
        "identifiers": [
            {"namespace": "hive://m", "name": "db.t", "type": "TABLE"},
            {"namespace": "s3://lake", "name": "t"},
        ]
    }
    held = await received(event(outputs=[dataset("s3://lake", "t", symlinks=symlinks)]))
    assert ("DATASET:s3://lake/t", "SAME_AS", "DATASET:hive://m/db.t") in held.links()
    assert held.one("DATASET", "s3://lake/t").source is not None


async def test_a_renamed_dataset_derives_from_the_one_before() -> None:
    change = {"lifecycleStateChange": "RENAME", "previousIdentifier": {"namespace": "pg", "name": "old"}}
    held = await received(
        event(outputs=[dataset("pg", "new", lifecycleStateChange=change)]),
        event(
            eventTime="2026-03-02T00:00:00Z",
            outputs=[dataset("pg", "new", lifecycleStateChange={"lifecycleStateChange": "DROP"})],
        ),
    )
    assert ("DATASET:pg/old", "DERIVED_FROM", "DATASET:pg/new") in held.links()
    assert held.properties("DATASET", "pg/new") == {
        "namespace": "pg",
        "name": "new",
        "lifecycleStateChange.lifecycleStateChange": "DROP",
    }


async def test_columns_and_what_they_derive_from() -> None:
    identity = {"type": "DIRECT", "subtype": "IDENTITY", "description": "", "masking": False}
    hashed = {"type": "DIRECT", "subtype": "TRANSFORMATION", "description": "sha1(id)", "masking": True}
    source = {"namespace": "pg", "name": "in", "field": "id"}
    lineage = {
        "fields": {
            "id": {"inputFields": [{**source, "transformations": [identity, hashed]}]},
            "old": {"inputFields": [source], "transformationType": "IDENTITY", "transformationDescription": "d"},
        },
        "dataset": [{**source, "transformations": [{"type": "INDIRECT", "subtype": "FILTER"}]}],
    }
    schema = {
        "fields": [
            {"name": "id", "type": "int", "description": "the id"},
            {"name": "s", "fields": [{"name": "x", "type": "y"}]},
        ]
    }
    held = await received(event(outputs=[dataset("pg", "out", columnLineage=lineage, schema=schema)]))
    assert held.names("FEATURE") == {"pg/in#id", "pg/out#id", "pg/out#old", "pg/out#s", "pg/out#s.x"}
    assert held.properties("FEATURE", "pg/out#id") == {
        "namespace": "pg",
        "dataset": "out",
        "name": "id",
        "column.type": "int",
    }
    assert held.one("FEATURE", "pg/out#id").description == "the id"
    old = held.properties("FEATURE", "pg/out#old")
    assert old["columnLineage.transformationDescription"] == "d"
    assert old["columnLineage.transformationType"] == "IDENTITY"
    assert ("DATASET:pg/out", "ASSOCIATED_WITH", "FEATURE:pg/out#id") in held.links()
    derived = {
        (
            str(each.role).rsplit(" ", 1)[0]
            if "sha1" in str(each.properties) or "'d'" in str(each.properties)
            else each.role
        ): {p.key: p.value for p in each.properties}
        for each in held.associations
        if each.type == "DERIVED_FROM"
    }
    assert derived == {
        "DIRECT IDENTITY": {
            "transformation.type": "DIRECT",
            "transformation.subtype": "IDENTITY",
            "transformation.masking": False,
        },
        "DIRECT TRANSFORMATION MASKED": {
            "transformation.type": "DIRECT",
            "transformation.subtype": "TRANSFORMATION",
            "transformation.description": "sha1(id)",
            "transformation.masking": True,
        },
        "IDENTITY": {"transformation.type": "IDENTITY", "transformation.description": "d"},
        "INDIRECT FILTER": {"transformation.type": "INDIRECT", "transformation.subtype": "FILTER"},
    }
    assert not [key for key in held.properties("DATASET", "pg/out") if key.startswith("columnLineage")]


async def test_five_thousand_mappings_in_one_event() -> None:
    fields = {f"c{n}": {"inputFields": [{"namespace": "pg", "name": "in", "field": f"c{n}"}]} for n in range(5000)}
    async with await open_store("memory:") as store:
        sent = event(outputs=[dataset("pg", "out", columnLineage={"fields": fields})])
        await receive(store, sent, account="a", by="me")
        (page,) = await store.find([Find(await now(store), EntityFilter(kind=(EntityKind.FEATURE,)), first=1)])
        assert page.total == 10_000
        via = AssociationFilter(type=(AssociationType.DERIVED_FROM,))
        (links,) = await store.associations([AssociationsOf(await now(store), page.items[0].id, via=via)])
        assert links.total == 1


async def test_facets_become_typed_properties() -> None:
    sent = event(
        eventType="COMPLETE",
        job=job(
            tags={"tags": [{"key": "team", "value": "blue", "source": "X"}, {"key": "pii", "value": "true"}]},
            ownership={"owners": [{"name": "ann", "type": "OWNER"}, {"name": "bob"}]},
            sourceCodeLocation={
                "type": "git",
                "url": "https://h/r/blob/main/x.py",
                "repoUrl": "https://h/r",
                "version": "abc",
            },
            jobType={"processingType": "BATCH", "emissionPattern": {"windowDuration": 300}},
        ),
        run={
            "runId": RUN,
            "facets": {
                "environmentVariables": facet(environmentVariables=[{"name": "HOME", "value": "/root"}]),
                "processing_engine": facet(version="3", name="spark"),
            },
        },
        outputs=[
            {
                **dataset(
                    "pg",
                    "out",
                    dataQualityMetrics={"rowCount": 10, "columnMetrics": {"amount": {"max": 1.5}}},
                    dataQualityAssertions={"assertions": [{"assertion": "not_null", "column": "id", "success": True}]},
                    tags={"tags": [{"key": "pii", "value": "true", "field": "id"}]},
                ),
                "outputFacets": {"outputStatistics": facet(rowCount=2000)},
            }
        ],
    )
    held = await received(sent)
    assert held.one("PIPELINE", "n/j").tags == ("pii", "team", "team:blue")
    properties = held.properties("PIPELINE", "n/j")
    assert properties["tags.team"] == "blue"
    assert properties["ownership.owners.ann"] == "OWNER"
    assert properties["ownership.owners.bob"] is True
    assert properties["jobType.emissionPattern.windowDuration"] == 300
    out = held.properties("DATASET", "pg/out")
    assert out["dataQualityMetrics.rowCount"] == 10
    assert out["dataQualityMetrics.columnMetrics.amount.max"] == 1.5
    assert out["dataQualityAssertions.id.not_null.success"] is True
    assert out["outputStatistics.rowCount"] == 2000
    (searched,) = [each for each in held.entities.values() if is_found(each, words_of("ann"))]
    assert searched.kind == "PIPELINE"
    run = held.properties("PROCESSING_JOB", RUN)
    assert run["outputs.pg/out.outputStatistics.rowCount"] == 2000
    assert run["environmentVariables.HOME"] == "/root"
    assert held.one("FEATURE", "pg/out#id").tags == ("pii",)
    assert held.properties("CODE", "https://h/r", "abc") == {"repository": "https://h/r"}
    assert ("CODE:https://h/r@abc", "CONTRIBUTED_TO", f"PROCESSING_JOB:{RUN}") in held.links()


async def test_statistics_are_series_of_metrics() -> None:
    async with await open_store("memory:") as store:
        for number in (1, 2):
            output = {**dataset("pg", "out"), "outputFacets": {"outputStatistics": facet(rowCount=number * 10)}}
            sent = event(eventTime=f"2026-03-0{number}T00:00:00Z", outputs=[output])
            for _ in range(2):
                await receive(store, sent, account="a", by="me")
        out = entity_id(make_urn("a", EntityKind.DATASET, "pg/out", None))
        ((metric,),) = await store.metrics([MetricsOf(await now(store), out)])
        assert (metric.name, metric.count, metric.min, metric.last) == ("outputStatistics.rowCount", 2, 10, 20)


async def test_fields_that_would_make_one_key_stay_one_value() -> None:
    content: dict[str, Any] = {"catalogProperties": {"a.b": 1, "a": {"b": 2}}}
    held = await received(event(inputs=[dataset("n", "d", catalog=content)]))
    assert held.properties("DATASET", "n/d")["catalog"] == content


async def test_what_is_one_dataset_or_job_is_one_and_what_is_two_are_two() -> None:
    held = await received(
        event(inputs=[dataset("warehouse", "eu/orders"), dataset("warehouse/eu", "orders")]),
        event(job={"namespace": "n/j", "name": "k"}),
        event(job={"namespace": "n", "name": "j/k"}),
    )
    assert len(held.names("DATASET")) == 2
    assert len(held.names("PIPELINE")) == 3


class BatchSizes(StoreProxy):
    """Notes how many entities and associations each recorded batch has."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.sizes: list[tuple[int, int]] = []

    async def record(self, batch: Batch, **how: Any) -> Recorded:
        self.sizes.append((len(batch.entities), len(batch.associations)))
        return await super().record(batch, **how)


async def test_a_large_event_is_recorded_in_transactions_of_limited_size() -> None:
    columns = [{"namespace": "pg", "name": "in", "field": f"c{n}"} for n in range(60)]
    fields = {f"c{n}": {"inputFields": columns} for n in range(60)}
    inputs = [dataset("pg", f"t{n}") for n in range(2500)]
    async with await open_store("memory:") as store:
        noted = BatchSizes(store)
        sent = event(
            eventType="COMPLETE", inputs=inputs, outputs=[dataset("pg", "out", columnLineage={"fields": fields})]
        )
        await receive(noted, sent, account="a", by="me")
        assert max(entities for entities, _ in noted.sizes) <= recording.MAX_ENTITIES
        assert max(associations for _, associations in noted.sizes) <= recording.MAX_ASSOCIATIONS
        kinds = {EntityKind.FEATURE: 120, EntityKind.DATASET: 2502, EntityKind.PROCESSING_JOB: 1}
        questions = [Find(await now(store), EntityFilter(kind=(kind,)), first=1) for kind in kinds]
        assert [page.total for page in await store.find(questions)] == list(kinds.values())
        (run,) = (await store.find(questions))[-1].items
        assert run.status is EntityStatus.COMPLETED
        (links,) = await store.associations([AssociationsOf(await now(store), run.id)])
        assert links.total == 2502
