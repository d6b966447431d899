"""Connections are bounded, slow clients are cut off, and others are served meanwhile."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest
from raw_connections import HEAD, connected, many, received, seconds_until_closed, status
from server_process import Server, serving

from lineal.connections import RESERVE, Connections, peer_of

BODY = b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"
OTHER = "127.0.0.2"


class Fake:
    """A connection that notes that it was closed."""

    def __init__(self, peer: str) -> None:
        self.peer, self.is_closed = peer, False

    def abort(self) -> None:
        self.is_closed = True

    def overdue(self, now: float) -> str | None:
        return None


def test_a_new_connection_replaces_the_longest_waiting_of_its_peer() -> None:
    bounds = Connections(10, 3)
    first, second, third, other, fourth, fifth = [Fake(peer) for peer in "aaabaa"]
    for connection in (first, second, third, other):
        assert bounds.admit(connection)
    bounds.works(first)
    bounds.works(second)
    bounds.waits(second)
    assert bounds.admit(fourth)
    assert bounds.admit(fifth)
    assert [each.is_closed for each in (first, second, third, other, fourth, fifth)] == [0, 1, 1, 0, 0, 0]
    assert len(bounds) == 4


def test_at_the_bound_of_all_the_largest_peer_gives_way() -> None:
    bounds = Connections(4, 3)
    connections = [Fake(peer) for peer in "abbbcd"]
    assert all(map(bounds.admit, connections))
    assert [each.is_closed for each in connections] == [0, 1, 1, 0, 0, 0]


def test_without_a_waiting_connection_a_new_one_is_in_reserve() -> None:
    bounds = Connections(2, 2)
    working = [Fake("a"), Fake("b")]
    for connection in working:
        assert bounds.admit(connection)
        bounds.works(connection)
    reserve = [Fake(f"{n}") for n in range(RESERVE + 3)]
    assert not any(map(bounds.admit, reserve))
    assert [each.is_closed for each in reserve] == [True] * 3 + [False] * RESERVE
    for connection in [*reserve, *working]:
        bounds.forget(connection)
    assert len(bounds) == 0
    assert bounds._peers == {}


def test_an_ipv6_host_is_counted_by_its_network() -> None:
    assert peer_of("2001:db8::1") == peer_of("2001:db8::ffff:1") != peer_of("2001:db8:0:1::1")
    assert peer_of("::ffff:10.0.0.1") == peer_of("10.0.0.1") == "10.0.0.1"
    assert peer_of("fe80::1%eth0") == "fe80::"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("bounded")
    config = folder / "lineal.toml"
    config.write_text(
        "max_connections = 40\nmax_connections_per_address = 20\nheader_seconds = 2.0\nkeep_alive_seconds = 2\n"
        "body_bytes_per_second = 100\n"
    )
    with serving("memory:", folder, "--config", str(config)) as running:
        yield running


@pytest.mark.parametrize("sent", [b"", HEAD, HEAD + b"X: "])
def test_idle_connections_keep_nobody_out(server: Server, sent: bytes) -> None:
    with many(server, 120, sent):
        for address in ("127.0.0.1", OTHER):
            assert [status(server, path, address) for path in ("/healthz", "/readyz", "/schema.graphql")] == [200] * 3


def test_where_all_connections_are_in_a_request_only_health_is_answered(server: Server) -> None:
    body = BODY + b" " * 4000  # in time for 40 seconds, at 100 bytes a second
    with many(server, 20, body) as connections:
        while status(server, "/readyz") != 503:
            # This request may have taken the place of one that had not begun.
            connections.append(connected(server))
            connections[-1].sendall(body)
            assert len(connections) < 100
        assert status(server, "/healthz") == 200
        assert status(server, "/readyz", OTHER) == 200, "another address has its own"
        with connected(server) as connection:
            connection.sendall(b"GET /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            answer = received(connection)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1\r\n" in answer.lower()
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
    deadline = monotonic() + 20
    while status(server, "/readyz") != 200:
        assert monotonic() < deadline


def test_slow_clients_are_cut_off(server: Server) -> None:
    """Each sends a byte now and then, so no pause between two bytes is long."""
    dripping = {
        "silent": connected(server),
        "head": connected(server),
        "body": connected(server),
        "second head": connected(server),
    }
    dripping["head"].sendall(HEAD + b"X: ")
    dripping["body"].sendall(BODY)
    dripping["second head"].sendall(HEAD + b"\r\n")
    ended: set[str] = set()
    deadline = monotonic() + 60
    while len(ended) < 4:
        assert monotonic() < deadline, f"only {ended} were cut off"
        sleep(0.2)
        for name in dripping.keys() - ended - {"silent"}:
            try:
                dripping[name].sendall(b"a")
            except ConnectionError:
                ended.add(name)
        if not {"silent"} & ended and seconds_until_closed(dripping["silent"]):
            ended.add("silent")
    for connection in dripping.values():
        connection.close()
    assert status(server, "/healthz") == 200
    metrics = server.client.get("/metrics").text
    for reason in ("slow_head", "slow_body", "connections_of_peer"):
        assert f'lineal_http_connections_refused_total{{reason="{reason}"}}' in metrics


def test_a_body_at_the_least_rate_is_read(server: Server) -> None:
    body = b'{"query": "{ viewer { account } }"' + b" " * 1500 + b"}"
    head = b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nConnection: close\r\n"
    with connected(server) as connection:
        connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body))
        for start in range(0, len(body), 150):
            connection.sendall(body[start : start + 150])
            sleep(0.4)
        assert b'"account":"local"' in received(connection)


def test_an_idle_connection_is_kept_for_the_next_request_and_then_closed(server: Server) -> None:
    with connected(server) as connection:
        for _ in range(3):
            connection.sendall(HEAD + b"\r\n")
            answer = b""
            while b'{"status":"ok"}' not in answer:
                answer += connection.recv(65536)
            sleep(0.5)
        assert received(connection) == b""


def test_an_answered_body_is_not_waited_for(tmp_path: Path, server: Server) -> None:
    with connected(server) as connection:
        connection.sendall(BODY.replace(b"application/json", b"text/plain"))
        assert b" 415 " in connection.recv(65536)
        begun = monotonic()
        with pytest.raises(ConnectionError):  # noqa: PT012 (which of the sends fails is up to the system)
            while monotonic() < begun + 60:
                connection.sendall(b"a")
                sleep(0.2)


def test_the_log_has_a_line_a_minute(server: Server) -> None:
    with many(server, 300, b"no HTTP at all\r\n\r\n"):
        pass
    reports = [line for line in server.log.read_text().splitlines() if "connections refused or closed" in line]
    assert 1 <= len(reports) <= 3, "one for each minute of these tests"


def test_few_descriptors_lower_the_bound(tmp_path: Path) -> None:
    with serving("memory:", tmp_path, prefix=("prlimit", "--nofile=256")) as server:
        with many(server, 500):
            assert status(server, "/healthz") == status(server, "/readyz", OTHER) == 200
        assert '"connections": 64' in server.log.read_text()
    command = ["prlimit", "--nofile=100", sys.executable, "-m", "lineal", "serve", "--dev", "--store", "memory:"]
    refused = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert "raise the limit with `ulimit -n 1200`" in json.loads(refused.stderr)["event"]


def test_without_descriptors_the_log_stays_small(tmp_path: Path) -> None:
    with serving("memory:", tmp_path) as server:
        used = len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))
        limit = ["prlimit", f"--pid={server.process.pid}"]
        subprocess.run([*limit, f"--nofile={used}:"], check=True)
        with many(server, 50):
            sleep(3)
        subprocess.run([*limit, "--nofile=1024:"], check=True)
        deadline = monotonic() + 20
        while status(server, "/healthz") != 200:
            assert monotonic() < deadline
        lines = [json.loads(line) for line in server.log.read_text().splitlines()]
        assert [line["event"] for line in lines if "descriptors" in json.dumps(line)] == [
            "connections refused or closed"
        ]
        assert len(lines) < 20
