"""GraphQL over HTTP, as its specification says, with this server's limits."""

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any, Final

import orjson
import structlog
from graphql import ExecutionResult, OperationDefinitionNode, OperationType, execute
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from lineal.document_cache import Document, Documents, Unreadable
from lineal.graphstore.errors import Unavailable
from lineal.http_auth.credentials import Caller
from lineal.json_body import BodyRefused, json_body, parsed_json
from lineal.resolvers.context import Context
from lineal.schema import schema
from lineal.schema.errors import BAD_USER_INPUT, INTERNAL, LIMIT_EXCEEDED, UNAVAILABLE, presented, refusal
from lineal.schema.limits import Cost, judge, variables_problem
from lineal.web.page import CONTENT_SECURITY_POLICY, graphiql_page

log = structlog.get_logger()

RESPONSE_JSON: Final = "application/graphql-response+json"
LEGACY_JSON: Final = "application/json"
GRAPH: Final = schema._schema  # noqa: SLF001 (execution needs graphql-core's own schema)
"""The executable schema."""


class Refused(Exception):
    """A request that is not executed: a status and one error."""

    def __init__(self, status: int, message: str, code: str = BAD_USER_INPUT, **headers: str) -> None:
        super().__init__(message)
        self.status, self.code, self.headers = status, code, headers


def media_type(accept: str) -> str | None:
    """The media type to answer in; None where the client takes neither."""
    best: tuple[float, int, str] | None = None
    ranges = [part.strip() for part in accept.split(",") if part.strip()] or ["*/*"]
    for place, part in enumerate(ranges):
        kind, *parameters = [piece.strip() for piece in part.split(";")]
        quality = next((piece[2:] for piece in parameters if piece.startswith("q=")), "1")
        try:
            weight = float(quality)
        except ValueError:
            continue
        chosen = {
            RESPONSE_JSON: RESPONSE_JSON,
            LEGACY_JSON: LEGACY_JSON,
            "application/*": LEGACY_JSON,
            "*/*": LEGACY_JSON,
        }
        if weight > 0 and kind.lower() in chosen and (best is None or weight > best[0]):
            best = (weight, -place, chosen[kind.lower()])
    return best[2] if best else None


def wants_page(request: Request) -> bool:
    """Whether a request is a browser's for GraphiQL's page."""
    accept = request.headers.get("accept", "")
    return request.method == "GET" and "query" not in request.query_params and "text/html" in accept


async def graphql(request: Request) -> Response:
    """`/graphql`: GraphiQL for a browser, GraphQL for everything else."""
    if wants_page(request):
        return HTMLResponse(graphiql_page(), headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY})
    response = await _answered(request)
    response.background = getattr(request.state, "background", None)
    return response


async def _answered(request: Request) -> Response:
    media = media_type(request.headers.get("accept", ""))
    metrics = request.app.state.metrics
    operation, outcome = "unknown", "refused"
    try:
        if media is None:
            raise Refused(406, f"Accept must allow {RESPONSE_JSON} or {LEGACY_JSON}.")
        text, variables, name = await _parameters(request)
        operation, result = await _run(request, text, variables, name)
        outcome = "errors" if result.get("errors") else "ok"
        return answer(200, result, media)
    except Refused as refused:
        error = refusal(str(refused), refused.code)
        return answer(refused.status, {"errors": [error]}, media or RESPONSE_JSON, refused.headers)
    except Errors as found:
        status = found.status if media == RESPONSE_JSON else 200
        return answer(status, found.body, media or RESPONSE_JSON)
    finally:
        metrics.requests.labels(operation, outcome).inc()


class Errors(Exception):
    """A well-formed request whose document is not executed, or whose execution gave no data."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(status)
        self.status, self.body = status, body


def answer(status: int, body: Any, media: str, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in JSON of a media type."""
    content = orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS)
    return Response(content, status, {**(headers or {}), "Content-Type": f"{media}; charset=utf-8"})


async def _parameters(request: Request) -> tuple[str, dict[str, Any], str | None]:
    if request.method == "GET":
        given: Any = dict(request.query_params)
        for part in ("variables", "extensions"):
            if part in given:
                try:
                    given[part] = parsed_json(given[part])
                except ValueError as error:
                    raise Refused(400, f"{part} is not JSON: {error}.") from error
    else:
        try:
            given = await json_body(request, request.app.state.settings.max_body_bytes)
        except BodyRefused as refused:
            raise Refused(refused.status, str(refused)) from refused
    if not isinstance(given, dict):
        raise Refused(400, "The body must be one JSON object with a query: several operations go in several requests.")
    text: Any = given.get("query")
    name: Any = given.get("operationName")
    variables: Any = given.get("variables")
    if not isinstance(text, str) or not text:
        raise Refused(400, "query is missing: give the GraphQL document as text.")
    if name is not None and not isinstance(name, str):
        raise Refused(400, "operationName must be text.")
    if variables is not None and not isinstance(variables, dict):
        raise Refused(400, "variables must be a JSON object.")
    if given.get("extensions") is not None and not isinstance(given["extensions"], dict):
        raise Refused(400, "extensions must be a JSON object.")
    return text, variables or {}, name or None


async def _run(request: Request, text: str, variables: dict[str, Any], name: str | None) -> tuple[str, dict[str, Any]]:
    """The operation's type and its answer. Raises Refused or Errors where there is no data to answer with."""
    document, operation, cost = _passed(request, text, variables, name)
    told = {"cost": {"requested": cost.values, "limit": cost.limit}}
    writes = operation.operation is OperationType.MUTATION
    if writes and request.method != "POST":
        raise Refused(405, "A mutation must be sent by POST.", Allow="POST")
    result = await _executed(request, document.node, variables, name, writes)
    errors = [presented(error, _incident) for error in result.errors or ()]
    body = {**({"errors": errors} if errors else {}), "data": result.data, "extensions": told}
    if result.data is None and _never_began(result):
        del body["data"]
        raise Errors(400, body)
    codes = {error["extensions"]["code"] for error in errors} if result.data is None else set()
    if UNAVAILABLE in codes:
        raise Errors(503, body)
    if INTERNAL in codes:
        raise Errors(500, body)
    return operation.operation.value, body


def _passed(
    request: Request, text: str, variables: dict[str, Any], name: str | None
) -> tuple[Document, OperationDefinitionNode, Cost]:
    """A document that may run: readable, within the limits, and valid."""
    state = request.app.state
    documents: Documents = state.documents
    try:
        document = documents.read(text)
    except Unreadable as unreadable:
        shown = refusal(str(unreadable), LIMIT_EXCEEDED)
        raise Errors(400, {"errors": [presented(unreadable.error, _incident) if unreadable.error else shown]}) from None
    operation = documents.operation(document, name)
    if operation is None:
        message = "The document has no such operation: name one of it as operationName."
        raise Errors(400, {"errors": [refusal(message, BAD_USER_INPUT)]})
    cost = judge(GRAPH, document.node, operation, variables, state.document_limits)
    told = {"cost": {"requested": cost.values, "limit": cost.limit}}
    problem = cost.problem or variables_problem(variables, state.document_limits)
    if problem:
        raise Errors(400, {"errors": [refusal(problem, LIMIT_EXCEEDED)], "extensions": told})
    state.metrics.cost.observe(cost.values)
    try:
        errors = documents.errors(document)
    except RecursionError:
        message = "The document nests too deep to be validated: flatten it."
        raise Errors(400, {"errors": [refusal(message, LIMIT_EXCEEDED)], "extensions": told}) from None
    if errors:
        raise Errors(400, {"errors": [presented(error, _incident) for error in errors], "extensions": told})
    return document, operation, cost


def _never_began(result: ExecutionResult) -> bool:
    """Whether execution never began: variables that do not fit their types."""
    return any(error.path is None for error in result.errors or ())


async def opened_context(request: Request) -> Context:
    """The context of a request by its caller. Raises Unavailable."""
    state = request.app.state
    caller: Caller = request.state.caller
    return await Context.opened(
        state.store,
        state.access_service,
        caller.principal,
        state.cursor_key,
        state.limits,
        newest=caller.newest,
        request_id=request.state.request_id,
    )


async def _executed(
    request: Request, document: Any, variables: dict[str, Any], name: str | None, writes: bool
) -> ExecutionResult:
    state = request.app.state
    try:
        context = await opened_context(request)
        request.state.background = BackgroundTask(state.denied_read_audit.note, context)
    except Unavailable as error:
        raise Errors(503, {"data": None, "errors": [refusal(str(error), UNAVAILABLE)]}) from error

    async def run() -> ExecutionResult:
        result = execute(
            GRAPH,
            document,
            variable_values=variables,
            operation_name=name,
            context_value=context,
            executor_class=state.executor_class,
            hide_suggestions=True,
        )
        return await result if asyncio.iscoroutine(result) else result  # type: ignore[return-value]

    if writes:
        # A write that has begun is finished, whether or not its caller waits for it.
        return await asyncio.shield(run())
    try:
        async with asyncio.timeout(state.settings.request_seconds):
            return await run()
    except TimeoutError:
        message = f"The answer took longer than {state.settings.request_seconds:g} seconds: ask for less at once."
        raise Errors(200, {"data": None, "errors": [refusal(message, LIMIT_EXCEEDED)]}) from None


def _incident(error: BaseException) -> str:
    incident = secrets.token_hex(8)
    log.error("incident", incident=incident, exc_info=error)
    return incident
