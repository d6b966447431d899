"""Documents made to cost are refused before they cost, and the judging itself is linear."""

import time
from pathlib import Path
from typing import Any

import pytest
from costly_documents import documents
from graphql import OperationDefinitionNode, get_introspection_query, get_operation_ast, parse
from server_process import Server, serving

from lineal.schema import schema
from lineal.schema.limits import TRAVERSAL_COST, Cost, DocumentLimits, judge, variables_problem

GRAPH = schema._schema
LIMITS = DocumentLimits()


def judged(text: str, variables: dict[str, Any] | None = None) -> Cost:
    document = parse(text)
    operation = get_operation_ast(document)
    assert isinstance(operation, OperationDefinitionNode)
    return judge(GRAPH, document, operation, variables or {}, LIMITS)


REFUSED = {
    "doubled fragments": "nests deeper than 24 fields",
    "thousand aliases": "longer than 4000 tokens",
    "pages within pages": "The answer may hold 1000000000000 or more values; the most is 100000",
    "deep nesting": "nests deeper than 24 fields",
    "very deep nesting": "nested too deeply",
    "one field a thousand times": "900 fields of one name with selections of their own; the most is 60",
    "one leaf a thousand times": "1900 fields of one name; the most is 400",
    "hundred fragments": "601 fragments; the most is 100",
    "directives": "500 directives; the most is 100",
    "long document": "longer than 100000 characters",
    "many tokens": "longer than 100000 characters",
    "very deep filter": "nested too deeply",
    "wide filter": "a filter has more than 100 conditions",
    "introspection within introspection": "values; the most is 100000",
    "whole closures side by side": "values; the most is 100000",
}


@pytest.mark.parametrize("name", documents())
def test_expensive_documents_are_refused(server: Server, name: str) -> None:
    answer = server.post(documents()[name])
    errors = answer.get("errors", [])
    if name in REFUSED:
        assert REFUSED[name] in errors[0]["message"]
        assert answer.get("data") is None
    else:
        assert not errors or errors[0]["extensions"]["code"] == "BAD_USER_INPUT"


def test_the_cost_limit_is_linear_for_exponential_documents() -> None:
    def bomb(levels: int) -> str:
        fragments = (f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(levels))
        return f"{{ ...F0 }} {' '.join(fragments)} fragment F{levels} on Query {{ viewer {{ account }} }}"

    visited = [judged(bomb(levels)).visited for levels in (5, 10, 20)]
    assert visited[1] - visited[0] == 2 * 5
    assert visited[2] - visited[1] == 2 * 10


EXPERIMENTS_AND_THEIR_DATA = """{ experiments { totalCount nodes { name description occurredAt
  trials { totalCount nodes { name status occurredAt
    components { totalCount nodes { kind name status occurredAt parameters { key value } metrics { name last }
      inputs { totalCount nodes { kind name version source { uri } } }
      outputs { totalCount nodes { kind name version source { uri } } } } } } } } } }"""
"""Four lists within lists, none of which says how many items it wants."""


def test_ordinary_queries_are_allowed() -> None:
    for text in (
        get_introspection_query(),
        '{ entity(urn: "u") { descendants(first: 1000) { nodes { urn kind name version properties { key type value } '
        "tags source { uri type ids { value } } occurredAt recordedBy } } } }",
        '{ entity(urn: "u") { descendants(first: 1000) { edges { distance node { urn } path { type source { urn } '
        "destination { urn } } } } } }",
        '{ entity(urn: "u") { descendants(depth: 1) { nodes { urn descendants(depth: 1) { nodes { urn '
        "descendants(depth: 1) { nodes { urn } } } } } } } }",
        EXPERIMENTS_AND_THEIR_DATA,
    ):
        assert judged(text).problem is None, text


def test_pages_count_by_their_size() -> None:
    text = "query ($n: Int = 7) { entities(first: %s) { nodes { urn name } } }"
    assert judged(text % 3).values == 1 + 3 * 3
    assert judged(text % "$n", {"n": 50}).values == 1 + 50 * 3
    assert judged("{ entities { nodes { urn } } }").values == 1 + 20 * 2


def test_metrics_cost_by_their_selection() -> None:
    asked = '{ entity(urn: "u") { metrics%s { %s } } }'
    assert judged(asked % ("", "last")).values == 1 + 10 * 2
    assert judged(asked % ('(names: ["a", "b"])', "last")).values == 1 + 2 * 2
    assert judged(asked % ('(names: ["a"])', "buckets { count }")).values == 2 + 500 * 2
    assert judged(asked % ('(names: ["a"])', "buckets(most: 7) { count }")).values == 2 + 7 * 2
    assert judged(asked % ('(names: ["a"])', "series { nodes { value } }")).values == 3 + 100 * 2
    everything = "{ trials(first: 100) { nodes { metrics { buckets { min { value } } } } } }"
    assert "values; the most is 100000" in (judged(everything).problem or "")


def test_comparisons_cost_by_the_number_of_entities() -> None:
    text = "query ($of: [EntityRef!]!) { comparison(of: $of) { entities { urn } %s } }"
    text %= "parameters { cells { values { value } } }"
    for count in (2, 100):
        assert judged(text, {"of": [{"id": "x"}] * count}).values == 1 + count * 2 + 10 * (1 + count * (1 + 2 * 2))
    assert judged(text).values == judged(text, {"of": [{"id": "x"}] * 100}).values, "of what is not known, the most"
    assert judged('{ comparison(of: [{id: "x"}, {id: "y"}]) { entities { urn } } }').values == 1 + 2 * 2
    of_trials = '{ comparison(experiment: {urn: "x"}%s) { entities { urn } } }'
    assert judged(of_trials % "").values == 1 + 100 * 2
    assert judged(of_trials % ", first: 7").values == 1 + 7 * 2
    searched = "{ trials(componentWhere: {kind: [TRAINING_JOB]}) { totalCount } }"
    assert judged(searched).values == TRAVERSAL_COST + judged("{ trials { totalCount } }").values


@pytest.mark.parametrize(("count", "each"), [(1, 10_000), (1000, 10)])
def test_ten_thousand_observations_are_allowed(server: Server, count: int, each: int) -> None:
    name = f"observed{count}"
    recorded = (
        "mutation ($n: String!) { lineageRecord(input: {entities: [{kind: TRIAL, name: $n}]}) { userErrors { code } } }"
    )
    server.ask(recorded, n=name)
    points = [{"step": step, "value": step / 7, "occurredAt": "2026-03-01T12:00:00.000001Z"} for step in range(each)]
    entity = {"urn": f"lineal:local:TRIAL:{name}"}
    series = [{"entity": entity, "metric": f"m{number}", "observations": points} for number in range(count)]
    query = """mutation ($s: [SeriesInput!]!) { observationsRecord(input: {series: $s}) {
      newCount userErrors { code message } } }"""
    assert server.ask(query, s=series)["observationsRecord"] == {"newCount": 10_000, "userErrors": []}
    points.append({"step": -1, "value": 0.0, "occurredAt": "2026-03-01T12:00:00Z"})
    (error,) = server.ask(query, s=series)["observationsRecord"]["userErrors"]
    assert error["code"] == "TOO_LARGE"
    assert "observations; the most is 10000: send several requests." in error["message"]


def test_deep_and_many_variables_are_refused() -> None:
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    assert variables_problem({"a": deep}, LIMITS) == "A variable nests deeper than 120: flatten it."
    many = variables_problem({"a": list(range(300_000))}, LIMITS)
    assert many is not None
    assert "the most is 200000: send several requests." in many
    assert variables_problem({"a": {"b": [1, 2]}}, LIMITS) is None


def test_internal_errors_are_masked(server: Server) -> None:
    from graphql import GraphQLError

    from lineal.graphstore.errors import OutcomeUnknown
    from lineal.schema.errors import presented

    seen: list[BaseException] = []

    def incident(error: BaseException) -> str:
        seen.append(error)
        return "abc"

    shown = presented(GraphQLError("secret", original_error=KeyError("secret")), incident)
    assert shown["extensions"] == {"code": "INTERNAL", "incident": "abc"}
    assert "secret" not in str(shown)
    assert len(seen) == 1
    down = presented(GraphQLError("down", original_error=OutcomeUnknown("down")), incident)
    assert down["extensions"] == {"code": "UNAVAILABLE"}


def test_the_deadline_of_a_large_query_does_not_end_later_ones(tmp_path: Path) -> None:
    config = tmp_path / "lineal.toml"
    config.write_text("request_seconds = 2.0\n")
    with serving("memory:", tmp_path, "--config", str(config)) as server:
        # The server pauses to read where the end of a body comes at once, and reads on while the query runs.
        for size in range(70_000, 250_000, 10_000):
            large = {"query": "{ viewer { account } }", "variables": {"a": "x" * size}}
            assert server.client.post("/graphql", json=large).json()["data"]
        time.sleep(2.5)
        assert server.ask("{ entities { totalCount } }") == {"entities": {"totalCount": 0}}
