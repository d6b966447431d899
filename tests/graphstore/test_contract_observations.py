"""Observations, over every engine: identity, values, times, scopes, pages, buckets, and batches that are whole."""

import asyncio
import math
from dataclasses import replace
from typing import Any

import pytest
from record_builders import DAY, EPOCH, Down, association, entity, graph, id_of, now, properties, reach, urn

from lineal.auth.permissions import Permission
from lineal.auth.scopes import EVERYTHING, Grant, GroupRule, Scope, default_group
from lineal.graphstore.batches import Batch, Idempotency, NewEntity, NewObservation, NewRevision
from lineal.graphstore.errors import BatchRefused, ProblemCode
from lineal.graphstore.kinds import AssociationType, LineageDirection
from lineal.graphstore.queries import (
    AssociationsOf,
    BucketsOf,
    HistoryOf,
    MetricsOf,
    ObservationPosition,
    PropertyKeys,
    SeriesOf,
)
from lineal.graphstore.records import AsOf, Metric, Observation, View
from lineal.graphstore.series import position_of
from lineal.graphstore.store import Durability, SeriesPage, Store


def seen(
    value: float, step: int = 0, name: str = "job", metric: str = "loss", at: int | None = EPOCH
) -> NewObservation:
    return NewObservation(urn(name), metric, value, step, at)


async def record(store: Store, *observations: NewObservation, **more: Any) -> tuple[bool, ...]:
    return (await store.record(Batch(observations=observations), by="me", **more)).observations_are_new


async def refused(store: Store, batch: Batch) -> list[tuple[ProblemCode, tuple[str | int, ...]]]:
    before = await store.watermark()
    with pytest.raises(BatchRefused) as caught:
        await store.record(batch, by="me")
    assert await store.watermark() == before
    return [(problem.code, problem.path) for problem in caught.value.problems]


async def series(store: Store, name: str = "job", metric: str = "loss", view: View | None = None) -> SeriesPage:
    (page,) = await store.series([SeriesOf(view or await now(store), id_of(name), metric)])
    return page


async def values(store: Store, **more: Any) -> list[tuple[int, float]]:
    return [(each.step, each.value) for each in (await series(store, **more)).items]


async def metrics(store: Store, name: str = "job", view: View | None = None) -> dict[str, tuple[float | None, ...]]:
    """By metric: last, min, max, count, and the number of NaN where there are any."""
    (found,) = await store.metrics([MetricsOf(view or await now(store), id_of(name))])
    return {
        each.name: (each.last, each.min, each.max, each.count, *([each.nan_count] if each.nan_count else []))
        for each in found
    }


def reader(account: str, *permissions: Permission, hides: tuple[str, ...] = ()) -> Scope:
    """Who reads an account's entities, with the properties where these are permitted, but for hidden keys."""
    grant = Grant(frozenset({Permission.READ, *permissions}), redacted=frozenset(hides))
    return Scope.of([GroupRule(default_group(account), (grant,))])


@pytest.fixture
async def observed(store: Store) -> Store:
    """A store with entities to observe."""
    await store.record(graph("job", "other>x"), by="me")
    return store


async def test_a_series_is_read_as_it_was_recorded(observed: Store) -> None:
    at = await observed.record(Batch(observations=(seen(0.5, 2), seen(0.25, -7), seen(1e300, 2, at=EPOCH - 1))), by="I")
    assert (at.observations_are_new, at.entities_are_new) == ((True, True, True), ())
    view = await now(observed)
    assert at.recorded_at == view.as_of.recorded_at
    page = await series(observed)
    inputs = ((-7, 0.25, EPOCH), (2, 1e300, EPOCH - 1), (2, 0.5, EPOCH))
    assert page == SeriesPage(
        tuple(Observation(id_of("job"), "loss", *each, at.recorded_at or 0, "I", view) for each in inputs), 3, False
    )
    assert {each.view for each in page.items} == {view}
    (found,) = await observed.metrics([MetricsOf(view, id_of("job"))])
    assert found == (Metric(id_of("job"), "loss", 0.5, 0.25, 1e300, 3, 0, view),)


async def test_the_same_value_again_is_nothing_new_and_another_is_another_observation(observed: Store) -> None:
    assert await record(observed, seen(0.5), seen(0.5), seen(0.5, 1)) == (True, False, True)
    before = await now(observed)
    assert await record(observed, seen(0.5), seen(0.5, 1)) == (False, False)
    assert await now(observed) == before
    assert await record(observed, seen(7, 5), seen(0.5), seen(0.75, 1), seen(-2, 1), seen(0.75, 1)) == (
        (True, False, True, True, False)
    )
    assert await values(observed) == [(0, 0.5), (1, -2), (1, 0.5), (1, 0.75), (5, 7)]
    assert await metrics(observed) == {"loss": (7, -2, 7, 5)}
    assert await record(observed, seen(9, 5), seen(1, 5)) == (True, True)
    assert await metrics(observed) == {"loss": (9, -2, 9, 7)}
    assert await record(observed, seen(0.75, 1, at=EPOCH + 1), seen(0.75, 1, metric="Loss")) == (True, True)


async def test_nan_and_infinities_are_values(observed: Store) -> None:
    odd = [seen(math.nan), seen(float("nan")), seen(math.inf), seen(-math.inf), seen(0.5)]
    assert await record(observed, *odd) == (True, False, True, True, True)
    assert await record(observed, *odd, seen(-math.nan)) == (False,) * 6
    assert await values(observed) == [(0, math.nan), (0, -math.inf), (0, 0.5), (0, math.inf)]
    assert await metrics(observed) == {"loss": (math.inf, -math.inf, math.inf, 4, 1)}
    for metric, given, summary in (
        ("last", [seen(3), seen(math.nan, 1)], (math.nan, 3, 3, 2, 1)),
        ("same step", [seen(math.nan), seen(-math.inf)], (-math.inf, -math.inf, -math.inf, 2, 1)),
        ("none", [seen(math.nan), seen(math.nan, 1)], (math.nan, None, None, 2, 2)),
    ):
        assert all(await record(observed, *(replace(each, metric=metric) for each in given)))
        assert (await metrics(observed))[metric] == summary
    view = await now(observed)
    (buckets,) = await observed.buckets([BucketsOf(view, id_of("job"), "loss", 2)])
    assert [(each.count, each.nan_count) for each in buckets] == [(2, 1), (2, 0)]
    low, high = buckets[0].min, buckets[1].max
    assert low
    assert high
    assert (low.value, high.value) == (-math.inf, math.inf)
    (empty, *_) = (await observed.buckets([BucketsOf(view, id_of("job"), "none", 1)]))[0]
    assert (empty.min, empty.max, empty.first.value) == (None, None, math.nan)
    exported = [part async for part in observed.export(view) if isinstance(part, NewObservation)]
    assert len(exported) == len(set(exported)) == 10
    assert not any(await record(observed, *exported))


async def test_pages_go_through_the_values_of_one_step(observed: Store) -> None:
    inputs = [math.nan, -math.inf, -1e300, -5e-324, 0.0, 5e-324, 1.0, math.inf]
    await record(observed, *map(seen, inputs[::-1]))
    view = await now(observed)
    results: list[float] = []
    after = None
    for _ in inputs:
        (page,) = await observed.series([SeriesOf(view, id_of("job"), "loss", 1, after)])
        results += [each.value for each in page.items]
        assert page.has_next == (len(results) < len(inputs))
        after = position_of(page.items[0])
    assert results == inputs


async def test_a_zero_has_no_sign(observed: Store) -> None:
    assert await record(observed, seen(-0.0), seen(0.0), seen(0)) == (True, False, False)
    (only,) = (await series(observed)).items
    assert (math.copysign(1, only.value), type(only.value)) == (1, float)
    assert await record(observed, seen(-0.0)) == (False,)


async def test_an_observation_without_a_time_occurred_when_recorded(observed: Store) -> None:
    assert await record(observed, seen(1, at=None), seen(1, at=None), seen(0, at=None)) == (True, False, True)
    assert await record(observed, seen(2, at=None)) == (True,)
    items = (await series(observed)).items
    assert [each.occurred_at for each in items] == [each.recorded_at for each in items]
    assert [each.value for each in items] == [0, 1, 2]


async def test_overlapping_batches_report_what_is_new(observed: Store) -> None:
    assert all(await record(observed, *(seen(n, n) for n in range(0, 40, 2))))
    assert await record(observed, *(seen(n, n) for n in range(10, 20))) == (False, True) * 5
    assert await record(observed, *(seen(9, 10, at=EPOCH + n) for n in range(3, 0, -1))) == (True,) * 3
    assert await record(observed, seen(9, 10, at=EPOCH + 2), seen(8, 10, at=EPOCH + 9)) == (False, True)
    assert len((await series(observed)).items) == 20 + 5 + 4


async def test_an_observation_of_an_unknown_entity_is_refused(observed: Store) -> None:
    absent = [seen(1, name="absent"), seen(1), NewObservation("no urn", "loss", 1)]
    answer = await refused(observed, Batch(observations=tuple(absent)))
    assert answer == [(ProblemCode.NOT_FOUND, ("observations", place, "entity")) for place in (0, 2)]
    assert await metrics(observed) == {}


@pytest.mark.parametrize(
    ("observation", "code", "path"),
    [
        (seen(1, 2**63), ProblemCode.INVALID_VALUE, "step"),
        (seen(1, -(2**63) - 1), ProblemCode.INVALID_VALUE, "step"),
        (seen(1, metric=""), ProblemCode.INVALID_VALUE, "metric"),
        (seen(1, metric="nul \0"), ProblemCode.INVALID_VALUE, "metric"),
        (seen(1, metric="\ud800"), ProblemCode.INVALID_VALUE, "metric"),
        (seen(1, metric="x" * 505), ProblemCode.TOO_LARGE, "metric"),
    ],
)
async def test_bad_values_are_refused(store: Store, observation: NewObservation, code: ProblemCode, path: str) -> None:
    batch = Batch((entity("job"),), observations=(seen(1), observation))
    assert await refused(store, batch) == [(code, ("observations", 1, path))]


async def test_the_last_steps_and_the_oddest_names(observed: Store) -> None:
    names = ["ü\u0308", "\U0001f600", "\ue000", "'); DROP TABLE series; --", "${1+1}", " ", "a.b:c/d", "x" * 504]
    inputs = [seen(step, step, metric=name) for name in names for step in (2**63 - 1, -(2**63))]
    assert all(await record(observed, *inputs))
    assert list(await metrics(observed)) == sorted(names)
    for name in names:
        assert await values(observed, metric=name) == [(-(2**63), -(2.0**63)), (2**63 - 1, 2.0**63)]
    view = await now(observed)
    asked = [MetricsOf(view, id_of("job"), tuple(names[:2])), MetricsOf(view, id_of("job"), ("\ud800", "a\0", "none"))]
    some, none = await observed.metrics([*asked, asked[0]][:2])
    assert ([each.name for each in some], none) == (sorted(names[:2]), ())
    for odd in ("\ud800", "a\0", "", "none"):
        assert await series(observed, metric=odd) == SeriesPage((), 0, False)
        assert await observed.buckets([BucketsOf(view, id_of("job"), odd, 3)]) == [()]


async def test_questions_are_answered_in_their_order(observed: Store) -> None:
    await record(observed, seen(1), seen(2, name="x"), seen(3, metric="auc"), seen(4, 1))
    view, early = await now(observed), View(EVERYTHING, AsOf(0))
    ids = [id_of(name) for name in ("x", "job", "other", "absent", "job")]
    answer = await observed.metrics([MetricsOf(v, id) for id in (*ids, "no id", "é") for v in (view, early)])
    assert [[each.name for each in some] for some in answer[::2]] == [
        ["loss"], ["auc", "loss"], [], [], ["auc", "loss"], [], [],
    ]  # fmt: skip
    assert not any(answer[1::2])
    pages = await observed.series([SeriesOf(view, id, "loss") for id in ids])
    assert [[each.value for each in page.items] for page in pages] == [[2], [1, 4], [], [], [1, 4]]
    buckets = await observed.buckets([BucketsOf(view, id, "loss", 1) for id in ids])
    assert [[each.count for each in some] for some in buckets] == [[1], [2], [], [], [2]]
    (named,) = await observed.metrics([MetricsOf(view, id_of("job"), ("loss", "loss", "none"))])
    assert [each.name for each in named] == ["loss"]
    assert await observed.metrics([MetricsOf(view, id_of("job"), ())]) == [()]
    assert (await observed.metrics([]), await observed.series([]), await observed.buckets([])) == ([], [], [])


async def test_as_of_both_times(observed: Store) -> None:
    await record(observed, seen(1, 1, at=EPOCH + DAY), seen(5, 2, at=EPOCH + 9 * DAY))
    early = await now(observed)
    await record(observed, seen(3, 1, at=EPOCH + 2 * DAY), seen(0, 3, at=EPOCH - DAY))
    late = await now(observed)
    assert await metrics(observed, view=early) == {"loss": (5, 1, 5, 2)}
    assert await metrics(observed, view=late) == {"loss": (0, 0, 5, 4)}

    def of(view: View, days: int) -> View:
        return View(view.scope, AsOf(view.as_of.recorded_at, EPOCH + days * DAY))

    assert await metrics(observed, view=of(late, 2)) == {"loss": (0, 0, 3, 3)}
    assert await metrics(observed, view=of(early, 2)) == {"loss": (1, 1, 1, 1)}
    assert await metrics(observed, view=of(early, 0)) == {}
    assert await values(observed, view=of(late, 2)) == [(1, 1), (1, 3), (3, 0)]
    (buckets,) = await observed.buckets([BucketsOf(of(late, 2), id_of("job"), "loss", 2)])
    assert [(each.count, each.first.value, each.last.value) for each in buckets] == [(1, 1, 1), (2, 3, 0)]
    # The entity itself is of EPOCH: before it, there is nothing to observe.
    assert await metrics(observed, view=of(late, -1)) == {}
    assert await values(observed, view=View(EVERYTHING, AsOf(0))) == []


async def test_a_metric_is_hidden_where_its_property_is(observed: Store) -> None:
    inputs = [seen(n, n, metric=metric) for metric in ("loss", "auc") for n in range(3)]
    await record(observed, *inputs, seen(1, name="x"))
    view = await now(observed)
    for scope, shown in (
        (reader("a", Permission.READ_PROPERTIES, hides=("metrics.loss", "auc")), ["auc"]),
        (reader("a", Permission.READ_PROPERTIES, hides=("metrics", "loss")), ["auc", "loss"]),
        (reader("a"), []),
        (reader("b", Permission.READ_PROPERTIES), []),
        (Scope(), []),
    ):
        hers = View(scope, view.as_of)
        assert list(await metrics(observed, view=hers)) == shown
        for metric in ("loss", "auc"):
            page = await series(observed, metric=metric, view=hers)
            assert (len(page.items), page.total) == ((3, 3) if metric in shown else (0, 0))
            (buckets,) = await observed.buckets([BucketsOf(hers, id_of("job"), metric, 5)])
            assert len(buckets) == (3 if metric in shown else 0)
        exported = [part async for part in observed.export(hers) if isinstance(part, NewObservation)]
        assert {part.metric for part in exported} == set(shown)
        asked = [MetricsOf(hers, id_of("job"), ("loss",))]
        assert [len(found) for found in await observed.metrics(asked)] == ["loss" in shown]


async def test_pages_go_on_while_others_write(observed: Store) -> None:
    await record(observed, *(seen(n / 8, n // 2, at=EPOCH + n % 2) for n in range(25)))
    view = await now(observed)
    results: list[float] = []
    after = None
    for turn in range(10):
        (page,) = await observed.series([SeriesOf(view, id_of("job"), "loss", 4, after)])
        assert page.total == 25
        results += [each.value for each in page.items]
        await record(observed, seen(turn, turn, at=EPOCH + 5), seen(turn, -turn, at=EPOCH + 6))
        if not page.has_next:
            break
        after = position_of(page.items[-1])
    assert results == [n / 8 for n in range(25)]
    (past,) = await observed.series([SeriesOf(view, id_of("job"), "loss", 4, ObservationPosition(2**63 - 1, 0, 0))])
    assert past == SeriesPage((), 25, False)


async def test_buckets_keep_extremes(observed: Store) -> None:
    wave = [5, 1, 9, 1, 9, 2, 2, 2, -3, 7]
    await record(observed, *(seen(value, step) for step, value in enumerate(wave)))
    view = await now(observed)

    async def buckets(most: int) -> list[tuple[int, ...]]:
        (found,) = await observed.buckets([BucketsOf(view, id_of("job"), "loss", most)])
        steps = [(b.first.step, b.last.step, b.min.step, b.max.step) for b in found if b.min and b.max]
        return [(b.count, *each) for b, each in zip(found, steps, strict=True)]

    assert await buckets(1) == [(10, 0, 9, 8, 2)]
    assert await buckets(3) == [(3, 0, 2, 1, 2), (3, 3, 5, 3, 4), (4, 6, 9, 8, 9)]
    assert await buckets(10) == await buckets(1000) == [(1, n, n, n, n) for n in range(10)]
    (found,) = await observed.buckets([BucketsOf(view, id_of("job"), "loss", 2)])
    assert found[0].max == (await series(observed)).items[2]


async def test_a_batch_is_whole(store: Store) -> None:
    batch = Batch(
        (entity("job"), entity("model")),
        (association("job", "model", AssociationType.PRODUCED),),
        (NewRevision(urn("job"), tags=("done",)),),
        (seen(0.5), seen(0.25, 1)),
    )
    wrong = Batch(batch.entities, batch.associations, batch.revisions, (*batch.observations, seen(1, name="absent")))
    assert await refused(store, wrong) == [(ProblemCode.NOT_FOUND, ("observations", 2, "entity"))]
    assert await store.entities(await now(store), [id_of("job")]) == [None]
    done = await store.record(batch, by="me", returning=EVERYTHING)
    assert (done.entities_are_new, done.observations_are_new) == ((True, True), (True, True))
    assert await metrics(store) == {"loss": (0.25, 0.25, 0.5, 2)}
    assert (await series(store)).items[0].recorded_at == done.recorded_at
    again = await store.record(batch, by="you")
    assert (again.recorded_at is None, again.observations_are_new) == (False, (False, False))
    mixed = Batch((NewEntity("a", batch.entities[0].kind, "job", description="other"),), observations=(seen(0.75),))
    assert [code for code, _ in await refused(store, mixed)] == [ProblemCode.IMMUTABLE_CONFLICT]
    assert await metrics(store) == {"loss": (0.25, 0.25, 0.5, 2)}


async def test_an_idempotency_key_counts(observed: Store) -> None:
    key = Idempotency("k", "f")
    assert await record(observed, seen(1, at=None), idempotency=key) == (True,)
    assert await record(observed, seen(1, at=None), idempotency=key) == (True,)
    assert len((await series(observed)).items) == 1
    with pytest.raises(BatchRefused, match="idempotencyKey"):
        await record(observed, seen(2), idempotency=Idempotency("k", "g"))


async def test_racing_writers_agree(observed: Store) -> None:
    async def write(value: float) -> tuple[bool, ...]:
        return await record(observed, seen(value), seen(value, 1), seen(3, 2))

    done = await asyncio.gather(*(write(n % 3) for n in range(12)))
    assert sum(map(sum, done)) == 7
    assert await values(observed) == [*((step, value) for step in (0, 1) for value in range(3)), (2, 3)]


async def test_observations_are_no_lineage(observed: Store) -> None:
    await record(observed, *(seen(n, n, name=name) for name in ("other", "x") for n in range(3)))
    view = await now(observed)
    assert [item.entity.name for item in (await reach(observed, "other", direction=Down)).items] == ["x"]
    for direction in LineageDirection:
        (page,) = await observed.associations([AssociationsOf(view, id_of("other"), direction)])
        assert page.total == (direction is not LineageDirection.ASCENDANTS)
    assert (await reach(observed, "x", direction=LineageDirection.CONNECTED)).total == 1
    assert (await observed.history([HistoryOf(view, id_of("x"))]))[0].total == 0
    assert await observed.property_keys([PropertyKeys(view, "")]) == [[]]


async def test_an_export_lists_observations_last_in_order(opened: Any) -> None:
    first, second = await opened(), await opened()
    inputs = [seen(n / 4, n % 7, name, metric) for name in ("x", "job") for metric in ("b", "a") for n in range(5)]
    await first.record(graph("job", "other>x"), by="me")
    await record(first, *inputs[::-1])
    parts = [part async for part in first.export(await now(first))]
    exported = [part for part in parts if isinstance(part, NewObservation)]
    assert exported == sorted(inputs, key=lambda o: (o.entity, o.metric, o.step, o.occurred_at))
    assert parts[-len(exported) :] == exported
    await second.record(graph("job", "other>x"), by="me")
    assert all(await record(second, *exported))
    assert [part async for part in second.export(await now(second))] == parts


async def test_a_long_series_is_exported_whole(observed: Store) -> None:
    """Longer than what is held in memory at once, beside many short ones."""
    names = [f"m{n:04}" for n in range(1200)]
    long = [seen(n, n, metric="m0600") for n in range(1, 10_050)]
    await record(observed, *long, *(seen(1, metric=name) for name in names), durability=Durability.CRASH)
    exported = [part async for part in observed.export(await now(observed)) if isinstance(part, NewObservation)]
    assert len(exported) == len(set(exported)) == len(long) + len(names)
    assert [(each.metric, each.step) for each in exported] == sorted((each.metric, each.step) for each in exported)
    assert (await metrics(observed))["m0600"] == (10_049, 1, 10_049, 10_050)


async def test_properties_and_observations_of_one_name_are_independent(store: Store) -> None:
    await store.record(Batch((entity("job", properties=properties(**{"metrics.loss": 7.0})),)), by="me")
    assert await metrics(store) == {}
    await record(store, seen(0.5))
    assert await metrics(store) == {"loss": (0.5, 0.5, 0.5, 1)}
