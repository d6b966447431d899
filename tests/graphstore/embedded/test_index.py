"""What goes through the index does: the plans of the statements, and the index of what stood before there was one."""

from pathlib import Path
from typing import Any

import pytest
from indexed_filters import FILTERS, filled
from making import now
from old_stores import without_index

from lineal.graphstore.kinds import PropertyType
from lineal.graphstore.opening import open_store
from lineal.graphstore.queries import (
    BY_URN,
    EntityFilter,
    EntityOrderField,
    Find,
    Operand,
    Ordering,
    PropertyFilter,
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


async def test_what_has_no_index_is_looked_through(store: Store) -> None:
    for where in (EntityFilter(name=StringFilter(contains="na")), EntityFilter(not_=EntityFilter(tag=("t",)))):
        assert scans(await plans(store, Find(await now(store), where)))


async def test_what_was_recorded_before_there_was_an_index_is_found(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    async with await open_store(f"sqlite:///{path}") as store:
        await filled(store)
    without_index(path)
    told: list[tuple[int, int]] = []
    async with await open_store(f"sqlite:///{path}", indexed=lambda *far: told.append(far)) as store:
        assert told == [(0, 50), (50, 50)]
        view = await now(store)
        questions = [
            Find(view, search="name 7"),
            Find(view, search="lat"),
            Find(view, EntityFilter(property=(PropertyFilter("k", lt=Operand(PropertyType.INTEGER, 0)),))),
            Find(view, EntityFilter(source_uri=StringFilter(contains="LAKE/49", ignore_case=True))),
        ]
        assert [page.total for page in await store.find(questions)] == [1, 9, 8, 1]


async def test_a_new_store_has_nothing_to_index(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    async with await open_store(f"sqlite:///{tmp_path}/new.db", indexed=lambda *far: told.append(far)):
        assert told == []
