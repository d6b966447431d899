"""Trials found by their own fields and by those of their components."""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from counting_store import CountingStore
from graphql_requests import answer, data
from tenants import member, recorded, share, tenants

from lineal.auth.permissions import Permission
from lineal.auth.principals import Principal
from lineal.graphstore.errors import LimitExceeded
from lineal.graphstore.store import Store
from lineal.resolvers import trials

A, B = member("a"), member("b")
ABOVE = '{property: [{key: "hyperparameters.learning_rate", gt: 0.1}]}'


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    """Trials t0 to t4 of the experiments x and, for the odd ones, y; trial N has a component and a job of rate N/10."""
    opened = await tenants("a", "b")
    for number in range(5):
        await tried(opened, number)
    yield opened
    await opened.close()


def end(kind: str, name: str) -> dict[str, str]:
    return {"urn": f"lineal:a:{kind}:{name}"}


async def tried(store: Store, number: int) -> None:
    rate = [{"key": "hyperparameters.learning_rate", "value": {"float": number / 10}}]
    entities: list[dict[str, Any]] = [
        {"kind": "EXPERIMENT", "name": "xy"[number % 2]},
        {"kind": "TRIAL", "name": f"t{number}", "tags": ["late"] if number > 3 else []},
        {"kind": "TRIAL_COMPONENT", "name": f"c{number}", "properties": rate},
        {"kind": "TRAINING_JOB", "name": f"j{number}", "properties": rate},
        {"kind": "MODEL", "name": "bystander", "properties": []},
    ]
    trial = end("TRIAL", f"t{number}")
    ties = [
        (end("EXPERIMENT", "xy"[number % 2]), trial),
        (trial, end("TRIAL_COMPONENT", f"c{number}")),
        (trial, end("TRAINING_JOB", f"j{number}")),
    ]
    associations = [{"source": s, "destination": d, "type": "ASSOCIATED_WITH"} for s, d in ties]
    assert await recorded(store, A, entities=entities, associations=associations) == []


async def found(store: Store, arguments: str, by: Principal = A) -> list[str]:
    page = (await data(store, f"{{ trials{arguments} {{ totalCount nodes {{ name }} }} }}", by=by))["trials"]
    assert page["totalCount"] == len(page["nodes"])
    return [node["name"] for node in page["nodes"]]


async def test_trials_by_a_parameter_of_their_components(store: Store) -> None:
    assert await found(store, f"(componentWhere: {ABOVE})") == ["t2", "t3", "t4"]
    assert await found(store, f'(componentWhere: {ABOVE}, where: {{tag: ["late"]}})') == ["t4"]
    assert await found(store, f'(componentWhere: {ABOVE}, search: "t3")') == ["t3"]
    newest = "orderBy: {field: NAME, direction: DESCENDING}"
    assert await found(store, f"(componentWhere: {ABOVE}, {newest})") == ["t4", "t3", "t2"]
    assert await found(store, "(componentWhere: {kind: [PROCESSING_JOB]})") == []
    assert await found(store, "(componentWhere: {kind: [MODEL]})") == [], "only components and jobs count"
    assert await found(store, "(componentWhere: {})") == [f"t{n}" for n in range(5)]
    assert await found(store, "(componentWhere: null)") == [f"t{n}" for n in range(5)]


async def test_trials_of_an_experiment_by_the_same(store: Store) -> None:
    query = """{ entity(urn: "lineal:a:EXPERIMENT:x") { ... on Experiment {
      trials(%s) { totalCount nodes { name } } } } }"""

    async def names(arguments: str) -> list[str]:
        page = (await data(store, query % arguments, by=A))["entity"]["trials"]
        return [node["name"] for node in page["nodes"]]

    assert await names("first: 9") == ["t0", "t2", "t4"]
    assert await names(f"componentWhere: {ABOVE}") == ["t2", "t4"]
    assert await names(f'componentWhere: {ABOVE}, where: {{tag: ["late"]}}') == ["t4"]
    assert await names('where: {name: {eq: "t0"}}') == ["t0"]


@pytest.mark.parametrize("field", ["root", "of experiment"])
async def test_pages_go_on_at_the_snapshot_of_the_first(store: Store, field: str) -> None:
    page = f"page: trials(componentWhere: {ABOVE}, first: 1, after: $after)"
    page += " { totalCount pageInfo { hasNextPage endCursor } nodes { name } }"
    query = f"query ($after: String) {{ {page} }}"
    if field != "root":
        within = f'experiment: entity(urn: "lineal:a:EXPERIMENT:x") {{ ... on Experiment {{ {page} }} }}'
        query = f"query ($after: String) {{ {within} }}"
    names, after = [], None
    for number in range(5, 9):
        answered = await data(store, query, {"after": after}, A)
        page = answered["page"] if field == "root" else answered["experiment"]["page"]
        names += [node["name"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
        await tried(store, number)
    assert names == (["t2", "t3", "t4"] if field == "root" else ["t2", "t4"])
    other = query.replace("0.1", "0.2")
    (error,) = (await answer(store, other, {"after": after}, A)).errors
    assert "after is not a cursor" in str(error)


async def test_hidden_components_find_nothing(store: Store) -> None:
    assert await found(store, f"(componentWhere: {ABOVE})", by=B) == []
    await share(store, "a", "b", redacted=["hyperparameters.learning_rate"])
    assert await found(store, f"(componentWhere: {ABOVE})", by=B) == []
    assert len(await found(store, "(componentWhere: {})", by=B)) == 5
    reader = Principal("a", "r", permissions=frozenset({Permission.READ}))
    assert await found(store, "(componentWhere: {})", by=reader) == [], "who may not cross finds none"


async def test_too_many_components_are_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "MOST_COMPONENTS", 3)
    (error,) = (await answer(store, f"{{ trials(componentWhere: {ABOVE}) {{ totalCount }} }}", by=A)).errors
    assert isinstance(error.original_error, LimitExceeded)
    assert "componentWhere matches 6 components; the most is 3: add conditions to it" in str(error)


async def test_two_round_trips_more(store: Store) -> None:
    counting = CountingStore(store)
    await data(counting, f"{{ trials(componentWhere: {ABOVE}) {{ totalCount }} }}", by=A)
    assert counting.calls == Counter(newest=1, secret=1, find=2, reach=1)
    query = f"{{ experiments {{ nodes {{ trials(componentWhere: {ABOVE}) {{ totalCount }} }} }} }}"
    counting = CountingStore(store)
    await data(counting, query, by=A)
    assert counting.calls == Counter(newest=1, secret=1, find=2, reach=2), "once for all experiments"
