"""An issuer of tokens: its keys, its tokens, and its two documents, over HTTP too."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic, sleep, time
from typing import Any

import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

AUDIENCE = "lineal-tests"


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def public_jwk(key: Private, **members: Any) -> dict[str, Any]:
    """The public part of a key as a JWK."""
    if isinstance(key, rsa.RSAPrivateKey):
        jwk = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        jwk = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**jwk, **members}


@dataclass
class Issuer:
    """`keys` are those it publishes; `asked` counts how often it was asked for them; `is_away`: it answers 503."""

    address: str = "https://issuer.example"
    keys: dict[str, Private] = field(default_factory=lambda: {"first": rsa_key()})
    members: dict[str, Any] = field(default_factory=dict)
    asked: int = 0
    is_away: bool = False

    def claims(self, **claims: Any) -> dict[str, Any]:
        """Claims that are accepted, but for those given; one given as None is left out."""
        now = int(time())
        good = {
            "iss": self.address,
            "aud": AUDIENCE,
            "sub": "alice",
            "account": "acme",
            "roles": ["reader"],
            "iat": now,
            "nbf": now,
            "exp": now + 600,
        }
        return {name: value for name, value in {**good, **claims}.items() if value is not None}

    def token(self, kid: str = "first", header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token signed with a key that it has."""
        key = self.keys[kid]
        algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
        return jwt.encode(self.claims(**claims), key, algorithm, {"kid": kid, **(header or {})})

    def jwks(self) -> bytes:
        """The document of its public keys."""
        published = [public_jwk(key, **{"kid": kid, **self.members}) for kid, key in self.keys.items()]
        return json.dumps({"keys": published}).encode()

    async def read(self) -> bytes:
        """As a key set reads it."""
        from lineal.auth.jwks import KeysUnavailable

        self.asked += 1
        if self.is_away:
            raise KeysUnavailable("the issuer is away")
        return self.jwks()


@contextmanager
def issuing() -> Iterator[Issuer]:
    """An issuer over HTTP on loopback, ended with the block."""
    issuer = Issuer()

    async def discovery(request: Request) -> Response:
        return JSONResponse({"issuer": issuer.address, "jwks_uri": f"{issuer.address}/jwks"})

    async def jwks(request: Request) -> Response:
        issuer.asked += 1
        return Response(issuer.jwks(), 503 if issuer.is_away else 200, media_type="application/json")

    app = Starlette(routes=[Route("/.well-known/openid-configuration", discovery), Route("/jwks", jwks)])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = monotonic() + 20
    while not server.started:
        assert monotonic() < deadline, "the issuer did not start"
        sleep(0.01)
    issuer.address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield issuer
    finally:
        server.should_exit = True
        thread.join(20)
