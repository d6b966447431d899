"""A write that has begun is finished, whoever still waits for it."""

import asyncio
import gc
from typing import NoReturn

import pytest
from structlog.testing import capture_logs

from lineal.running_writes import RunningWrites


async def test_a_write_continues_after_its_caller_left() -> None:
    writes, written = RunningWrites(), []

    async def write() -> None:
        await asyncio.sleep(0.02)
        written.append(1)

    caller = asyncio.create_task(writes.run(write()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    del caller
    gc.collect()
    assert written == []
    await writes.finish()
    assert written == [1]


async def test_a_failure_reaches_the_caller() -> None:
    async def write() -> NoReturn:
        raise ValueError("no")

    with capture_logs() as logs, pytest.raises(ValueError, match="no"):
        await RunningWrites().run(write())
    assert logs == []


async def test_a_failure_without_a_caller_is_logged() -> None:
    writes = RunningWrites()
    gate = asyncio.Event()

    async def write() -> NoReturn:
        await gate.wait()
        raise ValueError("no")

    with capture_logs() as logs:
        caller = asyncio.create_task(writes.run(write()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        gate.set()
        await writes.finish()
        await asyncio.sleep(0)
    assert [(each["log_level"], each["event"]) for each in logs] == [
        ("error", "write failed after its caller stopped waiting")
    ]
