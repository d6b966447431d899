"""Batches that wait are recorded in one group, and every one of them as if it had been alone."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from engines import Engine, emptied
from record_builders import EPOCH, association, entity, id_of, now, properties, urn

from lineal.auth.access_store import AuditEntry, AuditQuestion
from lineal.graphstore.batches import Batch, Idempotency, NewObservation, NewRevision, Recorded
from lineal.graphstore.errors import BatchRefused, OutcomeUnknown, ProblemCode, Unavailable
from lineal.graphstore.gremlin import batch_writer
from lineal.graphstore.gremlin.messages import ServerRefused
from lineal.graphstore.gremlin.store import GremlinStore
from lineal.graphstore.gremlin.transport import Address

Groups = list[int]
"""How many requests each group held."""


@pytest.fixture
async def store(graph_server: Engine) -> AsyncIterator[GremlinStore]:
    await emptied(graph_server.url)
    async with await GremlinStore.opened(Address.parsed(graph_server.url), 20.0) as opened:
        yield opened


@pytest.fixture
def groups(store: GremlinStore, monkeypatch: pytest.MonkeyPatch) -> Groups:
    sizes: Groups = []
    record = store._recording._record

    async def noting(requests: Sequence[Any], stamp: int) -> None:
        sizes.append(len(requests))
        await record(requests, stamp)

    monkeypatch.setattr(store._recording, "_record", noting)
    return sizes


async def together(store: GremlinStore, *recordings: Any) -> list[Recorded | BaseException]:
    """What becomes of recordings that wait for the lease in their order."""
    tasks: list[asyncio.Future[Any]] = []
    async with store._lease.held():
        for each in recordings:
            tasks.append(asyncio.ensure_future(each))
            while len(store._recording._waiting) < len(tasks):
                await asyncio.sleep(0)
    answers: list[Recorded | BaseException] = await asyncio.gather(*tasks, return_exceptions=True)
    return answers


def recorded(answer: Recorded | BaseException) -> Recorded:
    assert isinstance(answer, Recorded), answer
    return answer


def codes(answer: Recorded | BaseException) -> list[ProblemCode]:
    assert isinstance(answer, BatchRefused), answer
    return [problem.code for problem in answer.problems]


async def test_waiting_batches_form_one_group(store: GremlinStore, groups: Groups) -> None:
    batches = [Batch((entity(f"n{number}"),)) for number in range(8)]
    answers = await together(store, *(store.record(each, by=f"by{n}") for n, each in enumerate(batches)))
    assert groups == [8]
    assert len({recorded(answer).recorded_at for answer in answers}) == 1
    entities = await store.entities(await now(store), [id_of(f"n{number}") for number in range(8)])
    assert [each and each.recorded_by for each in entities] == [f"by{number}" for number in range(8)]


async def test_a_batch_is_validated_against_earlier_ones_of_its_group(store: GremlinStore, groups: Groups) -> None:
    """And against nothing of those that were refused."""
    seen = NewObservation(urn("a"), "loss", 0.5, 1, EPOCH)
    revision = NewRevision(urn("a"), tags=("t",), occurred_at=EPOCH)
    answers = await together(
        store,
        store.record(Batch((entity("a"),)), by="1"),
        store.record(Batch((entity("a"), entity("b")), (association("a", "b"),)), by="2"),
        store.record(Batch((entity("c"),), (association("c", "missing"),)), by="3"),
        store.record(Batch((), (association("b", "c"),)), by="4"),
        store.record(Batch((entity("a", description="another"),)), by="5"),
        store.record(Batch((), (association("a", "b", properties=properties(x=1)),)), by="6"),
        store.record(Batch(revisions=(revision, replace(revision, tags=("v",), rank=1)), observations=(seen,)), by="7"),
        store.record(Batch(revisions=(revision, NewRevision(urn("a"), tags=("u",))), observations=(seen,)), by="8"),
        store.record(Batch(observations=(replace(seen, value=0.6),)), by="9"),
        store.record(Batch((entity("a"),), (association("a", "b"),), (revision,), (seen,)), by="10"),
    )
    assert groups == [10]
    assert recorded(answers[0]).entities_are_new == (True,)
    assert recorded(answers[1]).entities_are_new == (False, True)
    assert recorded(answers[1]).associations_are_new == (True,)
    assert codes(answers[2]) == [ProblemCode.NOT_FOUND]
    assert codes(answers[3]) == [ProblemCode.NOT_FOUND]
    assert codes(answers[4]) == codes(answers[5]) == [ProblemCode.IMMUTABLE_CONFLICT]
    assert recorded(answers[6]).revisions_are_new == (True, True)
    assert recorded(answers[7]).revisions_are_new == (False, True)
    assert recorded(answers[7]).observations_are_new == (False,)
    assert recorded(answers[8]).observations_are_new == (True,)
    assert recorded(answers[9]).recorded_at is None
    a, b, c = await store.entities(await now(store), [id_of(name) for name in "abc"])
    assert a
    assert b
    assert a.tags == ("u",)
    assert (a.recorded_by, b.recorded_by, c) == ("1", "2", None)


async def test_a_recorded_entity_is_known_to_the_whole_group(store: GremlinStore, groups: Groups) -> None:
    await store.record(Batch((entity("a"), entity("b")), (association("a", "b"),)), by="0")
    groups.clear()
    revisions = [NewRevision(urn("a"), tags=(f"t{number}",)) for number in range(3)]
    answers = await together(
        store,
        *(store.record(Batch(revisions=(each,)), by="me", returning=None) for each in revisions),
        store.record(Batch((entity("a"),), (association("a", "b"),)), by="me"),
        store.record(Batch((entity("c"),), (association("a", "c"), association("c", "b"))), by="me"),
    )
    assert groups == [5]
    assert [recorded(each).revisions_are_new for each in answers[:3]] == [(True,)] * 3
    assert recorded(answers[3]).recorded_at is None
    assert recorded(answers[4]).associations_are_new == (True, True)
    (a,) = await store.entities(await now(store), [id_of("a")])
    assert a is not None
    assert a.tags == ("t2",)


async def test_idempotency_keys_in_a_group(store: GremlinStore, groups: Groups) -> None:
    key, other = Idempotency("k", "f"), Idempotency("k", "another")
    batch = Batch((entity("a"),))

    async def sent() -> list[Recorded | BaseException]:
        return await together(
            store,
            store.record(batch, by="me", idempotency=key),
            store.record(batch, by="me", idempotency=key),
            store.record(Batch((entity("b"),)), by="me", idempotency=other),
            store.record(batch, by="you", idempotency=other),
        )

    first = await sent()
    assert recorded(first[0]).entities_are_new == recorded(first[1]).entities_are_new == (True,)
    assert codes(first[2]) == [ProblemCode.IDEMPOTENCY_MISMATCH]
    assert recorded(first[3]).entities_are_new == (False,)
    again = await sent()
    assert [again[0], again[1], again[3]] == [first[0], first[1], first[3]]
    assert codes(again[2]) == [ProblemCode.IDEMPOTENCY_MISMATCH]
    assert groups == [4, 4]


async def test_audit_entries_of_a_group(store: GremlinStore) -> None:
    def entry(principal: str) -> AuditEntry:
        return AuditEntry(("a",), principal, "record", "ACCOUNT", "a", True, (), "")

    await together(
        store,
        store.record(Batch((entity("a"),)), by="1", audit=[entry("1")]),
        store.record(Batch((entity("a", description="another"),)), by="2", audit=[entry("2")]),
        store.record(Batch((entity("a"),)), by="3", audit=[entry("3"), entry("3")]),
        store.record(Batch(), by="4", audit=[entry("4")]),
    )
    page = await store.audit_log(AuditQuestion(None))
    assert Counter(record.entry.principal for record in page.items) == {"1": 1, "3": 2, "4": 1}
    assert [record.sequence for record in page.items] == [4, 3, 2, 1]


async def test_a_group_is_bounded(store: GremlinStore, groups: Groups, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_writer, "MOST_PARTS", 5)
    batches = [Batch(tuple(entity(f"n{number}.{part}") for part in range(2))) for number in range(5)]
    await together(store, *(store.record(each, by="me") for each in batches))
    assert groups == [2, 2, 1]
    groups.clear()
    await store.record(Batch(tuple(entity(f"large{part}") for part in range(9))), by="me")
    assert groups == [1]


async def test_a_batch_refused_by_the_server_is_refused_alone(
    store: GremlinStore, groups: Groups, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = store._server.ask

    async def refusing(steps: Any, seconds: float | None = None) -> list[Any]:
        if "poison" in str(steps.bytecode) and "mergeV" in str(steps.bytecode):
            raise ServerRefused(500, "this is poison")
        return await ask(steps, seconds)

    monkeypatch.setattr(store._server, "ask", refusing)
    names = ("a", "poison", "b")
    answers = await together(store, *(store.record(Batch((entity(name),)), by="me") for name in names))
    assert groups == [3, 1, 1, 1]
    assert recorded(answers[0]).entities_are_new == recorded(answers[2]).entities_are_new == (True,)
    assert isinstance(answers[1], ServerRefused)
    entities = await store.entities(await now(store), [id_of(name) for name in names])
    assert [each is not None for each in entities] == [True, False, True]


@pytest.mark.parametrize("error", [Unavailable("gone"), OutcomeUnknown("unknown")])
async def test_a_group_that_fails_fails_for_all(
    store: GremlinStore, groups: Groups, monkeypatch: pytest.MonkeyPatch, error: Unavailable
) -> None:
    async def failing(*_: Any) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(store._lease, "commit_at_once", failing)
        answers = await together(store, *(store.record(Batch((entity(name),)), by="me") for name in "ab"))
    assert answers == [error, error]
    assert groups == [2]
    assert await store.entities(await now(store), [id_of("a"), id_of("b")]) == [None, None]
    await store.record(Batch((entity("a"), entity("b"))), by="me")


async def test_a_lease_that_is_not_acquired_fails_every_waiting_batch(
    store: GremlinStore, groups: Groups, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lineal.graphstore.gremlin.writer_lease.WAIT_SECONDS", 0.2)
    async with store._lease.held():
        answers = await asyncio.gather(
            *(store.record(Batch((entity(name),)), by="me") for name in "ab"), return_exceptions=True
        )
    assert all("nothing of this was written" in str(answer) for answer in answers)
    assert groups == []
    await store.record(Batch((entity("c"),)), by="me")


async def test_a_group_waits_for_the_clients_of_the_one_before(store: GremlinStore, groups: Groups) -> None:
    """Not longer than a part of the time that one took: two clients of three go on."""
    await together(store, *(store.record(Batch((entity(f"first{number}"),)), by="me") for number in range(3)))

    async def record(number: int) -> None:
        await asyncio.sleep(0)
        await store.record(Batch((entity(f"second{number}"),)), by="me")

    store._recording._took_seconds = 4.0
    await asyncio.gather(*map(record, range(3)))
    await asyncio.gather(*map(record, range(3, 5)))
    assert groups == [3, 3, 2]
