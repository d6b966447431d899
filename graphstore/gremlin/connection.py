"""One websocket to a graph server, and the requests that wait for answers on it."""

import asyncio
import base64
import socket
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import aiohttp

from lineal.graphstore.errors import Unavailable
from lineal.graphstore.gremlin.messages import ServerRefused, head, login_message, refusal

PING_SECONDS: Final = 1.5
"""After how many seconds of silence the server is pinged."""
PONG_SECONDS: Final = 3.0
"""How many seconds the server has for its pong. A busy server is in time, a frozen one is not."""

_CLOSE_SECONDS: Final = 1.0
_OK: Final = (200, 204)
_MORE: Final = 206
UNAUTHORIZED: Final = 401
LOGIN_REQUIRED: Final = 407


class NotSent(Exception):
    """The connection was broken before anything of the request was sent."""


class Socket(aiohttp.ClientWebSocketResponse):
    """A websocket that waits PONG_SECONDS for a pong: aiohttp's half of `heartbeat` is too short for Java."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._pong_heartbeat = PONG_SECONDS


class Connection:
    """A websocket for many requests at once. Each request receives its answer, or an error when the connection ends.

    `secret` is the answer to a login request of the server, "" without a login. `over` is called when the connection
    has ended, with whether the server had stopped answering pings.
    """

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse, secret: str, over: Callable[[bool], None]) -> None:
        self._websocket, self._secret, self._over = websocket, secret, over
        self._waiting: dict[uuid.UUID, tuple[list[bytes], asyncio.Future[list[bytes]]]] = {}
        self._socket = websocket.get_extra_info("socket")
        self._is_login_sent = False
        self.is_open = True
        """Whether the connection takes new requests."""
        self._reader = asyncio.create_task(self._read())

    async def ask(self, id: uuid.UUID, message: bytes) -> list[bytes]:
        """Return the frames of the answer. Raises NotSent, Unavailable or ServerRefused."""
        if not self.is_open:
            raise NotSent
        answer: asyncio.Future[list[bytes]] = asyncio.get_running_loop().create_future()
        self._waiting[id] = ([], answer)
        try:
            await self._websocket.send_bytes(message)
            return await answer
        except aiohttp.ClientConnectionResetError as error:
            # aiohttp found the connection closing, and sent nothing.
            self.retire()
            raise NotSent from error
        except (aiohttp.ClientError, OSError) as error:
            self.retire()
            if answer.done():
                return answer.result()  # the reader knows the cause better
            raise Unavailable(f"the connection to the graph server broke ({error})") from error
        finally:
            del self._waiting[id]
            if answer.done() and not answer.cancelled():
                answer.exception()  # marks it as retrieved, so that asyncio does not log it
            self._end_if_idle()

    def retire(self) -> None:
        """Take no new requests, and close when the running ones have ended."""
        self.is_open = False
        self._end_if_idle()

    def _end_if_idle(self) -> None:
        if not self.is_open and not self._waiting:
            self._reader.cancel()

    async def close(self) -> None:
        """Close the connection at once."""
        self.is_open = False
        self._reader.cancel()
        await asyncio.wait([self._reader])

    async def _read(self) -> None:
        why = "the store was closed"
        try:
            why = await self._take_all()
        except (aiohttp.ClientError, OSError) as error:
            why = f"the connection to the graph server broke ({error!r})"
        except Unavailable as error:
            why = str(error)
        except Exception as error:  # a damaged frame can make its reader raise anything
            why = f"the graph server sent what is no answer ({error!r})"
        finally:
            self.is_open = False
            is_silent = isinstance(self._websocket.exception(), aiohttp.ServerTimeoutError)
            if is_silent:
                why = f"the graph server gave no sign of life for {PING_SECONDS + PONG_SECONDS:g} seconds"
            for _, answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(Unavailable(why))
            self._over(is_silent)
            await self._let_go()

    async def _let_go(self) -> None:
        try:
            with suppress(aiohttp.ClientError, OSError, TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await self._websocket.close()
        finally:
            # If the server reads nothing more, the socket would stay open, and a running send would wait for ever.
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    @property
    def is_over(self) -> bool:
        """Whether the connection has ended and its socket is closed."""
        return self._reader.done()

    async def _take_all(self) -> str:
        """Handle messages until the connection ends, and return the reason why it ended."""
        while True:
            message = await self._websocket.receive()
            match message.type:
                case aiohttp.WSMsgType.BINARY:
                    await self._take(message.data)
                case aiohttp.WSMsgType.CLOSE:
                    return f"the graph server closed the connection ({message.data} {message.extra or ''})"
                case aiohttp.WSMsgType.CLOSED | aiohttp.WSMsgType.CLOSING:
                    return "the connection to the graph server broke"
                case aiohttp.WSMsgType.ERROR:
                    return f"the connection to the graph server broke ({message.data})"
                case other:
                    return f"the graph server sent a {other.name} message, which no graph server should"

    async def _take(self, frame: bytes) -> None:
        begins = head(frame)
        if begins.id is None:
            # The server does not say which request it could not read, so all of them fail.
            raise refusal(frame)
        if begins.id not in self._waiting:
            return  # the caller of this request has gone
        frames, answer = self._waiting[begins.id]
        if begins.code == LOGIN_REQUIRED and self._secret and not self._is_login_sent:
            self._is_login_sent = True
            await self._websocket.send_bytes(login_message(begins.id, self._secret))
        elif answer.done():
            pass
        elif begins.code == _MORE:
            frames.append(frame)
        elif begins.code in _OK:
            answer.set_result([*frames, frame])
        else:
            answer.set_exception(refusal(frame))


def plain_secret(user: str, password: str) -> str:
    """Return the login of a user by SASL's PLAIN mechanism, in base64; "" without a user."""
    return base64.b64encode(f"\0{user}\0{password}".encode()).decode() if user else ""


def access_problem(error: ServerRefused, has_user: bool) -> str | None:
    """Return what to do if the server refused the login; None if it refused the request for another reason."""
    if error.code == LOGIN_REQUIRED and not has_user:
        return "the graph server asks for a user: set store_user and store_password (LINEAL_STORE_USER, ..._PASSWORD)"
    if error.code in (UNAUTHORIZED, LOGIN_REQUIRED):
        return f"the graph server refused the login ({error.message[:200]}): check store_user and store_password"
    return None
