"""OpenLineage events into lineage.

A dataset is a DATASET `{namespace}/{name}`, its version from its version facet; a job is a PIPELINE; a run is a
PROCESSING_JOB named by its runId. Inputs contributed to the run, which produced the outputs; the job, and a parent run,
are associated with the run. What only ever holds is recorded bare; facets, status and times are revisions at the
event's time, so that events late, repeated or out of order end in the same lineage.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

import jsonschema_rs
import orjson

from lineal.auth.access_store import AuditEntry
from lineal.auth.scopes import EVERYTHING
from lineal.capture.facets import folded_facets
from lineal.capture.tie_breaking import without_lost_ties
from lineal.graphstore.batches import Batch, NewAssociation, NewEntity, NewRevision, Recorded
from lineal.graphstore.errors import BatchRefused, ProblemCode
from lineal.graphstore.kinds import AssociationType, EntityKind, EntityStatus, LineageDirection, PropertyType
from lineal.graphstore.queries import AssociationFilter, AssociationsOf, HistoryOf
from lineal.graphstore.records import AsOf, View
from lineal.graphstore.store import Store
from lineal.graphstore.urns import entity_id, make_urn, name_problem
from lineal.graphstore.values import Property, parse_timestamp

MOST_ASSOCIATIONS: Final = 10_000
"""How many associations of one run are looked at for what stands already."""
_ATTEMPTS: Final = 8

_STATUS: Final = {
    "START": EntityStatus.IN_PROGRESS,
    "RUNNING": EntityStatus.IN_PROGRESS,
    "COMPLETE": EntityStatus.COMPLETED,
    "FAIL": EntityStatus.FAILED,
    "ABORT": EntityStatus.STOPPED,
}
_RANK: Final = {"RUNNING": 1, "OTHER": 1, "COMPLETE": 2, "FAIL": 2, "ABORT": 2}


class InvalidEvent(Exception):
    """An event that is not recorded; `problems` says where it is wrong and what to do, a sentence each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


@cache
def _validator(definition: str) -> Any:
    path = Path(__file__).parent / "openlineage_spec" / "OpenLineage.json"
    published = orjson.loads(path.read_bytes())
    kept = {key: _said_plainly(published[key]) for key in ("$schema", "$id", "$defs")}
    chosen = kept | {"$ref": f"#/$defs/{definition}"}
    # Real producers name themselves by words that are no URI; their events are of use all the same.
    formats = {"uri": lambda text: True}
    return jsonschema_rs.Draft202012Validator(chosen, validate_formats=True, formats=formats)


def _said_plainly(schema: Any) -> Any:
    """The same schema, with a choice of one alternative as what it is, so that errors say what is wrong within it."""
    if isinstance(schema, list):
        return [_said_plainly(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: _said_plainly(value) for key, value in schema.items()}
    if isinstance(plain.get("anyOf"), list) and len(plain["anyOf"]) == 1 and "allOf" not in plain:
        plain["allOf"] = plain.pop("anyOf")
    return plain


def validated(event: object) -> str:
    """RunEvent, DatasetEvent or JobEvent: what an event is, by what it holds. Raises InvalidEvent."""
    if not isinstance(event, dict):
        raise InvalidEvent(["An OpenLineage event is one JSON object."])
    if "run" in event:
        definition = "RunEvent"
    elif "dataset" in event and "job" in event:
        raise InvalidEvent(["The event holds a dataset and a job, but no run: send a dataset event and a job event."])
    elif "dataset" in event:
        definition = "DatasetEvent"
    elif "job" in event:
        definition = "JobEvent"
    else:
        raise InvalidEvent(["The event holds neither a run, nor a job, nor a dataset."])
    problems = [
        f"{'.'.join(map(str, error.instance_path)) or 'the event'}: {error.message}."
        for error in _validator(definition).iter_errors(event)
    ]
    if problems:
        raise InvalidEvent(problems)
    return definition


@dataclass
class Mapped:
    """What an event comes to, as if nothing of it stood."""

    account: str
    at: int
    rank: int = 0
    entities: dict[str, NewEntity] = field(default_factory=dict)
    associations: dict[tuple[str, str, AssociationType], NewAssociation] = field(default_factory=dict)
    revisions: list[NewRevision] = field(default_factory=list)

    def entity(self, kind: EntityKind, name: str, version: str | None = None) -> str:
        """Note an entity; gives its urn."""
        for what, text in (("name", name), ("version", version)):
            if text is not None and (problem := name_problem(text)):
                raise InvalidEvent([f"{kind} {what} {text[:64]!r} {problem}."])
        urn = make_urn(self.account, kind, name, version)
        self.entities[urn] = NewEntity(self.account, kind, name, version, occurred_at=self.at)
        return urn

    def associate(self, source: str, destination: str, type: AssociationType) -> None:
        """Note an association."""
        self.associations[source, destination, type] = NewAssociation(source, destination, type, occurred_at=self.at)

    def batch(self) -> Batch:
        """All of it, in one batch."""
        return Batch(tuple(self.entities.values()), tuple(self.associations.values()), tuple(_merged(self.revisions)))

    def revise(self, urn: str, facets: dict[str, Any] | None, **more: Any) -> None:
        """Note what changes at the event's time, if anything does."""
        said = folded_facets(facets or {})
        extra: tuple[Property, ...] = more.pop("properties", ())
        revision = NewRevision(
            urn,
            description=said.description,
            properties=(*said.properties, *extra),
            removed=tuple(said.removed),
            occurred_at=self.at,
            rank=self.rank,
            **more,
        )
        if revision != NewRevision(urn, occurred_at=self.at, rank=self.rank):
            self.revisions.append(revision)


def mapped(event: dict[str, Any], account: str) -> Mapped:
    """What a validated event comes to. Raises InvalidEvent on what the schema cannot rule out."""
    try:
        at = parse_timestamp(event["eventTime"])
    except ValueError as error:
        raise InvalidEvent([f"eventTime: {error}."]) from error
    found = Mapped(account, at)
    if "run" in event:
        _map_run(found, event)
    elif "dataset" in event:
        _map_dataset(found, event["dataset"])
    else:
        job = _map_job(found, event["job"])
        _map_data(found, event, job)
    return found


def _map_run(found: Mapped, event: dict[str, Any]) -> None:
    kind, run = event.get("eventType"), event["run"]
    found.rank = _RANK.get(kind or "", 0)
    urn = found.entity(EntityKind.PROCESSING_JOB, run["runId"])
    found.associate(_map_job(found, event["job"]), urn, AssociationType.ASSOCIATED_WITH)
    facets = dict(run.get("facets") or {})
    _map_parent(found, facets.get("parent"), urn)
    properties = [Property("producer", PropertyType.STRING, event["producer"])]
    if kind == "START":
        properties.append(Property("startedAt", PropertyType.TIMESTAMP, found.at))
    elif found.rank == 2:
        properties.append(Property("endedAt", PropertyType.TIMESTAMP, found.at))
    properties += _map_data(found, event, urn)
    found.revise(urn, facets, status=_STATUS.get(kind or ""), properties=tuple(properties))


def _map_parent(found: Mapped, parent: Any, run: str) -> None:
    if not isinstance(parent, dict):
        return
    above, job = parent.get("run"), parent.get("job")
    if not isinstance(above, dict) or not isinstance(above.get("runId"), str):
        return
    parent_run = found.entity(EntityKind.PROCESSING_JOB, above["runId"])
    if parent_run != run:
        found.associate(parent_run, run, AssociationType.ASSOCIATED_WITH)
    if isinstance(job, dict) and isinstance(job.get("namespace"), str) and isinstance(job.get("name"), str):
        parent_job = found.entity(EntityKind.PIPELINE, f"{job['namespace']}/{job['name']}")
        found.associate(parent_job, parent_run, AssociationType.ASSOCIATED_WITH)


def _map_job(found: Mapped, job: dict[str, Any]) -> str:
    urn = found.entity(EntityKind.PIPELINE, f"{job['namespace']}/{job['name']}")
    found.revise(urn, job.get("facets"))
    return urn


def _map_dataset(found: Mapped, dataset: dict[str, Any]) -> str:
    facets = dataset.get("facets") or {}
    version = (facets.get("version") or {}).get("datasetVersion")
    text = version if isinstance(version, str) and version else None
    urn = found.entity(EntityKind.DATASET, f"{dataset['namespace']}/{dataset['name']}", text)
    found.revise(urn, facets)
    return urn


def _map_data(found: Mapped, event: dict[str, Any], work: str) -> list[Property]:
    """Datasets in and out of a run or job; gives what the event says of their part in it, as properties of the run."""
    said = []
    for side, facets in (("inputs", "inputFacets"), ("outputs", "outputFacets")):
        for dataset in event.get(side) or ():
            urn = _map_dataset(found, dataset)
            if side == "inputs":
                found.associate(urn, work, AssociationType.CONTRIBUTED_TO)
            else:
                found.associate(work, urn, AssociationType.PRODUCED)
            name = f"{dataset['namespace']}/{dataset['name']}"
            for facet, content in sorted((dataset.get(facets) or {}).items()):
                kept = {key: value for key, value in content.items() if not key.startswith("_")}
                said.append(Property(f"{side}.{name}.{facet}", PropertyType.JSON, kept))
    return list({property.key: property for property in said}.values())


Permitting: TypeAlias = Callable[[Batch], Awaitable[Sequence[AuditEntry]]]
"""Says whether all of an event may be written, and gives what of that goes into the audit log; else raises."""


async def permit_all(batch: Batch) -> Sequence[AuditEntry]:
    """Of who writes into a store of its own, without a server."""
    return ()


async def receive(store: Store, event: object, *, account: str, by: str, permit: Permitting = permit_all) -> Recorded:
    """Record one event, as `record_event`. Raises InvalidEvent if the event is invalid too."""
    return await record_event(store, mapped_event(event, account), by=by, permit=permit)


def mapped_event(event: object, account: str) -> Mapped:
    """What an event comes to in an account's lineage. Raises InvalidEvent."""
    validated(event)
    assert isinstance(event, dict)
    return mapped(event, account)


async def record_event(store: Store, wanted: Mapped, *, by: str, permit: Permitting = permit_all) -> Recorded:
    """Record one event, whole or not at all, however often and in whatever order events come.

    `permit` is asked of all that the event comes to, whether or not it stands already. Raises InvalidEvent where the
    event contradicts what is recorded and nothing was recorded, what `permit` raises, and what `Store.record` raises.
    """
    audit = await permit(wanted.batch())
    for attempt in range(_ATTEMPTS):
        batch = await _what_is_missing(store, wanted)
        try:
            return await store.record(batch, by=by, audit=audit)
        except BatchRefused as refused:
            # Another writer recorded the same thing with another event's time since we looked: look again.
            raced = all(problem.code is ProblemCode.IMMUTABLE_CONFLICT for problem in refused.problems)
            if not raced or attempt == _ATTEMPTS - 1:
                raise InvalidEvent([problem.message for problem in refused.problems]) from refused
    raise AssertionError("unreachable")


async def _what_is_missing(store: Store, wanted: Mapped) -> Batch:
    view = View(EVERYTHING, AsOf(await store.watermark()))
    ids = {entity_id(urn): urn for urn in wanted.entities}
    found = await store.entities(view, list(ids))
    standing = {ids[entity.id] for entity in found if entity is not None}
    entities = tuple(entity for urn, entity in wanted.entities.items() if urn not in standing)
    known = await _standing_associations(store, view, wanted.associations, standing)
    associations = tuple(each for key, each in wanted.associations.items() if key not in known)
    revised = [revision for revision in _merged(wanted.revisions) if revision.entity in standing]
    # Only revisions of the same time decide what is left of one: their number does not grow with the entity's history.
    questions = [
        HistoryOf(view, entity_id(revision.entity), MOST_ASSOCIATIONS, occurred_at=revision.occurred_at)
        for revision in revised
    ]
    histories = dict(zip([r.entity for r in revised], await store.history(questions), strict=True))
    revisions = []
    for revision in _merged(wanted.revisions):
        history = histories.get(revision.entity)
        left = revision if history is None else without_lost_ties(revision, history.items)
        if left is not None:
            revisions.append(left)
    return Batch(entities, associations, tuple(revisions))


def _merged(revisions: Iterable[NewRevision]) -> list[NewRevision]:
    """One revision an entity: an event may name a dataset twice, as input and as output."""
    by_entity: dict[str, NewRevision] = {}
    for revision in revisions:
        known = by_entity.get(revision.entity)
        if known is None:
            by_entity[revision.entity] = revision
            continue
        properties = {property.key: property for property in (*known.properties, *revision.properties)}
        by_entity[revision.entity] = replace(
            known,
            description=revision.description if revision.description is not None else known.description,
            properties=tuple(properties.values()),
            removed=tuple({*known.removed, *revision.removed} - properties.keys()),
        )
    return list(by_entity.values())


async def _standing_associations(
    store: Store, view: View, wanted: Iterable[tuple[str, str, AssociationType]], standing: set[str]
) -> set[tuple[str, str, AssociationType]]:
    """Those of the wanted associations that stand already: one question for each of what they lead to, or from."""
    questions: dict[AssociationsOf, None] = {}
    for source, destination, type in wanted:
        if source in standing and destination in standing:
            # Runs are asked, not datasets or jobs: a run has few associations, a busy dataset very many.
            produced = type is AssociationType.PRODUCED
            asked, way = (
                (source, LineageDirection.DESCENDANTS) if produced else (destination, LineageDirection.ASCENDANTS)
            )
            via = AssociationFilter(type=(type,))
            questions[AssociationsOf(view, entity_id(asked), way, via, MOST_ASSOCIATIONS)] = None
    pages = await store.associations(list(questions))
    return {(each.source_urn, each.destination_urn, each.type) for page in pages for each in page.items}
