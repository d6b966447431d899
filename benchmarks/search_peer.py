"""The peers of search: SQLite's and DuckDB's own JSON functions over a table of the same entities.

Runs in an environment of its own, which has DuckDB. Reads one line of JSON after another, answers each with one:

    {"load": ENTITIES.jsonl}                  makes the tables in the folder of that file
    {"ask": "sqlite" or "duckdb", "where": CONDITION}     the count and the first 20 urns, and the seconds they took

Each holds a table `entity (urn, properties)`, `urn` its key, `properties` the JSON; both scan it, as there is no index
on what nobody declared.
"""

import json
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

import duckdb


def load(path: Path) -> dict[str, Any]:
    lite = sqlite3.connect(path.with_suffix(".sqlite"))
    lite.execute("CREATE TABLE entity (urn TEXT PRIMARY KEY, properties TEXT) WITHOUT ROWID")
    with path.open() as file:
        rows = ((entity["urn"], json.dumps(entity["properties"])) for entity in map(json.loads, file))
        lite.executemany("INSERT INTO entity VALUES (?, ?)", rows)
    lite.commit()
    duck = duckdb.connect(str(path.with_suffix(".duckdb")))
    columns = "{'urn': 'VARCHAR', 'properties': 'JSON'}"
    duck.execute(f"CREATE TABLE entity AS SELECT * FROM read_json('{path}', columns = {columns}) ORDER BY urn")
    return {"sqlite": lite, "duckdb": duck}


def main() -> None:
    peers: dict[str, Any] = {}
    for line in sys.stdin:
        wanted = json.loads(line)
        if "load" in wanted:
            peers = load(Path(wanted["load"]))
            answer: dict[str, Any] = {"sqlite": sqlite3.sqlite_version, "duckdb": duckdb.__version__}
        else:
            peer, where = peers[wanted["ask"]], wanted["where"]
            began = time.perf_counter()
            ((total,),) = peer.execute(f"SELECT count(*) FROM entity WHERE {where}").fetchall()
            urns = peer.execute(f"SELECT urn FROM entity WHERE {where} ORDER BY urn LIMIT 20").fetchall()
            answer = {"seconds": time.perf_counter() - began, "total": total, "urns": [urn for (urn,) in urns]}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
