"""OpenLineage events: `POST /api/v1/lineage` takes one, `POST /api/v1/lineage/batch` a list of them."""

import json
from typing import Any, Final

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lineal.auth.principals import Principal
from lineal.capture.lenient_json import InvalidDocument, read_json
from lineal.capture.openlineage import InvalidEvent
from lineal.graphql_endpoint import opened_context
from lineal.graphstore.batch_validation import now
from lineal.graphstore.errors import BatchRefused, LimitExceeded, Unavailable
from lineal.graphstore.quarantine import Quarantined, QuarantineLimits, quarantine_id
from lineal.json_body import BodyRefused, raw_body
from lineal.openlineage_recording import record_by_caller, shown_problems
from lineal.resolvers.context import Context
from lineal.threads import LARGE_BYTES, off_loop_if

log = structlog.get_logger()

_MAX_NAME: Final = 500
"""The most characters of a run's or job's name that are kept beside a refused event."""
MAX_EVENTS: Final = 10_000
"""The most events of one request."""


async def openlineage(request: Request) -> Response:
    """Return 201 if the event is new, 200 if it was recorded before, else an error status with the problems."""
    try:
        event, context, body = await _document(request)
        if isinstance(event, list):
            raise BodyRefused(400, "The body is a list of events: post it to /api/v1/lineage/batch.")
        is_new = await _record(request, context, event, body)
    except _Refused as refused:
        return _problems(refused.status, refused.problems, refused.quarantined)
    except BodyRefused as refused:
        return _problems(refused.status, [str(refused)])
    return Response(status_code=201 if is_new else 200)


async def openlineage_batch(request: Request) -> Response:
    """Record the events of a list, or of the `events` of an object, one after the other.

    Returns 200 with how many were recorded and the reason for each that was not; 400 if none was.
    """
    try:
        events, context, _ = await _document(request)
        if isinstance(events, dict) and isinstance(events.get("events"), list):
            events = events["events"]
        if not isinstance(events, list):
            raise BodyRefused(400, "The body is no list of events: post a single event to /api/v1/lineage.")
        if len(events) > MAX_EVENTS:
            raise BodyRefused(413, f"The body holds {len(events)} events; the most is {MAX_EVENTS}: send several.")
    except _Refused as refused:
        return _problems(refused.status, refused.problems, refused.quarantined)
    except BodyRefused as refused:
        return _problems(refused.status, [str(refused)])
    failed = []
    for index, event in enumerate(events):
        try:
            await _record(request, context, event)
        except _Refused as refused:
            is_retriable = refused.status == 503
            failed.append({"index": index, "reason": " ".join(refused.problems), "retriable": is_retriable})
    return JSONResponse(_summary(len(events), failed), 400 if failed and len(failed) == len(events) else 200)


def _summary(received: int, failed: list[dict[str, Any]]) -> dict[str, Any]:
    retriable = sum(1 for each in failed if each["retriable"])
    return {
        "status": "success" if not failed else "failure" if len(failed) == received else "partial_success",
        "summary": {
            "received": received,
            "successful": received - len(failed),
            "failed": len(failed),
            "retriable": retriable,
            "non_retriable": len(failed) - retriable,
        },
        "failed_events": failed,
    }


class _Refused(Exception):
    """A document or event that was not recorded: the status, and a sentence for each problem."""

    def __init__(self, status: int, problems: list[str], quarantined: str | None = None) -> None:
        super().__init__(*problems)
        self.status, self.problems, self.quarantined = status, problems, quarantined


async def _document(request: Request) -> tuple[Any, Context, bytes]:
    """The JSON value of the body, whatever its Content-Type, the context of the caller, and the body.

    A page of another origin cannot send it: it has no key, and in development mode its requests are refused.
    """
    body = await raw_body(request, request.app.state.settings.max_body_bytes)
    is_large = len(body) > LARGE_BYTES
    try:
        value = await off_loop_if(is_large, read_json, body)
        return value, await opened_context(request, is_large), body
    except InvalidDocument as invalid:
        kept = await _quarantine(request, request.state.caller.principal, body, [str(invalid)], None)
        raise _Refused(400, [str(invalid)], kept) from invalid
    except Unavailable as error:
        raise _Refused(503, [str(error)]) from error


async def _record(request: Request, context: Context, event: object, document: bytes | None = None) -> bool:
    """Record one event; gives whether anything of it was new. `document` is the event as it was sent alone."""
    state, principal = request.app.state, context.principal
    try:
        is_new: bool = await state.running_writes.run(record_by_caller(context, event, principal.account))
    except (InvalidEvent, BatchRefused) as refused:
        is_denied = isinstance(refused, BatchRefused)
        problems = [each if isinstance(each, str) else each.message for each in refused.problems]
        whole = await context.compute(_written, event) if document is None else document
        kept = await _quarantine(request, principal, whole, problems, event, "denied" if is_denied else "quarantined")
        raise _Refused(403 if is_denied else 400, problems, kept) from refused
    except (Unavailable, LimitExceeded) as error:
        state.metrics.openlineage.labels("unavailable").inc()
        raise _Refused(503, [str(error)]) from error
    state.metrics.openlineage.labels("new" if is_new else "known").inc()
    return is_new


async def _quarantine(
    request: Request,
    principal: Principal,
    document: bytes,
    problems: list[str],
    event: object,
    outcome: str = "quarantined",
) -> str:
    """Keep a refused document whole with its problems; gives its id. Raises _Refused if the store does not answer."""
    state, settings = request.app.state, request.app.state.settings
    run, job = (_name(event, part, field) for part, field in (("run", "runId"), ("job", "name")))
    id = await off_loop_if(len(document) > LARGE_BYTES, quarantine_id, principal.account, document)
    shown = shown_problems(problems)
    kept = Quarantined(id, principal.account, now(), principal.shown, shown, run, job, len(document), document)
    try:
        limits = QuarantineLimits(settings.quarantine_days, settings.quarantine_bytes)
        await state.running_writes.run(state.store.quarantine(kept, limits))
    except (Unavailable, LimitExceeded) as error:
        state.metrics.openlineage.labels("unavailable").inc()
        raise _Refused(503, [str(error)]) from error
    state.metrics.openlineage.labels(outcome).inc()
    log.warning("OpenLineage event quarantined", id=id, run=run, job=job, problems=list(shown))
    return id


def _written(event: object) -> bytes:
    """An event of a batch as JSON, written by Python code, so that other threads can run."""
    return "".join(json.JSONEncoder().iterencode(event)).encode()


def _name(event: object, part: str, field: str) -> str | None:
    """A name in a refused event, cut, and without what is no text."""
    value = event.get(part) if isinstance(event, dict) else None
    name = value.get(field) if isinstance(value, dict) else None
    return name[:_MAX_NAME].encode(errors="replace").decode() if isinstance(name, str) else None


def _problems(status: int, problems: list[str], quarantined: str | None = None) -> Response:
    return JSONResponse({"problems": problems} | ({"quarantined": quarantined} if quarantined else {}), status)
