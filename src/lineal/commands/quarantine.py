"""`lineal quarantine`: OpenLineage documents that were refused, and their retry."""

import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Final, TypeAlias

import click

from lineal.capture.lenient_json import InvalidDocument, read_json
from lineal.capture.openlineage import InvalidEvent, receive
from lineal.commands.opening import opened_store
from lineal.commands.times import parse_time
from lineal.config import Settings
from lineal.graphstore.quarantine import Quarantined, QuarantineFilter, QuarantineQuestion, newest_first
from lineal.graphstore.store import Store
from lineal.graphstore.values import format_timestamp

_PAGE: Final = 20
"""How many documents, of 16 MiB at most, are read at once."""

Conditions: TypeAlias = Mapping[str, str | None]
"""The options that say which documents, by name."""


async def list_quarantined(settings: Settings, first: int, conditions: Conditions) -> int:
    """Print the documents, newest first, one a line: id, time, account, run, job, problems."""
    question = _question(conditions)
    async with opened_store(settings) as store:
        page = await store.quarantined(replace(question, first=first, with_documents=False))
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


async def discard_quarantined(settings: Settings, id: str | None, conditions: Conditions) -> int:
    """Remove a document, or those that match the conditions; exit status 1 if there is none of the id."""
    question = replace(_question(conditions), ids=None if id is None else (id,), with_documents=False)
    discarded = 0
    async with opened_store(settings) as store:
        async for kept in _matching(store, question):
            discarded += await store.discard_quarantined(kept.id)
    if id is not None and not discarded:
        click.echo(_absent(id), err=True)
        return 1
    if id is None:
        click.echo(f"{discarded} discarded")
    return 0


async def retry_quarantined(settings: Settings, id: str | None, conditions: Conditions) -> int:
    """Record a document, or those that match; recorded ones leave the quarantine. Status 1 if any is refused again."""
    question = replace(_question(conditions), ids=None if id is None else (id,))
    recorded = refused = 0
    async with opened_store(settings) as store:
        async for kept in _matching(store, question):
            problem = await _retried(store, kept)
            if problem is None:
                await store.discard_quarantined(kept.id)
                recorded += 1
            else:
                click.echo(f"{kept.id}: {problem}", err=True)
                refused += 1
    if id is not None and not (recorded or refused):
        click.echo(_absent(id), err=True)
        return 1
    click.echo(f"{recorded} recorded, {refused} refused again")
    return 1 if refused else 0


async def _matching(store: Store, question: QuarantineQuestion) -> AsyncIterator[Quarantined]:
    """Yield the documents of a question, read page by page."""
    while True:
        page = await store.quarantined(replace(question, first=_PAGE))
        for kept in page.items:
            yield kept
        if not page.has_next:
            return
        question = replace(question, before=newest_first(page.items[-1]))


def _question(conditions: Conditions) -> QuarantineQuestion:
    times = ((f"--{name}", conditions[name]) for name in ("since", "until"))
    since, until = (None if text is None else parse_time(option, text) for option, text in times)
    texts = {name: conditions[name] for name in ("run", "job", "received_by", "problem")}
    return QuarantineQuestion(conditions["account"], where=QuarantineFilter(**texts, since=since, until=until))


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
