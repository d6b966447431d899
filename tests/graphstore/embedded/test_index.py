"""What goes through the index does: the plans of the statements."""

from typing import Any

import pytest
from indexed_filters import FILTERS, filled
from record_builders import now

from lineal.graphstore.opening import open_store
from lineal.graphstore.queries import (
    BY_URN,
    EntityFilter,
    EntityOrderField,
    Find,
    Ordering,
    StringFilter,
)
from lineal.graphstore.store import Store


async def plans(store: Store, question: Find) -> list[str]:
    """How the database goes about every statement that a question comes to."""
    asked: list[tuple[str, Any]] = []

    def traced(cursor: Any, statement: str, bindings: Any) -> bool:
        asked.append((statement, bindings))
        return True

    database = store._database  # type: ignore[attr-defined]
    with database.lend() as connection:  # a store in memory has one
        connection.exec_trace = traced
    await store.find([question])
    with database.lend() as connection:
        connection.exec_trace = None
        selects = [(sql, given) for sql, given in asked if sql.startswith("SELECT")]
        assert selects
        explained = [connection.execute(f"EXPLAIN QUERY PLAN {sql}", given).fetchall() for sql, given in selects]
    return [step for steps in explained for _, _, _, step in steps]


def scans(steps: list[str]) -> list[str]:
    """Those that look through all entities, revisions or contents."""
    return [step for step in steps if step.startswith(("SCAN e", "SCAN c", "SCAN v", "SCAN o", "SCAN revision"))]


@pytest.fixture
async def store() -> Any:
    async with await open_store("memory:") as opened:
        yield await filled(opened)


@pytest.mark.parametrize("order", [BY_URN, Ordering(EntityOrderField.PROPERTY, "k")], ids=["by urn", "by property"])
@pytest.mark.parametrize("name", FILTERS)
async def test_filters_go_through_an_index(store: Store, name: str, order: Ordering) -> None:
    steps = await plans(store, Find(await now(store), FILTERS[name], order))
    assert not scans(steps), steps


@pytest.mark.parametrize("search", ["word", "two words"])
async def test_searches_go_through_an_index(store: Store, search: str) -> None:
    steps = await plans(store, Find(await now(store), search=search))
    assert not scans(steps), steps


async def test_fields_without_an_index_are_scanned(store: Store) -> None:
    for where in (EntityFilter(name=StringFilter(contains="na")), EntityFilter(not_=EntityFilter(tag=("t",)))):
        assert scans(await plans(store, Find(await now(store), where)))
