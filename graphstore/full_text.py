"""Full text: what the words of a text are, and which entities a search finds. The same on every engine.

A text is normalised (NFKC), fully case-folded and normalised again. Its words are the longest runs of letters, marks
and digits (the Unicode categories L, M and N) that are left; all else parts words. So `S3://Bucket/train-v2.csv` has
the words `s3`, `bucket`, `train`, `v2` and `csv`. A script that is written without spaces has a word a run.

An entity is found where every word of the search text is the beginning of some word of its name, version, type,
description, tags, source uri, or values of text properties, as read: what revisions changed or took away is no part of
it, nor is what the scope hides. The keys of properties are not searched, nor values of other types.
"""

from collections.abc import Collection, Iterable
from re import ASCII, compile
from typing import Final
from unicodedata import category, normalize

from lineal.graphstore.batches import NewEntity, NewRevision
from lineal.graphstore.kinds import PropertyType
from lineal.graphstore.records import Entity
from lineal.graphstore.values import Property

LONGEST_WORD: Final = 64
"""Of a longer word only so many characters are in an index."""
_ASCII_WORD: Final = compile("[a-z0-9]+", ASCII)


def words_of(text: str) -> list[str]:
    """The words of a text, in its order."""
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    folded = normalize("NFKC", normalize("NFKC", text).casefold())
    return "".join([each if category(each)[0] in "LMN" else " " for each in folded]).split()


def words_among(texts: Iterable[str | None], tags: Iterable[str] | None, properties: Iterable[Property]) -> set[str]:
    """The words of an entity, or of what a revision sets: of plain texts, tags and text properties."""
    values = [str(each.value) for each in properties if each.type is PropertyType.STRING]
    given = [text for text in (*texts, *(tags or ()), *values) if text is not None]
    # Those whose words are found swiftly are taken at once: a line's end parts words.
    found = set(words_of("\n".join([text for text in given if text.isascii()])))
    for text in given:
        if not text.isascii():
            found.update(words_of(text))
    return found


def words_recorded(part: NewEntity | NewRevision) -> set[str]:
    """The words of an entity as first recorded, or of what a revision sets."""
    if isinstance(part, NewRevision):
        return words_among((part.description,), part.tags, part.properties)
    return words_of_entity(part)


def words_of_entity(entity: Entity | NewEntity) -> set[str]:
    """All words by which a search finds an entity as read, or finds it as first recorded."""
    uri = None if entity.source is None else entity.source.uri
    texts = (entity.name, entity.version, entity.type, entity.description, uri)
    return words_among(texts, entity.tags, entity.properties)


def is_found(entity: Entity, search: Collection[str]) -> bool:
    """Whether each of some words begins a word of an entity as read; true of no words."""
    if not search:
        return True
    mine = words_of_entity(entity)
    return all(wanted in mine or any(word.startswith(wanted) for word in mine) for wanted in search)
