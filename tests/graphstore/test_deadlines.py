"""Deadlines: the earlier one counts, and what is over stops."""

import asyncio
from math import inf

import pytest

from lineal.graphstore.deadlines import Deadline, check, current, deadline, limited, within
from lineal.graphstore.errors import LimitExceeded


def test_the_earlier_of_two_deadlines_counts() -> None:
    assert current().at == inf
    with deadline(1000) as outer:
        with deadline(1) as inner:
            assert inner.at < outer.at
        with deadline(5000) as inner:
            assert inner.at == outer.at
        assert current() is outer
    assert current().at == inf


def test_work_past_its_deadline_stops_and_says_what_to_do() -> None:
    check()
    with deadline(0), pytest.raises(LimitExceeded, match="ask for less at once"):
        check()
    check()


def test_cancelled_work_stops() -> None:
    with within(Deadline()) as limit:
        check()
        limit.cancel()
        with pytest.raises(LimitExceeded):
            check()


async def test_a_task_keeps_the_deadline_it_began_under() -> None:
    async def seen() -> Deadline:
        return current()

    with deadline(1000) as limit:
        task = asyncio.create_task(seen())
    assert await task is limit


async def test_an_asynchronous_block_stops_at_the_deadline() -> None:
    async with limited():
        await asyncio.sleep(0)
    with deadline(0), pytest.raises(LimitExceeded, match="ask for less at once"):
        async with limited():
            await asyncio.Event().wait()
    with deadline(1000), pytest.raises(TimeoutError):
        async with limited():
            raise TimeoutError


def test_waiting_work_stops_with_its_caller() -> None:
    stopped: list[str] = []
    limit = Deadline()
    with limit.stopping(lambda: stopped.append("waiting")):
        assert stopped == []
        limit.cancel()
    assert stopped == ["waiting"]
    limit.cancel()
    assert stopped == ["waiting"], "what has ended is left alone"
    with limit.stopping(lambda: stopped.append("late")):
        assert stopped == ["waiting", "late"]
    outer = Deadline()
    with Deadline(outer=outer).stopping(lambda: stopped.append("inside")):
        outer.cancel()
    assert stopped[2:] == ["inside"]
