"""Denied decisions are folded before they are written, and written on a timer."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from memory_access_store import MemoryAccessStore

from lineal.auth import denial_log
from lineal.auth.access_store import AuditEntry
from lineal.auth.denial_log import MOST_EXAMPLES, MOST_OF_PRINCIPAL, MOST_OF_TYPE, WINDOW_SECONDS, DenialLog

DENIED = AuditEntry(("a",), "b/bob", "READ", "ENTITY", "", False, ("g/never",), "r-1")


class Denials(DenialLog):
    """A denial log with a clock that the test sets."""

    def __init__(self, store: MemoryAccessStore) -> None:
        self.now = 0.0
        super().__init__(store, lambda: self.now)


def denied(*resources: object, **changes: object) -> list[AuditEntry]:
    return [replace(DENIED, resource=str(resource), **changes) for resource in resources]  # type: ignore[arg-type]


async def test_few_denials_have_records_of_their_own() -> None:
    store = MemoryAccessStore()
    denials = Denials(store)
    denials.note(denied(1, 2, 3))
    assert store.log == [], "nothing is written by the caller"
    await denials.finish()
    assert store.log == denied(1, 2, 3)


async def test_a_flood_is_a_few_records_a_minute() -> None:
    store = MemoryAccessStore()
    denials = Denials(store)
    for request in range(400):
        denials.note(denied(*range(request * 100, request * 100 + 100), request_id=f"r-{request}"))
        await denials.write()
    denials.now = WINDOW_SECONDS
    await denials.write()
    *separate, folded = store.log
    assert separate == denied(*range(MOST_OF_TYPE), request_id="r-0")
    assert (folded.resource, folded.count, folded.request_id) == ("", 40_000 - MOST_OF_TYPE, "r-0")
    assert folded.examples == tuple(str(MOST_OF_TYPE + place) for place in range(MOST_EXAMPLES))
    assert (folded.principal, folded.action, folded.policies) == ("b/bob", "READ", ("g/never",))
    await denials.finish()
    assert len(store.log) == MOST_OF_TYPE + 1


async def test_a_repeated_denial_is_counted() -> None:
    store = MemoryAccessStore()
    denials = Denials(store)
    denials.note(denied(*"xxxx"))
    await denials.finish()
    assert store.log == [*denied("x"), *denied("x", count=3, examples=("x",))]


async def test_the_first_denial_of_each_type_is_never_folded() -> None:
    store = MemoryAccessStore()
    denials = Denials(store)
    denials.note(denied(*range(1000)))
    others: list[dict[str, Any]] = [
        {"action": "RECORD"},
        {"principal": "b/eve"},
        {"accounts": ("c",)},
        {"resource_kind": "GROUP"},
    ]
    for change in others:
        denials.note(denied(1, **change))
    await denials.write()
    assert store.log == [*denied(*range(MOST_OF_TYPE)), *(entry for change in others for entry in denied(1, **change))]
    await denials.finish()


async def test_a_principal_has_few_records_of_many_types() -> None:
    store = MemoryAccessStore()
    denials = Denials(store)
    accounts = 200
    for account in range(accounts):
        denials.note(denied(1, 2, accounts=(f"account{account}",)))
    await denials.write()
    assert len({entry.accounts for entry in store.log}) == accounts
    assert len(store.log) == accounts + MOST_OF_PRINCIPAL // 2
    await denials.finish()
    assert sum(entry.count for entry in store.log) == 2 * accounts


async def test_the_next_minute_begins_anew() -> None:
    store = MemoryAccessStore()
    denials = Denials(store)
    for _ in range(2):
        denials.note(denied(1, 1))
        denials.now += WINDOW_SECONDS
    await denials.finish()
    assert [entry.count for entry in store.log] == [1, 1, 1, 1]


async def test_the_timer_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(denial_log, "WRITE_SECONDS", 0)
    store = MemoryAccessStore()
    denials = DenialLog(store)
    denials.note(denied(1))
    async with asyncio.timeout(20):
        while not store.log:
            await asyncio.sleep(0)
    assert store.log == denied(1)
    await denials.finish()


async def test_what_the_store_refuses_is_written_later(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(MemoryAccessStore):
        async def audit(self, entries: Sequence[AuditEntry]) -> None:
            raise OSError("the disk is full")

    failing = Failing()
    denials = Denials(failing)
    denials.note(denied(1))
    assert await denials.write() == 0
    denials.note(denied(2))
    working = MemoryAccessStore()
    monkeypatch.setattr(denials, "_store", working)
    assert await denials.write() == 2
    assert working.log == denied(1, 2)
    await denials.finish()


async def test_the_memory_for_many_types_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(denial_log, "MOST_WINDOWS", 3)
    store = MemoryAccessStore()
    denials = Denials(store)
    for account in range(10):
        denials.note(denied(1, 1, accounts=(f"account{account}",)))
    assert len(denials._windows) == 3
    await denials.finish()
    assert sum(entry.count for entry in store.log) == 20
