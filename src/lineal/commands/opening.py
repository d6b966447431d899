"""Opening the store of a command, with a progress bar while it is indexed."""

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from lineal.config import Settings
from lineal.graphstore.store import Store
from lineal.stores import open_configured


def progress_bars(console: Console) -> Progress:
    """Progress bars, shown on a terminal only."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)


@asynccontextmanager
async def opened_store(settings: Settings) -> AsyncIterator[Store]:
    """Open the store of the settings; on a terminal, a bar shows the progress of indexing."""
    bars = progress_bars(Console(stderr=True))
    with ExitStack() as shown:

        def indexed(done: int, total: int) -> None:
            if not bars.task_ids:
                shown.enter_context(bars)
                bars.add_task("indexing records of an older Lineal")
            bars.update(bars.task_ids[0], completed=done, total=total)

        store = await open_configured(settings, indexed)
    async with store:
        yield store
