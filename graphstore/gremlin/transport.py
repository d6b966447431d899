"""Requests to a graph server over websockets: gremlinpython's messages, on an asyncio transport of our own.

Requests of many callers share a few connections and are told apart by their ids, so an answer that comes late is
dropped and never taken for another's. Every request has a deadline that covers connecting, and a connection that let
one pass takes no new ones. A broken connection is replaced by the next request that needs one; nothing is sent twice.
"""

import asyncio
import base64
import ssl
import struct
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import aiohttp
from gremlin_python.driver.request import RequestMessage
from gremlin_python.driver.serializer import GraphBinarySerializersV1
from gremlin_python.process.traversal import Bytecode

from lineal.graphstore.errors import StoreUnusable, Unavailable

CONNECT_SECONDS: Final = 5.0
HEARTBEAT_SECONDS: Final = 10.0
CONNECTIONS: Final = 4
MOST_IN_FLIGHT: Final = 64
MOST_FRAME_BYTES: Final = 256 * 1024 * 1024
_BATCH: Final = 256
"""How many results the server puts into one frame."""
_PORT: Final = 8182
_SASL: Final = 407
_OK: Final = (200, 204)
_MORE: Final = 206
_HEADER: Final = struct.Struct(">bbQQi")
"""Of an answer: version, whether there is a request id, the request id, the status code."""

_serializer = GraphBinarySerializersV1()


class ServerRefused(Unavailable):
    """The server answered a request with an error. Its transaction, if there was one, is rolled back."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"the graph server answered {code}: {message[:500]}")
        self.code, self.message = code, message


@dataclass(frozen=True, slots=True)
class Address:
    """Where graph servers are: `gremlin://host[:port][,host[:port]...][/source]`, or `gremlins://` for TLS."""

    hosts: tuple[tuple[str, int], ...]
    source: str = "g"
    tls: bool = False
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def parsed(cls, url: str, user: str = "", password: str = "") -> "Address":
        """The address a URL names. Raises StoreUnusable, which says what to give."""
        parts = urlsplit(url)
        wrong = StoreUnusable(f"{url!r} names no graph server: give gremlin://host:8182, several as a:8182,b:8182")
        if parts.scheme not in ("gremlin", "gremlins") or parts.query or parts.fragment or "@" in parts.netloc:
            raise wrong
        hosts = []
        for each in parts.netloc.split(","):
            try:
                one = urlsplit(f"//{each}")
                hosts.append((one.hostname or "", one.port or _PORT))
            except ValueError as error:
                raise wrong from error
        if not all(host for host, _ in hosts):
            raise wrong
        return cls(tuple(hosts), unquote(parts.path.strip("/")) or "g", parts.scheme == "gremlins", user, password)

    def __str__(self) -> str:
        return ", ".join(f"{host}:{port}" for host, port in self.hosts)


def bytecode_message(bytecode: Bytecode, source: str) -> tuple[uuid.UUID, bytes]:
    """A traversal as a request: its id and its bytes."""
    arguments = {"gremlin": bytecode, "aliases": {"g": source}, "batchSize": _BATCH}
    return _message(RequestMessage("traversal", "bytecode", arguments))


def script_message(script: str, bindings: dict[str, Any], source: str) -> tuple[uuid.UUID, bytes]:
    """A Groovy script as a request: its id and its bytes. For the schema alone."""
    arguments = {"gremlin": script, "bindings": bindings, "language": "gremlin-groovy", "aliases": {"g": source}}
    return _message(RequestMessage("", "eval", arguments))


def _message(request: RequestMessage) -> tuple[uuid.UUID, bytes]:
    id = uuid.uuid4()
    return id, bytes(_serializer.serialize_message(id, request))


def results(frames: Sequence[bytes]) -> list[Any]:
    """What the frames of an answer hold: of a traversal its results, each as often as it came."""
    found: list[Any] = []
    try:
        for frame in frames:
            for each in _serializer.deserialize_message(frame)["result"]["data"] or ():
                if hasattr(each, "bulk"):
                    found.extend([each.object] * each.bulk)
                else:
                    found.append(each)
    except Exception as error:  # whatever a damaged frame makes the reader raise
        raise Unavailable(f"the graph server's answer cannot be read ({error!r})") from error
    return found


class _NotSent(Exception):
    """The connection was broken before anything of the request was sent."""


class _Connection:
    """One websocket, and the requests that wait for their answers on it."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, address: Address) -> None:
        self._socket, self._address = socket, address
        self._waiting: dict[uuid.UUID, tuple[list[bytes], asyncio.Future[list[bytes]]]] = {}
        self.is_open = True
        self._reader = asyncio.create_task(self._read())

    async def ask(self, id: uuid.UUID, message: bytes) -> list[bytes]:
        answer: asyncio.Future[list[bytes]] = asyncio.get_running_loop().create_future()
        self._waiting[id] = ([], answer)
        try:
            await self._socket.send_bytes(message)
            return await answer
        except aiohttp.ClientConnectionResetError as error:
            # What aiohttp raises where it finds the connection closing, and sends nothing.
            self.is_open = False
            raise _NotSent from error
        except (aiohttp.ClientError, OSError) as error:
            self.is_open = False
            raise Unavailable(f"the connection to the graph server broke ({error})") from error
        except asyncio.CancelledError:
            # Its deadline has passed: the connection may be frozen, so no new request is put on it.
            self.is_open = False
            raise
        finally:
            self._waiting.pop(id, None)
            if not self.is_open and not self._waiting:
                await self.close()

    async def _read(self) -> None:
        why = "the graph server closed the connection"
        try:
            async for message in self._socket:
                if message.type is not aiohttp.WSMsgType.BINARY:
                    why = f"the graph server sent a {message.type.name} message"
                    break
                await self._take(message.data)
        except (aiohttp.ClientError, OSError, struct.error, ValueError) as error:
            why = f"the connection to the graph server broke ({error!r})"
        finally:
            self.is_open = False
            for _, answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(Unavailable(why))
            with suppress(aiohttp.ClientError, OSError):
                await self._socket.close()

    async def _take(self, frame: bytes) -> None:
        _, _, high, low, code = _HEADER.unpack_from(frame)
        id = uuid.UUID(int=high << 64 | low)
        if id not in self._waiting:
            return
        frames, answer = self._waiting[id]
        if code == _SASL:
            plain = f"\0{self._address.user}\0{self._address.password}".encode()
            arguments = {"sasl": base64.b64encode(plain).decode()}
            request = RequestMessage("traversal", "authentication", arguments)
            await self._socket.send_bytes(bytes(_serializer.serialize_message(id, request)))
            return
        if code not in (*_OK, _MORE):
            text = _serializer.deserialize_message(frame)["status"]["message"]
            if not answer.done():
                answer.set_exception(ServerRefused(code, str(text)))
            return
        frames.append(frame)
        if code in _OK and not answer.done():
            answer.set_result(frames)

    @property
    def is_over(self) -> bool:
        return self._reader.done()

    async def close(self) -> None:
        self.is_open = False
        if asyncio.current_task() is not self._reader:
            self._reader.cancel()
            with suppress(asyncio.CancelledError):
                await self._reader


class Transport:
    """Connections to the servers of an address, opened as requests need them. Of one event loop."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._connections: list[_Connection | None] = [None] * CONNECTIONS
        self._open: set[_Connection] = set()
        self._locks = [asyncio.Lock() for _ in range(CONNECTIONS)]
        self._turn = count()
        self._host = count()
        self._room = asyncio.Semaphore(MOST_IN_FLIGHT)
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def ask(self, id: uuid.UUID, message: bytes, seconds: float) -> list[bytes]:
        """The frames of the answer. Raises Unavailable where there is none in time, ServerRefused for an error."""
        if self._closed:
            raise Unavailable("the store is closed: the server is shutting down")
        try:
            async with asyncio.timeout(seconds), self._room:
                slot = next(self._turn) % CONNECTIONS
                while True:
                    try:
                        return await (await self._connected(slot)).ask(id, message)
                    except _NotSent:
                        continue
        except TimeoutError as error:
            raise Unavailable(f"the graph server at {self.address} did not answer in {seconds:g} seconds") from error

    async def _connected(self, slot: int) -> _Connection:
        async with self._locks[slot]:
            connection = self._connections[slot]
            if connection is None or not connection.is_open:
                connection = self._connections[slot] = await self._connect()
                self._open = {each for each in self._open if not each.is_over} | {connection}
            return connection

    async def _connect(self) -> _Connection:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        address, failures = self.address, []
        for _ in address.hosts:
            host, port = address.hosts[next(self._host) % len(address.hosts)]
            name = f"[{host}]" if ":" in host else host
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    socket = await self._session.ws_connect(
                        f"{'wss' if address.tls else 'ws'}://{name}:{port}/gremlin",
                        max_msg_size=MOST_FRAME_BYTES,
                        heartbeat=HEARTBEAT_SECONDS,
                        ssl=ssl.create_default_context() if address.tls else True,
                    )
                return _Connection(socket, address)
            except TimeoutError:
                failures.append(f"{host}:{port} did not answer in {CONNECT_SECONDS:g} seconds")
            except (aiohttp.ClientError, OSError) as error:
                failures.append(f"{host}:{port}: {error}")
        raise Unavailable(f"no graph server can be reached ({'; '.join(failures)}): check that it runs, and --store")

    async def close(self) -> None:
        """Break every connection."""
        self._closed = True
        for connection in self._open:
            await connection.close()
        if self._session is not None:
            await self._session.close()
