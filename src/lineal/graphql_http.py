"""GraphQL over HTTP, as its specification says: media types, requests and answers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from lineal.json_body import BodyRefused, json_body, parsed_json
from lineal.schema.errors import BAD_USER_INPUT

RESPONSE_JSON: Final = "application/graphql-response+json"
LEGACY_JSON: Final = "application/json"

_ANSWERED: Final = {
    RESPONSE_JSON: RESPONSE_JSON,
    LEGACY_JSON: LEGACY_JSON,
    "application/*": LEGACY_JSON,
    "*/*": LEGACY_JSON,
}
"""The media type of the answer for each media range that a client can accept."""


_ITEMS_AT_ONCE: Final = 8
"""How many items of a list are serialized in one piece."""


class Refused(Exception):
    """A request that is not executed: a status and one error."""

    def __init__(self, status: int, message: str, code: str = BAD_USER_INPUT, **headers: str) -> None:
        super().__init__(message)
        self.status, self.code, self.headers = status, code, headers


class Failed(Exception):
    """A well-formed request whose document is not executed, or whose execution gave no data."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(status)
        self.status, self.body = status, body


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """The parameters of a request, and the size of its body or of the variables in its address."""

    query: str
    variables: dict[str, Any]
    operation_name: str | None
    size: int


def media_type(accept: str) -> str | None:
    """The media type to answer in; None if the client accepts neither."""
    best: tuple[float, int, str] | None = None
    ranges = [part.strip() for part in accept.split(",") if part.strip()] or ["*/*"]
    for index, part in enumerate(ranges):
        media_range, *parameters = [piece.strip() for piece in part.split(";")]
        quality = next((piece[2:] for piece in parameters if piece.startswith("q=")), "1")
        try:
            weight = float(quality)
        except ValueError:
            continue
        answered = _ANSWERED.get(media_range.lower())
        if weight > 0 and answered and (best is None or weight > best[0]):
            best = (weight, -index, answered)
    return best[2] if best else None


def wants_page(request: Request) -> bool:
    """Whether a request asks for GraphiQL's page, as browsers do, also with a query that the page is to show."""
    accept = request.headers.get("accept", "")
    return request.method == "GET" and "text/html" in accept and "json" not in accept


def answer(status: int, body: Any, media: str, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in JSON of a media type; `body` may be JSON already, as bytes."""
    content = body if isinstance(body, bytes) else orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS)
    return Response(content, status, {**(headers or {}), "Content-Type": f"{media}; charset=utf-8"})


def serialized(body: Any) -> bytes:
    """A large body as JSON. Other threads run between its pieces: orjson lets none run meanwhile."""
    return b"".join(_pieces(body))


def _pieces(value: Any) -> Iterator[bytes]:
    if isinstance(value, dict) and value:
        separator = b"{"
        for key, item in value.items():
            yield separator + orjson.dumps(str(key)) + b":"
            yield from _pieces(item)
            separator = b","
        yield b"}"
    elif isinstance(value, list) and value:
        for begin in range(0, len(value), _ITEMS_AT_ONCE):
            items = orjson.dumps(value[begin : begin + _ITEMS_AT_ONCE], option=orjson.OPT_NON_STR_KEYS)
            yield (b"," if begin else b"[") + items[1:-1]
        yield b"]"
    else:
        yield orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)


async def read_request(request: Request, max_bytes: int) -> GraphQLRequest:
    """The GraphQL request in an HTTP request. Raises Refused."""
    size = 0
    if request.method == "GET":
        body: Any = dict(request.query_params)
        for part in ("variables", "extensions"):
            if part in body:
                size += len(body[part])
                try:
                    body[part] = parsed_json(body[part])
                except ValueError as error:
                    raise Refused(400, f"{part} is not JSON: {error}.") from error
    else:
        try:
            body, size = await json_body(request, max_bytes)
        except BodyRefused as refused:
            raise Refused(refused.status, str(refused)) from refused
    if not isinstance(body, dict):
        raise Refused(400, "The body must be one JSON object with a query: several operations go in several requests.")
    query: Any = body.get("query")
    name: Any = body.get("operationName")
    variables: Any = body.get("variables")
    if not isinstance(query, str) or not query:
        raise Refused(400, "query is missing: give the GraphQL document as text.")
    if name is not None and not isinstance(name, str):
        raise Refused(400, "operationName must be text.")
    if variables is not None and not isinstance(variables, dict):
        raise Refused(400, "variables must be a JSON object.")
    if body.get("extensions") is not None and not isinstance(body["extensions"], dict):
        raise Refused(400, "extensions must be a JSON object.")
    return GraphQLRequest(query, variables or {}, name or None, size)
