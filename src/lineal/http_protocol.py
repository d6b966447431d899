"""HTTP connections: uvicorn's, with bounds on their number and on the time a client may take.

A client has a number of seconds for the head of a request, the same for the beginning of a body, which then has to
arrive at a minimum rate, and a time for its next request.
"""

import asyncio
import sys
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, Final, cast

import h11
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from lineal.connections import Connections, peer_of
from lineal.http_auth.middleware import refusal_response
from lineal.schema.errors import UNAVAILABLE

MOST_HEAD_BYTES: Final = 32 * 1024
MOST_HEADERS: Final = 100
_FULL: Final = "The server has as many open requests as it accepts: send this again a little later."


@dataclass(frozen=True, slots=True)
class Patience:
    """The times, in seconds, that a client may take, and the slowest rate of a body, in bytes per second."""

    head: float
    idle: float
    body_rate: int


class _Turn(Enum):
    """What a connection waits for."""

    REQUEST = auto()
    HEAD = auto()
    BODY = auto()
    ANSWER = auto()
    REST = auto()
    """The rest of a body that was answered before it was read."""


class HTTPConnection(H11Protocol):
    """A connection to a client, closed if the client is too slow or the connection is over the bounds."""

    def __init__(
        self,
        connections: Connections,
        patience: Patience,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.peer = ""
        self._bounds, self._patience = connections, patience
        self._turn, self._since, self._received = _Turn.HEAD, self.loop.time(), 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.peer = peer_of(self.client[0] if self.client else "")
        if not self._bounds.admit(self):
            self.app = cast(Any, _Reserve(self.app))

    def connection_lost(self, exc: Exception | None) -> None:
        self._bounds.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._take_turn(_Turn.HEAD)
        self._received += len(data)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        has_begun, _ = self.conn.trailing_data
        self._take_turn(_Turn.HEAD if has_begun else _Turn.REQUEST)

    def abort(self) -> None:
        self.transport.abort()

    def overdue(self, now: float) -> str | None:
        waited = now - self._since
        match self._turn:
            case _Turn.REQUEST if waited > self._patience.idle:
                return "idle"
            case _Turn.HEAD if waited > self._patience.head:
                return "slow_head"
            case _Turn.REST if waited > self._patience.head:
                return "unread_body"
            case _Turn.BODY if self.flow.read_paused:
                self._since, self._received = now, 0
            case _Turn.BODY if waited > self._patience.head + self._received / self._patience.body_rate:
                return "slow_body"
        return None

    def _take_turn(self, between_requests: _Turn) -> None:
        """Note what the connection waits for now; between two requests, it is the turn that is passed."""
        turn = _Turn.ANSWER
        if self.conn.their_state is h11.IDLE:
            turn = between_requests
        elif self.conn.their_state is h11.SEND_BODY:
            turn = _Turn.REST if self.cycle.response_complete else _Turn.BODY
        if turn is not self._turn:
            self._turn, self._since, self._received = turn, self.loop.time(), 0
            if turn in (_Turn.BODY, _Turn.ANSWER):
                self._bounds.works(self)
            else:
                self._bounds.waits(self)

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP, with the status that h11 suggests, and close the connection."""
        error = sys.exc_info()[1]
        status = error.error_status_hint if isinstance(error, h11.ProtocolError) else 400
        problem = f"The request is not valid HTTP: {error or msg}."[:300]
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            content = JSONResponse({"problems": [problem]}).body
            headers = {"Content-Type": "application/json", "Content-Length": f"{len(content)}", "Connection": "close"}
            head = h11.Response(status_code=status, headers=list(headers.items()), reason=HTTPStatus(status).phrase)
            for event in (head, h11.Data(data=bytes(content)), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        if self.cycle is not None:
            # The application gets no more of the body, and its own answer is dropped.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._bounds.note("not_http")
        self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        """Ignore the wish for another protocol, as HTTP allows: there is no subscription to serve."""


def head_problem(scope: Scope) -> tuple[int, str] | None:
    """The status and the message for a head that this server does not accept; None if it does."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    size = len(scope["path"]) + len(scope["query_string"]) + sum(len(name) + len(value) for name, value in headers)
    if size > MOST_HEAD_BYTES:
        return 431, f"The head of the request is larger than {MOST_HEAD_BYTES} bytes: send a query by POST."
    if len(headers) > MOST_HEADERS:
        return 431, f"The request has more than {MOST_HEADERS} headers: send fewer."
    if {b"content-length", b"transfer-encoding"} <= {name for name, _ in headers}:
        return 400, "A request has Content-Length or Transfer-Encoding, not both."
    if scope.get("http_version", "1.1") not in ("1.0", "1.1"):
        return 505, "This server speaks HTTP 1.1."
    return None


class AcceptableHeads:
    """Middleware that refuses oversized and ambiguous heads of requests, and closes their connections."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = head_problem(scope) if scope["type"] == "http" else None
        if problem is None:
            await self._app(scope, receive, send)
            return
        status, message = problem
        await JSONResponse({"problems": [message]}, status, {"Connection": "close"})(scope, receive, send)


class _Reserve:
    """The application of a connection above the bounds: `/healthz`, and 503 for everything else."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/healthz":
            await self._app(scope, receive, send)
            return
        headers = {"Retry-After": "1", "Connection": "close"}
        await refusal_response(Request(scope), 503, _FULL, UNAVAILABLE, **headers)(scope, receive, send)
