"""`lineal audit`: verification of the audit log of a store."""

import click
from rich.console import Console
from rich.progress import Progress

from lineal.auth.access_store import AuditQuestion, AuditRecord, audit_digest
from lineal.commands.opening import opened_store
from lineal.config import Settings

_PAGE_SIZE = 1000


async def verify_audit_log(settings: Settings) -> int:
    """Recompute every digest of the log, newest record first; exit status 1 at the first that is wrong."""
    newest: AuditRecord | None = None
    successor: AuditRecord | None = None
    console = Console(stderr=True)
    async with opened_store(settings) as store:
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("records", total=None)
            while True:
                before = None if successor is None else successor.sequence
                page = await store.audit_log(AuditQuestion(None, first=_PAGE_SIZE, before=before))
                for record in page.items:
                    if problem := _problem(record, successor):
                        click.echo(f"lineal: {problem}: the log was changed outside Lineal", err=True)
                        return 1
                    newest, successor = newest or record, record
                progress.update(task, advance=len(page.items), total=None if newest is None else newest.sequence)
                if not page.has_next:
                    break
    if newest is None or successor is None:
        click.echo("the audit log is empty")
        return 0
    if successor.sequence != 1 or successor.previous:
        click.echo(
            f"lineal: the log begins with record {successor.sequence}: the records before it were deleted", err=True
        )
        return 1
    click.echo(f"{newest.sequence} records verified; the digest of the last is {newest.digest}")
    return 0


def _problem(record: AuditRecord, successor: AuditRecord | None) -> str | None:
    """The problem of a record, checked against its successor; None if it has none."""
    if record.digest != audit_digest(record.sequence, record.at, record.entry, record.previous):
        return f"record {record.sequence} does not match its digest"
    if successor is not None and (record.sequence != successor.sequence - 1 or record.digest != successor.previous):
        return f"record {successor.sequence} does not follow the record before it"
    return None
