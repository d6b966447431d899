"""Every engine translates every operator of every field that filters have, or does not start."""

from dataclasses import make_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lineal.graphstore import filter_compiler, filter_expressions, filters, queries
from lineal.graphstore.embedded.sql import filter_sql
from lineal.graphstore.embedded.sql import index_plan as sql_index_plan
from lineal.graphstore.filter_expressions import (
    ASSOCIATION_OPERATORS,
    ENTITY_OPERATORS,
    AssociationField,
    EntityField,
    Field,
    Operator,
    Operators,
    checked,
)
from lineal.graphstore.gremlin import filter_steps
from lineal.graphstore.gremlin import index_plan as gremlin_index_plan
from lineal.graphstore.queries import AssociationFilter, EntityFilter, PropertyFilter, StringFilter, TimeFilter

ENTITY_TABLES: dict[ModuleType, Any] = {
    filters: filters.ENTITY_TABLE,
    filter_sql: filter_sql.ENTITY_TABLE,
    sql_index_plan: sql_index_plan.PLAN_TABLE,
    filter_steps: filter_steps.STEP_TABLE,
    gremlin_index_plan: gremlin_index_plan.INDEX_TABLE,
}
ASSOCIATION_TABLES: dict[ModuleType, Any] = {
    filters: filters.ASSOCIATION_TABLE,
    filter_sql: filter_sql.ASSOCIATION_TABLE,
}
TABLES = [
    *((module, "ENTITY_OPERATORS", table, ENTITY_OPERATORS) for module, table in ENTITY_TABLES.items()),
    *((module, "ASSOCIATION_OPERATORS", table, ASSOCIATION_OPERATORS) for module, table in ASSOCIATION_TABLES.items()),
]
IDS = [f"{module.__name__} {name}" for module, name, _, _ in TABLES]


def imported_again(module: ModuleType) -> None:
    """Run the source of a module as an import does, without replacing the module."""
    assert module.__file__ is not None
    source = compile(Path(module.__file__).read_text(), module.__file__, "exec")
    exec(source, {"__name__": module.__name__})


def test_every_field_has_operators() -> None:
    assert set(ENTITY_OPERATORS) == set(EntityField)
    assert set(ASSOCIATION_OPERATORS) == set(AssociationField)
    assert all(filter_expressions.OPERATORS.values())


@pytest.mark.parametrize(("module", "name", "table", "operators"), TABLES, ids=IDS)
def test_a_table_translates_every_operator_of_every_field(
    module: ModuleType, name: str, table: Any, operators: Operators
) -> None:
    assert set(table) == set(operators)
    assert all(set(table[field]) >= wanted for field, wanted in operators.items())


@pytest.mark.parametrize(("module", "name", "table", "operators"), TABLES, ids=IDS)
def test_a_table_without_a_row_or_an_operator_is_refused(
    module: ModuleType, name: str, table: Any, operators: Operators
) -> None:
    for field, wanted in operators.items():
        without_row = {other: row for other, row in table.items() if other is not field}
        missing = ", ".join(f"'{field.value}' '{operator}'" for operator in Operator if operator in wanted)
        with pytest.raises(LookupError, match=f"^a filter table has no translation of: {missing}$"):
            checked(without_row, operators)
        for operator in wanted:
            row = {other: translation for other, translation in table[field].items() if other is not operator}
            with pytest.raises(LookupError, match=f"'{field.value}' '{operator}'$"):
                checked({**table, field: row}, operators)


@pytest.mark.parametrize(("module", "name", "table", "operators"), TABLES, ids=IDS)
def test_an_engine_that_lacks_a_translation_cannot_be_imported(
    module: ModuleType, name: str, table: Any, operators: Operators, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported_again(module)
    new: Field = next(field for field, wanted in operators.items() if wanted == {Operator.IN})
    monkeypatch.setattr(filter_expressions, name, {**operators, new: {Operator.IN, Operator.RANGE}})
    with pytest.raises(LookupError, match=f"^a filter table has no translation of: '{new.value}' 'range'$"):
        imported_again(module)


@pytest.mark.parametrize("filter_class", [EntityFilter, AssociationFilter, StringFilter, TimeFilter, PropertyFilter])
def test_a_field_of_a_filter_that_is_not_compiled_stops_the_import(
    filter_class: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported_again(filter_compiler)
    wider = make_dataclass(filter_class.__name__, [("another", str, "")], bases=(filter_class,), frozen=True)
    monkeypatch.setattr(queries, filter_class.__name__, wider)
    with pytest.raises(LookupError, match=f"^{filter_class.__name__} and its compiler differ in: another$"):
        imported_again(filter_compiler)
