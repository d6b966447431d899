"""Metrics of entities: what they show of observations and properties, their pages and buckets, and who sees them."""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from counting_store import CountingStore
from graphql_requests import answer, data
from observation_requests import observed, series
from tenants import admin, changed, codes, member, recorded, revised, share, tenants, urn_of

from lineal.graphstore.errors import LimitExceeded
from lineal.graphstore.store import Store
from lineal.graphstore.urns import entity_id
from lineal.resolvers import metrics as resolve
from lineal.resolvers.errors import BadInput

A, B = member("a"), member("b")
JOB = urn_of("a", "j")
SHOWN = "name last min max count from { urn }"


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    opened = await tenants("a", "b")
    yield opened
    await opened.close()


async def metrics(store: Store, arguments: str = "", shown: str = SHOWN, by: Any = A, urn: str = JOB) -> Any:
    """The metrics of an entity."""
    query = f'{{ entity(urn: "{urn}") {{ metrics{arguments} {{ {shown} }} }} }}'
    return (await data(store, query, by=by))["entity"]["metrics"]


async def set_properties(store: Store, **values: dict[str, Any]) -> None:
    inputs = [{"key": f"metrics.{name}", "value": value} for name, value in values.items()]
    done = await revised(store, A, entity={"urn": JOB}, properties=inputs)
    assert not done["userErrors"]


async def test_of_observations_and_of_properties(store: Store) -> None:
    await observed(store, A, series(JOB, "loss", 0.5, 0.125, 0.25), series(JOB, "Validation:auc", 0.75))
    await set_properties(
        store,
        loss={"float": 9.0},
        f1={"float": 0.5},
        epochs={"int": 3},
        best={"boolean": True},
        note={"string": "1"},
        confusion={"json": [1]},
        done={"timestamp": "2026-01-01T00:00:00Z"},
    )
    expected = {"from": {"urn": JOB}}
    assert await metrics(store) == [
        {"name": "Validation:auc", "last": 0.75, "min": 0.75, "max": 0.75, "count": 1, **expected},
        {"name": "epochs", "last": 3.0, "min": 3.0, "max": 3.0, "count": 0, **expected},
        {"name": "f1", "last": 0.5, "min": 0.5, "max": 0.5, "count": 0, **expected},
        {"name": "loss", "last": 0.25, "min": 0.125, "max": 0.5, "count": 3, **expected},
    ]
    named = await metrics(store, '(names: ["loss", "f1", "no", "loss"])', "name count")
    assert named == [{"name": "f1", "count": 0}, {"name": "loss", "count": 3}]
    assert await metrics(store, "(names: [])") == []
    assert await metrics(store, urn=urn_of("a", "m")) == []


async def test_nan_and_infinities_are_strings(store: Store) -> None:
    inputs: list[float | str] = ["NaN", "Infinity", 0.5, "-Infinity", 1, "NaN"]
    assert (await observed(store, A, series(JOB, "loss", *inputs), series(JOB, "lost", "NaN")))["newCount"] == 7
    shown = """name last min max count nanCount series { nodes { value } }
      buckets(most: 2) { count nanCount first { value } min { value } max { value } }"""
    assert await metrics(store, "", shown) == [
        {
            "name": "loss",
            "last": "NaN",
            "min": "-Infinity",
            "max": "Infinity",
            "count": 6,
            "nanCount": 2,
            "series": {"nodes": [{"value": value} for value in inputs]},
            "buckets": [
                {
                    "count": 3,
                    "nanCount": 1,
                    "first": {"value": "NaN"},
                    "min": {"value": 0.5},
                    "max": {"value": "Infinity"},
                },
                {
                    "count": 3,
                    "nanCount": 1,
                    "first": {"value": "-Infinity"},
                    "min": {"value": "-Infinity"},
                    "max": {"value": 1.0},
                },
            ],
        },
        {
            "name": "lost",
            "last": "NaN",
            "min": None,
            "max": None,
            "count": 1,
            "nanCount": 1,
            "series": {"nodes": [{"value": "NaN"}]},
            "buckets": [{"count": 1, "nanCount": 1, "first": {"value": "NaN"}, "min": None, "max": None}],
        },
    ]


async def test_a_property_has_no_series(store: Store) -> None:
    await set_properties(store, f1={"float": 0.5})
    shown = "series { totalCount pageInfo { hasNextPage endCursor } nodes { value } } buckets { count }"
    assert await metrics(store, "", shown) == [
        {
            "series": {"totalCount": 0, "pageInfo": {"hasNextPage": False, "endCursor": None}, "nodes": []},
            "buckets": [],
        }
    ]


async def test_every_kind_has_them(store: Store) -> None:
    entities = [{"kind": kind, "name": "x"} for kind in ("TRIAL", "TRIAL_COMPONENT", "MODEL_VERSION", "DATASET")]
    assert await recorded(store, A, entities=entities) == []
    inputs = [series(f"lineal:a:{each['kind']}:x", "loss", 1) for each in entities]
    assert (await observed(store, A, *inputs))["newCount"] == 4
    query = """{ trials { nodes { metrics { last } } } datasets { nodes { metrics { last } } }
      entities(where: {kind: [MODEL_VERSION, TRIAL_COMPONENT]}) { nodes { metrics { last } } } }"""
    response = await data(store, query, by=A)
    shown = [node["metrics"] for each in response.values() for node in each["nodes"] if node["metrics"]]
    assert shown == [[{"last": 1.0}]] * 4


async def test_pages_of_a_series_go_on_in_one_moment(store: Store) -> None:
    await observed(store, A, series(JOB, "loss", *range(7)))
    query = f"""query ($after: String, $first: Int!, $m: String = "loss") {{ entity(urn: "{JOB}") {{
      metrics(names: [$m]) {{ series(first: $first, after: $after) {{ totalCount
      pageInfo {{ hasNextPage endCursor }} edges {{ cursor node {{ step }} }} nodes {{ value }} }} }} }} }}"""
    results: list[float] = []
    after: Any = None
    for page_number in range(4):
        (metric,) = (await data(store, query, {"after": after, "first": 2}, A))["entity"]["metrics"]
        page = metric["series"]
        assert page["totalCount"] == 7
        assert page["pageInfo"]["hasNextPage"] == (page_number < 3)
        assert page["edges"][-1]["cursor"] == page["pageInfo"]["endCursor"]
        assert [each["node"]["step"] for each in page["edges"]] == [each["value"] for each in page["nodes"]]
        results += [node["value"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        await observed(store, A, series(JOB, "loss", 99, occurredAt=f"2026-04-0{page_number + 1}T00:00:00Z"))
        await observed(store, A, series(JOB, "other", 1))
    assert results == list(range(7))
    for variables in ({"after": "nonsense"}, {"after": after[:-2]}, {"after": after, "m": "other"}):
        wrong = await answer(store, query, {"first": 2, **variables}, A)
        assert "after is not a cursor" in str(wrong.errors)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("series(first: 0) { totalCount }", "first is 0: give 1 to 1000, and read on with after"),
        ("series(first: 1001) { totalCount }", "first is 1001: give 1 to 1000"),
        ("buckets(most: 0) { count }", "most is 0: give 1 to 1000"),
        ("buckets(most: 1001) { count }", "most is 1001: give 1 to 1000"),
    ],
)
async def test_page_and_bucket_limits(store: Store, arguments: str, message: str) -> None:
    await observed(store, A, series(JOB, "loss", 1))
    (error,) = (await answer(store, f'{{ entity(urn: "{JOB}") {{ metrics {{ {arguments} }} }} }}', by=A)).errors
    assert isinstance(error.original_error, BadInput)
    assert error.message.startswith(message)


async def test_the_number_of_metric_names_is_limited(store: Store) -> None:
    query = f'query ($n: [String!]) {{ entity(urn: "{JOB}") {{ metrics(names: $n) {{ name }} }} }}'
    assert await data(store, query, {"n": ["x"] * 100}, A)
    (error,) = (await answer(store, query, {"n": ["x"] * 101}, A)).errors
    assert error.message == "names names 101: give 0 to 100"


async def test_too_many_metrics_are_asked_for_by_name(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolve, "MOST_METRICS", 2)
    await observed(store, A, *(series(JOB, f"m{number}", 1) for number in range(2)))
    assert len(await metrics(store)) == 2
    await set_properties(store, more={"int": 1})
    (error,) = (await answer(store, f'{{ entity(urn: "{JOB}") {{ metrics {{ name }} }} }}', by=A)).errors
    assert isinstance(error.original_error, LimitExceeded)
    assert error.message == f"{JOB} has 3 metrics; the most is 2: give the `names` of up to 100."
    assert len(await metrics(store, '(names: ["m0", "m1", "more"])')) == 3


async def test_a_request_may_ask_for_so_many_observations(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolve, "MOST_REQUESTED", 10)
    await observed(store, A, series(JOB, "loss", 1, 2, 3), series(JOB, "auc", 1, 2))
    assert await metrics(store, "", "series { totalCount } buckets { count }"), "never more than there is"
    shown = "series { totalCount } buckets { count } more: buckets(most: 1) { count }"
    response = await answer(store, f'{{ entity(urn: "{JOB}") {{ metrics {{ {shown} }} }} }}', by=A)
    assert isinstance(response.errors[0].original_error, LimitExceeded)
    assert "The request asks for more than 10 observations" in response.errors[0].message


async def test_buckets_keep_extremes(store: Store) -> None:
    values = [5, 1, 3, 9, 2, 2, 8, 0]
    await observed(store, A, series(JOB, "loss", *values))
    shown = "count first { step } last { step } min { step value } max { step value recordedBy occurredAt }"
    (metric,) = await metrics(store, "", f"buckets(most: 3) {{ {shown} }}")
    ends = [(each["first"]["step"], each["last"]["step"], each["count"]) for each in metric["buckets"]]
    assert ends == [(0, 1, 2), (2, 4, 3), (5, 7, 3)]
    assert [each["min"] for each in metric["buckets"]] == [
        {"step": 1, "value": 1.0},
        {"step": 4, "value": 2.0},
        {"step": 7, "value": 0.0},
    ]
    assert [each["max"]["value"] for each in metric["buckets"]] == [5.0, 9.0, 8.0]
    assert metric["buckets"][0]["max"]["recordedBy"] == "a/mia"
    (whole,) = await metrics(store, "", "buckets { count }")
    assert whole["buckets"] == [{"count": 1}] * 8


async def test_as_of_the_moment_of_what_they_are_of(store: Store) -> None:
    await observed(store, A, series(JOB, "loss", 1, 2))
    query = f"""query ($at: AsOf) {{ entity(urn: "{JOB}", asOf: $at) {{
      metrics {{ name last count series {{ totalCount nodes {{ recordedAt }} }} buckets(most: 1) {{ count }} }} }} }}"""
    (before,) = (await data(store, query, by=A))["entity"]["metrics"]
    at = {"recordedAt": before["series"]["nodes"][0]["recordedAt"]}
    await observed(store, A, series(JOB, "loss", 9, 9, 9, occurredAt="2027-01-01T00:00:00Z"), series(JOB, "new", 1))
    await set_properties(store, f1={"float": 0.5})
    assert (await data(store, query, {"at": at}, A))["entity"]["metrics"] == [before]
    occurred = (await data(store, query, {"at": {"occurredAt": "2026-12-31T00:00:00Z"}}, A))["entity"]["metrics"]
    assert [(each["name"], each["count"], each["last"]) for each in occurred] == [
        ("f1", 0, 0.5),
        ("loss", 2, 2.0),
        ("new", 1, 1.0),
    ]
    now = (await data(store, query, by=A))["entity"]["metrics"]
    assert [(each["name"], each["count"], each["last"]) for each in now] == [
        ("f1", 0, 0.5),
        ("loss", 5, 9.0),
        ("new", 1, 1.0),
    ]


async def test_hidden_as_their_property_keys_are(store: Store) -> None:
    await observed(store, A, series(JOB, "loss", 1), series(JOB, "auc", 1))
    await set_properties(store, loss={"float": 7.0}, f1={"float": 0.5}, f2={"float": 0.5})
    await share(store, "a", "b", redacted=["metrics.loss", "metrics.f1"])
    assert [each["name"] for each in await metrics(store, by=B)] == ["auc", "f2"]
    assert await metrics(store, '(names: ["loss", "f1"])', by=B) == []
    assert [each["name"] for each in await metrics(store)] == ["auc", "f1", "f2", "loss"]


async def test_restricted_entities_have_no_metrics(store: Store) -> None:
    await observed(store, A, series(JOB, "loss", 1))
    await share(store, "a", "b")
    created = await changed(store, admin("a"), "lineageGroupCreate", name="s", addEntities=[{"id": entity_id(JOB)}])
    group = created["group"]["id"]
    policy = '@id("b") forbid (principal in Lineal::Account::"b", action, resource);'
    assert await codes(store, admin("a"), "lineageGroupPolicySet", id=group, policy=policy) == []
    assert await codes(store, admin("a"), "lineageGroupChange", id=group, boundary="MASK") == []
    query = f'{{ entity(urn: "{urn_of("a", "d")}") {{ descendants {{ nodes {{ kind metrics {{ name }} }} }} }} }}'
    response = (await data(store, query, by=B))["entity"]["descendants"]["nodes"]
    assert {"kind": "RESTRICTED", "metrics": []} in response


@pytest.mark.parametrize("width", [1, 5])
async def test_one_round_trip_for_each_however_many_siblings(store: Store, width: int) -> None:
    names = [f"t{number}" for number in range(width)]
    assert await recorded(store, A, entities=[{"kind": "TRIAL", "name": name} for name in names]) == []
    inputs = [series(f"lineal:a:TRIAL:{name}", metric, 1, 2) for name in names for metric in ("loss", "auc")]
    await observed(store, A, *inputs)
    query = """{ trials { nodes { metrics { last series { nodes { value } } buckets { count } }
      auc: metrics(names: ["auc"]) { from { metrics { name } } series { totalCount } } } } }"""
    counting = CountingStore(store)
    await data(counting, query, by=A)
    assert counting.calls == Counter(newest=1, secret=1, find=1, metrics=1, series=1, buckets=1)


async def test_a_step_beyond_the_numbers_of_javascript_is_also_a_text(store: Store) -> None:
    steps = [-(2**63), 2**53 + 1]
    observations = [{"step": str(step), "value": 1.0} for step in steps]
    await observed(store, A, {"entity": {"urn": JOB}, "metric": "loss", "observations": observations})
    (metric,) = await metrics(store, "", "series { nodes { step stepText } }")
    assert metric["series"]["nodes"] == [{"step": step, "stepText": str(step)} for step in steps]
