"""The property keys in use, from the graph.

Notes list the keys of all entities. Under a scope, the keys come from the readable entities: from the terms of those
entities that no revision has widened, and from the records of the others, if a key has a note and no terms show it.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.process.traversal import Scope, TextP

from lineal.graphstore import index_terms
from lineal.graphstore.codes import KIND_CODES
from lineal.graphstore.gremlin.client import g
from lineal.graphstore.gremlin.entity_pages import candidates_in_view
from lineal.graphstore.gremlin.index_plan import having_key, narrowed
from lineal.graphstore.gremlin.mixed_index import all_terms
from lineal.graphstore.gremlin.reader import Reader
from lineal.graphstore.gremlin.scope_steps import pattern
from lineal.graphstore.queries import PropertyKeys

PROPERTY_KEY: Final = "property_key"
"""The part of the notes on property keys."""


def property_keys(reader: Reader, questions: Sequence[PropertyKeys]) -> list[list[str]]:
    """Return the first property keys of each question; a question takes two round trips unless all is readable."""
    if reader.sees_nothing:
        return [[]] * len(questions)
    return [_property_keys(reader, question) for question in questions]


def _property_keys(reader: Reader, question: PropertyKeys) -> list[str]:
    notes = reader.visibility.recorded(g.V().has("part", PROPERTY_KEY))
    if question.kind is not None:
        notes = notes.has("of_kind", KIND_CODES[question.kind])
    if reader.visibility.scope_steps.readable is None:
        (all_keys,) = reader.ask(notes.values("name"))
        return _starting(all_keys, question)[: question.first]
    redacted = sorted(key for key in reader.visibility.scope_steps.redacted if key.startswith(question.starts_with))
    all_keys, term_starts, *entities = reader.ask(
        notes.values("name"),
        _unnamed_keys(reader, question),
        *(_entity_with_key(reader, question, key) for key in redacted),
    )
    shown = {index_terms.key_of(start) for start in term_starts} - reader.visibility.scope_steps.redacted
    shown |= {key for key, with_key in zip(redacted, entities, strict=True) if with_key}
    first = sorted(shown)[: question.first]
    is_full = len(first) == question.first
    uncertain = {key for key in _starting(all_keys, question) if key not in shown and not (is_full and key > first[-1])}
    return sorted(shown | _keys_of_records(reader, question, uncertain))[: question.first]


def _starting(keys: Iterable[str], question: PropertyKeys) -> list[str]:
    return sorted({key for key in keys if key.startswith(question.starts_with)})


def _entities_with_key(reader: Reader, question: PropertyKeys, key: str | None) -> GraphTraversal:
    """Return the entities of the view that may have a key; None: any key."""
    alternatives = narrowed([] if key is None else [having_key(key)], reader.visibility.scope_steps.readable_in)
    return candidates_in_view(reader, alternatives, None if question.kind is None else [KIND_CODES[question.kind]])


def _entities_showing(reader: Reader, question: PropertyKeys, key: str | None) -> GraphTraversal:
    """Return the entities whose terms prove their keys, and that do not hide the key."""
    shown = reader.visibility.scope_steps.showing(key)
    entities = _entities_with_key(reader, question, key).has_not("widened")
    return entities if shown is None else entities.where(shown)


def _keys() -> GraphTraversal:
    """Return steps to the beginnings of the terms of properties."""
    return all_terms().split(":").limit(Scope.local, 1).unfold()


def _unnamed_keys(reader: Reader, question: PropertyKeys) -> GraphTraversal:
    """Return the keys that terms prove, without those that a grant names."""
    starts = TextP.starting_with(index_terms.of_key(question.starts_with).rstrip(":"))
    return _entities_showing(reader, question, None).flat_map(_keys()).is_(starts).dedup()


def _entity_with_key(reader: Reader, question: PropertyKeys, key: str) -> GraphTraversal:
    """Return an entity that shows a key that some grant names, if there is one."""
    has_key = all_terms().is_(TextP.starting_with(index_terms.of_key(key)))
    return _entities_showing(reader, question, key).where(has_key).limit(1).id_()


def _keys_of_records(reader: Reader, question: PropertyKeys, uncertain: Collection[str]) -> set[str]:
    """Return those of the keys that the records of widened entities show."""
    if not uncertain:
        return set()
    among = TextP.regex(pattern(index_terms.of_key(key).rstrip(":") for key in uncertain))
    widened = _entities_with_key(reader, question, None).where(__.values("widened").is_(1)).where(_keys().is_(among))
    keys = reader.records.take(reader.ask(reader.records.steps(widened))[0])
    recorded = [entity.properties for entity in reader.entities(keys, as_recorded=True).values()]
    recorded += [revision.properties for revisions in reader.revisions(keys).values() for revision in revisions]
    return {property.key for properties in recorded for property in properties} & set(uncertain)
