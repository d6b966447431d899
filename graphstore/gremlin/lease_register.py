"""Where the state of the writer lease is kept, and replaced by compare-and-set: one register for each kind of engine.

On a JanusGraph with BerkeleyJE, and on a Gremlin Server with TinkerGraph, the state is a vertex, and a conditional
write in one traversal is the compare-and-set: under REPEATABLE_READ, BerkeleyJE locks what a transaction has read until
it commits, and TinkerGraph runs one request at a time. For the same reason a traversal that reads the open stamp before
it writes cannot commit after the stamp was closed. `benchmarks/lease_race.py` proves both.

On Cassandra a graph transaction isolates nothing. There the state is a row beside the graph's tables, and a lightweight
transaction of JanusGraph's own session is the compare-and-set. The open stamp is also written to the graph, where
traversals read it; one that JanusGraph executes at the very moment of a takeover may still write.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.process.traversal import Merge, T
from gremlin_python.statics import long

from lineal.graphstore.errors import Unavailable
from lineal.graphstore.gremlin.client import GremlinClient, g
from lineal.graphstore.gremlin.snapshots import LeaseState, plan_vertex
from lineal.graphstore.gremlin.vertex_ids import vertex_of_note

LEASE: Final = vertex_of_note("writer lease")
"""The vertex of the state: `kept_at` is its version, `recorded_at` the open stamp, `state` the text."""
HOLDER: Final = vertex_of_note("lease holder")
"""What only the holder writes: `value` is the plan of the open batch, after its stamp; `kept_at` counts renewals."""
_WAITER: Final = vertex_of_note("lease waiter")
"""The process that asked last for the lease: its number and name, and as `kept_at` the version of the state then."""
_STATE_AND_RENEWALS: Final = 2
EMPTIED: Final = "the graph has been emptied or replaced: start the server anew to set it up again"


Write = Callable[[GraphTraversal], GraphTraversal]
"""Adds the steps that write a batch to a traversal, which then has no results unless all of it was written."""


@dataclass(frozen=True, slots=True)
class Waiter:
    """A process that waits for the lease: its number and its name, and the version of the state when it asked."""

    version: int
    holder: int
    process: str


class LeaseRegister(Protocol):
    """The state of the lease, the renewals of its holder, the requests of waiters. All methods raise Unavailable."""

    has_late_writes: bool
    """Whether a write that began before a takeover may become visible after it."""

    async def set_up(self) -> None:
        """Make the register, unless it is there."""

    async def read(self) -> LeaseState:
        """The newest state."""

    async def replace(self, old: LeaseState, new: LeaseState, plan: str = "") -> bool:
        """Replace the state if it is still the old one, and note the plan of the batch that becomes open."""

    async def write_at_once(
        self, old: LeaseState, opened: LeaseState, plan: str, write: Write, closed: LeaseState
    ) -> LeaseState:
        """Open a stamp, write its batch and close the stamp, all in one request; return the state afterwards.

        Only for a register without late writes. If part of the batch could not be written, its stamp stays open.
        """

    async def renew(self, state: LeaseState, renewals: int) -> bool:
        """Show that the holder lives, unless the state has been replaced."""

    async def observe(self) -> tuple[LeaseState, int]:
        """The newest state, and how often its holder has renewed the lease."""

    async def keep_plan(self, stamp: int, at: int) -> None:
        """Copy the plan of the open batch to a note of its own, before the batch is aborted."""

    async def ask_for(self, waiter: Waiter) -> None:
        """Ask the holder for the lease."""

    async def waiter(self) -> Waiter:
        """The process that asked last for the lease."""

    def fenced(self, stamp: int) -> GraphTraversal:
        """The start of a traversal that writes: it has no results unless the stamp is open."""


class GraphRegister:
    """The state as a vertex, on an engine whose traversals are isolated."""

    has_late_writes = False

    def __init__(self, server: GremlinClient) -> None:
        self._server = server

    async def set_up(self) -> None:
        """Make the register's vertices, unless they are there."""
        state = {"kept_at": long(0), "recorded_at": long(0), "state": LeaseState().packed()}
        await self._make(HOLDER, value="", kept_at=long(0))
        await self._make(_WAITER, value="0 ", kept_at=long(0))
        await self._make(LEASE, **state)

    async def read(self) -> LeaseState:
        """The newest state. Raises Unavailable if the graph has lost it."""
        texts = await self._server.ask(g.V(LEASE).values("state"))
        if not texts:
            raise Unavailable(EMPTIED)
        return LeaseState.unpacked(texts[0])

    async def replace(self, old: LeaseState, new: LeaseState, plan: str = "") -> bool:
        """Replace the state if it is still the old one, and note the plan of the batch that becomes open."""
        steps = _replacing(old, new, plan)
        return await self._server.ask(steps.count()) == [1] or await self.read() == new

    async def write_at_once(
        self, old: LeaseState, opened: LeaseState, plan: str, write: Write, closed: LeaseState
    ) -> LeaseState:
        """Open a stamp, write its batch and close the stamp in one traversal; return the state afterwards."""
        steps = await asyncio.to_thread(lambda: _put(write(_replacing(old, opened, plan)).V(LEASE), closed).count())
        return closed if await self._server.ask(steps) == [1] else await self.read()

    async def renew(self, state: LeaseState, renewals: int) -> bool:
        """Show that the holder lives, unless the state has been replaced."""
        holds = g.V(LEASE).has("kept_at", long(state.version))
        return await self._server.ask(holds.V(HOLDER).property("kept_at", long(renewals)).count()) == [1]

    async def observe(self) -> tuple[LeaseState, int]:
        """The newest state, and how often its holder has renewed the lease."""
        found = await self._server.ask(g.V(LEASE).union(__.values("state"), __.V(HOLDER).values("kept_at")))
        if len(found) < _STATE_AND_RENEWALS:
            raise Unavailable(EMPTIED)
        return LeaseState.unpacked(found[0]), int(found[1])

    async def keep_plan(self, stamp: int, at: int) -> None:
        """Copy the plan of the open batch to a note of its own, before the batch is aborted."""
        of_stamp, _, plan = (await self._plan()).partition(" ")
        await self._make(plan_vertex(stamp), value=plan if of_stamp == str(stamp) else "", kept_at=long(at))

    async def ask_for(self, waiter: Waiter) -> None:
        """Ask the holder for the lease."""
        asks = g.V(_WAITER).property("kept_at", long(waiter.version))
        await self._server.ask(asks.property("value", f"{waiter.holder} {waiter.process}").count())

    async def waiter(self) -> Waiter:
        """The process that asked last for the lease."""
        found = await self._server.ask(g.V(_WAITER).value_map("kept_at", "value"))
        if not found:
            return Waiter(0, 0, "")
        holder, _, process = found[0]["value"][0].partition(" ")
        return Waiter(int(found[0]["kept_at"][0]), int(holder), process)

    def fenced(self, stamp: int) -> GraphTraversal:
        """The start of a traversal that writes: it has no results unless the stamp is open."""
        return g.V(LEASE).has("recorded_at", long(stamp))

    async def _plan(self) -> str:
        (text,) = await self._server.ask(g.V(HOLDER).values("value"))
        return str(text)

    async def _make(self, vertex: long, **properties: object) -> None:
        made = {T.id: vertex, T.label: "note", **properties}
        await self._server.ask(g.inject({T.id: vertex}).merge_v().option(Merge.on_create, made).count())

    async def _number(self, vertex: long) -> int:
        found = await self._server.ask(g.V(vertex).values("kept_at"))
        return int(found[0]) if found else 0


def _replacing(old: LeaseState, new: LeaseState, plan: str) -> GraphTraversal:
    """Replace the old state, and note the plan of the batch that becomes open."""
    steps = _put(g.V(LEASE).has("kept_at", long(old.version)), new)
    return steps.V(HOLDER).property("value", f"{new.open} {plan}") if new.open else steps


def _put(vertex: GraphTraversal, state: LeaseState) -> GraphTraversal:
    steps = vertex.property("kept_at", long(state.version)).property("recorded_at", long(state.open))
    return steps.property("state", state.packed())
