"""One place decides what shows: no other module compares times or asks a scope, and no read goes past it."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from record_builders import EPOCH, Down, association, entity, id_of, properties, urn

from lineal.auth.scopes import EVERYTHING, Scope
from lineal.graphstore import embedded
from lineal.graphstore.batches import Batch, NewObservation, NewRevision
from lineal.graphstore.opening import open_store
from lineal.graphstore.queries import (
    AssociationsOf,
    BucketsOf,
    Find,
    HistoryOf,
    MetricsOf,
    PropertyKeys,
    Reach,
    ReachAssociations,
    SeriesOf,
    Walk,
)
from lineal.graphstore.records import AsOf, View
from lineal.graphstore.store import Store

DECIDES = re.compile(
    r"(recorded_at|occurred_at) (<=|<|>|>=) |\bsees\(e\.|\.as_of\b|scope_table\.|"
    r"\.(readable|is_readable|entity_scope)\("
)
THROUGH_VISIBILITY = re.compile(r"\bvisibility\.(readable|entity_scope)\(")
OF_A_QUESTION = re.compile(r"occurred_at >= \{?since")
"""A time that a question names, not its view."""
WITHOUT_VIEW = {"batch_writer.py", "memory_sources.py", "verification.py"}
"""Modules that read no view: they compare times to write, to load what is newer than memory holds, or to verify."""


def deciding(text: str) -> list[str]:
    """The lines that decide by themselves what shows."""
    lines = (OF_A_QUESTION.sub("", THROUGH_VISIBILITY.sub("", line)) for line in text.splitlines())
    return [line.strip() for line in lines if DECIDES.search(line)]


def test_only_visibility_compares_times_and_asks_the_scope() -> None:
    folder = Path(embedded.__file__).parent / "sql"
    assert deciding((folder / "visibility.py").read_text())
    others = [path for path in sorted(folder.glob("*.py")) if path.name not in {"visibility.py", *WITHOUT_VIEW}]
    offenders = {path.name: lines for path in others if (lines := deciding(path.read_text()))}
    assert offenders == {}


async def exported(store: Store, view: View) -> list[Any]:
    return [part async for part in store.export(view)]


READS: dict[str, Callable[[Store, View], Awaitable[Any]]] = {
    "entities": lambda store, view: store.entities(view, [id_of("a")]),
    "find": lambda store, view: store.find([Find(view)]),
    "associations": lambda store, view: store.associations([AssociationsOf(view, id_of("a"))]),
    "history": lambda store, view: store.history([HistoryOf(view, id_of("a"))]),
    "metrics": lambda store, view: store.metrics([MetricsOf(view, id_of("a"))]),
    "series": lambda store, view: store.series([SeriesOf(view, id_of("a"), "m")]),
    "buckets": lambda store, view: store.buckets([BucketsOf(view, id_of("a"), "m", 10)]),
    "property_keys": lambda store, view: store.property_keys([PropertyKeys(view, "")]),
    "reach": lambda store, view: store.reach([Reach(Walk(view, (id_of("a"),), Down))]),
    "reach_associations": lambda store, view: store.reach_associations(
        [ReachAssociations(Walk(view, (id_of("a"),), Down), 10)]
    ),
    "export": exported,
}
NOTHING = {
    "scope of nothing": View(Scope.of([]), AsOf(2**62)),
    "before the first batch": View(EVERYTHING, AsOf(0)),
    "before anything occurred": View(EVERYTHING, AsOf(2**62, 0)),
}


def held(answer: Any) -> list[Any]:
    """What an answer, or a list of one, holds of the graph."""
    answers = answer if isinstance(answer, list) else [answer]
    return [
        item
        for each in answers
        for item in (each.items if hasattr(each, "items") else each if isinstance(each, tuple | list) else [each])
        if item is not None
    ]


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    async with await open_store("memory:") as store:
        entities = tuple(entity(name, properties=properties(p=1), occurred_at=EPOCH) for name in "ab")
        await store.record(Batch(entities, (association("a", "b"),)), by="me")
        revision = NewRevision(urn("a"), tags=("t",), occurred_at=EPOCH)
        observation = NewObservation(urn("a"), "m", 0.5, 1, EPOCH)
        await store.record(Batch(revisions=(revision,), observations=(observation,)), by="me")
        yield store


@pytest.mark.parametrize("verb", READS)
async def test_every_read_is_empty_under_an_empty_scope(store: Store, verb: str) -> None:
    assert held(await READS[verb](store, View(EVERYTHING, AsOf(2**62))))
    for name, view in NOTHING.items():
        assert held(await READS[verb](store, view)) == [], name


def test_every_verb_with_a_view_is_tested() -> None:
    verbs = {name for name in Store.__abstractmethods__ if asks_of_a_view(getattr(Store, name))}
    assert verbs == set(READS)


def asks_of_a_view(verb: Any) -> bool:
    asked = (View, Find, AssociationsOf, HistoryOf, MetricsOf, SeriesOf, BucketsOf, PropertyKeys, Reach)
    names = {kind.__name__ for kind in (*asked, ReachAssociations)}
    kinds = [str(kind) for name, kind in verb.__annotations__.items() if name != "return"]
    return any(names & set(re.findall(r"\w+", kind)) for kind in kinds)
