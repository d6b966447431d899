"""The tools of the example clients, installed once for each lock, and the clients generated, checked and run with them.

A tool that cannot be installed fails the test.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from node import NODE, npm, npm_ci

TYPESCRIPT: Final = Path("clients/typescript")
PYTHON: Final = Path("clients/python")
OPENLINEAGE: Final = Path("clients/openlineage")


def build_typescript() -> None:
    """Generate and type-check the TypeScript client."""
    installed = TYPESCRIPT / "node_modules" / f"lock.{_digest(TYPESCRIPT / 'package-lock.json')}"
    if not installed.exists():
        npm_ci(TYPESCRIPT)
        installed.touch()
    npm(TYPESCRIPT, "run", "--silent", "generate")
    npm(TYPESCRIPT, "run", "--silent", "build")


def run_typescript(url: str) -> Any:
    """Run the example in TypeScript against a server; return what it printed."""
    return _printed([str(NODE), "dist/main.js"], TYPESCRIPT, url)


def build_python() -> None:
    """Generate and type-check the Python client."""
    for command in (["ariadne-codegen"], ["mypy", "main.py"]):
        subprocess.run([_python_tool(command[0]), *command[1:]], cwd=PYTHON, check=True, timeout=300)


def run_python(url: str) -> Any:
    """Run the example in Python against a server; return what it printed."""
    return _printed([_python_tool("python"), "main.py"], PYTHON, url)


def run_openlineage(program: str, lock: str, url: str, key: str) -> Any:
    """Send events to a server with a program of OpenLineage's client and the client of a lock; return what it printed.

    Raises AssertionError with what it wrote to stderr if it fails.
    """
    environment = _environment(f".venv-openlineage-{Path(lock).stem}", OPENLINEAGE / lock)
    return _printed([str(environment / "python"), program], OPENLINEAGE, url, LINEAL_KEY=key)


def _printed(command: list[str], folder: Path, url: str, **more: str) -> Any:
    environment = {**os.environ, "LINEAL_URL": url, **more}
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def _python_tool(name: str) -> str:
    # Not in the tests' environment, since ariadne-codegen and the server need different versions of graphql-core.
    return str(_environment(".venv-client", PYTHON / "requirements.lock") / name)


def _environment(name: str, lock: Path) -> Path:
    """The absolute path of the programs of an environment with what a lock pins, made anew when the lock changed."""
    environment = Path(name)
    installed = environment / f"lock.{_digest(lock)}"
    if not installed.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", environment], check=True, timeout=300)
        pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", str(lock)]
        subprocess.run([environment / "bin" / "python", *pip], check=True, timeout=300)
        installed.touch()
    return (environment / "bin").absolute()


def _digest(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
