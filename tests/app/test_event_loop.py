"""The event loop keeps answering while large requests are worked on, and `/metrics` says how long it did not."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from lineal.app import create_app
from lineal.config import Settings
from lineal.loop_lag import LoopLag

RECORD = """mutation ($input: LineageRecordInput!) { lineageRecord(input: $input) {
  entities { isNew entity { urn name } } userErrors { message } } }"""


@asynccontextmanager
async def client_of(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, which runs in this event loop."""
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client,
    ):
        yield client


def dev_app(**settings: Any) -> Starlette:
    return create_app(Settings(store="memory:", dev=True, **settings))


async def longest_pause(client: httpx.AsyncClient) -> float:
    match = re.search(r"^lineal_event_loop_lag_seconds (\S+)$", (await client.get("/metrics")).text, re.MULTILINE)
    assert match
    return float(match[1])


async def test_a_blocked_loop_shows_in_metrics_until_the_next_scrape() -> None:
    async with client_of(dev_app()) as client:
        await asyncio.sleep(0.05)
        await longest_pause(client)
        time.sleep(0.5)
        blocked = await longest_pause(client)
        assert blocked > 0.4
        await asyncio.sleep(0.05)
        assert await longest_pause(client) < blocked


async def test_a_pause_is_measured_before_the_timer_that_is_late_has_run() -> None:
    lag = LoopLag()
    watch = asyncio.create_task(lag.watch())
    await asyncio.sleep(0)
    time.sleep(0.3)
    assert lag.longest_pause() > 0.2
    watch.cancel()


def batch(entities: int, properties: int) -> dict[str, Any]:
    kinds = ({"string": "a value"}, {"int": 7}, {"float": 0.5})
    recorded = [
        {
            "kind": "DATASET",
            "name": f"d{number}",
            "properties": [{"key": f"p{index}", "value": kinds[index % 3]} for index in range(properties)],
        }
        for number in range(entities)
    ]
    return {"query": RECORD, "variables": {"input": {"entities": recorded}}}


@pytest.mark.slow
async def test_the_largest_batch_holds_the_loop_for_a_fraction_of_its_time() -> None:
    async with client_of(dev_app()) as client:
        content = httpx.Request("POST", "http://127.0.0.1", json=batch(1000, 48)).content
        await longest_pause(client)
        began = time.perf_counter()
        answer = await client.post("/graphql", content=content, headers={"Content-Type": "application/json"})
        took = time.perf_counter() - began
        pause = await longest_pause(client)
        recorded = answer.json()["data"]["lineageRecord"]
        assert (recorded["userErrors"], len(recorded["entities"])) == ([], 1000)
        assert pause < took / 4, f"the loop was held {pause:.2f} of {took:.2f} seconds"


PREFIX = b'{"query": "{ viewer { account } }", "variables": {"a": ['


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/graphql", PREFIX + b"[]," * 4_000_000 + b"1]}}"),
        ("/graphql", PREFIX + b'"' + b"a,[{" * 3_500_000 + b'"]}}'),
        ("/api/v1/lineage", b'{"a": [' + b"[]," * 4_000_000 + b"1]}"),
        ("/api/v1/lineage", b'{"a": [' + b'{"b": 1},' * 300_000 + b"1]}"),
    ],
    ids=["arrays", "a string", "arrays of an event", "objects of an event"],
)
async def test_no_body_holds_the_loop_for_long(path: str, content: bytes) -> None:
    async with client_of(dev_app()) as client:
        began = time.process_time()
        json.loads(content)
        parsing = time.process_time() - began
        await longest_pause(client)
        answer = await client.post(path, content=content, headers={"Content-Type": "application/json"})
        assert any(each in answer.text for each in ("more than", "eventTime is missing", "viewer")), answer.text
        pause = await longest_pause(client)
        assert pause < max(1, 2 * parsing), f"the loop was held {pause:.2f} seconds"
