"""Requests to graph servers, over a few connections that many callers share.

Each request has an id, so a late answer is dropped and never taken for the answer to another request. The deadline of a
request includes connecting. The next request replaces a broken connection; no request is sent twice.

Of several hosts all connections use one, until it fails: then all move to the next. The clocks of two JanusGraph
servers differ, and on Cassandra the write with the later clock wins.
"""

import asyncio
import ssl
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from time import monotonic
from typing import Final
from urllib.parse import unquote, urlsplit

import aiohttp
from gremlin_python.process.anonymous_traversal import traversal

from lineal.graphstore.errors import StoreUnusable, Unavailable
from lineal.graphstore.gremlin.connection import PING_SECONDS, Connection, NotSent, Socket, access_problem, plain_secret
from lineal.graphstore.gremlin.messages import ServerRefused, bytecode_message

CONNECT_SECONDS: Final = 4.0
WHILE_DOWN_SECONDS: Final = 0.5
"""How long a request waits for a connection to a server that is known to be down, before it fails."""
CONNECTIONS: Final = 4
MOST_IN_FLIGHT: Final = 64
MOST_FRAME_BYTES: Final = 256 * 1024 * 1024
_SENDS: Final = 3
_CLOSED: Final = "the store is closed: the server is shutting down"
_NOTHING: Final = traversal().with_(None).inject(0)
_PORT: Final = 8182


class AccessRefused(Unavailable):
    """The server does not trust this process, or this process does not trust the server: a retry does not help."""


@dataclass(frozen=True, slots=True)
class Address:
    """Hosts of the graph servers: `gremlin://host[:port][,host[:port]...][/source]`, or `gremlins://` for TLS."""

    hosts: tuple[tuple[str, int], ...]
    source: str = "g"
    tls: bool = False
    user: str = ""
    password: str = field(default="", repr=False)
    ca: str = ""
    """File of the certificates to trust instead of the system's."""

    @classmethod
    def parsed(cls, url: str, user: str = "", password: str = "", ca: str = "") -> "Address":
        """Return the address that a URL names. Raises StoreUnusable with an example of a valid URL."""
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
        tls = parts.scheme == "gremlins"
        if ca and not tls:
            raise StoreUnusable(f"store_ca is set, and {url!r} is without TLS: give gremlins://, or unset store_ca")
        return cls(tuple(hosts), unquote(parts.path.strip("/")) or "g", tls, user, password, ca)

    def trust(self) -> ssl.SSLContext | bool:
        """Return the TLS context that checks the server's certificate, or True without TLS. Raises StoreUnusable."""
        if not self.tls:
            return True
        try:
            return ssl.create_default_context(cafile=self.ca or None)
        except OSError as error:
            raise StoreUnusable(
                f"store_ca is {self.ca!r}, which cannot be read ({error}): name a file of certificates in PEM form"
            ) from error

    def __str__(self) -> str:
        return ", ".join(f"{host}:{port}" for host, port in self.hosts)


class Transport:
    """Connections to the servers of an address, opened when a request needs one. Belongs to one event loop."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.connects = 0
        """Number of connections opened so far: a new connection may lead to another server, or to a restarted one."""
        self._trust = address.trust()
        self._secret = plain_secret(address.user, address.password)
        self._at = 0
        self._slots: list[Connection | None] = [None] * CONNECTIONS
        self._attempts: dict[int, tuple[asyncio.Task[Connection], float]] = {}
        self._all: set[Connection] = set()
        self._turn = count()
        self._room = asyncio.Semaphore(MOST_IN_FLIGHT)
        self._session: aiohttp.ClientSession | None = None
        self._is_down = self._closed = False

    async def ask(self, id: uuid.UUID, message: bytes, seconds: float) -> list[bytes]:
        """Return the frames of the answer. Raises Unavailable after `seconds`, ServerRefused for an error."""
        slot = next(self._turn) % CONNECTIONS
        connection: Connection | None = None
        try:
            async with asyncio.timeout(seconds):
                for _ in range(_SENDS):
                    connection = await self._connected(slot)
                    async with self._room:
                        with suppress(NotSent):
                            return await connection.ask(id, message)
        except TimeoutError as error:
            if connection is not None:
                connection.retire()  # The connection may be dead.
            raise Unavailable(f"the graph server at {self.address} did not answer in {seconds:g} seconds") from error
        except ServerRefused as error:
            raise self._access_refused(error) or error from None
        raise Unavailable(f"the graph server at {self.address} takes connections and ends them at once: see its log")

    def _access_refused(self, error: ServerRefused) -> AccessRefused | None:
        problem = access_problem(error, has_user=bool(self._secret))
        return AccessRefused(problem) if problem else None

    async def _connected(self, slot: int) -> Connection:
        if self._closed:
            raise Unavailable(_CLOSED)
        connection = self._slots[slot]
        if connection is not None and connection.is_open:
            return connection
        if slot not in self._attempts:
            made = asyncio.create_task(self._connect(slot))
            made.add_done_callback(lambda done: self._attempted(slot, done))
            self._attempts[slot] = made, monotonic()
        attempt, since = self._attempts[slot]
        for other in self._slots:
            if other is not None and other.is_open:
                return other
        # While the server is down, a request fails soon, and the attempt goes on for the requests after it.
        left = max(0, since + WHILE_DOWN_SECONDS - monotonic())
        await asyncio.wait([attempt], timeout=left if self._is_down else None)
        if not attempt.done():
            raise Unavailable(f"the graph server at {self.address} does not answer: check that it runs")
        if attempt.cancelled():
            raise Unavailable(_CLOSED)
        return attempt.result()

    def _attempted(self, slot: int, attempt: asyncio.Task[Connection]) -> None:
        del self._attempts[slot]
        self._is_down = attempt.cancelled() or attempt.exception() is not None

    async def _connect(self, slot: int) -> Connection:
        hosts = self.address.hosts
        failures: list[str] = []
        kind: type[Unavailable] = Unavailable
        while len(failures) < len(hosts):
            at = self._at
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    connection = await self._opened(at)
            except TimeoutError as error:
                problem = f"it did not answer in {CONNECT_SECONDS:g} seconds{self._tls_hint(error)}"
            except aiohttp.ClientConnectorCertificateError as error:
                kind = AccessRefused
                problem = (
                    f"its certificate is not trusted ({error.certificate_error}): name its authority with store_ca, "
                    "and the host as the certificate does"
                )
            except Unavailable as error:
                kind = AccessRefused if isinstance(error, AccessRefused) else kind
                problem = str(error)
            except NotSent:
                problem = "it ended the connection at once"
            except (aiohttp.ClientError, OSError) as error:
                said = error.strerror if isinstance(error, aiohttp.ClientConnectorError) else str(error)
                problem = f"{said}{self._tls_hint(error)}"
            else:
                if at == self._at:
                    self._slots[slot] = connection
                    return connection
                connection.retire()  # The other connections have moved to the next host meanwhile.
                continue
            failures.append(f"{hosts[at][0]}:{hosts[at][1]}: {problem}")
            self._leave(at)
        raise kind(f"no graph server can be reached ({'; '.join(failures)}): check that it runs, and --store")

    def _tls_hint(self, error: Exception) -> str:
        if self.address.tls and isinstance(error, aiohttp.ClientConnectorSSLError | TimeoutError):
            return "; if it is without TLS, give gremlin://"
        if not self.address.tls and isinstance(error, aiohttp.ServerDisconnectedError):
            return "; if it asks for TLS, give gremlins://"
        return ""

    async def _opened(self, at: int) -> Connection:
        if self._session is None:
            # No DNS cache: a host name may get a new address. No limit: a closing connection must not delay a new one.
            connector = aiohttp.TCPConnector(limit=0, use_dns_cache=False)
            self._session = aiohttp.ClientSession(connector=connector, ws_response_class=Socket)
        host, port = self.address.hosts[at]
        name = f"[{host}]" if ":" in host else host
        websocket = await self._session.ws_connect(
            f"{'wss' if self.address.tls else 'ws'}://{name}:{port}/gremlin",
            max_msg_size=MOST_FRAME_BYTES,
            heartbeat=PING_SECONDS,
            ssl=self._trust,
        )
        connection = Connection(websocket, self._secret, lambda is_silent: self._ended(at, is_silent))
        self.connects += 1
        self._all = {each for each in self._all if not each.is_over} | {connection}
        if self._secret:
            # Servers refuse further requests on a connection until the login of its first request is done.
            try:
                await connection.ask(*bytecode_message(_NOTHING.bytecode, self.address.source))
            except ServerRefused as error:
                if refused := self._access_refused(error):
                    connection.retire()
                    raise refused from error
            except BaseException:
                connection.retire()
                raise
        return connection

    def _ended(self, at: int, is_silent: bool) -> None:
        if is_silent:
            self._is_down = len(self.address.hosts) == 1
            self._leave(at)

    def _leave(self, at: int) -> None:
        """Move all connections to the next host, if host number `at` is still in use."""
        if at == self._at and len(self.address.hosts) > 1:
            self._at = (at + 1) % len(self.address.hosts)
            for connection in self._slots:
                if connection is not None:
                    connection.retire()

    async def close(self) -> None:
        """Close every connection."""
        self._closed = True
        attempts = [attempt for attempt, _ in self._attempts.values()]
        for attempt in attempts:
            attempt.cancel()
        await asyncio.gather(*attempts, return_exceptions=True)
        await asyncio.gather(*(connection.close() for connection in self._all))
        if self._session is not None:
            await self._session.close()
