"""One websocket to a graph server, and the requests that wait for their answers on it."""

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
"""How long a server may be silent before it is asked for a sign of life."""
PONG_SECONDS: Final = 3.0
"""How long it has to give one. It gives it while it works, and while a long answer is on its way; not when it is frozen
or cut off."""

_CLOSE_SECONDS: Final = 1.0
_OK: Final = (200, 204)
_MORE: Final = 206
UNAUTHORIZED: Final = 401
ASKS_WHO: Final = 407


class NotSent(Exception):
    """The connection was broken before anything of the request was sent."""


class Socket(aiohttp.ClientWebSocketResponse):
    """A websocket with a patience of its own: aiohttp's is half of `heartbeat`, less than Java's collector may take."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._pong_heartbeat = PONG_SECONDS


class Connection:
    """A websocket of many requests at once, each of which is told its answer, or that there will be none.

    `secret` is what the server is told when it asks who one is, "" where it is not to ask. `over` is called when the
    connection has ended, with whether that was because the server gave no sign of life.
    """

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse, secret: str, over: Callable[[bool], None]) -> None:
        self._websocket, self._secret, self._over = websocket, secret, over
        self._waiting: dict[uuid.UUID, tuple[list[bytes], asyncio.Future[list[bytes]]]] = {}
        self._socket = websocket.get_extra_info("socket")
        self._has_told = False
        self.is_open = True
        """Whether new requests may be put on it."""
        self._reader = asyncio.create_task(self._read())

    async def ask(self, id: uuid.UUID, message: bytes) -> list[bytes]:
        """The frames of the answer. Raises NotSent, or Unavailable."""
        if not self.is_open:
            raise NotSent
        answer: asyncio.Future[list[bytes]] = asyncio.get_running_loop().create_future()
        self._waiting[id] = ([], answer)
        try:
            await self._websocket.send_bytes(message)
            return await answer
        except aiohttp.ClientConnectionResetError as error:
            # What aiohttp raises where it finds the connection closing, and sends nothing.
            self.retire()
            raise NotSent from error
        except (aiohttp.ClientError, OSError) as error:
            self.retire()
            if answer.done():
                return answer.result()  # the reader knows better why
            raise Unavailable(f"the connection to the graph server broke ({error})") from error
        finally:
            del self._waiting[id]
            if answer.done() and not answer.cancelled():
                answer.exception()  # else it is logged, where the sending failed first
            self._end_if_idle()

    def retire(self) -> None:
        """Take no new requests, and end when those under way have ended."""
        self.is_open = False
        self._end_if_idle()

    def _end_if_idle(self) -> None:
        if not self.is_open and not self._waiting:
            self._reader.cancel()

    async def close(self) -> None:
        """End it at once."""
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
        except Exception as error:  # whatever a damaged frame makes its reader raise
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
            # With a peer that takes nothing more, the socket would stay, and whoever is sending would wait.
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left of it."""
        return self._reader.done()

    async def _take_all(self) -> str:
        """Take what the server sends until the connection ends; why it did."""
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
            # Whose request it could not read the server does not say, so that all have to be told.
            raise refusal(frame)
        if begins.id not in self._waiting:
            return  # an answer that nobody waits for any more
        frames, answer = self._waiting[begins.id]
        if begins.code == ASKS_WHO and self._secret and not self._has_told:
            self._has_told = True
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
    """What a server is told that asks who one is, by SASL's PLAIN; "" where there is no user."""
    return base64.b64encode(f"\0{user}\0{password}".encode()).decode() if user else ""


def access_problem(error: ServerRefused, has_user: bool) -> str | None:
    """What to do where a server refused because of who asked; None where it refused because of something else."""
    if error.code == ASKS_WHO and not has_user:
        return "the graph server asks for a user: set store_user and store_password (LINEAL_STORE_USER, ..._PASSWORD)"
    if error.code in (UNAUTHORIZED, ASKS_WHO):
        return f"the graph server refused the login ({error.message[:200]}): check store_user and store_password"
    return None
