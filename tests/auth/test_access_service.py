"""The access service: snapshots, authorizers, conflicts between changes, and the audit log."""

import threading
from asyncio import CancelledError, create_task, gather, sleep
from typing import Any

import pytest
from cedarpy import AuthzResult, is_authorized_batch
from memory_access_store import HOUR, NOON, READING, MemoryAccessStore, Scene, admin, person

from lineal.auth.access_service import AccessService
from lineal.auth.access_snapshot import AccessSnapshot
from lineal.auth.access_store import AccessChange, AuditEntry, EpochConflict
from lineal.auth.authorizer import Authorizer
from lineal.auth.operations.accounts import create_account
from lineal.auth.operations.base import Plan, RefusalCode, Refused
from lineal.auth.operations.group_policies import set_policy
from lineal.auth.operations.groups import create_group
from lineal.auth.operations.invitations import accept_invitation
from lineal.auth.principals import LOCAL
from lineal.auth.records import ShareTarget
from lineal.auth.scopes import default_group

A = default_group("a")


async def test_the_store_is_read_only_if_the_cached_snapshot_is_older() -> None:
    scene = await Scene().of("a")
    other = AccessService(scene.store)
    scene.store.reads = 0
    one, *more = await gather(*(other.at(1) for _ in range(20)))
    assert scene.store.reads == 1
    assert all(each is one for each in more)
    assert (await other.at(0)) is one
    assert (await other.at(1)) is one
    assert scene.store.reads == 1

    await scene.do(admin("a"), create_group("one"))
    assert (await other.at(1)) is one
    assert len((await other.at(2)).groups) == 2
    assert scene.store.reads == 4  # twice by the one that changed


async def test_the_cached_snapshot_includes_a_change() -> None:
    scene = await Scene().of("a")
    group = await scene.do(admin("a"), create_group("one"))
    snapshot = await scene.access_service.at(scene.store.epoch)
    assert snapshot.groups[group.id] == group
    assert snapshot.epoch == scene.store.epoch == 2


async def test_changes_of_several_servers_are_all_applied() -> None:
    scene = await Scene().of("a")
    servers = [AccessService(scene.store, lambda: NOON) for _ in range(4)]
    await gather(*(server.change(admin("a"), create_group(str(n))) for n, server in enumerate(servers)))
    snapshot = await scene.access_service.newest()
    assert [group.name for group in snapshot.groups_of("a")] == ["default", "0", "1", "2", "3"]
    assert scene.store.epoch == 5


async def test_a_decision_on_an_older_epoch_is_repeated() -> None:
    class Racing(MemoryAccessStore):
        """Another server changes the policy between a decision and its writing, once."""

        rival: AccessService | None = None

        async def change_access(self, change: AccessChange, *, epoch: int) -> int:
            rival, self.rival = self.rival, None
            if rival:
                await rival.change(LOCAL, set_policy(A, ""))
            return await super().change_access(change, epoch=epoch)

    store = Racing()
    access_service = AccessService(store, lambda: NOON)
    await access_service.change(LOCAL, create_account("a"))
    store.rival = AccessService(store, lambda: NOON)
    with pytest.raises(Refused) as refused:
        await access_service.change(admin("a"), create_group("one"))
    assert refused.value.code is RefusalCode.FORBIDDEN
    await access_service.denials.write()
    assert [(each.action, each.is_allowed) for each in store.log] == [
        ("accountCreate", True),
        ("lineageGroupPolicySet", True),
        ("lineageGroupCreate", False),
    ]


async def test_endless_conflicts_are_refused() -> None:
    class Moving(MemoryAccessStore):
        async def change_access(self, change: AccessChange, *, epoch: int) -> int:
            raise EpochConflict

    with pytest.raises(Refused) as refused:
        await AccessService(Moving()).change(LOCAL, create_account("a"))
    assert refused.value.code is RefusalCode.CONFLICT
    assert refused.value.message == "Others keep changing access at the same time: send this again."


async def test_an_allowed_operation_is_logged_with_its_change() -> None:
    scene = await Scene().of("a")
    group = await scene.do(admin("a"), create_group("one"))
    assert scene.store.log[-1] == AuditEntry(
        ("a",), "a/ada", "lineageGroupCreate", "GROUP", group.id, True, (f"{A}/admins",), "request-1"
    )


async def test_a_denied_operation_is_logged_by_itself() -> None:
    scene = await Scene().of("a", "b")
    epoch = scene.store.epoch
    for who, code, accounts in (
        (person("a"), RefusalCode.FORBIDDEN, ("a",)),
        (admin("b"), RefusalCode.NOT_FOUND, ("b", "a")),
    ):
        with pytest.raises(Refused) as refused:
            await scene.do(who, set_policy(A, ""))
        assert refused.value.code is code
        await scene.access_service.denials.write()
        assert scene.store.log[-1] == AuditEntry(
            accounts, who.shown, "lineageGroupPolicySet", "GROUP", A, False, (), "request-1"
        )
    assert scene.store.epoch == epoch


async def test_an_invalid_operation_is_not_logged() -> None:
    scene = await Scene().of("a")
    logged = len(scene.store.log)
    with pytest.raises(Refused):
        await scene.do(admin("a"), create_group(""))
    assert len(scene.store.log) == logged


async def test_a_plan_without_changes_is_not_written() -> None:
    scene = await Scene().of("a")
    logged = len(scene.store.log)

    def look(snapshot: AccessSnapshot, authorizer: Authorizer, now: int) -> Plan[int]:
        return Plan(AccessChange(), len(snapshot.accounts))

    assert await scene.do(person("a"), look) == 1
    assert len(scene.store.log) == logged


async def test_auditors_of_a_shares_owner_read_its_acceptance() -> None:
    scene = await Scene().of("a", "b")
    share = await scene.share("a", ShareTarget("b"), accepted=False, actions=READING)
    await scene.do(admin("b"), accept_invitation(f"{share.id}/b"))
    assert scene.store.log[-1].accounts == ("b", "a")
    assert (scene.store.log[-1].resource_kind, scene.store.log[-1].resource) == ("INVITATION", f"{share.id}/b")


async def test_an_authorizer_is_cached_until_the_next_share_expires() -> None:
    scene = await Scene().of("a", "b")
    await scene.share("a", ShareTarget("b"), expires_at=NOON + HOUR)
    snapshot = await scene.access_service.newest()

    async def authorizer(now: int, name: str = "pat") -> Authorizer:
        return await scene.access_service.authorizer(snapshot, person("b", name), now)

    cached = await authorizer(NOON)
    assert await authorizer(NOON + HOUR - 1) is cached
    assert await authorizer(NOON, "quinn") is not cached
    later = await authorizer(NOON + HOUR)
    assert later is not cached
    assert await authorizer(NOON + 9 * HOUR) is later
    assert cached.scope != later.scope


async def test_an_authorizer_is_evaluated_again_for_another_snapshot() -> None:
    scene = await Scene().of("a")
    before = await scene.access_service.newest()
    cached = await scene.access_service.authorizer(before, person("a"), NOON)
    await scene.of("b")
    after = await scene.access_service.newest()
    assert (await scene.access_service.authorizer(after, person("a"), NOON)).snapshot is after
    # A request that began before goes on with what it began with, and nothing else sees that.
    assert (await scene.access_service.authorizer(before, person("a"), NOON)).snapshot is before
    assert (await scene.access_service.authorizer(after, person("a"), NOON)).snapshot is after
    assert cached.snapshot is before


async def test_callers_share_one_evaluation_off_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = await Scene().of("a")
    threads: list[int] = []

    def evaluating(requests: list[dict[str, Any]], *args: Any) -> list[AuthzResult]:
        threads.append(threading.get_ident())
        return is_authorized_batch(requests, *args)

    monkeypatch.setattr("lineal.auth.policy_evaluator.is_authorized_batch", evaluating)
    snapshot = await scene.access_service.newest()
    first, *others = await gather(*(scene.access_service.authorizer(snapshot, person("a"), NOON) for _ in range(20)))
    assert all(each is first for each in others)
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()


async def test_a_caller_that_leaves_does_not_end_the_evaluation_for_others() -> None:
    scene = await Scene().of("a")
    snapshot = await scene.access_service.newest()
    first, second = (create_task(scene.access_service.authorizer(snapshot, person("a"), NOON)) for _ in range(2))
    await sleep(0)
    first.cancel()
    assert (await second).scope.rules
    with pytest.raises(CancelledError):
        await first


async def test_cached_authorizers_are_bounded_by_number_and_by_their_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = await Scene().of("a")
    snapshot = await scene.access_service.newest()

    async def authorizer(name: str) -> Authorizer:
        return await scene.access_service.authorizer(snapshot, person("a", name), NOON)

    async def kept(prefix: str) -> int:
        """How many of ten new authorizers are still cached after the last of them."""
        authorizers = {f"{prefix}{number}": await authorizer(f"{prefix}{number}") for number in range(10)}
        return sum([await authorizer(name) is authorizers[name] for name in reversed(authorizers)])

    assert await kept("any") == 10
    monkeypatch.setattr("lineal.auth.access_service.MAX_AUTHORIZERS", 5)
    assert await kept("five") == 5
    monkeypatch.setattr("lineal.auth.access_service.MAX_AUTHORIZERS", 50)
    monkeypatch.setattr("lineal.auth.access_service.MAX_CACHED_RULES", 3)
    assert await kept("three") == 3
