"""Lineal beside ML Metadata, on the same graph, in alternating rounds of one run: B1 and B6 of the design.

    scripts/bench [GRAPH.jsonl]

GRAPH is in the native form; without one, 20,000 models of the project's own sample are made. Prints a table in
Markdown of minimum and median seconds, and of ratios between the medians. What both answer is compared with a
breadth-first search of this file's own.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import httpx

HERE = Path(__file__).parent
LINEAL = [sys.executable, "-m", "lineal"]
ROUNDS = 5

ENDPOINTS = """query ($urn: String!, $depth: Int!) { entity(urn: $urn) {
  descendants(where: {kind: [ENDPOINT]}, depth: $depth, first: 1000) {
    totalCount edges { distance node { id urn kind name } } } } }"""
CLOSURE = """query ($urn: String!, $depth: Int!, $after: String) { entity(urn: $urn) {
  descendants(depth: $depth, first: 1000, after: $after) {
    pageInfo { hasNextPage endCursor } edges { distance node { id urn kind name } } } } }"""


class Graph:
    """The lines of a native file, and what lies downstream in it."""

    def __init__(self, path: Path) -> None:
        self.kinds: dict[str, str] = {}
        self.entities: dict[str, dict[str, Any]] = {}
        self.downstream: dict[str, list[str]] = defaultdict(list)
        self.records = 0
        with path.open() as file:
            for line in map(json.loads, file):
                self.records += 1
                if entity := line.get("entity"):
                    self.kinds[entity["key"]] = entity["kind"]
                    self.entities[entity["key"]] = entity
                elif association := line.get("association"):
                    self.downstream[association["source"]].append(association["destination"])

    def closure(self, start: str) -> set[str]:
        seen, queue = {start}, deque([start])
        while queue:
            for key in self.downstream[queue.popleft()]:
                if key not in seen:
                    seen.add(key)
                    queue.append(key)
        return seen - {start}

    def raw_dataset(self) -> str:
        """The raw dataset that most lies downstream of."""
        raw = [k for k, kind in self.kinds.items() if kind == "DATASET" and self.entities[k]["name"].startswith("raw-")]
        return max(raw, key=lambda key: len(self.closure(key)))


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    answer = work()
    return time.perf_counter() - began, answer


@contextmanager
def served(store: str, *flags: str) -> Iterator[httpx.Client]:
    command = [*LINEAL, "serve", *flags, "--port", "0", "--store", store]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            match = re.search(r"(http://\S+)/graphql", process.stdout.readline())
            assert match, "the server did not start"
            with httpx.Client(base_url=match[1], timeout=60) as client:
                yield client
        finally:
            process.terminate()


def closure_page(client: httpx.Client, query: str, **variables: Any) -> Any:
    answer = client.post("/graphql", json={"query": query, "variables": variables}).json()
    assert "errors" not in answer, answer["errors"]
    return answer["data"]["entity"]["descendants"]


def count_over_pages(client: httpx.Client, urn: str, depth: int) -> int:
    after, count = None, 0
    while True:
        page = closure_page(client, CLOSURE, urn=urn, depth=depth, after=after)
        count += len(page["edges"])
        if not page["pageInfo"]["hasNextPage"]:
            return count
        after = page["pageInfo"]["endCursor"]


def loads(graph: Path, folder: Path, peer: str) -> tuple[list[float], list[float]]:
    """Seconds each took to load the graph, in alternating rounds; the last round's stores are kept."""
    ours, theirs = [], []
    for round in range(3):
        store = folder / f"lineal-{round}.db"
        command = [*LINEAL, "ingest", str(graph), "--store", f"sqlite:///{store}"]
        ours.append(timed(partial(subprocess.run, command, check=True, capture_output=True))[0])
        command = [peer, str(HERE / "ml_metadata_peer.py"), "load", str(graph), str(folder / f"peer-{round}.db")]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        theirs.append(json.loads(done.stdout)["seconds"])
    store.rename(folder / "lineal.db")
    (folder / f"peer-{round}.db").rename(folder / "peer.db")
    return ours, theirs


def questions(graph: Graph, folder: Path, peer: str) -> dict[str, list[float]]:
    """Seconds of the same question asked of each, in alternating rounds.

    Lineal keeps walks for later pages. Every round asks with another depth, all deeper than the graph: no answer
    comes from a walk that an earlier round had walked.
    """
    start = graph.raw_dataset()
    entity = graph.entities[start]
    urn = f"lineal:{entity['account']}:DATASET:{entity['name']}@{entity['version']}"
    expected = graph.closure(start)
    endpoints = sum(graph.kinds[key] == "ENDPOINT" for key in expected)
    seconds: dict[str, list[float]] = defaultdict(list)
    command = [peer, str(HERE / "ml_metadata_peer.py"), "ask", str(folder / "peer.db"), start]
    peer_process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert peer_process.stdin is not None
    assert peer_process.stdout is not None
    with served(f"sqlite:///{folder}/lineal.db", "--dev") as client:
        for round in range(ROUNDS + 1):
            print("ask", file=peer_process.stdin, flush=True)
            theirs = json.loads(peer_process.stdout.readline())
            assert theirs["artifacts"] + theirs["executions"] == len(expected) + 1, theirs
            assert theirs["endpoints"] == endpoints, theirs
            first, page = timed(partial(closure_page, client, ENDPOINTS, urn=urn, depth=1000 + 2 * round))
            again, _ = timed(partial(closure_page, client, ENDPOINTS, urn=urn, depth=1000 + 2 * round))
            assert page["totalCount"] == endpoints
            whole, count = timed(partial(count_over_pages, client, urn, 1001 + 2 * round))
            assert count == len(expected)
            if round > 0:  # the first warms all of them up
                for name, each in zip(
                    ("peer", "first", "again", "whole"), (theirs["seconds"], first, again, whole), strict=True
                ):
                    seconds[name].append(each)
    peer_process.stdin.close()
    peer_process.wait()
    seconds["size"] = [len(expected), endpoints]
    return seconds


def row(label: str, ours: list[float], theirs: list[float]) -> str:
    def cell(seconds: list[float]) -> str:
        return f"{min(seconds):.3f} / {median(seconds):.3f}"

    return f"| {label} | {cell(ours)} | {cell(theirs)} | {median(theirs) / median(ours):.1f} |"


def main() -> None:
    peer = os.environ["LINEAL_BENCH_PEER"]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        path = Path(sys.argv[1]) if len(sys.argv) > 1 else folder / "graph.jsonl"
        if len(sys.argv) < 2:
            subprocess.run([sys.executable, "-m", "lineal.capture.sample", "20000", path], check=True)
        graph = Graph(path)
        ours, theirs = loads(path, folder, peer)
        seconds = questions(graph, folder, peer)
    closure, endpoints = map(int, seconds["size"])
    print(f"{graph.records:,} records; a raw dataset with {closure:,} descendants, {endpoints:,} of them endpoints.")
    rates = [f"{graph.records / median(seconds):,.0f} records/s" for seconds in (ours, theirs)]
    print(f"Recording: {rates[0]}; ML Metadata's: {rates[1]}.\n")
    print("| what | Lineal, s: min / median | ML Metadata, s: min / median | ratio of medians |\n|---|---|---|---|")
    print(row("B1: every endpoint downstream, over HTTP", seconds["first"], seconds["peer"]))
    print(row("the same, asked again", seconds["again"], seconds["peer"]))
    print(row("B1: the whole closure in pages of 1,000, over HTTP", seconds["whole"], seconds["peer"]))
    print(row("B6: recording the graph, whole process", ours, theirs))


if __name__ == "__main__":
    main()
