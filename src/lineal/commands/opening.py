"""Stores that commands open."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from lineal.config import Settings
from lineal.graphstore.store import Store
from lineal.stores import open_configured


def progress_bars(console: Console) -> Progress:
    """Bars on a terminal; elsewhere nothing."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)


@asynccontextmanager
async def opened_store(settings: Settings) -> AsyncIterator[Store]:
    """The store of some settings, open; where it is indexed first, a bar shows how far that has come."""
    with progress_bars(Console(stderr=True)) as bars:

        def indexed(done: int, total: int) -> None:
            tasks = bars.task_ids or [bars.add_task("indexing what an older Lineal recorded")]
            bars.update(tasks[0], completed=done, total=total)

        store = await open_configured(settings, indexed)
    async with store:
        yield store
