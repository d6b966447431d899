"""Real graph servers for tests, from Maven artifacts: one of each a session, on free ports, ended by process id."""

import os
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from lineal.commands import jvm
from lineal.commands.janusgraph import answers
from lineal.graphstore.gremlin.server import Server, g
from lineal.graphstore.gremlin.servers.templates import filled
from lineal.graphstore.gremlin.transport import Address, Transport

_GREMLIN_SERVER: Final[tuple[str, ...]] = ("org.apache.tinkerpop:gremlin-server:3.8.1",)
"""Of another line than JanusGraph's TinkerPop, 3.7: what works on both works on either."""
_START_SECONDS: Final = 120


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class Engine:
    """One server process, its port kept when it is started again."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder, self.port = name, folder, free_port()
        self.url = f"gremlin://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it answers a query."""
        values = {"host": "127.0.0.1", "port": self.port, "folder": self.folder, "evaluation_timeout": 0}
        if self.name == "janusgraph":
            values |= {"graph": "janusgraph-berkeleyje", "data": self.folder / "data"}
            names: list[str] = ["janusgraph-server.yaml", "janusgraph-berkeleyje.properties"]
            coordinates: tuple[str, ...] = jvm.COORDINATES
            main = ["org.janusgraph.graphdb.server.JanusGraphServer", str(self.folder / "janusgraph-server.yaml")]
        else:
            names, coordinates = ["gremlin-server.yaml", "tinkergraph.properties"], _GREMLIN_SERVER
            main = ["org.apache.tinkerpop.gremlin.server.GremlinServer", str(self.folder / "gremlin-server.yaml")]
        for name in (*names, "init.groovy", "logback.xml"):
            self.configure(name, **values)
        libraries = os.pathsep.join(map(str, jvm.class_path(coordinates)))
        java = [str(jvm.java()), "-Xmx1g", f"-Dlogback.configurationFile={self.folder / 'logback.xml'}"]
        java += ["--add-opens=java.base/java.util=ALL-UNNAMED", "-cp", libraries, *main]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                java, cwd=self.folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self.answers():
            assert time.monotonic() < deadline, f"{self.name} does not answer: {self.log()}"
            time.sleep(0.3)

    def configure(self, name: str, **values: object) -> None:
        """Write one of its files."""
        (self.folder / name).write_text(filled(name, **values))

    def answers(self) -> bool:
        """Whether a query is answered."""
        # A fixture may be made while an event loop runs in this thread.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(answers, self.port).result()

    def log(self) -> str:
        """The end of its log."""
        return (self.folder / "log").read_text()[-3000:]

    def signal(self, number: signal.Signals) -> None:
        """Send its process a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self.signal(signal.SIGKILL)
        assert self.process is not None
        self.process.wait()

    def stop(self) -> None:
        """End it in order."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()


async def emptied(url: str) -> None:
    """Remove everything from a graph."""
    server = Server(Transport(Address.parsed(url)))
    try:
        await server.ask(g.V().drop())
    finally:
        await server.transport.close()
