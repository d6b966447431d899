"""Many revisions of one entity, late and equal ones among them: every read is as of its moment, over every engine."""

import asyncio
import random
from dataclasses import replace

import pytest
from record_builders import EPOCH, entity, id_of, now, properties, urn
from reference_store import ReferenceStore

from lineal.auth.permissions import Permission
from lineal.auth.scopes import EVERYTHING, Grant, GroupRule, Scope, default_group
from lineal.graphstore.batches import Batch, NewRevision
from lineal.graphstore.gremlin import checkpoints
from lineal.graphstore.kinds import EntityStatus
from lineal.graphstore.queries import NEWEST_FIRST, Find, HistoryOf
from lineal.graphstore.records import AsOf, Entity, Revision, View
from lineal.graphstore.revisions import folded
from lineal.graphstore.store import Store

NAMES = ("a", "b")
READ = frozenset({Permission.READ, Permission.READ_PROPERTIES})
PARTLY = Scope.of([GroupRule(default_group("a"), (Grant(READ, redacted=frozenset({"k1"})),))])


def revision(chance: random.Random) -> NewRevision:
    """One of some times and contents, often such as came before."""
    return NewRevision(
        urn(chance.choice(NAMES)),
        status=chance.choice([None, EntityStatus.IN_PROGRESS, EntityStatus.COMPLETED]),
        tags=chance.choice([None, None, (), ("x",)]),
        properties=properties(**{f"k{chance.randrange(4)}": chance.randrange(3)}),
        removed=chance.choice([(), (), ("k9",)]),
        occurred_at=EPOCH + chance.choice([-5, *range(30)]),
        rank=chance.choice([0, 1, 2]),
    )


async def recorded(store: Store, model: Store, moments: list[int], batch: Batch, scope: Scope) -> None:
    """Record a batch in both, at one time."""
    done = await store.record(batch, by="me", returning=scope)
    moments.append(done.recorded_at or moments[-1])
    expected = await model.record(batch, by="me", returning=scope)
    assert done.revisions_are_new == expected.revisions_are_new
    assert [_without_view(each) for each in done.revisions] == [_without_view(each) for each in expected.revisions]


def _without_view(record: Entity | Revision | None) -> object:
    return None if record is None else replace(record, view=View(EVERYTHING, AsOf(0)))


@pytest.mark.parametrize("every", [1, 3, checkpoints.CHECKPOINT_EVERY])
async def test_many_revisions_read_as_the_model_reads_them(
    store: Store, monkeypatch: pytest.MonkeyPatch, every: int
) -> None:
    monkeypatch.setattr(checkpoints, "CHECKPOINT_EVERY", every)
    chance, moments = random.Random(every), [0]
    model = ReferenceStore(lambda: moments[-1])
    await recorded(store, model, moments, Batch(tuple(entity(name) for name in NAMES)), EVERYTHING)
    for _ in range(14):
        batch = Batch(revisions=tuple(revision(chance) for _ in range(chance.randint(1, 9))))
        await recorded(store, model, moments, batch, chance.choice([EVERYTHING, PARTLY]))
    # What a process with another bound wrote is read too.
    for newly in (every, 1):
        monkeypatch.setattr(checkpoints, "CHECKPOINT_EVERY", newly)
        for scope in (EVERYTHING, PARTLY):
            for recorded_at in moments[-1:1:-4]:
                for occurred_at in (None, EPOCH - 1, EPOCH + 12):
                    await _alike(store, model, View(scope, AsOf(recorded_at, occurred_at)))


async def _alike(store: Store, model: Store, view: View) -> None:
    ids = [id_of(name) for name in NAMES]
    assert await store.entities(view, ids) == await model.entities(view, ids)
    questions = [
        HistoryOf(view, id, first, since=since) for id in ids for first, since in ((1000, None), (2, EPOCH + 25))
    ]
    assert await store.history(questions) == await model.history(questions)
    found = [Find(view, order=NEWEST_FIRST)]
    assert await store.find(found) == await model.find(found)


async def test_an_equal_revision_is_known_however_many_came_after(store: Store) -> None:
    await store.record(Batch((entity("a"),)), by="me")
    some = [NewRevision(urn("a"), properties=properties(step=n), occurred_at=EPOCH + n) for n in range(50)]
    await store.record(Batch(revisions=tuple(some)), by="me")
    again = await store.record(Batch(revisions=tuple(some[::7])), by="me", returning=EVERYTHING)
    assert not any(again.revisions_are_new)
    assert [each.sequence for each in again.revisions if each is not None] == [n + 1 for n in range(50)][::7]


async def test_batches_at_once_number_the_revisions_of_an_entity_in_one_chain(store: Store) -> None:
    await store.record(Batch((entity("a"),)), by="me")

    async def append(n: int) -> None:
        some = [
            NewRevision(
                urn("a"), properties=properties(**{f"k{n % 7}": n, "last": n}), occurred_at=EPOCH + n * 37 % 40
            ),
            NewRevision(urn("a"), tags=(f"t{n}",), occurred_at=EPOCH + n * 11 % 40),
        ]
        await store.record(Batch(revisions=tuple(some)), by="me")

    await asyncio.gather(*map(append, range(30)))
    view = await now(store)
    (first_recorded,) = await store.entities(replace(view, as_of=AsOf(view.as_of.recorded_at, EPOCH - 1)), [id_of("a")])
    assert first_recorded is None
    (history,) = await store.history([HistoryOf(view, id_of("a"), 1000)])
    assert sorted(each.sequence for each in history.items) == list(range(1, 61))
    (read,) = await store.entities(view, [id_of("a")])
    assert read is not None
    bare = replace(read, tags=(), properties=(), status=None, occurred_at=EPOCH)
    assert read == folded(bare, history.items)
