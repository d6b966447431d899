"""What commands print."""

from collections.abc import Iterable, Mapping
from typing import Any

import click
import orjson
from rich.console import Console
from rich.table import Table

Rows = Iterable[tuple[str, ...]]


def show_table(titles: tuple[str, ...], rows: Rows, piped: Rows | None = None) -> None:
    """A table in a terminal; elsewhere tab-separated lines, of `piped` where that is given."""
    console = Console(highlight=False)
    if not console.is_terminal:
        for row in rows if piped is None else piped:
            click.echo("\t".join(row))
        return
    table = Table(*titles, box=None)
    for row in rows:
        table.add_row(*row)
    console.print(table, markup=False)


def show_json(answer: Mapping[str, Any]) -> None:
    """One JSON object, over several lines."""
    click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode())
