"""`lineal janusgraph`: a local JanusGraph server, one per data folder."""

import asyncio
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console

from lineal.commands import jvm
from lineal.commands.processes import end, is_free, is_running, locked
from lineal.graphstore.errors import StoreUnusable, Unavailable
from lineal.graphstore.gremlin.client import GremlinClient, g
from lineal.graphstore.gremlin.servers.templates import filled
from lineal.graphstore.gremlin.transport import Address, Transport

START_SECONDS = 120
_PROBE_SECONDS = 10
_SHOWN_LINES = 12
_SHOWN_CHARACTERS = 300
_STACK = ("\tat ", "\t... ")
"""Prefixes of stack trace lines, which the excerpt of the log leaves out."""
_LARGE_LOG = 10 * 1024**2
_MAIN = "org.janusgraph.graphdb.server.JanusGraphServer"
_FILES = ("janusgraph-server.yaml", "janusgraph-berkeleyje.properties", "init.groovy", "logback.xml")
_WARNING = (
    "Warning: it requires no password, and runs programs as your user for whoever reaches port {port}, web pages in a "
    "browser on this machine included: browse no web here until you stop it"
)
_PLAIN_PATH = re.compile(r"[\w/. +@=~-]+", re.ASCII)
_FAILED = re.compile(r"was unable to start|could not be instantiated")
"""Log lines of a failed start: the process may keep running, and even listen, after one."""


@dataclass(frozen=True, slots=True)
class ServerFolder:
    """The folder of one JanusGraph: its configuration, data, log and process id."""

    folder: Path

    @property
    def data(self) -> Path:
        """The folder of the database and the index."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """The log of the server."""
        return self.folder / "janusgraph.log"

    @property
    def pid_file(self) -> Path:
        """The file with the process id and the port of a running server."""
        return self.folder / "janusgraph.pid"

    @property
    def process_marker(self) -> str:
        """An argument that only the command line of this server contains."""
        return f"@{self.folder / 'java.options'}"

    def running(self) -> tuple[int, int] | None:
        """The process id and port of the running server; None if there is none."""
        try:
            pid, port = map(int, self.pid_file.read_text().split())
        except (OSError, ValueError):
            return None
        return (pid, port) if is_running(pid, self.process_marker) else None


def server_folder(folder: Path) -> ServerFolder:
    """The server folder at a path. Raises StoreUnusable if the configuration cannot contain the path."""
    path = folder.resolve()
    if not _PLAIN_PATH.fullmatch(str(path)):
        raise StoreUnusable(
            f"JanusGraph's configuration cannot contain the path {path}: name another folder with --data, of ASCII "
            "letters, digits, spaces and / . _ - + @ = ~"
        )
    return ServerFolder(path)


def start(folder: Path, port: int, heap: str) -> None:
    """Start JanusGraph and wait until it answers. Raises StoreUnusable or Unavailable, with a remedy."""
    server = server_folder(folder)
    program = jvm.java()
    server.folder.mkdir(parents=True, exist_ok=True)
    with _exclusive(server):
        if running := server.running():
            _report_running(server, *running)
            return
        if not is_free(port):
            raise StoreUnusable(f"another program uses port {port}: choose another port with --port")
        _write_configuration(server, port)
        command = jvm.command(server.folder, heap, _MAIN, str(server.folder / "janusgraph-server.yaml"))
        process = _launch(server, command, program)
        server.pid_file.write_text(f"{process.pid}\n{port}\n")
        try:
            _wait(server, process, port)
        except BaseException:
            end(process.pid, server.process_marker)
            process.wait()
            server.pid_file.unlink()
            raise
    click.echo(f"JanusGraph answers at {_address(port)} (process {process.pid}); its data is in {server.data}")
    click.echo(_WARNING.format(port=port), err=True)


def stop(folder: Path) -> None:
    """Stop the server of a folder and wait until its process has ended."""
    server = server_folder(folder)
    if not server.folder.is_dir():
        click.echo(f"no JanusGraph runs in {server.folder}")
        return
    with _exclusive(server):
        running = server.running()
        if running:
            end(running[0], server.process_marker)
        server.pid_file.unlink(missing_ok=True)
    click.echo(f"stopped process {running[0]}; its data remains in {server.data}" if running else
               f"no JanusGraph runs in {server.folder}")  # fmt: skip


def status(folder: Path) -> int:
    """Print the status of the server in a folder; exit status 0 if it answers."""
    server = server_folder(folder)
    running = server.running()
    if running is None:
        click.echo(f"no JanusGraph runs in {server.folder}: start one with `lineal janusgraph start --data {folder}`")
        return 1
    jvm.java()  # Raises, with a remedy, if the extra that the probe needs is not installed.
    pid, port = running
    is_answering = answers(port)
    click.echo(f"process  {pid}\naddress  {_address(port)}\ndata     {server.data}\nlog      {server.log}")
    if not is_answering:
        remedy = f"`lineal janusgraph stop --data {folder}` and start it again"
        click.echo(f"it does not answer: unless it was started just now, {remedy}")
        return 1
    click.echo("it answers")
    return 0


def answers(port: int) -> bool:
    """Whether a server on a port of loopback answers a query; an open port alone is not enough."""
    return asyncio.run(_answers(port))


async def _answers(port: int) -> bool:
    transport = Transport(Address((("127.0.0.1", port),)))
    try:
        return len(await GremlinClient(transport, _PROBE_SECONDS).ask(g.V().limit(1).count())) == 1
    except Unavailable:
        return False
    finally:
        await transport.close()


def _address(port: int) -> str:
    """The value of `--store` for a port."""
    return f"gremlin://127.0.0.1:{port}"


@contextmanager
def _exclusive(server: ServerFolder) -> Iterator[None]:
    try:
        with locked(server.folder / "lock", wait=False):
            yield
    except BlockingIOError as error:
        raise Unavailable(
            f"another command is starting or stopping JanusGraph in {server.folder}: wait until it has finished"
        ) from error


def _report_running(server: ServerFolder, pid: int, port: int) -> None:
    if not answers(port):
        remedy = f"`lineal janusgraph stop --data {server.folder}`, and start it again"
        raise Unavailable(f"process {pid} runs JanusGraph in {server.folder} but does not answer: {remedy}")
    click.echo(f"JanusGraph already runs at {_address(port)} (process {pid}); its data is in {server.data}")


def _write_configuration(server: ServerFolder, port: int) -> None:
    server.data.mkdir(exist_ok=True)
    values = {
        "host": "127.0.0.1",
        "port": port,
        "evaluation_timeout": 0,
        "folder": server.folder,
        "graph": "janusgraph-berkeleyje",
        "data": server.data,
    }
    for name in _FILES:
        (server.folder / name).write_text(filled(name, **values), encoding="utf-8")


def _launch(server: ServerFolder, command: list[str], program: Path) -> "subprocess.Popen[bytes]":
    if server.log.exists() and server.log.stat().st_size > _LARGE_LOG:
        server.log.replace(server.log.with_suffix(".log.1"))
    environment = {**os.environ, "JAVA_HOME": str(program.parent.parent)}
    with server.log.open("ab") as log:
        return subprocess.Popen(  # noqa: S603 (built from validated arguments, and run without a shell)
            command,
            cwd=server.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait(server: ServerFolder, process: "subprocess.Popen[bytes]", port: int) -> None:
    console = Console(stderr=True)
    offset = server.log.stat().st_size
    deadline = time.monotonic() + START_SECONDS
    with console.status("starting JanusGraph") if console.is_terminal else nullcontext():
        while not answers(port):
            if process.poll() is not None or _FAILED.search(_log_after(server, offset)):
                # The log shows the causes after the failure.
                with suppress(subprocess.TimeoutExpired):
                    process.wait(2)
                raise _failure(server, offset, "did not start")
            if time.monotonic() > deadline:
                raise _failure(server, offset, f"does not answer after {START_SECONDS} seconds")
            time.sleep(0.3)


def _log_after(server: ServerFolder, offset: int) -> str:
    """The text of the log from an offset in bytes."""
    with server.log.open("rb") as log:
        log.seek(offset)
        return log.read().decode(errors="replace")


def _failure(server: ServerFolder, offset: int, problem: str) -> Unavailable:
    lines = [line for line in _log_after(server, offset).splitlines() if not line.startswith(_STACK)]
    shown = "\n".join(line[:_SHOWN_CHARACTERS] for line in lines[-_SHOWN_LINES:])
    return Unavailable(f"JanusGraph {problem}. Its log, {server.log}, ends with:\n{shown or '(nothing)'}")
