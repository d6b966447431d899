"""`lineal janusgraph`, with real servers: each on a port and in a folder of its own."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from lineal.cli import main
from lineal.commands import janusgraph, jvm
from lineal.commands.janusgraph import answers, server_folder
from lineal.commands.processes import is_running
from lineal.graphstore.gremlin.servers.templates import filled

SCHEMA = """
graph.tx().rollback()
m = graph.openManagement()
m.makePropertyKey('name').dataType(String.class).make()
m.makeVertexLabel('thing').make()
m.commit()
'made'
"""


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
        return port


def lineal(*words: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """The command in a process of its own, which has ended while the server goes on."""
    command = [sys.executable, "-m", "lineal", "janusgraph", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, timeout=300)


def run_script(port: int, script: str) -> list[object]:
    """What a script answers."""
    import asyncio
    from uuid import uuid4

    import aiohttp
    from gremlin_python.driver.request import RequestMessage
    from gremlin_python.driver.serializer import GraphBinarySerializersV1

    async def ask() -> list[object]:
        serializer = GraphBinarySerializersV1()
        message = RequestMessage("", "eval", {"gremlin": script, "language": "gremlin-groovy"})
        address = f"ws://127.0.0.1:{port}/gremlin"
        async with aiohttp.ClientSession() as session, session.ws_connect(address) as connection:
            await connection.send_bytes(serializer.serialize_message(str(uuid4()), message))
            answer = serializer.deserialize_message(await connection.receive_bytes())
        assert answer["status"]["code"] == 200, answer["status"]
        data: list[object] = answer["result"]["data"]
        return data

    return asyncio.run(ask())


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where a server may be started; none is left running."""
    path = tmp_path / "a folder"
    yield path
    janusgraph.stop(path)


@pytest.mark.slow
def test_data_survives_a_stop_and_a_kill(folder: Path) -> None:
    port = free_port()
    where = ("--data", str(folder))
    absent = lineal("status", *where)
    assert absent.returncode == 1
    assert f"start one with `lineal janusgraph start --data {folder}`" in absent.stdout

    started = lineal("start", *where, "--port", str(port), "--heap", "512m")
    assert started.returncode == 0, started.stderr
    assert started.stderr.startswith("Warning: it requires no password, and runs programs as your user")
    assert f"reaches port {port}, web pages in a browser on this machine included" in started.stderr
    assert started.stdout.startswith(f"JanusGraph answers at gremlin://127.0.0.1:{port} (process ")
    running = server_folder(folder).running()
    assert running is not None
    assert running[1] == port
    shown = lineal("status", *where)
    assert shown.returncode == 0
    assert shown.stdout.splitlines() == [
        f"process  {running[0]}",
        f"address  gremlin://127.0.0.1:{port}",
        f"data     {folder}/data",
        f"log      {folder}/janusgraph.log",
        "it answers",
    ]
    again = lineal("start", *where, "--port", str(free_port()))
    assert again.returncode == 0
    assert f"already runs at gremlin://127.0.0.1:{port} (process {running[0]})" in again.stdout
    assert _listens_on(running[0], port) == {"127.0.0.1"}

    assert run_script(port, SCHEMA) == ["made"]
    assert run_script(port, "g.addV('thing').property(id, 1L << 20).property('name', 'first').values('name')") == [
        "first"
    ]
    stopped = lineal("stop", *where)
    assert stopped.stdout == f"stopped process {running[0]}; its data remains in {folder}/data\n"
    assert stopped.returncode == 0
    assert not is_running(running[0], server_folder(folder).process_marker)
    assert not (folder / "janusgraph.pid").exists()
    assert lineal("status", *where).returncode == 1

    # What somebody has written over the configuration is put right, and the port may change.
    (folder / "janusgraph-berkeleyje.properties").write_text("storage.backend=nothing\n")
    port = free_port()
    assert lineal("start", *where, "--port", str(port), "--heap", "512m").returncode == 0
    assert run_script(port, "g.V().values('name')") == ["first"]
    assert run_script(port, "g.addV('thing').property(id, 2L << 20).property('name', 'second').values('name')")
    running = server_folder(folder).running()
    assert running is not None
    os.kill(running[0], signal.SIGKILL)
    assert lineal("status", *where).returncode == 1
    assert lineal("start", *where, "--port", str(port), "--heap", "512m").returncode == 0
    assert sorted(map(str, run_script(port, "g.V().values('name').toList()"))) == ["first", "second"]
    instances = "graph.openManagement().with { m -> def all = m.getOpenInstances().size(); m.rollback(); all }"
    assert run_script(port, instances) == [1]


def _listens_on(pid: int, port: int) -> set[str]:
    """The addresses on which anything listens on a port, by the kernel."""
    addresses = set()
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            address, number = local.rsplit(":", 1)
            if state == "0A" and int(number, 16) == port:
                last = bytes.fromhex(address)[-4:]
                addresses.add(socket.inet_ntoa(last[::-1]))
    return addresses


@pytest.mark.slow
def test_required_settings_are_active_and_a_hung_server_is_reported(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    assert lineal("start", "--data", str(folder), "--port", str(port), "--heap", "512m").returncode == 0
    database = """
        def stores = graph.getBackend().getStoreManager()
        def field = stores.getClass().getDeclaredField('manager'); field.setAccessible(true)
        def chosen = field.get(stores).getEnvironment().getConfig()
        def level = org.janusgraph.diskstorage.berkeleyje.BerkeleyJEStoreManager.ISOLATION_LEVEL
        def all = graph.getConfiguration()
        [chosen.getDurability().toString(), all.getConfiguration().get(level), all.allowVertexIdSetting().toString(),
         all.getDefaultSchemaMaker().getClass().getSimpleName()].join(' ')
    """
    assert run_script(port, database) == ["SYNC,NO_SYNC,NONE REPEATABLE_READ true DisableDefaultSchemaMaker"]

    running = server_folder(folder).running()
    assert running is not None
    monkeypatch.setattr(janusgraph, "_PROBE_SECONDS", 0.5)
    os.kill(running[0], signal.SIGSTOP)
    hung = CliRunner().invoke(main, ["janusgraph", "status", "--data", str(folder)])
    refused = CliRunner().invoke(main, ["janusgraph", "start", "--data", str(folder)])
    os.kill(running[0], signal.SIGCONT)
    assert hung.exit_code == refused.exit_code == 1
    again = f"`lineal janusgraph stop --data {folder}`"
    assert hung.output.splitlines()[-1].startswith("it does not answer: unless it was started just now, " + again)
    message = (
        f"lineal: process {running[0]} runs JanusGraph in {folder} but does not answer: {again}, and start it again"
    )
    assert refused.output.splitlines() == [message]


@pytest.mark.slow
def test_a_database_that_cannot_be_opened(folder: Path) -> None:
    database = folder / "data" / "berkeleyje"
    database.mkdir(parents=True)
    (database / "00000000.jdb").write_bytes(b"no log of a database" * 500)
    port = free_port()
    failed = lineal("start", "--data", str(folder), "--port", str(port))
    assert failed.returncode == 1
    assert failed.stderr.startswith(f"lineal: JanusGraph did not start. Its log, {folder}/janusgraph.log, ends with:\n")
    assert "com.sleepycat.je.log.ChecksumException: Invalid log entry type" in failed.stderr
    assert "\tat " not in failed.stderr
    assert "Traceback" not in failed.stderr
    assert server_folder(folder).running() is None
    assert not (folder / "janusgraph.pid").exists()


@pytest.mark.slow
def test_a_configuration_that_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str, **values: object) -> str:
        return filled(name, **values).replace("storage.backend=berkeleyje", "storage.backend=nothing")

    monkeypatch.setattr(janusgraph, "filled", broken)
    failed = CliRunner().invoke(main, ["janusgraph", "start", "--data", str(folder), "--port", str(free_port())])
    assert failed.exit_code == 1
    assert "JanusGraph did not start" in failed.output
    assert "Could not find implementation class: nothing" in failed.output


@pytest.mark.slow
def test_a_java_that_does_not_start(folder: Path) -> None:
    failed = lineal("start", "--data", str(folder), "--port", str(free_port()), "--heap", "1k")
    assert failed.returncode == 1
    assert failed.stderr.endswith("ends with:\nError occurred during initialization of VM\nToo small maximum heap\n")


@pytest.mark.slow
def test_a_taken_port(folder: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        refused = lineal("start", "--data", str(folder), "--port", str(port))
        assert refused.returncode == 1
        message = f"lineal: another program uses port {port}: choose another port with --port\n"
        assert refused.stderr == message
    assert not (folder / "janusgraph.log").exists()


def test_a_reused_process_id_is_recognized(folder: Path) -> None:
    folder.mkdir()
    pid_file = folder / "janusgraph.pid"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        pid_file.write_text(f"{other.pid}\n8182\n")
        shown = lineal("status", "--data", str(folder))
        assert shown.returncode == 1
        assert "no JanusGraph runs" in shown.stdout
        stopped = lineal("stop", "--data", str(folder))
        assert (stopped.returncode, stopped.stdout) == (0, f"no JanusGraph runs in {folder}\n")
        assert other.poll() is None
        other.communicate(b"\n")
    assert not pid_file.exists()
    pid_file.write_text("what?")
    assert lineal("stop", "--data", str(folder)).returncode == 0
    assert not pid_file.exists()


def test_a_folder_is_recognized_by_any_of_its_paths(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    linked, direct = server_folder(tmp_path / "link" / "x" / ".." / "y"), server_folder(tmp_path / "y")
    assert linked.process_marker == direct.process_marker


def test_an_open_port_is_not_readiness() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        assert not answers(silent.getsockname()[1])


def test_two_commands_at_once(folder: Path) -> None:
    from lineal.commands.processes import locked

    folder.mkdir()
    with locked(folder / "lock"):
        refused = lineal("stop", "--data", str(folder))
    assert refused.returncode == 1
    assert (
        f"another command is starting or stopping JanusGraph in {folder}: wait until it has finished" in refused.stderr
    )


def test_a_missing_tool_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jgo", None)
    done = CliRunner().invoke(main, ["janusgraph", "start", "--data", str(folder)])
    assert done.exit_code == 1
    message = "lineal: the Python package jgo is missing: pip install 'lineal[janusgraph]'\n"
    assert done.output == message
    assert not folder.exists()


@pytest.mark.parametrize(
    ("words", "message", "status"),
    [
        (("--heap", "much"), "--heap is 'much': give a number with k, m or g, such as 512m or 2g", 2),
        (("--port", "0"), "0 is not in the range", 2),
        (("--data", "a,b"), "a,b: name another folder with --data, of ASCII letters", 1),
    ],
)
def test_invalid_arguments_of_start(words: tuple[str, ...], message: str, status: int) -> None:
    done = CliRunner().invoke(main, ["janusgraph", "start", *words])
    assert message in done.output
    assert done.exit_code == status


def test_a_damaged_library_is_downloaded_again(tmp_path: Path) -> None:
    from unittest.mock import MagicMock
    from zipfile import ZipFile

    path = tmp_path / "library.jar"
    path.write_bytes(b"PK half of it")

    def fetch() -> Path:
        if not path.exists():
            with ZipFile(path, "w") as made:
                made.writestr("A.class", b"")
        return path

    artifact = MagicMock(cached_path=path, resolve=fetch)
    assert jvm._intact_library(artifact) == path
    assert ZipFile(path).namelist() == ["A.class"]


def test_a_repository_that_cannot_be_reached(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    configuration = tmp_path / ".config" / "jgo.conf"
    configuration.parent.mkdir()
    configuration.write_text("[repositories]\ncentral = http://127.0.0.1:9/\n")
    output = lineal("start", "--data", str(folder), "--port", str(free_port()))
    assert output.returncode == 1
    first, second = output.stderr.splitlines()
    assert first == "downloading JanusGraph (75 MB), only once"
    assert second.startswith(
        "lineal: JanusGraph's libraries cannot be downloaded (no connection to 127.0.0.1:9): check the network and try"
    )


def test_every_placeholder_of_a_template_needs_a_value() -> None:
    with pytest.raises(KeyError, match="port"):
        filled("gremlin-server.yaml", host="127.0.0.1")
    values = {"host": "127.0.0.1", "port": 1, "evaluation_timeout": 0, "folder": "/x", "graph": "y"}
    for name in ("gremlin-server.yaml", "janusgraph-server.yaml"):
        text = filled(name, **values)
        assert "port: 1\n" in text
        assert not re.search(r"\{\w+\}", text)
