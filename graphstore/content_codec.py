"""Content in the database: the parts of records that are not identity, as compact JSON text.

Properties are `[[key, code, value], ...]` by key, with the codes below; integers and floats keep their own notation
(1 and 1.0), so every value comes back as it was.
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
    """A JSON value as text."""
    return orjson.dumps(value).decode()


def packed_properties(properties: tuple[Property, ...]) -> str | None:
    """Properties as text, by key; None for none."""
    if not properties:
        return None
    ordered = sorted(properties, key=lambda property: property.key)
    return packed([(property.key, _CODES[property.type], _stored(property)) for property in ordered])


def _stored(property: Property) -> object:
    # -0 is 0 (model.md): it would print as -0.0 and read back as another float than its digest says.
    return 0.0 if property.type is PropertyType.FLOAT and property.value == 0 else property.value


def unpacked_properties(text: str | None) -> tuple[Property, ...]:
    """What `packed_properties` was given."""
    if text is None:
        return ()
    return tuple([Property(key, _TYPES[code], value) for key, code, value in orjson.loads(text)])


def unpacked_property(text: str | None, key: str) -> Property | None:
    """The property of a key among what `packed_properties` was given; None where it is not there."""
    found = (each for each in ([] if text is None else orjson.loads(text)) if each[0] == key)
    return next((Property(key, _TYPES[code], value) for _, code, value in found), None)


def packed_source(source: Source | None) -> str | None:
    """What a source holds besides its uri, as text."""
    if source is None or (source.type is None and not source.ids):
        return None
    ids = sorted({(id.type, id.value) for id in source.ids})
    return packed([source.type, ids])


def unpacked_source(uri: str | None, text: str | None) -> Source | None:
    """A source from its uri and what `packed_source` made of the rest."""
    if text is None:
        return None if uri is None else Source(uri)
    type, ids = orjson.loads(text)
    return Source(uri, type, tuple([SourceId(SourceIdType(kind), value) for kind, value in ids]))


def unpacked_words(text: str | None) -> tuple[str, ...]:
    """Words, in the order they were packed."""
    words: list[Any] = [] if text is None else orjson.loads(text)
    return tuple(words)


def packed_fields(fields: RevisedFields) -> str:
    """What revisions set, as text."""
    properties = [
        [key, order, None if value is None else (_CODES[value.type], _stored(value))]
        for key, (order, value) in fields.properties.items()
    ]
    return packed([list(fields.statuses.values()), fields.tags, fields.description, fields.title, properties])


def unpacked_fields(text: str) -> RevisedFields:
    """What `packed_fields` was given."""
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
