"""Tables that commands print."""

from collections.abc import Iterable

import click
from rich.console import Console
from rich.table import Table


def show_table(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """A table in a terminal, tab-separated lines elsewhere."""
    console = Console(highlight=False)
    if not console.is_terminal:
        for row in rows:
            click.echo("\t".join(row))
        return
    table = Table(*titles, box=None)
    for row in rows:
        table.add_row(*row)
    console.print(table, markup=False)
