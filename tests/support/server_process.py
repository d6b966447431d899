"""A real server in a process of its own."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

READY = re.compile(r"(http://\S+)/graphql")


class Server:
    """A server that has said it is ready. `url` is its address without a path."""

    def __init__(self, process: "subprocess.Popen[str]", url: str, log: Path) -> None:
        self.process, self.url, self.log = process, url, log
        self.client = httpx.Client(base_url=url, timeout=60)

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of an answer without errors."""
        answer = self.post(query, **variables)
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    def post(self, query: str, **variables: Any) -> dict[str, Any]:
        """The whole answer."""
        answer: dict[str, Any] = self.client.post("/graphql", json={"query": query, "variables": variables}).json()
        return answer

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End the process; gives its exit status."""
        if self.process.poll() is None:
            os.kill(self.process.pid, how)
        status = self.process.wait(60)
        self.client.close()
        return status


@contextmanager
def serving(
    store: str,
    folder: Path,
    *flags: str,
    prefix: tuple[str, ...] = (),
    token: str | None = None,
    program: tuple[str, ...] = ("-m", "lineal"),
) -> Iterator[Server]:
    """A server on a free port of loopback, ended with the block: with `--dev`, or asked with a token or key, or ""."""
    log = folder / "server.log"
    with log.open("ab") as errors:
        mode = ["--dev"] if token is None else []
        command = [*prefix, sys.executable, *program, "serve", *mode, "--store", store, "--port", "0", *flags]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        match = READY.search(line)
        assert match, f"the server did not start: {line!r} {log.read_text()[-2000:]}"
        server = Server(process, match[1], log)
        if token:
            server.client.headers["Authorization"] = f"Bearer {token}"
        yield server
        server.stop()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()
