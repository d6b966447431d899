"""When things exist, and which revision decides, over every engine."""

from dataclasses import replace
from itertools import permutations

import pytest
from record_builders import EPOCH, Down, association, entity, id_of, now, properties, urn

from lineal.auth.scopes import EVERYTHING
from lineal.graphstore.batches import Batch, NewAssociation, NewRevision
from lineal.graphstore.errors import BatchRefused, ProblemCode
from lineal.graphstore.kinds import EntityKind, EntityStatus
from lineal.graphstore.queries import (
    NEWEST_FIRST,
    AssociationFilter,
    AssociationsOf,
    EntityFilter,
    EntityOrderField,
    EntityPosition,
    Find,
    HistoryOf,
    Ordering,
    PropertyKeys,
    Reach,
    ReachAssociations,
    TimeFilter,
    Walk,
)
from lineal.graphstore.records import AsOf, Entity, View
from lineal.graphstore.store import Store

SECOND = 1_000_000
COMPLETED, RUNNING = EntityStatus.COMPLETED, EntityStatus.IN_PROGRESS


async def read(store: Store, name: str, view: View | None = None) -> Entity:
    (found,) = await store.entities(view or await now(store), [id_of(name)])
    assert found is not None
    return found


async def occurred_by(store: Store, at: int) -> View:
    return View(EVERYTHING, AsOf(await store.watermark(), at))


async def test_a_status_of_a_run_that_goes_on_does_not_count_once_it_has_ended(store: Store) -> None:
    started = NewRevision(urn("x"), status=EntityStatus.PENDING, occurred_at=EPOCH)
    ended = NewRevision(urn("x"), status=COMPLETED, occurred_at=EPOCH + SECOND, rank=2)
    running = NewRevision(
        urn("x"), status=RUNNING, properties=properties(late=1), occurred_at=EPOCH + 2 * SECOND, rank=1
    )
    await store.record(Batch((entity("x"),)), by="me")
    await store.record(Batch(revisions=(started, running)), by="me")
    before = await now(store)
    await store.record(Batch(revisions=(ended,)), by="me")
    current = await read(store, "x")
    assert (current.status, current.properties) == (COMPLETED, properties(late=1))
    assert (await read(store, "x", before)).status == RUNNING
    assert (await read(store, "x", await occurred_by(store, EPOCH))).status == EntityStatus.PENDING
    (page,) = await store.find([Find(await now(store), EntityFilter(status=(RUNNING,)))])
    assert page.total == 0
    (page,) = await store.find([Find(before, EntityFilter(status=(RUNNING,)))])
    assert page.total == 1
    corrected = NewRevision(urn("x"), status=EntityStatus.FAILED, occurred_at=EPOCH + 3 * SECOND)
    await store.record(Batch(revisions=(corrected,)), by="me")
    assert (await read(store, "x")).status == EntityStatus.FAILED


async def test_the_order_in_which_statuses_arrive_does_not_matter(store: Store) -> None:
    changes = ((EntityStatus.PENDING, 0, 0), (COMPLETED, 1, 2), (RUNNING, 2, 1), (RUNNING, 0, 1))
    orders = list(permutations(changes))
    await store.record(Batch(tuple(entity(f"{n}") for n in range(len(orders)))), by="me")
    for n, order in enumerate(orders):
        for status, second, rank in order:
            revision = NewRevision(urn(f"{n}"), status=status, occurred_at=EPOCH + second * SECOND, rank=rank)
            await store.record(Batch(revisions=(revision,)), by="me")
    (page,) = await store.find([Find(await now(store), first=100)])
    assert {each.status for each in page.items} == {COMPLETED}
    (page,) = await store.find([Find(await occurred_by(store, EPOCH), first=100)])
    assert {each.status for each in page.items} == {RUNNING}


async def test_a_revision_that_only_differs_in_rank_changes_nothing(store: Store) -> None:
    revision = NewRevision(urn("x"), status=COMPLETED, occurred_at=EPOCH, rank=2)
    again = NewRevision(urn("x"), status=COMPLETED, occurred_at=EPOCH)
    await store.record(Batch((entity("x"),), revisions=(revision,)), by="me")
    assert (await store.record(Batch(revisions=(again, again)), by="me")).recorded_at is None
    (page,) = await store.history([HistoryOf(await now(store), id_of("x"))])
    assert [each.rank for each in page.items] == [2]


async def test_an_association_without_a_time_exists_with_its_ends(store: Store) -> None:
    edge = association("a", "b", occurred_at=None)
    await store.record(Batch((entity("a"), entity("b", occurred_at=EPOCH + SECOND))), by="me")
    recorded = await store.record(Batch(associations=(edge,)), by="me", returning=EVERYTHING)
    assert [each and each.occurred_at for each in recorded.associations] == [EPOCH + SECOND]
    for at, names in ((EPOCH - 1, None), (EPOCH, []), (EPOCH + SECOND, ["b"]), (None, ["b"])):
        view = View(EVERYTHING, AsOf(await store.watermark(), at))
        (page,) = await store.reach([Reach(Walk(view, (id_of("a"),), Down), first=10)])
        assert (page and [each.entity.name for each in page.items]) == names
        (edges,) = await store.associations([AssociationsOf(view, id_of("a"))])
        assert [each.occurred_at for each in edges.items] == ([EPOCH + SECOND] if names else [])
    assert [part async for part in store.export(await now(store)) if isinstance(part, NewAssociation)] == [edge]


async def test_an_association_keeps_the_time_it_was_recorded_with_or_without(store: Store) -> None:
    timed, plain = association("a", "b"), association("b", "c", occurred_at=None)
    await store.record(Batch(tuple(map(entity, "abc")), (timed, plain)), by="me")
    again = Batch(associations=(replace(timed, occurred_at=None), timed, plain))
    assert (await store.record(again, by="me")).associations_are_new == (False, False, False)
    for other in (replace(timed, occurred_at=EPOCH + 1), replace(plain, occurred_at=EPOCH)):
        with pytest.raises(BatchRefused) as caught:
            await store.record(Batch(associations=(other,)), by="me")
        (problem,) = caught.value.problems
        assert (problem.code, problem.differing) == (ProblemCode.IMMUTABLE_CONFLICT, ("occurredAt",))


async def test_filters_take_the_time_that_an_association_is_shown_with(store: Store) -> None:
    edges = (association("a", "b", occurred_at=None), association("a", "c"))
    await store.record(Batch((entity("a"), entity("b"), entity("c"))), by="me")
    await store.record(Batch(associations=edges), by="me")
    early = await now(store)
    await store.record(Batch(revisions=tuple(NewRevision(urn(n), occurred_at=EPOCH - 5) for n in "ab")), by="me")
    before_epoch = AssociationFilter(occurred_at=TimeFilter(lt=EPOCH))
    for view, found in ((early, set()), (await now(store), {"b"})):
        (page,) = await store.associations([AssociationsOf(view, id_of("a"), Down, before_epoch)])
        assert {each.destination_urn for each in page.items} == set(map(urn, found))
        walk = Walk(view, (id_of("a"),), Down, via=before_epoch)
        (reached,) = await store.reach([Reach(walk, first=10, with_paths=True)])
        assert reached is not None
        assert {each.entity.name for each in reached.items} == found
        assert {edge.occurred_at for each in reached.items for edge in each.path} <= {EPOCH - 5}
        (among,) = await store.reach_associations([ReachAssociations(replace(walk, via=None), 10)])
        assert among is not None
        assert [each.occurred_at for each in among.items] == [EPOCH - 5 if found else EPOCH, EPOCH]


async def test_an_entity_is_known_from_the_earliest_time_heard_of(store: Store) -> None:
    recorded = entity("x", properties=properties(own=1))
    await store.record(
        Batch((recorded, entity("y", occurred_at=EPOCH - SECOND), entity("z", occurred_at=None))), by="me"
    )
    first = await now(store)
    early = NewRevision(urn("x"), properties=properties(early=1), occurred_at=EPOCH - 2 * SECOND)
    await store.record(Batch(revisions=(early,)), by="me")
    second = await now(store)
    await store.record(Batch(revisions=(NewRevision(urn("x"), occurred_at=EPOCH - 3 * SECOND),)), by="me")
    third = await now(store)

    for view, known_from in ((first, EPOCH), (second, EPOCH - 2 * SECOND), (third, EPOCH - 3 * SECOND)):
        assert (await read(store, "x", view)).occurred_at == known_from
        until, of_datasets = view.as_of.recorded_at, EntityFilter(kind=(EntityKind.DATASET,))
        for at, there in ((known_from - 1, False), (known_from, True)):
            past = View(EVERYTHING, AsOf(until, at))
            assert [each is not None for each in await store.entities(past, [id_of("x")])] == [there]
            assert (await store.find([Find(past, of_datasets)]))[0].total == there + (at >= EPOCH - SECOND)
            for question in (
                EntityFilter(occurred_at=TimeFilter(lte=at)),
                EntityFilter(not_=EntityFilter(occurred_at=TimeFilter(gt=at))),
            ):
                (found,) = await store.find([Find(view, question)])
                assert {each.name for each in found.items} - {"y"} == ({"x"} if there else set())
            own = await store.property_keys([PropertyKeys(past, "own")])
            assert own == [["own"] if there else []]
        (oldest,) = await store.find([Find(view, order=Ordering(EntityOrderField.OCCURRED_AT))])
        names = [each.name for each in oldest.items]
        assert names == (["y", "x", "z"] if view is first else ["x", "y", "z"])
        (newest,) = await store.find([Find(view, of_datasets, NEWEST_FIRST, 2)])
        (last,) = await store.find([Find(view, of_datasets, NEWEST_FIRST, 2, EntityPosition(newest.items[-1].urn))])
        assert [each.name for each in (*newest.items, *last.items)] == (
            ["z", "x", "y"] if view is first else ["z", "y", "x"]
        )
    between = await occurred_by(store, EPOCH - 2 * SECOND)
    assert (await read(store, "x", between)).properties == properties(early=1, own=1)
    assert (await store.record(Batch((recorded, replace(recorded, occurred_at=None))), by="me")).recorded_at is None
    assert recorded in [part async for part in store.export(await now(store))]


async def test_a_sighting_counts_only_where_nothing_earlier_is_known(store: Store) -> None:
    def seen(at: int | None) -> NewRevision:
        return NewRevision(urn("x"), occurred_at=at)

    created = Batch(
        (entity("x", occurred_at=None),), revisions=(seen(EPOCH), seen(EPOCH + 1), seen(EPOCH), seen(EPOCH - 1))
    )
    recorded = await store.record(created, by="me", returning=EVERYTHING)
    assert recorded.revisions_are_new == (True, False, False, True)
    assert [each and each.sequence for each in recorded.revisions] == [1, None, 1, 2]
    again = Batch(revisions=(seen(EPOCH), seen(None), seen(EPOCH - 1), seen(EPOCH + 2)))
    assert (await store.record(again, by="me")).recorded_at is None
    (page,) = await store.history([HistoryOf(await now(store), id_of("x"))])
    assert [(each.occurred_at, each.sequence) for each in page.items] == [(EPOCH - 1, 2), (EPOCH, 1)]
    assert (await read(store, "x")).occurred_at == EPOCH - 1


async def test_what_is_recorded_late_out_of_order_or_without_times_is_as_of_then(store: Store) -> None:
    names, edge = "ab", association("a", "b", occurred_at=None)
    batches = [
        Batch(
            tuple(entity(name, occurred_at=None) for name in names),
            (edge,),
            tuple(NewRevision(urn(name), occurred_at=EPOCH + month * SECOND) for name in names),
        )
        for month in (3, 1, 2)
    ]
    for batch in batches:
        await store.record(batch, by="me")
    for month in range(4):
        view = await occurred_by(store, EPOCH + month * SECOND)
        (page,) = await store.reach([Reach(Walk(view, (id_of("a"),), Down))])
        assert (page and [each.entity.occurred_at for each in page.items]) == ([EPOCH + SECOND] if month else None)
