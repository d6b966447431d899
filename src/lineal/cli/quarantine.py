"""The command `quarantine`."""

from collections.abc import Coroutine
from typing import Any

import click

from lineal.cli.options import on_store
from lineal.config import Settings


@click.group()
def quarantine() -> None:
    """Manage OpenLineage documents that were refused. They are kept whole, with the reason."""


@quarantine.command("list")
@click.option("--account", help="List only the documents of this account.")
@click.option("--first", type=click.IntRange(1, 1000), default=100, show_default=True, help="Most documents to list.")
@on_store
def quarantine_list(settings: Settings, account: str | None, first: int) -> Coroutine[Any, Any, int]:
    """List the documents, newest first. Shows their run, job and problems."""
    from lineal.commands.quarantine import list_quarantined

    return list_quarantined(settings, account, first)


@quarantine.command("show")
@click.argument("id")
@on_store
def quarantine_show(settings: Settings, id: str) -> Coroutine[Any, Any, int]:
    """Print a document as it was sent."""
    from lineal.commands.quarantine import show_quarantined

    return show_quarantined(settings, id)


@quarantine.command("retry")
@click.argument("id", required=False)
@on_store
def quarantine_retry(settings: Settings, id: str | None) -> Coroutine[Any, Any, int]:
    """Record a document, or all without ID. Recorded documents leave the quarantine."""
    from lineal.commands.quarantine import retry_quarantined

    return retry_quarantined(settings, id)


@quarantine.command("discard")
@click.argument("id")
@on_store
def quarantine_discard(settings: Settings, id: str) -> Coroutine[Any, Any, int]:
    """Remove a document for good."""
    from lineal.commands.quarantine import discard_quarantined

    return discard_quarantined(settings, id)
