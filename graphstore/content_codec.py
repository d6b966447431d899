"""Encodes the parts of records that are not identity as compact JSON text, for storage in the database.

Properties are `[[key, code, value], ...]` by key, with the codes below. Integers and floats keep their notation (1 and
1.0), so every value is read as it was written.
"""

from typing import Any, Final

import orjson

from lineal.graphstore.kinds import EntityStatus, PropertyType, SourceIdType
from lineal.graphstore.records import Source, SourceId
from lineal.graphstore.revisions import RevisedFields
from lineal.graphstore.values import Property

_CODES: Final = {
    PropertyType.STRING: "s",
    PropertyType.INTEGER: "i",
    PropertyType.FLOAT: "f",
    PropertyType.BOOLEAN: "b",
    PropertyType.TIMESTAMP: "t",
    PropertyType.JSON: "j",
}
_TYPES: Final = {code: type for type, code in _CODES.items()}


def packed(value: object) -> str:
    """Return a JSON value as text."""
    return orjson.dumps(value).decode()


def packed_properties(properties: tuple[Property, ...]) -> str | None:
    """Return properties as text, by key; None without properties."""
    if not properties:
        return None
    ordered = sorted(properties, key=lambda property: property.key)
    return packed([(property.key, _CODES[property.type], _stored(property)) for property in ordered])


def _stored(property: Property) -> object:
    # -0 is 0 (model.md): stored as -0.0, it would be read as another float than that of its digest.
    return 0.0 if property.type is PropertyType.FLOAT and property.value == 0 else property.value


def unpacked_properties(text: str | None) -> tuple[Property, ...]:
    """Return the properties from the text of `packed_properties`."""
    if text is None:
        return ()
    return tuple([Property(key, _TYPES[code], value) for key, code, value in orjson.loads(text)])


def unpacked_property(text: str | None, key: str) -> Property | None:
    """Return the property of a key from the text of `packed_properties`; None if the text does not contain it."""
    properties = [] if text is None else orjson.loads(text)
    return next((Property(key, _TYPES[code], value) for name, code, value in properties if name == key), None)


def packed_source(source: Source | None) -> str | None:
    """Return the fields of a source except its uri, as text; None if they are empty."""
    if source is None or (source.type is None and not source.ids):
        return None
    ids = sorted({(id.type, id.value) for id in source.ids})
    return packed([source.type, ids])


def unpacked_source(uri: str | None, text: str | None) -> Source | None:
    """Return a source from its uri and the text of `packed_source`."""
    if text is None:
        return None if uri is None else Source(uri)
    type, ids = orjson.loads(text)
    return Source(uri, type, tuple([SourceId(SourceIdType(kind), value) for kind, value in ids]))


def unpacked_words(text: str | None) -> tuple[str, ...]:
    """Return a list of texts, in the order in which they were packed."""
    words: list[Any] = [] if text is None else orjson.loads(text)
    return tuple(words)


def packed_fields(fields: RevisedFields) -> str:
    """Return the fields that revisions set, as text."""
    properties = [
        [key, order, None if value is None else (_CODES[value.type], _stored(value))]
        for key, (order, value) in fields.properties.items()
    ]
    return packed([list(fields.statuses.values()), fields.tags, fields.description, fields.title, properties])


def unpacked_fields(text: str) -> RevisedFields:
    """Return the fields from the text of `packed_fields`."""
    statuses, tags, description, title, properties = orjson.loads(text)
    return RevisedFields(
        {order[1]: (tuple(order), EntityStatus(status)) for order, status in statuses},
        None if tags is None else (tuple(tags[0]), tuple(tags[1])),
        None if description is None else (tuple(description[0]), description[1]),
        None if title is None else (tuple(title[0]), title[1]),
        {
            key: (tuple(order), None if value is None else Property(key, _TYPES[value[0]], value[1]))
            for key, order, value in properties
        },
    )
