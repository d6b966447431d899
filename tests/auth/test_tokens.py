"""Bearer tokens: whom they speak for, and every way of making one that must not be believed."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from time import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from jwt.algorithms import HMACAlgorithm
from token_issuer import AUDIENCE, Issuer, ec_key, public_jwk, rsa_key

from lineal.auth.jwks import KeySet, KeysUnavailable
from lineal.auth.principals import Principal
from lineal.auth.tokens import TokenRefused, TokenRules, Tokens

RSA, OTHER_RSA, WEAK_RSA, EC = rsa_key(), rsa_key(), rsa_key(1024), ec_key()


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def issuer() -> Issuer:
    return Issuer(keys={"first": RSA, "second": EC})


def tokens(issuer: Issuer, clock: Callable[[], float] | None = None, **rules: Any) -> Tokens:
    chosen = TokenRules(**{"issuer": issuer.address, "audience": AUDIENCE, "algorithms": ("RS256", "ES256"), **rules})
    return Tokens(chosen, KeySet(issuer.read, chosen.algorithms, clock or Clock()))


async def refused(judge: Tokens, token: str) -> str:
    """Why a token is refused; the reason must hold nothing of it."""
    with pytest.raises(TokenRefused) as caught:
        await judge.principal(token)
    reason = str(caught.value)
    assert not any(part in reason for part in token.split(".") if len(part) > 3)
    return reason


def part(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def signed(header: str, payload: str, key: Any = RSA) -> str:
    """A token of any texts, properly signed with RS256."""
    covered = f"{part(header)}.{part(payload)}"
    signature = jwt.get_algorithm_by_name("RS256").sign(covered.encode(), key)
    return f"{covered}.{urlsafe_b64encode(signature).rstrip(b'=').decode()}"


async def test_a_token_identifies_its_subject(issuer: Issuer) -> None:
    expected = Principal("acme", "alice", frozenset({"reader"}))
    for kid in ("first", "second"):
        assert await tokens(issuer).principal(issuer.token(kid)) == expected
    assert expected.shown == "acme/alice"


async def test_claims_are_read_by_name_then_by_path(issuer: Issuer) -> None:
    judge = tokens(issuer, account_claim="https://lineal.example/account", roles_claim="realm_access.roles")
    variables: dict[str, Any] = {"https://lineal.example/account": "b", "realm_access": {"roles": ["x", "y"]}}
    assert await judge.principal(issuer.token(**variables)) == Principal("b", "alice", frozenset({"x", "y"}))


async def test_no_roles_claim_is_no_roles(issuer: Issuer) -> None:
    assert (await tokens(issuer).principal(issuer.token(roles=None))).roles == frozenset()


async def test_several_audiences_may_be_named(issuer: Issuer) -> None:
    assert await tokens(issuer).principal(issuer.token(aud=["else", AUDIENCE]))


NOW = int(time())


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": NOW - 60}, "the token has expired"),
        ({"exp": None}, "the token lacks exp, iss, aud or sub"),
        ({"exp": str(NOW + 600)}, "the token is malformed"),
        ({"exp": True}, "the token is malformed"),
        ({"exp": 10**400}, "the token is malformed"),
        ({"exp": [NOW + 600]}, "the token is malformed"),
        ({"nbf": NOW + 86_400}, "the token is not yet valid"),
        ({"nbf": str(NOW)}, "the token is malformed"),
        ({"iat": NOW + 86_400}, "the token is not yet valid"),
        ({"aud": "else"}, "the token is for another audience"),
        ({"aud": ["else"]}, "the token is for another audience"),
        ({"aud": AUDIENCE + "x"}, "the token is for another audience"),
        ({"aud": None}, "the token lacks exp, iss, aud or sub"),
        ({"aud": {}}, "the token lacks exp, iss, aud or sub"),
        ({"aud": 1}, "the token is for another audience"),
        ({"aud": [1, AUDIENCE]}, "the token is for another audience"),
        ({"iss": "https://evil.example"}, "the token is from another issuer"),
        ({"iss": None}, "the token lacks exp, iss, aud or sub"),
        ({"sub": None}, "the token lacks exp, iss, aud or sub"),
        ({"sub": 7}, "the token is malformed"),
        ({"sub": ["alice"]}, "the token is malformed"),
        ({"sub": ""}, "the claim sub is empty"),
        ({"sub": "a" * 513}, "the claim sub is 513 bytes once percent-encoded; the most is 512"),
        ({"sub": "é" * 86}, "the claim sub is 516 bytes once percent-encoded; the most is 512"),
        ({"sub": "a\x00"}, "the claim sub holds U+0000, which is refused"),
        ({"sub": "\ud800"}, "the claim sub holds a lone surrogate, which is not text"),
        ({"account": None}, "the claim account is not a string"),
        ({"account": ["acme"]}, "the claim account is not a string"),
        ({"account": {"id": "acme"}}, "the claim account is not a string"),
        ({"account": ""}, "the claim account is empty"),
        ({"roles": "admin"}, "the claim roles is not a list of strings"),
        ({"roles": "admin reader"}, "the claim roles is not a list of strings"),
        ({"roles": {"admin": True}}, "the claim roles is not a list of strings"),
        ({"roles": ["reader", 1]}, "the claim roles is not a string"),
        ({"roles": [["admin"]]}, "the claim roles is not a string"),
    ],
)
async def test_invalid_claims_are_refused(issuer: Issuer, claims: dict[str, Any], reason: str) -> None:
    token = signed(json.dumps({"alg": "RS256", "kid": "first"}), json.dumps(issuer.claims(**claims)))
    assert await refused(tokens(issuer), token) == reason


async def test_clocks_may_differ_by_the_leeway_only(issuer: Issuer) -> None:
    off: list[dict[str, Any]] = [{"exp": int(time()) - 20}, {"nbf": int(time()) + 20}, {"iat": int(time()) + 20}]
    for claims in off:
        assert await tokens(issuer, leeway=30).principal(issuer.token(**claims))
        assert await refused(tokens(issuer, leeway=10), issuer.token(**claims))


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
async def test_a_public_key_does_not_verify_a_symmetric_signature(issuer: Issuer, algorithm: str) -> None:
    public = RSA.public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    jwk = json.dumps(public_jwk(RSA, kid="first")).encode()
    for secret in (pem, pem.strip(), der, jwk, b""):
        covered = f"{part({'alg': algorithm, 'kid': 'first'})}.{part(issuer.claims())}"
        hash = getattr(HMACAlgorithm, f"SHA{algorithm[2:]}")
        created = urlsafe_b64encode(HMACAlgorithm(hash).sign(covered.encode(), secret)).rstrip(b"=").decode()
        assert await refused(tokens(issuer), f"{covered}.{created}") == "the token's algorithm is not accepted"


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", "", None, 0, ["RS256"], {"RS256": 1}, "rs256"])
async def test_unsigned_tokens(issuer: Issuer, name: Any) -> None:
    covered = f"{part({'alg': name, 'kid': 'first'})}.{part(issuer.claims())}"
    assert await refused(tokens(issuer), f"{covered}.") == "the token is malformed"
    assert await refused(tokens(issuer), f"{covered}.AAAA") == "the token's algorithm is not accepted"


async def test_an_algorithm_that_is_not_pinned_is_refused(issuer: Issuer) -> None:
    for name in ("PS256", "RS512"):
        token = jwt.encode(issuer.claims(), RSA, name, {"kid": "first"})
        assert await refused(tokens(issuer), token) == "the token's algorithm is not accepted"
        assert await tokens(issuer, algorithms=(name,)).principal(token)


async def test_a_key_verifies_its_own_algorithm_only(issuer: Issuer) -> None:
    issuer.members = {"alg": "RS256"}
    judge = tokens(issuer, algorithms=("RS256", "PS256"))
    assert await judge.principal(issuer.token())
    token = jwt.encode(issuer.claims(), RSA, "PS256", {"kid": "first"})
    assert await refused(judge, token) == "the token's key is unknown"
    confused = jwt.encode(issuer.claims(), RSA, "RS256", {"kid": "second"})
    assert await refused(tokens(Issuer(keys=issuer.keys)), confused) == "the token's key is unknown"


@pytest.mark.parametrize("members", [{"use": "enc"}, {"key_ops": ["encrypt"]}, {"alg": "RSA-OAEP"}, {"kty": "oct"}])
async def test_keys_for_other_uses_are_skipped(members: dict[str, Any]) -> None:
    issuer = Issuer(keys={"first": RSA}, members=members)
    with pytest.raises(KeysUnavailable, match="the issuer has no key for RS256, ES256"):
        await tokens(issuer).principal(issuer.token())


@pytest.mark.filterwarnings("ignore:The RSA key is 1024 bits")
async def test_a_weak_key_is_not_used() -> None:
    issuer = Issuer(keys={"first": WEAK_RSA})
    with pytest.raises(KeysUnavailable, match="the issuer has no key"):
        await tokens(issuer).principal(issuer.token())


async def test_signed_by_another(issuer: Issuer) -> None:
    token = jwt.encode(issuer.claims(), OTHER_RSA, "RS256", {"kid": "first"})
    assert await refused(tokens(issuer), token) == "the token's signature is wrong"


async def test_keys_inside_a_token_are_ignored(issuer: Issuer) -> None:
    brought = {
        "jwk": public_jwk(OTHER_RSA),
        "jku": "http://127.0.0.1:9/jwks",
        "x5u": "http://127.0.0.1:9/cert",
        "x5c": ["MIIB"],
    }
    token = jwt.encode(issuer.claims(), OTHER_RSA, "RS256", {"kid": "first", **brought})
    assert await refused(tokens(issuer), token) == "the token's signature is wrong"
    token = jwt.encode(issuer.claims(), OTHER_RSA, "RS256", {"kid": "theirs", **brought})
    assert await refused(tokens(issuer), token) == "the token's key is unknown"
    assert await tokens(issuer).principal(issuer.token(header=brought))


@pytest.mark.parametrize("kid", ["", "../../dev/null", "' OR 1=1 --", "first\x00", "FIRST"])
async def test_odd_key_ids_are_unknown_keys(issuer: Issuer, kid: str) -> None:
    token = jwt.encode(issuer.claims(), RSA, "RS256", {"kid": kid})
    assert await refused(tokens(issuer), token) == "the token's key is unknown"


@pytest.mark.parametrize("kid", ["null", "1", '["first"]', "{}"])
async def test_key_ids_that_are_not_strings(issuer: Issuer, kid: str) -> None:
    token = signed(f'{{"alg": "RS256", "kid": {kid}}}', json.dumps(issuer.claims()))
    assert await refused(tokens(issuer), token) == "the token is malformed"


async def test_a_token_without_key_id_needs_exactly_one_fitting_key(issuer: Issuer) -> None:
    token = jwt.encode(issuer.claims(), RSA, "RS256")
    assert await tokens(issuer).principal(token)
    issuer.keys["third"] = OTHER_RSA
    assert await refused(tokens(issuer), token) == "the token names no key of the issuer"


async def test_keys_that_share_an_id_are_not_used() -> None:
    issuer = Issuer(keys={"first": RSA, "x": OTHER_RSA}, members={"kid": "first"})
    assert await refused(tokens(issuer), issuer.token()) == "the token's key is unknown"


@pytest.mark.parametrize(
    "header",
    [
        '{"alg": "RS256", "kid": "first", "alg": "RS256"}',
        '{"alg": "none", "kid": "first", "\\u0061lg": "RS256"}',
        '{"alg": "RS256", "kid": "first", "x": {"a": 1, "a": 2}}',
        '{"alg": "RS256", "kid": "first"',
        '["RS256"]',
        '"RS256"',
        "[" * 5000,
        '{"alg": "RS256", "kid": "first", "x": NaN}',
        "",
    ],
)
async def test_ambiguous_or_invalid_headers_are_refused(issuer: Issuer, header: str) -> None:
    token = signed(header, json.dumps(issuer.claims()))
    assert await refused(tokens(issuer), token) == "the token is malformed"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1] + ', "account": "other"}',
        lambda text: text[:-1] + ', "\\u0073ub": "root"}',
        lambda text: text[:-1] + ', "deep": {"a": 1, "a": 1}}',
        lambda text: text[:-1] + ', "n": NaN}',
        lambda text: f"[{text}]",
        lambda text: text[:-1],
        lambda text: text[:-1] + ', "x": ' + "[" * 5000 + "]" * 5000 + "}",
        lambda text: text.replace('"exp"', '"exp": 1e999, "was"'),
    ],
)
async def test_ambiguous_or_invalid_claims_are_refused(issuer: Issuer, change: Callable[[str], str]) -> None:
    token = signed('{"alg": "RS256", "kid": "first"}', change(json.dumps(issuer.claims())))
    assert await refused(tokens(issuer), token) == "the token is malformed"


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"crit": ["exp"]}, "the token requires an unknown extension"),
        ({"crit": ["b64"], "b64": False}, "the token requires an unknown extension"),
        ({"crit": []}, "the token requires an unknown extension"),
        ({"b64": True}, "the token requires an unknown extension"),
        ({"typ": "logout+jwt"}, "the token has another type"),
        ({"typ": "dpop+jwt"}, "the token has another type"),
        ({"typ": 1}, "the token has another type"),
    ],
)
async def test_headers_with_critical_extensions_are_refused(
    issuer: Issuer, header: dict[str, Any], reason: str
) -> None:
    text = json.dumps({"alg": "RS256", "kid": "first", **header})
    assert await refused(tokens(issuer), signed(text, json.dumps(issuer.claims()))) == reason


@pytest.mark.parametrize("kind", ["JWT", "at+jwt", "application/at+jwt"])
async def test_types_of_access_tokens(issuer: Issuer, kind: str) -> None:
    assert await tokens(issuer).principal(issuer.token(header={"typ": kind}))


async def test_texts_that_are_not_tokens(issuer: Issuer) -> None:
    good = issuer.token()
    header, payload, signature = good.split(".")
    changed = part(issuer.claims(account="other"))
    for text in ("", ".", "..", "a.b", f"{good}.x", f"{good}.x.y", f" {good}", f"{good}\n", f"{good}=", "é.é.é",
                 f"{header}.{payload}", f"{header}..{signature}", f"{header}+.{payload}.{signature}",
                 f"{header}.{changed}.{signature}"):  # fmt: skip
        with pytest.raises(TokenRefused):
            await tokens(issuer).principal(text)


async def test_a_token_over_the_limit_is_not_read(issuer: Issuer) -> None:
    assert await tokens(issuer).principal(issuer.token(pad="x" * 8000))
    reason = await refused(tokens(issuer), issuer.token(pad="x" * 16 * 1024))
    assert reason == "the token is larger than 16384 bytes"


async def test_tokens_are_verified_while_keys_change(issuer: Issuer) -> None:
    clock = Clock()
    judge = tokens(issuer, clock)
    old = issuer.token()
    assert await judge.principal(old)
    issuer.keys = {"third": OTHER_RSA}
    new = issuer.token("third")
    assert await judge.principal(new)
    assert issuer.asked == 2
    assert await refused(judge, old) == "the token's key is unknown"


async def test_an_unknown_key_fetches_keys_at_most_every_thirty_seconds(issuer: Issuer) -> None:
    clock = Clock()
    judge = tokens(issuer, clock)
    stranger = jwt.encode(issuer.claims(), OTHER_RSA, "RS256", {"kid": "strange"})
    for _ in range(5):
        await refused(judge, stranger)
    assert issuer.asked == 2
    clock.now += 31
    await refused(judge, stranger)
    assert issuer.asked == 3


async def test_a_withdrawn_key_is_dropped_in_time(issuer: Issuer) -> None:
    clock = Clock()
    judge = tokens(issuer, clock)
    token = issuer.token()
    assert await judge.principal(token)
    del issuer.keys["first"]
    clock.now += 301
    assert await refused(judge, token) == "the token's key is unknown"


async def test_keys_are_kept_while_the_issuer_is_unreachable(issuer: Issuer) -> None:
    clock = Clock()
    judge = tokens(issuer, clock)
    token = issuer.token()
    assert await judge.principal(token)
    issuer.is_away = True
    for _ in range(10):
        clock.now += 301
        assert await judge.principal(token)
    asked = issuer.asked
    assert await judge.principal(token)
    assert issuer.asked == asked


async def test_an_issuer_that_never_answered_is_asked_again(issuer: Issuer) -> None:
    clock = Clock()
    judge = tokens(issuer, clock)
    issuer.is_away = True
    for _ in range(3):
        with pytest.raises(KeysUnavailable, match="the issuer is away"):
            await judge.principal(issuer.token())
    assert issuer.asked == 1
    issuer.is_away = False
    clock.now += 6
    assert await judge.principal(issuer.token())


async def test_concurrent_requests_share_one_fetch(issuer: Issuer) -> None:
    import asyncio

    judge = tokens(issuer)
    await asyncio.gather(*(judge.principal(issuer.token()) for _ in range(20)))
    assert issuer.asked == 1
