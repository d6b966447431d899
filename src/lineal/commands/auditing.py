"""`lineal audit`: the audit log of a store, read by who holds the store."""

import click
from rich.console import Console
from rich.progress import Progress

from lineal.auth.access_store import AuditQuestion, AuditRecord, audit_digest
from lineal.commands.opening import opened_store
from lineal.config import Settings

_AT_ONCE = 1000


async def verify_log(settings: Settings) -> int:
    """Work out every digest of the log anew, the newest record first; exit status 1 at the first that is wrong."""
    newest: AuditRecord | None = None
    after: AuditRecord | None = None
    console = Console(stderr=True)
    async with opened_store(settings) as store:
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("records", total=None)
            while True:
                before = None if after is None else after.sequence
                page = await store.audit_log(AuditQuestion(None, first=_AT_ONCE, before=before))
                for record in page.items:
                    if problem := _problem(record, after):
                        click.echo(f"lineal: {problem}: the log was changed from outside", err=True)
                        return 1
                    newest, after = newest or record, record
                progress.update(task, advance=len(page.items), total=None if newest is None else newest.sequence)
                if not page.has_next:
                    break
    if newest is None or after is None:
        click.echo("the audit log is empty")
        return 0
    if after.sequence != 1 or after.previous:
        click.echo(f"lineal: the log begins with record {after.sequence}: what was before it is gone", err=True)
        return 1
    click.echo(f"{newest.sequence} records, each with the digest of the one before; the last has {newest.digest}")
    return 0


def _problem(record: AuditRecord, after: AuditRecord | None) -> str | None:
    """What is wrong with a record, given the one that comes after it."""
    if record.digest != audit_digest(record.sequence, record.at, record.entry, record.previous):
        return f"record {record.sequence} is not what its digest says"
    if after is not None and (record.sequence != after.sequence - 1 or record.digest != after.previous):
        return f"record {after.sequence} does not follow what stands before it"
    return None
