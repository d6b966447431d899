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
from bench import ENDPOINTS, LINEAL, Graph, asked, paged, served, timed
from engines import Engine

ROUNDS = 10
DEEP = 1000
_NEAR = """query ($urn: String!) { entity(urn: $urn) {
  urn digest properties { key value } ascendants(depth: 1, first: 100) { nodes { urn kind status } } } }"""
_RECORD = """mutation ($name: String!) { lineageRecord(input: {
  entities: [{ account: "more", kind: REPORT, name: $name }] }) { entities { isNew } userErrors { message } } }"""
_SETTLED_SECONDS = 0.6
"""After a batch a server has given up its turn at writing, and others could write."""


@contextmanager
def started(name: str, folder: Path) -> Iterator[tuple[str, float, Callable[[], int]]]:
    """A store's URL, the seconds its engine took to start, and what tells the MiB it has in memory."""
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
    """MiB of a process that are in memory."""
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) // 1024


def measured(name: str, file: Path, graph: Graph, start: str) -> dict[str, str]:
    """What one engine takes, by what was done."""
    entity, reached = graph.entities[start], graph.closure(start)
    urn = f"lineal:{entity['account']}:DATASET:{entity['name']}@{entity['version']}"
    endpoints = sum(graph.kinds[key] == "ENDPOINT" for key in reached)
    taken: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as place, started(name, Path(place)) as (store, seconds, used):
        found = {"start": f"{seconds:.1f} s" if seconds else ""}
        with served(store, "--dev") as client:
            ingest = [*LINEAL, "ingest", str(file), "--url", str(client.base_url)]
            seconds, _ = timed(partial(subprocess.run, ingest, check=True, capture_output=True))
            found[f"`lineal ingest` of {graph.records:,} records"] = f"{seconds:.1f} s"
            for round in range(ROUNDS + 1):
                taken["record one entity"].append(timed(partial(told, client, _RECORD, name=f"{round}"))[0])
                time.sleep(_SETTLED_SECONDS)
                taken["an entity and what is next to it"].append(timed(partial(told, client, _NEAR, urn=urn))[0])
                first, page = timed(partial(asked, client, ENDPOINTS, urn=urn, depth=DEEP))
                assert page["totalCount"] == endpoints
                again, _ = timed(partial(asked, client, ENDPOINTS, urn=urn, depth=DEEP))
                whole, count = timed(partial(paged, client, urn, DEEP + 1))
                assert count == len(reached)
                taken[f"the {endpoints:,} endpoints among {len(reached):,} descendants"].append(first)
                taken["the same, asked again"].append(again)
                taken["all of these descendants, in pages of 1,000"].append(whole)
        export = [*LINEAL, "export", "--store", store, str(Path(place) / "out.jsonl")]
        seconds, _ = timed(partial(subprocess.run, export, check=True, capture_output=True))
        found["`lineal export`"] = f"{seconds:.1f} s"
        found["the graph server's memory"] = f"{used():,} MiB" if used() else ""
    shown = {what: f"{1000 * min(each[1:]):.1f} / {1000 * median(each[1:]):.1f} ms" for what, each in taken.items()}
    return {**found, **shown}


def told(client: httpx.Client, document: str, **variables: Any) -> Any:
    answer = client.post("/graphql", json={"query": document, "variables": variables}).json()
    assert "errors" not in answer, answer["errors"]
    return answer["data"]


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        file = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(place) / "graph.jsonl"
        if len(sys.argv) < 2:
            subprocess.run([sys.executable, "-m", "lineal.capture.sample", "2000", file], check=True)
        graph = Graph(file)
        start = graph.raw_dataset()
        names = ("sqlite", "gremlin-server", "janusgraph")
        found = [measured(name, file, graph, start) for name in names]
    print(f"| minimum / median of {ROUNDS} rounds | SQLite | Gremlin Server | JanusGraph on BerkeleyJE |")
    print("|---|---|---|---|")
    for what in found[0]:
        print(f"| {what} | {' | '.join(each[what] for each in found)} |")


if __name__ == "__main__":
    main()
