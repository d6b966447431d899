"""The state of the writer lease in Cassandra: a row that lightweight transactions of JanusGraph's session replace."""

import asyncio
from typing import Any, Final

from gremlin_python.statics import long

from lineal.graphstore.errors import Unavailable
from lineal.graphstore.gremlin.client import GremlinClient, g
from lineal.graphstore.gremlin.lease_register import EMPTIED, HOLDER, LEASE, GraphRegister
from lineal.graphstore.gremlin.snapshots import LeaseState

_FENCE_TRIES: Final = 250
_PAUSE_SECONDS: Final = 0.02
_NOT_FENCED: Final = (
    "the graph does not take the lease's fencing number: set the clocks of all JanusGraph servers right"
)

_SESSION: Final = """
def manager = g.getGraph().getBackend().getStoreManager()
def table = manager.getKeyspaceName() + '.lineal_lease'
def run = { text, Object... values ->
    def statement = com.datastax.oss.driver.api.core.cql.SimpleStatement.newInstance(text.toString(), values)
    manager.getSession().execute(statement.setConsistencyLevel(
        com.datastax.oss.driver.api.core.DefaultConsistencyLevel.QUORUM))
}
"""
_SET_UP: Final = f"""{_SESSION}
run("CREATE TABLE IF NOT EXISTS $table (graph text PRIMARY KEY, version bigint, state text, plan text)")
run("INSERT INTO $table (graph, version, state, plan) VALUES (?, ?, ?, '') IF NOT EXISTS", name, 0L, state).wasApplied()
"""
_READ: Final = f"""{_SESSION}
run("SELECT state FROM $table WHERE graph = ?", name).one()?.getString(0) ?: ''
"""
_READ_PLAN: Final = f"""{_SESSION}
run("SELECT plan FROM $table WHERE graph = ?", name).one()?.getString(0) ?: ''
"""
_REPLACE: Final = f"""{_SESSION}
run("UPDATE $table SET version = ?, state = ? WHERE graph = ? IF version = ?",
    version + 1L, state, name, version as Long).wasApplied()
"""
_OPEN: Final = f"""{_SESSION}
run("UPDATE $table SET version = ?, state = ?, plan = ? WHERE graph = ? IF version = ?",
    version + 1L, state, plan, name, version as Long).wasApplied()
"""


class CassandraRegister(GraphRegister):
    """The state as a row of Cassandra; the fencing number, renewals and requests of waiters are in the graph."""

    has_late_writes = True

    def __init__(self, server: GremlinClient, graph: str) -> None:
        super().__init__(server)
        self._graph = graph

    async def set_up(self) -> None:
        """Make the table, the row and the vertices, unless they are there."""
        await super().set_up()
        await self._run(_SET_UP, state=LeaseState().packed())

    async def read(self) -> LeaseState:
        """The newest state. Raises Unavailable if Cassandra has lost it."""
        text = await self._run(_READ)
        if not text:
            raise Unavailable(EMPTIED)
        return LeaseState.unpacked(text)

    async def observe(self) -> tuple[LeaseState, int]:
        """The newest state, and how often its holder has renewed the lease."""
        return await self.read(), await self._number(HOLDER)

    async def renew(self, state: LeaseState, renewals: int) -> bool:
        """Show that the holder lives, unless the state has been replaced."""
        await self._server.ask(g.V(HOLDER).property("kept_at", long(renewals)).count())
        return (await self.read()).version == state.version

    async def replace(self, old: LeaseState, new: LeaseState, plan: str = "") -> bool:
        """Replace the state if it is still the old one, and note the plan of the batch that becomes open."""
        values: dict[str, Any] = {"version": old.version, "state": new.packed()}
        if new.open:
            is_applied = await self._run(_OPEN, plan=f"{new.open} {plan}", **values)
        else:
            is_applied = await self._run(_REPLACE, **values)
        if not is_applied and await self.read() != new:
            return False
        if new.open or old.open in new.snapshot.aborted:
            await self._put_fence(new.open)
        return True

    async def _put_fence(self, stamp: int) -> None:
        """Write the fencing number to the graph, again until it is there.

        Of two JanusGraph servers with different clocks the later write may have the earlier time, and be lost.
        """
        for _ in range(_FENCE_TRIES):
            await self._server.ask(g.V(LEASE).property("recorded_at", long(stamp)).count())
            if await self._server.ask(g.V(LEASE).values("recorded_at")) == [stamp]:
                return
            await asyncio.sleep(_PAUSE_SECONDS)
        raise Unavailable(_NOT_FENCED)

    async def _plan(self) -> str:
        return str(await self._run(_READ_PLAN))

    async def _run(self, script: str, **values: Any) -> Any:
        (result,) = await self._server.run(script, {"name": self._graph, **values})
        return result
