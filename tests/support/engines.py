"""Real graph servers for tests, from Maven artifacts: started once a session, on free ports, ended by process id."""

import asyncio
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from lineal.graphstore.errors import StoreError
from lineal.graphstore.gremlin.server import Server, g
from lineal.graphstore.gremlin.servers import write_configuration
from lineal.graphstore.gremlin.transport import Address, Transport

_POMS: Final = Path(__file__).parents[1] / "engines"
_CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "lineal-tests"
_START_SECONDS: Final = 120


def _jars(name: str) -> Path:
    """The folder of an engine's jars, fetched by Maven where they are not there yet."""
    pom = _POMS / f"{name}.xml"
    folder = _CACHE / f"{name}-{hashlib.sha256(pom.read_bytes()).hexdigest()[:12]}"
    if folder.exists():
        return folder
    assert shutil.which("mvn"), "the tests need Maven and Java 17: on Debian, apt-get install maven"
    part = folder.with_suffix(f".{os.getpid()}")
    copy = ["dependency:copy-dependencies", f"-DoutputDirectory={part}", "-DincludeScope=runtime"]
    subprocess.run(["mvn", "-B", "-q", "-f", str(pom), *copy], check=True)
    part.rename(folder)
    return folder


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
        janusgraph = self.name == "janusgraph"
        values = {"host": "127.0.0.1", "port": str(self.port)}
        if janusgraph:
            properties = "janusgraph-berkeleyje.properties"
            names: tuple[str, ...] = ("janusgraph-server.yaml", properties)
            values |= {"properties": properties, "data": str(self.folder / "data")}
            main = ["org.janusgraph.graphdb.server.JanusGraphServer", str(self.folder / "janusgraph-server.yaml")]
        else:
            names = ("gremlin-server.yaml", "tinkergraph.properties")
            main = ["org.apache.tinkerpop.gremlin.server.GremlinServer", str(self.folder / "gremlin-server.yaml")]
        write_configuration(self.folder, names, **values)
        java = ["java", "-Xmx1g", f"-Dlogback.configurationFile={self.folder / 'logback.xml'}"]
        java += ["--add-opens=java.base/java.util=ALL-UNNAMED", "-cp", f"{_jars(self.name)}/*", *main]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                java, cwd=self.folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self.answers():
            assert time.monotonic() < deadline, f"{self.name} does not answer: {self.log()}"
            time.sleep(0.3)

    def answers(self) -> bool:
        """Whether a query is answered."""

        async def ask() -> bool:
            server = Server(Transport(Address.parsed(self.url)))
            try:
                return len(await server.ask(g.V().limit(1).count(), 5)) == 1
            except StoreError:
                return False
            finally:
                await server.transport.close()

        # A fixture may be made while an event loop runs in this thread.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, ask()).result()

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
