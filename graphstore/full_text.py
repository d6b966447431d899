"""Full-text search: the words of a text, and which entities a search finds. The same on every engine.

A text is normalised (NFKC), fully case-folded and normalised again. Its words are the longest runs of letters, marks
and digits (the Unicode categories L, M and N); every other character separates words. So `S3://Bucket/train-v2.csv`
has the words `s3`, `bucket`, `train`, `v2` and `csv`. In a script without spaces, a run is one word.

A search finds an entity if every word of the search starts a word of the entity's title, name, version, type,
description, tags, source URI, text properties or the texts within JSON properties, as read: neither what revisions
replaced or removed nor what the scope hides counts. Keys and values of other types are not searched.
"""

from collections.abc import Collection, Iterable, Iterator
from re import ASCII, compile
from typing import Final
from unicodedata import category, normalize

from lineal.graphstore.batches import NewEntity, NewRevision
from lineal.graphstore.kinds import PropertyType
from lineal.graphstore.records import Entity
from lineal.graphstore.values import Json, Property

_SEARCHED: Final = (PropertyType.STRING, PropertyType.JSON)
LONGEST_WORD: Final = 64
"""An index holds only so many characters of a word."""
_ASCII_WORD: Final = compile("[a-z0-9]+", ASCII)


def words_of(text: str) -> list[str]:
    """The words of a text, in order."""
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    folded = normalize("NFKC", normalize("NFKC", text).casefold())
    return "".join([character if category(character)[0] in "LMN" else " " for character in folded]).split()


def words_among(texts: Iterable[str | None], tags: Iterable[str] | None, properties: Iterable[Property]) -> set[str]:
    """The words of texts, tags, text properties and the texts within JSON properties."""
    values = [text for property in properties if property.type in _SEARCHED for text in _texts(property.value)]
    searched = [text for text in (*texts, *(tags or ()), *values) if text is not None]
    # All ASCII texts in one call, which is faster: the line end separates words.
    words = set(words_of("\n".join([text for text in searched if text.isascii()])))
    for text in searched:
        if not text.isascii():
            words.update(words_of(text))
    return words


def _texts(value: Json) -> Iterator[str]:
    """The texts of a JSON value, without its keys."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


def words_recorded(part: NewEntity | NewRevision) -> set[str]:
    """The words of an entity as first recorded, or of the fields that a revision sets."""
    if isinstance(part, NewRevision):
        return words_among((part.title, part.description), part.tags, part.properties)
    return words_of_entity(part)


def words_of_entity(entity: Entity | NewEntity) -> set[str]:
    """The words of an entity as read, or as first recorded."""
    uri = None if entity.source is None else entity.source.uri
    texts = (entity.title, entity.name, entity.version, entity.type, entity.description, uri)
    return words_among(texts, entity.tags, entity.properties)


def is_found(entity: Entity, search: Collection[str]) -> bool:
    """Whether every word of a search starts a word of an entity as read; true without words."""
    if not search:
        return True
    words = words_of_entity(entity)
    return all(wanted in words or any(word.startswith(wanted) for word in words) for wanted in search)
