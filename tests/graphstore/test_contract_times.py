"""When things exist, and which revision decides, over every engine."""

from itertools import permutations

from making import EPOCH, entity, id_of, now, properties, urn

from lineal.auth.scopes import EVERYTHING
from lineal.graphstore.batches import Batch, NewRevision
from lineal.graphstore.kinds import EntityStatus
from lineal.graphstore.queries import EntityFilter, Find, HistoryOf
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
    found = await read(store, "x")
    assert (found.status, found.properties) == (COMPLETED, properties(late=1))
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
