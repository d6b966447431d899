"""Deletes unused content in the background of a server."""

import asyncio
from datetime import timedelta
from functools import partial
from typing import Final

import structlog

from lineal.auth.scopes import EVERYTHING
from lineal.blobs.addresses import blob_uri
from lineal.blobs.store import BlobStore, BlobsUnavailable
from lineal.blobs.sweeping import sweep
from lineal.graphstore.errors import StoreError
from lineal.graphstore.queries import EntityFilter, Find, StringFilter
from lineal.graphstore.records import AsOf, View
from lineal.graphstore.store import Store

log = structlog.get_logger()

_BETWEEN_SECONDS: Final = 3600.0
WAIT_SECONDS: Final = 900.0
"""Longest time that recording a batch is expected to take."""


async def sweep_hourly(blobs: BlobStore | None, store: Store, unused_for: timedelta) -> None:
    """Delete, once an hour, content that was uploaded longer ago than `unused_for` and that no entity names."""
    while blobs is not None:
        await asyncio.sleep(_BETWEEN_SECONDS)
        try:
            swept = await sweep(blobs, partial(is_named, store), unused_for=unused_for, wait_seconds=WAIT_SECONDS)
        except (BlobsUnavailable, StoreError) as error:
            log.warning("unused content not deleted", reason=str(error.__cause__ or error))
        except Exception as error:
            log.error("unused content not deleted", exc_info=error)
        else:
            log.info("unused content deleted", uploads=swept.uploads, blobs=swept.blobs, bytes=swept.bytes)


async def is_named(store: Store, account: str, sha256: str) -> bool:
    """Return whether an entity of an account has a blob as its source."""
    view = View(EVERYTHING, AsOf(await store.watermark()))
    names_it = EntityFilter(account=(account,), source_uri=StringFilter(eq=blob_uri(sha256)))
    (page,) = await store.find([Find(view, names_it, first=1)])
    return bool(page.items)
