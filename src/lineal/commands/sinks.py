"""The destinations of an ingest: an open store, or a server."""

import asyncio
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx
import orjson

from lineal.capture.openlineage import InvalidEvent, receive
from lineal.commands.servers import check_admitted, json_answer
from lineal.graphstore.batches import Batch, NewAssociation, NewEntity, NewObservation, NewPart, NewRevision
from lineal.graphstore.errors import BatchRefused, Unavailable
from lineal.graphstore.kinds import PropertyType
from lineal.graphstore.metric_values import shown_value
from lineal.graphstore.store import Durability, Store
from lineal.graphstore.values import Property, format_timestamp

PRINCIPAL = "local"
MAX_PARTS_EMBEDDED = 20_000
"""Larger transactions write the pages of randomly ordered indexes fewer times."""
MAX_PARTS_GREMLIN = 2_000
"""A graph server receives a batch in many requests anyway; larger batches took twice the time and show no progress."""


@dataclass
class Outcome:
    """The result of sending parts: counts, and the reason for every refused part by its position."""

    new: int = 0
    known: int = 0
    refused: dict[int, str] = field(default_factory=dict)


class Sink(Protocol):
    """Records parts and events; a call of `parts` may pass up to `max_parts`."""

    max_parts: int

    async def parts(self, parts: Sequence[NewPart]) -> Outcome: ...
    async def event(self, event: dict[str, Any]) -> Outcome: ...
    async def finish(self) -> None: ...


_LISTS = {
    NewEntity: "entities",
    NewAssociation: "associations",
    NewRevision: "revisions",
    NewObservation: "observations",
}
"""The field of a batch, and of the paths of its problems, for each type of part."""


def positions_by_list(parts: Sequence[NewPart]) -> dict[str, list[int]]:
    """The positions of the parts of each type, by field of a batch."""
    positions: dict[str, list[int]] = {name: [] for name in _LISTS.values()}
    for position, part in enumerate(parts):
        positions[_LISTS[type(part)]].append(position)
    return positions


class StoreSink:
    """Records in a store open in this process."""

    def __init__(self, store: Store, account: str, max_parts: int) -> None:
        self._store, self._account, self.max_parts = store, account, max_parts

    async def parts(self, parts: Sequence[NewPart]) -> Outcome:
        positions = positions_by_list(parts)
        kinds: Any = {name: tuple(parts[position] for position in listed) for name, listed in positions.items()}
        batch = Batch(**kinds)
        try:
            done = await self._store.record(batch, by=PRINCIPAL, durability=Durability.CRASH)
        except BatchRefused as refused:
            return Outcome(
                refused={
                    positions[str(problem.path[0])][int(problem.path[1])]: problem.message
                    for problem in refused.problems
                }
            )
        new = sum(map(sum, (getattr(done, f"{name}_are_new") for name in positions)))
        return Outcome(new, len(parts) - new)

    async def event(self, event: dict[str, Any]) -> Outcome:
        try:
            is_new = await receive(self._store, event, account=self._account, by=PRINCIPAL)
        except InvalidEvent as invalid:
            return Outcome(refused={0: str(invalid)})
        return Outcome(new=1) if is_new else Outcome(known=1)

    async def finish(self) -> None:
        await self._store.record(Batch(), by=PRINCIPAL)


_RECORD = """mutation ($input: LineageRecordInput!) { lineageRecord(input: $input) {
  entities { isNew } associations { isNew } userErrors { message path } } }"""
_REVISE = """mutation ($input: EntityReviseInput!) { entityRevise(input: $input) {
  isNew userErrors { message path } } }"""
_OBSERVE = """mutation ($input: ObservationsRecordInput!) { observationsRecord(input: $input) {
  newCount userErrors { message path } } }"""
_TRIES = 4
_PAUSE_SECONDS = 0.5
"""The pause before the first retry; each later pause is longer by as much."""


class ServerSink:
    """Records through a server, over HTTP."""

    max_parts = 1000

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def parts(self, parts: Sequence[NewPart]) -> Outcome:
        entities, associations, revisions, observations = positions_by_list(parts).values()
        outcome = Outcome()
        if entities or associations:
            sent = {
                "entities": [entity_input(parts[position]) for position in entities],
                "associations": [association_input(parts[position]) for position in associations],
            }
            done = (await self._mutate(_RECORD, sent))["lineageRecord"]
            by_name = {"entities": entities, "associations": associations}
            for error in done["userErrors"]:
                # A problem of the whole batch has no position: report it at the first part.
                name, index = [*error["path"][1:], "entities", "0"][:2] if len(error["path"]) > 2 else ("entities", "0")
                outcome.refused[(by_name[name] or associations)[int(index)]] = error["message"]
            flags = [record["isNew"] for record in (*done["entities"], *done["associations"])]
            outcome.new, outcome.known = sum(flags), len(flags) - sum(flags)
            if outcome.refused:
                return outcome
        for position in revisions:
            revision = parts[position]
            assert isinstance(revision, NewRevision)
            if revision.rank:
                outcome.refused[position] = "rank is OpenLineage's own and cannot be sent to a server: use --store"
                continue
            done = (await self._mutate(_REVISE, revision_input(revision)))["entityRevise"]
            if done["userErrors"]:
                outcome.refused[position] = done["userErrors"][0]["message"]
            else:
                outcome.new, outcome.known = outcome.new + done["isNew"], outcome.known + (not done["isNew"])
        await self._observe(parts, observations, outcome)
        return outcome

    async def _observe(self, parts: Sequence[NewPart], positions: list[int], outcome: Outcome) -> None:
        """Send observations, and again without the refused ones, since the parts before them are recorded by now."""
        while positions:
            series: dict[tuple[str, str], list[int]] = {}
            for position in positions:
                observation = parts[position]
                assert isinstance(observation, NewObservation)
                series.setdefault((observation.entity, observation.metric), []).append(position)
            sent = {"series": [series_input([parts[position] for position in points]) for points in series.values()]}
            done = (await self._mutate(_OBSERVE, sent))["observationsRecord"]
            if not done["userErrors"]:
                outcome.new += done["newCount"]
                outcome.known += len(positions) - done["newCount"]
                return
            in_order = list(series.values())
            for error in done["userErrors"]:
                # The path is input, series, its index, then either observations and an index, or a field of the series.
                _, _, number, *inside = [*error["path"], "series", "0"][:5]
                refused = in_order[int(number)]
                if inside[:1] == ["observations"] and len(inside) > 1:
                    refused = [refused[int(inside[1])]]
                outcome.refused |= dict.fromkeys(refused, error["message"])
            positions = [position for position in positions if position not in outcome.refused]

    async def event(self, event: dict[str, Any]) -> Outcome:
        # json escapes lone surrogates and writes NaN, which the server names and leaves out of the event.
        answer = await self._send("/api/v1/lineage", json.dumps(event).encode())
        if answer.status_code in (200, 201):
            return Outcome(new=1) if answer.status_code == 201 else Outcome(known=1)
        return Outcome(refused={0: " ".join(map(str, json_answer(answer).get("problems", [_reason(answer)])))})

    async def finish(self) -> None:
        """Nothing to do: a server acknowledges only durable records."""

    async def _mutate(self, document: str, input: dict[str, Any]) -> dict[str, Any]:
        # All tries send one idempotency key, so a retry after a lost answer records nothing twice.
        variables = {"input": {**input, "idempotencyKey": str(uuid.uuid4())}}
        answer = json_answer(await self._send("/graphql", {"query": document, "variables": variables}))
        if answer.get("errors"):
            raise Unavailable(f"the server refused the request: {answer['errors'][0]['message']}")
        data: dict[str, Any] = answer["data"]
        return data

    async def _send(self, path: str, body: Any) -> httpx.Response:
        headers = {"Content-Type": "application/json", "Accept": "application/graphql-response+json"}
        for left in range(_TRIES - 1, -1, -1):
            try:
                answer = await self._client.post(
                    path, content=body if isinstance(body, bytes) else orjson.dumps(body), headers=headers
                )
                check_admitted(answer)
                if answer.status_code != 503:
                    return answer
                if not left:
                    raise Unavailable(
                        f"the server cannot record now ({_reason(answer)}): ingest the file again later; recorded "
                        "lines are kept and not recorded twice"
                    )
            except httpx.TransportError as error:
                if not left or isinstance(error, httpx.ConnectError):
                    raise server_unreachable(self._client, error) from error
            await asyncio.sleep(_PAUSE_SECONDS * (_TRIES - left))
        raise AssertionError("unreachable")


def _reason(answer: httpx.Response) -> str:
    """The first error of an answer without data, or else its status."""
    try:
        body = orjson.loads(answer.content)
        return str(body["problems"][0] if "problems" in body else body["errors"][0]["message"])
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return f"status {answer.status_code}"


def server_unreachable(client: httpx.AsyncClient, error: Exception) -> Unavailable:
    """The error for a server that does not answer."""
    return Unavailable(
        f"no server answers at {client.base_url} ({error or type(error).__name__}): start one with "
        "`lineal serve --dev`, or name another with --url"
    )


def entity_input(entity: Any) -> dict[str, Any]:
    """An entity as GraphQL's EntityInput."""
    source = entity.source and {
        "uri": entity.source.uri,
        "type": entity.source.type,
        "ids": [{"type": id.type, "value": id.value} for id in entity.source.ids],
    }
    names = ("account", "kind", "name", "version", "type", "description", "title", "status")
    return {
        **{name: getattr(entity, name) for name in names},
        "source": source,
        "tags": list(entity.tags),
        **_shared(entity),
    }


def association_input(association: Any) -> dict[str, Any]:
    """An association as GraphQL's AssociationInput."""
    ends = {end: {"urn": getattr(association, end)} for end in ("source", "destination")}
    return {**ends, "type": association.type, "role": association.role, **_shared(association)}


def revision_input(revision: NewRevision) -> dict[str, Any]:
    """A revision as GraphQL's EntityReviseInput."""
    superseding = {"supersededBy": {"urn": revision.superseded_by}} if revision.superseded_by else {}
    return {
        "entity": {"urn": revision.entity},
        "status": revision.status,
        "tags": None if revision.tags is None else list(revision.tags),
        "description": revision.description,
        "title": revision.title,
        "removed": list(revision.removed),
        **superseding,
        **_shared(revision),
    }


def series_input(observations: Sequence[Any]) -> dict[str, Any]:
    """Observations of one metric of an entity as GraphQL's SeriesInput."""
    points = [
        {"step": point.step, "value": shown_value(point.value), "occurredAt": _when(point)} for point in observations
    ]
    return {"entity": {"urn": observations[0].entity}, "metric": observations[0].metric, "observations": points}


def _shared(part: Any) -> dict[str, Any]:
    return {"properties": [_property_input(property) for property in part.properties], "occurredAt": _when(part)}


def _when(part: Any) -> str | None:
    return None if part.occurred_at is None else format_timestamp(part.occurred_at)


def _property_input(property: Property) -> dict[str, Any]:
    names = {
        PropertyType.STRING: "string",
        PropertyType.INTEGER: "int",
        PropertyType.FLOAT: "float",
        PropertyType.BOOLEAN: "boolean",
        PropertyType.TIMESTAMP: "timestamp",
        PropertyType.JSON: "json",
    }
    return {"key": property.key, "value": {names[property.type]: property.shown}}
