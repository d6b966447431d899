"""The process of a server: its socket, its bounds on connections, and how it stops."""

import asyncio
import errno
import gc
import logging
import os
import resource
import signal
import socket
import sys
from functools import partial
from math import ceil
from threading import Timer
from types import FrameType
from typing import Any, Final

import structlog
import uvicorn

from lineal import logs
from lineal.app import create_app
from lineal.config import ConfigError, Settings, check_dev
from lineal.connections import Connections
from lineal.http_protocol import MOST_HEAD_BYTES, HTTPConnection, Patience

log = structlog.get_logger()

ACCEPTED_AT_ONCE: Final = 16
"""The connections that asyncio accepts before it hands over the first of them, and thus the most beyond the bounds."""
OTHER_DESCRIPTORS: Final = 192
"""Descriptors kept for what is no admitted connection: database, graph servers, log, reserve, connections refused."""
UNREAD_SECONDS: Final = 60
"""How long an answer may lie without its client taking any of it."""
CLOSING_SECONDS: Final = 3.0
"""The last part of the time to stop, for unfinished writes and the store; a third where that is less."""
_ACCEPT_FAILED: Final = "socket.accept() out of system resource"


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then finish open requests and close the store, within `shutdown_seconds`.

    Raises ConfigError if the address is not available, StoreUnusable or Unavailable if the store cannot be opened.
    """
    logs.configure(settings.log_level)
    check_dev(settings)
    most, most_of_peer = connection_bounds(settings)
    listener = _listen(settings)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"http://{host}:{listener.getsockname()[1]}"

    def ready() -> None:
        print(f"Lineal is ready. GraphiQL: {address}/graphql", flush=True)  # noqa: T201 (the line a script waits for)

    app = create_app(settings, ready)
    connections = Connections(most, most_of_peer, app.state.metrics.count_refused_connection)
    app.state.metrics.connections.set_function(lambda: len(connections))
    patience = Patience(settings.header_seconds, settings.keep_alive_seconds, settings.body_bytes_per_second)
    closing_seconds = min(CLOSING_SECONDS, settings.shutdown_seconds / 3)
    make_connection: Any = partial(HTTPConnection, connections, patience)
    config = uvicorn.Config(
        app,
        http=make_connection,
        ws="none",
        loop="asyncio",
        backlog=ACCEPTED_AT_ONCE,
        h11_max_incomplete_event_size=MOST_HEAD_BYTES,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=settings.shutdown_seconds - closing_seconds,  # type: ignore[arg-type]
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
    )
    logs.capture_uncaught()
    # Objects loaded by now live as long as the process, and most later ones die young: collect less often.
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
    server = _Server(config, connections, settings.shutdown_seconds)
    # The error is printed as one sentence; the traceback that uvicorn would log does not help the user.
    logging.getLogger("uvicorn.error").addFilter(lambda record: not _is_noise(record, hasattr(app.state, "refused")))
    try:
        server.run(sockets=[listener])
    except SystemExit:
        if hasattr(app.state, "refused"):
            raise app.state.refused from None
        raise
    if not server.started:
        sys.exit(1)


def connection_bounds(settings: Settings) -> tuple[int, int]:
    """The most connections, in all and by peer, that the settings and the process's descriptors allow.

    Raises the soft limit of descriptors as far as needed. Raises ConfigError if there are too few for any.
    """
    most, most_of_peer = settings.max_connections, settings.max_connections_per_address
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = most + OTHER_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        available = soft - OTHER_DESCRIPTORS
        if available < 1:
            raise ConfigError(
                f"the process may have {soft} open files, and needs more than {OTHER_DESCRIPTORS}: raise the limit "
                "with `ulimit -n 1200`, or LimitNOFILE of its systemd unit"
            )
        if available < most:
            most_of_peer = max(1, most_of_peer * available // most)
            log.warning("fewer connections than max_connections", connections=available, open_files=soft)
            most = available
    return most, most_of_peer


class _Server(uvicorn.Server):
    """uvicorn's server, which closes overdue connections and ends in time, whatever runs."""

    def __init__(self, config: uvicorn.Config, connections: Connections, shutdown_seconds: float) -> None:
        super().__init__(config)
        self._connections, self._shutdown_seconds = connections, shutdown_seconds

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().set_exception_handler(self._handle_loop_error)
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(socket.SOMAXCONN)

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:
            self._connections.sweep(asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._connections.report()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop. Asked to by a second Ctrl+C, end at once: what has been acknowledged is on the disk."""
        if self.should_exit and sig == signal.SIGINT:
            self._end(sig)
        if not self.should_exit:
            timer = Timer(self._shutdown_seconds, self._end, [sig])
            timer.daemon = True
            timer.start()
            # The timer needs Python's lock, which a library may hold: then the system ends the process.
            signal.alarm(ceil(self._shutdown_seconds) + 1)
        super().handle_exit(sig, frame)

    def _end(self, sig: int) -> None:
        log.warning("stopped before all work had ended", requests=len(self.server_state.tasks))
        os._exit(128 + sig)

    def _handle_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if context.get("message") == _ACCEPT_FAILED:
            self._connections.note("out_of_descriptors")
        else:
            loop.default_exception_handler(context)


def _is_noise(record: logging.LogRecord, is_refused: bool) -> bool:
    return is_refused or record.msg == "Invalid HTTP request received."


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # asyncio sets TCP_NODELAY only on sockets whose protocol is IPPROTO_TCP.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_SECONDS * 1000)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(socket.SOMAXCONN)
    # UnicodeError: a label of a host name is too long.
    except (OSError, UnicodeError) as error:
        listener.close()
        reason = error.strerror if isinstance(error, OSError) else "no such host"
        is_foreign = not isinstance(error, OSError) or isinstance(error, socket.gaierror)
        if is_foreign or getattr(error, "errno", None) == errno.EADDRNOTAVAIL:
            raise ConfigError(
                f"host is {settings.host}, which cannot be listened on ({reason}): give an address of this machine"
            ) from error
        raise ConfigError(
            f"cannot listen on port {settings.port} of {settings.host} ({reason}): stop the program that uses it, or "
            "choose another port with --port"
        ) from error
    listener.setblocking(False)
    return listener
