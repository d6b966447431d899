"""Authentication middleware: a principal for every request, before anything else runs, or status 401.

Only the requests of `is_open` need no principal: a new route is closed, and web sockets are refused. A request has one
`Authorization: Bearer` header with a token of the issuer or an API key; in development mode it needs none, and must not
come from a page of another origin. The log states why a request was refused,
without the token or key; the answer is the same for every reason.
"""

import re
from collections.abc import Collection
from math import ceil
from typing import Final

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from lineal.auth.jwks import KeysUnavailable
from lineal.auth.principals import LOCAL
from lineal.graphql_http import RESPONSE_JSON, answer, media_type, wants_page
from lineal.graphstore.errors import Unavailable
from lineal.graphstore.request_costs import Meter, metered
from lineal.http_auth.credentials import Caller, Credentials, CredentialsRefused
from lineal.http_auth.origins import comes_from_another_origin
from lineal.http_auth.rate_limit import RateLimit
from lineal.schema.errors import FORBIDDEN, LIMIT_EXCEEDED, UNAUTHENTICATED, UNAVAILABLE, refusal

log = structlog.get_logger()

OPEN: Final = ("/healthz", "/readyz", "/schema.graphql")
OPEN_UNDER: Final = "/static/graphiql/"

_BEARER: Final = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)
_MISSING: Final = "This server needs to know the caller: send `Authorization: Bearer` with a token or an API key."
_TOO_OFTEN: Final = "You have sent too many requests within a minute: wait for the seconds in Retry-After."
_ANOTHER_ORIGIN: Final = (
    "With --dev, pages of other origins cannot send requests: list the page's origin in cors_origins, and let the page "
    "send its Origin."
)
_REFUSED: Final = (
    "The token or API key is not accepted: get a new one. The server's log says why, with this answer's X-Request-Id."
)


def is_open(request: Request) -> bool:
    """Whether a request needs no principal: health, readiness, the schema and the page of GraphiQL."""
    path = request.scope["path"]
    if path == "/graphql":
        return wants_page(request)
    return path in OPEN or path.startswith(OPEN_UNDER)


class Authentication:
    """Sets `request.state.caller` of every request that is not open.

    `is_dev`: every caller is the local administrator, whatever its credentials, except pages of other origins than the
    server's and those of `origins`. `per_minute`: requests that a principal may send in a minute; 0 for no limit.
    """

    def __init__(self, app: ASGIApp, is_dev: bool, per_minute: int, origins: Collection[str] = ()) -> None:
        self._app, self._is_dev, self._origins = app, is_dev, origins
        self._rate_limit = RateLimit(per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await WebSocketClose(1008)(scope, receive, send)
            return
        if scope["type"] != "http" or is_open(request := Request(scope)):
            await self._app(scope, receive, send)
            return
        if self._is_dev and comes_from_another_origin(request, self._origins):
            log.warning("request of a page of another origin", path=scope["path"], origin=request.headers.get("origin"))
            await refusal_response(request, 403, _ANOTHER_ORIGIN, FORBIDDEN)(scope, receive, send)
            return
        try:
            request.state.caller = await self._caller(request)
        except CredentialsRefused as refused:
            key = {} if refused.key is None else {"key": refused.key}
            log.warning("unauthenticated", path=scope["path"], reason=refused.reason, **key)
            await _unauthenticated(request)(scope, receive, send)
        except (KeysUnavailable, Unavailable) as error:
            log.warning("cannot authenticate", path=scope["path"], reason=str(error))
            message = "The caller cannot be authenticated now: send this again a little later."
            await refusal_response(request, 503, message, UNAVAILABLE)(scope, receive, send)
        else:
            await self._admit(request, receive, send)

    async def _admit(self, request: Request, receive: Receive, send: Send) -> None:
        """Pass an authenticated request on, unless its principal is over the rate limit."""
        seconds = 0.0 if self._is_dev else self._rate_limit.wait(request.state.caller.principal.shown)
        if not seconds:
            with metered(Meter(request.state.caller.principal.shown)):
                await self._app(request.scope, receive, send)
            return
        log.warning("too many requests", principal=request.state.caller.principal.shown)
        response = refusal_response(request, 429, _TOO_OFTEN, LIMIT_EXCEEDED, **{"Retry-After": str(ceil(seconds))})
        await response(request.scope, receive, send)

    async def _caller(self, request: Request) -> Caller:
        if self._is_dev:
            return Caller(LOCAL)
        credentials: Credentials = request.app.state.credentials
        return await credentials.caller(_presented(request))


def _presented(request: Request) -> str:
    """Return the token or key of a request. Raises CredentialsRefused."""
    headers = request.headers.getlist("authorization")
    if not headers:
        raise CredentialsRefused("there is no Authorization header")
    if len(headers) > 1:
        raise CredentialsRefused("there are several Authorization headers")
    match = _BEARER.fullmatch(headers[0])
    if not match:
        raise CredentialsRefused("the Authorization header is not `Bearer` and a token or key")
    return match[1]


def _unauthenticated(request: Request) -> Response:
    if "authorization" not in request.headers:
        return refusal_response(
            request, 401, _MISSING, UNAUTHENTICATED, **{"WWW-Authenticate": 'Bearer realm="lineal"'}
        )
    challenge = 'Bearer realm="lineal", error="invalid_token"'
    return refusal_response(request, 401, _REFUSED, UNAUTHENTICATED, **{"WWW-Authenticate": challenge})


def refusal_response(request: Request, status: int, message: str, code: str, **headers: str) -> Response:
    """Return the refusal of a request, in the error format of its route."""
    if request.scope["path"] != "/graphql":
        return JSONResponse({"problems": [message]}, status, headers)
    media = media_type(request.headers.get("accept", "")) or RESPONSE_JSON
    return answer(status, {"errors": [refusal(message, code)]}, media, headers)
