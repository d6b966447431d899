"""Sends runs to Lineal with OpenLineage's client, and prints as JSON how many events each transport sent."""

import json
import os
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    column_lineage_dataset,
    dataset_version_dataset,
    output_statistics_output_dataset,
    parent_run,
    schema_dataset,
    sql_job,
)

PRODUCER = "https://example.org/etl"
BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAG = str(uuid.uuid5(uuid.NAMESPACE_URL, "dag"))


def client_of(kind: str) -> OpenLineageClient:
    """A client that sends compressed events with the key, over a transport of a kind."""
    transport = {
        "type": kind,
        "url": os.environ["LINEAL_URL"],
        "endpoint": "api/v1/lineage",
        "auth": {"type": "api_key", "apiKey": os.environ["LINEAL_KEY"]},
        "compression": "gzip",
        "timeout": 60,
    }
    return OpenLineageClient(config={"transport": transport})


def clean() -> tuple[Job, list[InputDataset], list[OutputDataset]]:
    """A job with its SQL, what it reads, and what it writes: a version with its columns and number of rows."""
    sql = sql_job.SQLJobFacet(query="SELECT id, lower(mail) AS mail FROM raw")
    lower = column_lineage_dataset.Transformation(type="DIRECT", subtype="TRANSFORMATION", description="lower(mail)")
    source = column_lineage_dataset.InputField("s3://lake", "raw", "mail", [lower])
    facets: dict[str, Any] = {
        "version": dataset_version_dataset.DatasetVersionDatasetFacet("7"),
        "schema": schema_dataset.SchemaDatasetFacet(
            fields=[
                schema_dataset.SchemaDatasetFacetFields("mail", type="string", description="Address of a customer.")
            ]
        ),
        "columnLineage": column_lineage_dataset.ColumnLineageDatasetFacet(
            fields={"mail": column_lineage_dataset.Fields([source])}
        ),
    }
    rows: dict[str, Any] = {"outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(20)}
    written = OutputDataset("s3://lake", "clean", facets=facets, outputFacets=rows)
    return Job("etl", "clean", facets={"sql": sql}), [InputDataset("s3://lake", "raw")], [written]


def score(number: int) -> tuple[Job, list[InputDataset], list[OutputDataset]]:
    """A job that reads what `clean` wrote."""
    written = OutputDataset("s3://lake", f"scores-{number}")
    return Job("etl", "score"), [InputDataset("s3://lake", "clean")], [written]


def send(client: OpenLineageClient, name: str, work: tuple[Job, list[InputDataset], list[OutputDataset]]) -> None:
    """Send the start and the end of a run."""
    job, inputs, outputs = work
    parent = parent_run.ParentRunFacet(parent_run.Run(DAG), parent_run.Job("etl", "dag"))
    run = Run(str(uuid.uuid5(uuid.NAMESPACE_URL, name)), facets={"parent": parent})
    for state, minute in ((RunState.START, 0), (RunState.COMPLETE, 1)):
        time = (BEGIN + timedelta(minutes=minute)).isoformat()
        client.emit(
            RunEvent(
                eventTime=time, eventType=state, run=run, job=job, inputs=inputs, outputs=outputs, producer=PRODUCER
            )
        )


def main() -> None:
    http = client_of("http")
    send(http, "clean", clean())
    http.close()
    at_once = client_of("async_http")
    for number in range(20):
        send(at_once, f"score {number}", score(number))
    at_once.close()
    print(json.dumps({"http": 2, "asyncHttp": at_once.transport.get_stats()}))


main()
