"""The events and facets that OpenLineage and Marquez publish as examples: all are taken, and nothing is lost."""

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openlineage_events import RUN, Held, event, received, state

from lineal.capture.openlineage.times import InvalidTime, event_time
from lineal.graphstore.values import format_timestamp

PUBLISHED: Final[dict[str, dict[str, Any]]] = json.loads(
    Path("tests/capture/data/openlineage_examples.json").read_text(encoding="utf-8")
)
FACET_PLACES: Final = ("run", "job", "dataset", "inputDataset", "outputDataset")
NOT_KEPT: Final = frozenset({"_producer", "_schemaURL", "schemaURL", "eventType"})
"""Who made a facet and by which schema is not kept; the type of an event is its run's status."""
few = settings(max_examples=settings().max_examples // 30)
"""Every example records a hundred events."""


def event_with(place: str, facets: dict[str, Any], minute: int = 0) -> dict[str, Any]:
    """An event of one run, job, input and output, with facets in one place."""
    ends: dict[str, dict[str, Any]] = {
        "run": {"runId": RUN},
        "job": {"namespace": "n", "name": "j"},
        "inputDataset": {"namespace": "db", "name": "in"},
        "outputDataset": {"namespace": "db", "name": "out"},
    }
    end, key = {
        "dataset": ("outputDataset", "facets"),
        "inputDataset": ("inputDataset", "inputFacets"),
        "outputDataset": ("outputDataset", "outputFacets"),
    }.get(place, (place, "facets"))
    ends[end][key] = facets
    return event(
        eventTime=f"2026-03-01T12:{minute:02}:00Z",
        run=ends["run"],
        job=ends["job"],
        inputs=[ends["inputDataset"]],
        outputs=[ends["outputDataset"]],
    )


FACETS: Final = [(place, name, facets) for place in FACET_PLACES for name, facets in PUBLISHED[place].items()]
EVENTS: Final = {f"{place} {name}": event_with(place, facets) for place, name, facets in FACETS} | PUBLISHED["events"]


def leaves(value: Any) -> Iterator[Any]:
    """The values within a JSON value, but for containers, null and empty texts."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key not in NOT_KEPT:
                yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    elif value is not None and value != "":
        yield value


def kept(held: Held) -> set[tuple[type, Any]]:
    """All values that a store holds, with their types, and the dotted parts of property keys, which may be names."""
    values: list[Any] = []
    for entity in held.entities.values():
        values += [entity.name, entity.version, entity.title, entity.description, *entity.tags]
        values.append(format_timestamp(entity.occurred_at))
    properties = [each for entity in held.entities.values() for each in entity.properties]
    properties += [each for association in held.associations for each in association.properties]
    for each in properties:
        values += leaves(each.shown)
        parts = each.key.split(".")
        values += [
            ".".join(parts[begin:end]) for begin in range(len(parts)) for end in range(begin + 1, len(parts) + 1)
        ]
    return {(type(value), value) for value in values}


def is_kept(leaf: Any, values: set[tuple[type, Any]]) -> bool:
    if (type(leaf), leaf) in values:
        return True
    try:
        return isinstance(leaf, str) and (str, format_timestamp(event_time(leaf).at)) in values
    except InvalidTime:
        return False


@pytest.mark.parametrize("name", EVENTS)
async def test_nothing_of_an_example_is_lost(name: str) -> None:
    held = await received(EVENTS[name])
    values = kept(held)
    assert [leaf for leaf in leaves(EVENTS[name]) if not is_kept(leaf, values)] == []
    keys = [each.key for entity in held.entities.values() for each in entity.properties]
    assert [key for key in keys if key.startswith(("leftOut.", "notUnderstood."))] == []


@few
@given(st.randoms(use_true_random=False))
async def test_the_examples_end_the_same_in_any_order(chance: random.Random) -> None:
    # Of one run, job and its datasets, at few times, so that a facet is stated again, also at the same time.
    events = [event_with(place, facets, minute=index % 7) for index, (place, _, facets) in enumerate(FACETS)]
    events += PUBLISHED["events"].values()
    straight = await state(*events)
    mixed = copy.deepcopy(events) + chance.sample(events, 9)
    chance.shuffle(mixed)
    assert await state(*mixed) == straight
