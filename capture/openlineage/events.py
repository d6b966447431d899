"""Reads OpenLineage events as producers send them, whatever the letter of the schema.

Refused are only: no JSON object; no job or no run where one is needed; a time that is none. All else is read as far as
it goes: null is absent, a part that is not what the schema asks is skipped and named in `Event.skipped`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lineal.capture.openlineage.names import fitting
from lineal.capture.openlineage.times import InvalidTime, event_time
from lineal.graphstore.values import Json

KNOWN_TYPES: Final = frozenset({"START", "RUNNING", "COMPLETE", "FAIL", "ABORT", "OTHER"})
_SHOWN_CHARACTERS: Final = 64


class InvalidEvent(Exception):
    """An event that is not recorded; `problems` holds a sentence for each fault that says how to correct it."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Named:
    """A dataset or job as an event names it, with its facets; `uses` are a dataset's input or output facets."""

    namespace: str
    name: str
    facets: Mapping[str, Json] = field(default_factory=dict)
    uses: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """A run as an event names it: its id in lower case, and as it was sent."""

    id: str
    sent_id: str
    facets: Mapping[str, Json] = field(default_factory=dict)


@dataclass
class Event:
    """An event: of a run and its job, of a job, or of a dataset."""

    at: int
    is_assumed_utc: bool
    type: str | None = None
    producer: str | None = None
    run: Run | None = None
    job: Named | None = None
    dataset: Named | None = None
    inputs: list[Named] = field(default_factory=list)
    outputs: list[Named] = field(default_factory=list)
    skipped: dict[str, Json] = field(default_factory=dict)
    """What was skipped, by its path in the event."""
    unknown: dict[str, Json] = field(default_factory=dict)
    """The fields of the event that OpenLineage does not know."""


_FIELDS: Final = frozenset("eventType eventTime run job dataset inputs outputs producer schemaURL".split())


def read_event(event: object) -> Event:
    """The event of a JSON value. Raises InvalidEvent with every problem."""
    if not isinstance(event, dict):
        raise InvalidEvent(["The event is no JSON object: send one object for each event."])
    problems: list[str] = []
    parsed = _timed(event, problems)
    parsed.run, parsed.job = _run_of(event, problems), _job_of(event, problems)
    dataset = event.get("dataset")
    if dataset is not None:
        parsed.dataset = named(dataset)
        if parsed.dataset is None:
            problems.append(f"dataset is {_shown(dataset)}: send an object with a namespace and a name.")
    if event.get("eventType") is not None and event.get("run") is None and event.get("job") is not None:
        problems.append("run is missing: an event with an eventType is about a run, so send run.runId.")
    if event.get("run") is None and event.get("job") is None and dataset is None:
        problems.append("The event holds neither a run, nor a job, nor a dataset: send at least one.")
    if problems:
        raise InvalidEvent(problems)
    for side, into in (("inputs", parsed.inputs), ("outputs", parsed.outputs)):
        _read_side(parsed, event.get(side), side, into)
    return parsed


def named(value: Json, uses: str | None = None) -> Named | None:
    """A dataset or job; None where it has no namespace or no name. `uses` names the field of further facets."""
    if not isinstance(value, dict):
        return None
    namespace, name = value.get("namespace"), value.get("name")
    if not isinstance(namespace, str) or not isinstance(name, str) or not name:
        return None
    return Named(namespace, name, facets_of(value), {} if uses is None else facets_of(value, uses))


def run_of(value: Json) -> Run | None:
    """A run; None where it has no id."""
    id = value.get("runId") if isinstance(value, dict) else None
    if isinstance(id, int) and not isinstance(id, bool):
        id = str(id)
    if not isinstance(id, str) or not id.strip():
        return None
    assert isinstance(value, dict)
    return Run(fitting(id.strip().lower()), id, facets_of(value))


def facets_of(value: Mapping[str, Json], key: str = "facets") -> Mapping[str, Json]:
    """The facets of a part of an event, without those that are null."""
    facets = value.get(key)
    return {name: facet for name, facet in facets.items() if facet is not None} if isinstance(facets, dict) else {}


def _timed(event: dict[str, Any], problems: list[str]) -> Event:
    text, at, is_assumed_utc = event.get("eventTime"), 0, False
    if not isinstance(text, str):
        problems.append(_missing("eventTime", text, "the time of the event, as 2026-03-01T12:00:00Z"))
    else:
        try:
            time = event_time(text)
            at, is_assumed_utc = time.at, time.is_assumed_utc
        except InvalidTime as error:
            problems.append(f"eventTime {_shown(text)} {error}.")
    kind, producer = event.get("eventType"), event.get("producer")
    parsed = Event(at, is_assumed_utc)
    if isinstance(kind, str):
        parsed.type = kind.strip().upper()
    elif kind is not None:
        parsed.skipped["eventType"] = kind
    if isinstance(producer, str):
        parsed.producer = producer
    elif producer is not None:
        parsed.skipped["producer"] = producer
    parsed.unknown = {key: value for key, value in event.items() if key not in _FIELDS and value is not None}
    return parsed


def _run_of(event: dict[str, Any], problems: list[str]) -> Run | None:
    value = event.get("run")
    if value is None:
        return None
    run = run_of(value)
    if run is None:
        id = value.get("runId") if isinstance(value, dict) else value
        problems.append(_missing("run.runId", id, "the id of the run, a text that is not empty"))
    return run


def _job_of(event: dict[str, Any], problems: list[str]) -> Named | None:
    value = event.get("job")
    if value is None:
        if event.get("run") is not None:
            problems.append("job is missing: a run belongs to a job, so send job.namespace and job.name.")
        return None
    job = named(value)
    if job is None:
        if not isinstance(value, dict):
            problems.append(f"job is {_shown(value)}: send an object with a namespace and a name.")
            return None
        if not isinstance(value.get("namespace"), str):
            problems.append(_missing("job.namespace", value.get("namespace"), "the namespace of the job, a text"))
        if not isinstance(value.get("name"), str) or not value["name"]:
            problems.append(_missing("job.name", value.get("name"), "the name of the job, a text that is not empty"))
    return job


def _read_side(parsed: Event, listed: Json, side: str, into: list[Named]) -> None:
    if listed is None:
        return
    if not isinstance(listed, list):
        parsed.skipped[side] = listed
        return
    for index, value in enumerate(listed):
        dataset = named(value, f"{side[:-1]}Facets")
        if dataset is not None:
            into.append(dataset)
        elif value is not None:
            parsed.skipped[f"{side}.{index}"] = value


def _missing(path: str, value: object, wanted: str) -> str:
    value_text = "missing" if value is None else _shown(value)
    return f"{path} is {value_text}: send {wanted}."


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
