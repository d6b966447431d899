"""The command `lineal`."""

from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import click

from lineal import __version__
from lineal.cli.access import account, audit, key
from lineal.cli.comparing import compare
from lineal.cli.content import get, put
from lineal.cli.janusgraph import janusgraph
from lineal.cli.options import (
    EntryPoint,
    ServerFailure,
    config_option,
    on_store,
    plainly,
    run_to_end,
    store_of,
    targeted,
)
from lineal.cli.quarantine import quarantine
from lineal.cli.questions import ascendants, descendants, models, search
from lineal.commands.checkup import run_checks
from lineal.commands.exporting import export_store
from lineal.commands.ingesting import ingest_files
from lineal.config import Settings, load_settings
from lineal.logs import configure as configure_logs


@click.group(cls=EntryPoint, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lineal")
def main() -> None:
    """Lineal: record and query the lineage of machine-learning models."""


@main.command()
@click.option("--store", metavar="URL", help="URL of the store.  [default: sqlite:///lineal.db]")
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", metavar="INTEGER", help="Port to listen on; 0 picks a free one.  [default: 8000]")
@click.option("--dev", is_flag=True, default=None, help="Every caller is the administrator `local`. Loopback only.")
@config_option
@partial(plainly, failure=ServerFailure)
def serve(config: Path | None, **flags: Any) -> None:
    """Serve GraphQL and accept OpenLineage events."""
    from lineal.serving import serve as run

    configure_logs("info")
    run(load_settings(flags, config=config))


@main.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@targeted
@click.option(
    "--account", help="Account of records that name none.  [default: the caller's on a server, local in a store]"
)
@click.option(
    "--strict",
    is_flag=True,
    help="Check the files first and send nothing if a line is bad; stop at the first conflict.",
)
@plainly
def ingest(
    files: tuple[str, ...],
    url: str | None,
    store: str | None,
    config: Path | None,
    account: str | None,
    strict: bool,
) -> None:
    """Record lineage from files. They are in the native form or of OpenLineage events; `-` reads standard input."""
    run_to_end(ingest_files(files, url, store_of(url, store, config), account, strict))


@main.command()
@click.argument("file", default="-", metavar="[FILE]")
@click.option("--unverified", is_flag=True, help="Export a damaged SQLite store as far as it can be read.")
@on_store
def export(settings: Settings, file: str, unverified: bool) -> Coroutine[Any, Any, int]:
    """Export all records in the native form. FILE is standard output by default."""
    return export_store(settings, file, not unverified)


@main.command()
@on_store
def verify(settings: Settings) -> Coroutine[Any, Any, int]:
    """Verify every record of a store against its digest. Exit status 0 if nothing is wrong, else 1."""
    from lineal.commands.verifying import verify_store

    return verify_store(settings)


@main.command()
@click.option("--permissions", is_flag=True, help="Print the permissions that each field and route requires instead.")
def schema(permissions: bool) -> None:
    """Print the GraphQL schema."""
    from lineal.http_auth.permissions_table import permissions_table
    from lineal.schema import sdl

    click.echo(permissions_table() if permissions else sdl(), nl=False)


@main.command()
@click.option("--store", metavar="URL", help="URL of the store to check.")
@config_option
@plainly
def doctor(config: Path | None, store: str | None) -> None:
    """Check the configuration, and a sample of the store. Prints how to fix each problem."""
    run_to_end(run_checks(config, store))


for command in (
    ascendants,
    descendants,
    compare,
    models,
    search,
    put,
    get,
    account,
    key,
    audit,
    quarantine,
    janusgraph,
):
    main.add_command(command)
