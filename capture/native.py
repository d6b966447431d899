"""The native form: one JSON object a line, an entity, association, revision or observation; for import and export.

    {"entity": {"key": "raw", "kind": "DATASET", "name": "raw", "version": "1", "account": "a", "properties": {}}}
    {"association": {"source": "raw", "destination": "job", "type": "CONTRIBUTED_TO"}}
    {"revision": {"entity": "job", "status": "COMPLETED", "properties": {}, "removed": []}}
    {"observation": {"entity": "job", "metric": "loss", "step": 7, "value": 0.5, "occurredAt": "2026-03-01T12:00:00Z"}}

`key` names an entity within the file; all other parts name entities by key or urn. Values that plain JSON cannot tell
apart say their type: `{"$timestamp": "2026-03-01T12:00:00Z"}`, `{"$int": "5"}`, `{"$float": "1"}`,
`{"$json": ...}`. A `focal` line is skipped.
"""

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Final, TypeVar

import orjson

from lineal.graphstore.batches import NewAssociation, NewEntity, NewObservation, NewPart, NewRevision
from lineal.graphstore.kinds import AssociationType, EntityKind, EntityStatus, PropertyType, SourceIdType
from lineal.graphstore.metric_values import read_value, shown_value
from lineal.graphstore.records import Source, SourceId
from lineal.graphstore.urns import NotAUrn, account_problem, canonical_urn, make_urn, name_problem
from lineal.graphstore.values import Json, Property, format_float, format_timestamp, parse_timestamp

Closed = TypeVar("Closed", bound=StrEnum)

_ENTITY: Final = frozenset(
    "key kind name version account type description title status source tags properties occurredAt createdAt".split()
)
_ASSOCIATION: Final = frozenset("source destination type role properties occurredAt createdAt".split())
_REVISION: Final = frozenset(
    "entity status tags description title properties removed supersededBy occurredAt createdAt rank".split()
)
_OBSERVATION: Final = frozenset("entity metric step value occurredAt createdAt".split())
_SOURCE: Final = frozenset({"uri", "type", "ids"})


class InvalidLine(ValueError):
    """A line that cannot be read; the message says how to correct it."""


class Reader:
    """Reads the lines of one file in order; the `key`s of entities hold for that file."""

    def __init__(self, account: str) -> None:
        self._account = account
        self._urns: dict[str, str] = {}

    def read(self, row: object) -> NewPart | None:
        """The part that a line's JSON describes; None for a line to skip. Raises InvalidLine."""
        if not isinstance(row, dict) or len(row) != 1:
            raise InvalidLine("a line must be one object with one of entity, association, revision, observation")
        ((name, fields),) = row.items()
        if name == "focal":
            return None
        if isinstance(fields, dict):
            if name == "entity":
                return self._entity(fields)
            if name == "association":
                return self._association(fields)
            if name == "revision":
                return self._revision(fields)
            if name == "observation":
                return self._observation(fields)
        raise InvalidLine(
            f"{name[:64]!r} must be one of entity, association, revision, observation, with an object as its value"
        )

    def _entity(self, fields: dict[str, Any]) -> NewEntity:
        _only("entity", fields, _ENTITY)
        account = _text(fields, "account") or self._account
        name, version = _text(fields, "name"), _text(fields, "version")
        if name is None:
            raise InvalidLine("name is missing")
        if problem := account_problem(account):
            raise InvalidLine(f"account {problem}")
        for field, text in (("name", name), ("version", version)):
            if text is not None and (problem := name_problem(text)):
                raise InvalidLine(f"{field} {problem}")
        entity = NewEntity(
            account,
            _closed(fields, "kind", EntityKind) or _missing("kind"),
            name,
            version,
            _text(fields, "type"),
            _text(fields, "description"),
            _closed(fields, "status", EntityStatus),
            _source(fields.get("source")),
            tuple(_texts(fields, "tags") or ()),
            read_properties(fields.get("properties")),
            _time(fields),
            _text(fields, "title"),
        )
        urn = make_urn(account, entity.kind, name, version)
        key = _text(fields, "key")
        if key is not None and self._urns.setdefault(key, urn) != urn:
            raise InvalidLine(f"key {key[:64]!r} names another entity already: give each entity a key of its own")
        return entity

    def _association(self, fields: dict[str, Any]) -> NewAssociation:
        _only("association", fields, _ASSOCIATION)
        return NewAssociation(
            self._reference(fields, "source") or _missing("source"),
            self._reference(fields, "destination") or _missing("destination"),
            _closed(fields, "type", AssociationType) or _missing("type"),
            _text(fields, "role"),
            read_properties(fields.get("properties")),
            _time(fields),
        )

    def _revision(self, fields: dict[str, Any]) -> NewRevision:
        _only("revision", fields, _REVISION)
        rank = fields.get("rank", 0)
        if rank not in (0, 1, 2):
            raise InvalidLine("rank must be 0, 1 or 2")
        tags = _texts(fields, "tags")
        return NewRevision(
            self._reference(fields, "entity") or _missing("entity"),
            _closed(fields, "status", EntityStatus),
            None if tags is None else tuple(tags),
            _text(fields, "description"),
            read_properties(fields.get("properties")),
            tuple(_texts(fields, "removed") or ()),
            self._reference(fields, "supersededBy"),
            _time(fields),
            rank,
            _text(fields, "title"),
        )

    def _observation(self, fields: dict[str, Any]) -> NewObservation:
        _only("observation", fields, _OBSERVATION)
        return NewObservation(
            self._reference(fields, "entity") or _missing("entity"),
            _text(fields, "metric") or _missing("metric"),
            _metric_value(fields),
            _step(fields),
            _time(fields),
        )

    def _reference(self, fields: dict[str, Any], field: str) -> str | None:
        text = _text(fields, field)
        if text is None:
            return None
        if (urn := self._urns.get(text)) is not None:
            return urn
        if not text.startswith("lineal:"):
            raise InvalidLine(f"{field} names {text[:64]!r}, which no entity before it in the file has as its key")
        try:
            return canonical_urn(text)
        except NotAUrn as error:
            raise InvalidLine(f"{field}: {error}") from None


def _missing(field: str) -> Any:
    raise InvalidLine(f"{field} is missing")


def _only(subject: str, fields: dict[str, Any], allowed: frozenset[str]) -> None:
    if not fields.keys() <= allowed:
        unknown = ", ".join(sorted(fields.keys() - allowed))
        raise InvalidLine(f"{subject} has no field {unknown[:200]}; its fields are {', '.join(sorted(allowed))}")


def _text(fields: dict[str, Any], field: str) -> str | None:
    value = fields.get(field)
    if value is not None and not isinstance(value, str):
        raise InvalidLine(f"{field} must be text")
    return value


def _metric_value(fields: dict[str, Any]) -> float:
    value = fields.get("value")
    if value is None:
        _missing("value")
    try:
        return read_value(value)
    except ValueError as error:
        raise InvalidLine(f"value {error}") from None


def _step(fields: dict[str, Any]) -> int:
    value = fields.get("step")
    if isinstance(value, bool) or not isinstance(value, int | None):
        raise InvalidLine("step must be an integer of 64 bits")
    return value or 0


def _texts(fields: dict[str, Any], field: str) -> list[str] | None:
    value = fields.get(field)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise InvalidLine(f"{field} must be a list of texts")
    return value


def _closed(fields: dict[str, Any], field: str, make: Callable[[Any], Closed]) -> Closed | None:
    value = fields.get(field)
    if value is None:
        return None
    try:
        return make(value)
    except ValueError:
        raise InvalidLine(
            f"{field} is {str(value)[:64]!r}, which is not a value of this field: see the schema for its values"
        ) from None


def _time(fields: dict[str, Any]) -> int | None:
    if "occurredAt" in fields and "createdAt" in fields:
        raise InvalidLine("occurredAt and createdAt mean the same: leave one of them out")
    value = fields.get("occurredAt", fields.get("createdAt"))
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidLine("occurredAt must be an RFC 3339 time, as text")
    try:
        return parse_timestamp(value)
    except ValueError as error:
        raise InvalidLine(f"occurredAt: {error}") from None


def _source(fields: object) -> Source | None:
    if fields is None:
        return None
    if not isinstance(fields, dict):
        raise InvalidLine("source must be an object of uri, type and ids")
    _only("source", fields, _SOURCE)
    ids = []
    for identifier in fields.get("ids") or ():
        if (
            not isinstance(identifier, dict)
            or identifier.keys() != {"type", "value"}
            or not isinstance(identifier["value"], str)
        ):
            raise InvalidLine("source.ids must be objects of type and value")
        kind = _closed(identifier, "type", SourceIdType) or _missing("source.ids.type")
        ids.append(SourceId(kind, identifier["value"]))
    return Source(_text(fields, "uri"), _text(fields, "type"), tuple(ids))


def read_properties(fields: object) -> tuple[Property, ...]:
    """Properties from JSON; nested objects become dotted keys. Raises InvalidLine."""
    if fields is None:
        return ()
    if not isinstance(fields, dict):
        raise InvalidLine("properties must be an object")
    properties = list(_flattened("", fields))
    keys = [property.key for property in properties]
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise InvalidLine(f"property {twice[:64]!r} is given twice, once by its dotted key and once nested")
    return tuple(properties)


def _flattened(prefix: str, fields: Mapping[str, Json]) -> Iterator[Property]:
    for name, value in fields.items():
        key = prefix + name
        match value:
            case str():
                yield Property(key, PropertyType.STRING, value)
            case bool():
                yield Property(key, PropertyType.BOOLEAN, value)
            case int():
                yield Property(key, PropertyType.INTEGER, value)
            case float():
                yield Property(key, PropertyType.FLOAT, value)
            case dict() if len(value) == 1 and next(iter(value)).startswith("$"):
                yield _tagged_value(key, value)
            case dict() if value:
                yield from _flattened(f"{key}.", value)
            case None:
                raise InvalidLine(f"property {key[:64]!r} is null, which is no value: leave it out")
            case _:
                yield Property(key, PropertyType.JSON, value)


def _tagged_value(key: str, value: dict[str, Json]) -> Property:
    ((type, fields),) = value.items()
    try:
        if type == "$timestamp" and isinstance(fields, str):
            return Property(key, PropertyType.TIMESTAMP, parse_timestamp(fields))
        if type == "$int" and isinstance(fields, str | int) and not isinstance(fields, bool):
            return Property(key, PropertyType.INTEGER, int(fields))
        if type == "$float" and isinstance(fields, str | int | float) and not isinstance(fields, bool):
            return Property(key, PropertyType.FLOAT, float(fields))
    except ValueError as error:
        raise InvalidLine(f"property {key[:64]!r}: {error}") from None
    if type == "$json":
        return Property(key, PropertyType.JSON, fields)
    raise InvalidLine(f"property {key[:64]!r}: {type[:32]} is no type: use $timestamp, $int, $float or $json")


def line_of(part: NewPart, urn_of: Callable[[NewEntity], str]) -> bytes:
    """The line, without its line end, from which `Reader.read` reads this part."""
    match part:
        case NewEntity():
            row = {"entity": {"key": urn_of(part), **_entity_row(part)}}
        case NewAssociation():
            fields = {"source": part.source, "destination": part.destination, "type": part.type, "role": part.role}
            row = {"association": {**_present(fields), **_shared(part)}}
        case NewRevision():
            row = {"revision": _revision_row(part)}
        case NewObservation():
            row = {"observation": _observation_row(part)}
    return orjson.dumps(row)


def _present(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _shared(part: NewEntity | NewAssociation | NewRevision) -> dict[str, Any]:
    row = _when(part)
    if part.properties:
        row["properties"] = {property.key: _written_value(property) for property in part.properties}
    return row


def _when(part: NewPart) -> dict[str, Any]:
    return {} if part.occurred_at is None else {"occurredAt": format_timestamp(part.occurred_at)}


def _entity_row(entity: NewEntity) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "kind": entity.kind,
        "name": entity.name,
        "version": entity.version,
        "account": entity.account,
        "type": entity.type,
        "description": entity.description,
        "title": entity.title,
        "status": entity.status,
        "tags": list(entity.tags) or None,
    }
    if entity.source is not None:
        ids = [{"type": id.type, "value": id.value} for id in entity.source.ids]
        fields["source"] = _present({"uri": entity.source.uri, "type": entity.source.type, "ids": ids or None})
    return {**_present(fields), **_shared(entity)}


def _revision_row(revision: NewRevision) -> dict[str, Any]:
    fields = {
        "entity": revision.entity,
        "status": revision.status,
        "tags": None if revision.tags is None else list(revision.tags),
        "description": revision.description,
        "title": revision.title,
        "removed": list(revision.removed) or None,
        "supersededBy": revision.superseded_by,
        "rank": revision.rank or None,
    }
    return {**_present(fields), **_shared(revision)}


def _observation_row(observation: NewObservation) -> dict[str, Any]:
    fields = {"entity": observation.entity, "metric": observation.metric, "step": observation.step or None}
    return {**_present(fields), "value": shown_value(observation.value), **_when(observation)}


def _written_value(property: Property) -> Json:
    match property.type:
        case PropertyType.TIMESTAMP:
            return {"$timestamp": property.shown}
        case PropertyType.FLOAT if isinstance(property.value, float):
            # A float without a fraction would read back as an integer.
            return {"$float": format_float(property.value)} if property.value.is_integer() else property.value
        case PropertyType.JSON:
            return {"$json": property.value}
    return property.value
