"""Every command with good and hostile arguments: one sentence and a status, never a traceback."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import chdir
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

import click
import pytest
from click.testing import CliRunner, Result
from hostile_values import RARE, TEXTS, Hostile
from hypothesis import given, settings
from hypothesis import strategies as st

from lineal.cli import main

FAULT: Final = "fault of Lineal"
STARTING: Final = {("serve",), ("janusgraph", "start")}
"""Commands that run until they are stopped; `test_settings.py` draws the settings of the first."""
NUMBERS: Final = ["0", "1", "-1", "2", "1000", "1001", "99999999999999999999", "1e3", "nan", "x", "", "9" * 5_000]
GOOD: Final = [
    "lineal:local:MODEL:m", "lineal:local:DATASET:d", "lineal:local:MODEL_GROUP:g", "d", "m", "g", "local", "model",
    "loss", "produced", "train", "rows=7", "name", "-occurred_at", "property:rows", "2026-03-01", "MODEL",
    "2026-03-01T12:00:00Z",
]  # fmt: skip
HOSTILE: Final = [
    "property:",
    "-property:",
    "--",
    "-",
    "=",
    "=1",
    "rows=",
    'rows={"a":',
    "rows=NaN",
    "rows=1e999",
    "-x",
    "[red]",
]
FILES: Final = [
    "good.jsonl",
    "absent",
    "folder",
    "garbage",
    "-",
    "",
    "/dev/null",
    "good.jsonl/x",
    "x" * 300,
    "deep.json",
]
URLS: Final = [
    "",
    "x",
    "http://",
    "ftp://x",
    "http://[",
    "http://127.0.0.1:99999",
    "http://127.0.0.1:9",
    "http://a b",
    "http://\n",
]
STORES: Final = [*["sqlite:///good.db"] * 6, "sqlite:///garbage", "sqlite:///folder", "sqlite:///", "", "x", "memory:"]
STORES_FAR: Final = [
    "gremlin://127.0.0.1:9",
    "gremlin://",
    "gremlin://a:99999",
    "sqlite:///absent/x.db",
    "sqlite:///\n",
]
CONFIGS: Final = ["absent", "folder", "garbage", "good.jsonl", "", "store.toml"]
TOKENS: Final = ["", "lnl_x", "a\nb", "é", "\udcff"]
LINES: Final = [
    {"entity": {"key": "d", "kind": "DATASET", "name": "d", "properties": {"rows": 7}}},
    {"entity": {"key": "m", "kind": "MODEL", "name": "m"}},
    {"association": {"source": "d", "destination": "m", "type": "PRODUCED"}},
]


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that does something, with the words that name it."""
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from leaves(inner, (*path, name))
    elif path not in STARTING:
        yield path, command


COMMANDS: Final = dict(leaves(main))


class _Junk(BaseHTTPRequestHandler):
    """A server that is none of Lineal's."""

    ANSWERS = (b"", b"[]", b"{", b"{}", b'{"data": null}', b'{"errors": []}', b'{"data": {}}', b"<html>", b"\xff")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = self.ANSWERS[int(self.path[1:2] if self.path[1:2].isdigit() else 0) % len(self.ANSWERS)]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing is logged."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store and files, good and bad."""
    folder = tmp_path_factory.mktemp("commands")
    (folder / "folder").mkdir()
    (folder / "garbage").write_bytes(bytes(range(256)) * 40)
    (folder / "deep.json").write_text("[" * 5_000)
    (folder / "store.toml").write_text('store = "sqlite:///good.db"\n')
    (folder / "good.jsonl").write_text("".join(json.dumps(line) + "\n" for line in LINES))
    with chdir(folder):
        assert run("ingest", "good.jsonl", "--store", "sqlite:///good.db").exit_code == 0
    return folder


@pytest.fixture(scope="module")
def junk() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Junk)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def run(*words: str, stdin: bytes = b"", environment: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(main, words, input=stdin, env=environment)


class Words:
    """Draws the words of one command."""

    def __init__(self, seed: int, junk: str) -> None:
        self.hostile = Hostile(seed, GOOD)
        self.random, self.junk = self.hostile.random, junk

    def value(self, parameter: click.Parameter) -> str:
        """A value for a parameter, good or hostile by what it is for."""
        name, choose = parameter.name or "", self.random.choice
        if self.random.random() < 0.05:
            return choose(RARE)
        if isinstance(parameter.type, click.Choice):
            return choose([*map(str, parameter.type.choices), "x", ""])
        if name in ("file", "files"):
            return choose(FILES)
        pools = {"url": [*URLS, self.junk], "config": CONFIGS, "folder": ["folder", "absent", "garbage", ""]}
        if name == "store":
            return choose(STORES if self.random.random() < 0.9 else STORES_FAR)
        if name in pools:
            return choose(pools[name])
        if isinstance(parameter.type, click.types.IntParamType | click.IntRange):
            return choose(NUMBERS)
        return choose([*GOOD * 3, *HOSTILE, *TEXTS])

    def of(self, command: click.Command) -> list[str]:
        """The arguments and options of a command; some required ones are missing, some are repeated."""
        words: list[str] = []
        arguments: list[str] = []
        for parameter in command.params:
            count = self.random.choice([0, 1, 1, 1, 2] if isinstance(parameter, click.Argument) else [0, 0, 1])
            if parameter.name == "store":
                count = self.random.choice([0, 1, 1, 1, 1])
            for _ in range(count):
                if isinstance(parameter, click.Argument):
                    arguments.append(self.value(parameter))
                elif isinstance(parameter, click.Option) and (parameter.is_flag or parameter.count):
                    words.append(self.random.choice(parameter.opts))
                else:
                    words += [self.random.choice(parameter.opts), self.value(parameter)]
        return [*words, *arguments] if self.random.random() < 0.5 else [*arguments, *words]

    def environment(self) -> dict[str, str]:
        """Variables, mostly none."""
        drawn = {"LINEAL_TOKEN": TOKENS, "LINEAL_STORE": STORES, "LINEAL_CONFIG": CONFIGS, "LINEAL_PORT": NUMBERS}
        return {name: self.random.choice(values) for name, values in drawn.items() if self.random.random() < 0.1}


@settings(max_examples=settings().max_examples // 5)
@given(st.integers(0, 2**63))
def test_no_command_ends_in_a_traceback(folder: Path, junk: str, seed: int) -> None:
    words = Words(seed, junk)
    with chdir(folder):
        for path, command in COMMANDS.items():
            asked = [*path, *words.of(command)]
            environment = words.environment()
            stdin = words.random.choice([b"", b"\xff", b'{"entity": {}}', (folder / "good.jsonl").read_bytes()])
            check(run(*asked, stdin=stdin, environment=environment), asked, environment)
        for file in ("good.jsonl", "garbage", "store.toml", "deep.json"):
            restore(folder, file)


CONTENT: dict[str, bytes] = {}


def restore(folder: Path, file: str) -> None:
    """Put back a file that a command was told to write to."""
    if file not in CONTENT:
        CONTENT[file] = (folder / file).read_bytes()
    (folder / file).write_bytes(CONTENT[file])


def check(done: Result, asked: Sequence[str], environment: object) -> None:
    """Fail where a command ended otherwise than it should."""
    report = (asked, environment, done.output[-2000:], done.exception)
    assert done.exit_code in (0, 1, 2), report
    assert done.exception is None or isinstance(done.exception, SystemExit), report
    assert "Traceback" not in done.output, report
    assert FAULT not in done.output, report
    if done.exit_code:
        assert done.output.strip(), report


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["search", '"', "--store", "sqlite:///good.db"], 1, b"search holds no word"),
        (["search", "--order", "property:", "--store", "sqlite:///good.db"], 1, b"PROPERTY needs a propertyKey"),
        (
            ["search", "--kind", "NOPE", "--store", "sqlite:///good.db"],
            1,
            b"'NOPE' does not exist in 'EntityKind' enum",
        ),
        (["descendants", "lineal:x", "--depth", "9" * 20, "--store", "memory:"], 1, b"cannot represent non 32-bit"),
        (["search", b"\xff", "--store", "memory:"], 2, b"is not UTF-8 text"),
        (["search", "--url", "http://127.0.0.1:99999"], 1, b"--url is 'http://127.0.0.1:99999'"),
        (["doctor", "--config", "folder"], 1, b"cannot be read"),
    ],
)
def test_as_a_process(folder: Path, words: list[str | bytes], status: int, message: bytes) -> None:
    command = [sys.executable, "-m", "lineal", *words]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LINEAL_")}
    done = subprocess.run(command, capture_output=True, check=False, cwd=folder, env=environment, timeout=60)
    assert done.returncode == status, done.stderr
    assert message in done.stderr + done.stdout
    assert b"Traceback" not in done.stderr


def test_a_fault_is_one_line_and_a_traceback_for_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr("lineal.cli.run_checks", broken)
    done = run("doctor")
    assert done.exit_code == 1
    assert done.output.startswith(f"lineal: this is a {FAULT} (KeyError: ")
    assert isinstance(run("doctor", environment={"LINEAL_LOG_LEVEL": "debug"}).exception, KeyError)
