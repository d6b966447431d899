"""`POST /api/v1/lineage`: OpenLineage events, one a request."""

from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lineal.capture.openlineage import InvalidEvent, receive
from lineal.graphql_endpoint import opened_context
from lineal.graphstore.errors import BatchRefused, Unavailable
from lineal.json_body import BodyRefused, json_body
from lineal.resolvers.write_permissions import authorize


async def openlineage(request: Request) -> Response:
    """201 where the event is recorded, 200 where it was already; else a status, the problems, and nothing recorded."""
    state = request.app.state
    try:
        event = await json_body(request, state.settings.max_body_bytes)
        if isinstance(event, list):
            raise BodyRefused(400, "Post one event a request; `lineal ingest` sends files of many.")
        context = await opened_context(request)
        who, permit = context.principal, partial(authorize, context)
        done = await receive(state.store, event, account=who.account, by=who.shown, permit=permit)
    except BodyRefused as refused:
        return _problems(refused.status, [str(refused)])
    except InvalidEvent as invalid:
        return _problems(400, invalid.problems)
    except BatchRefused as refused:
        return _problems(403, [problem.message for problem in refused.problems])
    except Unavailable as error:
        return _problems(503, [str(error)])
    return Response(status_code=200 if done.recorded_at is None else 201)


def _problems(status: int, problems: list[str]) -> Response:
    return JSONResponse({"problems": problems}, status)
