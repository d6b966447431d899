"""Request bodies: JSON only, of limited size, also where they are compressed."""

import json
import re
from typing import Any, Final

import orjson
from starlette.requests import Request

from lineal.inflating import ENCODINGS, InvalidEncoding, TooLarge, inflated
from lineal.json_structure import holds_more_values
from lineal.threads import LARGE_BYTES, off_loop_if

_LONG_DIGITS: Final = re.compile(r"[0-9]{19}")
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_LONG_CHARACTERS: Final = 256 * 1024
"""The length from which orjson, which never lets another thread run, takes some ten milliseconds."""


_LARGE_COMPRESSED: Final = 1024
"""The size from which a compressed body may take milliseconds to inflate."""


MAX_VALUES: Final = 500_000
"""The most values of a body: more than the variables of a request may hold, and parsed in a tenth of a second."""


class BodyRefused(Exception):
    """A body that is not accepted: the status, and a message that says what to send."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


async def json_body(request: Request, max_bytes: int) -> tuple[Any, int]:
    """The JSON value of a body, and the body's size in bytes.

    Raises BodyRefused as `raw_body` does, with 415 for another content type, with 413 for too many values, and
    with 400 for invalid JSON.

    The required content type keeps pages of other origins from sending anything: a browser sends it only after a CORS
    preflight, which this server answers for allowed origins alone.
    """
    kind, *parameters = [part.strip().lower() for part in request.headers.get("content-type", "").split(";")]
    charset = next((part[8:].strip('"') for part in parameters if part.startswith("charset=")), "utf-8")
    if kind != "application/json" or charset not in ("utf-8", "utf8"):
        raise BodyRefused(415, "Content-Type must be application/json, in UTF-8.")
    body = await raw_body(request, max_bytes)
    try:
        return await off_loop_if(len(body) > LARGE_BYTES, _parsed_body, body), len(body)
    except ValueError as error:
        raise BodyRefused(400, f"The body is not JSON: {error}.") from error


async def raw_body(request: Request, max_bytes: int) -> bytes:
    """The body of a request, inflated where it is compressed with gzip or deflate.

    Raises BodyRefused: 415 for another encoding, 413 for a body that is, compressed or inflated, over `max_bytes`, 400
    for one that cannot be inflated.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower() or "identity"
    if encoding not in ENCODINGS:
        raise BodyRefused(415, "Content-Encoding must be gzip or deflate, or left out.")
    too_large = BodyRefused(413, f"The body is larger than {max_bytes} bytes: split it into several requests.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise too_large
    is_large = encoding != "identity" and len(body) > _LARGE_COMPRESSED
    try:
        return await off_loop_if(is_large, inflated, bytes(body), encoding, max_bytes)
    except TooLarge:
        raise too_large from None
    except InvalidEncoding as error:
        raise BodyRefused(400, f"The body {error}.") from error


def _parsed_body(body: bytes) -> Any:
    text = body.decode()
    if len(text) > _LONG_CHARACTERS and holds_more_values(text, MAX_VALUES):
        raise BodyRefused(413, f"The body holds more than {MAX_VALUES:,} values: send several requests.")
    return parsed_json(text)


def parsed_json(text: str) -> Any:
    """The value of a JSON text, integers of any length exact. Raises ValueError with what is wrong and where."""
    # Which escaped surrogates are pairs is orjson's to judge: json takes those that are not.
    if len(text) > _LONG_CHARACTERS and not _SURROGATE.search(text):
        return _parsed_in_steps(text)
    value = orjson.loads(text)
    # orjson reads integers beyond 64 bits as floats; they must arrive exact, to be refused by name.
    return json.loads(text) if _LONG_DIGITS.search(text) else value


def _parsed_in_steps(text: str) -> Any:
    """The value of a long JSON text, parsed so that other threads run meanwhile: Python code is called per object."""
    try:
        return json.loads(text, object_hook=lambda value: value, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("it nests too deep") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")
