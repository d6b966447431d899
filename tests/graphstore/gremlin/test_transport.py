"""The transport against servers that break every rule: an error in time and in words, never a wrong answer."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import pytest
from aiohttp import web
from fake_gremlin_server import Answer, FakeServer, answer_ok, frame
from programs import free_port

from lineal.graphstore.errors import StoreUnusable, Unavailable
from lineal.graphstore.gremlin import client as asking
from lineal.graphstore.gremlin import transport as sending
from lineal.graphstore.gremlin.client import GremlinClient, g
from lineal.graphstore.gremlin.messages import ServerRefused, bytecode_message, results
from lineal.graphstore.gremlin.transport import Address, Transport

TOLD_WITHIN = 5.5


@asynccontextmanager
async def connected(*servers: FakeServer, user: str = "", password: str = "") -> AsyncIterator[Transport]:
    """A transport to servers, of which nothing is left in the end."""
    url = "gremlin://" + ",".join(server.url.removeprefix("gremlin://") for server in servers)
    transport = Transport(Address.parsed(url, user, password))
    try:
        yield transport
    finally:
        began = monotonic()
        await transport.close()
        assert monotonic() - began < 2
        assert not transport._attempts
        assert all(each.is_over for each in transport._all)


async def asked(transport: Transport, seconds: float = 10.0, size: int = 0) -> list[Any]:
    """The answer to some request of about so many bytes."""
    id, message = bytecode_message(g.inject("x" * size).bytecode, "g")
    return results(await transport.ask(id, message, seconds))


def sends(make: Callable[[uuid.UUID], bytes | str]) -> Answer:
    """Answers with what is made from a request's id, then ends the connection unless that did."""

    async def answering(websocket: web.WebSocketResponse, id: uuid.UUID) -> None:
        created = make(id)
        if isinstance(created, str):
            await websocket.send_str(created)
        else:
            await websocket.send_bytes(created)

    return answering


WHOLE = frame(uuid.UUID(int=1), 200, ["whole", "also whole"])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda id: b"", "no answer"),
        (lambda id: b"\x81", "no answer"),
        (lambda id: b"\x81\x00" + id.bytes, "no answer"),
        (lambda id: b"\x84" + frame(id, 200, ["x"])[1:], "no answer.*8400"),
        (lambda id: b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "no answer"),
        (lambda id: "text", "TEXT"),
        (lambda id: frame(None, 499, message="cannot be parsed"), "499: cannot be parsed"),
        (lambda id: frame(uuid.UUID(int=0), 499, message="cannot be parsed"), "499: cannot be parsed"),
        (lambda id: frame(id, 500)[:25], "an error that cannot be read"),
        (lambda id: frame(id, 200, ["whole", "also whole"]) + b"\x00", "cannot be read"),
        (lambda id: frame(id, 200, ["words"]).replace(b"words", b"\xffords"), "cannot be read"),
    ],
)
async def test_frames_that_are_no_answer(make: Callable[[uuid.UUID], bytes | str], words: str) -> None:
    async with FakeServer(sends(make)) as server, connected(server) as transport:
        with pytest.raises(Unavailable, match=words):
            await asked(transport)
        server.answer = answer_ok
        assert await asked(transport) == ["well"]


@pytest.mark.parametrize("length", range(len(WHOLE)))
async def test_a_partial_answer_is_never_complete(length: int) -> None:
    with pytest.raises(Unavailable, match="cannot be read"):
        results([WHOLE[:length]])
    assert results([WHOLE]) == ["whole", "also whole"]


@pytest.mark.parametrize("code", [401, 403, 407, 429, 497, 498, 499, 500, 595, 596, 597, 598, 599, 777])
async def test_every_error_ends_an_answer(code: int) -> None:
    async def partly(websocket: web.WebSocketResponse, id: uuid.UUID) -> None:
        await websocket.send_bytes(frame(id, 206, ["a part"]))
        await websocket.send_bytes(frame(id, code, message="because"))

    async with FakeServer(partly) as server, connected(server) as transport:
        with pytest.raises(Unavailable, match="asks for a user" if code == 407 else "because"):
            await asked(transport)
        assert len(server.requests) == 1


async def test_an_answer_without_an_end() -> None:
    async def partly(websocket: web.WebSocketResponse, id: uuid.UUID) -> None:
        await websocket.send_bytes(frame(id, 206, ["a part"]))
        if len(server.requests) > 1:
            await websocket.close(code=1011, message=b"out of memory")

    async with FakeServer(partly) as server, connected(server) as transport:
        with pytest.raises(Unavailable, match=r"did not answer in 0\.2 seconds"):
            await asked(transport, 0.2)
        with pytest.raises(Unavailable, match="1011 out of memory"):
            await asked(transport)


async def test_answers_to_other_requests_are_dropped() -> None:
    async def twice(websocket: web.WebSocketResponse, id: uuid.UUID) -> None:
        await websocket.send_bytes(frame(uuid.uuid4(), 200, ["another's"]))
        await websocket.send_bytes(frame(uuid.uuid4(), 500, message="another's"))
        await websocket.send_bytes(frame(id, 206, ["mine"]))
        await websocket.send_bytes(frame(id, 204))
        await websocket.send_bytes(frame(id, 200, ["again"]))

    async with FakeServer(twice) as server, connected(server) as transport:
        assert await asked(transport) == ["mine"]
        assert await asked(transport) == ["mine"]


async def test_an_answer_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "MOST_FRAME_BYTES", 1000)
    async with (
        FakeServer(sends(lambda id: frame(id, 200, ["x" * 2000]))) as server,
        connected(server) as transport,
    ):
        with pytest.raises(Unavailable, match=r"exceeds limit 1000|too big"):
            await asked(transport)


async def test_a_frozen_server_is_distinguished_from_a_slow_one() -> None:
    async def slowly(websocket: web.WebSocketResponse, id: uuid.UUID) -> None:
        await asyncio.sleep(7)
        await answer_ok(websocket, id)

    async with FakeServer(slowly, pong_seconds=2.5) as slow, FakeServer() as frozen:
        frozen.mode = "mute"
        async with connected(slow) as to_slow, connected(frozen) as to_frozen:
            began = monotonic()

            async def fails() -> None:
                with pytest.raises(Unavailable, match="no sign of life"):
                    await asked(to_frozen, 60)
                assert monotonic() - began < TOLD_WITHIN

            answered, _ = await asyncio.gather(asked(to_slow, 60), fails())
            assert answered == ["well"]
            assert slow.connects == 1


async def test_a_server_that_reads_nothing_more() -> None:
    """Whoever is in the middle of sending is told as well, and no socket stays."""
    async with FakeServer() as server:
        server.mode = "mute"
        before = len(os.listdir("/proc/self/fd"))
        async with connected(server) as transport:
            began = monotonic()
            with pytest.raises(Unavailable, match="no sign of life"):
                await asked(transport, 60, size=64 * 1024 * 1024)
            assert monotonic() - began < TOLD_WITHIN
            await asyncio.sleep(0.1)
            assert len(os.listdir("/proc/self/fd")) <= before + 2  # the server's end, and the listing's own


async def test_a_server_without_a_handshake() -> None:
    """The first are told after a few seconds, all others soon, and nobody waits for another."""
    async with FakeServer() as server, connected(server) as transport:
        server.mode = "hang"
        began = monotonic()
        answer = await asyncio.gather(*(asked(transport, 60) for _ in range(200)), return_exceptions=True)
        assert all(isinstance(each, Unavailable) for each in answer)
        assert monotonic() - began < TOLD_WITHIN
        began = monotonic()
        with pytest.raises(Unavailable, match="does not answer"):
            await asked(transport, 60)
        assert monotonic() - began < 1
        server.heal()
        assert await asked(transport) == ["well"]


async def test_a_server_that_closes_connections_at_once() -> None:
    async with FakeServer() as server, connected(server) as transport:
        server.mode = "close"
        with pytest.raises(Unavailable):
            await asked(transport)
        assert server.connects < 10


async def test_one_host_until_it_fails() -> None:
    port = free_port()
    async with (
        FakeServer() as second,
        FakeServer(port=port) as first,
        connected(first, second) as transport,
    ):
        await asyncio.gather(*(asked(transport) for _ in range(20)))
        assert second.connects == 0
        assert len(first.requests) == 20
        await first.__aexit__()
        for _ in range(20):
            await asyncio.wait([asyncio.ensure_future(asked(transport))])
        assert await asked(transport) == ["well"]
        async with FakeServer(port=port) as again:
            await asyncio.gather(*(asked(transport) for _ in range(20)))
            assert again.connects == 0
            await second.__aexit__()
            for _ in range(20):
                await asyncio.wait([asyncio.ensure_future(asked(transport))])
            await asyncio.gather(*(asked(transport) for _ in range(20)))
            assert len(again.requests) >= 20
        await second.__aenter__()


async def test_every_connection_leaves_a_failed_host() -> None:
    """Where only new connections are refused, the old ones go along to the next host."""
    async with FakeServer() as first, FakeServer() as second, connected(first, second) as transport:
        await asyncio.gather(*(asked(transport) for _ in range(20)))
        first.mode = "hang"
        transport._slots[0].retire()  # type: ignore[union-attr]
        while second.connects == 0:
            await asked(transport)
        before = len(first.requests)
        await asyncio.gather(*(asked(transport) for _ in range(20)))
        assert len(first.requests) == before


async def test_a_cancelled_request_costs_no_connection() -> None:
    never = asyncio.Event()

    async def waits(websocket: web.WebSocketResponse, id: uuid.UUID) -> None:
        await never.wait()

    async with FakeServer() as server, connected(server) as transport:
        await asyncio.gather(*(asked(transport) for _ in range(20)))
        connects, server.answer = server.connects, waits
        tasks = [asyncio.create_task(asked(transport)) for _ in range(500)]
        await asyncio.sleep(0.1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        server.answer = answer_ok
        assert await asyncio.gather(*(asked(transport) for _ in range(200))) == [["well"]] * 200
        assert server.connects == connects


@pytest.mark.parametrize("mode", ["hang", "mute", "pass"])
async def test_closing_ends_running_requests(mode: str) -> None:
    async with FakeServer() as server:
        server.mode = mode
        server.answer = sends(lambda id: frame(id, 206, ["a part"]))
        async with connected(server) as transport:
            tasks = [asyncio.create_task(asked(transport)) for _ in range(100)]
            await asyncio.sleep(0.1)
        for told in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(told, Unavailable)
            assert "closed" in str(told)


async def test_repeated_failures_leak_nothing() -> None:
    async with FakeServer() as server, connected(server) as transport:
        for mode in ["close", "pass"] * 20:
            server.mode = mode
            await asyncio.gather(*(asked(transport) for _ in range(8)), return_exceptions=True)
            for websocket in list(server.open):
                await websocket.close()
        await asyncio.sleep(0.1)
        await asked(transport)
        await asyncio.sleep(0.1)
        assert len([each for each in transport._all if not each.is_over]) <= sending.CONNECTIONS
        assert len(server.open) <= sending.CONNECTIONS


@pytest.mark.parametrize(
    ("code", "kind", "message", "tries"),
    [
        (500, "org.janusgraph.core.JanusGraphException", "Could not commit transaction", 5),
        (500, "java.lang.IllegalArgumentException", "Vertex with id already exists: 1", 5),
        (500, "java.util.ConcurrentModificationException", "null", 5),
        (596, "org.example.Busy", "later", 5),
        (500, "java.lang.IllegalArgumentException", "Undefined type used in query: zz", 1),
        (500, "java.lang.UnsupportedOperationException", "user supplied identifiers", 1),
        (598, "", "timeout", 1),
    ],
)
async def test_retried_errors(code: int, kind: str, message: str, tries: int) -> None:
    refuses = sends(lambda id: frame(id, code, message=message, kinds=[kind] if kind else []))
    async with FakeServer(refuses) as server, connected(server) as transport:
        with pytest.raises(ServerRefused, match=message):
            await GremlinClient(transport).ask(g.inject(1))
        assert len(server.requests) == tries


async def test_slow_failures_are_not_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_LAST_TRY_SECONDS", 0.2)

    async def slowly(websocket: web.WebSocketResponse, id: uuid.UUID) -> None:
        await asyncio.sleep(0.3)
        await websocket.send_bytes(frame(id, 500, message="Could not call index"))

    async with FakeServer(slowly) as server, connected(server) as transport:
        with pytest.raises(ServerRefused, match="Could not call index"):
            await GremlinClient(transport).ask(g.inject(1))
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("gremlin://", "names no graph server"),
        ("gremlin://a:b", "names no graph server"),
        ("gremlin://user:secret@a", "names no graph server"),
        ("gremlin://a?x=1", "names no graph server"),
    ],
)
def test_invalid_addresses(url: str, words: str) -> None:
    with pytest.raises(StoreUnusable, match=words):
        Address.parsed(url)


def test_an_authority_without_tls() -> None:
    with pytest.raises(StoreUnusable, match="give gremlins://"):
        Address.parsed("gremlin://a", ca="ca.pem")
