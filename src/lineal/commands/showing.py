"""Tables, lines and JSON that commands print."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import click
import orjson
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

Row = tuple[str, ...]
RowReader = Iterable[Row]
_MAX_WIDTH: Final = 40
"""Maximum width of a column of a wide table; longer texts wrap."""
_GAP: Final = 2
"""Space between two columns."""


def show_table(titles: tuple[str, ...], rows: RowReader, piped: RowReader | None = None) -> None:
    """Print a table on a terminal, else tab-separated lines of `piped`, or of `rows` without it."""
    console = Console(highlight=False)
    if not console.is_terminal:
        show_lines(rows if piped is None else piped)
        return
    _print(console, titles, rows)


def show_wide_table(titles: Row, rows: Sequence[Row]) -> None:
    """Print a table on a terminal, split to its width into several that each repeat the first column."""
    console = Console(highlight=False)
    for columns in _column_groups([titles, *rows], console.width):
        _print(console, *_select_columns(columns, titles, rows))


def is_terminal() -> bool:
    """Whether standard output is a terminal."""
    return Console().is_terminal


def show_lines(rows: RowReader) -> None:
    """Print tab-separated lines."""
    for row in rows:
        click.echo("\t".join(map(plain, row)))


def shown_name(entity: Mapping[str, Any]) -> str:
    """The name of an entity, after its title if it has one."""
    return f"{entity['title']} ({entity['name']})" if entity["title"] else str(entity["name"])


def plain(text: str) -> str:
    """A text on one line, with every unprintable character escaped, so that it cannot control a terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _print(console: Console, titles: Row, rows: RowReader) -> None:
    table = Table(box=None)
    for title in titles:
        table.add_column(plain(title), overflow="fold")
    for row in rows:
        table.add_row(*map(plain, row))
    console.print(table, markup=False)


def _select_columns(columns: Sequence[int], titles: Row, rows: Sequence[Row]) -> tuple[Row, list[Row]]:
    return tuple(titles[index] for index in columns), [tuple(row[index] for index in columns) for row in rows]


def _column_groups(rows: Sequence[Row], width: int) -> Iterator[list[int]]:
    widths = [min(_MAX_WIDTH, max(cell_len(plain(row[index])) for row in rows)) + _GAP for index in range(len(rows[0]))]
    columns, used = [0], widths[0]
    for index in range(1, len(widths)):
        if used + widths[index] > width and len(columns) > 1:
            yield columns
            columns, used = [0], widths[0]
        columns.append(index)
        used += widths[index]
    yield columns


def show_json(answer: Mapping[str, Any]) -> None:
    """Print one indented JSON object."""
    click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode())
