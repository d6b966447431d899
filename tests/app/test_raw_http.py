"""Requests that no HTTP library sends are answered sensibly, and every line of the log is JSON, whatever clients do."""

import json
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import sleep

import pytest
from raw_connections import connected, received, status
from server_process import Server, serving

QUERY = b'{"query": "{ viewer { account } }"}'
HOST = b"Host: 127.0.0.1\r\n"
JSON = b"Content-Type: application/json\r\n"
CLOSE = b"Connection: close\r\n"
POST = b"POST /graphql HTTP/1.1\r\n" + HOST + JSON
LARGE_ANSWER = b'{"query": "{ __schema { types { name fields { name description args { name description } } } } }"}'


def posted(body: bytes, headers: bytes = b"") -> bytes:
    """A POST request with a body and some more headers."""
    return POST + headers + b"Content-Length: %d\r\n\r\n" % len(body) + body


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving("memory:", tmp_path_factory.mktemp("raw")) as running:
        yield running


@pytest.mark.parametrize(
    ("sent", "expected", "message"),
    [
        (b"no HTTP\r\n\r\n", 400, "not valid HTTP"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 50 + b"\r\n\r\n", 400, "not valid HTTP"),
        (b"GET /healthz HTTP/1.1\r\n\r\n", 400, "Host"),
        (b"GET /healthz HTTP/1.1\r\n" + HOST + HOST + b"\r\n", 400, "Host"),
        (b"GET /healthz HTTP/1.1\r\nHost : a\r\n\r\n", 400, "header"),
        (b"GET /healthz HTTP/2.0\r\n" + HOST + b"\r\n", 505, "HTTP 1.1"),
        (b"GET /healthz HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 40_000 + b"\r\n\r\n", 431, "larger than 32768 bytes"),
        (b"GET /healthz HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 400_000, 431, "not valid HTTP"),
        (b"GET /healthz?" + b"a" * 40_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 431, "send a query by POST"),
        (b"GET /healthz HTTP/1.1\r\n" + HOST + b"X: a\r\n" * 200 + b"\r\n", 431, "more than 100 headers"),
        (posted(QUERY, b"Content-Length: 3\r\n"), 400, "Content-Length"),
        (posted(QUERY, b"Transfer-Encoding: chunked\r\n"), 400, "not both"),
        (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, "chunked"),
        (POST + b"Transfer-Encoding: chunked\r\n\r\nnothing\r\n", 400, "not valid HTTP"),
        (POST + b"Content-Length: -1\r\n\r\n", 400, "Content-Length"),
        (b"NONSENSE /graphql HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n", 405, "Method Not Allowed"),
        (b"TRACE /healthz HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n", 405, "Method Not Allowed"),
        (b"GET http://127.0.0.1/healthz HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n", 404, "Not Found"),
        (b"GET /healthz HTTP/1.0\r\n" + HOST + b"\r\n", 200, "ok"),
        (posted(QUERY, b"Expect: 100-continue\r\n" + CLOSE), 100, '"account":"local"'),
        (
            b"GET /graphql HTTP/1.1\r\n" + HOST + b"Connection: Upgrade, close\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            400,
            "query is missing",
        ),
    ],
)
def test_requests_out_of_the_ordinary(server: Server, sent: bytes, expected: int, message: str) -> None:
    with connected(server) as connection:
        connection.sendall(sent)
        answer = received(connection)
    assert int(answer.split()[1]) == expected, answer[:300]
    assert message.encode() in answer


def test_requests_in_a_row_are_answered_in_order(server: Server) -> None:
    with connected(server) as connection:
        connection.sendall(b"".join(posted(QUERY, b"X-Request-Id: n%d\r\n" % n) for n in range(20)))
        connection.sendall(b"GET /healthz HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n")
        answer = received(connection)
    assert answer.count(b'"account":"local"') == 20
    places = [answer.index(b"x-request-id: n%d\r\n" % n) for n in range(20)]
    assert places == sorted(places)
    assert answer.endswith(b'{"status":"ok"}')


def test_every_line_of_the_log_is_json(tmp_path: Path) -> None:
    with serving("memory:", tmp_path) as server:
        for sent in (
            b"",
            b"GE",
            b"\0\xff\x80\r\n\r\n",
            POST + b"Content-Length: 1000\r\n\r\n{",
            POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc",
            POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabcdeXX\r\nrubbish",
            b"POST /api/v1/lineage HTTP/1.1\r\n" + HOST + JSON + b"Content-Length: 1000\r\n\r\n{",
            b"POST /api/v1/lineage/batch HTTP/1.1\r\n" + HOST + JSON + b"Content-Length: 1000\r\n\r\n[",
            posted(LARGE_ANSWER),
            posted(LARGE_ANSWER) * 20,
            b"GET /%0a%22%00?query=%7b HTTP/1.1\r\n" + HOST + b"\r\n",
        ):
            for is_reset in (True, False):
                connection = connected(server)
                connection.sendall(sent)
                sleep(0.05)
                if is_reset:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                else:
                    connection.shutdown(socket.SHUT_WR)
                connection.close()
        assert status(server, "/healthz") == 200
        assert server.stop() == -signal.SIGTERM
        lines = [json.loads(line) for line in server.log.read_text().splitlines()]
        printed = server.process.stdout
        assert printed is not None
        assert printed.read() == "", "the first line said that the server is ready"
    assert not [line for line in lines if line.get("status", 0) >= 500 or "exception" in line]
    assert sum(line.get("status") == 499 for line in lines) >= 6, "clients that went away"


def test_a_failed_start_is_logged_as_json() -> None:
    for arguments in (
        ["--store", "memory:", "--port", "0"],
        ["--config", "absent.toml"],
    ):
        command = [sys.executable, "-m", "lineal", "serve", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 1
        (line,) = [json.loads(line) for line in done.stderr.splitlines()]
        assert line["level"] == "critical"


def test_uncaught_errors_are_logged_as_json() -> None:
    script = """
import threading, warnings, logging, asyncio
from lineal import logs
logs.configure("info")
logs.capture_uncaught()
warnings.warn("careful")
logging.getLogger("library").error("two\\nlines %s", "here")
class Broken:
    def __del__(self): raise ValueError("in __del__")
Broken()
thread = threading.Thread(target=lambda: 1 / 0)
thread.start(); thread.join()
async def main(): asyncio.get_running_loop().call_soon(lambda: 1 / 0); await asyncio.sleep(0.01)
asyncio.run(main())
raise RuntimeError("last")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    text = json.dumps(lines)
    parts = ("careful", "two\\nlines here", "in __del__", "ZeroDivisionError", "error of a thread", "last")
    for part in parts:
        assert part in text, part
    assert done.returncode == 1
