"""The demo, as the README gives it, twice, on a clean copy, on either kind of store."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from lineal.commands import janusgraph


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@dataclass
class Demo:
    """A copy of what is committed, and the ports its demo is told to use."""

    folder: Path
    port: int = field(default_factory=free_port)
    janusgraph_port: int = field(default_factory=free_port)

    def run(self, *flags: str, status: int = 0) -> str:
        """All that the demo prints."""
        variables = {"PORT": self.port, "JANUSGRAPH_PORT": self.janusgraph_port, "DEMO_MODELS": 300}
        environment = {**os.environ, **{f"LINEAL_{name}": str(value) for name, value in variables.items()}}
        out = self.folder / "out.txt"
        with out.open("w") as target:
            done = subprocess.call(
                ["scripts/demo", *flags], cwd=self.folder, env=environment, stdout=target, stderr=target, timeout=500
            )
        assert done == status, out.read_text()[-3000:]
        return out.read_text()


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    tracked = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True).stdout.split()
    folder = tmp_path / "copy"
    for name in tracked:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(name, target, follow_symlinks=False)
    yield Demo(folder)
    pid = folder / "demo" / "pid"
    if pid.exists():
        os.kill(int(pid.read_text()), signal.SIGTERM)
    janusgraph.stop(folder / "demo" / "janusgraph")


def test_an_unknown_flag_is_refused(demo: Demo) -> None:
    output = demo.run("--neo4j", status=2)
    assert "scripts/demo knows no --neo4j\nusage: scripts/demo [--janusgraph]\n" in output
    assert demo.run("--help") == output.partition("\n")[2]


@pytest.mark.slow
@pytest.mark.parametrize("flags", [(), ("--janusgraph",)], ids=["embedded", "janusgraph"])
def test_the_demo_runs_twice(demo: Demo, flags: tuple[str, ...]) -> None:
    first = demo.run(*flags)
    assert "is corrupt: which endpoints must be rolled back?" in first
    assert "The path that proves serve-" in first
    assert f"GraphiQL: http://127.0.0.1:{demo.port}/graphql" in first
    assert "already there, 0 bad" in first
    second = demo.run(*flags)
    assert "The demo's server is up already." in second
    assert "\n0 recorded, " in second
    assert _answer(first) == _answer(second)
    ready = httpx.get(f"http://127.0.0.1:{demo.port}/readyz")
    assert ready.json() == {"status": "ready"}
    if flags:
        assert f"JanusGraph answers at gremlin://127.0.0.1:{demo.janusgraph_port} (process " in first
        assert f"JanusGraph already runs at gremlin://127.0.0.1:{demo.janusgraph_port} (process " in second
        assert "To stop JanusGraph after it: .venv/bin/lineal janusgraph stop --data demo/janusgraph\n" in second
        other = demo.run(status=1)
        assert f"up on another store, gremlin://127.0.0.1:{demo.janusgraph_port}: kill " in other


def _answer(said: str) -> str:
    return said[said.index("The dataset ") : said.index("GraphiQL:")]
