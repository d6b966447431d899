"""Locks within this process, for writes that would otherwise conflict on the same identity.

They only save retries: the store ensures correctness among several processes.
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
class _NamedLock:
    lock: Lock = field(default_factory=Lock)
    failures: int = 0
    """How often the store was unavailable to a holder of the lock."""


_LOCKS: Final[WeakKeyDictionary[Store, WeakValueDictionary[tuple[str, ...], _NamedLock]]] = WeakKeyDictionary()
"""By store and name of the lock. A lock is removed when nobody holds it or waits for it."""


@asynccontextmanager
async def process_lock(store: Store, *name: str) -> AsyncIterator[None]:
    """Hold the lock of a name, after waiting for it.

    Raises Unavailable if the store was unavailable to a previous holder during the wait; otherwise every waiter would
    run into the same failure, one after the other.
    """
    locks = _LOCKS.setdefault(store, WeakValueDictionary())
    named = locks.setdefault(name, _NamedLock())
    failures = named.failures
    async with named.lock:
        if named.failures != failures:
            raise Unavailable("the store failed while this waited for its turn, and nothing was written: send it again")
        try:
            yield
        except Unavailable:
            named.failures += 1
            raise
