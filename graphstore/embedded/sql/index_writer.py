"""Writes the index: the terms that filters and searches look entities up by, in order in FTS5, and parts of texts.

A document is an entity as first recorded, under its key, or the fields that one revision sets, under a negative number
that `revised` maps to the entity. An entity is thus a candidate by any value that it ever had; its record decides which
values still hold. Besides the terms of `graphstore.index_terms` there are those of words: `w:` and a word of
`graphstore.full_text`.

FTS5 folds the letters of terms to lower case, which makes no two distinct terms equal. The parts are all three
characters in a row of the folded urn, name, version, source uri, recorder and text properties.
"""

from collections.abc import Iterable

from lineal.graphstore import index_terms
from lineal.graphstore.batches import NewEntity, NewRevision
from lineal.graphstore.embedded.sql.connection import Connection
from lineal.graphstore.full_text import LONGEST_WORD, words_recorded
from lineal.graphstore.kinds import PropertyType
from lineal.graphstore.values import Property


def of_word(word: str) -> str:
    """The term of a word, or how the terms of the words begin that it begins."""
    return "w:" + word[:LONGEST_WORD]


def entity_document(entity: NewEntity, by: str) -> str:
    """The terms of an entity as first recorded, as a text."""
    uri = None if entity.source is None else entity.source.uri
    fields = {"name": entity.name, "version": entity.version, "type": entity.type, "source_uri": uri, "recorded_by": by}
    return " ".join(
        (*index_terms.of_fields(fields), *index_terms.of_part(entity), *map(of_word, words_recorded(entity)))
    )


def revision_document(revision: NewRevision) -> str:
    """The terms of the fields that a revision sets, as a text."""
    return " ".join((*index_terms.of_part(revision), *map(of_word, words_recorded(revision))))


def _parts_document(texts: Iterable[str | None], properties: Iterable[Property]) -> str:
    values = [str(property.value) for property in properties if property.type is PropertyType.STRING]
    return "\n".join([text.casefold() for text in (*texts, *values) if text is not None])


def _index(connection: Connection, documents: Iterable[tuple[int, str, str]]) -> None:
    """Write documents of terms and of parts, by number."""
    # One index after the other, so that the pages of each stay in the cache.
    parts = []
    for number, document, part in documents:
        connection.execute("INSERT INTO term (rowid, terms) VALUES (?, ?)", (number, document))
        parts.append((number, part))
    connection.executemany("INSERT INTO part (rowid, texts) VALUES (?, ?)", parts)


def index_entities(connection: Connection, entities: Iterable[tuple[int, str, NewEntity, str]]) -> None:
    """Index entities, by key, with their urns and recorders."""
    _index(
        connection,
        ((key, entity_document(entity, by), _entity_parts(urn, entity, by)) for key, urn, entity, by in entities),
    )


def _entity_parts(urn: str, entity: NewEntity, by: str) -> str:
    uri = None if entity.source is None else entity.source.uri
    # A text that the urn contains unchanged has no parts that the urn does not have.
    apart = [text for text in (entity.name, entity.version) if text is not None and text not in urn]
    return _parts_document((urn, *apart, uri, by), entity.properties)


def index_revisions(connection: Connection, revisions: Iterable[tuple[int, NewRevision]]) -> None:
    """Index the fields that revisions set, by the keys of their entities."""
    for key, revision in revisions:
        if document := revision_document(revision):
            connection.execute("INSERT INTO revised (entity) VALUES (?)", (key,))
            number = -connection.last_insert_rowid()
            _index(connection, [(number, document, _parts_document((), revision.properties))])
