"""Sends a run to Lineal with version 0.27 of OpenLineage's client, which names no schema of its events."""

import json
import os
import uuid

from openlineage.client import OpenLineageClient
from openlineage.client.facet import DocumentationJobFacet
from openlineage.client.run import Dataset, Job, Run, RunEvent, RunState
from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, HttpTransport


def main() -> None:
    key = ApiKeyTokenProvider({"apiKey": os.environ["LINEAL_KEY"]})
    client = OpenLineageClient(transport=HttpTransport(HttpConfig(url=os.environ["LINEAL_URL"], timeout=60, auth=key)))
    run = Run(str(uuid.uuid5(uuid.NAMESPACE_URL, "old")))
    job = Job("etl", "report", facets={"documentation": DocumentationJobFacet("The report of the day.")})
    sides = {"inputs": [Dataset("s3://lake", "scores-0")], "outputs": [Dataset("s3://lake", "report")]}
    for state, time in ((RunState.START, "2023-03-02T12:00:00Z"), (RunState.COMPLETE, "2023-03-02T12:01:00Z")):
        client.emit(RunEvent(state, time, run, job, "https://example.org/etl", **sides))
    print(json.dumps({"http": 2}))


main()
