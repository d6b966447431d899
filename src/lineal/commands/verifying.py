"""`lineal verify`: every record of a store against its digest, and the store against itself."""

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from lineal.commands.auditing import LogVerification
from lineal.commands.opening import opened_store
from lineal.config import Settings
from lineal.graphstore.errors import StoreError

MOST_PRINTED = 50
"""Maximum number of problems to print; all are counted."""


async def verify_store(settings: Settings) -> int:
    """Print every problem of the store, up to 50, and what to do; exit status 1 if there is any."""
    problems = records = 0
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}"), TimeElapsedColumn())
    async with opened_store(settings) as store:
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("records", total=None)

            def report(problem: str) -> None:
                nonlocal problems
                problems += 1
                if problems <= MOST_PRINTED:
                    click.echo(f"BAD  {problem}")
                elif problems == MOST_PRINTED + 1:
                    click.echo(f"more than {MOST_PRINTED} problems: the others are only counted")

            async for step in store.verify():
                records += step.records
                if step.expected is not None:
                    progress.update(task, total=step.expected)
                progress.update(task, advance=step.records)
                for problem in step.problems:
                    report(problem)
            progress.update(task, description="audit log")
            log = LogVerification()
            try:
                async for count in log.run(store):
                    records += count
            except StoreError as error:
                report(f"the audit log: {error}")
            if log.problem is not None:
                report(f"the audit log: {log.problem}")
    if problems:
        click.echo(
            f"lineal: {problems} problems in {settings.store}: stop the servers that use it and restore a backup; "
            "without one, export what can be read (`lineal export --unverified`) into a new store",
            err=True,
        )
        return 1
    click.echo(f"{records} records verified, nothing is wrong")
    return 0
