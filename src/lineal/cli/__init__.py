"""The command `lineal`."""

from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import click

from lineal import __version__
from lineal.cli.access import account, audit, key
from lineal.cli.comparing import compare
from lineal.cli.janusgraph import janusgraph
from lineal.cli.options import config_option, on_store, plainly, run_to_end, store_of, targeted
from lineal.cli.questions import ascendants, descendants, models, search
from lineal.commands.checkup import checkup
from lineal.commands.exporting import export_store
from lineal.commands.ingesting import ingest_files
from lineal.config import Settings, load_settings


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lineal")
def main() -> None:
    """Lineal: the lineage of machine-learning models, recorded and asked."""


@main.command()
@click.option("--store", metavar="URL", help="Where lineage is kept.  [default: sqlite:///lineal.db]")
@click.option("--host", help="The address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=int, help="The port to listen on; 0 takes a free one.  [default: 8000]")
@click.option("--dev", is_flag=True, default=None, help="Everyone is the administrator `local`. Loopback only.")
@config_option
@plainly
def serve(config: Path | None, **flags: Any) -> None:
    """Answer GraphQL, and take OpenLineage events."""
    from lineal.app import serve as run

    run(load_settings(flags, config=config))


@main.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@targeted
@click.option("--account", help="The account of what names none.  [default: one's own; of a --store, local]")
@click.option("--strict", is_flag=True, help="Send nothing if any line is bad; stop at the first conflict.")
@plainly
def ingest(
    files: tuple[str, ...],
    url: str | None,
    store: str | None,
    config: Path | None,
    account: str | None,
    strict: bool,
) -> None:
    """Record files of the native form or of OpenLineage events; `-` is standard input."""
    run_to_end(ingest_files(files, url, store_of(url, store, config), account, strict))


@main.command()
@click.argument("file", default="-", metavar="[FILE]")
@on_store
def export(settings: Settings, file: str) -> Coroutine[Any, Any, int]:
    """Write everything recorded, in the native form, to a file or standard output."""
    return export_store(settings, file)


@main.command()
@click.option("--permissions", is_flag=True, help="Print a table of the needed permissions instead.")
def schema(permissions: bool) -> None:
    """Print the GraphQL schema."""
    from lineal.http_auth.permissions_table import permissions_table
    from lineal.schema import sdl

    click.echo(permissions_table() if permissions else sdl(), nl=False)


@main.command()
@click.option("--store", metavar="URL", help="The store to look at.")
@config_option
def doctor(config: Path | None, store: str | None) -> None:
    """Check the configuration and the store, and say what to do."""
    run_to_end(checkup(config, store))


for command in (ascendants, descendants, compare, models, search, account, key, audit, janusgraph):
    main.add_command(command)
