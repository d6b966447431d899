"""Where ingested lineage goes: a store opened here, or a server."""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx
import orjson

from lineal.capture.openlineage import InvalidEvent, receive
from lineal.commands.servers import check_admitted
from lineal.graphstore.batches import Batch, NewAssociation, NewEntity, NewObservation, NewPart, NewRevision
from lineal.graphstore.errors import BatchRefused, Unavailable
from lineal.graphstore.kinds import PropertyType
from lineal.graphstore.store import Durability, Store
from lineal.graphstore.values import Property, format_timestamp

PRINCIPAL = "local"
MOST_EMBEDDED = 20_000
"""The larger a transaction, the fewer times the pages of indexes in random order are written."""
MOST_GREMLIN = 2_000
"""A graph server gets a batch in many requests anyway: a larger one took twice the time, and shows no progress."""


@dataclass
class Outcome:
    """What became of some parts: counts, and the places (in what was sent) of those refused, with the reason."""

    new: int = 0
    known: int = 0
    refused: dict[int, str] = field(default_factory=dict)


class Sink(Protocol):
    """Takes parts and events; `most` is how many parts at once."""

    most: int

    async def parts(self, parts: Sequence[NewPart]) -> Outcome: ...
    async def event(self, event: dict[str, Any]) -> Outcome: ...
    async def finish(self) -> None: ...


_KINDS = {
    NewEntity: "entities",
    NewAssociation: "associations",
    NewRevision: "revisions",
    NewObservation: "observations",
}
"""What a batch, and the path of a problem with it, calls each kind of part."""


def split(parts: Sequence[NewPart]) -> dict[str, list[int]]:
    """The places of the parts of each kind, by what a batch calls them."""
    places: dict[str, list[int]] = {name: [] for name in _KINDS.values()}
    for place, part in enumerate(parts):
        places[_KINDS[type(part)]].append(place)
    return places


class StoreSink:
    """A store opened in this process."""

    def __init__(self, store: Store, account: str, most: int) -> None:
        self._store, self._account, self.most = store, account, most

    async def parts(self, parts: Sequence[NewPart]) -> Outcome:
        places = split(parts)
        kinds: Any = {name: tuple(parts[place] for place in each) for name, each in places.items()}
        batch = Batch(**kinds)
        try:
            done = await self._store.record(batch, by=PRINCIPAL, durability=Durability.CRASH)
        except BatchRefused as refused:
            return Outcome(
                refused={places[str(each.path[0])][int(each.path[1])]: each.message for each in refused.problems}
            )
        new = sum(map(sum, (getattr(done, f"{name}_are_new") for name in places)))
        return Outcome(new, len(parts) - new)

    async def event(self, event: dict[str, Any]) -> Outcome:
        try:
            done = await receive(self._store, event, account=self._account, by=PRINCIPAL)
        except InvalidEvent as invalid:
            return Outcome(refused={0: str(invalid)})
        return Outcome(new=1) if done.recorded_at is not None else Outcome(known=1)

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
"""Before the second try; before each later one it is as much longer."""


class ServerSink:
    """A server, over HTTP."""

    most = 1000

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def parts(self, parts: Sequence[NewPart]) -> Outcome:
        entities, associations, revisions, observations = split(parts).values()
        outcome = Outcome()
        if entities or associations:
            sent = {
                "entities": [entity_input(parts[place]) for place in entities],
                "associations": [association_input(parts[place]) for place in associations],
            }
            done = (await self._mutate(_RECORD, sent))["lineageRecord"]
            by_name = {"entities": entities, "associations": associations}
            for error in done["userErrors"]:
                # A problem of the batch as a whole lies at no part: the first one stands for it.
                name, place = [*error["path"][1:], "entities", "0"][:2] if len(error["path"]) > 2 else ("entities", "0")
                outcome.refused[(by_name[name] or associations)[int(place)]] = error["message"]
            flags = [each["isNew"] for each in (*done["entities"], *done["associations"])]
            outcome.new, outcome.known = sum(flags), len(flags) - sum(flags)
            if outcome.refused:
                return outcome
        for place in revisions:
            revision = parts[place]
            assert isinstance(revision, NewRevision)
            if revision.rank:
                outcome.refused[place] = "rank is OpenLineage's own and cannot be sent to a server: use --store"
                continue
            done = (await self._mutate(_REVISE, revision_input(revision)))["entityRevise"]
            if done["userErrors"]:
                outcome.refused[place] = done["userErrors"][0]["message"]
            else:
                outcome.new, outcome.known = outcome.new + done["isNew"], outcome.known + (not done["isNew"])
        await self._observe(parts, observations, outcome)
        return outcome

    async def _observe(self, parts: Sequence[NewPart], places: list[int], outcome: Outcome) -> None:
        """Send observations, and again without those refused: what was recorded before them stands by now."""
        while places:
            series: dict[tuple[str, str], list[int]] = {}
            for place in places:
                observation = parts[place]
                assert isinstance(observation, NewObservation)
                series.setdefault((observation.entity, observation.metric), []).append(place)
            sent = {"series": [series_input([parts[place] for place in each]) for each in series.values()]}
            done = (await self._mutate(_OBSERVE, sent))["observationsRecord"]
            if not done["userErrors"]:
                outcome.new += done["newCount"]
                outcome.known += len(places) - done["newCount"]
                return
            in_order = list(series.values())
            for error in done["userErrors"]:
                # input, series, its place, and either observations and the place of one, or what is wrong with all.
                _, _, number, *inside = [*error["path"], "series", "0"][:5]
                refused = in_order[int(number)]
                if inside[:1] == ["observations"] and len(inside) > 1:
                    refused = [refused[int(inside[1])]]
                outcome.refused |= dict.fromkeys(refused, error["message"])
            places = [place for place in places if place not in outcome.refused]

    async def event(self, event: dict[str, Any]) -> Outcome:
        answer = await self._send("/api/v1/lineage", event)
        if answer.status_code in (200, 201):
            return Outcome(new=1) if answer.status_code == 201 else Outcome(known=1)
        return Outcome(refused={0: " ".join(answer.json()["problems"])})

    async def finish(self) -> None:
        """A server has acknowledged only what is down already."""

    async def _mutate(self, document: str, given: dict[str, Any]) -> dict[str, Any]:
        # The same key at every try: what an answer that never came had recorded is not recorded twice.
        variables = {"input": {**given, "idempotencyKey": str(uuid.uuid4())}}
        answer = (await self._send("/graphql", {"query": document, "variables": variables})).json()
        if answer.get("errors"):
            raise Unavailable(f"the server refused: {answer['errors'][0]['message']}")
        data: dict[str, Any] = answer["data"]
        return data

    async def _send(self, path: str, body: Any) -> httpx.Response:
        headers = {"Content-Type": "application/json", "Accept": "application/graphql-response+json"}
        for left in range(_TRIES - 1, -1, -1):
            try:
                answer = await self._client.post(path, content=orjson.dumps(body), headers=headers)
                check_admitted(answer)
                if answer.status_code != 503:
                    return answer
                if not left:
                    raise Unavailable(
                        f"the server cannot record now ({_reason(answer)}): ingest the file again when it can; what is "
                        "recorded stays, and is not recorded twice"
                    )
            except httpx.TransportError as error:
                if not left or isinstance(error, httpx.ConnectError):
                    raise no_server(self._client, error) from error
            await asyncio.sleep(_PAUSE_SECONDS * (_TRIES - left))
        raise AssertionError("unreachable")


def _reason(answer: httpx.Response) -> str:
    """What an answer without data gives as its first error."""
    try:
        told = orjson.loads(answer.content)
        return str(told["problems"][0] if "problems" in told else told["errors"][0]["message"])
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return f"status {answer.status_code}"


def no_server(client: httpx.AsyncClient, error: Exception) -> Unavailable:
    """What to say where no server answers."""
    return Unavailable(
        f"no server answers at {client.base_url} ({error or type(error).__name__}): start one with "
        "`lineal serve --dev`, or name it with --url"
    )


def entity_input(entity: Any) -> dict[str, Any]:
    """An entity as GraphQL's EntityInput."""
    source = entity.source and {
        "uri": entity.source.uri,
        "type": entity.source.type,
        "ids": [{"type": id.type, "value": id.value} for id in entity.source.ids],
    }
    names = ("account", "kind", "name", "version", "type", "description", "status")
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
        "removed": list(revision.removed),
        **superseding,
        **_shared(revision),
    }


def series_input(observations: Sequence[Any]) -> dict[str, Any]:
    """Observations of one metric of an entity as GraphQL's SeriesInput."""
    given = [{"step": each.step, "value": each.value, "occurredAt": _when(each)} for each in observations]
    return {"entity": {"urn": observations[0].entity}, "metric": observations[0].metric, "observations": given}


def _shared(part: Any) -> dict[str, Any]:
    return {"properties": [_property_input(each) for each in part.properties], "occurredAt": _when(part)}


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
