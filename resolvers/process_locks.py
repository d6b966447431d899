"""Turns within this process, for writes that would otherwise fight for the same identity.

Nothing rests on them but speed: what must be so among several processes is the store's to see to.
"""

from asyncio import Lock
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakKeyDictionary, WeakValueDictionary

from lineal.graphstore.errors import Unavailable
from lineal.graphstore.store import Store


@dataclass(slots=True, weakref_slot=True)
class _Queue:
    lock: Lock = field(default_factory=Lock)
    failures: int = 0
    """How often the store was unavailable to whoever had the turn."""


_QUEUES: Final[WeakKeyDictionary[Store, WeakValueDictionary[tuple[str, ...], _Queue]]] = WeakKeyDictionary()
"""By store and what is fought for; a queue is gone with the last who waits in it."""


@asynccontextmanager
async def turn(store: Store, *name: str) -> AsyncIterator[None]:
    """Wait for one's turn with a name, and have it.

    Raises Unavailable where the store was so to one who had the turn meanwhile: else each who waits would find that out
    for itself, one after the other.
    """
    queues = _QUEUES.setdefault(store, WeakValueDictionary())
    queue = queues.setdefault(name, _Queue())
    failures = queue.failures
    async with queue.lock:
        if queue.failures != failures:
            raise Unavailable("the store failed while this waited for its turn, and nothing was written: send it again")
        try:
            yield
        except Unavailable:
            queue.failures += 1
            raise
