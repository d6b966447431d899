"""Writes the search index: terms of entities and of revisions in one FTS5 table, substrings of their texts in another.

A document is an entity as first recorded, under its key, or the fields that one revision sets, under a negative number
that the table `revised` maps to the entity. So every value that an entity ever had makes it a candidate; its record
decides whether the value is current. The terms are those of `graphstore.index_terms`, and `w:` with each word of
`graphstore.full_text`.

FTS5 folds terms to lower case; no two distinct terms become equal by that. The substrings are trigrams of the folded
urn, name, version, source uri, recorder and text properties.
"""

from collections.abc import Iterable, Iterator

from lineal.graphstore import index_terms
from lineal.graphstore.batches import NewEntity, NewRevision
from lineal.graphstore.embedded.sql.connection import Connection
from lineal.graphstore.full_text import LONGEST_WORD, words_recorded
from lineal.graphstore.kinds import PropertyType
from lineal.graphstore.values import Property


def of_word(word: str) -> str:
    """Return the term of a word; for a prefix of words, the prefix of their terms."""
    return "w:" + word[:LONGEST_WORD]


def entity_document(entity: NewEntity, by: str) -> str:
    """Return the terms of an entity as first recorded, separated by spaces."""
    uri = None if entity.source is None else entity.source.uri
    fields = {"name": entity.name, "version": entity.version, "type": entity.type, "source_uri": uri, "recorded_by": by}
    return " ".join(
        (*index_terms.of_fields(fields), *index_terms.of_part(entity), *map(of_word, words_recorded(entity)))
    )


def revision_document(revision: NewRevision) -> str:
    """Return the terms of the fields that a revision sets, separated by spaces."""
    return " ".join((*index_terms.of_part(revision), *map(of_word, words_recorded(revision))))


def _parts_document(texts: Iterable[str | None], properties: Iterable[Property]) -> str:
    # By key, so that the recorded properties give the same text, trigrams across its lines included.
    ordered = sorted(properties, key=lambda property: property.key)
    values = [str(property.value) for property in ordered if property.type is PropertyType.STRING]
    return "\n".join([text.casefold() for text in (*texts, *values) if text is not None])


def _index(connection: Connection, documents: Iterable[tuple[int, str, str]]) -> None:
    """Insert documents, each with its number, its terms and its texts."""
    # One index after the other, so that the pages of each stay in the cache.
    parts: list[tuple[int, str]] = []

    def terms() -> Iterator[tuple[int, str]]:
        for number, document, part in documents:
            parts.append((number, part))
            yield number, document

    connection.executemany("INSERT INTO term (rowid, terms) VALUES (?, ?)", terms())
    connection.executemany("INSERT INTO part (rowid, texts) VALUES (?, ?)", parts)


def index_entities(connection: Connection, entities: Iterable[tuple[int, str, NewEntity, str]]) -> None:
    """Index entities, each with its key, urn and recorder."""
    _index(
        connection,
        ((key, entity_document(entity, by), entity_parts(urn, entity, by)) for key, urn, entity, by in entities),
    )


def entity_parts(urn: str, entity: NewEntity, by: str) -> str:
    """Return the text of an entity as first recorded whose trigrams are indexed."""
    uri = None if entity.source is None else entity.source.uri
    # A text that the urn contains unchanged adds no trigrams.
    apart = [text for text in (entity.name, entity.version) if text is not None and text not in urn]
    return _parts_document((urn, *apart, uri, by), entity.properties)


def index_revisions(connection: Connection, revisions: Iterable[tuple[int, NewRevision]]) -> None:
    """Index the fields that revisions set, each revision with the key of its entity."""
    documents = [
        (key, document, _parts_document((), revision.properties))
        for key, revision in revisions
        if (document := revision_document(revision))
    ]
    last: int = connection.execute("SELECT ifnull(max(document), 0) FROM revised").get
    numbers = range(last + 1, last + 1 + len(documents))
    connection.executemany(
        "INSERT INTO revised VALUES (?, ?)",
        ((number, key) for number, (key, _, _) in zip(numbers, documents, strict=True)),
    )
    _index(
        connection,
        ((-number, document, part) for number, (_, document, part) in zip(numbers, documents, strict=True)),
    )


def revision_parts(revision: NewRevision) -> str:
    """Return the text of a revision whose trigrams are indexed."""
    return _parts_document((), revision.properties)
