"""Errors keep their cause: what SQLite reports of the disk or a lock, and mistakes in the code's own SQL."""

from collections.abc import AsyncIterator
from typing import Any

import apsw
import pytest
from record_builders import graph

from lineal.graphstore.embedded.sql import access_tables
from lineal.graphstore.embedded.sql.failures import DAMAGED_FILE, DISK_FAILURES, LOCKS
from lineal.graphstore.errors import StoreError, Unavailable
from lineal.graphstore.opening import open_store
from lineal.graphstore.store import Store


@pytest.fixture(params=["memory:", "sqlite:///{}/x.db"])
async def store(request: pytest.FixtureRequest, tmp_path: Any) -> AsyncIterator[Store]:
    async with await open_store(request.param.format(tmp_path)) as store:
        yield store


def raising(error: Exception) -> Any:
    def work(*args: Any, **named: Any) -> None:
        raise error

    return work


def mistaken(connection: apsw.Connection, **named: Any) -> Any:
    return connection.execute("SELECT x FROM missing")


@pytest.mark.parametrize("error", [kind("it says so") for kind in DISK_FAILURES])
async def test_a_disk_error_of_a_read_is_reported(
    store: Store, monkeypatch: pytest.MonkeyPatch, error: apsw.Error
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(access_tables, "newest_state", raising(error))
        is_damage = isinstance(error, DAMAGED_FILE)
        with pytest.raises(Unavailable, match=r"\(it says so\)") as raised:
            await store.newest()
        assert ("run `lineal verify`" if is_damage else "check the disk and the file") in str(raised.value)


async def test_a_row_that_cannot_be_read_is_reported(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (KeyError("no such kind"), ValueError("no JSON")):
        with monkeypatch.context() as patched:
            patched.setattr(access_tables, "newest_state", raising(error))
            patched.setattr(access_tables, "key_used", raising(error))
            for ask in (store.newest, lambda: store.key_used("k", 1)):
                with pytest.raises(Unavailable, match=r"record cannot be read.*run `lineal verify`"):
                    await ask()


@pytest.mark.parametrize("error", [kind("it says so") for kind in LOCKS])
async def test_a_lock_is_not_a_disk_error(store: Store, monkeypatch: pytest.MonkeyPatch, error: apsw.Error) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(access_tables, "newest_state", raising(error))
        patched.setattr(access_tables, "key_used", raising(error))
        with pytest.raises(Unavailable, match=r"another process holds the database, .*: ask again"):
            await store.newest()
        with pytest.raises(Unavailable, match="holds the database for writing, and nothing was written"):
            await store.key_used("k", 1)
    await store.record(graph("a"), by="me")
    assert (await store.newest()).recorded_at > 0


async def test_a_wrong_statement_is_an_internal_error(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(access_tables, "newest_state", mistaken)
        patched.setattr(access_tables, "key_used", mistaken)
        for ask in (store.newest, lambda: store.key_used("k", 1)):
            with pytest.raises(apsw.SQLError, match="no such table") as raised:
                await ask()
            assert not isinstance(raised.value, StoreError)
    await store.record(graph("a"), by="me")
    assert (await store.newest()).recorded_at > 0
