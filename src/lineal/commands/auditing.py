"""`lineal audit`: verification of the audit log of a store."""

from collections.abc import AsyncIterator

import click
from rich.console import Console
from rich.progress import Progress

from lineal.auth.access_store import AuditQuestion, AuditRecord, audit_digest
from lineal.commands.opening import opened_store
from lineal.config import Settings
from lineal.graphstore.store import Store

_PAGE_SIZE = 1000


async def verify_audit_log(settings: Settings) -> int:
    """Recompute every digest of the log, newest record first; exit status 1 at the first that is wrong."""
    console = Console(stderr=True)
    log = LogVerification()
    async with opened_store(settings) as store:
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("records", total=None)
            async for count in log.run(store):
                progress.update(task, advance=count, total=None if log.newest is None else log.newest.sequence)
    if log.problem is not None:
        click.echo(f"lineal: {log.problem}", err=True)
        return 1
    if log.newest is None:
        click.echo("the audit log is empty")
        return 0
    click.echo(f"{log.newest.sequence} records verified; the digest of the last is {log.newest.digest}")
    return 0


class LogVerification:
    """One verification of an audit log. After it, `newest` is the last record, and `problem` the first problem."""

    def __init__(self) -> None:
        self.newest: AuditRecord | None = None
        self.problem: str | None = None

    async def run(self, store: Store) -> AsyncIterator[int]:
        """Check the log from its newest record to its first, and yield the number of records of each page."""
        successor: AuditRecord | None = None
        has_next = True
        while has_next:
            before = None if successor is None else successor.sequence
            page = await store.audit_log(AuditQuestion(None, first=_PAGE_SIZE, before=before))
            for record in page.items:
                if problem := _problem(record, successor):
                    self.problem = f"{problem}: the log was changed outside Lineal"
                    return
                self.newest, successor = self.newest or record, record
            has_next = page.has_next
            yield len(page.items)
        if successor is not None and (successor.sequence != 1 or successor.previous):
            self.problem = f"the log begins with record {successor.sequence}: the records before it were deleted"


def _problem(record: AuditRecord, successor: AuditRecord | None) -> str | None:
    """The problem of a record, checked against its successor; None if it has none."""
    if record.digest != audit_digest(record.sequence, record.at, record.entry, record.previous):
        return f"record {record.sequence} does not match its digest"
    if successor is not None and (record.sequence != successor.sequence - 1 or record.digest != successor.previous):
        return f"record {successor.sequence} does not follow the record before it"
    return None
