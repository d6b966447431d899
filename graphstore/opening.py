"""Opening a store from its URL."""

import asyncio

from lineal.graphstore.embedded.database import IN_MEMORY, Database
from lineal.graphstore.embedded.store import EmbeddedStore
from lineal.graphstore.errors import StoreUnusable
from lineal.graphstore.store import Store

_SQLITE = "sqlite:///"


async def open_store(url: str) -> Store:
    """The store at a URL: `sqlite:///relative/path`, `sqlite:////absolute/path`, or `memory:`.

    Makes the database where there is none, and brings an older one to the newest schema. Raises StoreUnusable, which
    says what to do.
    """
    if url == "memory:":
        path = IN_MEMORY
    elif url.startswith(_SQLITE) and len(url) > len(_SQLITE) and "?" not in url and url != _SQLITE + IN_MEMORY:
        path = url.removeprefix(_SQLITE)
    else:
        raise StoreUnusable(
            f"{url!r} names no store: give sqlite:///relative/path.db, sqlite:////absolute/path.db or memory:"
        )
    return await asyncio.to_thread(lambda: EmbeddedStore(Database(path)))
