"""Access over every engine: documents and their epochs, the members of groups, the audit log, the use of keys."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from engines import GRAPH_SERVERS, Engine, emptied
from record_builders import DAY, entity, graph, id_of, now, urn
from reference_store import ReferenceStore

from lineal.auth import access_store
from lineal.auth.access_store import (
    AccessChange,
    AccessDelta,
    AuditEntry,
    AuditQuestion,
    AuditRecord,
    Document,
    EpochConflict,
    Membership,
    audit_digest,
)
from lineal.auth.scopes import EVERYTHING, default_group
from lineal.graphstore.batches import Batch, Idempotency, NewEntity
from lineal.graphstore.errors import BatchRefused, LimitExceeded
from lineal.graphstore.kinds import EntityKind
from lineal.graphstore.opening import open_store
from lineal.graphstore.store import Newest, Store

ENTRY = AuditEntry(("a", "b"), "a/ann", "shareCreate", "GROUP", "g", True, ("policy0", "policy1"), "r-1")
DEFAULT = default_group("a")


def putting(*documents: tuple[str, str, str | None]) -> AccessChange:
    return AccessChange(tuple(Document(*each) for each in documents))


def joining(group: str, *names: str) -> AccessChange:
    return AccessChange(joins=tuple(Membership(group, id_of(name)) for name in names))


def leaving(group: str, *names: str) -> AccessChange:
    return AccessChange(leaves=tuple(Membership(group, id_of(name)) for name in names))


async def changed(store: Store, *changes: AccessChange) -> int:
    """Make changes one after the other; the epoch they lead to."""
    epoch = (await store.newest()).epoch
    for change in changes:
        epoch = await store.change_access(change, epoch=epoch)
    return epoch


async def groups(store: Store, *names: str) -> list[set[str] | None]:
    """The groups of entities besides the default one, which each of them is in."""
    entity_groups = await store.entity_groups([id_of(name) for name in names])
    assert all(each is None or DEFAULT in each.groups for each in entity_groups)
    return [None if each is None else set(each.groups - {DEFAULT}) for each in entity_groups]


async def log(store: Store, **asked: object) -> tuple[AuditRecord, ...]:
    return (await store.audit_log(AuditQuestion(**{"account": None, "first": 100, **asked}))).items  # type: ignore[arg-type]


# -- epochs and documents --


async def test_a_fresh_store(store: Store) -> None:
    assert await store.newest() == Newest(0, 0)
    assert await store.access_since(0) == AccessDelta(0, 0, ())
    assert await store.entity_groups([]) == []
    assert await store.entity_groups([id_of("a"), "no id", "\x00é"]) == [None, None, None]
    assert await log(store) == ()
    assert await store.keys_used([]) == {}


async def test_every_change_is_one_epoch(store: Store) -> None:
    first = putting(("share", "2", "{}"), ("group", "1", '{"name":"über"}'))
    assert await store.change_access(first, epoch=0) == 1
    assert await store.newest() == Newest(0, 1)
    assert await store.access_since(0) == AccessDelta(
        1, 0, (Document("group", "1", '{"name":"über"}'), Document("share", "2", "{}"))
    )
    assert await store.change_access(putting(("share", "1", "new")), epoch=1) == 2
    assert await store.access_since(1) == AccessDelta(2, 0, (Document("share", "1", "new"),))
    assert await store.access_since(2) == AccessDelta(2, 0, ())


async def test_a_delta_holds_the_newest_state_of_a_document(store: Store) -> None:
    await changed(
        store,
        putting(("group", "1", "old"), ("group", "2", "stays"), ("share", "1", "another part")),
        putting(("group", "1", "given twice"), ("group", "1", "newer")),
        putting(("group", "1", None), ("group", "never there", None)),
    )
    removed = (Document("group", "1", None), Document("group", "never there", None))
    kept = (Document("group", "2", "stays"), Document("share", "1", "another part"))
    assert (await store.access_since(0)).documents == (removed[0], kept[0], removed[1], kept[1])
    assert (await store.access_since(1)).documents == (await store.access_since(2)).documents == removed
    await changed(store, putting(("group", "1", "put again")))
    assert (await store.access_since(3)).documents == (Document("group", "1", "put again"),)


@pytest.mark.parametrize("epoch", [0, 2])
async def test_a_change_decided_on_another_epoch_is_refused(store: Store, epoch: int) -> None:
    await store.record(graph("a"), by="me")
    await changed(store, putting(("group", "1", "kept")))
    stale = replace(joining("g", "a"), documents=(Document("group", "1", "lost"),), audit=(ENTRY,))
    with pytest.raises(EpochConflict):
        await store.change_access(stale, epoch=epoch)
    assert await store.access_since(0) == AccessDelta(1, 0, (Document("group", "1", "kept"),))
    assert await groups(store, "a") == [set()]
    assert await log(store) == ()


async def test_an_audit_record_alone_moves_no_epoch(store: Store) -> None:
    assert await store.change_access(AccessChange(audit=(ENTRY,)), epoch=0) == 0
    assert await store.change_access(AccessChange(), epoch=0) == 0
    assert (await store.newest()).epoch == 0
    assert [record.entry for record in await log(store)] == [ENTRY]
    with pytest.raises(EpochConflict):
        await store.change_access(AccessChange(audit=(ENTRY,)), epoch=1)
    assert len(await log(store)) == 1


async def test_one_of_several_concurrent_changes_wins_an_epoch(store: Store) -> None:
    async def change(number: int) -> bool:
        try:
            await store.change_access(putting(("group", "1", str(number))), epoch=3)
        except EpochConflict:
            return False
        return True

    await changed(store, *[putting(("group", "1", "before"))] * 3)
    won = await asyncio.gather(*map(change, range(8)))
    assert sum(won) == 1
    assert await store.access_since(3) == AccessDelta(4, 0, (Document("group", "1", str(won.index(True))),))


async def test_access_changes_and_batches_are_counted_apart(store: Store) -> None:
    recorded = await store.record(graph("a"), by="me")
    assert recorded.recorded_at is not None
    await changed(store, putting(("group", "1", "x")), joining("g", "a"))
    await store.audit([ENTRY])
    assert await store.newest() == Newest(recorded.recorded_at, 2)
    assert await store.watermark() == recorded.recorded_at
    later = await store.record(graph("b"), by="me")
    assert later.recorded_at is not None
    assert await store.newest() == Newest(later.recorded_at, 2)


# -- members --


async def test_entities_join_and_leave_groups(store: Store) -> None:
    await store.record(graph("a", "b", "c"), by="me")
    await changed(store, joining("g", "a", "b"), joining("h", "b"))
    assert await groups(store, "a", "b", "c", "b") == [{"g"}, {"g", "h"}, set(), {"g", "h"}]
    await changed(store, leaving("g", "a", "b"))
    assert await groups(store, "a", "b", "c") == [set(), {"h"}, set()]
    await changed(store, joining("g", "a"))
    assert await groups(store, "a") == [{"g"}]


async def test_groups_of_an_entity(store: Store) -> None:
    batch = Batch((entity("a"), NewEntity("é", EntityKind.MODEL, "m", "v1")))
    await store.record(batch, by="me")
    created = await store.record(batch, by="me", returning=EVERYTHING)
    model = created.entities[1]
    assert model is not None
    change = AccessChange(joins=(Membership("x" * 22, model.id),))
    await changed(store, change)
    (entity_groups,) = await store.entity_groups([model.id])
    assert entity_groups is not None
    assert (entity_groups.urn, entity_groups.kind, entity_groups.account) == (model.urn, EntityKind.MODEL, "é")
    assert entity_groups.groups == {default_group("é"), "x" * 22}


async def test_joining_or_leaving_twice_changes_nothing(store: Store) -> None:
    await store.record(graph("a", "b"), by="me")
    await changed(store, joining("g", "a"), joining("g", "a", "a"), leaving("g", "b"), leaving("h", "a"))
    assert await groups(store, "a", "b") == [{"g"}, set()]
    await changed(store, replace(joining("g", "a"), leaves=leaving("g", "a").leaves))
    assert await groups(store, "a") == [{"g"}]


async def test_default_groups_need_no_membership(store: Store) -> None:
    await store.record(graph("a"), by="me")
    await changed(store, leaving(DEFAULT, "a"), joining(DEFAULT, "a"), leaving(DEFAULT, "a"), joining("g", "a"))
    assert await groups(store, "a") == [{"g"}]
    await changed(store, leaving("g", "a"), leaving(DEFAULT, "a"))
    assert await groups(store, "a") == [set()]


async def test_an_unrecorded_entity_joins_no_group(store: Store) -> None:
    await store.record(graph("a"), by="me")
    near = id_of("a")[:-2] + ("AA" if id_of("a")[-2:] != "AA" else "QA")
    odd = tuple(Membership("g", id) for id in ("no id", "é", "\x00", id_of("absent"), near))
    await changed(store, replace(joining("g", "a"), joins=(*odd, Membership("g", id_of("a")))))
    assert await groups(store, "a", "absent") == [{"g"}, None]
    assert await store.entity_groups([near]) == [None]
    await store.record(graph("absent"), by="me")
    assert await groups(store, "absent") == [set()]


async def test_the_epoch_of_the_newest_members(store: Store) -> None:
    await store.record(graph("a"), by="me")
    seen = []
    for change in (putting(("group", "1", "x")), joining("g", "a"), putting(("group", "1", "y")), leaving("g", "a")):
        await changed(store, change)
        seen.append((await store.access_since(0)).members_at)
    assert seen == [0, 2, 2, 4]


async def test_many_members(store: Store) -> None:
    names = [f"n{number}" for number in range(1200)]
    await store.record(Batch(tuple(map(entity, names))), by="me")
    await changed(store, joining("g", *names), leaving("g", *names[::2]))
    assert await groups(store, *names) == [set() if number % 2 == 0 else {"g"} for number in range(1200)]


async def test_members_are_recorded_as_before(store: Store) -> None:
    """That an entity is in more groups is no part of what is recorded of it."""
    await store.record(graph("a>b"), by="me")
    view = await now(store)
    before = await store.entities(view, [id_of("a")])
    await changed(store, joining("g", "a"))
    assert await store.entities(view, [id_of("a")]) == before
    recorded = await store.record(graph("a>b"), by="me")
    assert recorded.entities_are_new == (False, False)
    assert await groups(store, "a", "b") == [{"g"}, set()]


# -- the audit log --


def recomputed(record: AuditRecord, previous: str) -> str:
    entry = record.entry
    time = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=record.at)
    form: dict[str, Any] = {
        "sequence": str(record.sequence),
        "at": time.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "accounts": list(entry.accounts),
        "principal": entry.principal,
        "action": entry.action,
        "resourceKind": entry.resource_kind,
        "resource": entry.resource,
        "isAllowed": entry.is_allowed,
        "policies": list(entry.policies),
        "requestId": entry.request_id,
        "count": str(entry.count),
        "examples": list(entry.examples),
        "previous": previous,
    }
    return sha256(rfc8785.dumps(form)).hexdigest()


def is_whole(records: Sequence[AuditRecord]) -> bool:
    """Whether records, the newest first, are a whole log, each with the digest that its content and the last give."""
    previous, at = "", -1
    for sequence, record in enumerate(reversed(records), 1):
        links = (record.sequence, record.previous, record.digest)
        if links != (sequence, previous, recomputed(record, previous)) or record.at <= at:
            return False
        previous, at = record.digest, record.at
    return True


def entries(*words: str) -> list[AuditEntry]:
    return [replace(ENTRY, resource=word) for word in words]


async def test_the_log_is_a_chain(store: Store) -> None:
    odd = AuditEntry((), 'é"\\\n', "\x01\u2028", "", "😀", False, count=1 << 40, examples=("😀", ""))
    await store.audit([ENTRY, odd])
    await store.audit([])
    await changed(store, replace(putting(("group", "1", "x")), audit=(ENTRY, odd)))
    await store.record(graph("a"), by="me", audit=[odd])
    records = await log(store)
    assert [record.entry for record in records] == [odd, odd, ENTRY, odd, ENTRY]
    assert is_whole(records)
    assert not is_whole([*records[:2], replace(records[2], entry=replace(ENTRY, is_allowed=False)), *records[3:]])


def test_a_digest_is_of_everything_in_a_record() -> None:
    inputs = [(1, 5, ENTRY, "")]
    inputs += [(2, 5, ENTRY, ""), (1, 6, ENTRY, ""), (1, 5, ENTRY, "x")]
    other: dict[str, Any] = {
        "accounts": ("a",), "principal": "a/bob", "action": "x", "resource_kind": "x", "resource": "x",
        "is_allowed": False, "policies": (), "request_id": "", "count": 2, "examples": ("x",),
    }  # fmt: skip
    inputs += [(1, 5, replace(ENTRY, **{name: value}), "") for name, value in other.items()]
    assert len({audit_digest(*each) for each in inputs}) == len(inputs) == 14


async def test_the_log_is_timed(store: Store) -> None:
    if isinstance(store, ReferenceStore):
        store.access.clock = lambda: time.time_ns() // 1000
    before = time.time_ns() // 1000
    await store.audit(entries("1", "2", "3"))
    after = time.time_ns() // 1000
    times = [record.at for record in await log(store)]
    assert before <= times[2] < times[1] < times[0] <= after + 2


async def test_pages_of_the_log(store: Store) -> None:
    await store.audit(entries(*"abcde"))
    page = await store.audit_log(AuditQuestion(None, first=2))
    assert ([record.entry.resource for record in page.items], page.has_next) == (["e", "d"], True)
    page = await store.audit_log(AuditQuestion(None, first=2, before=page.items[-1].sequence))
    assert ([record.entry.resource for record in page.items], page.has_next) == (["c", "b"], True)
    page = await store.audit_log(AuditQuestion(None, first=2, before=page.items[-1].sequence))
    assert ([record.entry.resource for record in page.items], page.has_next) == (["a"], False)
    page = await store.audit_log(AuditQuestion(None, first=2, before=1))
    assert (page.items, page.has_next) == ((), False)
    page = await store.audit_log(AuditQuestion(None, first=5, before=1000))
    assert (len(page.items), page.has_next) == (5, False)


async def test_filters_of_the_log(store: Store) -> None:
    kept = [
        ENTRY,
        replace(ENTRY, accounts=("b",), principal="b/bob"),
        replace(ENTRY, action="READ", is_allowed=False),
        replace(ENTRY, resource=urn("x"), resource_kind="ENTITY"),
        replace(ENTRY, accounts=('a"', "%")),
    ]
    await store.audit(kept)
    at = {record.sequence: record.at for record in await log(store)}

    async def found(**asked: object) -> list[int]:
        return [record.sequence for record in await log(store, **asked)]

    assert await found() == [5, 4, 3, 2, 1]
    assert await found(account="a") == [4, 3, 1]
    assert await found(account="b") == [4, 3, 2, 1]
    assert await found(account='a"') == await found(account="%") == [5]
    assert await found(account="c") == []
    assert await found(principal="b/bob") == [2]
    assert await found(principal="bob") == []
    assert await found(action="READ") == await found(is_allowed=False) == [3]
    assert await found(is_allowed=True) == [5, 4, 2, 1]
    assert await found(resource=urn("x")) == [4]
    assert await found(account="b", principal="a/ann", is_allowed=True, before=4) == [1]
    assert await found(since=at[3]) == [5, 4, 3]
    assert await found(until=at[3]) == [3, 2, 1]
    assert await found(since=at[2], until=at[4]) == [4, 3, 2]
    assert await found(since=at[2] + 1, until=at[2]) == await found(since=at[5] + 1) == await found(until=-1) == []
    assert await found(since=at[1], until=at[5] + DAY, account="a", first=1) == [4]


async def test_a_search_of_the_log_stops_at_its_limit(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    await store.audit(entries(*"abcdef"))
    at = {record.entry.resource: record.at for record in await log(store)}
    monkeypatch.setattr(access_store, "MOST_LOOKED_THROUGH", 4)
    assert len(await log(store, first=1, is_allowed=True)) == 1
    assert len(await log(store, first=3)) == 3
    for asked in ({"resource": "b"}, {"first": 4}, {"resource": "c", "first": 1}):
        with pytest.raises(LimitExceeded, match="shorter time, by since and until"):
            await log(store, **asked)
    assert await log(store, resource="b", since=at["c"]) == ()
    records = await log(store, resource="b", until=at["d"])
    assert [record.entry.resource for record in records] == ["b"]


async def test_a_batch_with_its_audit(store: Store) -> None:
    key = Idempotency("k", "f")
    await store.record(graph("a"), by="me", idempotency=key, audit=entries("new", "with it"))
    await store.record(graph("a"), by="me", audit=entries("nothing new"))
    await store.record(graph("a"), by="me", idempotency=key, audit=entries("sent again"))
    await store.record(Batch(), by="me", audit=entries("empty"))
    with pytest.raises(BatchRefused):
        await store.record(graph("a>b>a>b=a=a"), by="me", audit=entries("refused by itself"))
    other = Batch((entity("a", description="other"), entity("c")))
    with pytest.raises(BatchRefused):
        await store.record(other, by="me", audit=entries("refused by what stands"))
    with pytest.raises(BatchRefused):
        await store.record(graph("c"), by="me", idempotency=Idempotency("k", "g"), audit=entries("another request"))
    records = await log(store)
    assert [each.entry.resource for each in records] == ["empty", "sent again", "nothing new", "with it", "new"]
    assert is_whole(records)


async def test_concurrent_writers_keep_one_chain(store: Store) -> None:
    await asyncio.gather(
        *(store.audit(entries(f"{number}", f"{number}")) for number in range(5)),
        *(store.record(graph(f"n{number}"), by="me", audit=entries(f"r{number}")) for number in range(5)),
    )
    records = await log(store)
    words = [record.entry.resource for record in records]
    assert sorted(words) == sorted([*map(str, range(5)), *map(str, range(5)), *(f"r{number}" for number in range(5))])
    assert all(
        words.index(f"{number}") + 1 == words.index(f"{number}", words.index(f"{number}") + 1) for number in range(5)
    )
    assert is_whole(records)


# -- the use of keys --


async def test_the_last_use_of_keys(store: Store) -> None:
    await store.key_used("one", 5)
    await store.key_used("two", 7)
    await store.key_used("two", 6)
    await store.key_used("one", 8)
    assert await store.keys_used(["two", "none", "one", "two"]) == {"one": 8, "two": 7}
    assert (await store.newest()).epoch == 0


# -- where it is kept --


@pytest.fixture(params=["sqlite", *GRAPH_SERVERS])
async def kept_at(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty store is that several can open."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/kept.db"
    engine: Engine = request.getfixturevalue(request.param.replace("-", "_"))
    await emptied(engine.url)
    return engine.url


async def test_access_survives_reopening(kept_at: str) -> None:
    async with await open_store(kept_at) as store:
        await store.record(graph("a"), by="me", audit=[ENTRY])
        await changed(store, putting(("group", "1", "x")), replace(joining("g", "a"), audit=(ENTRY,)))
        await store.key_used("one", 5)
        state = await store.newest()
    async with await open_store(kept_at) as store:
        assert await store.newest() == state
        assert await store.access_since(0) == AccessDelta(2, 2, (Document("group", "1", "x"),))
        assert await groups(store, "a") == [{"g"}]
        await store.audit([ENTRY])
        assert await store.newest() == state
        assert len(await log(store)) == 3
        assert is_whole(await log(store))
        assert await store.keys_used(["one"]) == {"one": 5}


async def test_a_change_is_visible_to_another_store_at_once(kept_at: str) -> None:
    async with await open_store(kept_at) as one, await open_store(kept_at) as other:
        await one.record(graph("a"), by="me")
        assert await one.change_access(replace(joining("g", "a"), audit=(ENTRY,)), epoch=0) == 1
        assert (await other.newest()).epoch == 1
        assert await groups(other, "a") == [{"g"}]
        with pytest.raises(EpochConflict):
            await other.change_access(putting(("group", "1", "x")), epoch=0)
        assert await other.change_access(replace(putting(("group", "1", "x")), audit=(ENTRY,)), epoch=1) == 2
        assert await one.newest() == await other.newest()
        assert (await one.access_since(1)).documents == (Document("group", "1", "x"),)
        await one.audit([ENTRY])
        assert await log(one) == await log(other)
        assert is_whole(await log(one))


async def test_one_change_of_two_stores_wins_an_epoch(kept_at: str) -> None:
    async with await open_store(kept_at) as one, await open_store(kept_at) as other:

        async def change(number: int) -> int:
            for tries in range(100):
                store = (one, other)[(number + tries) % 2]
                epoch = (await store.newest()).epoch
                try:
                    return await store.change_access(
                        replace(putting(("group", str(number), "x")), audit=(ENTRY,)), epoch=epoch
                    )
                except EpochConflict:
                    continue
            raise AssertionError("it never won")

        won = await asyncio.gather(*map(change, range(6)))
        assert sorted(won) == [1, 2, 3, 4, 5, 6]
        for store in (one, other):
            assert len((await store.access_since(0)).documents) == 6
            assert is_whole(await log(store))
            assert len(await log(store)) == 6
