"""Opens the store of a command."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from lineal.config import Settings
from lineal.graphstore.store import Store
from lineal.stores import open_configured


@asynccontextmanager
async def opened_store(settings: Settings) -> AsyncIterator[Store]:
    """Open the store of the settings, and close it afterwards."""
    async with await open_configured(settings) as store:
        yield store
