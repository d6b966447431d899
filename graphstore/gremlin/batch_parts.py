"""The graph elements of valid batches: new vertices, additions to existing vertices, and edges."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from gremlin_python.process.traversal import T
from gremlin_python.statics import long

from lineal.auth.scopes import default_group
from lineal.graphstore import index_terms
from lineal.graphstore.batch_validation import BatchValidation, Outcome, now
from lineal.graphstore.batches import Idempotency, NewEntity
from lineal.graphstore.codes import KIND_MASK, TYPES
from lineal.graphstore.content_codec import packed_properties
from lineal.graphstore.gremlin import metric_series
from lineal.graphstore.gremlin.aborted_batches import packed_plan
from lineal.graphstore.gremlin.checkpoints import new_checkpoints
from lineal.graphstore.gremlin.codec import packed_entity, packed_line, packed_revision
from lineal.graphstore.gremlin.filter_steps import FOLDED
from lineal.graphstore.gremlin.mixed_index import (
    ENTITY,
    INDEXED_AT,
    INDEXED_TERM,
    TERMS,
    WORDS,
    index_properties,
    terms_for_index,
    tokens,
)
from lineal.graphstore.gremlin.property_keys import PROPERTY_KEY
from lineal.graphstore.gremlin.upserts import WIDENED, Edge, Fields
from lineal.graphstore.gremlin.vertex_ids import GROUP, number_of_group, vertex_of_key, vertex_of_note
from lineal.graphstore.gremlin.visibility import MOVED, REVISED
from lineal.graphstore.revisions import FoldedRevisions

LEAST_INDEXED: Final = 100
"""A group with at least this many new entities writes the mixed index itself."""

PropertyKeyTimes = Mapping[tuple[str, int], int]
"""The time from which a property key counts, by the key and the code of a kind."""


class ValidBatch(NamedTuple):
    """A batch with new parts, and its recorder."""

    validation: BatchValidation
    by: str


class Parts(NamedTuple):
    """The graph elements that are written under one stamp."""

    vertices: list[Fields]
    widened: list[Fields]
    edges: list[Edge]
    property_keys: PropertyKeyTimes

    @property
    def unindexed(self) -> tuple[int, ...]:
        """The vertices that the mixed index has yet to show."""
        created = (fields[T.id] for fields in self.vertices if fields[T.label] == ENTITY)
        return tuple(dict.fromkeys([*created, *(fields[T.id] for fields in self.widened)]))

    @property
    def entities(self) -> dict[int, Fields]:
        """The new entities that no revision in these parts changes, by their vertices."""
        widened = {fields[T.id] for fields in self.widened}
        entities = {fields[T.id]: fields for fields in self.vertices if fields[T.label] == ENTITY}
        return {vertex: fields for vertex, fields in entities.items() if vertex not in widened}

    @property
    def additions(self) -> list[Fields]:
        """What is added to entities that existed before."""
        created = {fields[T.id] for fields in self.vertices}
        return [fields for fields in self.widened if fields[T.id] not in created]

    @property
    def plan(self) -> str:
        """The vertices with elements of the stamp, as text; an edge counts for its source."""
        return packed_plan([fields[T.id] for fields in self.vertices] + [edge["source"][T.id] for edge in self.edges])


def parts_of(
    batches: Sequence[ValidBatch],
    notes: Iterable[Fields],
    recorded_from: Callable[[tuple[str, int]], int | None],
    folded_before: Callable[[int], FoldedRevisions],
    stamp: int,
    has_mixed_index: bool,
) -> Parts:
    """Return the elements of batches and notes, without property keys that are recorded from as early a time.

    `folded_before` gives the revisions of an entity that were recorded before the batches.

    If there is a mixed index, few entities are written without its properties, and so are revisions: the background
    writes these (see `index_backlog`) from all that is recorded of an entity.
    """
    times: dict[tuple[str, int], int] = {}
    for batch in batches:
        for name, code, occurred_at in batch.validation.property_keys:
            earlier = times.get((name, code), recorded_from((name, code)))
            if earlier is None or occurred_at < earlier:
                times[name, code] = occurred_at
    entities = sum(len(batch.validation.entities) for batch in batches)
    is_indexed = not has_mixed_index or entities >= LEAST_INDEXED
    vertices = [fields for batch in batches for fields in _entities(batch, stamp, is_indexed)]
    vertices += [_property_key(name, code, occurred_at, stamp) for (name, code), occurred_at in sorted(times.items())]
    revisions = ((key, sequence, part) for batch in batches for key, sequence, part, _ in batch.validation.revisions)
    checkpoints = new_checkpoints(revisions, folded_before, stamp)
    edges = [edge for batch in batches for edge in _edges(batch, checkpoints, stamp)]
    return Parts([*vertices, *notes], _widened(batches, not has_mixed_index), edges, times)


# -- vertices --


def idempotency_note(by: str, idempotency: Idempotency, outcome: Outcome, stamp: int) -> Fields:
    """Return the vertex that stores the answer to a request with an idempotency key."""
    return {
        T.id: idempotency_vertex(by, idempotency), T.label: "note", "state": idempotency.fingerprint,
        "value": outcome.packed(), "kept_at": long(now()), "recorded_at": long(stamp),
    }  # fmt: skip


def idempotency_vertex(by: str, idempotency: Idempotency) -> long:
    """Return the id of the vertex for an idempotency key, which counts for its principal alone."""
    return vertex_of_note("idempotency", by, idempotency.key)


def _property_key(name: str, code: int, occurred_at: int, stamp: int) -> Fields:
    return {
        T.id: vertex_of_note(PROPERTY_KEY, name, str(code), str(stamp)), T.label: "note", "part": PROPERTY_KEY,
        "name": name, "of_kind": code, "recorded_at": long(stamp), "occurred_at": long(occurred_at),
    }  # fmt: skip


def _entities(batch: ValidBatch, stamp: int, is_indexed: bool) -> Iterable[Fields]:
    for key, new in batch.validation.entities.items():
        entity, code = new.entity, key & KIND_MASK
        terms = index_terms.of_part(entity) | terms_for_index(entity, code, batch.by)
        fields: Fields = {
            T.id: vertex_of_key(key), T.label: ENTITY, "account": entity.account, "kind": code,
            "occurred_at": long(batch.validation.known_from[key]), "recorded_at": long(stamp),
            "record": packed_entity(new.urn, code, entity, new.digest, stamp, batch.by),
            TERMS: _joined(terms), GROUP: number_of_group(default_group(entity.account)),
            **_texts(new.urn, entity, batch.by),
        }  # fmt: skip
        if words := tokens(entity):
            fields[WORDS] = _joined(words)
        if index_terms.is_cut(terms):
            fields |= WIDENED
        if is_indexed:
            fields |= {**index_properties(fields), INDEXED_AT: long(stamp)}
        yield fields


def _texts(urn: str, entity: NewEntity, by: str) -> dict[str, str]:
    """Return the texts of an entity that filters ask for, and a folded text where case folding changes it."""
    texts = {
        "urn": urn,
        "name": entity.name,
        "version": entity.version,
        "type": entity.type,
        "source_uri": None if entity.source is None else entity.source.uri,
        "recorded_by": by,
    }
    present = {name: text for name, text in texts.items() if text is not None}
    folded = {name + FOLDED: text.casefold() for name, text in present.items() if name != "type"}
    return present | {name: text for name, text in folded.items() if text != present[name.removesuffix(FOLDED)]}


def _joined(texts: set[str]) -> str:
    """Return the value of the property of terms or of words."""
    return " ".join(sorted(texts))


def _widened(batches: Sequence[ValidBatch], is_indexed: bool) -> list[Fields]:
    """Return the entities with new revisions, with the terms and the words of these."""
    terms: defaultdict[int, set[str]] = defaultdict(set)
    words: defaultdict[int, set[str]] = defaultdict(set)
    moved: set[int] = set()
    for batch in batches:
        for entity, _, revision, _ in batch.validation.revisions:
            terms[entity] |= index_terms.of_part(revision)
            words[entity] |= tokens(revision)
            if entity not in batch.validation.entities and entity in batch.validation.known_from:
                terms[entity].add(index_terms.MOVED)
                moved.add(entity)
    widened = []
    for key, new_terms in terms.items():
        fields: Fields = {T.id: vertex_of_key(key)}
        fields |= {name: {_joined(texts)} for name, texts in ((TERMS, new_terms), (WORDS, words[key])) if texts}
        if key in moved:
            fields[MOVED] = {1}
        if is_indexed:
            fields |= {INDEXED_TERM: new_terms}
        widened.append(fields)
    return widened


# -- edges --


def _edges(batch: ValidBatch, checkpoints: Mapping[tuple[int, int], str], stamp: int) -> Iterable[Edge]:
    validation, by = batch
    for key, (association, digest) in validation.associations.items():
        fields: Fields = {
            "line": packed_line(key, association, digest, stamp, by),
            "recorded_at": long(stamp),
        }
        if association.occurred_at is not None:
            fields["occurred_at"] = long(association.occurred_at)
        if association.properties:
            fields["content"] = packed_properties(association.properties)
        yield _edge(key[0], key[2], str(TYPES[key[1]]), fields)
    for entity, sequence, revision, digest in validation.revisions:
        fields = {
            "line": packed_revision(entity, sequence, revision, digest, stamp, by),
            "recorded_at": long(stamp),
            "occurred_at": long(revision.occurred_at),
            "sequence": long(sequence),
        }
        if (entity, sequence) in checkpoints:
            fields["checkpoint"] = checkpoints[entity, sequence]
        yield _edge(entity, entity, REVISED, fields)
    for entity, fields in metric_series.chunks(validation.observations, stamp, by):
        yield _edge(entity, entity, metric_series.OBSERVED, fields)


def _edge(source: int, destination: int, label: str, fields: Fields) -> Edge:
    ends = {"source": {T.id: vertex_of_key(source)}, "destination": {T.id: vertex_of_key(destination)}}
    return {**ends, "label": label, **fields}
