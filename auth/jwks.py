"""The public keys of a token issuer: fetched from its address or read from a file, kept, and asked for again in time.

A key set is a JWKS document (RFC 7517). Of it only the keys that can verify a pinned algorithm are used; a key that
says its own `alg` is used for that one alone, so what a token says of itself never chooses how it is verified.
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
"""How long keys are used before they are asked for again."""
UNKNOWN_KEY_PAUSE_SECONDS: Final = 30.0
"""The least time between two times that tokens of unknown keys make the issuer be asked."""
FAILURE_PAUSE_SECONDS: Final = 5.0
"""The least time between a failure to get the keys and the next try."""

Read = Callable[[], Awaitable[bytes]]
"""Gets the key set document, or raises KeysUnavailable."""
T = TypeVar("T")


class KeysUnavailable(Exception):
    """The issuer's keys cannot be had; the message says why."""


@dataclass(frozen=True, slots=True)
class IssuerKey:
    """A key of the set: its `kid`, if it has one, and how it verifies each algorithm it can verify."""

    id: str | None
    by_algorithm: Mapping[str, PyJWK]


def without_repeats(pairs: Sequence[tuple[str, T]]) -> dict[str, T]:
    """A JSON object's members; of a name given twice, different readers would believe different values. ValueError."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member's name is given twice")
    return found


def parsed_keys(document: bytes, algorithms: Sequence[str]) -> tuple[IssuerKey, ...]:
    """The keys of a document that can verify one of some algorithms. Raises KeysUnavailable where there is none."""
    try:
        listed = json.loads(document, object_pairs_hook=without_repeats)["keys"]
        keys = [_key(each, algorithms) for each in listed]
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
        raise KeysUnavailable("what the issuer gives is no JWKS document") from error
    usable = tuple(key for key in keys if key.by_algorithm)
    if not usable:
        raise KeysUnavailable(f"the issuer has no key for {', '.join(algorithms)}")
    return usable


def _key(given: Mapping[str, Any], algorithms: Sequence[str]) -> IssuerKey:
    id = given.get("kid")
    verifies = given.get("use", "sig") == "sig" and "verify" in given.get("key_ops", ("verify",))
    fitting = [name for name in algorithms if verifies and given.get("alg", name) == name]
    # Of a key with a private part, published by mistake, the public part does.
    public = {name: value for name, value in given.items() if name not in ("d", "p", "q", "dp", "dq", "qi", "oth")}
    made = {name: key for name in fitting if (key := _made(public, name))}
    return IssuerKey(id if isinstance(id, str) else None, made)


def _made(given: dict[str, Any], algorithm: str) -> PyJWK | None:
    try:
        key = PyJWK(given, algorithm)
        return None if key.Algorithm.check_key_length(key.Algorithm.prepare_key(key.key)) else key
    except (PyJWTError, ValueError, TypeError, LookupError):
        return None


class KeySet:
    """An issuer's keys, kept. Each is found by its id, or, for a token that names none, by being the only one.

    They are asked for again when they are old, and when a token names one that is not among them, so that an issuer may
    change its keys at any time. While the issuer is away, those there are go on being used.
    """

    def __init__(self, read: Read, algorithms: Sequence[str], clock: Callable[[], float] = monotonic) -> None:
        self._read, self._algorithms, self._clock = read, tuple(algorithms), clock
        self._keys: tuple[IssuerKey, ...] = ()
        self._read_at = self._failed_at = self._sought_at = -1e9
        self._failure = "the issuer has not been asked yet"
        self._reader: asyncio.Task[None] | None = None

    async def key(self, id: str | None, algorithm: str) -> PyJWK | None:
        """The one key that a token means by its `kid` and `alg`; None where there is none, or it could be several.

        Raises KeysUnavailable where no keys were ever had.
        """
        if self._clock() - self._read_at > MAX_AGE_SECONDS:
            await self.renew()
        found = self._meant(id, algorithm)
        if not found and self._keys and self._clock() - self._sought_at > UNKNOWN_KEY_PAUSE_SECONDS:
            self._sought_at = self._clock()
            await self.renew()
            found = self._meant(id, algorithm)
        if not self._keys:
            raise KeysUnavailable(self._failure)
        return found[0] if len(found) == 1 else None

    async def renew(self) -> str | None:
        """Ask for the keys now, once for all who wait, unless asking has just failed; why it failed, or None."""
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
            log.warning("issuer keys cannot be had", reason=self._failure, kept=len(self._keys))
        finally:
            self._reader = None

    def _meant(self, id: str | None, algorithm: str) -> list[PyJWK]:
        named = [key for key in self._keys if id is None or key.id == id]
        return [key.by_algorithm[algorithm] for key in named if algorithm in key.by_algorithm]
