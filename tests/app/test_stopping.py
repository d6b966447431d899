"""A server ends within `shutdown_seconds` of a signal, whatever its threads do, and keeps what it has acknowledged."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from time import monotonic, sleep
from typing import Any

import httpx
from server_process import READY, Server, serving

RECORD = """mutation ($name: String!) { lineageRecord(input: {entities: [{kind: DATASET, name: $name}]}) {
  entities { entity { urn } } userErrors { message } } }"""
SEARCH = "{ entities { totalCount } }"
STUCK = """
import time
from lineal.cli import main
from lineal.graphstore.embedded import store
from lineal.graphstore.embedded.sql import transactions

def stuck(*given, **named):
    print("stuck", flush=True)
    time.sleep(600)

if {stuck_reads}:
    assert hasattr(store, "pages_of_turn"), "the test waits for reads that get stuck"
    store.pages_of_turn = stuck
else:
    commit, reached = transactions.Writer._write_group, []
    def commit_some(*given):
        reached.append(1)
        return commit(*given) if len(reached) < {commits} else stuck()
    transactions.Writer._write_group = commit_some
main()
"""
"""A server in which reads, or commits after some, ignore every wish to end."""


@contextmanager
def started(tmp_path: Path, shutdown_seconds: int, **stuck: Any) -> Iterator[Server]:
    """A server whose threads get stuck."""
    config = tmp_path / "lineal.toml"
    config.write_text(f"shutdown_seconds = {shutdown_seconds}\n")
    script = STUCK.format(**{"stuck_reads": False, "commits": 0, **stuck})
    serve = ["serve", "--dev", "--store", f"sqlite:///{tmp_path}/lineal.db", "--port", "0", "--config", str(config)]
    command = [sys.executable, "-c", script, *serve]
    with (tmp_path / "server.log").open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    try:
        match = READY.search(process.stdout.readline())
        assert match, (tmp_path / "server.log").read_text()
        yield Server(process, match[1], tmp_path / "server.log")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def answers(server: Server, query: str, *names: str) -> list[httpx.Response | None]:
    """The answers to a query for each of the names, sent at once; None for one that the server did not answer."""

    def one(name: str) -> httpx.Response | None:
        body = {"query": query, "variables": {"name": name}}
        headers = {"Accept": "application/graphql-response+json"}
        try:
            return httpx.post(f"{server.url}/graphql", json=body, headers=headers, timeout=120)
        except httpx.TransportError:
            return None

    with ThreadPoolExecutor(len(names)) as threads:
        return list(threads.map(one, names))


def test_reads_that_do_not_stop_hold_no_exit(tmp_path: Path) -> None:
    with started(tmp_path, 4, stuck_reads=True) as server:
        (recorded,) = answers(server, RECORD, "kept")
        assert recorded is not None
        assert recorded.status_code == 200
        with ThreadPoolExecutor(1) as waiting:
            searches = waiting.submit(answers, server, SEARCH, *"abcd")
            assert server.process.stdout is not None
            assert server.process.stdout.readline() == "stuck\n"
            sleep(0.5)
            begun = monotonic()
            assert server.stop() == 128 + signal.SIGTERM
            assert monotonic() - begun < 30, "the reads take ten minutes"
        for answer in searches.result():
            assert answer is not None
            assert answer.status_code == 503
            assert answer.json()["errors"][0]["message"].startswith("The server is stopping")
        lines = [json.loads(line) for line in server.log.read_text().splitlines()]
        assert lines[-1]["event"] == "stopped before all work had ended"
    with serving(f"sqlite:///{tmp_path}/lineal.db", tmp_path) as again:
        assert again.ask('{ entity(urn: "lineal:local:DATASET:kept") { name } }')["entity"] == {"name": "kept"}


def test_a_commit_that_does_not_end_is_not_acknowledged(tmp_path: Path) -> None:
    with started(tmp_path, 3, commits=8) as server:
        acknowledged: list[str] = []
        stuck = Event()

        def note_stuck() -> None:
            assert server.process.stdout is not None
            if server.process.stdout.readline() == "stuck\n":
                stuck.set()

        with ThreadPoolExecutor(2) as waiting:
            waiting.submit(note_stuck)
            while True:
                sent = waiting.submit(answers, server, RECORD, f"d{len(acknowledged)}")
                while not sent.done() and not stuck.wait(0.01):
                    pass
                if not sent.done():
                    break
                (answer,) = sent.result()
                assert answer is not None
                assert answer.status_code == 200
                acknowledged.append(f"d{len(acknowledged)}")
            begun = monotonic()
            assert server.stop() == 128 + signal.SIGTERM
            assert monotonic() - begun < 30, "the commit takes ten minutes"
        (lost,) = sent.result()
        assert lost is None or lost.status_code == 503
    assert acknowledged
    with serving(f"sqlite:///{tmp_path}/lineal.db", tmp_path) as again:
        for name in acknowledged:
            assert again.ask(f'{{ entity(urn: "lineal:local:DATASET:{name}") {{ name }} }}')["entity"] == {"name": name}


def test_no_time_to_stop(tmp_path: Path) -> None:
    with started(tmp_path, 0, commits=10**9) as server:
        answers(server, RECORD, "kept")
        assert server.stop() in (-signal.SIGTERM, 128 + signal.SIGTERM)
