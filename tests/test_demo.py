"""The demo, as the README gives it, twice, on a clean copy."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Path]:
    tracked = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True).stdout.split()
    folder = tmp_path / "copy"
    for name in tracked:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(name, target, follow_symlinks=False)
    yield folder
    pid = folder / "demo" / "pid"
    if pid.exists():
        os.kill(int(pid.read_text()), signal.SIGTERM)


@pytest.mark.slow
def test_the_demo_runs_twice(copy: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "LINEAL_PORT": str(port), "LINEAL_DEMO_MODELS": "300"}

    def demo() -> str:
        out = copy / "out.txt"
        with out.open("w") as target:
            done = subprocess.call(
                ["scripts/demo"], cwd=copy, env=environment, stdout=target, stderr=target, timeout=500
            )
        assert done == 0, out.read_text()[-3000:]
        return out.read_text()

    first = demo()
    assert "is corrupt: which endpoints must be rolled back?" in first
    assert "The path that proves serve-" in first
    assert f"GraphiQL: http://127.0.0.1:{port}/graphql" in first
    assert "already there, 0 bad" in first
    second = demo()
    assert "The demo's server is up already." in second
    assert "\n0 recorded, " in second
    ready = httpx.get(f"http://127.0.0.1:{port}/readyz")
    assert ready.json() == {"status": "ready"}
