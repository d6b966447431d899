"""Recording beside the raw driver, for `gremlin_bench`: by one client, by many at once, in bulk, by two servers.

All in one run on one graph server, in alternating rounds. Rates are of batches a second; the ratio of a row is of what
its two sides did.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from itertools import count
from secrets import token_hex
from statistics import median

from gremlin_raw import Raw

from lineal.graphstore.batches import Batch, NewEntity
from lineal.graphstore.kinds import EntityKind
from lineal.graphstore.opening import open_store
from lineal.graphstore.store import Store
from lineal.graphstore.urns import make_urn

ROUNDS = 5
SECONDS = 3.0
"""How long clients record in a round."""
CLIENTS = (16, 64)
_names = (f"{token_hex(4)}-{number}" for number in count())


def _entity() -> NewEntity:
    return NewEntity("recorded", EntityKind.DATASET, f"entity-{next(_names)}", occurred_at=1_700_000_000_000_000)


def _row(entity: NewEntity) -> dict[str, object]:
    return {
        "urn": make_urn(entity.account, entity.kind, entity.name, None), "kind": str(entity.kind),
        "account": entity.account, "name": entity.name, "version": None, "at": entity.occurred_at, "content": None,
    }  # fmt: skip


async def _rate(stores: Sequence[Store], clients: int) -> float:
    """Batches of one entity a second that clients record, spread over stores."""
    ends = time.perf_counter() + SECONDS
    recorded = 0

    async def client(store: Store) -> None:
        nonlocal recorded
        while time.perf_counter() < ends:
            await store.record(Batch((_entity(),)), by="local")
            recorded += 1

    began = time.perf_counter()
    await asyncio.gather(*(client(stores[number % len(stores)]) for number in range(clients)))
    return recorded / (time.perf_counter() - began)


def _raw_rate(merge: Callable[[dict[str, object]], object]) -> float:
    """Vertices a second that the raw driver merges, each in a request of its own."""
    ends = time.perf_counter() + SECONDS
    began, merged = time.perf_counter(), 0
    while time.perf_counter() < ends:
        merge(_row(_entity()))
        merged += 1
    return merged / (time.perf_counter() - began)


async def _measured(url: str, raw: Raw) -> dict[str, list[float]]:
    rates: dict[str, list[float]] = {}
    async with AsyncExitStack() as opened:
        stores = [await opened.enter_async_context(await open_store(url)) for _ in range(2)]
        sides: dict[str, Callable[[], Awaitable[float]]] = {
            "raw": lambda: asyncio.to_thread(_raw_rate, lambda row: raw.load([row], [], 1)),
            "raw indexed": lambda: asyncio.to_thread(_raw_rate, raw.merge_indexed),
            "1": lambda: _rate(stores[:1], 1),
            **{str(clients): (lambda clients=clients: _rate(stores[:1], clients)) for clients in CLIENTS},  # type: ignore[misc]
            "two": lambda: _rate(stores, CLIENTS[0]),
        }
        for round in range(ROUNDS + 1):
            for name, rate in sides.items():
                rates.setdefault(name, []).append(await rate())
            if round == 0:
                rates.clear()  # the first warms the server
    return rates


def rows(url: str, raw: Raw) -> Iterator[str]:
    """The rows of the table of recording."""
    rates = asyncio.run(_measured(url, raw))
    middle = {name: median(rounds) for name, rounds in rates.items()}
    spread = {name: f"{min(rounds):.1f} / {middle[name]:.1f} / {max(rounds):.1f}" for name, rounds in rates.items()}

    def row(label: str, one: str, other: str) -> str:
        return f"| {label} | {spread[one]} | {spread[other]} | {middle[one] / middle[other]:.2f} |"

    yield row("one entity by one client; `mergeV` by the driver", "1", "raw")
    yield row("the same; `mergeV` of a vertex in the mixed index", "1", "raw indexed")
    for clients in CLIENTS:
        yield row(f"{clients} clients, one entity a batch; one client", str(clients), "1")
    yield row(f"{CLIENTS[0]} clients over two Lineal servers; over one", "two", str(CLIENTS[0]))
