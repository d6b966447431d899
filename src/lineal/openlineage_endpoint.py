"""`POST /api/v1/lineage`: OpenLineage events, one per request."""

from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lineal.capture.openlineage import InvalidEvent, mapped_event, record_event
from lineal.graphql_endpoint import opened_context
from lineal.graphstore.errors import BatchRefused, LimitExceeded, Unavailable
from lineal.json_body import BodyRefused, json_body
from lineal.resolvers.write_permissions import authorize
from lineal.threads import LARGE_BYTES


async def openlineage(request: Request) -> Response:
    """Return 201 if the event is new, 200 if it was recorded before, else an error status with the problems."""
    state = request.app.state
    try:
        event, size = await json_body(request, state.settings.max_body_bytes)
        if isinstance(event, list):
            raise BodyRefused(400, "Post one event per request; use `lineal ingest` for files of many events.")
        context = await opened_context(request, size > LARGE_BYTES)
        principal, permit = context.principal, partial(authorize, context)
        mapped = await context.compute(mapped_event, event, principal.account)
        write = record_event(state.store, mapped, by=principal.shown, permit=permit)
        result = await state.running_writes.run(write)
    except BodyRefused as refused:
        return _problems(refused.status, [str(refused)])
    except InvalidEvent as invalid:
        return _problems(400, invalid.problems)
    except BatchRefused as refused:
        return _problems(403, [problem.message for problem in refused.problems])
    except (Unavailable, LimitExceeded) as error:
        return _problems(503, [str(error)])
    return Response(status_code=200 if result.recorded_at is None else 201)


def _problems(status: int, problems: list[str]) -> Response:
    return JSONResponse({"problems": problems}, status)
