"""Files of a store that are removed, replaced, locked or read-only, under a running server and before it starts."""

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from server_process import Server, serving

from lineal.cli import main

pytestmark = pytest.mark.faults

RECORD = """mutation ($name: String!) { lineageRecord(input: {entities: [{kind: DATASET, name: $name}]}) {
  entities { isNew } userErrors { message } } }"""
COUNT = "{ entities(first: 1) { totalCount } }"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lineal.db"


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def record(server: Server, name: str) -> str | None:
    """The problem of recording a dataset; None where it was acknowledged."""
    answer = server.post(RECORD, name=name)
    if "errors" in answer:
        assert answer["errors"][0]["extensions"]["code"] == "UNAVAILABLE", answer
        return str(answer["errors"][0]["message"])
    assert answer["data"]["lineageRecord"]["userErrors"] == []
    return None


def recorded(path: Path, tmp_path: Path) -> set[str]:
    """The names of the datasets in a store that no server has open."""
    file = tmp_path / "out.jsonl"
    done = run("export", "--store", f"sqlite:///{path}", str(file))
    assert done.exit_code == 0, done.output
    return {line.split('"name":"')[1].split('"')[0] for line in file.read_text().splitlines()}


def test_a_server_refuses_while_its_file_is_gone(path: Path, tmp_path: Path) -> None:
    kept, other = tmp_path / "kept.db", tmp_path / "other.db"
    assert run("account", "create", "other", "--store", f"sqlite:///{other}").exit_code == 0
    with serving(f"sqlite:///{path}", tmp_path) as server:
        for how in ("removed", "replaced by an empty file", "replaced by another store"):
            assert record(server, f"before {how}") is None
            path.rename(kept)
            if how == "replaced by an empty file":
                path.touch()
            if how == "replaced by another store":
                shutil.copy(other, path)
            for name in ("one", "two", "three"):
                assert "was removed or replaced while the server ran" in (record(server, name) or "")
            assert "put the same file back, or restore a backup" in server.post(COUNT)["errors"][0]["message"]
            ready = server.client.get("/readyz")
            assert (ready.status_code, "removed or replaced" in ready.json()["reason"]) == (503, True)
            assert path.exists() == (how != "removed")
            kept.replace(path)
            assert server.client.get("/readyz").status_code == 200
        assert record(server, "after") is None
    assert len(recorded(path, tmp_path)) == 4


def test_nothing_acknowledged_is_lost_with_the_log(path: Path, tmp_path: Path) -> None:
    acknowledged = set()
    with serving(f"sqlite:///{path}", tmp_path) as server:
        for names in (["-wal"], ["-shm"], ["-wal", "-shm"]):
            assert record(server, f"before {names}") is None
            for name in names:
                Path(f"{path}{name}").unlink()
            assert server.client.get("/readyz").status_code == 200
            for name in names:
                Path(f"{path}{name}").unlink()
            assert record(server, f"after {names}") is None
            acknowledged |= {f"before {names}", f"after {names}"}
        server.process.kill()
        server.process.wait()
    assert recorded(path, tmp_path) == acknowledged


def test_a_log_that_another_process_uses_is_not_given_up(path: Path, tmp_path: Path) -> None:
    store = f"sqlite:///{path}"
    with serving(store, tmp_path) as one, serving(store, tmp_path) as other:
        assert (record(one, "one"), record(other, "other")) == (None, None)
        Path(f"{path}-wal").unlink()
        assert "stop every process that uses the store" in (record(one, "lost") or "")
        assert "stop every process that uses the store" in one.client.get("/readyz").json()["reason"]
        one.stop()
        assert record(other, "after") is None
    assert recorded(path, tmp_path) >= {"one", "other", "after"}


def test_a_log_that_was_replaced_is_refused(path: Path, tmp_path: Path) -> None:
    with serving(f"sqlite:///{path}", tmp_path) as server:
        assert record(server, "before") is None
        log = Path(f"{path}-wal")
        copy = log.read_bytes()
        log.unlink()
        log.write_bytes(copy)
        assert "-wal was replaced while the server ran" in (record(server, "lost") or "")
        assert server.client.get("/readyz").status_code == 503


def test_every_unusable_file_is_named_for_what_it_is(path: Path, tmp_path: Path) -> None:
    def refused(target: Path | str = path, *command: str) -> str:
        done = run(*(command or ("account", "create", "a")), "--store", f"sqlite:///{target}")
        assert done.exit_code == 1
        assert done.output.startswith(("lineal: ", "ok ")), done.output
        return done.output

    assert run("account", "create", "a", "--store", f"sqlite:///{path}").exit_code == 0
    path.chmod(0o444)
    assert f"{path} is read-only: make it writable" in refused()
    assert "is read-only" in refused(path, "doctor")
    path.chmod(0o644)
    assert "is a directory: name a file in it" in refused(tmp_path)
    assert "nowhere does not exist: create it" in refused(tmp_path / "nowhere" / "x.db")
    os.mkfifo(tmp_path / "pipe")
    assert "is not a regular file" in refused(tmp_path / "pipe")
    assert "is not a regular file" in refused("/dev/null")
    with sqlite3.connect(tmp_path / "theirs.db") as theirs:
        theirs.execute("CREATE TABLE t (x)")
    theirs.close()
    assert "but not a Lineal store" in refused(tmp_path / "theirs.db")
    shutil.copy(path, tmp_path / "older.db")
    with sqlite3.connect(tmp_path / "older.db") as older:
        older.execute("PRAGMA user_version = 1")
    older.close()
    assert "was written by an older Lineal" in refused(tmp_path / "older.db")
    damaged = bytearray(path.read_bytes())
    damaged[100:4096] = bytes(3996)
    path.write_bytes(damaged)
    assert "is damaged" in refused()


def test_a_locked_file_is_named_for_what_it_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lineal.graphstore.embedded.sql.connections.BUSY_MILLISECONDS", 100)
    assert run("account", "create", "a", "--store", f"sqlite:///{path}").exit_code == 0
    with subprocess.Popen(
        [sys.executable, "-c", _LOCKS, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        done = run("account", "list", "--store", f"sqlite:///{path}")
        assert (done.exit_code, f"{path} is locked by another process: end it" in done.output) == (1, True)
        other.communicate("end\n")
    assert run("account", "list", "--store", f"sqlite:///{path}").exit_code == 0


_LOCKS = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA locking_mode = EXCLUSIVE")
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize(
    "words",
    [
        ("export",),
        ("account", "list"),
        ("key", "list"),
        ("audit", "verify"),
        ("quarantine", "list"),
        ("search", "x"),
        ("models", "list"),
        ("descendants", "lineal:local:MODEL:m"),
    ],
)
def test_a_mistyped_path_makes_no_store(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = run(*words, "--store", f"sqlite:///{tmp_path}/lineal.bd")
    assert done.exit_code == 1
    assert f"there is no store at {tmp_path}/lineal.bd: check the path" in done.output
    (tmp_path / "empty.db").touch()
    assert "is an empty file, not a store" in run(*words, "--store", f"sqlite:///{tmp_path}/empty.db").output
    assert [each.name for each in tmp_path.iterdir()] == ["empty.db"]
    assert (tmp_path / "empty.db").stat().st_size == 0


def test_an_export_replaces_files_only(path: Path, tmp_path: Path) -> None:
    assert run("account", "create", "a", "--store", f"sqlite:///{path}").exit_code == 0
    earlier, link = tmp_path / "earlier.jsonl", tmp_path / "link.jsonl"
    earlier.write_text("earlier")
    earlier.chmod(0o600)
    link.symlink_to(earlier)
    before = path.read_bytes()
    for target, message in (
        (link, "is a link, which an export does not replace"),
        (tmp_path, "is a directory: name a file in it"),
        ("/dev/null", "is not a regular file: name another, or `-` for standard output"),
        (tmp_path / "nowhere" / "x", "nowhere does not exist"),
        (path, "is the store itself"),
    ):
        done = run("export", "--store", f"sqlite:///{path}", str(target))
        assert (done.exit_code, message in done.output) == (1, True), done.output
    assert (earlier.read_text(), path.read_bytes()) == ("earlier", before)
    assert run("export", "--store", f"sqlite:///{path}", str(earlier)).exit_code == 0
    assert (earlier.read_text(), earlier.stat().st_mode & 0o777) == ("", 0o600)
    assert not list(tmp_path.glob("*.part"))
