"""Scopes as arrays, while other reads learn who joined which group."""

from pathlib import Path

from record_builders import graph, id_of

from lineal.auth.access_store import AccessChange, Membership
from lineal.auth.permissions import Permission
from lineal.auth.scopes import UNLIMITED, Grant, GroupRule, Scope, default_group
from lineal.graphstore.embedded.memory.key_arrays import keys_of
from lineal.graphstore.embedded.memory.scope_table import ScopeTables
from lineal.graphstore.embedded.sql.connections import connect
from lineal.graphstore.embedded.sql.memory_sources import MemorySource
from lineal.graphstore.kinds import LineageDirection
from lineal.graphstore.opening import open_store


async def test_groups_found_by_another_read_are_used(tmp_path: Path) -> None:
    reader = Grant(frozenset({Permission.READ, Permission.TRAVERSE}))
    scope = Scope.of([GroupRule(default_group("a"), (reader,)), GroupRule("g", forbidden=frozenset({Permission.READ}))])
    other = Scope.of([GroupRule(default_group("a"), (reader,))])
    async with await open_store(f"sqlite:///{tmp_path}/x.db") as store:
        await store.record(graph("a>b"), by="me")
        connection, lenses = connect(f"{tmp_path}/x.db"), ScopeTables()
        source = MemorySource(connection)
        scope_table = lenses.of(scope, source)
        assert scope_table is not None
        key: int = connection.execute("SELECT key FROM entity WHERE id = ?", (id_of("a"),)).get
        assert (scope_table.sees(key), scope_table.limit(key, LineageDirection.ASCENDANTS)) == (1, UNLIMITED)
        await store.change_access(AccessChange(joins=(Membership("g", id_of("a")),)), epoch=0)
        lenses.of(other, source)
        assert scope_table.sees(key) == 0
        assert scope_table.hidden(keys_of([key])).cut == {key}
        assert scope_table.limit(key, LineageDirection.ASCENDANTS) == 0
        assert not len(scope_table.readable(keys_of([key])))
        connection.close()


async def test_running_searches_continue(tmp_path: Path) -> None:
    reader = Grant(frozenset({Permission.READ, Permission.TRAVERSE}))
    rules = [GroupRule(group, (reader,)) for group in (default_group("a"), "g")]
    async with await open_store(f"sqlite:///{tmp_path}/x.db") as store:
        await store.record(graph("a>b"), by="me")
        connection, lenses = connect(f"{tmp_path}/x.db"), ScopeTables()
        source = MemorySource(connection)
        scope_table = lenses.of(Scope.of(rules), source)
        assert scope_table is not None
        connection.sees = scope_table.sees
        await store.change_access(AccessChange(joins=(Membership("g", id_of("a")),)), epoch=0)
        lenses.of(Scope.of(rules[:1]), source)
        seen = connection.execute("SELECT count(*) FROM entity e WHERE sees(e.key)").get
        assert seen == 2
        connection.close()
