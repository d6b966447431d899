"""Which store a command opens."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lineal.cli import main

URN = "lineal:local:MODEL:m"
LINE = json.dumps({"entity": {"key": "m", "kind": "MODEL", "name": "m"}}) + "\n"
QUESTIONS = (
    ("search", "m"),
    ("descendants", URN),
    ("ascendants", URN),
    ("models", "list"),
    ("export",),
    ("account", "list"),
)


def run(*words: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, words, input=stdin)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lineal.db"


@pytest.fixture
def file(tmp_path: Path, path: Path) -> str:
    """A file of settings that names the store."""
    file = tmp_path / "lineal.toml"
    file.write_text(f"store = {json.dumps(f'sqlite:///{path}')}\n")
    return str(file)


@pytest.mark.parametrize("by", ["--config", "LINEAL_CONFIG", "LINEAL_STORE"])
def test_every_command_opens_the_configured_store(
    by: str, file: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = ("--config", file) if by == "--config" else ()
    if not flags:
        monkeypatch.setenv(by, file if by == "LINEAL_CONFIG" else f"sqlite:///{path}")
    assert run("ingest", "-", *flags, stdin=LINE).output == "1 recorded, 0 already there, 0 bad\n"
    assert path.exists()
    for question in QUESTIONS:
        done = run(*question, *flags)
        assert done.exit_code == 0, done.output
    assert URN in run("search", "m", *flags).output
    assert '"name":"m"' in run("export", *flags).output


def test_a_flag_wins_over_the_environment_and_the_environment_over_the_file(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("ingest", "-", "--config", file, stdin=LINE)
    monkeypatch.setenv("LINEAL_STORE", f"sqlite:///{tmp_path}/other.db")
    assert URN not in run("search", "m", "--config", file).output
    assert URN in run("search", "m", "--config", file, "--store", f"sqlite:///{tmp_path}/lineal.db").output


def test_a_server_flag_wins_over_a_configured_store(file: str) -> None:
    done = run("search", "m", "--config", file, "--url", "http://127.0.0.1:1")
    assert done.exit_code == 1
    assert "http://127.0.0.1:1" in done.output


def test_without_a_configured_store_commands_ask_a_server(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(file).write_text("port = 9000\n")
    asked: list[str | None] = []
    monkeypatch.setattr("lineal.commands.graphql_client.server_client", asked.append)
    run("search", "m", "--config", file)
    assert asked == [None]


def test_an_unusable_store_file_is_reported(file: str) -> None:
    Path(file).write_text("stroe = 'x'\n")
    for question in QUESTIONS:
        done = run(*question, "--config", file)
        assert (done.exit_code, done.output.split(";")[0]) == (1, f"lineal: {file} sets stroe")
