"""Opening a store from its URL."""

import asyncio
from pathlib import Path
from typing import Final

from lineal.graphstore.embedded.sql.database import IN_MEMORY, Database
from lineal.graphstore.embedded.store import EmbeddedStore
from lineal.graphstore.errors import StoreUnusable
from lineal.graphstore.store import Store

STORE_FORMS: Final = "sqlite:///relative/path.db, sqlite:////absolute/path.db, memory: or gremlin://host:8182"
"""The forms of a store's URL, for messages."""
_SQLITE: Final = "sqlite:///"
_GREMLIN: Final = ("gremlin://", "gremlins://")


def is_store_url(url: str) -> bool:
    """Whether a URL has the form of a store's."""
    return url == "memory:" or url.startswith(_GREMLIN) or _is_file(url)


def _is_file(url: str) -> bool:
    return url.startswith(_SQLITE) and len(url) > len(_SQLITE) and "?" not in url and url != _SQLITE + IN_MEMORY


def sqlite_path(url: str) -> Path | None:
    """The path of the file of an SQLite store, None of another store."""
    return Path(url.removeprefix(_SQLITE)) if _is_file(url) else None


async def open_store(url: str, user: str = "", password: str = "", ca: str = "", *, creates: bool = True) -> Store:
    """The store at a URL.

    `sqlite:///relative/path`, `sqlite:////absolute/path` or `memory:`; `gremlin://host[:port][,host[:port]...][/source]`
    or, with TLS, `gremlins://`. User and password are for a graph server that asks for them, `ca` is a file of the
    certificates to trust behind TLS. Makes the tables where there are none; without `creates`, no SQLite file is made.
    Raises StoreUnusable, which says what to do, also for a store that another version of Lineal wrote, or Unavailable.
    """
    if url.startswith(_GREMLIN):
        # The driver takes half a second to import, which the embedded store need not wait for.
        from lineal.graphstore.gremlin.store import GremlinStore
        from lineal.graphstore.gremlin.transport import Address

        return await GremlinStore.opened(Address.parsed(url, user, password, ca))
    if url == "memory:":
        path = IN_MEMORY
    elif _is_file(url):
        path = url.removeprefix(_SQLITE)
    else:
        raise StoreUnusable(f"{url!r} names no store: give {STORE_FORMS}")
    return await asyncio.to_thread(lambda: EmbeddedStore(Database(path, creates=creates)))
