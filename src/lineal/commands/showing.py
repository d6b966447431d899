"""What commands print."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import click
import orjson
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

Row = tuple[str, ...]
RowReader = Iterable[Row]
_WIDEST: Final = 40
"""How wide a column of a wide table may be; longer texts go over several lines."""
_GAP: Final = 2
"""How much lies between two columns."""


def show_table(titles: tuple[str, ...], rows: RowReader, piped: RowReader | None = None) -> None:
    """A table in a terminal; elsewhere tab-separated lines, of `piped` where that is given."""
    console = Console(highlight=False)
    if not console.is_terminal:
        show_lines(rows if piped is None else piped)
        return
    _print(console, titles, rows)


def show_wide_table(titles: Row, rows: Sequence[Row]) -> None:
    """A table in a terminal, cut into several of as many columns as fit beside the first, which each begins with."""
    console = Console(highlight=False)
    for columns in _fitting([titles, *rows], console.width):
        _print(console, *_cut(columns, titles, rows))


def is_terminal() -> bool:
    """Whether it is people who read what is printed."""
    return Console().is_terminal


def show_lines(rows: RowReader) -> None:
    """Tab-separated lines."""
    for row in rows:
        click.echo("\t".join(map(plain, row)))


def plain(text: str) -> str:
    """A text on one line, which cannot steer a terminal: what is not printed is written as Python writes it."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _print(console: Console, titles: Row, rows: RowReader) -> None:
    table = Table(box=None)
    for title in titles:
        table.add_column(plain(title), overflow="fold")
    for row in rows:
        table.add_row(*map(plain, row))
    console.print(table, markup=False)


def _cut(columns: Sequence[int], titles: Row, rows: Sequence[Row]) -> tuple[Row, list[Row]]:
    return tuple(titles[place] for place in columns), [tuple(row[place] for place in columns) for row in rows]


def _fitting(rows: Sequence[Row], width: int) -> Iterator[list[int]]:
    widths = [min(_WIDEST, max(cell_len(plain(row[place])) for row in rows)) + _GAP for place in range(len(rows[0]))]
    columns, used = [0], widths[0]
    for place in range(1, len(widths)):
        if used + widths[place] > width and len(columns) > 1:
            yield columns
            columns, used = [0], widths[0]
        columns.append(place)
        used += widths[place]
    yield columns


def show_json(answer: Mapping[str, Any]) -> None:
    """One JSON object, over several lines."""
    click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode())
