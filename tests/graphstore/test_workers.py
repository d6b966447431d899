"""Threads of reads: principals take turns, and one has never all threads."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from lineal.graphstore.errors import LimitExceeded
from lineal.graphstore.request_costs import Meter, charge_records, current_meter, metered
from lineal.graphstore.workers import Workers


class Turns:
    """Reads of principals that wait until they are released one by one, and the order in which they began."""

    def __init__(self, workers: Workers) -> None:
        self.workers = workers
        self.order: list[str] = []
        self.running = 0
        self.most_running: dict[str, int] = {}
        self._lock = threading.Lock()
        self._now: dict[str, int] = {}
        self.gate = threading.Event()

    def read(self, principal: str) -> "asyncio.Task[None]":
        with metered(Meter(principal)):
            return asyncio.create_task(self.workers.run(self._work(principal)))

    def _work(self, principal: str) -> Callable[[], None]:
        def work() -> None:
            with self._lock:
                self.order.append(principal)
                self._now[principal] = self._now.get(principal, 0) + 1
                self.most_running[principal] = max(self._now[principal], self.most_running.get(principal, 0))
            assert self.gate.wait(30)
            with self._lock:
                self._now[principal] -= 1

        return work


async def test_one_principal_never_has_all_threads() -> None:
    workers = Workers("test", 3)
    turns = Turns(workers)
    flood = [turns.read("eve") for _ in range(50)]
    other = turns.read("ann")
    async with asyncio.timeout(30):
        while "ann" not in turns.order:
            await asyncio.sleep(0.01)
    assert turns.order.count("eve") == 2
    turns.gate.set()
    await asyncio.gather(*flood, other)
    assert turns.most_running["eve"] == 2
    workers.shutdown()


async def test_principals_take_turns_whatever_the_number_of_their_reads() -> None:
    workers = Workers("test", 1)
    turns = Turns(workers)
    flood = [turns.read("eve") for _ in range(100)]
    others = [turns.read(f"person{number}") for number in range(5) for _ in range(2)]
    await asyncio.sleep(0)
    turns.gate.set()
    await asyncio.gather(*flood, *others)
    # One read of the flood runs first; then each of the six principals has one in every round.
    assert {turns.order.index(f"person{number}") for number in range(5)} <= set(range(1, 7))
    assert max(len(turns.order) - 1 - turns.order[::-1].index(f"person{number}") for number in range(5)) <= 13
    workers.shutdown()


async def test_reads_of_no_principal_may_have_all_threads() -> None:
    workers = Workers("test", 2)
    turns = Turns(workers)
    reads = [turns.read("") for _ in range(4)]
    async with asyncio.timeout(30):
        while len(turns.order) < 2:
            await asyncio.sleep(0.01)
    turns.gate.set()
    await asyncio.gather(*reads)
    workers.shutdown()


async def test_an_abandoned_read_takes_no_turn() -> None:
    workers = Workers("test", 1)
    turns = Turns(workers)
    running = turns.read("eve")
    abandoned = [turns.read("eve") for _ in range(10)]
    await asyncio.sleep(0)
    for each in abandoned:
        each.cancel()
    await asyncio.wait(abandoned)
    turns.gate.set()
    await running
    await turns.read("ann")
    assert turns.order == ["eve", "ann"]
    workers.shutdown()


async def test_a_failing_read_frees_its_thread() -> None:
    workers = Workers("test", 1)

    def fail() -> None:
        raise ValueError("no")

    for _ in range(3):
        with pytest.raises(ValueError, match="no"):
            await workers.run(fail)
    workers.shutdown()


async def test_a_read_is_charged_to_the_meter_of_its_request() -> None:
    workers = Workers("test", 1)
    with metered(Meter("ann", limit=100)) as meter:
        await workers.run(lambda: charge_records(60))
        assert meter.spent == 10
        with pytest.raises(LimitExceeded) as refused:
            await workers.run(lambda: charge_records(600))
    assert str(refused.value) == (
        "Comparing the records of 600 entities, which no index does for this filter or search, costs 100, and this "
        "request, which has cost 10 so far, may cost 100 in all: narrow it by kind, account or time, by equality or "
        "the beginning of a text, or ask for fewer fields at once"
    )
    assert meter.spent == 10, "what is refused is not charged"
    assert current_meter().principal == ""
    workers.shutdown()
