"""The command `quarantine`."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import click

from lineal.cli.options import on_store
from lineal.config import Settings

F = TypeVar("F", bound=Callable[..., Any])


def _conditions(command: F) -> F:
    """Add the options that say which documents."""
    for option in (
        click.option("--until", metavar="WHEN", help="Only documents received before this date or RFC 3339 time."),
        click.option("--since", metavar="WHEN", help="Only documents received from this date or RFC 3339 time on."),
        click.option("--problem", metavar="TEXT", help="Only documents with this text in one of the problems."),
        click.option("--received-by", metavar="PRINCIPAL", help="Only documents of this sender, as account/name."),
        click.option("--job", help="Only documents of this job, by its name."),
        click.option("--run", help="Only documents of this run, by its id."),
        click.option("--account", help="Only documents of this account."),
    ):
        command = option(command)
    return command


@click.group()
def quarantine() -> None:
    """Manage OpenLineage documents that were refused. They are kept whole, with the reason."""


@quarantine.command("list")
@click.option("--first", type=click.IntRange(1, 1000), default=100, show_default=True, help="Most documents to list.")
@_conditions
@on_store
def quarantine_list(settings: Settings, first: int, **conditions: str | None) -> Coroutine[Any, Any, int]:
    """List the documents, newest first. Shows their run, job and problems."""
    from lineal.commands.quarantine import list_quarantined

    return list_quarantined(settings, first, conditions)


@quarantine.command("show")
@click.argument("id")
@on_store
def quarantine_show(settings: Settings, id: str) -> Coroutine[Any, Any, int]:
    """Print a document as it was sent."""
    from lineal.commands.quarantine import show_quarantined

    return show_quarantined(settings, id)


@quarantine.command("retry")
@click.argument("id", required=False)
@_conditions
@on_store
def quarantine_retry(settings: Settings, id: str | None, **conditions: str | None) -> Coroutine[Any, Any, int]:
    """Record a document, or all without ID that match the options. Recorded documents leave the quarantine."""
    from lineal.commands.quarantine import retry_quarantined

    return retry_quarantined(settings, id, conditions)


@quarantine.command("discard")
@click.argument("id", required=False)
@click.option("--all", "is_all", is_flag=True, help="Remove all documents that match the other options.")
@_conditions
@on_store
def quarantine_discard(
    settings: Settings, id: str | None, is_all: bool, **conditions: str | None
) -> Coroutine[Any, Any, int]:
    """Remove a document for good, or with --all those that match the options."""
    from lineal.commands.quarantine import discard_quarantined

    if (id is None) != is_all:
        raise click.UsageError("give an ID, or --all, with options that say which documents")
    return discard_quarantined(settings, id, conditions)
