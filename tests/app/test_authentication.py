"""Who asks, settled by a running server before anything else runs."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep, time
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from jwt.algorithms import HMACAlgorithm
from keys import make_account, make_key, revoke_key
from server_process import Server, serving
from starlette.types import Message, Receive, Scope, Send
from token_issuer import AUDIENCE, Issuer, issuing, public_jwk, rsa_key

from lineal.http_auth.middleware import Authentication

VIEWER = "{ viewer { principal account } }"
RECORD = 'mutation { lineageRecord(input: {entities: [{kind: DATASET, name: "anonymous"}]}) { entities { isNew } } }'


@dataclass
class Guarded:
    """A server that takes an issuer's tokens and its store's keys."""

    server: Server
    issuer: Issuer
    store: str
    key: str

    def asked(self, *authorization: str, path: str = "/graphql", query: str = VIEWER, **headers: str) -> httpx.Response:
        """The answer to a request with some Authorization headers."""
        sent: list[tuple[str, str]] = [*headers.items(), *(("Authorization", value) for value in authorization)]
        return self.server.client.post(path, json={"query": query}, headers=sent)

    def viewer(self, credentials: str) -> dict[str, str]:
        """Who the server takes credentials for."""
        answer = self.asked(f"Bearer {credentials}")
        assert answer.status_code == 200, answer.text
        viewer: dict[str, str] = answer.json()["data"]["viewer"]
        return viewer

    def reason(self, *authorization: str) -> str:
        """Why the log says that a request was refused; neither answer nor log may hold what it brought along."""
        arguments = f"r{time():.6f}"
        answer = self.asked(*authorization, **{"X-Request-Id": arguments})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="lineal", error="invalid_token"'
        (error,) = answer.json()["errors"]
        assert error["extensions"] == {"code": "UNAUTHENTICATED"}
        assert error["message"].startswith("The token or API key is not accepted: get a new one.")
        log = self.server.log
        deadline = monotonic() + 10
        while not (lines := [line for line in log.read_text().splitlines() if arguments in line and "reason" in line]):
            assert monotonic() < deadline
            sleep(0.01)
        secrets = [part for value in authorization for word in value.split() for part in word.split(".")]
        log_and_answer = log.read_text() + answer.text
        assert not any(secret in log_and_answer for secret in secrets if len(secret) > 10)
        reason: str = json.loads(lines[0])["reason"]
        return reason


@contextmanager
def configured(folder: Path, **settings: Any) -> Iterator[str]:
    """A file of settings."""
    file = folder / "lineal.toml"
    file.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()))
    yield str(file)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    store = f"sqlite:///{folder}/lineal.db"
    make_account(store, "acme")
    make_account(store, "operators", "--operator")
    key = make_key(store, "acme", "ci", "--role", "admin")
    with (
        issuing() as issuer,
        configured(
            folder, oidc_issuer=issuer.address, oidc_audience=AUDIENCE, cors_origins="https://ui.example"
        ) as file,
        serving(store, folder, "--config", file, token="") as server,
    ):
        yield Guarded(server, issuer, store, key)


def test_a_token_or_a_key_identifies_the_principal(guarded: Guarded) -> None:
    assert guarded.viewer(guarded.issuer.token()) == {"principal": "acme/alice", "account": "acme"}
    assert guarded.viewer(guarded.key) == {"principal": "acme/ci", "account": "acme"}
    assert guarded.asked(f"bearer   {guarded.key}").status_code == 200


@pytest.mark.parametrize("path", ["/graphql", "/api/v1/lineage", "/metrics", "/nothing", "/graphql/", "//healthz"])
def test_a_request_without_credentials_is_refused(guarded: Guarded, path: str) -> None:
    for answer in (guarded.asked(path=path), guarded.server.client.get(path, params={"query": VIEWER})):
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="lineal"'
        message = "This server needs to know the caller: send `Authorization: Bearer` with a token or an API key."
        expected: dict[str, Any]
        if path == "/graphql":
            expected = {"errors": [{"message": message, "extensions": {"code": "UNAUTHENTICATED"}}]}
        else:
            expected = {"problems": [message]}
        assert answer.json() == expected


def test_no_resolver_runs_without_credentials(guarded: Guarded) -> None:
    assert guarded.asked(query=RECORD).status_code == 401
    assert guarded.asked(query="{ not GraphQL").status_code == 401
    assert guarded.asked("Bearer x.y.z", query=RECORD).status_code == 401
    answer = guarded.asked(f"Bearer {guarded.key}", query='{ entity(urn: "lineal:acme:DATASET:anonymous") { id } }')
    assert answer.json()["data"] == {"entity": None}


def test_routes_that_need_no_credentials(guarded: Guarded) -> None:
    client = guarded.server.client
    for path in ("/healthz", "/readyz", "/schema.graphql", "/static/graphiql/graphiql.js"):
        assert client.get(path).status_code == 200, path
    page = {"Accept": "text/html"}
    assert "graphiql" in client.get("/graphql", headers=page).text
    linked = client.get("/graphql", headers=page, params={"query": VIEWER})
    assert linked.text == client.get("/graphql", headers=page).text, "the page opens the query, and answers nothing"
    both = {"Accept": "text/html, application/json"}
    assert client.get("/graphql", headers=both, params={"query": VIEWER}).status_code == 401
    assert client.post("/graphql", headers=page, json={"query": VIEWER}).status_code == 401
    assert client.get("/static/graphiql/%2e%2e/%2e%2e/graphql", params={"query": VIEWER}).status_code == 404


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Basic YTpi", "Bearer a b", "Bearer {key},Bearer {key}", "Token {key}", "{key}", "Bearer é"]
)
def test_headers_that_are_not_a_bearer(guarded: Guarded, value: str) -> None:
    header = value.replace("{key}", guarded.key).encode("latin-1")
    answer = guarded.server.client.post("/graphql", json={"query": VIEWER}, headers=[(b"Authorization", header)])
    assert answer.status_code == 401


def test_several_headers_are_refused(guarded: Guarded) -> None:
    good = f"Bearer {guarded.key}"
    assert guarded.reason(good, good) == "there are several Authorization headers"
    assert guarded.reason(good, "Basic YTpi") == "there are several Authorization headers"


def part(value: Any) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_forged_tokens(guarded: Guarded) -> None:
    issuer, now = guarded.issuer, int(time())
    own, other = issuer.keys["first"], rsa_key()
    pem = own.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    header, payload, signature = issuer.token().split(".")
    confused = f"{part({'alg': 'HS256', 'kid': 'first'})}.{payload}"
    hmac = urlsafe_b64encode(HMACAlgorithm(HMACAlgorithm.SHA256).sign(confused.encode(), pem)).rstrip(b"=").decode()
    brought = {"jwk": public_jwk(other), "jku": "http://127.0.0.1:9/jwks"}
    forged = {
        f"{confused}.{hmac}": "the token's algorithm is not accepted",
        f"{part({'alg': 'none'})}.{payload}.": "the token is malformed",
        f"{part({'alg': 'none', 'kid': 'first'})}.{payload}.AAAA": "the token's algorithm is not accepted",
        f"{header}.{part(issuer.claims(account='other'))}.{signature}": "the token's signature is wrong",
        jwt.encode(issuer.claims(), other, "RS256", {"kid": "first", **brought}): "the token's signature is wrong",
        issuer.token(aud="else"): "the token is for another audience",
        issuer.token(iss="https://evil.example"): "the token is from another issuer",
        issuer.token(exp=now - 60): "the token has expired",
        issuer.token(exp=None): "the token lacks exp, iss, aud or sub",
        issuer.token(nbf=now + 600): "the token is not yet valid",
        issuer.token(header={"crit": ["exp"]}): "the token requires an unknown extension",
        issuer.token(pad="x" * 17_000): "the token is larger than 16384 bytes",
        issuer.token(account=7): "the claim account is not a string",
        issuer.token(roles="admin"): "the claim roles is not a list of strings",
    }
    for token, reason in forged.items():
        assert guarded.reason(f"Bearer {token}") == reason


def test_forged_keys(guarded: Guarded) -> None:
    id, secret = guarded.key[4:16], guarded.key[17:]
    assert guarded.reason(f"Bearer lnl_{id}_{secret[::-1]}") == "the key is unknown"
    assert guarded.reason(f"Bearer lnl_{'a' * 12}_{secret}") == "the key is unknown"
    assert guarded.reason(f"Bearer lnl_{id}_{secret}x") == "the key is malformed"
    assert guarded.reason("Bearer lnl_") == "the key is malformed"


def test_changed_keys_of_the_issuer_are_fetched(guarded: Guarded) -> None:
    issuer = guarded.issuer
    old = issuer.token()
    assert guarded.viewer(old)
    first, issuer.keys = issuer.keys, {"rotated": rsa_key()}
    try:
        assert guarded.viewer(issuer.token("rotated"))["principal"] == "acme/alice"
        assert guarded.reason(f"Bearer {old}") == "the token's key is unknown"
        issuer.is_away = True
        assert guarded.viewer(issuer.token("rotated"))["principal"] == "acme/alice"
    finally:
        issuer.is_away, issuer.keys = False, {**first, **issuer.keys}


def test_a_key_is_created_and_revoked_while_the_server_runs(guarded: Guarded, tmp_path: Path) -> None:
    key = make_key(guarded.store, "acme", "bob")
    with serving(guarded.store, tmp_path, token=key) as second:
        assert guarded.viewer(key) == second.ask(VIEWER)["viewer"] == {"principal": "acme/bob", "account": "acme"}
        revoke_key(guarded.store, key)
        assert guarded.reason(f"Bearer {key}") == "the key is revoked"
        assert second.client.post("/graphql", json={"query": VIEWER}).status_code == 401


def test_a_principal_over_its_rate_limit_is_refused(guarded: Guarded, tmp_path: Path) -> None:
    keys = [make_key(guarded.store, "acme", name) for name in ("hasty", "patient")]
    with serving(guarded.store, tmp_path, token=keys[0]) as unlimited:
        assert unlimited.ask(VIEWER)
    with (
        configured(tmp_path, requests_per_minute=5) as file,
        serving(guarded.store, tmp_path, "--config", file, token=keys[0]) as server,
    ):
        answers = [server.client.post("/graphql", json={"query": VIEWER}) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        assert answers[5].json()["errors"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"
        assert 0 < int(answers[5].headers["Retry-After"]) <= 12
        other = {"Authorization": f"Bearer {keys[1]}"}
        assert server.client.post("/graphql", json={"query": VIEWER}, headers=other).status_code == 200


def test_a_key_expires(guarded: Guarded) -> None:
    from datetime import UTC, datetime, timedelta

    soon = datetime.now(UTC) + timedelta(seconds=3)
    key = make_key(guarded.store, "acme", "brief", "--expires", soon.isoformat().replace("+00:00", "Z"))
    assert guarded.viewer(key)["principal"] == "acme/brief"
    while datetime.now(UTC) < soon:
        sleep(0.05)
    assert guarded.reason(f"Bearer {key}") == "the key has expired"


def test_the_last_use_of_a_key_is_recorded(guarded: Guarded) -> None:
    from click.testing import CliRunner

    from lineal.cli import main

    def last_used(key: str) -> str:
        listed = CliRunner().invoke(main, ["key", "list", "--store", guarded.store]).output.splitlines()
        (line,) = [line for line in listed if line.startswith(key[4:16])]
        return line.split("\t")[5]

    key = make_key(guarded.store, "acme", "seldom")
    assert last_used(key) == ""
    assert guarded.viewer(key)
    deadline = monotonic() + 10
    while not last_used(key):
        assert monotonic() < deadline
        sleep(0.05)


def test_only_operators_read_metrics(guarded: Guarded) -> None:
    operator = make_key(guarded.store, "operators", "prometheus", "--permission", "READ")
    client = guarded.server.client
    seen = client.get("/metrics", headers={"Authorization": f"Bearer {operator}"})
    assert (seen.status_code, "lineal_http_request_seconds" in seen.text) == (200, True)
    refused = client.get("/metrics", headers={"Authorization": f"Bearer {guarded.key}"})
    assert (refused.status_code, refused.json()) == (
        403,
        {"problems": ["Metrics cover all accounts: use a key of an operator account."]},
    )


def test_pages_of_allowed_origins_may_send_credentials(guarded: Guarded) -> None:
    origin = {"Origin": "https://ui.example"}
    asking = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    allowed = guarded.server.client.options("/graphql", headers={**origin, **asking})
    assert allowed.status_code == 200
    assert "authorization" in allowed.headers["access-control-allow-headers"].lower()
    refused = guarded.asked(**origin)
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "https://ui.example")


def test_events_need_a_principal_too(guarded: Guarded) -> None:
    event = {
        "eventType": "START",
        "eventTime": "2026-03-01T12:00:00Z",
        "run": {"runId": "3f5e83fa-3480-44ff-99c5-ff943904e5e8"},
        "job": {"namespace": "n", "name": "j"},
        "producer": "test",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json",
    }
    client = guarded.server.client
    assert client.post("/api/v1/lineage", json=event).status_code == 401
    done = client.post("/api/v1/lineage", json=event, headers={"Authorization": f"Bearer {guarded.key}"})
    assert done.status_code == 201


def test_an_unreachable_issuer_is_asked_again(tmp_path: Path) -> None:
    issuer = Issuer("http://127.0.0.1:9")
    with (
        configured(tmp_path, oidc_issuer=issuer.address, oidc_audience=AUDIENCE) as file,
        serving("memory:", tmp_path, "--config", file, token=issuer.token()) as server,
    ):
        answer = server.client.post("/graphql", json={"query": VIEWER})
        assert answer.status_code == 503
        assert answer.json()["errors"][0]["extensions"] == {"code": "UNAVAILABLE"}
        assert "http://127.0.0.1:9/.well-known/openid-configuration cannot be reached" in server.log.read_text()
        refused = server.client.post("/graphql", json={"query": VIEWER}, headers={"Authorization": "Bearer lnl_x"})
        assert refused.status_code == 401


def test_keys_in_a_file_and_keys_turned_off(guarded: Guarded, tmp_path: Path) -> None:
    issuer, jwks = Issuer("urn:issuer"), tmp_path / "jwks.json"
    jwks.write_bytes(issuer.jwks())
    settings = {"oidc_issuer": issuer.address, "oidc_audience": AUDIENCE, "oidc_jwks": str(jwks), "api_keys": False}
    with (
        configured(tmp_path, **settings) as file,
        serving(guarded.store, tmp_path, "--config", file, token=issuer.token()) as server,
    ):
        assert server.ask(VIEWER)["viewer"]["account"] == "acme"
        refused = server.client.post(
            "/graphql", json={"query": VIEWER}, headers={"Authorization": f"Bearer {guarded.key}"}
        )
        assert refused.status_code == 401
        assert "API keys are not accepted" in server.log.read_text()


async def test_web_sockets_are_closed() -> None:
    async def open_app(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("a web socket reached the application")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    await Authentication(open_app, is_dev=False, per_minute=0)({"type": "websocket", "path": "/graphql"}, receive, send)
    assert [message["type"] for message in sent] == ["websocket.close"]
