"""Soak: under an hour of mixed load the memory, descriptors, threads and files of a server stay as they were.

The load adds nothing to the store after its beginning, so that all growth is a leak: it records the same again, reads
documents and moments that are never the same, sends invalid documents and keys, and goes away amid requests.
"""

import asyncio
import json
from pathlib import Path
from random import Random
from statistics import median
from time import monotonic

import altered_server
import pytest
from http_caller import Caller
from keys import make_account, make_key
from server_process import Server, serving
from torture import MINUTES, chance, rounds

pytestmark = pytest.mark.faults

WORKERS = 6
NAMES = 200
WHOLE_SAMPLES = 3600
MEGABYTE = 2**20
WAL_BYTES = 10_000 * 4096 * 3
"""A log is checkpointed at 10,000 pages, and may grow while a reader holds the checkpoint up."""


class Soak:
    """Workers that load one server, and samples of what its process holds."""

    def __init__(self, server: Server, folder: Path, key: str, random: Random) -> None:
        self.server, self.folder, self.random = server, folder, random
        self.caller = Caller(key, server.url)
        self.stranger = Caller("lnl_" + "x" * 40, server.url)
        self.requests = 0
        self.samples: list[dict[str, int]] = []
        self._stopped = False

    def sample(self) -> None:
        """Note what the process and the store's files hold."""
        process = Path(f"/proc/{self.server.process.pid}")
        pages = int((process / "statm").read_text().split()[1])
        wal = self.folder / "lineal.db-wal"
        self.samples.append(
            {
                "memory": pages * 4096,
                "descriptors": len(list((process / "fd").iterdir())),
                "threads": len(list((process / "task").iterdir())),
                "log": wal.stat().st_size,
                "files": len([each for each in self.folder.iterdir() if each.name.startswith("lineal.db")]),
            }
        )

    async def work(self) -> None:
        while not self._stopped:
            number = self.random.randrange(1, NAMES)
            name, urn = f"n{number}", f"lineal:acme:DATASET:n{number}"
            choice = self.random.randrange(6)
            self.requests += 1
            if choice == 0:
                await self._record(number)
            elif choice == 1:
                alias = f"a{self.random.randrange(10**9)}"
                fields = "entity(urn: $u) { descendants(first: 50) { totalCount } }"
                await self.caller.ask(f"query ($u: String!) {{ {alias}: {fields} }}", u=urn)
            elif choice == 2:
                moment = f"2026-01-01T00:00:00.{self.random.randrange(10**6):06}Z"
                await self.caller.ask(
                    """query ($n: String!, $t: DateTime) { entities(where: {name: {startsWith: $n}}, first: 20,
                    asOf: {occurredAt: $t}) { totalCount nodes { urn } } }""",
                    n=name[:3],
                    t=moment,
                )
            elif choice == 3:
                assert (await self.stranger.post("/graphql", {"query": "{ viewer { principal } }"})).status_code == 401
            elif choice == 4:
                body = {"query": f"{{ nothing{self.random.randrange(10**9)} }}"}
                assert (await self.caller.post("/graphql", body)).status_code in (200, 400)
            else:
                await self._go_away()

    async def _record(self, number: int) -> None:
        await self.caller.ask(
            """mutation ($n: String!, $a: String!, $b: String!) { lineageRecord(input: {entities: [
            {kind: DATASET, name: $n}], associations: [{source: {urn: $a}, destination: {urn: $b},
            type: CONTRIBUTED_TO}]}) { userErrors { message } } }""",
            n=f"n{number}", a=f"lineal:acme:DATASET:n{number}", b=f"lineal:acme:DATASET:n{(number + 1) // 2 - 1}",
        )  # fmt: skip

    async def _go_away(self) -> None:
        host, port = self.server.url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        body = b'{"query": "{ viewer {'
        head = (
            f"POST /graphql HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n"
        )
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    async def run(self) -> None:
        """Load the server for the seconds that the climb allows, with a sample each second."""
        for number in range(NAMES - 1, -1, -1):
            await self._record_seed(number)
        workers = [asyncio.create_task(self.work()) for _ in range(WORKERS)]
        for _ in rounds(short=15, whole=WHOLE_SAMPLES, share=0.15):
            await asyncio.sleep(1)
            failed = [worker.exception() for worker in workers if worker.done()]
            assert not failed, failed
            await asyncio.to_thread(self.sample)
        self._stopped = True
        await asyncio.gather(*workers)
        await self.caller.close()
        await self.stranger.close()

    async def _record_seed(self, number: int) -> None:
        await self.caller.ask(
            """mutation ($n: String!) { lineageRecord(input: {entities: [{kind: DATASET, name: $n}]})
            { userErrors { message } } }""",
            n=f"n{number}",
        )


async def test_soak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAL_REQUESTS_PER_MINUTE", "0")
    monkeypatch.setenv("CACHES_FILE", str(tmp_path / "caches.json"))
    url = f"sqlite:///{tmp_path}/lineal.db"
    await asyncio.to_thread(make_account, url, "acme", "--operator")
    key = await asyncio.to_thread(make_key, url, "acme", "ann", "--role", "admin")
    program, began = (altered_server.__file__,), monotonic()
    context = serving(url, tmp_path, token=key, program=program)
    server = await asyncio.to_thread(context.__enter__)
    try:
        soak = Soak(server, tmp_path, key, chance("soak"))
        await soak.run()
        caches = json.loads((tmp_path / "caches.json").read_text())
    finally:
        await asyncio.to_thread(context.__exit__, None, None, None)
    quarter = max(1, len(soak.samples) // 4)
    early, late = soak.samples[quarter : 2 * quarter], soak.samples[-quarter:]
    middle = {name: (median(s[name] for s in early), median(s[name] for s in late)) for name in early[0]}
    shown = {name: f"{before} to {after}" for name, (before, after) in middle.items()}
    print(f"{monotonic() - began:.0f} s, {soak.requests} requests: {shown}; caches: {caches}")
    assert all(held <= bound for _, held, bound in caches)
    # In minutes the caches are still filling, up to their bounds; later all is flat.
    filled = sum(held for _, held, _ in caches)
    growth = 16 * MEGABYTE + middle["memory"][0] * 0.1 + filled if MINUTES else 100 * MEGABYTE
    assert middle["memory"][1] - middle["memory"][0] < growth
    assert middle["descriptors"][1] <= middle["descriptors"][0] + WORKERS
    assert middle["threads"][1] <= middle["threads"][0] + 4
    assert max(sample["log"] for sample in soak.samples) <= WAL_BYTES
    assert max(sample["files"] for sample in soak.samples) == 3
    assert "Traceback" not in server.log.read_text()
