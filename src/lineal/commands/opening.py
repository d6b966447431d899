"""Opens the store of a command."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from lineal.config import Settings
from lineal.graphstore.store import Store
from lineal.stores import open_configured


@asynccontextmanager
async def opened_store(settings: Settings, *, creates: bool = False) -> AsyncIterator[Store]:
    """Open the store of the settings, and close it afterwards.

    A command whose work makes sense in an empty store `creates` it. Any other would answer a mistyped path with an
    empty store.
    """
    async with await open_configured(settings, creates=creates) as store:
        yield store
