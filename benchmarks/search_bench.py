"""Search by undeclared properties, compared with scans by SQLite and DuckDB of the same records, at three sizes.

    scripts/bench --search [FOLDER]

Makes graphs of 2,000, 20,000 and 200,000 models of the project's own sample, gives every entity properties of its own,
and loads them; with a FOLDER they are kept there, and taken from there when run again. Lineal answers through GraphQL
over HTTP, its peers within their process, each with the total and the first 20 in alternating rounds; their answers are
compared. Prints tables in Markdown of minimum and median milliseconds, and of ratios of the medians.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import psutil
from bench import HERE, LINEAL, served, timed

from lineal.graphstore.kinds import EntityKind
from lineal.graphstore.urns import make_urn

SIZES = (2_000, 20_000, 200_000)
ROUNDS = 7
FIRST = """query ($property: [PropertyFilter!], $search: String, $orderBy: EntityOrder) {
  entities(where: {property: $property}, search: $search, orderBy: $orderBy, first: 20) {
    totalCount nodes { urn } } }"""
BY_COST = {"field": "PROPERTY", "propertyKey": "cost", "direction": "DESCENDING"}

Question = tuple[str, dict[str, Any], str | None, str | None]
"""Name, variables, and the conditions for SQLite and for DuckDB where they support the question."""


def by_text(name: str, property_filter: dict[str, Any], condition: str) -> Question:
    """A question about a text property; the condition is on `{}`, its value."""
    value = f"json_extract(properties, '$.{property_filter['key']}')"
    return (
        name,
        {"property": [property_filter]},
        condition.format(value),
        condition.format(f"properties->>'{property_filter['key']}'"),
    )


def by_number(name: str, property_filter: dict[str, Any], condition: str) -> Question:
    """A question about a number property; the condition is on `{}`, its value."""
    value = f"json_extract(properties, '$.{property_filter['key']}')"
    duck = condition.format(f"(properties->>'{property_filter['key']}')::DOUBLE")
    return name, {"property": [property_filter]}, condition.format(value), duck


QUESTIONS: tuple[Question, ...] = (
    by_text("a rare property, eq", {"key": "ticket", "eq": "OPS-5007"}, "{} = 'OPS-5007'"),
    by_text("a rare property, exists", {"key": "ticket", "exists": True}, "{} IS NOT NULL"),
    by_number(
        "a common one, a narrow range", {"key": "cost", "gte": 100.0, "lt": 100.01}, "{0} >= 100 AND {0} < 100.01"
    ),
    by_text("a common one, contains, few match", {"key": "hash", "contains": "abcde"}, "{} LIKE '%abcde%'"),
    by_text("a common one, eq, one in 50", {"key": "owner", "eq": "person-7@x.org"}, "{} = 'person-7@x.org'"),
    by_number("a common one, a range, one in three", {"key": "cost", "gte": 100.0}, "{} >= 100"),
    by_text("a common one, contains, all match", {"key": "owner", "contains": "person"}, "{} LIKE '%person%'"),
    by_text("a common one, exists, all match", {"key": "owner", "exists": True}, "{} IS NOT NULL"),
    ("search, two words, few match", {"search": "person ops"}, None, None),
    ("search, one word, all match", {"search": "person"}, None, None),
    ("sorted by a property, few", {"property": [{"key": "ticket", "exists": True}], "orderBy": BY_COST}, None, None),
)
SMALL = {"a rare property, eq"}
"""Of which the same match at every size: they should take as long at each."""


def widened(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """The records of a sample, entities with more properties: some on all, some on few, of several types."""
    drawn, number = random.Random(11), 0
    for record in map(json.loads, lines):
        if entity := record.get("entity"):
            number += 1
            more = entity.setdefault("properties", {})
            more |= {"owner": f"person-{drawn.randrange(50)}@x.org", "cost": round(drawn.expovariate(0.01), 4)}
            if number % 5000 == 7:
                more["ticket"] = f"OPS-{number}"
            if number % 3 == 1:
                more["hash"] = f"{drawn.getrandbits(128):032x}"
        yield record


def loaded_store(folder: Path, models: int) -> tuple[Path, Path]:
    """A store of so many models, and the file of its entities for the peers."""
    graph, entities, store = (folder / f"{models}.{ending}" for ending in ("graph.jsonl", "jsonl", "db"))
    if not store.exists():
        sample = folder / "sample.jsonl"
        subprocess.run([sys.executable, "-m", "lineal.capture.sample", str(models), sample], check=True)
        with sample.open() as lines, graph.open("w") as out, entities.open("w") as table:
            for record in widened(lines):
                out.write(json.dumps(record) + "\n")
                if entity := record.get("entity"):
                    urn = make_urn(entity["account"], EntityKind(entity["kind"]), entity["name"], entity.get("version"))
                    table.write(json.dumps({"urn": urn, "properties": entity["properties"]}) + "\n")
        part = store.with_suffix(".part")
        command = [*LINEAL, "ingest", str(graph), "--store", f"sqlite:///{part}"]
        subprocess.run(command, check=True, capture_output=True)
        part.rename(store)
    return store, entities


def search(client: httpx.Client, variables: dict[str, Any]) -> tuple[int, list[str]]:
    answer = client.post("/graphql", json={"query": FIRST, "variables": variables}).json()
    assert "errors" not in answer, answer["errors"]
    return answer["data"]["entities"]["totalCount"], [node["urn"] for node in answer["data"]["entities"]["nodes"]]


class Peer:
    """The process of the peers."""

    def __init__(self, entities: Path) -> None:
        command = [os.environ["LINEAL_BENCH_PEER"], str(HERE / "search_peer.py")]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for ending in (".sqlite", ".duckdb"):
            entities.with_suffix(ending).unlink(missing_ok=True)
        self.versions = self.request({"load": str(entities)})

    def request(self, wanted: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(wanted) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def end(self) -> None:
        self._process.terminate()
        self._process.wait()


def shown(seconds: list[float]) -> str:
    return f"{min(seconds) * 1000:.1f} / {median(seconds) * 1000:.1f}"


def compare_with_peers(store: Path, entities: Path) -> None:
    """Print the seconds of each question, for Lineal and its peers."""
    peer = Peer(entities)
    print(f"SQLite {peer.versions['sqlite']}, DuckDB {peer.versions['duckdb']}; {entities.stem} models.\n")
    print("| question | matches | Lineal over HTTP, ms: min / median | SQLite, ms | DuckDB, ms | ratios of medians |")
    print("|---|---|---|---|---|---|")
    with served(f"sqlite:///{store}", "--dev") as client:
        for name, variables, lite, duck in QUESTIONS:
            if lite is None:
                continue
            took: dict[str, list[float]] = {"lineal": [], "sqlite": [], "duckdb": []}
            for round in range(ROUNDS + 1):
                seconds, (total, urns) = timed(partial(search, client, variables))
                asks = (("sqlite", lite), ("duckdb", duck))
                answers = {peer_name: peer.request({"ask": peer_name, "where": where}) for peer_name, where in asks}
                for peer_name, answer in answers.items():
                    assert (answer["total"], answer["urns"]) == (total, urns), (name, peer_name)
                if round:
                    took["lineal"].append(seconds)
                    for peer_name, answer in answers.items():
                        took[peer_name].append(answer["seconds"])
            ratios = " / ".join(
                f"{median(took[peer_name]) / median(took['lineal']):.1f}" for peer_name in ("sqlite", "duckdb")
            )
            print(f"| {name} | {total:,} | {' | '.join(shown(peer_name) for peer_name in took.values())} | {ratios} |")
    peer.end()


def at_sizes(stores: list[Path]) -> None:
    """The questions at every size."""
    print("\n| question | " + " | ".join(f"{size:,} models, ms" for size in SIZES) + " | last to first |")
    print("|---|" + "---|" * (len(SIZES) + 1))
    memory = []
    took: dict[str, list[list[float]]] = {name: [[] for _ in stores] for name, *_ in QUESTIONS}
    for number, store in enumerate(stores):
        with served(f"sqlite:///{store}", "--dev") as client:
            for name, variables, *_ in QUESTIONS:
                for _ in range(ROUNDS + 1):
                    took[name][number].append(timed(partial(search, client, variables))[0])
                del took[name][number][0]
            memory.append(max(process.memory_info().rss for process in psutil.Process().children(recursive=True)))
    for name, process in took.items():
        ratio = f"{median(process[-1]) / median(process[0]):.2f}" + (" (B7)" if name in SMALL else "")
        print(f"| {name} | {' | '.join(map(shown, process))} | {ratio} |")
    print("\nMemory of the server after these: " + ", ".join(f"{process >> 20} MiB" for process in memory) + ".")


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else place).absolute()
        folder.mkdir(exist_ok=True)
        stores_and_files = [loaded_store(folder, models) for models in SIZES]
        compare_with_peers(*stores_and_files[-1])
        at_sizes([store for store, _ in stores_and_files])


if __name__ == "__main__":
    main()
