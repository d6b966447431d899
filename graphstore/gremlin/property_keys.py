"""The property keys in use, from the graph.

Which keys there are at all is noted apart. Under a scope it is asked of the entities themselves: the terms of one that
no revision has widened tell its keys; of the others the records tell, where a key is noted and nothing else shows it.
"""

from collections.abc import Collection, Iterable
from typing import Final

from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.process.traversal import Scope, TextP

from lineal.graphstore import index_terms
from lineal.graphstore.codes import KIND_CODES
from lineal.graphstore.gremlin.client import g
from lineal.graphstore.gremlin.entity_pages import candidates_in_view
from lineal.graphstore.gremlin.index_plan import having_key, narrowed
from lineal.graphstore.gremlin.mixed_index import each_term
from lineal.graphstore.gremlin.reader import Reader
from lineal.graphstore.gremlin.scope_steps import pattern
from lineal.graphstore.queries import PropertyKeys

PROPERTY_KEY: Final = "property_key"
"""The part of the notes on property keys."""


def property_keys(reader: Reader, question: PropertyKeys) -> list[str]:
    """The first property keys that start with a text; where not everything is readable, in two journeys."""
    if reader.sees_nothing:
        return []
    notes = reader.visibility.recorded(g.V().has("part", PROPERTY_KEY))
    if question.kind is not None:
        notes = notes.has("of_kind", KIND_CODES[question.kind])
    if reader.visibility.scope_steps.readable is None:
        (noted,) = reader.ask(notes.values("name"))
        return _beginning(noted, question)[: question.first]
    named = sorted(key for key in reader.visibility.scope_steps.redacted if key.startswith(question.starts_with))
    noted, found, *borne = reader.ask(
        notes.values("name"), _unnamed(reader, question), *(_bearer(reader, question, key) for key in named)
    )
    sure = {index_terms.key_of(each) for each in found} - reader.visibility.scope_steps.redacted
    sure |= {key for key, bearers in zip(named, borne, strict=True) if bearers}
    first = sorted(sure)[: question.first]
    is_full = len(first) == question.first
    doubtful = {key for key in _beginning(noted, question) if key not in sure and not (is_full and key > first[-1])}
    return sorted(sure | _told_by_records(reader, question, doubtful))[: question.first]


def _beginning(keys: Iterable[str], question: PropertyKeys) -> list[str]:
    return sorted({key for key in keys if key.startswith(question.starts_with)})


def _bearers(reader: Reader, question: PropertyKeys, key: str | None) -> GraphTraversal:
    """The entities of the view that may have a key; None: any."""
    alternatives = narrowed([] if key is None else [having_key(key)], reader.visibility.scope_steps.readable_in)
    return candidates_in_view(reader, alternatives, None if question.kind is None else [KIND_CODES[question.kind]])


def _showing(reader: Reader, question: PropertyKeys, key: str | None) -> GraphTraversal:
    """The entities whose terms tell their keys, and that do not hide one."""
    shown = reader.visibility.scope_steps.showing(key)
    sure = _bearers(reader, question, key).has_not("widened")
    return sure if shown is None else sure.where(shown)


def _keys() -> GraphTraversal:
    """How the terms of properties begin."""
    return each_term().split(":").limit(Scope.local, 1).unfold()


def _unnamed(reader: Reader, question: PropertyKeys) -> GraphTraversal:
    """The keys that the terms tell, of those that no grant names."""
    begins = TextP.starting_with(index_terms.of_key(question.starts_with).rstrip(":"))
    return _showing(reader, question, None).flat_map(_keys()).is_(begins).dedup()


def _bearer(reader: Reader, question: PropertyKeys, key: str) -> GraphTraversal:
    """An entity with a key that some grant names, if there is one that shows it."""
    bears = each_term().is_(TextP.starting_with(index_terms.of_key(key)))
    return _showing(reader, question, key).where(bears).limit(1).id_()


def _told_by_records(reader: Reader, question: PropertyKeys, doubtful: Collection[str]) -> set[str]:
    """Those of some keys that the records of widened entities show."""
    if not doubtful:
        return set()
    among = TextP.regex(pattern(index_terms.of_key(key).rstrip(":") for key in doubtful))
    widened = _bearers(reader, question, None).where(__.values("widened").is_(1)).where(_keys().is_(among))
    keys = reader.records.take(reader.ask(reader.records.steps(widened))[0])
    shown = [each.properties for each in reader.entities(keys, as_recorded=True).values()]
    shown += [each.properties for revisions in reader.revisions(keys).values() for each in revisions]
    return {property.key for properties in shown for property in properties} & set(doubtful)
