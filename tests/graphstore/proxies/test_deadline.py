"""Reads end at their deadline; writes do not."""

import asyncio
from typing import Any

import pytest

from lineal.graphstore.batches import Batch, Recorded
from lineal.graphstore.deadlines import Deadline, current, deadline
from lineal.graphstore.errors import LimitExceeded, Unavailable
from lineal.graphstore.opening import open_store
from lineal.graphstore.proxies.base import StoreProxy
from lineal.graphstore.proxies.deadline import SMALL, WRITES, DeadlineStore
from lineal.graphstore.store import EntityPage, Newest, Store


class Noting(StoreProxy):
    """Notes the deadline of the last call. Reads never end while `hangs`."""

    hangs = False
    limit: Deadline

    async def find(self, questions: Any) -> list[EntityPage]:
        await self._note()
        return await super().find(questions)

    async def newest(self) -> Newest:
        await self._note()
        return await super().newest()

    async def record(self, batch: Batch, **named: Any) -> Recorded:
        self.limit = current()
        return await super().record(batch, **named)

    async def _note(self) -> None:
        self.limit = current()
        if self.hangs:
            await asyncio.Event().wait()


def test_the_exempt_verbs_exist() -> None:
    assert Store.__abstractmethods__ >= WRITES | SMALL


async def test_a_read_gets_the_earlier_of_the_two_deadlines() -> None:
    async with DeadlineStore(Noting(await open_store("memory:")), 60) as store:
        engine = store.inner
        assert isinstance(engine, Noting)
        await store.find([])
        alone = engine.limit.at
        with deadline(5) as earlier:
            await store.find([])
        assert engine.limit.at == earlier.at < alone
        with deadline(500) as later:
            await store.find([])
        assert engine.limit.at < later.at


async def test_a_read_past_its_deadline_is_refused() -> None:
    async with DeadlineStore(Noting(await open_store("memory:")), 0.02) as store:
        engine = store.inner
        assert isinstance(engine, Noting)
        engine.hangs = True
        with pytest.raises(LimitExceeded, match="ask for less at once"):
            await store.find([])
        with pytest.raises(Unavailable, match="the store did not answer in time"):
            await store.newest()


async def test_a_write_has_no_deadline() -> None:
    async with DeadlineStore(Noting(await open_store("memory:")), 0.0) as store:
        engine = store.inner
        assert isinstance(engine, Noting)
        with deadline(0):
            await store.record(Batch(), by="me")
        assert not engine.limit.is_over


async def test_cancelling_a_deadline_cancels_those_inside_it() -> None:
    with deadline(60) as outer, deadline(60) as inner:
        assert not inner.is_over
        outer.cancel()
        assert inner.is_over
