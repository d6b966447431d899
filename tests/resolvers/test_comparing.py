"""Entities side by side: what tells of each, what varies, which is best, what is hidden, and what it costs."""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from counting_store import CountingStore
from graphql_requests import answer, answer_in, context_of, data
from observation_requests import observed, series
from tenants import admin, changed, codes, member, recorded, revised, share, tenants

from lineal.auth.principals import Principal
from lineal.graphstore.errors import LimitExceeded
from lineal.graphstore.store import Store
from lineal.graphstore.urns import entity_id
from lineal.resolvers import comparison
from lineal.resolvers.errors import BadInput

A, B = member("a"), member("b")


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    opened = await tenants("a", "b")
    yield opened
    await opened.close()


def urn(of: str) -> str:
    """The URN of `KIND:name` of account a."""
    return f"lineal:a:{of}"


def typed(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    name = {bool: "boolean", int: "int", float: "float", str: "string"}.get(type(value), "json")
    return {name: value}


async def made(store: Store, *ties: str, type: str = "ASSOCIATED_WITH", **entities: dict[str, Any]) -> None:
    """Record entities of `KIND_name={key: value}`, with dots for `__`, and ties like `TRIAL:t>TRIAL_COMPONENT:c`."""
    inputs = []
    for named, properties in entities.items():
        kind, name = named.rsplit("_", 1)
        keys = [{"key": key, "value": typed(value)} for key, value in properties.items()]
        inputs.append({"kind": kind, "name": name, "properties": keys})
    ends = [[{"urn": urn(end)} for end in tie.split(">")] for tie in ties]
    associations = [{"source": source, "destination": destination, "type": type} for source, destination in ends]
    assert await recorded(store, A, entities=inputs, associations=associations) == []


PARAMETERS = "parameters%s { key isVarying cells { of { urn } values { value type from { name } } } }"
METRICS = "metrics%s { name cells { of { urn } metrics { last min max count from { name } } } %s }"


async def compared(store: Store, *of: str, shown: str, by: Principal = A, **variables: Any) -> Any:
    query = f"query ($of: [EntityRef!]!, $at: AsOf) {{ comparison(of: $of, asOf: $at) {{ {shown} }} }}"
    return (await data(store, query, {"of": [{"urn": urn(each)} for each in of], **variables}, by))["comparison"]


async def parameters(store: Store, *of: str, arguments: str = "", by: Principal = A, **variables: Any) -> Any:
    """By key: whether it varies, and for each of the compared its values, each with who tells it."""
    response = await compared(store, *of, shown=PARAMETERS % arguments, by=by, **variables)
    shown = {}
    for each in response["parameters"]:
        assert [cell["of"]["urn"] for cell in each["cells"]] == [urn(one) for one in of]
        values = [[(value["value"], value["from"]["name"]) for value in cell["values"]] for cell in each["cells"]]
        shown[each["key"]] = (each["isVarying"], values)
    assert list(shown) == sorted(shown)
    return shown


async def metrics(store: Store, *of: str, arguments: str = "", by: Principal = A) -> Any:
    """By name, for each of the compared, the last value and who tells it."""
    response = await compared(store, *of, shown=METRICS % (arguments, ""), by=by)
    return {
        each["name"]: [[(one["last"], one["from"]["name"]) for one in cell["metrics"]] for cell in each["cells"]]
        for each in response["metrics"]
    }


async def test_the_parameters_and_metrics_of_a_trial(store: Store) -> None:
    await made(
        store,
        TRIAL_t1={"owner": "ada"},
        TRIAL_t2={"owner": "ada"},
        TRIAL_COMPONENT_c1={"hyperparameters.lr": 0.1, "metrics.auc": 0.5},
        TRIAL_COMPONENT_c2={"hyperparameters.lr": 0.2},
        TRAINING_JOB_j1={"instance": "big"},
        TRAINING_JOB_far={"instance": "never"},
        PARAMETERS_p={"epochs": 3},
        PARAMETERS_own={"note": "x"},
        PARAMETERS_far={"never": 1},
        DATASET_d1={"rows": 1},
    )
    await made(
        store,
        "TRIAL:t1>TRIAL_COMPONENT:c1",
        "TRIAL:t1>TRAINING_JOB:j1",
        "TRIAL:t2>TRIAL_COMPONENT:c2",
        "TRIAL:t1>DATASET:d1",
    )
    flow = "PARAMETERS:p>TRAINING_JOB:j1 PARAMETERS:p>TRIAL_COMPONENT:c2 PARAMETERS:own>TRIAL:t2 "
    flow += "PARAMETERS:far>PARAMETERS:p TRAINING_JOB:j1>TRAINING_JOB:far DATASET:d1>TRIAL_COMPONENT:c1"
    await made(store, *flow.split(), type="CONTRIBUTED_TO")
    await observed(store, A, series(urn("TRAINING_JOB:j1"), "loss", 3, 1, 2), series(urn("TRIAL:t2"), "loss", 5))
    assert await parameters(store, "TRIAL:t1", "TRIAL:t2") == {
        "epochs": (False, [[(3, "p")], [(3, "p")]]),
        "hyperparameters.lr": (True, [[(0.1, "c1")], [(0.2, "c2")]]),
        "instance": (True, [[("big", "j1")], []]),
        "note": (True, [[], [("x", "own")]]),
        "owner": (False, [[("ada", "t1")], [("ada", "t2")]]),
    }
    assert await metrics(store, "TRIAL:t2", "TRIAL:t1") == {
        "auc": [[], [(0.5, "c1")]],
        "loss": [[(5.0, "t2")], [(2.0, "j1")]],
    }
    assert await metrics(store, "TRIAL:t2", "TRIAL:t1", arguments='(names: ["auc", "no"])') == {
        "auc": [[], [(0.5, "c1")]]
    }
    shown = {
        key: values for key, (_, values) in (await parameters(store, "TRAINING_JOB:j1", "TRIAL_COMPONENT:c1")).items()
    }
    assert shown == {
        "epochs": [[(3, "p")], []],
        "hyperparameters.lr": [[], [(0.1, "c1")]],
        "instance": [[("big", "j1")], []],
    }


async def test_the_parameters_and_metrics_of_a_model_and_its_version(store: Store) -> None:
    await made(
        store,
        TRAINING_JOB_j1={"lr": 0.1},
        TRIAL_COMPONENT_c2={"lr": 0.2},
        MODEL_m1={"size": 1},
        MODEL_m2={"size": 2},
        MODEL_VERSION_v1={"stage": "x"},
        MODEL_VERSION_v2={},
        PARAMETERS_p={"seed": 7},
        PROJECT_p1={"budget": 1},
    )
    await made(store, "TRAINING_JOB:j1>MODEL:m1", "TRIAL_COMPONENT:c2>MODEL:m2", type="PRODUCED")
    await made(store, "MODEL:m1>MODEL_VERSION:v1", "MODEL:m2>MODEL_VERSION:v2", "PROJECT:p1>MODEL:m1")
    await made(store, "PARAMETERS:p>TRAINING_JOB:j1", "DATASET:d>MODEL:m1", type="CONTRIBUTED_TO")
    both = {"lr": (True, [[(0.1, "j1")], [(0.2, "c2")]]), "seed": (True, [[(7, "p")], []])}
    assert await parameters(store, "MODEL:m1", "MODEL:m2") == both | {"size": (True, [[(1, "m1")], [(2, "m2")]])}
    assert await parameters(store, "MODEL_VERSION:v1", "MODEL_VERSION:v2") == both | {
        "size": (True, [[(1, "m1")], [(2, "m2")]]),
        "stage": (True, [[("x", "v1")], []]),
    }
    await observed(store, A, series(urn("TRAINING_JOB:j1"), "loss", 1))
    assert await metrics(store, "MODEL_VERSION:v1", "MODEL:m1", "DATASET:d") == {
        "loss": [[(1.0, "j1")], [(1.0, "j1")], []]
    }


async def test_values_are_compared_as_filters_compare_them(store: Store) -> None:
    first: dict[str, Any] = {
        "number": 1,
        "zero": 0.0,
        "big": 2**53 + 1,
        "text": "1",
        "flag": True,
        "json": [1, {"b": 2, "a": 1.0}],
        "time": {"timestamp": "2026-01-01T00:00:00Z"},
        "other": "2026-01-01T00:00:00.000000Z",
        "same": "x",
    }
    second = first | {
        "number": 1.0,
        "zero": 0,
        "big": float(2**53),
        "text": 1,
        "flag": 1,
        "json": [1.0, {"a": 1, "b": 2}],
        "time": {"timestamp": "2026-01-01T01:00:00+01:00"},
        "other": {"timestamp": "2026-01-01T00:00:00Z"},
    }
    second["absent"] = {"json": False}
    await made(store, TRIAL_x=first, TRIAL_y=second)
    response = await parameters(store, "TRIAL:x", "TRIAL:y")
    varying = {key for key, (is_varying, _) in response.items() if is_varying}
    assert varying == {"big", "text", "flag", "other", "absent"}
    for arguments, expected in (("(varying: true)", varying), ("(varying: false)", response.keys() - varying)):
        assert (await parameters(store, "TRIAL:x", "TRIAL:y", arguments=arguments)).keys() == expected
    assert (await parameters(store, "TRIAL:x", "TRIAL:y", arguments='(startsWith: "t", varying: null)')).keys() == {
        "text",
        "time",
    }
    assert await parameters(store, "TRIAL:x", "TRIAL:y", arguments='(startsWith: "no")') == {}
    types = await compared(
        store, "TRIAL:x", "TRIAL:y", shown='parameters(startsWith: "other") { cells { values { type value } } }'
    )
    assert types["parameters"][0]["cells"] == [
        {"values": [{"type": "STRING", "value": "2026-01-01T00:00:00.000000Z"}]},
        {"values": [{"type": "TIMESTAMP", "value": "2026-01-01T00:00:00.000000Z"}]},
    ]


async def test_components_that_agree_and_disagree(store: Store) -> None:
    await made(
        store,
        TRIAL_t1={"lr": 1},
        TRIAL_t2={},
        TRIAL_COMPONENT_b={"lr": 2, "metrics.auc": 0.25},
        TRIAL_COMPONENT_a={"lr": 1.0, "metrics.auc": 0.5},
    )
    both = [f"TRIAL:{trial}>TRIAL_COMPONENT:{part}" for trial in ("t1", "t2") for part in "ab"]
    await made(store, *both)
    assert await parameters(store, "TRIAL:t1", "TRIAL:t2") == {
        "lr": (False, [[(1, "t1"), (2, "b")], [(1.0, "a"), (2, "b")]])
    }, "sets of values are compared, whoever tells them"
    assert await metrics(store, "TRIAL:t1", "TRIAL:t2") == {"auc": [[(0.5, "a"), (0.25, "b")]] * 2}
    shown = METRICS % ("", "low: best(goal: MINIMUM) { of { urn } } high: best(goal: MAXIMUM) { of { urn } }")
    (auc,) = (await compared(store, "TRIAL:t2", "TRIAL:t1", shown=shown))["metrics"]
    assert auc["low"] == auc["high"] == {"of": {"urn": urn("TRIAL:t1")}}, "of equal ones the first by URN"


async def test_the_best(store: Store) -> None:
    await made(store, TRIAL_a={}, TRIAL_b={}, TRIAL_c={"metrics.loss": 2}, TRIAL_d={})
    await observed(store, A, series(urn("TRIAL:a"), "loss", 0, 9, 3), series(urn("TRIAL:b"), "loss", 4, 1, 4))
    bests = " ".join(
        f"{goal}{by}: best(goal: {goal}, by: {by}) {{ of {{ name }} metrics {{ last }} }}"
        for goal in ("MINIMUM", "MAXIMUM")
        for by in ("LAST", "MIN", "MAX")
    )
    shown = METRICS % ("", f"{bests} best(goal: MINIMUM) {{ of {{ name }} }}")
    (loss,) = (await compared(store, *(f"TRIAL:{each}" for each in "dcba"), shown=shown))["metrics"]
    best = {name: loss[name]["of"]["name"] for name in loss if "M" in name}
    assert best == {
        "MINIMUMLAST": "c",
        "MINIMUMMIN": "a",
        "MINIMUMMAX": "c",
        "MAXIMUMLAST": "b",
        "MAXIMUMMIN": "c",
        "MAXIMUMMAX": "a",
    }
    assert loss["best"] == {"of": {"name": "c"}}, "the last values count unless told"
    assert loss["MINIMUMLAST"]["metrics"] == [{"last": 2.0}]
    assert await compared(store, "TRIAL:d", "TRIAL:d", shown="metrics { name }") == {"metrics": []}


async def test_nan_is_never_the_best(store: Store) -> None:
    await made(store, TRIAL_a={}, TRIAL_b={}, TRIAL_c={})
    variables: dict[str, list[float | str]] = {"a": ["NaN"], "b": [1, "Infinity"], "c": [5, "-Infinity", "NaN"]}
    await observed(store, A, *(series(urn(f"TRIAL:{name}"), "loss", *some) for name, some in variables.items()))
    await observed(store, A, *(series(urn(f"TRIAL:{name}"), "lost", "NaN") for name in variables))
    bests = " ".join(
        f"{goal}{by}: best(goal: {goal}, by: {by}) {{ of {{ name }} }}"
        for goal in ("MINIMUM", "MAXIMUM")
        for by in ("LAST", "MIN", "MAX")
    )
    compared_metrics = await compared(store, *(f"TRIAL:{each}" for each in "abc"), shown=METRICS % ("", bests))
    loss, lost = compared_metrics["metrics"]
    assert {name: loss[name]["of"]["name"] for name in loss if "M" in name} == {
        "MINIMUMLAST": "b",
        "MINIMUMMIN": "c",
        "MINIMUMMAX": "c",
        "MAXIMUMLAST": "b",
        "MAXIMUMMIN": "b",
        "MAXIMUMMAX": "b",
    }
    assert {lost[name] for name in lost if "M" in name} == {None}


async def test_as_of_a_moment(store: Store) -> None:
    await made(store, TRIAL_a={"lr": 1}, TRIAL_b={"lr": 1}, TRIAL_COMPONENT_c={"seed": 1})
    noted = (await data(store, "{ trials { nodes { recordedAt } } }", by=A))["trials"]["nodes"][0]["recordedAt"]
    await made(store, "TRIAL:a>TRIAL_COMPONENT:c")
    inputs = [{"key": "lr", "value": {"int": 2}}]
    assert not (await revised(store, A, entity={"urn": urn("TRIAL:a")}, properties=inputs))["userErrors"]
    await observed(store, A, series(urn("TRIAL:a"), "loss", 1))
    assert await parameters(store, "TRIAL:a", "TRIAL:b", at={"recordedAt": noted}) == {
        "lr": (False, [[(1, "a")], [(1, "b")]])
    }
    assert (await compared(store, "TRIAL:a", "TRIAL:b", shown="metrics { name }", at={"recordedAt": noted}))[
        "metrics"
    ] == []
    assert (await parameters(store, "TRIAL:a", "TRIAL:b")).keys() == {"lr", "seed"}
    long_ago = {"recordedAt": "2020-01-01T00:00:00Z"}
    assert await compared(store, "TRIAL:a", "TRIAL:b", shown="entities { urn }", at=long_ago) is None


async def test_null_where_one_is_absent_or_hidden(store: Store) -> None:
    await made(store, TRIAL_a={}, TRIAL_b={})
    assert await compared(store, "TRIAL:a", "TRIAL:nob", shown="entities { urn }") is None
    own, hidden = entity_id("lineal:b:DATASET:d"), entity_id(urn("TRIAL:b"))
    context = await context_of(store, B)
    query = f'{{ comparison(of: [{{id: "{own}"}}, {{id: "{hidden}"}}]) {{ entities {{ urn }} }} }}'
    response = await answer_in(context, query)
    assert (response.data, response.errors) == ({"comparison": None}, None)
    assert list(context.not_seen) == [hidden], "to be looked into for the audit log"


@pytest.mark.parametrize("count", [0, 1, 101])
async def test_the_number_of_compared_entities_is_limited(store: Store, count: int) -> None:
    query = "query ($of: [EntityRef!]!) { comparison(of: $of) { entities { urn } } }"
    (error,) = (await answer(store, query, {"of": [{"id": "x"}] * count}, A)).errors
    assert isinstance(error.original_error, BadInput)
    assert error.message == f"of names {count}: give 2 to 100"


async def swept(store: Store) -> None:
    """Four trials whose components differ in their parameters, one of which the trial itself records."""
    components = {
        f"TRIAL_COMPONENT_c{n}": {"hyperparameters__lr": rate, "hyperparameters__opt": name}
        for n, (rate, name) in enumerate([(0.1, "adam"), (0.2, "adam"), (0.3, "sgd"), (0.1, "adam")])
    }
    trials: dict[str, dict[str, Any]] = {f"TRIAL_t{n}": {} for n in range(3)}
    named = {**components, **trials, "TRIAL_t3": {"host": "h"}, "EXPERIMENT_x": {}, "EXPERIMENT_empty": {}}
    ties = [f"EXPERIMENT:x>TRIAL:t{n}" for n in range(4)] + [f"TRIAL:t{n}>TRIAL_COMPONENT:c{n}" for n in range(4)]
    entities: dict[str, Any] = {
        name: {key.replace("__", "."): value for key, value in of.items()} for name, of in named.items()
    }
    await made(store, *ties, **entities)


TRIALS_COMPARED = """query ($x: String!, $first: Int, $at: AsOf) {
  comparison(experiment: {urn: $x}, first: $first, asOf: $at) { totalCount isComplete entities { name }
    parameters(varying: true) { key cells { values { value } } } } }"""


async def test_the_trials_of_an_experiment(store: Store) -> None:
    await swept(store)
    response = (await data(store, TRIALS_COMPARED, {"x": urn("EXPERIMENT:x")}, A))["comparison"]
    assert (response["totalCount"], response["isComplete"]) == (4, True)
    assert response["entities"] == [{"name": f"t{n}"} for n in range(4)]
    assert [each["key"] for each in response["parameters"]] == ["host", "hyperparameters.lr", "hyperparameters.opt"]
    cut = (await data(store, TRIALS_COMPARED, {"x": urn("EXPERIMENT:x"), "first": 2}, A))["comparison"]
    assert (cut["totalCount"], cut["isComplete"], len(cut["entities"])) == (4, False, 2)
    assert [each["key"] for each in cut["parameters"]] == ["hyperparameters.lr"]
    empty = (await data(store, TRIALS_COMPARED, {"x": urn("EXPERIMENT:empty")}, A))["comparison"]
    assert empty == {"totalCount": 0, "isComplete": True, "entities": [], "parameters": []}
    for absent in (urn("EXPERIMENT:no"), "lineal:b:EXPERIMENT:x"):
        assert await data(store, TRIALS_COMPARED, {"x": absent}, A) == {"comparison": None}
    assert await data(store, TRIALS_COMPARED, {"x": urn("EXPERIMENT:x")}, B) == {"comparison": None}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("", "takes either of"),
        ('(of: [{id: "a"}, {id: "b"}], experiment: {urn: "u"})', "takes either of"),
        ('(experiment: {urn: "lineal:a:TRIAL:t1"})', "of the kind TRIAL: give an EXPERIMENT"),
        ('(experiment: {urn: "lineal:a:EXPERIMENT:x"}, first: 0)', "first is 0"),
        ('(experiment: {urn: "lineal:a:EXPERIMENT:x"}, first: 1001)', "first is 1001"),
    ],
)
async def test_what_is_no_comparison(store: Store, arguments: str, problem: str) -> None:
    await swept(store)
    (error,) = (await answer(store, f"{{ comparison{arguments} {{ totalCount }} }}", by=A)).errors
    assert isinstance(error.original_error, BadInput)
    assert problem in str(error)


async def test_what_differs_in_one_parameter_only(store: Store) -> None:
    await swept(store)
    query = """query ($from: String!, $key: String!, $start: String) {
      comparison(experiment: {urn: "lineal:a:EXPERIMENT:x"}) {
        differingOnlyIn(from: {urn: $from}, key: $key, startsWith: $start) { of { name } values { value } } } }"""

    async def differing(name: str, key: str, start: str | None = None) -> Any:
        variables = {"from": urn(f"TRIAL:{name}"), "key": key, "start": start}
        response = (await data(store, query, variables, A))["comparison"]["differingOnlyIn"]
        return {cell["of"]["name"]: [value["value"] for value in cell["values"]] for cell in response}

    assert await differing("t0", "hyperparameters.lr") == {"t1": [0.2]}, "t2 has another optimizer, t3 a host"
    assert await differing("t0", "host") == {"t3": ["h"]}
    assert await differing("t3", "host") == {"t0": []}, "a missing value is another"
    assert await differing("t0", "hyperparameters.opt") == {}
    assert await differing("t3", "hyperparameters.lr", "hyperparameters.") == {"t1": [0.2]}, "the host does not count"
    for name, key, problem in [
        ("t9", "host", "is not among the compared entities"),
        ("t0", "lr", "those that vary are: host, hyperparameters.lr, hyperparameters.opt"),
    ]:
        variables = {"from": urn(f"TRIAL:{name}"), "key": key}
        (error,) = (await answer(store, query, variables, A)).errors
        assert problem in str(error)


async def test_too_many_parts_are_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "MOST_PARTS", 1)
    await made(store, TRIAL_a={}, TRIAL_b={}, TRIAL_COMPONENT_c={}, TRIAL_COMPONENT_d={})
    await made(store, "TRIAL:a>TRIAL_COMPONENT:c")
    assert await compared(store, "TRIAL:a", "TRIAL:b", shown="entities { name }")
    await made(store, "TRIAL:a>TRIAL_COMPONENT:d")
    query = "query ($of: [EntityRef!]!) { comparison(of: $of) { entities { urn } } }"
    of = [{"id": entity_id(urn(each))} for each in ("TRIAL:a", "TRIAL:b")]
    (error,) = (await answer(store, query, {"of": of}, A)).errors
    assert isinstance(error.original_error, LimitExceeded)
    assert error.message.startswith("A compared entity has more than 1 parts")


async def test_hidden_entities_add_nothing_to_a_comparison(store: Store) -> None:
    await made(
        store,
        TRIAL_a={"lr": 1, "secret": 1},
        TRIAL_b={"lr": 1, "secret": 2},
        TRIAL_COMPONENT_c={"seed": 1, "metrics.auc": 1},
        PARAMETERS_p={"epochs": 1},
        MODEL_made={"size": 7},
    )
    await made(store, "TRIAL:a>TRIAL_COMPONENT:c")
    await made(store, "PARAMETERS:p>TRIAL:b", type="CONTRIBUTED_TO")
    await made(store, "TRIAL_COMPONENT:c>MODEL:made", type="PRODUCED")
    await observed(store, A, series(urn("TRIAL:a"), "loss", 1), series(urn("TRIAL:b"), "f1", 1))
    await share(store, "a", "b", redacted=["secret", "metrics.loss"])
    hidden = [{"urn": urn(each)} for each in ("TRIAL_COMPONENT:c", "PARAMETERS:p")]
    group = (await changed(store, admin("a"), "lineageGroupCreate", name="s", addEntities=hidden))["group"]["id"]
    policy = '@id("b") forbid (principal in Lineal::Account::"b", action, resource);'
    assert await codes(store, admin("a"), "lineageGroupPolicySet", id=group, policy=policy) == []
    for boundary in ("CUT", "BRIDGE", "MASK"):
        assert await codes(store, admin("a"), "lineageGroupChange", id=group, boundary=boundary) == []
        assert await parameters(store, "TRIAL:a", "TRIAL:b", by=B) == {"lr": (False, [[(1, "a")], [(1, "b")]])}
        assert await metrics(store, "TRIAL:a", "TRIAL:b", by=B) == {"f1": [[], [(1.0, "b")]]}
        assert (await parameters(store, "MODEL:made", "TRIAL:b", by=B)).keys() == {"lr", "size"}
        assert (await parameters(store, "TRIAL:a", "TRIAL:b")).keys() == {"epochs", "lr", "secret", "seed"}


@pytest.mark.parametrize("width", [2, 9])
async def test_round_trips_do_not_depend_on_how_many_are_compared(store: Store, width: int) -> None:
    numbers = range(width)
    for number in numbers:
        kinds = ("TRIAL_t", "TRIAL_COMPONENT_c", "PARAMETERS_p", "MODEL_m", "MODEL_VERSION_v")
        entities: dict[str, Any] = {f"{kind}{number}": {"lr": number} for kind in kinds}
        await made(store, **entities)
        await made(store, f"TRIAL:t{number}>TRIAL_COMPONENT:c{number}", f"MODEL:m{number}>MODEL_VERSION:v{number}")
        await made(store, f"PARAMETERS:p{number}>TRIAL_COMPONENT:c{number}", type="CONTRIBUTED_TO")
        await made(store, f"TRIAL_COMPONENT:c{number}>MODEL:m{number}", type="PRODUCED")
        await observed(store, A, series(urn(f"TRIAL_COMPONENT:c{number}"), "loss", number))
    shown = f"entities {{ name }} {PARAMETERS % ''} {METRICS % ('', 'best(goal: MINIMUM) { of { name } }')}"
    counting = CountingStore(store)
    for kind, trips in (("TRIAL:t", 2), ("TRIAL_COMPONENT:c", 1), ("MODEL:m", 2), ("MODEL_VERSION:v", 3)):
        counting.calls.clear()
        response = await compared(counting, *(f"{kind}{number}" for number in numbers), shown=shown)
        assert len(response["metrics"][0]["cells"]) == width
        counting.calls.pop("secret", None)
        assert counting.calls == Counter(newest=1, entities=1, reach=trips, metrics=1), kind
