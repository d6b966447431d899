"""Bearer tokens: validation of one issuer's signed JWTs, after RFC 8725, and the principal of a valid token.

A token is parsed strictly: three parts, JSON without repeated names, numbers for times, no unknown critical extension.
Its header chooses neither the algorithm, which is pinned, nor the source of the key, which is the issuer's key set:
`jwk`, `jku`, `x5c` and `x5u` are ignored. The reasons for a refusal contain nothing of the token, and can be
logged.
"""

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import jwt
from jwt import exceptions

from lineal.auth.jwks import KeySet, without_repeats
from lineal.auth.names import account_problem, name_problem
from lineal.auth.principals import Principal

MAX_TOKEN_BYTES: Final = 16 * 1024
"""Largest token that is parsed."""
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""The algorithms that can be pinned. All verify with a public key."""

_MAX_TIME: Final = 2**53
"""Seconds. Claims at or above it, infinity too, are not times."""
_PARTS: Final = re.compile(r"([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_TYPES: Final = ("jwt", "at+jwt", "application/jwt", "application/at+jwt")
_REASONS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (exceptions.ExpiredSignatureError, "the token has expired"),
    (exceptions.ImmatureSignatureError, "the token is not yet valid"),
    (exceptions.InvalidAudienceError, "the token is for another audience"),
    (exceptions.InvalidIssuerError, "the token is from another issuer"),
    (exceptions.MissingRequiredClaimError, "the token lacks exp, iss, aud or sub"),
    (exceptions.InvalidSignatureError, "the token's signature is wrong"),
    (exceptions.InvalidAlgorithmError, "the token's algorithm is not accepted"),
)


class TokenRefused(Exception):
    """A token is not valid. The message says why, and contains nothing of the token."""


@dataclass(frozen=True, slots=True)
class TokenRules:
    """Requirements on tokens. `leeway`: tolerated difference, in seconds, between the issuer's clock and this one."""

    issuer: str
    audience: str
    algorithms: tuple[str, ...]
    account_claim: str = "account"
    roles_claim: str = "roles"
    leeway: int = 30


class Tokens:
    """Validates the tokens of an issuer."""

    def __init__(self, rules: TokenRules, keys: KeySet) -> None:
        self._rules, self._keys, self._reader = rules, keys, _StrictReader()

    async def principal(self, token: str) -> Principal:
        """Return the principal of a token. Raises TokenRefused, or KeysUnavailable without keys to verify it."""
        rules = self._rules
        header = _header(token)
        algorithm, id = header.get("alg"), header.get("kid")
        if algorithm not in rules.algorithms:
            raise TokenRefused("the token's algorithm is not accepted")
        key = await self._keys.key(id, algorithm)
        if key is None:
            raise TokenRefused("the token names no key of the issuer" if id is None else "the token's key is unknown")
        try:
            claims = self._reader.decode(
                token,
                key,
                algorithms=list(rules.algorithms),
                audience=rules.audience,
                issuer=rules.issuer,
                leeway=rules.leeway,
                options={"require": ["exp", "iss", "aud", "sub"], "enforce_minimum_key_length": True},
            )
        except exceptions.PyJWTError as error:
            reason = next((reason for kind, reason in _REASONS if isinstance(error, kind)), "the token is malformed")
            raise TokenRefused(reason) from None
        return Principal(
            account=_name(_claim(claims, rules.account_claim), rules.account_claim, account_problem),
            name=_name(claims["sub"], "sub"),
            roles=_roles(_claim(claims, rules.roles_claim), rules.roles_claim),
        )


class _StrictReader(jwt.PyJWT):
    """Parses claims strictly: JSON without repeated names, NaN or Infinity; times must be numbers."""

    def _decode_payload(self, decoded: dict[str, Any]) -> dict[str, Any]:
        claims = _object(decoded["payload"])
        for name in ("exp", "nbf", "iat"):
            time = claims.get(name, 0)
            if isinstance(time, bool) or not isinstance(time, int | float) or not abs(time) < _MAX_TIME:
                raise exceptions.DecodeError(f"{name} is not a time")
        return claims


def _header(token: str) -> dict[str, Any]:
    if len(token) > MAX_TOKEN_BYTES:
        raise TokenRefused(f"the token is larger than {MAX_TOKEN_BYTES} bytes")
    parts = _PARTS.fullmatch(token)
    try:
        if parts is None:
            raise ValueError
        header = _object(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, exceptions.DecodeError):
        raise TokenRefused("the token is malformed") from None
    if "crit" in header or "b64" in header:
        raise TokenRefused("the token requires an unknown extension")
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise TokenRefused("the token has another type")
    if not isinstance(header.get("kid", ""), str):
        raise TokenRefused("the token is malformed")
    return header


def _object(text: bytes) -> dict[str, Any]:
    """Parse a JSON object. Raises DecodeError."""
    try:
        value = json.loads(text.decode(), object_pairs_hook=without_repeats, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise exceptions.DecodeError("not JSON, or a name repeats") from None
    if not isinstance(value, dict):
        raise exceptions.DecodeError("not a JSON object")
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """Return a claim by its name, or else by its dotted path, for example `realm_access.roles`; None if missing."""
    if name in claims:
        return claims[name]
    claim: Any = claims
    for step in name.split("."):
        claim = claim.get(step) if isinstance(claim, dict) else None
    return claim


def _name(value: Any, claim: str, problem_of: Callable[[str], str | None] = name_problem) -> str:
    if not isinstance(value, str):
        raise TokenRefused(f"the claim {claim} is not a string")
    if problem := problem_of(value):
        raise TokenRefused(f"the claim {claim} {problem.partition(':')[0]}")
    return value


def _roles(value: Any, claim: str) -> frozenset[str]:
    """Return the roles in a list of strings; none without the claim. A single string is refused: it is ambiguous."""
    if value is None:
        return frozenset()
    if not isinstance(value, list):
        raise TokenRefused(f"the claim {claim} is not a list of strings")
    return frozenset(_name(role, claim) for role in value)
