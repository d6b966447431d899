"""Sources of an issuer's keys: a file, a URL, or the issuer's discovery document."""

import asyncio
import json
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from lineal.auth.jwks import KeysUnavailable, Read, without_repeats

MAX_DOCUMENT_BYTES: Final = 1024 * 1024
"""Largest document that is read from an issuer."""

_TIMEOUT_SECONDS: Final = 5.0
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


def address_problem(url: str) -> str | None:
    """Return why keys cannot be fetched from a URL, as the end of a sentence, or None."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return "is not a URL: set one that begins with https://"
    if parts.scheme == "https" and host:
        return None
    if parts.scheme == "http" and host in _LOOPBACK:
        return None
    return "must begin with https://, so that nobody on the network can replace the keys (http:// only on loopback)"


def from_file(path: Path) -> Read:
    """Read keys from a file; a refresh reads it again."""

    async def read() -> bytes:
        try:
            return await asyncio.to_thread(path.read_bytes)
        except OSError as error:
            raise KeysUnavailable(f"{path} cannot be read ({error.strerror})") from error

    return read


def from_url(url: str) -> Read:
    """Read keys from a URL."""

    async def read() -> bytes:
        return await _fetched(url)

    return read


def from_discovery(issuer: str) -> Read:
    """Read keys from the URL in the issuer's discovery document (OpenID Connect Discovery 1.0)."""

    async def read() -> bytes:
        document = await _fetched(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        try:
            discovery = json.loads(document, object_pairs_hook=without_repeats)
            named, address = discovery["issuer"], discovery["jwks_uri"]
            problem = address_problem(address)
        except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
            raise KeysUnavailable("the issuer's discovery document is not valid") from error
        if named != issuer:
            raise KeysUnavailable(f"the discovery document of {issuer} names another issuer")
        if problem:
            raise KeysUnavailable(f"the jwks_uri of {issuer} {problem}")
        return await _fetched(address)

    return read


async def _fetched(url: str) -> bytes:
    """Fetch a document, without redirects, bounded in time and size."""
    body = bytearray()
    try:
        async with (
            asyncio.timeout(_TIMEOUT_SECONDS),
            httpx.AsyncClient(timeout=_TIMEOUT_SECONDS) as client,
            client.stream("GET", url, headers={"Accept": "application/json"}) as answer,
        ):
            if answer.status_code != 200:
                raise KeysUnavailable(f"{url} answers with status {answer.status_code}")
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > MAX_DOCUMENT_BYTES:
                    raise KeysUnavailable(f"{url} answers with more than {MAX_DOCUMENT_BYTES} bytes")
    except TimeoutError as error:
        raise KeysUnavailable(f"{url} does not answer within {_TIMEOUT_SECONDS:g} seconds") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise KeysUnavailable(f"{url} cannot be reached ({type(error).__name__})") from error
    return bytes(body)
