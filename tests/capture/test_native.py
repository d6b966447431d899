"""The native form: what it reads, what it refuses and how it says so, and that writing is its inverse."""

import json
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from strategies import batches

from lineal.capture.native import InvalidLine, Reader, line_of, read_properties
from lineal.graphstore.batches import Batch, NewAssociation, NewEntity, NewObservation, NewPart, NewRevision
from lineal.graphstore.kinds import AssociationType, EntityKind, EntityStatus, PropertyType
from lineal.graphstore.urns import make_urn
from lineal.graphstore.values import Property, parse_timestamp


def line(part: NewPart) -> Any:
    return json.loads(line_of(part, lambda e: make_urn(e.account, e.kind, e.name, e.version)))


@given(batches())
def test_writing_is_the_inverse_of_reading(history: list[Batch]) -> None:
    reader = Reader("nobody")
    for batch in history:
        for part in (*batch.entities, *batch.associations, *batch.revisions, *batch.observations):
            expected: NewPart = part  # type: ignore[assignment]
            assert reader.read(line(expected)) == expected


def test_keys_name_entities_of_the_same_file() -> None:
    reader = Reader("mine")
    entity = reader.read({"entity": {"key": "k", "kind": "DATASET", "name": "n", "createdAt": "2026-03-01T00:00:00Z"}})
    assert entity == NewEntity("mine", EntityKind.DATASET, "n", occurred_at=parse_timestamp("2026-03-01T00:00:00Z"))
    association = reader.read({"association": {"source": "k", "destination": "lineal:x:MODEL:y", "type": "PRODUCED"}})
    assert association == NewAssociation("lineal:mine:DATASET:n", "lineal:x:MODEL:y", AssociationType.PRODUCED)
    typed = reader.read({"revision": {"entity": "lineal:mine:DATASET:s3%3a//my file", "status": "FAILED"}})
    assert typed == NewRevision("lineal:mine:DATASET:s3://my%20file", EntityStatus.FAILED)
    revision = reader.read({"revision": {"entity": "k", "status": "FAILED", "tags": []}})
    assert revision == NewRevision("lineal:mine:DATASET:n", EntityStatus.FAILED, ())
    observed = reader.read({"observation": {"entity": "k", "metric": "loss", "value": 1, "step": None}})
    assert observed == NewObservation("lineal:mine:DATASET:n", "loss", 1.0)
    assert isinstance(observed.value, float)
    for word, value in {"NaN": nan, "Infinity": inf, "-Infinity": -inf}.items():
        observed = reader.read({"observation": {"entity": "k", "metric": "loss", "value": word}})
        assert observed == NewObservation("lineal:mine:DATASET:n", "loss", value)
        assert line(observed)["observation"]["value"] == word
    assert reader.read({"focal": {"anything": 1}}) is None


def test_nested_properties_flatten_and_keep_their_types() -> None:
    variables = {
        "a": {"b": 1, "c": {"d": "x"}},
        "e": {},
        "f": [1],
        "t": {"$timestamp": "2026-03-01T00:00:00Z"},
        "i": {"$int": "9223372036854775807"},
        "g": {"$float": 1},
        "j": {"$json": {"k": 1}},
        "v": True,
    }
    kinds = PropertyType
    assert read_properties(variables) == (
        Property("a.b", kinds.INTEGER, 1),
        Property("a.c.d", kinds.STRING, "x"),
        Property("e", kinds.JSON, {}),
        Property("f", kinds.JSON, [1]),
        Property("t", kinds.TIMESTAMP, parse_timestamp("2026-03-01T00:00:00Z")),
        Property("i", kinds.INTEGER, 2**63 - 1),
        Property("g", kinds.FLOAT, 1.0),
        Property("j", kinds.JSON, {"k": 1}),
        Property("v", kinds.BOOLEAN, True),
    )


ENTITY = {"kind": "DATASET", "name": "n"}
SEEN = {"entity": "lineal:a:DATASET:b", "metric": "m", "value": 1}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([], "a line must be one object with one of entity, association, revision"),
        ({"thing": {}}, "'thing' must be one of entity, association, revision"),
        (
            {"entity": 1},
            "'entity' must be one of entity, association, revision, observation, with an object as its value",
        ),
        ({"entity": {"kind": "DATASET"}}, "name is missing"),
        ({"entity": {"name": "n"}}, "kind is missing"),
        ({"entity": {**ENTITY, "kind": "TABLE"}}, "kind is 'TABLE', which is not a value of this field"),
        ({"entity": {**ENTITY, "colour": 1}}, "entity has no field colour; its fields are account, createdAt"),
        ({"entity": {**ENTITY, "version": 1}}, "version must be text"),
        ({"entity": {**ENTITY, "name": ""}}, "name is empty"),
        ({"entity": {**ENTITY, "occurredAt": "today"}}, "occurredAt: 'today' is not an RFC 3339 time"),
        ({"entity": {**ENTITY, "occurredAt": "x", "createdAt": "x"}}, "mean the same: leave one of them out"),
        ({"entity": {**ENTITY, "properties": {"a": None}}}, "property 'a' is null, which is no value: leave it out"),
        ({"entity": {**ENTITY, "properties": {"a.b": 1, "a": {"b": 2}}}}, "property 'a.b' is given twice"),
        ({"entity": {**ENTITY, "properties": {"a": {"$date": 1}}}}, "$date is no type: use $timestamp"),
        ({"entity": {**ENTITY, "tags": "x"}}, "tags must be a list of texts"),
        ({"entity": {**ENTITY, "source": "s3://x"}}, "source must be an object of uri, type and ids"),
        ({"association": {"source": "a", "destination": "b", "type": "PRODUCED"}}, "source names 'a', which no entity"),
        ({"association": {"source": "lineal:a:DATASET:b", "type": "PRODUCED"}}, "destination is missing"),
        ({"revision": {"entity": "lineal:a:DATASET:b", "rank": 7}}, "rank must be 0, 1 or 2"),
        ({"observation": {"entity": "lineal:a:DATASET:b", "value": 1}}, "metric is missing"),
        ({"observation": {"entity": "lineal:a:DATASET:b", "metric": "m"}}, "value is missing"),
        ({"observation": {"metric": "m", "value": 1}}, "entity is missing"),
        (
            {"association": {"source": "lineal:a", "destination": "lineal:a:MODEL:b", "type": "PRODUCED"}},
            "no URN: write",
        ),
        ({"observation": {"entity": "nobody", "metric": "m", "value": 1}}, "entity names 'nobody', which no entity"),
        (
            {"observation": {**SEEN, "value": "1"}},
            'value must be a number, or one of the strings "NaN", "Infinity" and',
        ),
        ({"observation": {**SEEN, "value": True}}, "value must be a number, or one of the strings"),
        ({"observation": {**SEEN, "value": 10**400}}, "value is no number that 64 bits hold"),
        ({"observation": {**SEEN, "step": 1.0}}, "step must be an integer of 64 bits"),
        ({"observation": {**SEEN, "step": True}}, "step must be an integer of 64 bits"),
        ({"observation": {**SEEN, "occurredAt": 5}}, "occurredAt must be an RFC 3339 time, as text"),
        ({"observation": {**SEEN, "digest": "x"}}, "observation has no field digest; its fields are createdAt, entity"),
    ],
)
def test_errors_say_what_is_wrong(row: Any, message: str) -> None:
    with pytest.raises(InvalidLine) as caught:
        Reader("a").read(row)
    assert message in str(caught.value)


def test_one_key_names_one_entity() -> None:
    reader = Reader("a")
    reader.read({"entity": {**ENTITY, "key": "k"}})
    reader.read({"entity": {**ENTITY, "key": "k"}})
    with pytest.raises(InvalidLine, match="names another entity already"):
        reader.read({"entity": {**ENTITY, "key": "k", "name": "other"}})
