"""Filters that every engine answers through an index: one for each operator of each field."""

from record_builders import entity, properties, urn

from lineal.graphstore.batches import Batch, NewRevision
from lineal.graphstore.kinds import EntityStatus, PropertyType
from lineal.graphstore.queries import EntityFilter, Operand, PropertyFilter, StringFilter, TimeFilter
from lineal.graphstore.records import Source
from lineal.graphstore.store import Store

ONE, WORD = Operand(PropertyType.INTEGER, 1), Operand(PropertyType.STRING, "word")
LONG = Operand(PropertyType.STRING, "x" * 5000)
TEXTS = {
    "eq": StringFilter(eq="text"),
    "in": StringFilter(in_=("text", "more")),
    "starts_with": StringFilter(starts_with="text"),
    "contains": StringFilter(contains="text"),
    "eq, any case": StringFilter(eq="text", ignore_case=True),
    "in, any case": StringFilter(eq="text", in_=("text", "more"), ignore_case=True),
    "starts_with, any case": StringFilter(starts_with="text", ignore_case=True),
    "contains, any case": StringFilter(contains="text", ignore_case=True),
}
FILTERS: dict[str, EntityFilter] = {
    f"{field} {name}": EntityFilter(**{field: text})  # type: ignore[arg-type]
    for field in ("urn", "name", "version", "source_uri", "recorded_by")
    for name, text in TEXTS.items()
}
FILTERS |= {
    f"property {name}": EntityFilter(property=(PropertyFilter("k", **asked),))  # type: ignore[arg-type]
    for name, asked in {
        "eq": {"eq": ONE},
        "ne": {"ne": ONE},
        "gt": {"gt": ONE},
        "gte and lt": {"gte": ONE, "lt": ONE},
        "lte of a text": {"lte": WORD},
        "lt of a long text": {"lt": LONG},
        "in": {"in_": (ONE, WORD)},
        "contains": {"contains": "word"},
        "contains a letter": {"contains": "w"},
        "starts_with": {"starts_with": "w"},
        "exists": {"exists": True},
    }.items()
}
FILTERS |= {
    "type": EntityFilter(type=("t",)),
    "status": EntityFilter(status=(EntityStatus.FAILED,)),
    "tag": EntityFilter(tag=("t", "u")),
    "version exists": EntityFilter(version=StringFilter(exists=True)),
    "occurred_at": EntityFilter(occurred_at=TimeFilter(gte=1, lt=2)),
    "recorded_at": EntityFilter(recorded_at=TimeFilter(gte=1, lt=2)),
    "or": EntityFilter(or_=(EntityFilter(tag=("t",)), EntityFilter(name=StringFilter(eq="n")))),
    "and": EntityFilter(and_=(EntityFilter(tag=("t",)), EntityFilter(not_=EntityFilter(name=StringFilter(eq="n"))))),
}


async def filled(store: Store) -> Store:
    """A store with fifty entities whose fields the filters ask for, some of them revised."""
    some = [
        entity(f"name-{n}", source=Source(f"s3://lake/{n}"), tags=("t",), properties=properties(k=n)) for n in range(50)
    ]
    await store.record(Batch(tuple(some)), by="me")
    revisions = tuple(NewRevision(urn(f"name-{n}"), tags=("later",), properties=properties(k=-n)) for n in range(9))
    await store.record(Batch(revisions=revisions), by="me")
    return store
