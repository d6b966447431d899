"""Whether a conditional write of a graph server is a compare-and-set: connections that race, a thousand rounds.

    PYTHONPATH=tests/support python benchmarks/lease_race.py [ROUNDS]

Starts each server itself, and prints one table row for each setting:

- compare-and-set: four connections write `fence = n + 1` where `fence = n`, all at once. The row counts the rounds with
  no, one and several winners, and the answers of the losers.
- fencing: one connection writes 40 vertices in a transaction that begins by reading `fence = n`, another takes the
  lease over by `fence = n + 1` meanwhile. The row counts the rounds in which both were acknowledged, and of these the
  rounds in which vertices appeared after the takeover had been acknowledged: a late write that is not fenced.
"""

import asyncio
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, Final

from engines import Engine
from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.process.traversal import Merge, T
from gremlin_python.statics import long

from lineal.graphstore.gremlin.client import GremlinClient, g
from lineal.graphstore.gremlin.graph_setup import set_up
from lineal.graphstore.gremlin.messages import ServerRefused, bytecode_message, results
from lineal.graphstore.gremlin.transport import Address, Transport
from lineal.graphstore.gremlin.vertex_ids import vertex_of_note

RACERS: Final = 4
VERTICES: Final = 40
_ISOLATION: Final = "storage.berkeleyje.isolation-level="
_LEASE: Final = vertex_of_note("lease race")
SETTINGS: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "JanusGraph, READ_COMMITTED": ("janusgraph", {f"{_ISOLATION}REPEATABLE_READ": f"{_ISOLATION}READ_COMMITTED"}),
    "JanusGraph, REPEATABLE_READ": ("janusgraph", {f"{_ISOLATION}READ_COMMITTED": f"{_ISOLATION}REPEATABLE_READ"}),
    "JanusGraph, SERIALIZABLE": ("janusgraph", {f"{_ISOLATION}READ_COMMITTED": f"{_ISOLATION}SERIALIZABLE"}),
    "TinkerGraph, one thread": ("gremlin-server", {}),
    "TinkerGraph, 4 threads": ("gremlin-server", {"gremlinPool: 1": "gremlinPool: 4"}),
    "TinkerTransactionGraph, 4 threads": (
        "gremlin-server",
        {"gremlinPool: 1": "gremlinPool: 4", "structure.TinkerGraph": "structure.TinkerTransactionGraph"},
    ),
}


class _Configured(Engine):
    """A server whose configuration differs from the one that tests use."""

    def __init__(self, name: str, folder: Path, changes: dict[str, str]) -> None:
        super().__init__(name, folder)
        self._changes = changes

    def configure(self, name: str, **values: object) -> None:
        super().configure(name, **values)
        text = (self.folder / name).read_text()
        for old, new in self._changes.items():
            text = text.replace(old, new)
        (self.folder / name).write_text(text)


class _Connection:
    """One connection, whose requests are sent once: no retries."""

    def __init__(self, url: str) -> None:
        self.transport = Transport(Address.parsed(url))

    async def ask(self, steps: GraphTraversal) -> Any:
        """The result of a traversal, or the name of the exception that the server answers."""
        id, message = bytecode_message(steps.bytecode, "g")
        try:
            return results(await self.transport.ask(id, message, 60.0))[0]
        except ServerRefused as error:
            return f"{error.code} {error.message[:70]}"


async def raced(connections: list[_Connection], rounds: int) -> tuple[Counter[int], Counter[str]]:
    """Rounds by their number of winners, and the losers' answers."""
    winners: Counter[int] = Counter()
    losses: Counter[str] = Counter()
    for fence in range(rounds):
        where = g.V(_LEASE).has("kept_at", long(fence))
        writes = (where.clone().property("kept_at", long(fence + 1)).property("state", str(number)).count()
                  for number in range(len(connections)))  # fmt: skip
        answers = await asyncio.gather(
            *(connection.ask(write) for connection, write in zip(connections, writes, strict=True))
        )
        winners[answers.count(1)] += 1
        losses.update(str(answer) for answer in answers if answer != 1)
        if answers.count(1) == 0:
            await connections[0].ask(g.V(_LEASE).property("kept_at", long(fence + 1)).count())
    return winners, losses


async def fenced(connections: list[_Connection], rounds: int) -> Counter[str]:
    """Outcomes of a write that a takeover of the lease overtakes."""
    writer, taker, reader = connections[:3]
    outcomes: Counter[str] = Counter()
    await reader.ask(g.V(_LEASE).property("kept_at", long(0)).count())
    for fence in range(rounds):
        ids = [vertex_of_note("lease race", str(fence), str(number)) for number in range(VERTICES)]
        rows = [{"id": {T.id: id}, "all": {T.id: id, T.label: "note", "value": "x"}} for id in ids]
        held = g.V(_LEASE).has("kept_at", long(fence))
        written = held.clone().constant(rows).unfold().as_("row").merge_v(__.select("id"))
        writing = asyncio.create_task(writer.ask(written.option(Merge.on_create, __.select("all")).count()))
        await asyncio.sleep(random.uniform(0, 0.03))
        taken = await taker.ask(held.property("kept_at", long(fence + 1)).count())
        at_takeover = await reader.ask(g.V(ids).count())
        answer = await writing
        afterwards = await reader.ask(g.V(ids).count())
        if taken != 1:
            outcomes[f"takeover refused: {taken}"] += 1
            await reader.ask(g.V(_LEASE).property("kept_at", long(fence + 1)).count())
        elif afterwards != at_takeover:
            outcomes["LATE WRITE"] += 1
        elif answer == VERTICES:
            outcomes["written before the takeover"] += 1
        else:
            outcomes[f"write refused: {answer}"] += 1
    return outcomes


async def measured(url: str, rounds: int) -> str:
    """A row of the table."""
    setup = GremlinClient(Transport(Address.parsed(url)))
    await set_up(setup)
    vertex = {T.id: _LEASE, T.label: "note", "kept_at": long(0), "state": ""}
    await setup.ask(g.inject({T.id: _LEASE}).merge_v().option(Merge.on_create, vertex).count())
    connections = [_Connection(url) for _ in range(RACERS)]
    winners, losses = await raced(connections, rounds)
    outcomes = await fenced(connections, rounds // 4)
    for transport in (setup.transport, *(connection.transport for connection in connections)):
        await transport.close()
    return f"{dict(winners)} | {dict(losses)} | {dict(outcomes)}"


def main() -> None:
    """Print the table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    wanted = sys.argv[2] if len(sys.argv) > 2 else ""
    print("| setting | rounds by number of winners | losers' answers | fencing |\n|---|---|---|---|", flush=True)
    for setting, (name, changes) in SETTINGS.items():
        if wanted not in setting:
            continue
        with tempfile.TemporaryDirectory() as folder:
            engine = _Configured(name, Path(folder), changes)
            try:
                engine.start()
                row = asyncio.run(measured(engine.url, rounds))
            except Exception as error:
                row = f"failed: {str(error)[:200]}"
            finally:
                engine.stop()
            print(f"| {setting} | {row} |", flush=True)


if __name__ == "__main__":
    main()
