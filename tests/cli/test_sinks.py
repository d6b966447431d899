"""What an ingest does with a server whose store is away."""

from typing import Any

import httpx
import orjson
import pytest

from lineal.commands import sinks
from lineal.commands.sinks import ServerSink
from lineal.graphstore.batches import NewEntity, NewObservation
from lineal.graphstore.errors import Unavailable
from lineal.graphstore.kinds import EntityKind

AWAY: list[dict[str, Any]] = [
    {"errors": [{"message": "no graph server can be reached", "extensions": {"code": "UNAVAILABLE"}}], "data": None},
    {"problems": ["no graph server can be reached"]},
]
WHY = (
    "the server cannot record now \\(no graph server can be reached\\): ingest the file again later; recorded lines "
    "are kept and not recorded twice"
)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sinks, "_PAUSE_SECONDS", 0.0)


def sink(*answers: httpx.Response) -> tuple[ServerSink, list[httpx.Request]]:
    """A sink whose server gives the answers one after the other, and the requests it got."""
    left, got = list(answers), list[httpx.Request]()

    def answer(request: httpx.Request) -> httpx.Response:
        got.append(request)
        return left.pop(0)

    return ServerSink(httpx.AsyncClient(base_url="http://server", transport=httpx.MockTransport(answer))), got


async def test_an_ingest_ends_if_the_store_stays_unavailable() -> None:
    """It is no fault of the lines, so none of them is called bad."""
    parts, _ = sink(*[httpx.Response(503, json=AWAY[0])] * 4)
    with pytest.raises(Unavailable, match=WHY):
        await parts.parts([NewEntity("a", EntityKind.DATASET, "d")])
    events, _ = sink(*[httpx.Response(503, json=AWAY[1])] * 4)
    with pytest.raises(Unavailable, match=WHY):
        await events.event({})
    proxied, _ = sink(*[httpx.Response(503, text="<html>")] * 4)
    with pytest.raises(Unavailable, match="cannot record now \\(status 503\\)"):
        await proxied.event({})


async def test_an_ingest_continues_when_the_store_returns() -> None:
    done = {"data": {"lineageRecord": {"entities": [{"isNew": True}], "associations": [], "userErrors": []}}}
    parts, got = sink(httpx.Response(503, json=AWAY[0]), httpx.Response(200, json=done))
    assert (await parts.parts([NewEntity("a", EntityKind.DATASET, "d")])).new == 1
    assert got[0].content == got[1].content
    events, _ = sink(httpx.Response(503, json=AWAY[1]), httpx.Response(201))
    assert (await events.event({})).new == 1


async def test_observations_are_sent_by_series_and_refused_ones_left_out() -> None:
    seen = [
        NewObservation("u", metric, value, step, 0) for step, (metric, value) in enumerate([("a", 1), ("b", 2)] * 2)
    ]
    odd = NewObservation("absent", "a", 1)
    wrong = {
        "newCount": 0,
        "userErrors": [
            {"message": "another value", "path": ["input", "series", "1", "observations", "1", "value"]},
            {"message": "not recorded", "path": ["input", "series", "2", "entity"]},
        ],
    }
    right = {"newCount": 2, "userErrors": []}
    answers = [httpx.Response(200, json={"data": {"observationsRecord": each}}) for each in (wrong, right)]
    parts, got = sink(*answers)
    outcome = await parts.parts([*seen, odd])
    assert (outcome.new, outcome.known, outcome.refused) == (2, 1, {3: "another value", 4: "not recorded"})
    sent = [orjson.loads(request.content)["variables"]["input"]["series"] for request in got]
    assert [[len(series["observations"]) for series in each] for each in sent] == [[2, 2, 1], [2, 1]]
    assert sent[1][1] == {
        "entity": {"urn": "u"},
        "metric": "b",
        "observations": [{"step": 1, "value": 2, "occurredAt": "1970-01-01T00:00:00.000000Z"}],
    }
