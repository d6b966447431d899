"""Servers on one JanusGraph of which the writing one is killed, again and again, in the middle of batches.

What was acknowledged is there whole; every other batch is whole or not there at all; nobody ever sees a part of one.
"""

import asyncio
import json
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest
from engines import Engine, emptied
from server_process import Server, serving

pytestmark = pytest.mark.faults

IN_BATCH = 100
KILLS = 4
WRITE = """mutation ($input: LineageRecordInput!) { lineageRecord(input: $input) {
  entities { isNew } userErrors { code message } } }"""
READ = """{ entity(urn: "lineal:local:DATASET:hub") {
  descendants(first: 1000) { totalCount nodes { name } } associations { totalCount } } }"""
FIRST_WRITE_WITHIN = 8.0
"""A writer that died in its turn on this machine is known to be gone long before its lease ends."""


class Batches:
    """What was sent, and what of it was acknowledged."""

    def __init__(self) -> None:
        self.sent = 0
        self.acknowledged: set[int] = set()

    async def write(self, client: httpx.AsyncClient) -> None:
        """Send one more batch. Raises TransportError where the server dies."""
        number = self.sent = self.sent + 1
        hub = {"urn": "lineal:local:DATASET:hub"}
        names = [f"b{number}x{part}" for part in range(IN_BATCH)]
        ends = [{"urn": f"lineal:local:DATASET:{name}"} for name in names]
        links = [{"source": hub, "destination": end, "type": "CONTRIBUTED_TO"} for end in ends]
        entities = [{"kind": "DATASET", "name": name} for name in ("hub", *names)]
        body = {"query": WRITE, "variables": {"input": {"entities": entities, "associations": links}}}
        answer = (await client.post("/graphql", json=body)).json()
        assert "errors" not in answer, answer
        assert answer["data"]["lineageRecord"]["userErrors"] == []
        self.acknowledged.add(number)

    async def check(self, client: httpx.AsyncClient) -> None:
        """Ask for everything, and find what was acknowledged before whole, and nothing by half."""
        known = set(self.acknowledged)
        answer = (await client.post("/graphql", json={"query": READ})).json()
        assert "errors" not in answer, answer
        hub = answer["data"]["entity"]
        total = hub["descendants"]["totalCount"] if hub else 0
        assert total % IN_BATCH == 0
        if hub:
            assert hub["associations"]["totalCount"] == total
            self.whole([each["name"] for each in hub["descendants"]["nodes"]], total)
        assert len(known) * IN_BATCH <= total <= self.sent * IN_BATCH

    def whole(self, names: list[str], total: int) -> set[int]:
        """The batches that some names are of; all of them whole, unless they are only the first of a longer list."""
        counts = Counter(int(name[1:].split("x")[0]) for name in names)
        if len(names) == total:
            assert set(counts.values()) <= {IN_BATCH}
        return set(counts)


def exported(url: str, file: Path) -> list[dict[str, Any]]:
    """All that `lineal export` writes."""
    subprocess.run([sys.executable, "-m", "lineal", "export", "--store", url, str(file)], check=True, timeout=120)
    return [json.loads(line) for line in file.read_text().splitlines()]


async def test_killed_in_the_middle_of_batches(janusgraph: Engine, tmp_path: Path) -> None:
    await emptied(janusgraph.url)
    batches, chance = Batches(), random.Random(4)
    (tmp_path / "reader").mkdir()
    reads = serving(janusgraph.url, tmp_path / "reader")
    reader: Server = await asyncio.to_thread(reads.__enter__)
    stopped = asyncio.Event()
    waited: list[float] = []

    async def look() -> None:
        async with httpx.AsyncClient(base_url=reader.url, timeout=60) as client:
            while not stopped.is_set():
                await batches.check(client)

    looking = asyncio.create_task(look())
    try:
        for _ in range(KILLS):
            writes = serving(janusgraph.url, tmp_path)
            writer: Server = await asyncio.to_thread(writes.__enter__)
            async with httpx.AsyncClient(base_url=writer.url, timeout=60) as client:
                began = monotonic()
                await batches.write(client)
                waited.append(monotonic() - began)
                await batches.write(client)
                writing = asyncio.create_task(batches.write(client))
                await asyncio.sleep(chance.uniform(0, 0.4))
                writer.process.send_signal(signal.SIGKILL)
                await asyncio.wait([writing])
                if (error := writing.exception()) is not None:
                    assert isinstance(error, httpx.TransportError)
            writer.client.close()
            await asyncio.to_thread(writer.process.wait)
            assert writer.process.stdout is not None
            writer.process.stdout.close()
            assert not looking.done()
    finally:
        stopped.set()
        await looking
        await asyncio.to_thread(reads.__exit__, None, None, None)
    print(f"first writes waited {[round(each, 2) for each in waited]} s; of {batches.sent} batches, acknowledged "
          f"{len(batches.acknowledged)}")  # fmt: skip
    assert max(waited) < FIRST_WRITE_WITHIN
    records = await asyncio.to_thread(exported, janusgraph.url, tmp_path / "all.jsonl")
    names = [str(each["entity"]["name"]) for each in records if "entity" in each and each["entity"]["name"] != "hub"]
    assert len(set(names)) == len(names)
    assert batches.whole(names, len(names)) >= batches.acknowledged
