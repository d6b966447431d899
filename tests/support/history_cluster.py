"""Servers on one store, each behind a proxy, and the nemeses that disturb them."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from random import Random
from threading import Event
from typing import Final, Self, TypeAlias

import altered_server
from faulty_proxy import FaultyProxy
from programs import free_port
from server_process import Server, serving
from syscall_faults import fault, traced


class Node:
    """One server, at a port of its own that stays, and the proxy by which clients reach it."""

    def __init__(self, store: str, folder: Path) -> None:
        folder.mkdir()
        self.store, self.folder, self.port = store, folder, free_port()
        self.proxy = FaultyProxy(self.port)
        self.server: Server | None = None
        self._stack = ExitStack()

    def start(self) -> None:
        program = (altered_server.__file__,)
        # Not `--dev`: the clients have keys.
        flags = ("--port", str(self.port))
        self.server = self._stack.enter_context(serving(self.store, self.folder, *flags, token="", program=program))

    def kill(self) -> None:
        """End the process at once, as a crash does."""
        self.signal(signal.SIGKILL)
        assert self.server is not None
        self.server.process.wait(30)
        self._stack.close()

    def signal(self, number: signal.Signals) -> None:
        assert self.server is not None
        self.server.process.send_signal(number)

    def stop(self) -> None:
        if self.server is not None and self.server.process.poll() is None:
            self.server.process.send_signal(signal.SIGCONT)
        self._stack.close()


class Cluster:
    """Two servers. `clock` is the file of the clock of the second one; `backend` the proxy to a graph server."""

    def __init__(self, store: str, folder: Path, backend: FaultyProxy | None = None) -> None:
        self.nodes = [Node(store, folder / name) for name in ("one", "two")]
        self.clock, self.backend = folder / "clock", backend
        self.disturbed = 0

    @property
    def urls(self) -> list[str]:
        return [node.proxy.url.replace("gremlin://", "http://") for node in self.nodes]

    async def __aenter__(self) -> Self:
        for node in self.nodes:
            await node.proxy.__aenter__()
        await asyncio.gather(*(asyncio.to_thread(node.start) for node in self.nodes))
        return self

    async def __aexit__(self, *error: object) -> None:
        for node in self.nodes:
            await asyncio.to_thread(node.stop)
            await node.proxy.__aexit__()

    async def disturb(self, nemesis: str, random: Random, stopped: asyncio.Event) -> None:
        """Disturb the servers again and again, and leave them well."""
        while not stopped.is_set():
            await asyncio.sleep(random.uniform(0.2, 1.0))
            if nemesis == "none":
                continue
            usable = [name for name in NEMESES if name != "backend" or self.backend is not None]
            if self.backend is not None:
                usable.remove("full disk")
            name = random.choice(usable) if nemesis == "all" else nemesis
            await NEMESES[name](self, random.choice(self.nodes), random)
            self.disturbed += 1
        self.clock.write_text("0")


async def _kill(cluster: Cluster, node: Node, random: Random) -> None:
    await asyncio.to_thread(node.kill)
    await asyncio.to_thread(node.start)


async def _pause(cluster: Cluster, node: Node, random: Random) -> None:
    node.signal(signal.SIGSTOP)
    await asyncio.sleep(random.uniform(0.3, 2))
    node.signal(signal.SIGCONT)


async def _cut(cluster: Cluster, node: Node, random: Random) -> None:
    node.proxy.mode = "truncate"
    await asyncio.sleep(random.uniform(0.1, 0.5))
    node.proxy.mode = "pass"
    node.proxy.cut()


async def _clock(cluster: Cluster, node: Node, random: Random) -> None:
    cluster.clock.write_text(str(random.uniform(-3600, 3600)))


async def _full_disk(cluster: Cluster, node: Node, random: Random) -> None:
    assert node.server is not None

    def faulted() -> None:
        assert node.server is not None
        with traced(node.server.process.pid, node.folder / "fault.log", *fault("pwrite64", "1+", "ENOSPC")):
            stopped.wait()

    stopped = Event()
    fault_thread = asyncio.create_task(asyncio.to_thread(faulted))
    await asyncio.sleep(random.uniform(0.5, 1.5))
    stopped.set()
    await fault_thread


async def _backend(cluster: Cluster, node: Node, random: Random) -> None:
    assert cluster.backend is not None
    cluster.backend.mode = random.choice(["stall", "truncate", "refuse"])
    if cluster.backend.mode == "refuse":
        cluster.backend.cut()
    await asyncio.sleep(random.uniform(0.2, 2))
    cluster.backend.mode = "pass"


Nemesis: TypeAlias = Callable[[Cluster, Node, Random], Awaitable[None]]
NEMESES: Final[dict[str, Nemesis]] = {
    "kill": _kill,
    "pause": _pause,
    "cut": _cut,
    "clock": _clock,
    "full disk": _full_disk,
    "backend": _backend,
}
