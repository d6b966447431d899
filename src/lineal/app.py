"""The server: its routes and middleware, and the lifespan that opens and closes the store."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from time import perf_counter

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lineal.accepted_values import origins_of
from lineal.auth.access_service import AccessService
from lineal.blob_checked_store import BlobCheckedStore
from lineal.blob_sweeps import sweep_hourly
from lineal.config import LOOPBACK, ConfigError, Settings, check_dev
from lineal.content_endpoints import blob, content
from lineal.disconnects import CLIENT_CLOSED_REQUEST
from lineal.document_cache import Documents
from lineal.graphql_endpoint import graphql
from lineal.graphstore.deadlines import unlimited
from lineal.graphstore.errors import StoreError, Unavailable
from lineal.graphstore.proxies.coalescing import CoalescingStore
from lineal.graphstore.proxies.deadline import DeadlineStore
from lineal.graphstore.proxies.metered import MeteredStore
from lineal.graphstore.queries import Limits
from lineal.http_auth.credentials import Caller, opened_credentials
from lineal.http_auth.middleware import Authentication, refusal_response
from lineal.http_auth.rate_limit import RateLimit
from lineal.http_protocol import AcceptableHeads
from lineal.loop_lag import LoopLag
from lineal.metrics import Metrics
from lineal.openlineage_endpoint import openlineage, openlineage_batch
from lineal.resolvers.denied_read_audit import DeniedReadAudit
from lineal.running_writes import RunningWrites
from lineal.schema import GRAPH, sdl
from lineal.schema.errors import UNAVAILABLE
from lineal.schema.limits import DocumentLimits
from lineal.schema.projection import ProjectingExecutor
from lineal.stores import open_blobs, open_configured
from lineal.web.page import STATIC_DIR

log = structlog.get_logger()

COMPRESSED_BYTES = 1000
"""Size from which responses are compressed: smaller ones fit into one packet as they are."""
COMPRESSION_LEVEL = 1
"""Level of gzip: of a page of entities, level 4 saves 6 % more in six times the time."""
COMPRESSED_IN_THREAD_BYTES = 32 * 1024
"""Size from which compressing takes half a millisecond, and is done in a thread, so that other requests do not wait."""
STOPPING = "The server is stopping: send this again, a mutation with the same idempotencyKey."
READY_SECONDS = 5.0
"""How long `/readyz` waits for the store: less than a load balancer waits for `/readyz`."""


def create_app(settings: Settings, ready: Callable[[], None] = lambda: None) -> Starlette:
    """The ASGI application for the settings. It opens the store on startup, then calls `ready`, and closes it last.

    Raises ConfigError as `check_dev` does and, on startup, if no caller could authenticate.
    """
    check_dev(settings)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            app.state.blobs = open_blobs(settings)
            engine = await open_configured(settings)
        except (ConfigError, StoreError) as error:
            app.state.refused = error
            raise
        measured = MeteredStore(DeadlineStore(engine, settings.request_seconds), metrics.record_call)
        store = BlobCheckedStore(CoalescingStore(measured), app.state.blobs)
        unused_for = timedelta(hours=settings.unused_blob_hours)
        running = (lag.watch(), sweep_hourly(app.state.blobs, store, unused_for))
        background = [asyncio.create_task(each) for each in running]
        try:
            app.state.store = store
            app.state.cursor_key = await store.secret("cursors")
            app.state.running_writes = RunningWrites()
            app.state.access_service = AccessService(store)
            app.state.denied_read_audit = DeniedReadAudit(store, app.state.access_service.denials)
            try:
                app.state.credentials = await opened_credentials(settings, store, app.state.access_service)
            except (ConfigError, StoreError) as error:
                app.state.refused = error
                raise
            ready()
            yield
            await app.state.running_writes.finish()
            await app.state.credentials.close()
            await app.state.denied_read_audit.finish()
        finally:
            for task in background:
                task.cancel()
            await store.close()

    lag = LoopLag()
    metrics = Metrics(lag)
    routes = [
        Route("/graphql", graphql, methods=["GET", "POST"]),
        Route("/schema.graphql", schema_text),
        Route("/blobs/{sha256}", blob, methods=["PUT", "HEAD"]),
        Route("/content/{id}", content, methods=["GET", "HEAD"]),
        Route("/api/v1/lineage", openlineage, methods=["POST"]),
        Route("/api/v1/lineage/batch", openlineage_batch, methods=["POST"]),
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", metrics_text),
        Mount("/static/graphiql", StaticFiles(directory=STATIC_DIR)),
    ]
    app = Starlette(routes=routes, middleware=_middleware(settings, metrics), lifespan=lifespan)
    app.state.settings = settings
    app.state.metrics = metrics
    app.state.limits = Limits(settings.visit_limit, settings.deadline_seconds)
    app.state.document_limits = DocumentLimits(values=settings.max_values)
    app.state.documents = Documents(GRAPH, app.state.document_limits)
    app.state.cost_budget = RateLimit(settings.cost_per_minute)
    app.state.executor_class = ProjectingExecutor
    return app


def _middleware(settings: Settings, metrics: Metrics) -> list[Middleware]:
    """Return the middleware of the application, outermost first."""
    origins = origins_of(settings.cors_origins)
    middleware = [
        Middleware(RequestTelemetry, metrics=metrics),
        Middleware(AcceptableHeads),
        Middleware(
            Compression,
            minimum_size=COMPRESSED_BYTES,
            compresslevel=COMPRESSION_LEVEL,
            thread_minimum_size=COMPRESSED_IN_THREAD_BYTES,
        ),
    ]
    if settings.dev:
        # DNS rebinding: a page of another host must not reach an open server under a name that resolves to this one.
        middleware.append(Middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK, "[::1]"], www_redirect=False))
    if origins:
        methods, headers = ["GET", "POST"], ["Content-Type", "Authorization", "X-Request-Id"]
        cors = Middleware(CORSMiddleware, allow_origins=origins, allow_methods=methods, allow_headers=headers)
        middleware.append(cors)
    per_minute = settings.requests_per_minute
    middleware.append(Middleware(Authentication, is_dev=settings.dev, per_minute=per_minute, origins=origins))
    return middleware


async def schema_text(request: Request) -> Response:
    """`/schema.graphql`: the schema as SDL."""
    return PlainTextResponse(sdl())


async def healthz(request: Request) -> Response:
    """`/healthz`: 200 while the process answers."""
    return JSONResponse({"status": "ok"})


async def readyz(request: Request) -> Response:
    """`/readyz`: 200 if the store answers a query within READY_SECONDS, else 503 and the reason."""
    try:
        async with asyncio.timeout(READY_SECONDS):
            await request.app.state.store.ready()
    except TimeoutError:
        reason = f"the store did not answer in {READY_SECONDS:g} seconds"
    except Unavailable as error:
        reason = str(error)
    else:
        return JSONResponse({"status": "ready"})
    return JSONResponse({"status": "unavailable", "reason": reason}, 503)


async def metrics_text(request: Request) -> Response:
    """`/metrics` for Prometheus. They cover all accounts, so the caller must belong to an operator account."""
    caller: Caller = request.state.caller
    if not caller.is_operator:
        message = "Metrics cover all accounts: use a key of an operator account."
        return JSONResponse({"problems": [message]}, 403)
    return Response(generate_latest(request.app.state.metrics.registry), media_type=CONTENT_TYPE_LATEST)


class Compression(GZipMiddleware):
    """Compresses responses, but for the content of entities, whose ranges and digests are of the bytes as they are."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_content = scope["type"] == "http" and scope["path"].startswith("/content/")
        await (self.app(scope, receive, send) if is_content else super().__call__(scope, receive, send))


class RequestTelemetry:
    """Middleware that gives every request an id, security headers, a log line and metrics."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        received = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        is_usable = 0 < len(received) <= 128 and received.isascii() and received.isprintable()
        request_id = received if is_usable else secrets.token_hex(8)
        started, status, is_answering = perf_counter(), 500, False

        async def send_with_headers(message: Message) -> None:
            nonlocal status, is_answering
            if message["type"] == "http.response.start":
                status, is_answering = message["status"], True
                message["headers"] += [
                    (b"x-request-id", request_id.encode()),
                    (b"x-content-type-options", b"nosniff"),
                    (b"x-frame-options", b"DENY"),
                    (b"referrer-policy", b"no-referrer"),
                ]
            await send(message)

        scope.setdefault("state", {})["request_id"] = request_id
        self._metrics.in_progress.inc()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            # A connection that resumes reading takes the context of the request that it paused for, whose deadline
            # would end the later ones.
            with unlimited():
                await self._app(scope, receive, send_with_headers)
        except ClientDisconnect:
            status = CLIENT_CLOSED_REQUEST
        except asyncio.CancelledError:
            # Only a stopping server cancels requests. One that has begun to answer cannot take that back.
            if is_answering:
                raise
            headers = {"Connection": "close"}
            response = refusal_response(Request(scope), 503, STOPPING, UNAVAILABLE, **headers)
            await response(scope, receive, send_with_headers)
        finally:
            seconds = perf_counter() - started
            self._metrics.in_progress.dec()
            self._metrics.seconds.labels(_route(scope)).observe(seconds)
            log.info(
                "request",
                method=scope["method"],
                path=scope["path"],
                status=status,
                milliseconds=round(seconds * 1000, 1),
            )
            structlog.contextvars.unbind_contextvars("request_id")


def _route(scope: Scope) -> str:
    known = (
        "/graphql",
        "/schema.graphql",
        "/api/v1/lineage",
        "/api/v1/lineage/batch",
        "/healthz",
        "/readyz",
        "/metrics",
    )
    path: str = scope["path"]
    by_prefix = next((prefix for prefix in ("/blobs/", "/content/") if path.startswith(prefix)), "other")
    return path if path in known else by_prefix
