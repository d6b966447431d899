"""Causal walks, over every engine: only what could have flowed, as far as times are recorded."""

from collections.abc import Mapping

from record_builders import DAY, EPOCH, Down, Up, association, distances, entity, id_of, now, reach, urn
from reference_store import ReferenceStore

from lineal.graphstore.batches import Batch, NewAssociation, NewRevision
from lineal.graphstore.kinds import AssociationType, EntityKind, EntityStatus, IncompleteReason
from lineal.graphstore.queries import Limits, Reach, Walk
from lineal.graphstore.store import Store

JOB = EntityKind.PROCESSING_JOB


def day(number: int) -> int:
    return EPOCH + number * DAY


def at(times: Mapping[str, int | None]) -> Batch:
    """Associations by words like `a>b`, each with the day it occurred on, or without a time; and their ends."""
    names: dict[str, None] = {}
    parts = []
    for edge, n in times.items():
        source, destination = edge.split(">")
        names |= {source: None, destination: None}
        parts.append(association(source, destination, occurred_at=None if n is None else day(n)))
    return Batch(tuple(entity(name, occurred_at=EPOCH) for name in names), tuple(parts))


def run(name: str, began: int, ended: int | None, reads: str, writes: str) -> Batch:
    """A job between two days, with the datasets it read and wrote, as capture records it: without times."""
    job = urn(name, JOB)
    status = NewRevision(job, EntityStatus.COMPLETED, occurred_at=day(began if ended is None else ended))
    return Batch(
        (entity(name, JOB, occurred_at=day(began)), *(entity(each, occurred_at=day(0)) for each in reads + writes)),
        (
            *(NewAssociation(urn(each), job, AssociationType.CONTRIBUTED_TO) for each in reads),
            *(NewAssociation(job, urn(each), AssociationType.PRODUCED) for each in writes),
        ),
        () if ended is None else (status,),
    )


async def causal(store: Store, start: str, direction: object = Down, **asked: object) -> dict[str, int | None]:
    return distances(await reach(store, start, direction=direction, causal=True, **asked))  # type: ignore[arg-type]


async def test_a_later_write_is_not_read_before(store: Store) -> None:
    for batch in (run("first", 1, 1, "A", "B"), run("second", 2, 2, "C", "A")):
        await store.record(batch, by="me")
    assert distances(await reach(store, "C")) == {"second": 1, "A": 2, "first": 3, "B": 4}
    assert await causal(store, "C") == {"second": 1, "A": 2}
    assert await causal(store, "B", Up) == {"first": 1, "A": 2}
    assert await causal(store, "A", Up) == {"second": 1, "C": 2}
    assert await causal(store, "A") == {"first": 1, "B": 2}


async def test_a_job_that_still_runs_may_read_what_is_written_later(store: Store) -> None:
    for batch in (run("first", 1, None, "A", "B"), run("second", 2, 2, "C", "A")):
        await store.record(batch, by="me")
    assert await causal(store, "C") == {"second": 1, "A": 2, "first": 3, "B": 4}
    ended = NewRevision(urn("first", JOB), EntityStatus.FAILED, occurred_at=day(3))
    await store.record(Batch(revisions=(ended,)), by="me")
    assert await causal(store, "B", Up) == {"first": 1, "A": 2, "second": 3, "C": 4}, "it ended after the write"
    again = NewRevision(urn("first", JOB), EntityStatus.IN_PROGRESS, occurred_at=day(4))
    earlier = NewRevision(urn("first", JOB), EntityStatus.FAILED, occurred_at=day(1))
    await store.record(Batch(revisions=(again, earlier)), by="me")
    assert "C" in await causal(store, "B", Up)


async def test_the_time_of_an_association_is_exact_and_without_one_it_may_be_any_later_one(store: Store) -> None:
    await store.record(at({"a>b": 2, "b>c": 1, "b>d": 2, "b>e": 3, "b>f": None, "f>g": 1}), by="me")
    assert await causal(store, "a") == {"b": 1, "d": 2, "e": 2, "f": 2}
    assert await causal(store, "c", Up) == {"b": 1}
    assert await causal(store, "e", Up) == {"b": 1, "a": 2}
    assert await causal(store, "g", Up) == {"f": 1, "b": 2}, "what made b on the second day came too late for g"


async def test_what_is_reached_later_over_fewer_hops_is_reached_earlier_over_more(store: Store) -> None:
    await store.record(at({"s>x": 9, "s>a": 1, "a>x": 2, "x>y": 5, "y>z": 6}), by="me")
    page = await reach(store, "s", causal=True, with_paths=True)
    assert distances(page) == {"a": 1, "x": 1, "y": 3, "z": 4}
    paths = {item.entity.name: [step.source_urn for step in item.path] for item in page.items}
    assert paths["z"] == [urn("s"), urn("a"), urn("x"), urn("y")]
    assert paths["x"] == [urn("s")], "its shortest path, by which it leads on to nothing"
    for depth, expected in ((1, {"a": 1, "x": 1}), (2, {"a": 1, "x": 1}), (3, {"a": 1, "x": 1, "y": 3})):
        cut = await reach(store, "s", causal=True, depth=depth)
        assert distances(cut) == expected
        reasons = set() if depth == 1 else {IncompleteReason.DEPTH}
        assert cut.reasons == reasons, "one hop beyond the first nothing is new; beyond the others something is"
    up = await reach(store, "z", direction=Up, causal=True)
    assert distances(up) == {"y": 1, "x": 2, "a": 3, "s": 4}


async def test_same_as_has_all_times_and_cycles_end(store: Store) -> None:
    same = association("b", "c", AssociationType.SAME_AS, occurred_at=day(9))
    batch = at({"a>b": 1, "c>d": 2, "d>a": 3, "a>e": 0})
    await store.record(Batch(batch.entities, (*batch.associations, same)), by="me")
    assert await causal(store, "a") == {"b": 1, "e": 1, "c": 2, "d": 3, "a": 4}


async def test_pages_and_the_visit_limit_go_on(store: Store) -> None:
    await store.record(at({"s>x": 9, "s>a": 1, "a>x": 2, "x>y": 5, "y>z": 6}), by="me")
    walk = Walk(await now(store), (id_of("s"),), Down, causal=True, limits=Limits(visits=2))
    seen, after = [], None
    for _ in range(6):
        (page,) = await store.reach([Reach(walk, first=1, after=after)])
        assert page is not None
        seen += [item.entity.name for item in page.items]
        after = page.end
        if not page.has_next:
            break
    assert seen == ["a", "x", "y", "z"]


async def test_stacked_diamonds_end_causally(store: Store) -> None:
    levels = 5 if isinstance(store, ReferenceStore) else 30
    times: dict[str, int] = {}
    for level in range(levels):
        for side in "lr":
            times |= {f"{level}>{level}{side}": level, f"{level}{side}>{level + 1}": level}
    await store.record(at(times), by="me")
    assert (await reach(store, "0", causal=True, first=100)).total == 3 * levels
    assert (await reach(store, str(levels), direction=Up, causal=True)).total == 3 * levels
