"""The property keys in use, from the graph.

Which keys there are at all is noted apart. Under a scope it is asked of the entities themselves: the terms of one that
no revision has widened tell its keys; of the others the records tell, where a key is noted and nothing else shows it.
"""

from collections.abc import Collection, Iterable
from typing import Final

from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.process.traversal import Scope, TextP

from lineal.graphstore import terms
from lineal.graphstore.codes import KIND_CODES
from lineal.graphstore.gremlin.finding import candidates_in_view
from lineal.graphstore.gremlin.prefilters import bearing, narrowed
from lineal.graphstore.gremlin.reading import Reading
from lineal.graphstore.gremlin.scoping import pattern
from lineal.graphstore.gremlin.server import g
from lineal.graphstore.queries import PropertyKeys

PROPERTY_KEY: Final = "property_key"
"""The part of the notes on property keys."""


def property_keys(reading: Reading, question: PropertyKeys) -> list[str]:
    """The first property keys that start with a text; where not everything is readable, in two journeys."""
    if reading.sees_nothing:
        return []
    notes = reading.on_time(g.V().has("part", PROPERTY_KEY))
    if question.kind is not None:
        notes = notes.has("of_kind", KIND_CODES[question.kind])
    if reading.scoping.readable is None:
        (noted,) = reading.server.wait(notes.values("name"))
        return _beginning(noted, question)[: question.first]
    named = sorted(key for key in reading.scoping.redacted if key.startswith(question.starts_with))
    noted, found, *borne = reading.server.wait(
        notes.values("name"), _unnamed(reading, question), *(_bearer(reading, question, key) for key in named)
    )
    sure = {terms.key_of(each) for each in found} - reading.scoping.redacted
    sure |= {key for key, bearers in zip(named, borne, strict=True) if bearers}
    first = sorted(sure)[: question.first]
    is_full = len(first) == question.first
    doubtful = {key for key in _beginning(noted, question) if key not in sure and not (is_full and key > first[-1])}
    return sorted(sure | _told_by_records(reading, question, doubtful))[: question.first]


def _beginning(keys: Iterable[str], question: PropertyKeys) -> list[str]:
    return sorted({key for key in keys if key.startswith(question.starts_with)})


def _bearers(reading: Reading, question: PropertyKeys, key: str | None) -> GraphTraversal:
    """The entities of the view that may have a key; None: any."""
    ways = narrowed([] if key is None else [bearing(key)], reading.scoping.readable_in)
    return candidates_in_view(reading, ways, None if question.kind is None else [KIND_CODES[question.kind]])


def _showing(reading: Reading, question: PropertyKeys, key: str | None) -> GraphTraversal:
    """The entities whose terms tell their keys, and that do not hide one."""
    shown = reading.scoping.showing(key)
    sure = _bearers(reading, question, key).has_not("widened")
    return sure if shown is None else sure.where(shown)


def _keys() -> GraphTraversal:
    """How the terms of properties begin."""
    return __.values(terms.TERM).split(":").limit(Scope.local, 1).unfold()


def _unnamed(reading: Reading, question: PropertyKeys) -> GraphTraversal:
    """The keys that the terms tell, of those that no grant names."""
    begins = TextP.starting_with(terms.of_key(question.starts_with).rstrip(":"))
    return _showing(reading, question, None).flat_map(_keys()).is_(begins).dedup()


def _bearer(reading: Reading, question: PropertyKeys, key: str) -> GraphTraversal:
    """An entity with a key that some grant names, if there is one that shows it."""
    bears = __.values(terms.TERM).is_(TextP.starting_with(terms.of_key(key)))
    return _showing(reading, question, key).where(bears).limit(1).id_()


def _told_by_records(reading: Reading, question: PropertyKeys, doubtful: Collection[str]) -> set[str]:
    """Those of some keys that the records of widened entities show."""
    if not doubtful:
        return set()
    among = TextP.regex(pattern(terms.of_key(key).rstrip(":") for key in doubtful))
    widened = _bearers(reading, question, None).where(__.values("widened").is_(1)).where(_keys().is_(among))
    keys = reading.take(reading.server.wait(reading.with_revisions(widened))[0])
    shown = [each.properties for each in reading.entities(keys, as_recorded=True).values()]
    shown += [each.properties for revisions in reading.revisions(keys).values() for each in revisions]
    return {property.key for properties in shown for property in properties} & set(doubtful)
