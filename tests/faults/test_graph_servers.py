"""The real server while its graph server is frozen, cut off, killed and started again, under reads and writes.

Every answer is a right one, or the error UNAVAILABLE, and comes in time; /readyz tells the truth throughout.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest
from engines import Engine
from faulty_proxy import FaultyProxy
from server_process import Server, serving

pytestmark = pytest.mark.faults

TOLD_WITHIN = 8.0
"""For a request of several journeys, of which one waits until a silent server is given up."""
ANSWERED_WITHIN = 30.0
HEALED_WITHIN = 5.0
WARM_WITHIN = 15.0
"""The same, where Java has just begun, and compiles all that it runs first."""
IN_BATCH = 20
WRITE = """mutation ($input: LineageRecordInput!) { lineageRecord(input: $input) {
  entities { isNew } userErrors { code message } } }"""
READ = '{ entity(urn: "lineal:local:DATASET:hub") { descendants(first: 1000) { totalCount } } }'


class Load:
    """Readers, writers and probes of one server, which check each answer."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.client = httpx.AsyncClient(base_url=server.url, timeout=60)
        self.acknowledged = 0
        self.attempts = 0
        self.refused_at = self.unready_at = 0.0
        """When the newest request began that was refused, and the newest probe."""
        self.slowest: dict[str, float] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def ask(self, kind: str, query: str, **variables: Any) -> dict[str, Any] | None:
        """The data of an answer; None where it is UNAVAILABLE."""
        began = monotonic()
        answer = (await self.client.post("/graphql", json={"query": query, "variables": variables})).json()
        self.slowest[kind] = max(self.slowest.get(kind, 0), monotonic() - began)
        within = TOLD_WITHIN if "errors" in answer else ANSWERED_WITHIN
        assert monotonic() - began < within, (kind, monotonic() - began, answer)
        if "errors" in answer:
            assert {each["extensions"]["code"] for each in answer["errors"]} == {"UNAVAILABLE"}, answer
            self.refused_at = max(self.refused_at, began)
            return None
        data: dict[str, Any] = answer["data"]
        return data

    async def write(self) -> bool:
        """Whether a batch was acknowledged: the hub, and what it contributed to."""
        self.attempts += 1
        names = [f"n{self.attempts}x{part}" for part in range(IN_BATCH)]
        hub = {"urn": "lineal:local:DATASET:hub"}
        links = [
            {"source": hub, "destination": {"urn": f"lineal:local:DATASET:{name}"}, "type": "CONTRIBUTED_TO"}
            for name in names
        ]
        entities = [{"kind": "DATASET", "name": name} for name in ("hub", *names)]
        data = await self.ask("write", WRITE, input={"entities": entities, "associations": links})
        if data is None:
            return False
        assert data["lineageRecord"]["userErrors"] == []
        self.acknowledged += 1
        return True

    async def read(self) -> bool:
        """Whether the hub's descendants were told: at least what was acknowledged before, and whole batches only."""
        before = self.acknowledged
        data = await self.ask("read", READ)
        if data is None:
            return False
        total = data["entity"]["descendants"]["totalCount"] if data["entity"] else 0
        assert before * IN_BATCH <= total <= self.attempts * IN_BATCH
        assert total % IN_BATCH == 0
        return True

    async def probe(self) -> bool:
        """Whether the server says that it is ready; that it lives, it says always."""
        began = monotonic()
        alive, ready = await asyncio.gather(self.client.get("/healthz"), self.client.get("/readyz"))
        assert alive.status_code == 200
        assert ready.status_code in (200, 503)
        assert monotonic() - began < TOLD_WITHIN
        if ready.status_code == 503:
            self.unready_at = began
        return ready.status_code == 200

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Four readers, two writers and a probe, until the end of the block."""
        stopped = asyncio.Event()

        async def again(work: Any) -> None:
            while not stopped.is_set():
                await work()
                await asyncio.sleep(0.02)

        works = [self.read] * 4 + [self.write] * 2 + [self.probe]
        tasks = [asyncio.create_task(again(work)) for work in works]
        try:
            yield
        finally:
            stopped.set()
            await asyncio.gather(*tasks)

    async def told(self) -> None:
        """Wait until everybody has been told of a fault, which has to be soon."""
        began = monotonic()
        while min(self.refused_at, self.unready_at) < began:
            assert monotonic() - began < TOLD_WITHIN
            await asyncio.sleep(0.05)

    async def healed(self, within: float = HEALED_WITHIN) -> None:
        """Wait until everything works again, which has to be soon."""
        began = monotonic()
        while not (await self.probe() and await self.read() and await self.write()):
            assert monotonic() - began < within
            await asyncio.sleep(0.05)
        print(f"healed after {monotonic() - began:.2f} s; slowest {self.slowest}")


def sockets(server: Server) -> int:
    """How many sockets the server's process has open."""
    count = 0
    for each in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with suppress(OSError):
            count += each.readlink().name.startswith("socket:")
    return count


@asynccontextmanager
async def loaded(engine: Engine, folder: Path) -> AsyncIterator[tuple[Load, FaultyProxy]]:
    """A server behind a proxy to an engine; in the end it has no more sockets than it needs."""
    async with FaultyProxy(engine.port) as proxy:
        context = serving(proxy.url, folder)
        server = await asyncio.to_thread(context.__enter__)
        load = Load(server)
        try:
            assert await load.write()
            yield load, proxy
            await load.client.aclose()
            await asyncio.sleep(1.5)
            assert proxy.open <= 4
            assert sockets(server) <= 4 + 4  # to the graph server; listening, and the event loop's own
        finally:
            await load.client.aclose()
            await asyncio.to_thread(context.__exit__, None, None, None)


@pytest.fixture(params=["janusgraph", "gremlin-server"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A graph server of the test's own, to do anything to."""
    (tmp_path / "engine").mkdir()
    created = Engine(request.param, tmp_path / "engine")
    try:
        created.start()
        yield created
    finally:
        created.stop()


async def test_graph_server_under_load(engine: Engine, tmp_path: Path) -> None:
    async with loaded(engine, tmp_path) as (load, proxy):
        async with load.running():
            await asyncio.sleep(1)
            assert load.refused_at == 0
            engine.signal(signal.SIGSTOP)
            try:
                await load.told()
            finally:
                engine.signal(signal.SIGCONT)
            await load.healed()
            proxy.mode = "stall"
            await load.told()
            proxy.mode = "pass"
            await load.healed()
            for _ in range(10):
                proxy.cut()
                await asyncio.sleep(0.1)
            await load.healed()
            if engine.name == "janusgraph":
                engine.kill()
                await load.told()
                await asyncio.to_thread(engine.start)
                await load.healed(WARM_WITHIN)
        if engine.name == "gremlin-server":
            # It keeps nothing, and whoever asks next is told so.
            engine.kill()
            assert not await load.probe()
            await asyncio.to_thread(engine.start)
            load.acknowledged = 0
            await load.healed(WARM_WITHIN)
            assert "had kept nothing" in load.server.log.read_text()
        assert "Traceback" not in load.server.log.read_text()
        assert "never retrieved" not in load.server.log.read_text()


async def test_stopped_while_the_graph_server_is_frozen(gremlin_server: Engine, tmp_path: Path) -> None:
    with serving(gremlin_server.url, tmp_path) as server:
        load = Load(server)
        assert await load.write()
        gremlin_server.signal(signal.SIGSTOP)
        try:
            began = monotonic()
            assert await asyncio.to_thread(server.stop) == -signal.SIGTERM  # as uvicorn ends
            assert monotonic() - began < TOLD_WITHIN
        finally:
            gremlin_server.signal(signal.SIGCONT)
            await load.client.aclose()
        assert "Traceback" not in server.log.read_text()
