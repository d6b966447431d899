"""Lineal beside the raw traversal and the raw loader, on one graph server, in alternating rounds of one run.

    scripts/bench --gremlin [janusgraph|gremlin-server]

Starts the server itself, from the libraries that the tests use, and keeps both sides' graphs in it: 4,000 entities of
the project's own sample. Prints a table in Markdown of minimum and median milliseconds, and of ratios between the
medians; and one of the batches a second that clients record (`gremlin_recording`). Of several raw ways the fastest
counts. What both answer is compared with a search of this file's own.
"""

import asyncio
import sys
import tempfile
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from math import inf
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch
from uuid import UUID

import gremlin_recording
import orjson
from engines import Engine
from graphql_requests import data
from gremlin_raw import Found, Raw, Row
from server_process import Server, serving

from lineal.capture.native import Reader
from lineal.capture.sample import sample
from lineal.graphstore.batches import Batch, NewAssociation, NewEntity
from lineal.graphstore.gremlin.transport import Transport
from lineal.graphstore.opening import open_store
from lineal.graphstore.urns import make_urn

MODELS, BATCH, CLOSURE, TREE, WIDTH, LEVELS = 865, 1000, 300, 100, 20, 3
Works = list[tuple[str, Callable[[], Any], Any]]
"""What is timed, how it is done, and the right answer."""
ROUNDS, LOADS = 15, 7
_SETTLED_SECONDS = 0.6
"""After a batch a server has given up its turn at writing."""
_WAKING = 5

_DOWN = """query ($urn: String!) { entity(urn: $urn) {
  descendants(first: 1000) { totalCount edges { distance node { urn kind name } } } } }"""
_LEVEL = "descendants(depth: 1, first: 20) { nodes { urn kind name %s } }"
_NESTED = "query ($urn: String!) { entity(urn: $urn) { %s } }" % (_LEVEL % (_LEVEL % (_LEVEL % "")))
_TOUCH = """mutation ($name: String!) { lineageRecord(input: {
  entities: [{ account: "touched", kind: REPORT, name: $name }] }) { userErrors { message } } }"""


class Graph:
    """A sample under accounts of its own, as both sides take it, and what lies downstream in it."""

    def __init__(self, tag: str) -> None:
        self.entities: list[NewEntity] = []
        self.associations: list[NewAssociation] = []
        self.batches: list[Batch] = []
        self.downstream: dict[str, list[str]] = defaultdict(list)
        reader = Reader("local")
        batch: tuple[list[NewEntity], list[NewAssociation]] = ([], [])
        for row in sample(MODELS):
            if "entity" in row:
                row["entity"]["account"] += tag
            part = reader.read(row)
            if isinstance(part, NewEntity):
                if len(batch[0]) == BATCH:
                    self._end(*batch)
                    batch = ([], [])
                batch[0].append(part)
            elif isinstance(part, NewAssociation):
                batch[1].append(part)
                self.downstream[part.source].append(part.destination)
        self._end(*batch)
        self.texts = {_urn(entity): (_urn(entity), str(entity.kind), entity.name) for entity in self.entities}

    def _end(self, entities: list[NewEntity], associations: list[NewAssociation]) -> None:
        self.batches.append(Batch(tuple(entities), tuple(associations)))
        self.entities += entities
        self.associations += associations

    def rows(self, tag: str) -> tuple[list[Row], list[Row]]:
        """The same for the raw side; a tag makes them others than those under another tag."""
        entities = [
            {
                "urn": _urn(entity) + tag, "kind": str(entity.kind), "account": entity.account, "name": entity.name,
                "version": entity.version, "at": entity.occurred_at, "content": _content(entity),
            }
            for entity in self.entities
        ]  # fmt: skip
        associations = [
            {"source": entity.source + tag, "destination": entity.destination + tag, "type": str(entity.type),
             "at": entity.occurred_at}
            for entity in self.associations
        ]  # fmt: skip
        return entities, associations

    def closure(self, start: str) -> list[Found]:
        distance, queue = {start: 0}, deque([start])
        while queue:
            near = queue.popleft()
            for far in self.downstream[near]:
                if far not in distance:
                    distance[far] = distance[near] + 1
                    queue.append(far)
        return sorted((at, *self.texts[urn]) for urn, at in distance.items() if urn != start)

    def tree(self, start: str, levels: int) -> list[Any]:
        below = sorted(set(self.downstream[start]))
        return [[*self.texts[urn], self.tree(urn, levels - 1)] if levels > 1 else [*self.texts[urn]] for urn in below]

    def start(self, size: Callable[[str], float], wanted: int) -> str:
        """The entity of the size nearest to what is wanted."""
        return min(self.texts, key=lambda urn: (abs(size(urn) - wanted), urn))


def _urn(entity: NewEntity) -> str:
    return make_urn(entity.account, entity.kind, entity.name, entity.version)


def _content(entity: NewEntity) -> str | None:
    source = entity.source and [entity.source.uri, entity.source.type]
    values = [entity.status, source, [[property.key, property.shown] for property in entity.properties]]
    return orjson.dumps(values).decode() if any(values) else None


def _size(tree: list[Any]) -> float:
    """How many entities a tree holds; endlessly many where a page would not hold its whole."""
    return inf if len(tree) > WIDTH else sum(1 + (_size(node[3]) if len(node) > 3 else 0) for node in tree)


class Table:
    """Seconds by what was done, and the rows they make."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(list)

    def timed(self, label: str, work: Callable[[], Any], right: Any = None) -> None:
        began = time.perf_counter()
        answer = work()
        self.seconds[label].append(time.perf_counter() - began)
        assert right is None or answer == right, label

    def warmed(self) -> None:
        """Forget the first round, which warms everything up."""
        for seconds in self.seconds.values():
            del seconds[0]

    def best(self, ways: Sequence[str]) -> str:
        return min(ways, key=lambda way: median(self.seconds[way]))

    def row(self, label: str, ours: str, ways: Sequence[str], requests: str) -> str:
        raw = self.best(ways)
        mine, theirs = self.seconds[ours], self.seconds[raw]

        def cell(seconds: list[float]) -> str:
            return f"{1000 * min(seconds):.1f} / {1000 * median(seconds):.1f}"

        ratio = f"{min(mine) / min(theirs):.2f} / {median(mine) / median(theirs):.2f}"
        return f"| {label} | {cell(mine)} | {cell(theirs)} ({raw}) | {ratio} | {requests} |"


def closure_over_http(server: Server, urn: str) -> list[Found]:
    edges = server.ask(_DOWN, urn=urn)["entity"]["descendants"]["edges"]
    return sorted((edge["distance"], *(edge["node"][name] for name in ("urn", "kind", "name"))) for edge in edges)


def tree_over_http(server: Server, urn: str) -> list[Any]:
    return _shown(server.ask(_NESTED, urn=urn)["entity"])


def _shown(entity: dict[str, Any]) -> list[Any]:
    return sorted(
        [*(node[name] for name in ("urn", "kind", "name")), *([_shown(node)] if "descendants" in node else [])]
        for node in entity["descendants"]["nodes"]
    )


def measure_reads(engine: Engine, raw: Raw, folder: Path, table: Table) -> tuple[int, int]:
    """Ask both for the same, and check it. Before each round something is recorded: no answer is of an earlier walk."""
    graph = Graph("-asked")
    asyncio.run(_load(engine.url, graph))
    raw.load(*graph.rows(""), 1)
    start = graph.start(lambda urn: len(graph.closure(urn)), CLOSURE)
    top = graph.start(lambda urn: _size(graph.tree(urn, LEVELS)), TREE)
    closure, tree = graph.closure(start), graph.tree(top, LEVELS)
    with serving(engine.url, folder) as server:
        for round in range(ROUNDS + 1):
            server.ask(_TOUCH, name=f"touched {round}")
            time.sleep(_SETTLED_SECONDS)
            for _ in range(_WAKING):  # what comes first after a rest is slower, and only one can come first
                server.ask("query ($urn: String!) { entity(urn: $urn) { urn } }", urn=top)
                raw.trees(top, 1)["one nested traversal"]()
            ours: Works = [
                ("closure", partial(closure_over_http, server, start), closure),
                ("closure again", partial(closure_over_http, server, start), closure),
                ("nested", partial(tree_over_http, server, top), tree),
            ]
            theirs: Works = [
                *((name, ask, closure) for name, ask in raw.closures(start).items()),
                *((name, ask, tree) for name, ask in raw.trees(top, LEVELS).items()),
            ]
            for work in [*ours, *theirs] if round % 2 else [*theirs, *ours]:
                table.timed(*work)
    table.warmed()
    counts = asyncio.run(_counted(engine.url, [(_DOWN, start), (_NESTED, top)]))
    return counts[0], counts[1]


async def _counted(url: str, questions: list[tuple[str, str]]) -> list[int]:
    """How many requests the graph server gets for each document."""
    counts = []
    async with await open_store(url) as store:
        await data(store, "{ entities(first: 1) { totalCount } }")  # what only the first question of a server costs
        for document, urn in questions:
            with counted() as requests:
                await data(store, document, {"urn": urn})
            counts.append(requests.total() - 1)  # less the one for the secret of cursors, which a server has
    return counts


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Counts the requests to graph servers of this process."""
    counter: Counter[str] = Counter()
    ask = Transport.ask

    async def counting(transport: Transport, id: UUID, message: bytes, seconds: float) -> list[bytes]:
        counter["requests"] += 1
        return await ask(transport, id, message, seconds)

    with patch.object(Transport, "ask", counting):
        yield counter


async def _load(url: str, graph: Graph) -> None:
    async with await open_store(url) as store:
        for batch in graph.batches:
            await store.record(batch, by="local")


def loading(engine: Engine, raw: Raw, table: Table, in_flights: Sequence[int]) -> int:
    """Record graphs that neither side has seen before, one each a round; how many requests the last one took."""
    requests = 0

    async def record(graph: Graph) -> None:
        nonlocal requests
        async with await open_store(engine.url) as store:
            await store.watermark()  # connects, as the raw side has
            with counted() as counter:
                began = time.perf_counter()
                for batch in graph.batches:
                    await store.record(batch, by="local")
                table.seconds["load"].append(time.perf_counter() - began)
            requests = counter.total()

    for round in range(LOADS + 1):
        graph = Graph(f"-{round}")
        asyncio.run(record(graph))
        time.sleep(_SETTLED_SECONDS)
        for in_flight in in_flights:
            rows = graph.rows(f"#{in_flight}")
            table.timed(f"{in_flight} in flight", partial(raw.load, *rows, in_flight))
    table.warmed()
    return requests


def rows(engine: Engine, folder: Path) -> Iterator[str]:
    """The rows of the table of one graph server."""
    raw, table = Raw(engine.url, needs_schema=False), Table()
    raw.close()
    asyncio.run(_set_up(engine.url))
    raw = Raw(engine.url, needs_schema=engine.name == "janusgraph")
    try:
        closure_requests, nested = measure_reads(engine, raw, folder, table)
        closures, trees = list(raw.closures("")), list(raw.trees("", LEVELS))
        yield table.row(f"closure of {CLOSURE}, over HTTP", "closure", closures, str(closure_requests))
        yield table.row("the same, asked again", "closure again", closures, "")
        yield table.row("B5: three nested levels, over HTTP", "nested", trees, str(nested))
        # A TinkerGraph does not bear two writers at once.
        in_flights = (1, 2) if engine.name == "janusgraph" else (1,)
        requests = loading(engine, raw, table, in_flights)
        for in_flight in in_flights:
            label = "B6: 4 batches of 1,000 entities and what links them" if in_flight == 1 else "the same"
            yield table.row(label, "load", [f"{in_flight} in flight"], str(requests))
        yield "\n| batches a second | min / median / max | beside: min / median / max | ratio of medians |"
        yield "|---|---|---|---|"
        yield from gremlin_recording.rows(engine.url, raw)
    finally:
        raw.close()


async def _set_up(url: str) -> None:
    async with await open_store(url):
        pass


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else "janusgraph"
    if name not in ("janusgraph", "gremlin-server"):
        sys.exit(f"there is no {name!r} to bench: give janusgraph or gremlin-server")
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(name, Path(folder))
        try:
            engine.start()
            lines = list(rows(engine, Path(folder)))
        finally:
            engine.stop()
    print(f"\n{name}: {ROUNDS} rounds of questions, {LOADS} of loads, {gremlin_recording.ROUNDS} of recording.\n")
    print("| what | Lineal, ms: min / median | raw, ms: min / median | ratios of these | requests |")
    print("|---|---|---|---|---|")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
