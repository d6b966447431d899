"""The engines side by side: the same graph into each, and the same questions to each, over HTTP.

    scripts/bench --engines [GRAPH.jsonl]

GRAPH is in the native form; without one, 2,000 models of the project's own sample are made. One engine after the
other, so that each has the machine. Prints a table in Markdown of minimum and median milliseconds; what is answered is
compared with a breadth-first search.
"""

import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from bench import ENDPOINTS, LINEAL, Graph, closure_page, count_over_pages, served, timed
from engines import Engine

ROUNDS = 10
DEEP = 1000
_NEAR = """query ($urn: String!) { entity(urn: $urn) {
  urn digest properties { key value } ascendants(depth: 1, first: 100) { nodes { urn kind status } } } }"""
_RECORD = """mutation ($name: String!) { lineageRecord(input: {
  entities: [{ account: "more", kind: REPORT, name: $name }] }) { entities { isNew } userErrors { message } } }"""
_SETTLED_SECONDS = 0.6
"""After a batch, the server has released the writer lease within this time."""


@contextmanager
def started(name: str, folder: Path) -> Iterator[tuple[str, float, Callable[[], int]]]:
    """A store's URL, the seconds that its engine took to start, and a function that returns its memory in MiB."""
    if name == "sqlite":
        yield f"sqlite:///{folder}/lineal.db", 0.0, lambda: 0
        return
    engine = Engine(name, folder)
    try:
        seconds, _ = timed(engine.start)
        assert engine.process is not None
        yield engine.url, seconds, partial(memory, engine.process.pid)
    finally:
        engine.stop()


def memory(pid: int) -> int:
    """The resident memory of a process in MiB."""
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) // 1024


def measured(name: str, file: Path, graph: Graph, start: str) -> dict[str, str]:
    """The times of one engine, by operation."""
    entity, reached = graph.entities[start], graph.closure(start)
    urn = f"lineal:{entity['account']}:DATASET:{entity['name']}@{entity['version']}"
    endpoints = sum(graph.kinds[key] == "ENDPOINT" for key in reached)
    taken: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder, started(name, Path(folder)) as (store, seconds, used):
        results = {"start": f"{seconds:.1f} s" if seconds else ""}
        with served(store, "--dev") as client:
            ingest = [*LINEAL, "ingest", str(file), "--url", str(client.base_url)]
            seconds, _ = timed(partial(subprocess.run, ingest, check=True, capture_output=True))
            results[f"`lineal ingest` of {graph.records:,} records"] = f"{seconds:.1f} s"
            for round in range(ROUNDS + 1):
                taken["record one entity"].append(timed(partial(data_of, client, _RECORD, name=f"{round}"))[0])
                time.sleep(_SETTLED_SECONDS)
                taken["an entity and what is next to it"].append(timed(partial(data_of, client, _NEAR, urn=urn))[0])
                first, page = timed(partial(closure_page, client, ENDPOINTS, urn=urn, depth=DEEP))
                assert page["totalCount"] == endpoints
                again, _ = timed(partial(closure_page, client, ENDPOINTS, urn=urn, depth=DEEP))
                whole, count = timed(partial(count_over_pages, client, urn, DEEP + 1))
                assert count == len(reached)
                taken[f"the {endpoints:,} endpoints among {len(reached):,} descendants"].append(first)
                taken["the same, asked again"].append(again)
                taken["all of these descendants, in pages of 1,000"].append(whole)
        export = [*LINEAL, "export", "--store", store, str(Path(folder) / "out.jsonl")]
        seconds, _ = timed(partial(subprocess.run, export, check=True, capture_output=True))
        results["`lineal export`"] = f"{seconds:.1f} s"
        results["the graph server's memory"] = f"{used():,} MiB" if used() else ""
    shown = {
        label: f"{1000 * min(seconds_taken[1:]):.1f} / {1000 * median(seconds_taken[1:]):.1f} ms"
        for label, seconds_taken in taken.items()
    }
    return {**results, **shown}


def data_of(client: httpx.Client, document: str, **variables: Any) -> Any:
    answer = client.post("/graphql", json={"query": document, "variables": variables}).json()
    assert "errors" not in answer, answer["errors"]
    return answer["data"]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "graph.jsonl"
        if len(sys.argv) < 2:
            subprocess.run([sys.executable, "-m", "lineal.capture.sample", "2000", file], check=True)
        graph = Graph(file)
        start = graph.raw_dataset()
        names = ("sqlite", "gremlin-server", "janusgraph")
        results = [measured(name, file, graph, start) for name in names]
    print(f"| minimum / median of {ROUNDS} rounds | SQLite | Gremlin Server | JanusGraph on BerkeleyJE |")
    print("|---|---|---|---|")
    for label in results[0]:
        print(f"| {label} | {' | '.join(result[label] for result in results)} |")


if __name__ == "__main__":
    main()
