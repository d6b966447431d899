"""Reading requests: bounded bodies, of JSON only."""

import json
import re
from typing import Any

import orjson
from starlette.requests import Request

_LONG_DIGITS = re.compile(rb"[0-9]{19}")
_LONG_DIGITS_TEXT = re.compile(r"[0-9]{19}")


class BodyRefused(Exception):
    """A body that is not read: the status, and a message that says what to send."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


async def json_body(request: Request, most: int) -> Any:
    """The JSON of a body. Raises BodyRefused: 415 for another content type, 413 for too much, 400 for no JSON.

    Asking for the JSON content type is what keeps a page of another origin from sending anything here: a browser sends
    it only after a CORS preflight, which this server answers for allowed origins alone.
    """
    kind, *parameters = [part.strip().lower() for part in request.headers.get("content-type", "").split(";")]
    charset = next((part[8:].strip('"') for part in parameters if part.startswith("charset=")), "utf-8")
    if kind != "application/json" or charset not in ("utf-8", "utf8"):
        raise BodyRefused(415, "Content-Type must be application/json, in UTF-8.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise BodyRefused(413, f"The body is larger than {most} bytes: split it into several requests.")
    try:
        return parsed_json(bytes(body))
    except ValueError as error:
        raise BodyRefused(400, f"The body is not JSON: {error}.") from error


def parsed_json(text: bytes | str) -> Any:
    """The value of a JSON text, integers of any length exact. Raises ValueError, which says what is wrong and where."""
    value = orjson.loads(text)
    # orjson reads integers beyond 64 bits as floats; they must arrive as they are, to be refused by name.
    pattern = _LONG_DIGITS if isinstance(text, bytes) else _LONG_DIGITS_TEXT
    return json.loads(text) if pattern.search(text) else value  # type: ignore[arg-type]
