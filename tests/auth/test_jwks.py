"""Sources of an issuer's keys, and refused key sets."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from token_issuer import Issuer, ec_key, issuing, public_jwk

from lineal.auth import jwks_source
from lineal.auth.jwks import KeysUnavailable, Read, parsed_keys
from lineal.auth.jwks_source import address_problem, from_discovery, from_file, from_url


def answering(monkeypatch: pytest.MonkeyPatch, answers: dict[str, httpx.Response | Exception]) -> None:
    """URLs answer with these documents, without a network."""

    def handle(request: httpx.Request) -> httpx.Response:
        answer = answers[str(request.url)]
        if isinstance(answer, Exception):
            raise answer
        return answer

    class Client(httpx.AsyncClient):
        def __init__(self, **settings: Any) -> None:
            super().__init__(transport=httpx.MockTransport(handle), **settings)

    monkeypatch.setattr(httpx, "AsyncClient", Client)


async def why_not(read: Read) -> str:
    with pytest.raises(KeysUnavailable) as caught:
        await read()
    return str(caught.value)


async def test_keys_over_http_and_by_discovery() -> None:
    with issuing() as issuer:
        by_discovery = await from_discovery(issuer.address)()
        assert by_discovery == await from_url(f"{issuer.address}/jwks")() == issuer.jwks()
        assert (
            await why_not(from_url(f"{issuer.address}/nothing")) == f"{issuer.address}/nothing answers with status 404"
        )


async def test_keys_in_a_file_are_read_again(tmp_path: Path) -> None:
    file, issuer = tmp_path / "jwks.json", Issuer()
    read = from_file(file)
    assert await why_not(read) == f"{file} cannot be read (No such file or directory)"
    file.write_bytes(issuer.jwks())
    assert await read() == issuer.jwks()


ISSUER = "https://issuer.example/realm"
DISCOVERY = f"{ISSUER}/.well-known/openid-configuration"
KEYS = "https://issuer.example/keys"


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"issuer": "https://else.example", "jwks_uri": KEYS}, "names another issuer"),
        ({"issuer": ISSUER + "/", "jwks_uri": KEYS}, "names another issuer"),
        ({"issuer": ISSUER, "jwks_uri": "http://issuer.example/keys"}, "must begin with https://"),
        ({"issuer": ISSUER, "jwks_uri": "file:///etc/passwd"}, "must begin with https://"),
        ({"issuer": ISSUER, "jwks_uri": 7}, "is not valid"),
        ({"issuer": ISSUER}, "is not valid"),
        (["x"], "is not valid"),
    ],
)
async def test_invalid_discovery_documents(monkeypatch: pytest.MonkeyPatch, document: object, reason: str) -> None:
    answering(monkeypatch, {DISCOVERY: httpx.Response(200, json=document)})
    assert reason in await why_not(from_discovery(ISSUER))


async def test_invalid_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    large = httpx.Response(200, content=b" " * (jwks_source.MAX_DOCUMENT_BYTES + 1))
    answers: dict[str, httpx.Response | Exception] = {
        "https://a.example/": httpx.Response(302, headers={"Location": KEYS}),
        "https://b.example/": large,
        "https://c.example/": httpx.ReadTimeout("slow"),
        "https://d.example/": httpx.ConnectError("refused"),
    }
    answering(monkeypatch, answers)
    assert await why_not(from_url("https://a.example/")) == "https://a.example/ answers with status 302"
    assert await why_not(from_url("https://b.example/")) == "https://b.example/ answers with more than 1048576 bytes"
    assert await why_not(from_url("https://c.example/")) == "https://c.example/ cannot be reached (ReadTimeout)"
    assert await why_not(from_url("https://d.example/")) == "https://d.example/ cannot be reached (ConnectError)"


@pytest.mark.parametrize(
    ("url", "is_good"),
    [
        ("https://issuer.example", True),
        ("http://127.0.0.1:8080/x", True),
        ("http://localhost", True),
        ("http://[::1]:1", True),
        ("http://issuer.example", False),
        ("http://127.0.0.1.example", False),
        ("http://127.0.0.1@issuer.example", False),
        ("ftp://issuer.example", False),
        ("https://", False),
        ("https://[", False),
        ("urn:issuer", False),
        ("", False),
    ],
)
def test_urls_of_keys(url: str, is_good: bool) -> None:
    assert (address_problem(url) is None) == is_good


@pytest.mark.parametrize(
    "document",
    ["", "[]", "{}", '{"keys": 1}', '{"keys": ["x"]}', '{"keys": [], "keys": []}', "[" * 5000, '{"keys": null}'],
)
def test_invalid_key_sets(document: str) -> None:
    with pytest.raises(KeysUnavailable, match="the issuer's answer is not a JWKS document"):
        parsed_keys(document.encode(), ["RS256"])


def test_unusable_keys_are_skipped() -> None:
    good = public_jwk(ec_key(), kid="good")
    others = [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}, {"kty": "RSA", "n": "AQAB"}, {"kty": "new"}, {}]
    keys = parsed_keys(json.dumps({"keys": [*others, good]}).encode(), ["RS256", "ES256", "EdDSA"])
    assert [(key.id, list(key.by_algorithm)) for key in keys] == [("good", ["ES256"])]


def test_an_elliptic_key_verifies_its_own_curve_only() -> None:
    keys = parsed_keys(json.dumps({"keys": [public_jwk(ec_key(), kid="p256")]}).encode(), ["ES256", "ES384", "ES512"])
    assert list(keys[0].by_algorithm) == ["ES256"]


def test_the_private_part_of_a_published_key_is_dropped() -> None:
    from jwt.algorithms import ECAlgorithm

    key = ec_key()
    published = {**ECAlgorithm.to_jwk(key, as_dict=True), "kid": "oops", "key_ops": ["verify"]}
    assert "d" in published
    (found,) = parsed_keys(json.dumps({"keys": [published]}).encode(), ["ES256"])
    assert found.by_algorithm["ES256"].key.public_numbers() == key.public_key().public_numbers()
