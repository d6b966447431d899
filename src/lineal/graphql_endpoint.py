"""`/graphql`: documents checked against this server's limits, executed, and answered."""

import asyncio
import secrets
from functools import partial
from math import ceil
from typing import Any

import structlog
from graphql import ExecutionResult, GraphQLError, OperationDefinitionNode, OperationType
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from lineal.disconnects import CLIENT_CLOSED_REQUEST, Disconnected, ended_on_disconnect
from lineal.document_cache import Document, Documents, Unreadable
from lineal.graphql_http import (
    RESPONSE_JSON,
    Failed,
    GraphQLRequest,
    Refused,
    answer,
    media_type,
    read_request,
    serialized,
    wants_page,
)
from lineal.graphstore.deadlines import deadline
from lineal.graphstore.errors import Unavailable
from lineal.graphstore.request_costs import Meter, metered
from lineal.http_auth.credentials import Caller
from lineal.openlineage_recording import record_document
from lineal.resolvers.context import Context
from lineal.schema import GRAPH
from lineal.schema.errors import BAD_USER_INPUT, INTERNAL, LIMIT_EXCEEDED, UNAVAILABLE, presented, refusal
from lineal.schema.limits import Cost, judge, variables_problem
from lineal.threads import LARGE_BYTES, off_loop_if
from lineal.web.page import CONTENT_SECURITY_POLICY, graphiql_page

log = structlog.get_logger()

LARGE_DOCUMENT = 2000
"""The length of a document from which parsing and validating it takes milliseconds."""
LARGE_ANSWER = 50
"""The estimated number of values from which an answer may hold so many bytes that it is serialized in a thread."""
_TOO_COSTLY = "Your requests of the last minute have cost more than your budget: wait for the seconds in Retry-After."


async def graphql(request: Request) -> Response:
    """`/graphql`: GraphiQL for a browser, GraphQL for everything else."""
    if wants_page(request):
        return HTMLResponse(graphiql_page(), headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY})
    response = await _response(request)
    response.background = getattr(request.state, "background", None)
    return response


async def _response(request: Request) -> Response:
    state = request.app.state
    media = media_type(request.headers.get("accept", ""))
    operation, outcome = "unknown", "refused"
    try:
        if media is None:
            raise Refused(406, f"Accept must allow {RESPONSE_JSON} or application/json.")
        asked = await read_request(request, state.settings.max_body_bytes)
        operation, body = await _run(request, asked)
        outcome = "errors" if body.get("errors") else "ok"
        is_large = body["extensions"]["cost"]["requested"] > LARGE_ANSWER
        return answer(200, await asyncio.to_thread(serialized, body) if is_large else body, media)
    except Refused as refused:
        error = refusal(str(refused), refused.code)
        return answer(refused.status, {"errors": [error]}, media or RESPONSE_JSON, refused.headers)
    except Failed as failed:
        return answer(failed.status if media == RESPONSE_JSON else 200, failed.body, media or RESPONSE_JSON)
    except Disconnected:
        outcome = "disconnected"
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    finally:
        state.metrics.requests.labels(operation, outcome).inc()


async def _run(request: Request, asked: GraphQLRequest) -> tuple[str, dict[str, Any]]:
    """The operation's type and the body of its answer. Raises Refused, Failed or Disconnected."""
    _check_budget(request)
    is_large = asked.size > LARGE_BYTES or len(asked.query) > LARGE_DOCUMENT
    document, operation, cost = await off_loop_if(is_large, _checked, request, asked)
    writes = operation.operation is OperationType.MUTATION
    if writes and request.method != "POST":
        raise Refused(405, "A mutation must be sent by POST.", Allow="POST")
    execute = _writes if writes else _reads
    principal = request.state.caller.principal
    with metered(Meter(principal.shown, cost.limit, cost.values)) as meter:
        try:
            data, errors, began = await execute(request, document, asked)
        finally:
            cost.values = meter.spent
            if not principal.is_local:
                request.app.state.cost_budget.spend(principal.shown, meter.spent)
    warnings = request.state.context.warnings
    extensions = {**_extensions(cost), **({"warnings": warnings} if warnings else {})}
    body = {**({"errors": errors} if errors else {}), "data": data, "extensions": extensions}
    if not began:
        del body["data"]
        raise Failed(400, body)
    codes = {error["extensions"]["code"] for error in errors} if data is None else set()
    if UNAVAILABLE in codes:
        raise Failed(503, body)
    if INTERNAL in codes:
        raise Failed(500, body)
    return operation.operation.value, body


def _checked(request: Request, asked: GraphQLRequest) -> tuple[Document, OperationDefinitionNode, Cost]:
    """The document of a request, readable, valid and within the limits. Raises Failed."""
    state = request.app.state
    documents: Documents = state.documents
    try:
        document = documents.read(asked.query)
    except Unreadable as unreadable:
        shown = refusal(str(unreadable), LIMIT_EXCEEDED)
        raise Failed(400, {"errors": [presented(unreadable.error, _incident) if unreadable.error else shown]}) from None
    operation = documents.operation(document, asked.operation_name)
    if operation is None:
        message = "The document has no such operation: name one of it as operationName."
        raise Failed(400, {"errors": [refusal(message, BAD_USER_INPUT)]})
    cost = judge(GRAPH, document.node, operation, asked.variables, state.document_limits)
    problem = cost.problem or variables_problem(asked.variables, state.document_limits)
    if problem:
        raise Failed(400, {"errors": [refusal(problem, LIMIT_EXCEEDED)], "extensions": _extensions(cost)})
    state.metrics.cost.observe(cost.values)
    try:
        errors = documents.errors(document)
    except RecursionError:
        message = "The document nests too deep to be validated: flatten it."
        raise Failed(400, {"errors": [refusal(message, LIMIT_EXCEEDED)], "extensions": _extensions(cost)}) from None
    if errors:
        body = {
            "errors": [presented(error, _incident) for error in errors],
            "extensions": _extensions(cost),
        }
        raise Failed(400, body)
    return document, operation, cost


def _check_budget(request: Request) -> None:
    """Raise Refused where the caller's requests of the last minute have cost more than its budget."""
    principal = request.state.caller.principal
    if seconds := request.app.state.cost_budget.wait_for_budget(principal.shown):
        log.warning("too costly requests", principal=principal.shown)
        raise Refused(429, _TOO_COSTLY, LIMIT_EXCEEDED, **{"Retry-After": str(ceil(seconds))})


def _extensions(cost: Cost) -> dict[str, Any]:
    return {"cost": {"requested": cost.values, "limit": cost.limit}}


async def opened_context(request: Request, is_large: bool = False) -> Context:
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
        is_large=is_large,
        is_dev=state.settings.dev,
        record_document=partial(record_document, state.metrics),
    )


async def _writes(request: Request, document: Document, asked: GraphQLRequest) -> "_Executed":
    """What a mutation gives. One that has begun is finished, whether or not its caller waits for it."""
    result: _Executed = await request.app.state.running_writes.run(_executed(request, document, asked))
    return result


async def _reads(request: Request, document: Document, asked: GraphQLRequest) -> "_Executed":
    """What a query gives within the time a request may take, while its client waits. Raises Failed, Disconnected."""
    seconds = request.app.state.settings.request_seconds
    try:
        with deadline(seconds) as limit:
            async with asyncio.timeout(seconds), ended_on_disconnect(request, limit):
                executed = await _executed(request, document, asked)
    except TimeoutError:
        is_late = True
    else:
        is_late = limit.is_over
    if is_late:
        message = f"The answer took longer than {seconds:g} seconds: ask for less at once."
        raise Failed(200, {"data": None, "errors": [refusal(message, LIMIT_EXCEEDED)]})
    return executed


_Executed = tuple[dict[str, Any] | None, list[dict[str, Any]], bool]
"""The data and the errors of an answer, and whether execution began: whether the variables fit their types."""


async def _executed(request: Request, document: Document, asked: GraphQLRequest) -> _Executed:
    state, is_large = request.app.state, asked.size > LARGE_BYTES
    try:
        context = await opened_context(request, is_large)
        request.state.context = context
        request.state.background = BackgroundTask(state.denied_read_audit.note, context)
    except Unavailable as error:
        raise Failed(503, {"data": None, "errors": [refusal(str(error), UNAVAILABLE)]}) from error
    executor = await off_loop_if(
        is_large,
        state.executor_class.build,
        GRAPH,
        document.node,
        context_value=context,
        raw_variable_values=asked.variables,
        operation_name=asked.operation_name,
    )
    if isinstance(executor, list):
        return None, _presented(executor), False
    result = executor.execute_operation()
    executed: ExecutionResult = await result if asyncio.iscoroutine(result) else result
    return executed.data, _presented(executed.errors or []), True


def _presented(errors: list[GraphQLError]) -> list[dict[str, Any]]:
    return [presented(error, _incident) for error in errors]


def _incident(error: BaseException) -> str:
    incident = secrets.token_hex(8)
    log.error("incident", incident=incident, exc_info=error)
    return incident
