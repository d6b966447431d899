"""Content of entities over HTTP: `PUT /blobs/{sha256}` uploads it, `GET /content/{id}` downloads it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import wraps
from typing import Final
from urllib.parse import quote

import structlog
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from lineal.auth.access_store import AuditEntry
from lineal.auth.directive import checked
from lineal.auth.permissions import Permission
from lineal.auth.scopes import default_group
from lineal.blobs.addresses import blob_uri, is_sha256
from lineal.blobs.store import (
    ABSENT,
    BlobBusy,
    BlobDamaged,
    BlobRefused,
    BlobStore,
    BlobsUnavailable,
    BlobTooLarge,
)
from lineal.content_ranges import RangeNotSatisfiable, requested_range
from lineal.graphql_endpoint import opened_context
from lineal.graphstore.errors import Unavailable
from lineal.resolvers.content import Content, content_of
from lineal.resolvers.entities import node

log = structlog.get_logger()

_INLINE: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "text/plain"})
"""Media types that a browser shows in place: none of them runs scripts. All others are downloaded."""
_HEADERS: Final = {
    "Accept-Ranges": "bytes",
    "Cache-Control": "private, no-cache",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_ABSENT: Final = "There is no such content, or you may not read it."

Endpoint = Callable[[Request], Awaitable[Response]]


class _Problem(Exception):
    """A request that is refused: the status and a message that says what to do."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers


def _answering(endpoint: Endpoint) -> Endpoint:
    """Wrap an endpoint so that its errors become answers with `problems`."""

    @wraps(endpoint)
    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except _Problem as problem:
            return JSONResponse({"problems": [str(problem)]}, problem.status, problem.headers)
        except BlobsUnavailable as error:
            log.error("content store unavailable", reason=str(error.__cause__))
            return JSONResponse({"problems": [str(error)]}, 503)
        except Unavailable as error:
            return JSONResponse({"problems": [str(error)]}, 503)

    return answer


@_answering
async def blob(request: Request) -> Response:
    """Keep the bytes of the body for an account: 201 with the URI that an entity names as the address of its source.

    The body may be of any length and chunked; it is checked against the SHA-256 of the path. HEAD: 200 if the account
    uploaded these bytes before, else 404.
    """
    blobs, sha256 = _blobs(request), request.path_params["sha256"]
    if not is_sha256(sha256):
        raise _Problem(400, "The path ends in the SHA-256 of the content: 64 lower-case hexadecimal digits.")
    context = await opened_context(request)
    account = request.query_params.get("account", context.principal.account)
    checked(Permission.RECORD)
    decision = context.authorizer.decide(Permission.RECORD, [default_group(account)])
    if not decision.is_allowed:
        accounts = tuple(dict.fromkeys((account, context.principal.account)))
        by, request_id = context.principal.shown, context.request_id
        denied = AuditEntry(
            accounts, by, Permission.RECORD, "CONTENT", blob_uri(sha256), False, decision.policies, request_id
        )
        context.access_service.denials.note([denied])
        raise _Problem(403, f"You lack {Permission.RECORD.shown} on account {account}.")
    if request.method == "HEAD":
        return Response(status_code=200 if await blobs.holds(account, sha256) else 404)
    settings = request.app.state.settings
    try:
        size = await blobs.put(account, sha256, request.stream(), settings.max_blob_bytes, settings.account_blob_bytes)
    except ClientDisconnect:
        return Response(status_code=400)
    except BlobTooLarge as refused:
        raise _Problem(413, _sentence(refused)) from refused
    except BlobBusy as refused:
        raise _Problem(503, _sentence(refused), {"Retry-After": "900"}) from refused
    except BlobRefused as refused:
        raise _Problem(400, _sentence(refused)) from refused
    return JSONResponse({"uri": blob_uri(sha256), "bytes": size}, 201)


@_answering
async def content(request: Request) -> Response:
    """Return the content of an entity that the caller may read, whole or a range of it.

    404 alike if there is no such entity, if the caller may not read it, and if it has no content here.
    """
    blobs = _blobs(request)
    context = await opened_context(request)
    entity = await node(context, request.path_params["id"])
    audit = BackgroundTask(request.app.state.denied_read_audit.note, context)
    described = None if entity is None else content_of(entity)
    size = None if described is None or entity is None else await blobs.size(entity.account, described.sha256)
    if described is None or size is None:
        response: Response = JSONResponse({"problems": [_ABSENT]}, 404)
        response.background = audit
        return response
    etag = f'"{described.sha256}"'
    headers = {**_HEADERS, **_named(described), "ETag": etag}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    wanted = request.headers.get("range") if request.headers.get("if-range", etag) == etag else None
    try:
        part = requested_range(wanted, size)
    except RangeNotSatisfiable:
        message = f"The content has {size} bytes only."
        raise _Problem(416, message, {"Content-Range": f"bytes */{size}"}) from None
    start, end = part or (0, size)
    headers["Content-Length"] = str(end - start)
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    status = 200 if part is None else 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    pieces = blobs.read_whole(described.sha256, size) if part is None else blobs.read(described.sha256, start, end)
    try:
        first = await anext(pieces, b"")
    except ABSENT as error:
        log.error("content missing", sha256=described.sha256, bytes=size)
        raise _Problem(503, "The stored content is missing: restore it, or upload it again.") from error
    except BlobDamaged as error:
        log.error("content damaged", sha256=described.sha256)
        raise _Problem(503, f"{str(error).capitalize()}.") from error
    return StreamingResponse(_streamed(first, pieces), status, headers)


async def _streamed(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield pieces; an error of a later piece ends the connection before the content is complete."""
    if first:
        yield first
    async for piece in pieces:
        yield piece


def _named(described: Content) -> dict[str, str]:
    """Return the headers of the type and the name of content."""
    media_type = described.media_type if described.media_type in _INLINE else "application/octet-stream"
    if media_type == "text/plain":
        media_type = "text/plain; charset=utf-8"
    kind = "inline" if described.media_type in _INLINE else "attachment"
    name = quote(described.file_name or "content", safe="")
    return {"Content-Type": media_type, "Content-Disposition": f"{kind}; filename*=UTF-8''{name}"}


def _blobs(request: Request) -> BlobStore:
    blobs: BlobStore | None = request.app.state.blobs
    if blobs is None:
        raise _Problem(501, "This server keeps no content: start it with the setting `blobs`.")
    return blobs


def _sentence(refused: BlobRefused) -> str:
    text = str(refused)
    return f"{text[0].upper()}{text[1:]}."
