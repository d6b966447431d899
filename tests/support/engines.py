"""Real graph servers for tests, from Maven artifacts: one of each a session, emptied between tests."""

import asyncio
import os
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from cassandra import Cassandra
from programs import Program, free_port

from lineal.commands import jvm
from lineal.commands.janusgraph import answers
from lineal.graphstore.gremlin.client import GremlinClient, g
from lineal.graphstore.gremlin.servers.templates import filled
from lineal.graphstore.gremlin.transport import Address, Transport
from lineal.graphstore.opening import open_store

Result = TypeVar("Result")

_CASSANDRA: Final = "janusgraph-cassandra"
GRAPH_SERVERS: Final[tuple[str, ...]] = (
    "gremlin-server",
    "janusgraph",
    *((_CASSANDRA,) if os.environ.get("TEST_CASSANDRA") else ()),
)
"""The engines behind Gremlin that all tests of graph servers run over; `scripts/test --cassandra` adds the last."""

_START_SECONDS: Final = 120
_FAILED: Final = "was unable to start"
"""A JanusGraph that could not open its graph says so, and may run on without listening."""


@dataclass(frozen=True, slots=True)
class _Recipe:
    """What a server is made of. The configuration's first file is the server's own, its second the graph's."""

    coordinates: tuple[str, ...]
    main: str
    configuration: tuple[str, str]
    evaluation_timeout: int = 0
    starts: int = 1


_JANUSGRAPH_MAIN: Final = "org.janusgraph.graphdb.server.JanusGraphServer"
_RECIPES: Final = {
    # Of another line than JanusGraph's TinkerPop, 3.7: what works on both works on either.
    "gremlin-server": _Recipe(
        ("org.apache.tinkerpop:gremlin-server:3.8.1",),
        "org.apache.tinkerpop.gremlin.server.GremlinServer",
        ("gremlin-server.yaml", "tinkergraph.properties"),
    ),
    "janusgraph": _Recipe(
        jvm.COORDINATES, _JANUSGRAPH_MAIN, ("janusgraph-server.yaml", "janusgraph-berkeleyje.properties")
    ),
    # Where Cassandra is slow to learn of new tables, each start fails one table later than the one before.
    _CASSANDRA: _Recipe(
        (*jvm.COORDINATES, "org.janusgraph:janusgraph-cql:1.1.0"),
        _JANUSGRAPH_MAIN,
        ("janusgraph-server.yaml", "janusgraph-cql.properties"),
        evaluation_timeout=120_000,
        starts=8,
    ),
}


class Engine(Program):
    """One server process, its port kept when it is started again; and the database it needs, if it needs one."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(folder)
        self.name, self.port = name, free_port()
        self.url = f"gremlin://127.0.0.1:{self.port}"
        self._recipe = _RECIPES[name]
        self.cassandra = Cassandra(folder / "cassandra") if name == _CASSANDRA else None

    def start(self) -> None:
        """Start it, and return when it answers a query."""
        values: dict[str, object] = {
            "host": "127.0.0.1",
            "port": self.port,
            "folder": self.folder,
            "evaluation_timeout": self._recipe.evaluation_timeout,
            "graph": Path(self._recipe.configuration[1]).stem,
            "data": self.folder / "data",
        }
        if self.cassandra is not None:
            if self.cassandra.has_ended():
                self.cassandra.start()
            values |= {
                "instance": "lineal",
                "cassandra": "127.0.0.1",
                "cassandra_port": self.cassandra.port,
                "keyspace": "lineal",
                "datacenter": "datacenter1",
                "replication": 1,
                "search_backend": "lucene",
                "search": "127.0.0.1",
                "search_port": 9200,
            }
        for name in (*self._recipe.configuration, "init.groovy", "logback.xml"):
            self.configure(name, **values)
        for _ in range(self._recipe.starts):
            if self._answers_when_started():
                break
            self.kill()
        else:
            raise AssertionError(f"{self.name} does not start: {self.log()[-3000:]}")
        if self.cassandra is not None and self.url not in _ON_CASSANDRA:
            _run(_keep_schema(self.url))
            _ON_CASSANDRA.add(self.url)

    def _answers_when_started(self) -> bool:
        options = ["-Xmx1g", "--add-opens=java.base/java.util=ALL-UNNAMED"]
        main = [self._recipe.main, str(self.folder / self._recipe.configuration[0])]
        self.launch(jvm.class_path(self._recipe.coordinates), main, options)
        deadline = time.monotonic() + _START_SECONDS
        while not self.answers():
            if self.has_ended() or _FAILED in self.log():
                return False
            assert time.monotonic() < deadline, f"{self.name} does not answer: {self.log()[-3000:]}"
            time.sleep(0.3)
        return True

    def configure(self, name: str, **values: object) -> None:
        """Write one of its files."""
        (self.folder / name).write_text(filled(name, **values))

    def answers(self) -> bool:
        """Whether a query is answered."""
        # A fixture may be made while an event loop runs in this thread.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(answers, self.port).result()

    def stop(self) -> None:
        """End it, and its database, in order."""
        super().stop()
        if self.cassandra is not None:
            self.cassandra.stop()


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run it to its end, in a loop of its own: one may run in this thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


# What is deleted in Cassandra stays as a tombstone, which reads have to skip, so its tables are emptied as a whole. The
# schema is in them too, and JanusGraph remembers that it is there: it is kept aside, and put back. The index is emptied
# by itself.
_ON_CASSANDRA: Final[set[str]] = set()
"""The graphs whose schema is kept aside."""
_COPY: Final = """
def session = g.getGraph().getBackend().getStoreManager().getSession()
def copy = { from, to ->
    def put = session.prepare("INSERT INTO lineal.$to (key, column1, value) VALUES (?, ?, ?)".toString())
    session.execute("SELECT key, column1, value FROM lineal.$from".toString()).collect {
        session.executeAsync(put.bind(it.getByteBuffer(0), it.getByteBuffer(1), it.getByteBuffer(2)))
    }.each { it.toCompletableFuture().join() }
}
"""
_KEEP_SCHEMA: Final = f"""{_COPY}
['edgestore', 'graphindex'].each {{
    def columns = '(key blob, column1 blob, value blob, PRIMARY KEY (key, column1))'
    session.execute("CREATE TABLE lineal.kept_$it $columns".toString())
    copy(it, "kept_$it")
}}
true
"""
_ONLY_SCHEMA: Final = f"""{_COPY}
['edgestore', 'graphindex'].each {{
    session.execute("TRUNCATE lineal.$it".toString())
    copy("kept_$it", it)
}}
g.getGraph().getBackend().@indexes['search'].@writers.values().each {{ it.deleteAll(); it.commit() }}
true
"""


async def _keep_schema(url: str) -> None:
    await (await open_store(url)).close()
    server = GremlinClient(Transport(Address.parsed(url)))
    try:
        await server.ask(g.V().drop())
        await server.script(_KEEP_SCHEMA)
    finally:
        await server.transport.close()


async def emptied(url: str) -> None:
    """Remove everything from a graph."""
    server = GremlinClient(Transport(Address.parsed(url)))
    try:
        if url in _ON_CASSANDRA:
            await server.script(_ONLY_SCHEMA)
        else:
            await server.ask(g.V().drop())
    finally:
        await server.transport.close()
