"""`lineal quarantine`: OpenLineage documents that were refused, and their retry."""

import sys

import click

from lineal.capture.lenient_json import InvalidDocument, read_json
from lineal.capture.openlineage import InvalidEvent, receive
from lineal.commands.opening import opened_store
from lineal.config import Settings
from lineal.graphstore.quarantine import Quarantined, QuarantineQuestion, newest_first
from lineal.graphstore.store import Store
from lineal.graphstore.values import format_timestamp


async def list_quarantined(settings: Settings, account: str | None, first: int) -> int:
    """Print the documents, newest first, one a line: id, time, account, run, job, problems."""
    async with opened_store(settings) as store:
        page = await store.quarantined(QuarantineQuestion(account, first, with_documents=False))
    for kept in page.items:
        fields = (kept.id, format_timestamp(kept.received_at), kept.account, kept.run or "-", kept.job or "-")
        click.echo("\t".join((*fields, " ".join(kept.problems))))
    if page.has_next:
        click.echo(f"{page.total - len(page.items)} older documents are not shown: raise --first", err=True)
    return 0


async def show_quarantined(settings: Settings, id: str) -> int:
    """Print a document as it was sent; exit status 1 if there is none."""
    async with opened_store(settings) as store:
        kept = await _one(store, id)
    if kept is None:
        return 1
    sys.stdout.buffer.write(kept.document)
    sys.stdout.buffer.flush()
    return 0


async def discard_quarantined(settings: Settings, id: str) -> int:
    """Remove a document; exit status 1 if there is none."""
    async with opened_store(settings) as store:
        kept = await _one(store, id)
        if kept is not None:
            await store.discard_quarantined(id)
    return 1 if kept is None else 0


async def retry_quarantined(settings: Settings, id: str | None) -> int:
    """Record a document, or all; recorded ones leave the quarantine. Exit status 1 if any is refused again."""
    recorded = refused = 0
    async with opened_store(settings) as store:
        before: tuple[int, str] | None = None
        ids = None if id is None else (id,)
        while True:
            page = await store.quarantined(QuarantineQuestion(first=100, before=before, ids=ids))
            for kept in page.items:
                before = newest_first(kept)
                problem = await _retried(store, kept)
                if problem is None:
                    await store.discard_quarantined(kept.id)
                    recorded += 1
                else:
                    click.echo(f"{kept.id}: {problem}", err=True)
                    refused += 1
            if not page.has_next:
                break
    if id is not None and not (recorded or refused):
        click.echo(_absent(id), err=True)
        return 1
    click.echo(f"{recorded} recorded, {refused} refused again")
    return 1 if refused else 0


async def _retried(store: Store, kept: Quarantined) -> str | None:
    """Record a document in the name of its sender; gives the problem where it is refused."""
    try:
        await receive(store, read_json(kept.document), account=kept.account, by=kept.received_by)
    except (InvalidDocument, InvalidEvent) as error:
        return str(error)
    return None


async def _one(store: Store, id: str) -> Quarantined | None:
    page = await store.quarantined(QuarantineQuestion(ids=(id,)))
    if not page.items:
        click.echo(_absent(id), err=True)
    return page.items[0] if page.items else None


def _absent(id: str) -> str:
    return f"lineal: no document {id} is in quarantine: `lineal quarantine list` prints those that are"
