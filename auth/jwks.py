"""Public keys of a token issuer: a cached and refreshed JWKS document (RFC 7517).

Only keys that can verify a pinned algorithm are used. A key with an `alg` verifies that algorithm only, so the header
of a token never chooses how the token is verified.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final, TypeVar

import structlog
from jwt import PyJWK
from jwt.exceptions import PyJWTError

log = structlog.get_logger()

MAX_AGE_SECONDS: Final = 300.0
"""How long keys are used before they are refreshed."""
UNKNOWN_KEY_PAUSE_SECONDS: Final = 30.0
"""Shortest time between two refreshes caused by tokens with unknown keys."""
FAILURE_PAUSE_SECONDS: Final = 5.0
"""Shortest time between a failed refresh and the next attempt."""

Read = Callable[[], Awaitable[bytes]]
"""Reads the JWKS document. Raises KeysUnavailable."""
T = TypeVar("T")


class KeysUnavailable(Exception):
    """The issuer's keys are not available; the message says why."""


@dataclass(frozen=True, slots=True)
class IssuerKey:
    """A key of the set: its `kid`, if any, and a verifier by algorithm."""

    id: str | None
    by_algorithm: Mapping[str, PyJWK]


def without_repeats(pairs: Sequence[tuple[str, T]]) -> dict[str, T]:
    """Return the members of a JSON object. Raises ValueError if a name repeats: parsers differ in which value wins."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member's name repeats")
    return members


def parsed_keys(document: bytes, algorithms: Sequence[str]) -> tuple[IssuerKey, ...]:
    """Return the keys of a document that can verify one of the algorithms. Raises KeysUnavailable if none can."""
    try:
        listed = json.loads(document, object_pairs_hook=without_repeats)["keys"]
        keys = [_key(member, algorithms) for member in listed]
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
        raise KeysUnavailable("the issuer's answer is not a JWKS document") from error
    usable = tuple(key for key in keys if key.by_algorithm)
    if not usable:
        raise KeysUnavailable(f"the issuer has no key for {', '.join(algorithms)}")
    return usable


def _key(jwk: Mapping[str, Any], algorithms: Sequence[str]) -> IssuerKey:
    id = jwk.get("kid")
    verifies = jwk.get("use", "sig") == "sig" and "verify" in jwk.get("key_ops", ("verify",))
    fitting = [name for name in algorithms if verifies and jwk.get("alg", name) == name]
    # If an issuer publishes a private key by mistake, its public part is used.
    public = {name: value for name, value in jwk.items() if name not in ("d", "p", "q", "dp", "dq", "qi", "oth")}
    verifiers = {name: key for name in fitting if (key := _verifier(public, name))}
    return IssuerKey(id if isinstance(id, str) else None, verifiers)


def _verifier(jwk: dict[str, Any], algorithm: str) -> PyJWK | None:
    try:
        key = PyJWK(jwk, algorithm)
        return None if key.Algorithm.check_key_length(key.Algorithm.prepare_key(key.key)) else key
    except (PyJWTError, ValueError, TypeError, LookupError):
        return None


class KeySet:
    """The cached keys of an issuer. A token finds its key by id, or, if it names none, the only key.

    Keys are refreshed when they are old and when a token names an unknown key, so that an issuer may rotate its keys at
    any time. While the issuer is unavailable, the cached keys stay in use.
    """

    def __init__(self, read: Read, algorithms: Sequence[str], clock: Callable[[], float] = monotonic) -> None:
        self._read, self._algorithms, self._clock = read, tuple(algorithms), clock
        self._keys: tuple[IssuerKey, ...] = ()
        self._read_at = self._failed_at = self._unknown_at = -1e9
        self._failure = "the issuer has not been asked yet"
        self._reader: asyncio.Task[None] | None = None

    async def key(self, id: str | None, algorithm: str) -> PyJWK | None:
        """Return the key of a token by its `kid` and `alg`; None if no key or several keys match.

        Raises KeysUnavailable if no keys were ever read.
        """
        if self._clock() - self._read_at > MAX_AGE_SECONDS:
            await self.renew()
        matches = self._matches(id, algorithm)
        if not matches and self._keys and self._clock() - self._unknown_at > UNKNOWN_KEY_PAUSE_SECONDS:
            self._unknown_at = self._clock()
            await self.renew()
            matches = self._matches(id, algorithm)
        if not self._keys:
            raise KeysUnavailable(self._failure)
        return matches[0] if len(matches) == 1 else None

    async def renew(self) -> str | None:
        """Refresh the keys, once for concurrent callers, unless that just failed; return why it failed, or None."""
        if self._reader is None:
            if self._clock() - self._failed_at < FAILURE_PAUSE_SECONDS:
                return self._failure
            self._reader = asyncio.ensure_future(self._renewed())
        await asyncio.shield(self._reader)
        return self._failure if self._failed_at > self._read_at else None

    async def _renewed(self) -> None:
        try:
            self._keys = parsed_keys(await self._read(), self._algorithms)
            self._read_at = self._clock()
        except KeysUnavailable as error:
            self._failed_at, self._failure = self._clock(), str(error)
            log.warning("issuer keys are not available", reason=self._failure, kept=len(self._keys))
        finally:
            self._reader = None

    def _matches(self, id: str | None, algorithm: str) -> list[PyJWK]:
        named = [key for key in self._keys if id is None or key.id == id]
        return [key.by_algorithm[algorithm] for key in named if algorithm in key.by_algorithm]
