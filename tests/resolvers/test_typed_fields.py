"""The fields particular to each kind: what they show, hide and cost."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from counting_store import CountingStore
from graphql_requests import answer, answer_in, context_of, data
from registry_requests import registered
from tenants import admin, changed, codes, member, recorded, revised, share, tenants, urn_of

from lineal.auth.permissions import Permission
from lineal.auth.principals import Principal
from lineal.graphstore.store import Store
from lineal.graphstore.urns import entity_id
from lineal.resolvers import kind_fields, pipelines, related

A, B = member("a"), member("b")


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    opened = await tenants("a", "b")
    yield opened
    await opened.close()


def split(urn: str) -> tuple[str, str]:
    kind, name = urn.split(":")
    return kind, name


async def record(store: Store, *edges: str, by: Principal = A, type: str = "ASSOCIATED_WITH") -> None:
    """Record words like `TRIAL:t>TRIAL_COMPONENT:c` in the account of a principal."""
    names = dict.fromkeys(end for edge in edges for end in edge.split(">"))
    entities = [dict(zip(("kind", "name"), split(each), strict=True)) for each in names]
    ends = [[{"urn": f"lineal:{by.account}:{end}"} for end in edge.split(">")] for edge in edges if ">" in edge]
    ties = [{"source": source, "destination": destination, "type": type} for source, destination in ends]
    assert await recorded(store, by, entities=entities, associations=ties) == []


async def field(store: Store, of: str, selection: str, by: Principal = A) -> Any:
    """A selection of an entity of account a, by `KIND:name`."""
    kind = "".join(word.capitalize() for word in of.split(":", maxsplit=1)[0].split("_"))
    query = f'{{ entity(urn: "lineal:a:{of}") {{ ... on {kind} {{ {selection} }} }} }}'
    return (await data(store, query, by=by))["entity"]


def names(connection: Any) -> list[str]:
    assert connection["totalCount"] == len(connection["nodes"])
    return [node["name"] for node in connection["nodes"]]


LISTED = "{ totalCount countsByKind { kind count } pageInfo { hasNextPage } nodes { name } }"


async def test_experiments_trials_and_components(store: Store) -> None:
    await record(store, "EXPERIMENT:x>TRIAL:t1", "EXPERIMENT:x>TRIAL:t2", "EXPERIMENT:w>TRIAL:t2",
                 "TRIAL:t1>TRIAL_COMPONENT:c", "TRIAL:t1>TRAINING_JOB:train", "TRIAL:t1>PROCESSING_JOB:prep",
                 "TRIAL:t1>MODEL:m2", "PROJECT:p>TRIAL:t1")  # fmt: skip
    assert names((await field(store, "EXPERIMENT:x", f"trials {LISTED}"))["trials"]) == ["t1", "t2"]
    assert await field(store, "TRIAL:t1", "experiment { name }") == {"experiment": {"name": "x"}}
    assert await field(store, "TRIAL:t2", "experiment { name }") == {"experiment": {"name": "w"}}, "the first by URN"
    components = (await field(store, "TRIAL:t1", f"components {LISTED}"))["components"]
    assert names(components) == ["prep", "train", "c"]
    assert {each["kind"]: each["count"] for each in components["countsByKind"]} == {
        "TRIAL_COMPONENT": 1,
        "TRAINING_JOB": 1,
        "PROCESSING_JOB": 1,
    }
    assert names((await field(store, "TRIAL:t2", f"components {LISTED}"))["components"]) == []
    await record(store, "TRIAL:alone")
    assert await field(store, "TRIAL:alone", "experiment { name }") == {"experiment": None}


async def test_inputs_and_outputs_of_a_component(store: Store) -> None:
    await record(store, "DATASET:d1>TRIAL_COMPONENT:c", "CODE:code>TRIAL_COMPONENT:c", type="CONTRIBUTED_TO")
    await record(store, "TRIAL_COMPONENT:c>MODEL:out", "TRIAL_COMPONENT:c>ENDPOINT:not", type="PRODUCED")
    await record(store, "TRIAL:t>TRIAL_COMPONENT:c", "DATASET:other>TRIAL_COMPONENT:c")
    response = await field(store, "TRIAL_COMPONENT:c", f"inputs {LISTED} outputs {LISTED}")
    assert (names(response["inputs"]), names(response["outputs"])) == (["code", "d1"], ["out"])


async def test_stage_and_parameters(store: Store) -> None:
    variables = {"stage": "TRAINING", "hyperparameters.lr": "0.1", "parameters.seed": "1", "metrics.auc": "0.9"}
    properties = [{"key": key, "value": {"string": value}} for key, value in variables.items()]
    entities = [
        {"kind": "TRIAL_COMPONENT", "name": "c", "properties": properties},
        {"kind": "TRIAL_COMPONENT", "name": "odd", "properties": [{"key": "stage", "value": {"string": "COOKING"}}]},
        {"kind": "TRIAL_COMPONENT", "name": "bare", "properties": [{"key": "stage", "value": {"int": 1}}]},
    ]
    assert await recorded(store, A, entities=entities) == []
    shown = "stage parameters { key value type }"
    assert await field(store, "TRIAL_COMPONENT:c", shown) == {
        "stage": "TRAINING",
        "parameters": [
            {"key": "hyperparameters.lr", "value": "0.1", "type": "STRING"},
            {"key": "parameters.seed", "value": "1", "type": "STRING"},
        ],
    }
    for name in ("odd", "bare"):
        assert await field(store, f"TRIAL_COMPONENT:{name}", shown) == {"stage": None, "parameters": []}
    await share(store, "a", "b", redacted=["stage", "hyperparameters.lr"])
    redacted = await field(store, "TRIAL_COMPONENT:c", "stage parameters { key }", by=B)
    assert redacted == {"stage": None, "parameters": [{"key": "parameters.seed"}]}


@pytest.mark.parametrize("kind", ["TRAINING_JOB", "PROCESSING_JOB", "TRANSFORM_JOB", "PIPELINE_EXECUTION"])
async def test_jobs_show_parameters_and_data_as_components_do(store: Store, kind: str) -> None:
    await record(store, f"DATASET:in>{kind}:run", f"CODE:c>{kind}:run", type="CONTRIBUTED_TO")
    await record(store, f"{kind}:run>MODEL:out", type="PRODUCED")
    await record(store, f"PIPELINE:p>{kind}:run", f"PROCESSING_JOB:above>{kind}:run", f"{kind}:run>TRAINING_JOB:below")
    root, run = "PIPELINE_EXECUTION:aaa", f"{kind}:run"
    await record(store, root)
    ends = {"source": {"urn": f"lineal:a:{root}"}, "destination": {"urn": f"lineal:a:{run}"}}
    root_of = {**ends, "type": "ASSOCIATED_WITH", "role": "root"}
    assert await recorded(store, A, associations=[root_of]) == []
    above = await field(store, root, f"children {LISTED}")
    assert names(above["children"]) == [], "the root of a run is not its parent"
    properties = [{"key": "parameters.seed", "value": {"int": 1}}, {"key": "host", "value": {"string": "h"}}]
    revise = {"entity": {"urn": f"lineal:a:{kind}:run"}, "properties": properties}
    assert (await revised(store, A, **revise))["userErrors"] == []
    shown = f"parameters {{ key }} inputs {LISTED} outputs {LISTED} children {LISTED} "
    response = await field(store, f"{kind}:run", shown + "pipeline { name } parent { name }")
    assert response["parameters"] == [{"key": "parameters.seed"}]
    assert (names(response["inputs"]), names(response["outputs"])) == (["c", "in"], ["out"])
    assert (response["pipeline"], response["parent"]) == ({"name": "p"}, {"name": "above"})
    assert names(response["children"]) == ["below"]


async def test_the_runs_and_the_data_of_a_pipeline(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipelines, "MOST_RUNS", 2)
    runs = [
        {"kind": "PROCESSING_JOB", "name": f"r{n}", "occurredAt": f"2026-01-0{day}T00:00:00Z"}
        for n, day in enumerate((2, 4, 3, 1))
    ]
    assert await recorded(store, A, entities=runs) == []
    await record(store, *(f"PIPELINE:p>PROCESSING_JOB:r{n}" for n in range(4)), "PIPELINE:none")
    await record(store, *(f"DATASET:in{n}>PROCESSING_JOB:r{n}" for n in range(4)), "DATASET:planned>PIPELINE:p",
                 type="CONTRIBUTED_TO")  # fmt: skip
    await record(store, *(f"PROCESSING_JOB:r{n}>DATASET:out{n}" for n in range(4)), type="PRODUCED")
    shown = f"runs {LISTED} latestRun {{ name }} inputs {LISTED} outputs {LISTED}"
    response = await field(store, "PIPELINE:p", shown)
    assert names(response["runs"]) == ["r1", "r2", "r0", "r3"], "the latest first, whatever was recorded first"
    assert response["latestRun"] == {"name": "r1"}
    assert names(response["inputs"]) == ["in1", "in2", "planned"], "of the two latest runs and of the pipeline itself"
    assert names(response["outputs"]) == ["out1", "out2"]
    bare = await field(store, "PIPELINE:none", shown)
    assert (names(bare["runs"]), bare["latestRun"], names(bare["inputs"])) == ([], None, [])
    context = await context_of(store, A)
    await answer_in(context, "{ pipelines { nodes { name inputs { totalCount } } } }")
    cut = ["pipelines", "nodes", 1, "inputs"]
    assert [(each["code"], each["path"]) for each in context.warnings] == [("CUT", cut)]
    assert "the 2 latest of 4 runs" in context.warnings[0]["message"]
    first = await field(store, "PIPELINE:p", "inputs(first: 2) { pageInfo { endCursor } }")
    cursor = first["inputs"]["pageInfo"]["endCursor"]
    assert await recorded(store, A, entities=[{"kind": "PROCESSING_JOB", "name": "later"}]) == []
    await record(store, "PIPELINE:p>PROCESSING_JOB:later")
    rest = await field(store, "PIPELINE:p", f'inputs(first: 2, after: "{cursor}") {{ totalCount nodes {{ name }} }}')
    assert rest == {"inputs": {"totalCount": 3, "nodes": [{"name": "planned"}]}}, "the runs of the first page count"


async def test_the_features_of_a_dataset(store: Store) -> None:
    await record(store, "DATASET:t>FEATURE:t.b", "DATASET:t>FEATURE:t.a", "DATASET:t>FEATURE_GROUP:g", "FEATURE:alone")
    assert names((await field(store, "DATASET:t", f"features {LISTED}"))["features"]) == ["t.a", "t.b"]
    assert await field(store, "FEATURE:t.a", "dataset { name uri }") == {"dataset": {"name": "t", "uri": None}}
    assert await field(store, "FEATURE:alone", "dataset { name }") == {"dataset": None}


async def test_the_versions_behind_an_endpoint(store: Store) -> None:
    await record(store, "MODEL_VERSION:v1>DEPLOYMENT:dep", "DEPLOYMENT:dep>ENDPOINT:e",
                 "MODEL_VERSION:v2>ENDPOINT:e",
                 "MODEL:m3>DEPLOYMENT:dep", "MODEL_VERSION:v3>TRANSFORM_JOB:j3", "TRANSFORM_JOB:j3>ENDPOINT:e",
                 "MODEL_VERSION:v4>DEPLOYMENT:dep2", "DEPLOYMENT:dep2>DEPLOYMENT:dep",
                 type="CONTRIBUTED_TO")  # fmt: skip
    response = await field(store, "ENDPOINT:e", f"modelVersions {LISTED}")
    assert names(response["modelVersions"]) == ["v2", "v1"], "through a deployment at most, the nearest first"


async def test_the_groups_of_a_model(store: Store) -> None:
    for group in ("one", "two"):
        for _ in range(2):
            await registered(store, A, group={"name": group}, model={"urn": urn_of("a", "m")})
    await record(store, "PROJECT:p>MODEL:m", "PROJECT:p>MODEL_GROUP:unrelated")
    assert names((await field(store, "MODEL:m", f"groups {LISTED}"))["groups"]) == ["one", "two"]
    await record(store, "MODEL:alone")
    assert names((await field(store, "MODEL:alone", f"groups {LISTED}"))["groups"]) == []


async def test_artifacts_give_their_addresses(store: Store) -> None:
    sha = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

    def source(uri: str | None, **ids: str) -> dict[str, Any]:
        return {"uri": uri, "ids": [{"type": type, "value": value} for type, value in ids.items()]}

    def words(**values: str) -> list[dict[str, Any]]:
        return [{"key": key, "value": {"string": value}} for key, value in values.items()]

    entities = [
        {"kind": "DATASET", "name": "s3", "version": "v", "source": source("s3://x", S3_VERSION="abc", MD5="1")},
        {"kind": "DATASET", "name": "file", "version": "2024", "source": source("file:///x")},
        {"kind": "IMAGE", "name": "one", "source": source("oci://x", SHA256=sha)},
        {"kind": "IMAGE", "name": "two", "source": source("oci://x", SHA256=f"sha256:{sha}")},
        {"kind": "IMAGE", "name": "three", "version": f"sha256:{sha}"},
        {"kind": "IMAGE", "name": "four", "version": "latest"},
        {"kind": "CODE", "name": "git", "version": "c0ffee", "source": source("https://git/x")},
        {"kind": "CODE", "name": "said", "properties": words(repository="https://git/y", commit="beef")},
        {"kind": "CODE", "name": "bare"},
    ]
    assert await recorded(store, A, entities=entities) == []
    query = """{ datasets { nodes { name version uri objectVersion } } images { nodes { name digestValue } }
      entities(where: {kind: [CODE]}) { nodes { name ... on Code { repository commit } } } }"""
    response = await data(store, query, by=A)
    assert {each["name"]: (each["uri"], each["objectVersion"]) for each in response["datasets"]["nodes"]} == {
        "d": (None, None),
        "s3": ("s3://x", "abc"),
        "file": ("file:///x", "2024"),
    }
    assert {each["name"]: each["digestValue"] for each in response["images"]["nodes"]} == {
        "one": f"sha256:{sha}",
        "two": f"sha256:{sha}",
        "three": f"sha256:{sha}",
        "four": None,
    }
    assert {each["name"]: (each["repository"], each["commit"]) for each in response["entities"]["nodes"]} == {
        "git": ("https://git/x", "c0ffee"),
        "said": ("https://git/y", "beef"),
        "bare": (None, None),
    }


@pytest.mark.parametrize(
    ("version", "number"),
    [("1", 1), ("2147483647", 2**31 - 1), ("2147483648", None), ("0", None), ("01", None), ("-1", None), ("1.0", None),
     ("", None), (None, None), ("٣", None), ("9" * 5000, None), (" 1", None)],
)  # fmt: skip
async def test_numbers(store: Store, version: str | None, number: int | None) -> None:
    view = (await context_of(store, A)).view()
    (found,) = await store.entities(view, [entity_id(urn_of("a", "m"))])
    assert found is not None
    assert kind_fields.number(replace(found, version=version)) == number


async def test_pages_go_on_in_one_moment(store: Store) -> None:
    await record(store, *(f"EXPERIMENT:x>TRIAL:t{n}" for n in range(7)))
    query = """query ($after: String, $first: Int!) { entity(urn: "lineal:a:EXPERIMENT:x") { ... on Experiment {
      trials(first: $first, after: $after) { totalCount pageInfo { hasNextPage endCursor } edges { cursor }
      nodes { name } } } } }"""
    results: list[str] = []
    after = None
    for page_number in range(4):
        page = (await data(store, query, {"after": after, "first": 2}, A))["entity"]["trials"]
        assert page["totalCount"] == 7
        assert page["pageInfo"]["hasNextPage"] == (page_number < 3)
        assert page["edges"][-1]["cursor"] == page["pageInfo"]["endCursor"]
        results += [node["name"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        await record(store, f"EXPERIMENT:x>TRIAL:t{page_number}5")
    assert results == [f"t{n}" for n in range(7)]
    for wrong in ("nonsense", after and after[:-2]):
        assert "after is not a cursor" in str((await answer(store, query, {"after": wrong, "first": 2}, A)).errors)
    for size in (0, 101):
        assert f"first is {size}" in str((await answer(store, query, {"first": size}, A)).errors)


async def test_typed_fields_omit_hidden_and_masked_entities(store: Store) -> None:
    await record(store, "EXPERIMENT:x>TRIAL:t1", "EXPERIMENT:x>TRIAL:t2", "TRIAL:t2>TRIAL_COMPONENT:c")
    await share(store, "a", "b")
    trial = entity_id("lineal:a:TRIAL:t1")
    created = await changed(store, admin("a"), "lineageGroupCreate", name="s", addEntities=[{"id": trial}])
    group = created["group"]["id"]
    policy = '@id("b") forbid (principal in Lineal::Account::"b", action, resource);'
    assert await codes(store, admin("a"), "lineageGroupPolicySet", id=group, policy=policy) == []
    for boundary in ("CUT", "BRIDGE", "MASK"):
        assert await codes(store, admin("a"), "lineageGroupChange", id=group, boundary=boundary) == []
        assert names((await field(store, "EXPERIMENT:x", f"trials {LISTED}", by=B))["trials"]) == ["t2"]
        assert names((await field(store, "EXPERIMENT:x", f"trials {LISTED}"))["trials"]) == ["t1", "t2"]
    # Its experiment hidden, a trial has none.
    experiment = entity_id("lineal:a:EXPERIMENT:x")
    assert await codes(store, admin("a"), "lineageGroupChange", id=group, addEntities=[{"id": experiment}]) == []
    assert await field(store, "TRIAL:t2", "experiment { name }", by=B) == {"experiment": None}


async def test_typed_fields_respect_crossing(store: Store) -> None:
    await record(store, "EXPERIMENT:x>TRIAL:t1")
    reader = Principal("a", "r", permissions=frozenset({Permission.READ}))
    assert names((await field(store, "EXPERIMENT:x", f"trials {LISTED}", by=reader))["trials"]) == []


@pytest.mark.parametrize("width", [1, 6])
async def test_one_round_trip_a_level_however_many_siblings(store: Store, width: int) -> None:
    for n in range(width):
        await record(store, *(f"EXPERIMENT:x{n}>TRIAL:t{n}-{m}" for m in range(width)))
        await record(store, *(f"TRIAL:t{n}-{m}>TRIAL_COMPONENT:c{n}-{m}" for m in range(width)))
    query = """{ experiments { nodes { trials { nodes { experiment { name } components { nodes { name
      ... on TrialComponent { inputs { totalCount } outputs { totalCount } stage } } } } } } } }"""
    counting = CountingStore(store)
    await data(counting, query, by=A)
    assert counting.calls == Counter(newest=1, secret=1, find=1, reach=3)


@pytest.mark.parametrize("width", [1, 6])
async def test_the_data_of_any_number_of_pipelines_take_two_round_trips(store: Store, width: int) -> None:
    for n in range(width):
        await record(store, *(f"PIPELINE:p{n}>PROCESSING_JOB:r{n}-{m}" for m in range(width)))
        await record(store, *(f"DATASET:d{n}>PROCESSING_JOB:r{n}-{m}" for m in range(width)), type="CONTRIBUTED_TO")
    query = """{ pipelines { nodes { latestRun { name pipeline { name } children { totalCount } }
      runs { totalCount } inputs { nodes { name ... on Dataset { features { totalCount } } } } outputs { totalCount } }
    } }"""
    counting = CountingStore(store)
    await data(counting, query, by=A)
    assert counting.calls == Counter(newest=1, secret=1, find=1, reach=3), "runs, their data, and one below each"


async def test_more_than_can_be_sorted_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(related, "MOST_SORTED", 2)
    for _ in range(3):
        await registered(store, A, group={"name": "g"}, model={"urn": urn_of("a", "m")})
    query = '{ entity(urn: "lineal:a:MODEL_GROUP:g") { ... on ModelGroup { versions { totalCount } } } }'
    refused = await answer(store, query, by=A)
    assert str(refused.errors[0].original_error) == (
        "versions would sort 3 entities; the most is 2: ask for `associations`, which come in pages."
    )
    assert "visit" in str((await answer(store, query, by=A, visits=1)).errors[0].original_error)
