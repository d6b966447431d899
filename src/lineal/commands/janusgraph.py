"""`lineal janusgraph`: a JanusGraph of one's own on this machine."""

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
from lineal.commands.processes import end, is_free, locked, runs
from lineal.graphstore.errors import StoreUnusable, Unavailable
from lineal.graphstore.gremlin.client import GremlinClient, g
from lineal.graphstore.gremlin.servers.templates import filled
from lineal.graphstore.gremlin.transport import Address, Transport

START_SECONDS = 120
_PROBE_SECONDS = 10
_SHOWN_LINES = 12
_SHOWN_CHARACTERS = 300
_STACK = ("\tat ", "\t... ")
"""How lines begin that only say where in the server's code an error came up."""
_LARGE_LOG = 10 * 1024**2
_MAIN = "org.janusgraph.graphdb.server.JanusGraphServer"
_FILES = ("janusgraph-server.yaml", "janusgraph-berkeleyje.properties", "init.groovy", "logback.xml")
_PLAIN_PATH = re.compile(r"[\w/. +@=~-]+", re.ASCII)
_FAILED = re.compile(r"was unable to start|could not be instantiated")
"""A server that has failed may go on running, and even listen."""


@dataclass(frozen=True, slots=True)
class Place:
    """The folder of one JanusGraph: its configuration, its data, its log, and who runs it."""

    folder: Path

    @property
    def data(self) -> Path:
        """Where the database and the index are."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """What the server has to say."""
        return self.folder / "janusgraph.log"

    @property
    def pid_file(self) -> Path:
        """The process and its port, while it runs."""
        return self.folder / "janusgraph.pid"

    @property
    def word(self) -> str:
        """What tells its process from others."""
        return f"@{self.folder / 'java.options'}"

    def running(self) -> tuple[int, int] | None:
        """The process and port of the server that runs here, if one does."""
        try:
            pid, port = map(int, self.pid_file.read_text().split())
        except (OSError, ValueError):
            return None
        return (pid, port) if runs(pid, self.word) else None


def place(folder: Path) -> Place:
    """The place at a folder. Raises StoreUnusable for a path that the configuration could not hold."""
    path = folder.resolve()
    if not _PLAIN_PATH.fullmatch(str(path)):
        raise StoreUnusable(
            f"JanusGraph's configuration cannot hold the path {path}: name another folder with --data, of ASCII "
            "letters, digits, spaces and / . _ - + @ = ~"
        )
    return Place(path)


def start(folder: Path, port: int, heap: str) -> None:
    """Start JanusGraph and wait until it answers. Raises StoreUnusable or Unavailable, which say what to do."""
    here = place(folder)
    program = jvm.java()
    here.folder.mkdir(parents=True, exist_ok=True)
    with _alone(here):
        if found := here.running():
            _say_running(here, *found)
            return
        if not is_free(port):
            raise StoreUnusable(f"port {port} is taken by another program: choose another one with --port")
        _write_configuration(here, port)
        command = jvm.command(here.folder, heap, _MAIN, str(here.folder / "janusgraph-server.yaml"))
        process = _launch(here, command, program)
        here.pid_file.write_text(f"{process.pid}\n{port}\n")
        try:
            _wait(here, process, port)
        except BaseException:
            end(process.pid, here.word)
            process.wait()
            here.pid_file.unlink()
            raise
    click.echo(f"JanusGraph answers at {_address(port)} (process {process.pid}); its data are in {here.data}")


def stop(folder: Path) -> None:
    """End the server of a folder and wait until it has ended."""
    here = place(folder)
    if not here.folder.is_dir():
        click.echo(f"no JanusGraph runs in {here.folder}")
        return
    with _alone(here):
        found = here.running()
        if found:
            end(found[0], here.word)
        here.pid_file.unlink(missing_ok=True)
    click.echo(f"stopped process {found[0]}; its data stay in {here.data}" if found else
               f"no JanusGraph runs in {here.folder}")  # fmt: skip


def status(folder: Path) -> int:
    """Say what runs in a folder; exit status 0 if it answers."""
    here = place(folder)
    found = here.running()
    if found is None:
        click.echo(f"no JanusGraph runs in {here.folder}: start one with `lineal janusgraph start --data {folder}`")
        return 1
    jvm.java()  # What asks it whether it answers may not be installed here: this says what to do.
    pid, port = found
    well = answers(port)
    click.echo(f"process  {pid}\naddress  {_address(port)}\ndata     {here.data}\nlog      {here.log}")
    if not well:
        again = f"`lineal janusgraph stop --data {folder}` and start it again"
        click.echo(f"it does not answer: if it was not started just now, {again}")
        return 1
    click.echo("it answers")
    return 0


def answers(port: int) -> bool:
    """Whether a server on a port of loopback answers a query: an open port alone does not tell."""
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
    """As `--store` takes it."""
    return f"gremlin://127.0.0.1:{port}"


@contextmanager
def _alone(here: Place) -> Iterator[None]:
    try:
        with locked(here.folder / "lock", wait=False):
            yield
    except BlockingIOError as error:
        raise Unavailable(f"another command starts or stops JanusGraph in {here.folder}: wait until it has") from error


def _say_running(here: Place, pid: int, port: int) -> None:
    if not answers(port):
        again = f"`lineal janusgraph stop --data {here.folder}`, and start it again"
        raise Unavailable(f"process {pid} runs JanusGraph in {here.folder} but does not answer: {again}")
    click.echo(f"JanusGraph already runs at {_address(port)} (process {pid}); its data are in {here.data}")


def _write_configuration(here: Place, port: int) -> None:
    here.data.mkdir(exist_ok=True)
    values = {
        "host": "127.0.0.1",
        "port": port,
        "evaluation_timeout": 0,
        "folder": here.folder,
        "graph": "janusgraph-berkeleyje",
        "data": here.data,
    }
    for name in _FILES:
        (here.folder / name).write_text(filled(name, **values), encoding="utf-8")


def _launch(here: Place, command: list[str], program: Path) -> "subprocess.Popen[bytes]":
    if here.log.exists() and here.log.stat().st_size > _LARGE_LOG:
        here.log.replace(here.log.with_suffix(".log.1"))
    environment = {**os.environ, "JAVA_HOME": str(program.parent.parent)}
    with here.log.open("ab") as log:
        return subprocess.Popen(  # noqa: S603 (made here, of checked parts, and without a shell)
            command,
            cwd=here.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait(here: Place, process: "subprocess.Popen[bytes]", port: int) -> None:
    console = Console(stderr=True)
    before = here.log.stat().st_size
    deadline = time.monotonic() + START_SECONDS
    with console.status("starting JanusGraph") if console.is_terminal else nullcontext():
        while not answers(port):
            if process.poll() is not None or _FAILED.search(_said(here, before)):
                # The causes are logged after the failure.
                with suppress(subprocess.TimeoutExpired):
                    process.wait(2)
                raise _failure(here, before, "did not start")
            if time.monotonic() > deadline:
                raise _failure(here, before, f"does not answer after {START_SECONDS} seconds")
            time.sleep(0.3)


def _said(here: Place, before: int) -> str:
    """What the log holds after its first so many bytes."""
    with here.log.open("rb") as log:
        log.seek(before)
        return log.read().decode(errors="replace")


def _failure(here: Place, before: int, what: str) -> Unavailable:
    lines = [line for line in _said(here, before).splitlines() if not line.startswith(_STACK)]
    shown = "\n".join(line[:_SHOWN_CHARACTERS] for line in lines[-_SHOWN_LINES:])
    return Unavailable(f"JanusGraph {what}. Its log, {here.log}, ends with:\n{shown or '(nothing)'}")
