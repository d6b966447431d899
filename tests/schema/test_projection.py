"""Lists completed at once give what the reference executor gives, on random documents."""

import json
import random
from typing import Any

import pytest
from graphql import (
    ExecutionResult,
    Executor,
    GraphQLList,
    GraphQLNonNull,
    execute,
    get_introspection_query,
    get_named_type,
    is_composite_type,
    parse,
)
from graphql_requests import context_of

from lineal.capture.native import Reader
from lineal.capture.sample import sample
from lineal.graphstore.batches import Batch, NewAssociation, NewEntity, NewRevision
from lineal.graphstore.kinds import EntityStatus
from lineal.graphstore.opening import open_store
from lineal.graphstore.store import Store
from lineal.schema import projection, schema
from lineal.schema.projection import ProjectingExecutor

GRAPH = schema._schema
START = "lineal:100000000000:DATASET:raw-0-0@1"


async def filled() -> Store:
    store, reader = await open_store("memory:"), Reader("local")
    parts = [reader.read(row) for row in sample(30)]
    entities = tuple(part for part in parts if isinstance(part, NewEntity))
    associations = tuple(part for part in parts if isinstance(part, NewAssociation))
    revision = NewRevision(START, EntityStatus.COMPLETED, ("t",), occurred_at=1)
    await store.record(Batch(entities, associations, (revision,)), by="me")
    return store


class Documents:
    """Random selections, of what the schema offers."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def selection(self, type: Any, depth: int) -> str:
        chosen = ["__typename"] if self.random.random() < 0.3 else []
        names = [name for name in type.fields if name not in ("superseding",)]
        for name in self.random.sample(names, min(len(names), self.random.randint(1, 7))):
            field = type.fields[name]
            below = get_named_type(field.type)
            arguments = {"key": '(key: "bytes")', "keys": '(keys: ["bytes", "metrics.auc"])', "first": "(first: 3)"}
            inputs = next((text for argument, text in arguments.items() if argument in field.args), "")
            alias = f"x{self.random.randint(0, 99)}: " if self.random.random() < 0.2 else ""
            if not is_composite_type(below):
                chosen.append(f"{alias}{name}{inputs}")
            elif depth:
                chosen.append(f"{alias}{name}{inputs} {self.selection(below, depth - 1)}")
        if type.name == "Entity" and self.random.random() < 0.5:
            chosen.append("... on Dataset { " + self.random.choice(["urn", "q: name", "tags"]) + " }")
        return "{ " + " ".join(chosen or ["__typename"]) + " }"

    def document(self) -> str:
        lineage = GRAPH.type_map["LineageConnection"]
        connection = GRAPH.type_map["EntityConnection"]
        return (
            f'{{ entity(urn: "{START}") {{ descendants(first: 5) {self.selection(lineage, 4)} }} '
            f"entities(first: 4) {self.selection(connection, 3)} }}"
        )


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [projection.STEP_SECONDS, -1], ids=["at once", "in steps"])
async def test_random_documents(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "STEP_SECONDS", seconds)
    store = await filled()

    async def answer(text: str, executor: Any) -> Any:
        context = await context_of(store)
        result: Any = execute(GRAPH, parse(text), context_value=context, executor_class=executor)
        done = await result
        return json.dumps([done.data, [error.formatted for error in done.errors or ()]])

    for seed in range(300):
        text = Documents(seed).document()
        assert await answer(text, ProjectingExecutor) == await answer(text, Executor), text
    await store.close()


async def test_other_tasks_run_between_the_steps_of_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "STEP_SECONDS", -1)
    steps = list(projection._steps(str, range(3)))
    assert steps == [None, None, None, ["0", "1", "2"]]


def test_without_an_event_loop_a_list_has_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "STEP_SECONDS", -1)
    assert list(projection._steps(str, range(3))) == [["0", "1", "2"]]


def test_wrappers_are_understood() -> None:
    nodes: Any = GRAPH.type_map["LineageConnection"]
    assert isinstance(nodes.fields["nodes"].type, GraphQLNonNull)
    assert isinstance(nodes.fields["nodes"].type.of_type, GraphQLList)


@pytest.mark.parametrize(
    "document",
    [
        get_introspection_query(input_value_deprecation=True, specified_by_url=True, schema_description=True),
        """query ($old: Boolean = true) { __schema { types { n: name possibleTypes { name } interfaces { name }
        fields(includeDeprecated: $old) { name args { defaultValue type { ofType { kind ofType { name } } } } } }
        directives { name locations isRepeatable args { name } } } __type(name: "Query") { fields { name } } }""",
    ],
)
def test_introspection_is_the_reference_executors(document: str) -> None:
    node = parse(document)
    inputs = execute(GRAPH, node, executor_class=ProjectingExecutor)
    assert isinstance(inputs, ExecutionResult)
    assert inputs.data
    assert inputs == execute(GRAPH, node, executor_class=Executor)
