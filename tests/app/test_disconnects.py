"""A query ends with its client or at its deadline; a mutation that has begun does not."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette

from lineal import stores
from lineal.app import create_app, readyz
from lineal.config import Settings
from lineal.graphstore.batches import Batch, Recorded
from lineal.graphstore.deadlines import Deadline, current
from lineal.graphstore.proxies.base import StoreProxy
from lineal.graphstore.store import EntityPage, Newest, Store

QUERY = "{ entities { totalCount } }"
MUTATION = 'mutation { lineageRecord(input: {entities: [{kind: DATASET, name: "d"}]}) { userErrors { message } } }'


class Hanging(StoreProxy):
    """A store whose searches and writes wait for a gate."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.gate, self.began, self.recorded = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.limit: Deadline | None = None

    async def newest(self) -> Newest:
        return await self.inner.newest()

    async def find(self, questions: Any) -> list[EntityPage]:
        self.limit = current()
        self.began.set()
        await self.gate.wait()
        return await super().find(questions)

    async def record(self, batch: Batch, **named: Any) -> Recorded:
        self.began.set()
        await self.gate.wait()
        done = await super().record(batch, **named)
        self.recorded.set()
        return done


class Client:
    """One request of the application, with a client that can disconnect."""

    def __init__(self, app: Starlette, query: str) -> None:
        self.gone, self.sent = asyncio.Event(), []
        body = json.dumps({"query": query}).encode()
        headers = [(b"content-type", b"application/json"), (b"host", b"127.0.0.1")]
        scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "headers": headers}
        parts: list[Any] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Any:
            if parts:
                return parts.pop()
            await self.gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            self.sent.append(message)

        self.task = asyncio.create_task(app(scope, receive, send))

    sent: list[Any]

    async def status(self) -> int:
        await self.task
        status: int = self.sent[0]["status"]
        return status

    def body(self) -> Any:
        return json.loads(self.sent[1]["body"])


@asynccontextmanager
async def running(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> AsyncIterator[tuple[Starlette, Hanging]]:
    """The application over a store that hangs."""
    opened: list[Hanging] = []
    open_configured = stores.open_configured

    async def hanging(*given: Any) -> Store:
        opened.append(Hanging(await open_configured(*given)))
        return opened[0]

    monkeypatch.setattr("lineal.app.open_configured", hanging)
    app = create_app(Settings(store="memory:", dev=True, **settings))
    async with app.router.lifespan_context(app):
        yield app, opened[0]


async def test_a_query_ends_when_its_client_disconnects(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(monkeypatch) as (app, store):
        client = Client(app, QUERY)
        await store.began.wait()
        assert store.limit is not None
        before = store.limit.is_over
        client.gone.set()
        assert await client.status() == 499
        assert (before, store.limit.is_over) == (False, True), "the engine stops too"
        store.gate.set()


async def test_a_mutation_is_finished_when_its_client_disconnects(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(monkeypatch) as (app, store):
        client = Client(app, MUTATION)
        await store.began.wait()
        client.gone.set()
        await asyncio.sleep(0.01)
        assert not client.task.done()
        store.gate.set()
        assert await client.status() == 200
        assert store.recorded.is_set()


async def test_a_mutation_is_finished_when_its_request_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(monkeypatch) as (app, store):
        client = Client(app, MUTATION)
        await store.began.wait()
        client.task.cancel()
        await asyncio.wait([client.task])
        assert not store.recorded.is_set()
        store.gate.set()
    assert store.recorded.is_set(), "the server waited for it before it closed the store"


async def test_a_query_ends_at_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(monkeypatch, request_seconds=0.05) as (app, store):
        client = Client(app, QUERY)
        assert await client.status() == 200
        assert store.limit is not None
        assert store.limit.is_over
        error = client.body()["errors"][0]
        assert error["extensions"]["code"] == "LIMIT_EXCEEDED"
        assert error["message"] == "The answer took longer than 0.05 seconds: ask for less at once."
        store.gate.set()


async def test_a_store_that_does_not_answer_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(StoreProxy):
        async def ready(self) -> None:
            await asyncio.Event().wait()

    open_configured = stores.open_configured

    async def silent(*given: Any) -> Store:
        return Silent(await open_configured(*given))

    monkeypatch.setattr("lineal.app.open_configured", silent)
    monkeypatch.setattr("lineal.app.READY_SECONDS", 0.05)
    app = create_app(Settings(store="memory:", dev=True))
    async with app.router.lifespan_context(app):
        response = await readyz(type("R", (), {"app": app})())
    assert response.status_code == 503
    assert json.loads(bytes(response.body))["reason"] == "the store did not answer in 0.05 seconds"
