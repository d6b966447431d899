"""Histories of two servers on one store under nemeses, checked in linear time; and ten seeded bugs, all of them caught.

Six workloads run together: entities one by one, batches, reads as of earlier times, retries with idempotency keys,
revoked keys, and a lineage group that an entity joins and leaves.
"""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from altered_server import BUGS
from engines import Engine, emptied
from faulty_proxy import FaultyProxy
from histories import anomalies
from history_cluster import NEMESES, Cluster
from history_load import Load
from http_caller import Caller, Refused
from keys import make_account, make_key
from torture import MINUTES, chance, rounds

pytestmark = pytest.mark.faults

ROUNDS_OF_A_BUG = 40
SECONDS = 90.0 if MINUTES else 5.0
TURNS = ["all", "none", *NEMESES, "all"]


class Trial:
    """Servers on one store, and the clients' load on them."""

    def __init__(self, store: str, folder: Path, seed: str, backend: FaultyProxy | None = None) -> None:
        self.store, self.folder, self.backend = store, folder, backend
        self.random = chance(seed)

    async def __aenter__(self) -> "Trial":
        await asyncio.to_thread(make_account, self.store, "acme", "--operator")
        await asyncio.to_thread(make_account, self.store, "guest")
        owner = await asyncio.to_thread(make_key, self.store, "acme", "ann", "--role", "admin")
        guest = await asyncio.to_thread(make_key, self.store, "guest", "bob")
        self._stack = AsyncExitStack()
        self.cluster = await self._stack.enter_async_context(Cluster(self.store, self.folder, self.backend))
        self._callers = [Caller(key, url) for key in (owner, guest) for url in self.cluster.urls]
        self.load = Load(self._callers[:2], self._callers[2:], self.random)
        self._is_seeded = False
        return self

    async def __aexit__(self, *error: object) -> None:
        for caller in self._callers:
            await caller.close()
        await self._stack.aclose()

    async def run(self, nemesis: str, seconds: float) -> list[str]:
        """The anomalies after some more time under a nemesis."""
        if not self._is_seeded:
            try:
                await self.load.seed()
            except Refused as refused:
                return [str(refused)]
            self._is_seeded = True
        stopped = asyncio.Event()
        disturbing = asyncio.create_task(self.cluster.disturb(nemesis, self.random, stopped))
        await self.load.run(seconds)
        stopped.set()
        await disturbing
        await self.load.read_all()
        return anomalies(self.load.history)


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAL_REQUESTS_PER_MINUTE", "0")
    monkeypatch.delenv("SEEDED_BUG", raising=False)


@pytest.mark.parametrize("bug", BUGS)
async def test_seeded_bugs_are_caught(bug: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEEDED_BUG", bug)
    monkeypatch.setenv("CLOCK_FILE", str(tmp_path / "clock"))
    async with Trial(f"sqlite:///{tmp_path}/lineal.db", tmp_path, bug) as trial:
        for number in range(ROUNDS_OF_A_BUG):
            if found := await trial.run("clock" if bug == "follow_the_clock_back" else "none", 1.5):
                print(f"{bug}: caught in round {number + 1} by {len(found)} anomalies, as: {found[0][:150]}")
                return
    pytest.fail(f"{bug} was not caught among {trial.load.history.operations} operations")


async def _no_anomalies(trial: Trial, nemesis: str, name: str) -> None:
    async with trial:
        found = await trial.run(nemesis, SECONDS)
        history = trial.load.history
        print(
            f"{name}, {nemesis}: {history.operations} operations, {len(history.appended)} of them writes to logs, "
            f"{trial.load.refused} unanswered, {trial.cluster.disturbed} disturbances, {len(found)} anomalies"
        )
        assert not found, f"{len(found)} anomalies: {found[:5]}"


async def test_histories_of_sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in rounds(short=1, whole=48, share=0.25):
        folder = tmp_path / f"run{number}"
        folder.mkdir()
        monkeypatch.setenv("CLOCK_FILE", str(folder / "clock"))
        nemesis = TURNS[number % len(TURNS)]
        if nemesis == "backend":
            continue
        trial = Trial(f"sqlite:///{folder}/lineal.db", folder, f"sqlite {number}")
        await _no_anomalies(trial, nemesis, f"SQLite {number}")


async def test_histories_of_janusgraph(janusgraph: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in rounds(short=1, whole=18, share=0.1):
        folder = tmp_path / f"run{number}"
        folder.mkdir()
        monkeypatch.setenv("CLOCK_FILE", str(folder / "clock"))
        nemesis = TURNS[number % len(TURNS)]
        if nemesis == "full disk":
            continue
        await emptied(janusgraph.url)
        async with FaultyProxy(janusgraph.port) as backend:
            trial = Trial(backend.url, folder, f"janusgraph {number}", backend)
            await _no_anomalies(trial, nemesis, f"JanusGraph {number}")
