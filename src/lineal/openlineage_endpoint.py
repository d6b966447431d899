"""`POST /api/v1/lineage`: OpenLineage events, one a request."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lineal.capture.openlineage import InvalidEvent, receive
from lineal.credentials import Caller
from lineal.graphstore.errors import Unavailable
from lineal.requests import BodyRefused, json_body


async def openlineage(request: Request) -> Response:
    """201 where the event is recorded, 200 where it was already; else a status, the problems, and nothing recorded."""
    state = request.app.state
    caller: Caller = request.state.caller
    viewer = caller.viewer
    try:
        event = await json_body(request, state.settings.max_body_bytes)
        if isinstance(event, list):
            raise BodyRefused(400, "Post one event a request; `lineal ingest` sends files of many.")
        done = await receive(state.store, event, account=viewer.account, by=viewer.principal)
    except BodyRefused as refused:
        return _problems(refused.status, [str(refused)])
    except InvalidEvent as invalid:
        return _problems(400, invalid.problems)
    except Unavailable as error:
        return _problems(503, [str(error)])
    return Response(status_code=200 if done.recorded_at is None else 201)


def _problems(status: int, problems: list[str]) -> Response:
    return JSONResponse({"problems": problems}, status)
