"""Connections to a server on the level of bytes, from any address of loopback."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from urllib.parse import urlsplit

from server_process import Server

HEAD = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"


def connected(server: Server, address: str = "127.0.0.1") -> socket.socket:
    """A new connection to the server from an address of loopback."""
    connection = socket.socket()
    connection.bind((address, 0))
    connection.settimeout(20)
    connection.connect(("127.0.0.1", urlsplit(server.url).port))
    return connection


@contextmanager
def many(server: Server, number: int, sent: bytes = b"") -> Iterator[list[socket.socket]]:
    """Connections from 127.0.0.1 that have sent some bytes, closed with the block."""
    connections = [connected(server) for _ in range(number)]
    try:
        for connection in connections:
            with suppress(ConnectionError):
                connection.sendall(sent)
        yield connections
    finally:
        for connection in connections:
            connection.close()


def received(connection: socket.socket) -> bytes:
    """All bytes of the server until it closes the connection."""
    parts = []
    with suppress(ConnectionError):
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def status(server: Server, path: str, address: str = "127.0.0.1") -> int:
    """The status of a GET request on a connection of its own; 0 without an answer."""
    with connected(server, address) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        answer = received(connection)
    return int(answer.split()[1]) if answer else 0


def seconds_until_closed(connection: socket.socket) -> float:
    """How long the server leaves a connection open."""
    begun = monotonic()
    received(connection)
    return monotonic() - begun
