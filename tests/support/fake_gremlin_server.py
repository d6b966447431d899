"""A fake Gremlin Server, whose answers and connection faults a test chooses."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Self

from aiohttp import web
from gremlin_python.structure.io.graphbinaryV1 import GraphBinaryWriter

_writer = GraphBinaryWriter()
_ID = slice(34, 50)
"""The bytes of a request that hold its id."""

Answer = Callable[[web.WebSocketResponse, uuid.UUID], Awaitable[None]]


def frame(id: uuid.UUID | None, code: int, data: Any = None, *, message: str = "", kinds: Sequence[str] = ()) -> bytes:
    """One frame of a response, in GraphBinary."""
    data_bytes = bytearray(b"\x81\x01" if id is None else b"\x81\x00" + id.bytes)
    data_bytes += code.to_bytes(4, "big", signed=True)
    data_bytes += b"\x00" + len(message).to_bytes(4, "big") + message.encode()
    for attributes in ({"exceptions": list(kinds)} if kinds else {}, {}):
        data_bytes += len(attributes).to_bytes(4, "big")
        for key, value in attributes.items():
            _writer.to_dict(key, data_bytes)
            _writer.to_dict(value, data_bytes)
    _writer.to_dict(data, data_bytes)
    return bytes(data_bytes)


async def answer_ok(websocket: web.WebSocketResponse, id: uuid.UUID) -> None:
    """Answer a request successfully, with the value `well`."""
    await websocket.send_bytes(frame(id, 200, ["well"]))


class FakeServer:
    """Listens on a port of loopback; each request is answered in a task of its own, by `answer`.

    `mode` is one of: pass; hang (a new connection is accepted and gets no handshake); close (it is closed after its
    handshake); mute (nothing is read from a new connection, so that no ping is answered either).
    """

    def __init__(self, answer: Answer = answer_ok, port: int = 0, pong_seconds: float = 0) -> None:
        self.answer, self._port, self._pong_seconds = answer, port, pong_seconds
        self.mode = "pass"
        self.requests: list[uuid.UUID] = []
        self.connects = 0
        self.open: set[web.WebSocketResponse] = set()
        self._healed = asyncio.Event()

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_get("/gremlin", self._serve)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.url = f"gremlin://127.0.0.1:{self._port}"
        return self

    async def __aexit__(self, *error: object) -> None:
        self.heal()
        await self._runner.cleanup()

    def heal(self) -> None:
        """Return to the mode `pass`, and continue the connections that hang."""
        self.mode = "pass"
        self._healed.set()
        self._healed = asyncio.Event()

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        self.connects += 1
        if self.mode == "hang":
            await self._healed.wait()
        websocket = web.WebSocketResponse(autoping=False, max_msg_size=0)
        await websocket.prepare(request)
        if self.mode == "close":
            await websocket.close()
            return websocket
        self.open.add(websocket)
        tasks: set[asyncio.Task[None]] = set()
        try:
            if self.mode == "mute":
                assert request.transport is not None
                request.transport.pause_reading()
                await self._healed.wait()
            async for message in websocket:
                tasks.add(asyncio.create_task(self._take(websocket, message)))
        finally:
            self.open.discard(websocket)
            for task in tasks:
                task.cancel()
        return websocket

    async def _take(self, websocket: web.WebSocketResponse, message: Any) -> None:
        if message.type is web.WSMsgType.PING:
            await asyncio.sleep(self._pong_seconds)
            await websocket.pong(message.data)
        elif message.type is web.WSMsgType.BINARY:
            id = uuid.UUID(bytes=message.data[_ID])
            self.requests.append(id)
            await self.answer(websocket, id)
