"""TLS and logins against a real server: who is not let in is told why, and what to set."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest
from engines import Engine
from record_builders import graph, id_of, now
from tls_gremlin_server import PASSWORD, USER, TlsGremlinServer, certificate

from lineal.graphstore.errors import StoreUnusable, Unavailable
from lineal.graphstore.gremlin.client import GremlinClient, g
from lineal.graphstore.gremlin.transport import AccessRefused, Address, Transport
from lineal.graphstore.opening import open_store


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsGremlinServer]:
    engine = TlsGremlinServer(tmp_path_factory.mktemp("guarded"))
    try:
        engine.start()
        yield engine
    finally:
        engine.stop()


async def test_valid_credentials_are_accepted(guarded: TlsGremlinServer) -> None:
    async with await open_store(guarded.url, USER, PASSWORD, guarded.ca) as store:
        await store.record(graph("a>b"), by="me")
        assert None not in await store.entities(await now(store), [id_of("a"), id_of("b")])


async def test_concurrent_logins_on_new_connections(guarded: TlsGremlinServer) -> None:
    """Servers refuse what comes on a connection before its first request is known to be of somebody."""
    transport = Transport(Address.parsed(guarded.url, USER, PASSWORD, guarded.ca))
    server = GremlinClient(transport)
    assert await asyncio.gather(*(server.ask(g.inject(each)) for each in range(100))) == [[each] for each in range(100)]
    await transport.close()


async def refused(url: str, *access: str, words: str) -> None:
    began = monotonic()
    with pytest.raises(StoreUnusable, match=words):
        await open_store(url, *access)
    assert monotonic() - began < 10


async def test_wrong_logins(guarded: TlsGremlinServer) -> None:
    ca = guarded.ca
    await refused(guarded.url, USER, "wrong", ca, words="refused the login .*: check store_user and store_password")
    await refused(guarded.url, "nobody", PASSWORD, ca, words="refused the login .*: check store_user")
    await refused(guarded.url, "", "", ca, words="asks for a user: set store_user and store_password")


async def test_wrong_authorities(guarded: TlsGremlinServer, tmp_path: Path) -> None:
    other = str(certificate(tmp_path, "other"))
    words = "certificate is not trusted .*: name its authority with store_ca"
    await refused(guarded.url, USER, PASSWORD, other, words=words)
    await refused(guarded.url, USER, PASSWORD, words=words)
    await refused(guarded.url.replace("127.0.0.1", "localhost"), USER, PASSWORD, guarded.ca, words=words)


async def test_files_without_a_certificate(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    for name in ("missing.pem", "empty.pem"):
        await refused("gremlins://127.0.0.1:1", "", "", str(tmp_path / name), words=f"{name}.*PEM")


async def test_tls_on_one_side_only(guarded: TlsGremlinServer, gremlin_server: Engine) -> None:
    with pytest.raises(Unavailable, match="gremlins://"):
        await open_store(guarded.plain_url, USER, PASSWORD)
    with pytest.raises(Unavailable, match="without TLS"):
        await open_store(gremlin_server.url.replace("gremlin:", "gremlins:"))


async def test_a_password_changed_while_connected(guarded: TlsGremlinServer) -> None:
    """No data, no endless trying, and a word on what to do."""
    transport = Transport(Address.parsed(guarded.url, USER, PASSWORD, guarded.ca))
    server = GremlinClient(transport)
    assert await server.ask(g.inject(1)) == [1]
    transport._secret = "AAA="
    for connection in transport._all:
        await connection.close()
    with pytest.raises(AccessRefused, match="check store_user and store_password"):
        await server.ask(g.inject(1))
    await transport.close()
