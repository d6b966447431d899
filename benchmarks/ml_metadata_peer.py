"""The peer of B1: the same lineage in ML Metadata, asked through its own `get_lineage_subgraph`.

Runs in an environment of its own, because ML Metadata pins old libraries:

    python ml_metadata_peer.py load GRAPH.jsonl STORE.db      writes the graph, prints records and seconds
    python ml_metadata_peer.py ask STORE.db KEY               reads keys' closures: one line of JSON an answered line

Artifacts are artifacts, actions are executions, and an association between them is an event, as ML Metadata models
lineage. It has no relation between two artifacts, or an artifact and a context, so such an association goes through an
execution of its own; that doubles its hops and is counted neither for nor against it.
"""

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2 as pb

ACTIONS = {"TRAINING_JOB", "PROCESSING_JOB", "TRANSFORM_JOB", "PIPELINE_EXECUTION", "DEPLOYMENT", "APPROVAL", "ACTION"}
BATCH = 5000
HOPS = 100
"""The most that ML Metadata takes; the closures asked are shallower."""


def connect(path: str) -> metadata_store.MetadataStore:
    config = pb.ConnectionConfig()
    config.sqlite.filename_uri = path
    config.sqlite.connection_mode = 3
    return metadata_store.MetadataStore(config)


def batches(items: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]


def load(graph: str, path: str) -> None:
    with open(graph) as file:
        lines = [json.loads(line) for line in file]
    store = connect(path)
    began = time.perf_counter()
    artifact_type = store.put_artifact_type(pb.ArtifactType(name="Artifact"))
    execution_type = store.put_execution_type(pb.ExecutionType(name="Action"))
    kinds = {line["entity"]["key"]: line["entity"]["kind"] for line in lines if "entity" in line}
    artifacts = [key for key, kind in kinds.items() if kind not in ACTIONS]
    executions = [key for key, kind in kinds.items() if kind in ACTIONS]
    links = [line["association"] for line in lines if "association" in line]
    direct: list[dict[str, str]] = []
    through: list[dict[str, str]] = []
    for link in links:
        crosses = (kinds[link["source"]] in ACTIONS) != (kinds[link["destination"]] in ACTIONS)
        (direct if crosses else through).append(link)
    ids: dict[str, int] = {}
    for part in batches(artifacts):
        created = store.put_artifacts([pb.Artifact(type_id=artifact_type, name=key, uri=kinds[key]) for key in part])
        ids.update(zip(part, created, strict=True))
    for part in batches(executions + [f"link:{index}" for index in range(len(through))]):
        created = store.put_executions([pb.Execution(type_id=execution_type, name=key) for key in part])
        ids.update(zip(part, created, strict=True))
    events = []

    def event(artifact: str, execution: str, kind: int) -> None:
        events.append(pb.Event(artifact_id=ids[artifact], execution_id=ids[execution], type=kind))

    for link in direct:
        if kinds[link["source"]] in ACTIONS:
            event(link["destination"], link["source"], pb.Event.OUTPUT)
        else:
            event(link["source"], link["destination"], pb.Event.INPUT)
    for index, link in enumerate(through):
        event(link["source"], f"link:{index}", pb.Event.INPUT)
        event(link["destination"], f"link:{index}", pb.Event.OUTPUT)
    for part in batches(events):
        store.put_events(part)
    print(json.dumps({"records": len(kinds) + len(links), "seconds": time.perf_counter() - began}), flush=True)


def ask(path: str, key: str) -> None:
    """For every line on standard input, one closure; prints its size and seconds."""
    store = connect(path)
    for _ in sys.stdin:
        began = time.perf_counter()
        query = pb.LineageSubgraphQueryOptions(
            starting_artifacts=pb.LineageSubgraphQueryOptions.StartingNodes(filter_query=f"name = '{key}'"),
            max_num_hops=HOPS,
            direction=pb.LineageSubgraphQueryOptions.Direction.DOWNSTREAM,
        )
        graph = store.get_lineage_subgraph(query)
        endpoints = sum(artifact.uri == "ENDPOINT" for artifact in graph.artifacts)
        seconds = time.perf_counter() - began
        print(
            json.dumps(
                {
                    "artifacts": len(graph.artifacts),
                    "executions": len([e for e in graph.executions if not e.name.startswith("link:")]),
                    "endpoints": endpoints,
                    "seconds": seconds,
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    {"load": load, "ask": ask}[sys.argv[1]](*sys.argv[2:])
