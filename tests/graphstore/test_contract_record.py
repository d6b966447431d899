"""Recording and reading back, over every engine: identity, immutability, revisions, batches, values."""

import asyncio
from dataclasses import replace
from time import time_ns
from typing import Any

import pytest
from record_builders import DAY, EPOCH, Down, association, entity, graph, id_of, now, properties, urn

from lineal.auth.scopes import EVERYTHING, Scope
from lineal.graphstore import batch_validation
from lineal.graphstore.batches import Batch, Idempotency, NewAssociation, NewEntity, NewRevision
from lineal.graphstore.errors import BatchRefused, ProblemCode
from lineal.graphstore.kinds import AssociationType, EntityKind, EntityStatus, PropertyType, SourceIdType
from lineal.graphstore.queries import (
    NEWEST_FIRST,
    AssociationsOf,
    EntityFilter,
    EntityPosition,
    Find,
    HistoryOf,
    PropertyKeys,
    Reach,
    StringFilter,
    Walk,
)
from lineal.graphstore.records import AsOf, Entity, Source, SourceId, View
from lineal.graphstore.store import Store
from lineal.graphstore.urns import entity_id
from lineal.graphstore.values import Property


async def read(store: Store, name: str, view: View | None = None) -> Entity:
    (found,) = await store.entities(view or await now(store), [id_of(name)])
    assert found is not None
    return found


async def refused(store: Store, batch: Batch) -> list[tuple[ProblemCode, tuple[str | int, ...]]]:
    before = await store.watermark()
    with pytest.raises(BatchRefused) as caught:
        await store.record(batch, by="me")
    assert await store.watermark() == before
    return [(problem.code, problem.path) for problem in caught.value.problems]


FULL = NewEntity(
    "a",
    EntityKind.DATASET,
    "full",
    "v1",
    "kind of thing",
    "prose",
    EntityStatus.PENDING,
    Source("s3://x", "S3", (SourceId(SourceIdType.MD5, "2"), SourceId(SourceIdType.MD5, "1"))),
    ("b", "a", "b"),
    properties(n=1, x=0.5, t="text", f=False, j={"deep": [1, 1.0, None, {"k": "v"}]}),
    EPOCH,
    "what people read",
)
DIFFERENT: dict[str, Any] = {
    "type": "other",
    "description": None,
    "title": "another",
    "status": EntityStatus.FAILED,
    "source": Source("s3://x", "S3"),
    "tags": ("a",),
    "properties": properties(n=1.0, x=0.5, t="text", f=False, j={"deep": [1, 1.0, None, {"k": "v"}]}),
    "occurred_at": EPOCH + 1,
}


async def test_recorded_entities_are_read_back(store: Store) -> None:
    done = await store.record(Batch((FULL,)), by="me")
    assert done.entities_are_new == (True,)
    full_urn = "lineal:a:DATASET:full@v1"
    (found,) = await store.entities(await now(store), [entity_id(full_urn)])
    assert found is not None
    assert (found.urn, found.version, found.type, found.description) == (full_urn, "v1", "kind of thing", "prose")
    assert (found.status, found.tags, found.title) == (EntityStatus.PENDING, ("a", "b"), "what people read")
    assert found.source == Source("s3://x", "S3", (SourceId(SourceIdType.MD5, "1"), SourceId(SourceIdType.MD5, "2")))
    assert [each.key for each in found.properties] == ["f", "j", "n", "t", "x"]
    assert (found.occurred_at, found.recorded_at, found.recorded_by) == (EPOCH, done.recorded_at, "me")


@pytest.mark.parametrize("field", DIFFERENT)
async def test_other_content_under_one_identity_is_a_conflict_that_names_the_field(store: Store, field: str) -> None:
    await store.record(Batch((FULL,)), by="me")
    with pytest.raises(BatchRefused) as caught:
        await store.record(Batch((replace(FULL, **{field: DIFFERENT[field]}),)), by="you")
    (problem,) = caught.value.problems
    assert problem.code is ProblemCode.IMMUTABLE_CONFLICT
    shown = {"occurred_at": "occurredAt", "properties": "properties.n"}.get(field, field)
    assert shown in problem.message
    assert len((await store.find([Find(await now(store))]))[0].items) == 1


async def test_recording_the_same_again_changes_nothing(store: Store) -> None:
    await store.record(Batch((FULL,)), by="me")
    before = await store.watermark()
    for again in (FULL, replace(FULL, occurred_at=None), replace(FULL, tags=("a", "b"))):
        done = await store.record(Batch((again,)), by="you")
        assert (done.entities_are_new, done.recorded_at) == ((False,), None)
    assert await store.watermark() == before


async def test_an_entity_without_a_time_occurred_when_recorded(store: Store) -> None:
    done = await store.record(Batch((entity("x", occurred_at=None),)), by="me")
    current = await read(store, "x")
    assert current.occurred_at == current.recorded_at == done.recorded_at
    assert (await store.record(Batch((entity("x", occurred_at=None),)), by="me")).entities_are_new == (False,)


async def test_twice_in_one_batch(store: Store) -> None:
    done = await store.record(Batch((entity("x"), entity("x"), entity("y"))), by="me")
    assert done.entities_are_new == (True, False, True)
    clash = Batch((entity("z"), entity("z", description="other")))
    assert await refused(store, clash) == [(ProblemCode.IMMUTABLE_CONFLICT, ("entities", 1))]


async def test_a_batch_is_atomic_and_all_problems_are_reported(store: Store) -> None:
    await store.record(Batch((entity("x"),)), by="me")
    batch = Batch(
        (entity("new"), entity("x", description="other")),
        (association("new", "nowhere"), association("x", "new")),
        (NewRevision(urn("gone"), status=EntityStatus.FAILED),),
    )
    assert await refused(store, batch) == [
        (ProblemCode.IMMUTABLE_CONFLICT, ("entities", 1)),
        (ProblemCode.NOT_FOUND, ("associations", 0, "destination")),
        (ProblemCode.NOT_FOUND, ("revisions", 0, "entity")),
    ]
    assert await store.entities(await now(store), [id_of("new")]) == [None]


async def test_rules_that_need_no_store(store: Store) -> None:
    long = "x" * (1024 * 1024 + 1)
    batch = Batch(
        (
            entity(""),
            entity("n", version="v" * 4097),
            entity("n\x00"),
            entity("p", properties=(Property("k", PropertyType.FLOAT, float("nan")),)),
            entity("q", properties=(Property("k", PropertyType.INTEGER, 2**63),)),
            entity("r", description=long),
            entity("s", properties=properties(k="a") + properties(k="b")),
            entity("t", tags=("",)),
            entity("u", description="\ud800"),
        ),
        (association("x", "x"),),
    )
    assert await refused(store, batch) == [
        (ProblemCode.INVALID_VALUE, ("entities", 0, "name")),
        (ProblemCode.TOO_LARGE, ("entities", 1, "version")),
        (ProblemCode.INVALID_VALUE, ("entities", 2, "name")),
        (ProblemCode.INVALID_VALUE, ("entities", 3, "properties", 0, "value")),
        (ProblemCode.INVALID_VALUE, ("entities", 4, "properties", 0, "value")),
        (ProblemCode.TOO_LARGE, ("entities", 5, "description")),
        (ProblemCode.INVALID_VALUE, ("entities", 6, "properties", 1, "key")),
        (ProblemCode.INVALID_VALUE, ("entities", 7, "tags", 0)),
        (ProblemCode.INVALID_VALUE, ("entities", 8, "description")),
        (ProblemCode.SELF_ASSOCIATION, ("associations", 0)),
    ]


VALUES: list[Any] = [
    2**63 - 1, -(2**63), 0, 2**53 + 1, 1.0, -1e308, 5e-324, 0.1, "", "x" * (1024 * 1024), "\u202e😀\ue000\n\t\"\\'",
    True, False, [], {}, {"a": [1, 1.0, "1", True, None, {"": {}}], "$int": "5"}, [2**63 - 1, -(2**63)],
]  # fmt: skip


async def test_values_are_kept_exactly(store: Store) -> None:
    entities = tuple(entity(f"{n}", properties=properties(v=value)) for n, value in enumerate(VALUES))
    await store.record(Batch(entities), by="me")
    for n, value in enumerate(VALUES):
        (kept,) = (await read(store, f"{n}")).properties
        assert kept.value == value
        assert type(kept.value) is type(value)
    zero = entity("zero", properties=properties(v=-0.0))
    await store.record(Batch((zero,)), by="me")
    assert str((await read(store, "zero")).properties[0].value) == "0.0"


async def test_associations_have_an_identity_of_their_own(store: Store) -> None:
    await store.record(graph("a", "b"), by="me")
    several = (
        association("a", "b"),
        association("a", "b", role="train"),
        association("a", "b", AssociationType.DERIVED_FROM, properties=properties(n=1)),
        association("b", "a"),
    )
    done = await store.record(Batch(associations=several), by="me", returning=EVERYTHING)
    assert done.associations_are_new == (True, True, True, True)
    again = await store.record(Batch(associations=(replace(several[1], occurred_at=None), several[2])), by="you")
    assert again.associations_are_new == (False, False)
    other = Batch(associations=(replace(several[2], properties=properties(n=2)),))
    assert await refused(store, other) == [(ProblemCode.IMMUTABLE_CONFLICT, ("associations", 0))]
    (page,) = await store.associations([AssociationsOf(await now(store), id_of("a"))])
    ends = [(each.source_urn, each.type, each.role) for each in page.items]
    contributed, derived = AssociationType.CONTRIBUTED_TO, AssociationType.DERIVED_FROM
    assert ends == [
        (urn("a"), contributed, None),
        (urn("a"), contributed, "train"),
        (urn("a"), derived, None),
        (urn("b"), contributed, None),
    ]
    (down,) = await store.associations([AssociationsOf(await now(store), id_of("a"), Down, first=2)])
    assert (len(down.items), down.total, down.has_next) == (2, 3, True)


async def test_revisions_fold_by_time_then_rank_then_sequence(store: Store) -> None:
    await store.record(Batch((entity("x", tags=("old",), properties=properties(k=0, gone=1)),)), by="me")

    async def revise(**more: Any) -> tuple[bool, ...]:
        return (await store.record(Batch(revisions=(NewRevision(urn("x"), **more),)), by="me")).revisions_are_new

    late = {"status": EntityStatus.COMPLETED, "properties": properties(k=2), "occurred_at": EPOCH + 2 * DAY}
    assert await revise(**late) == (True,)
    assert await revise(status=EntityStatus.IN_PROGRESS, properties=properties(k=1), occurred_at=EPOCH + DAY) == (True,)
    current = await read(store, "x")
    assert (current.status, current.properties) == (EntityStatus.COMPLETED, properties(gone=1, k=2))
    assert await revise(**late) == (False,)
    assert await revise(tags=(), removed=("gone",), occurred_at=EPOCH + 2 * DAY, rank=2) == (True,)
    assert await revise(status=EntityStatus.FAILED, properties=properties(k=3), occurred_at=EPOCH + 2 * DAY) == (True,)
    current = await read(store, "x")
    assert (current.status, current.tags, current.properties) == (EntityStatus.FAILED, (), properties(k=3))
    (page,) = await store.history([HistoryOf(await now(store), id_of("x"))])
    assert [(each.sequence, each.rank) for each in page.items] == [(2, 0), (1, 0), (4, 0), (3, 2)]
    (second,) = await store.history([HistoryOf(await now(store), id_of("x"), first=2)])
    assert (len(second.items), second.total, second.has_next) == (2, 4, True)
    assert len({each.digest for each in page.items}) == 4


async def test_a_revision_without_a_time_is_always_new(store: Store) -> None:
    await store.record(Batch((entity("x"),)), by="me")
    revision = NewRevision(urn("x"), status=EntityStatus.FAILED)
    flags = [(await store.record(Batch(revisions=(revision,)), by="me")).revisions_are_new for _ in range(2)]
    assert flags == [(True,), (True,)]


async def test_returning_gives_the_current_records(store: Store) -> None:
    batch = replace(graph("a>b"), revisions=(NewRevision(urn("a"), status=EntityStatus.FAILED),))
    done = await store.record(batch, by="me", returning=EVERYTHING)
    assert [each and each.urn for each in done.entities] == [urn("a"), urn("b")]
    assert [each and each.destination_urn for each in done.associations] == [urn("b")]
    assert [each and each.sequence for each in done.revisions] == [1]
    first = done.entities[0]
    assert first is not None
    assert (first.status, first.view) == (EntityStatus.FAILED, await now(store))
    again = await store.record(replace(batch, revisions=()), by="me", returning=EVERYTHING)
    assert [each and each.urn for each in again.entities] == [urn("a"), urn("b")]
    assert again.entities_are_new == (False, False)


async def test_repeats_under_an_idempotency_key_answer_alike(store: Store) -> None:
    key = Idempotency("k", "f1")
    first = await store.record(Batch((entity("x", occurred_at=None),)), by="me", idempotency=key)
    again = await store.record(Batch((entity("x", occurred_at=None),)), by="me", idempotency=key)
    assert first == again
    assert again.entities_are_new == (True,)
    with pytest.raises(BatchRefused) as caught:
        await store.record(Batch((entity("y"),)), by="me", idempotency=Idempotency("k", "f2"))
    assert caught.value.problems[0].code is ProblemCode.IDEMPOTENCY_MISMATCH
    assert (await store.record(Batch((entity("y"),)), by="you", idempotency=Idempotency("k", "f2"))).entities_are_new
    with pytest.raises(BatchRefused):
        await store.record(Batch((entity("x", description="o"),)), by="me", idempotency=Idempotency("k3", "f"))
    fine = await store.record(Batch((entity("z"),)), by="me", idempotency=Idempotency("k3", "f"))
    assert fine.entities_are_new == (True,)


async def test_racing_writers_of_one_identity(store: Store) -> None:
    async def write(description: str) -> str:
        try:
            done = await store.record(Batch((entity("x", description=description),)), by="me")
        except BatchRefused:
            return "refused"
        return "new" if done.entities_are_new[0] else "known"

    same = await asyncio.gather(*(write("same") for _ in range(20)))
    assert sorted(same) == ["known"] * 19 + ["new"]
    different = await asyncio.gather(*(write(f"{n}") for n in range(20)))
    assert set(different) == {"refused"}


async def test_racing_writers_of_different_content_have_one_winner(store: Store) -> None:
    async def write(n: int) -> int | None:
        try:
            await store.record(Batch((entity(f"own{n}"), entity("x", description=f"{n}"))), by=f"{n}")
        except BatchRefused:
            return None
        return n

    (winner,) = [n for n in await asyncio.gather(*map(write, range(20))) if n is not None]
    current = await read(store, "x")
    assert (current.description, current.recorded_by) == (f"{winner}", f"{winner}")
    assert (await store.find([Find(await now(store))]))[0].total == 2


async def test_racing_repeats_under_one_key_write_once(store: Store) -> None:
    batch = Batch(revisions=(NewRevision(urn("x"), status=EntityStatus.FAILED),))
    await store.record(Batch((entity("x"),)), by="me")
    key = Idempotency("k", "f")
    done = await asyncio.gather(*(store.record(batch, by="me", idempotency=key) for _ in range(10)))
    assert {each.revisions_are_new for each in done} == {(True,)}
    assert (await store.history([HistoryOf(await now(store), id_of("x"))]))[0].total == 1


async def test_a_view_shows_the_records_of_its_time(store: Store) -> None:
    assert await store.watermark() == 0
    await store.record(graph("a>b"), by="me")
    first = await now(store)
    await store.record(Batch(revisions=(NewRevision(urn("a"), description="later", occurred_at=EPOCH + DAY),)), by="me")
    await store.record(replace(graph("b>c")), by="me")
    assert (await read(store, "a", first)).description is None
    assert await store.entities(first, [id_of("c")]) == [None]
    assert (await store.find([Find(first)]))[0].total == 2
    latest = await now(store)
    assert latest.as_of.recorded_at > first.as_of.recorded_at
    occurred = View(EVERYTHING, AsOf(latest.as_of.recorded_at, EPOCH))
    assert (await read(store, "a", occurred)).description is None
    before = View(EVERYTHING, AsOf(latest.as_of.recorded_at, EPOCH - 1))
    assert (await store.find([Find(before)]))[0].total == 0
    assert (await read(store, "a")).description == "later"


async def test_a_scope_that_allows_nothing_shows_nothing(store: Store) -> None:
    await store.record(graph("a>b"), by="me")
    nothing = View(Scope(), AsOf(await store.watermark()))
    assert await store.entities(nothing, [id_of("a")]) == [None]
    assert (await store.find([Find(nothing)]))[0].total == 0
    assert (await store.associations([AssociationsOf(nothing, id_of("a"))]))[0].total == 0
    assert (await store.history([HistoryOf(nothing, id_of("a"))]))[0].total == 0
    assert await store.property_keys([PropertyKeys(nothing, "")]) == [[]]
    assert await store.reach([Reach(Walk(nothing, (id_of("a"),), Down))]) == [None]
    assert [part async for part in store.export(nothing)] == []


async def test_find_pages_by_urn_and_by_newest(store: Store) -> None:
    entities = tuple(entity("x", version=f"{n}", occurred_at=EPOCH + (n % 3) * DAY) for n in range(7))
    await store.record(Batch(entities), by="me")
    view = await now(store)
    same = EntityFilter(name=StringFilter(eq="x"))
    (newest,) = await store.find([Find(view, same, NEWEST_FIRST, 3)])
    assert [each.version for each in newest.items] == ["2", "5", "1"]
    last = newest.items[-1]
    after = EntityPosition(last.urn)
    (rest,) = await store.find([Find(view, same, NEWEST_FIRST, 10, after)])
    assert [each.version for each in rest.items] == ["4", "0", "3", "6"]
    assert (rest.total, rest.counts, rest.has_next) == (7, {EntityKind.DATASET: 7}, False)
    assert await store.find([]) == []
    of_sizes = [Find(view, same, NEWEST_FIRST, first) for first in (2, 7, 8, 2)]
    pages = await store.find(of_sizes)
    assert pages == [page for question in of_sizes for page in await store.find([question])]
    assert [(len(page.items), page.has_next) for page in pages] == [(2, True), (7, False), (7, False), (2, True)]


async def test_property_keys(store: Store) -> None:
    entities = (entity("x", properties=properties(**{"m.b": 1, "m.a": 1, "other": 1})), entity("y", EntityKind.MODEL))
    await store.record(Batch(entities), by="me")
    early = await now(store)
    revision = NewRevision(urn("y", EntityKind.MODEL), properties=properties(**{"m.c": 1}), occurred_at=EPOCH + DAY)
    await store.record(Batch(revisions=(revision,)), by="me")
    view = await now(store)
    assert await store.property_keys([PropertyKeys(view, "m.")]) == [["m.a", "m.b", "m.c"]]
    assert await store.property_keys([PropertyKeys(view, "m.", EntityKind.MODEL)]) == [["m.c"]]
    together = [PropertyKeys(view, "", first=2), PropertyKeys(view, "m.c"), PropertyKeys(view, "m.c")]
    assert await store.property_keys(together) == [["m.a", "m.b"], ["m.c"], ["m.c"]]
    assert await store.property_keys([]) == []
    assert await store.property_keys([PropertyKeys(early, "m.c")]) == [[]]
    assert await store.property_keys([PropertyKeys(View(EVERYTHING, AsOf(view.as_of.recorded_at, EPOCH)), "m.c")]) == [
        []
    ]


async def test_empty_batches_and_missing_ids(store: Store) -> None:
    done = await store.record(Batch(), by="me")
    assert (done.recorded_at, done.entities_are_new) == (None, ())
    view = await now(store)
    assert await store.entities(view, []) == []
    assert await store.entities(view, ["", "no id", "é", "x" * 5000]) == [None] * 4
    assert (await store.associations([AssociationsOf(view, "no")]))[0].items == ()
    assert (await store.history([HistoryOf(view, "no")]))[0].items == ()


async def test_export_into_another_store_gives_the_same_digests(opened: Any) -> None:
    first, second = await opened(), await opened()
    batch = graph("a>b>c", "b=d")
    revisions = (
        NewRevision(urn("a"), tags=("t",), occurred_at=EPOCH + DAY),
        NewRevision(urn("a"), removed=("k",), superseded_by=urn("b"), rank=2, occurred_at=EPOCH),
    )
    await first.record(Batch((*batch.entities, FULL), batch.associations, revisions), by="me")
    parts = [part async for part in first.export(await now(first))]
    assert len(parts) == 5 + 3 + 2
    kinds = (NewEntity, NewAssociation, NewRevision)
    split: list[Any] = [tuple(part for part in parts if isinstance(part, kind)) for kind in kinds]
    await second.record(Batch(*split), by="you")
    assert [part async for part in second.export(await now(second))] == parts
    ids = [id_of(name) for name in "abcd"]
    left, right = await first.entities(await now(first), ids), await second.entities(await now(second), ids)
    assert [e and (e.digest, e.tags) for e in left] == [e and (e.digest, e.tags) for e in right]
    pages = [(await store.history([HistoryOf(await now(store), ids[0])]))[0] for store in (first, second)]
    assert [r.digest for r in pages[0].items] == [r.digest for r in pages[1].items]


async def test_secrets_are_made_once(store: Store) -> None:
    one = await store.secret("cursors")
    assert (len(one), await store.secret("cursors")) == (32, one)
    assert await store.secret("other") != one
    await store.ready()


async def test_a_clock_that_goes_back_moves_no_batch_into_the_past(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await store.record(graph("a"), by="me")
    view = await now(store)
    monkeypatch.setattr(batch_validation, "time_ns", lambda: time_ns() - 60 * 10**9)
    second = await store.record(graph("b"), by="me")
    assert first.recorded_at is not None
    assert second.recorded_at is not None
    assert second.recorded_at > first.recorded_at
    assert await store.watermark() == second.recorded_at
    assert await store.entities(view, [id_of("a"), id_of("b")]) == [await read(store, "a"), None]


async def test_a_title_is_revised_and_searched_like_a_description(store: Store) -> None:
    await store.record(Batch((entity("4711", title="Churn"),)), by="me")
    before = await now(store)
    revisions = [
        NewRevision(urn("4711"), title=title, occurred_at=EPOCH + at) for title, at in (("Last", 2), ("Old", 1))
    ]
    done = await store.record(Batch(revisions=tuple(revisions)), by="me", returning=EVERYTHING)
    assert [each and each.title for each in done.revisions] == ["Last", "Old"]
    assert [(await read(store, "4711", view)).title for view in (before, await now(store))] == ["Churn", "Last"]
    questions = [Find(await now(store), search=text) for text in ("churn", "old", "last")]
    assert [page.total for page in await store.find(questions)] == [0, 0, 1]
    (history,) = await store.history([HistoryOf(await now(store), id_of("4711"))])
    assert [each.title for each in history.items] == ["Old", "Last"]
    (exported, *changes) = [part async for part in store.export(await now(store))]
    assert isinstance(exported, NewEntity)
    assert exported.title == "Churn"
    assert [each.title for each in changes if isinstance(each, NewRevision)] == ["Last", "Old"]
