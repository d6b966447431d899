"""Recording observations: what is taken, what is refused and where, who may, and nothing half-written."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from counting_store import CountingStore
from graphql_requests import answer, data
from observation_requests import OBSERVE, observed, series
from tenants import admin, codes, id_at, logged, member, recorded, share, tenants, urn_of

from lineal.auth.permissions import Permission
from lineal.auth.principals import LOCAL, Principal
from lineal.auth.scopes import default_group
from lineal.graphstore.store import Store
from lineal.resolvers.errors import BadInput

A, B = member("a"), member("b")
JOB = urn_of("a", "j")


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    opened = await tenants("a", "b")
    yield opened
    await opened.close()


async def errors(store: Store, by: Principal, *given: dict[str, Any], **more: Any) -> list[tuple[str, list[str]]]:
    """The codes and paths of a recording that is refused, which writes nothing."""
    before = await store.watermark()
    done = await observed(store, by, *given, **more)
    assert (done["newCount"], done["entities"]) == (0, [])
    assert done["userErrors"]
    assert await store.watermark() == before
    return [(each["code"], each["path"]) for each in done["userErrors"]]


async def test_observations_sent_again_are_recorded_once(store: Store) -> None:
    inputs = [series(JOB, "loss", 0.5, 0.25), series(urn_of("a", "m"), "auc", 0.9), series(JOB, "auc", 0.8)]
    done = await observed(store, A, *inputs)
    assert done == {
        "newCount": 4,
        "entities": [
            {
                "urn": JOB,
                "metrics": [{"name": "auc", "last": 0.8, "count": 1}, {"name": "loss", "last": 0.25, "count": 2}],
            },
            {"urn": urn_of("a", "m"), "metrics": [{"name": "auc", "last": 0.9, "count": 1}]},
        ],
        "userErrors": [],
    }
    again = await observed(store, A, *inputs, series(JOB, "loss", 0.5, 0.25, 0.125))
    assert (again["newCount"], again["userErrors"]) == (1, [])
    repeated = await observed(store, A, *inputs)
    assert (repeated["newCount"], len(repeated["entities"])) == (0, 2)
    assert await observed(store, A) == {"newCount": 0, "entities": [], "userErrors": []}
    assert (await observed(store, A, series(JOB, "loss")))["newCount"] == 0


async def test_steps_and_times(store: Store) -> None:
    points = [
        {"value": 1},
        {"value": 2, "step": None, "occurredAt": "2026-01-01T00:00:00Z"},
        {"value": 3, "step": "9223372036854775807"},
        {"value": 4.5, "step": -(2**63)},
        {"value": -0.0, "step": 7.0, "occurredAt": "2026-01-01T01:00:00+01:00"},
    ]
    one = {"entity": {"id": id_at("a", "j")}, "metric": "µ", "observations": points}
    assert (await observed(store, A, one))["newCount"] == 5
    query = f'{{ entity(urn: "{JOB}") {{ metrics {{ series {{ nodes {{ step value occurredAt recordedAt }} }} }} }} }}'
    (metric,) = (await data(store, query, by=A))["entity"]["metrics"]
    nodes = metric["series"]["nodes"]
    assert [(each["step"], each["value"]) for each in nodes] == [
        (-(2**63), 4.5),
        (0, 2.0),
        (0, 1.0),
        (7, 0.0),
        (2**63 - 1, 3.0),
    ]
    assert nodes[1]["occurredAt"] == nodes[3]["occurredAt"] == "2026-01-01T00:00:00.000000Z"
    assert nodes[2]["occurredAt"] == nodes[2]["recordedAt"]


async def test_another_value_at_a_step_and_time_is_another_observation(store: Store) -> None:
    await observed(store, A, series(JOB, "loss", 0.5, 0.25, 0.125))
    twice = series(JOB, "auc", 1, 2, 1)
    for point in twice["observations"]:
        point["step"] = 0
    done = await observed(store, A, twice, series(JOB, "loss", 0.5, 7, 0.125))
    assert (done["newCount"], done["userErrors"]) == (3, [])
    assert done["entities"][0]["metrics"] == [
        {"name": "auc", "last": 2.0, "count": 2},
        {"name": "loss", "last": 0.125, "count": 4},
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([series(JOB, "", 1, 2)], [("INVALID_VALUE", ["input", "series", "0", "metric"])]),
        ([series(JOB, "x", 1), series(JOB, "m" * 505, 1, 2)], [("TOO_LARGE", ["input", "series", "1", "metric"])]),
        ([series(JOB, "a\0b", 1)], [("INVALID_VALUE", ["input", "series", "0", "metric"])]),
        ([series("lineal:a:MODEL:no", "x", 1, 2)], [("NOT_FOUND", ["input", "series", "0", "entity"])]),
        ([series("lineal:a:MODEL:no", "x", 1), series("nonsense", "x", 1)],
         [("INVALID_VALUE", ["input", "series", "1", "entity"])]),
        ([{"entity": {"id": "no"}, "metric": "x", "observations": []}],
         [("NOT_FOUND", ["input", "series", "0", "entity"])]),
        ([series(JOB, "x", *range(10_001))], [("TOO_LARGE", ["input", "series"])]),
        ([series(JOB, "x")] * 1001, [("TOO_LARGE", ["input", "series"])]),
    ],
)  # fmt: skip
async def test_invalid_observations_are_refused_with_their_path(
    store: Store, given: list[dict[str, Any]], expected: list[tuple[str, list[str]]]
) -> None:
    assert await errors(store, A, *given) == expected


@pytest.mark.parametrize("step", ["x", 1.5, True, 2**63, "-9223372036854775809", [1], ""])
async def test_a_step_is_an_integer_of_64_bits(store: Store, step: Any) -> None:
    one = series(JOB, "x", 1)
    one["observations"][0]["step"] = step
    (error,) = (await answer(store, OBSERVE, {"i": {"series": [one]}}, A)).errors
    assert isinstance(error.original_error, BadInput)
    assert error.message == "step takes an integer of 64 bits, as a number or as decimal text"


@pytest.mark.parametrize("value", ["1", "nan", "", True, [1], {}, 10**400])
async def test_a_value_is_a_number_or_a_word_for_what_is_none(store: Store, value: Any) -> None:
    (error,) = (await answer(store, OBSERVE, {"i": {"series": [series(JOB, "x", value)]}}, A)).errors
    assert "the value of a metric " in error.message
    assert error.message.endswith(
        'must be a number, or one of the strings "NaN", "Infinity" and "-Infinity"'
        if not isinstance(value, int) or value is True
        else 'is no number that 64 bits hold: write "NaN", "Infinity" or "-Infinity" as strings'
    )
    assert await store.watermark() == (await store.newest()).recorded_at


async def test_a_value_too_great_for_a_literal_is_not_taken_for_infinity(store: Store) -> None:
    written = f'series: [{{entity: {{urn: "{JOB}"}}, metric: "x", observations: [{{value: 1e400}}]}}]'
    mutation = f"mutation {{ observationsRecord(input: {{{written}}}) {{ newCount }} }}"
    with pytest.raises(AssertionError, match="is no number that 64 bits hold"):
        await answer(store, mutation, by=A)


async def test_ten_thousand_at_once(store: Store) -> None:
    inputs = [series(JOB, f"m{number}", *range(10)) for number in range(1000)]
    assert (await observed(store, A, *inputs[:100]))["newCount"] == 1000
    (done,) = (
        await data(store, OBSERVE.replace("metrics { name last count }", ""), {"i": {"series": inputs}}, A)
    ).values()
    assert (done["newCount"], done["userErrors"]) == (9000, [])


async def test_a_repeat_under_a_key_answers_as_the_first_did(store: Store) -> None:
    bare = {"entity": {"urn": JOB}, "metric": "loss", "observations": [{"value": 1}]}
    for _ in range(3):
        assert (await observed(store, A, bare, idempotencyKey="k"))["newCount"] == 1
    query = f'{{ entity(urn: "{JOB}") {{ metrics {{ count }} }} }}'
    assert (await data(store, query, by=A))["entity"]["metrics"] == [{"count": 1}]
    mismatch = ("IDEMPOTENCY_MISMATCH", ["input", "idempotencyKey"])
    for other in ({"metric": "auc"}, {"observations": [{"value": 2}]}, {"observations": [{"value": 1, "step": 1}]}):
        assert await errors(store, A, {**bare, **other}, idempotencyKey="k") == [mismatch]
    assert await errors(store, A, {**bare, "entity": {"urn": urn_of("a", "m")}}, idempotencyKey="k") == [mismatch]
    assert "idempotencyKey must be" in str(
        (await answer(store, OBSERVE, {"i": {"series": [bare], "idempotencyKey": ""}}, A)).errors
    )


@pytest.mark.parametrize("by_id", [False, True])
async def test_hidden_entities_are_reported_as_absent(store: Store, by_id: bool) -> None:
    def named(name: str) -> dict[str, Any]:
        entity = {"id": id_at("b", name)} if by_id else {"urn": urn_of("b", name)}
        return {**series(JOB, "x", 1), "entity": entity}

    # Both get a suggestion: the caller's own account has a dataset of the name.
    assert not await recorded(store, A, entities=[{"kind": "DATASET", "name": "nod"}])
    hidden, absent = [(await observed(store, A, named(name)))["userErrors"] for name in ("d", "nod")]
    assert [each["code"] for each in hidden] == ["NOT_FOUND"]
    shown = [each["message"].replace(id_at("b", "nod"), id_at("b", "d")).replace("nod", "d") for each in absent]
    assert [each["message"] for each in hidden] == shown
    assert hidden[0]["path"] == ["input", "series", "0", "entity"]


async def test_readers_without_record_permission_are_forbidden(store: Store) -> None:
    await share(store, "a", "b")
    done = await observed(store, B, series(urn_of("b", "j"), "x", 1), series(JOB, "x", 1, 2))
    assert done["userErrors"] == [
        {
            "code": "FORBIDDEN",
            "message": f"Observing {JOB} needs lineage:Record on it: ask an administrator of its account.",
            "path": ["input", "series", "1", "entity"],
        }
    ]
    query = f'{{ entity(urn: "{urn_of("b", "j")}") {{ metrics {{ count }} }} }}'
    assert (await data(store, query, by=B))["entity"]["metrics"] == [], "nothing half-written"
    (refused,) = await logged(store, admin("a"), principal="b/mia", isAllowed=False)
    assert (refused["action"], refused["resource"], refused["resourceKind"]) == ("RECORD", JOB, "ENTITY")
    reader = Principal("a", "r", permissions=frozenset({Permission.READ}))
    assert await errors(store, reader, series(JOB, "x", 1)) == [("FORBIDDEN", ["input", "series", "0", "entity"])]
    assert (await observed(store, LOCAL, series(JOB, "x", 1)))["newCount"] == 1


async def test_writes_are_audited_once(store: Store) -> None:
    assert (await observed(store, A, series(JOB, "x", 1, 2), series(JOB, "y", 1)))["newCount"] == 3
    records = await logged(store, admin("a"), action="RECORD", isAllowed=True)
    assert records[0]["resource"] == default_group("a")
    assert len(records) == 2, "one for what the store was filled with, one for the observations"


async def test_a_hidden_metric_is_recorded_and_not_shown(store: Store) -> None:
    await observed(store, A, series(JOB, "loss", 0.5), series(JOB, "auc", 0.5))
    policy = '@id("b") permit (principal in Lineal::Account::"b", action == Lineal::Action::"Record", resource);'
    await share(store, "a", "b", redacted=["metrics.loss"])
    assert await codes(store, admin("a"), "lineageGroupPolicySet", id=default_group("a"), policy=policy) == []
    done = await observed(store, B, series(JOB, "loss", 0.5, 0.25))
    assert done["entities"] == [{"urn": JOB, "metrics": [{"name": "auc", "last": 0.5, "count": 1}]}]


async def test_one_write_and_one_read(store: Store) -> None:
    await data(store, "{ viewer { account } }", by=A)
    counting = CountingStore(store)
    await observed(counting, A, series(JOB, "loss", 1, 2), series(urn_of("a", "m"), "auc", 1))
    assert {verb: count for verb, count in counting.calls.items() if verb != "secret"} == {
        "newest": 1,
        "entity_groups": 1,
        "record": 1,
        "entities": 1,
        "metrics": 1,
    }
