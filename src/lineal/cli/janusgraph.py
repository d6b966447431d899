"""The commands that run a local JanusGraph."""

import re
import sys
from pathlib import Path

import click

from lineal.cli.options import plainly


@click.group()
def janusgraph() -> None:
    """Run a JanusGraph on this machine. It needs no Java, Maven or Docker."""


data_option = click.option(
    "--data",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default="lineal-janusgraph",
    show_default=True,
    help="Folder of its data, configuration and log.",
)


@janusgraph.command("start")
@data_option
@click.option("--port", type=click.IntRange(1, 65535), default=8182, show_default=True, help="Port on loopback.")
@click.option("--heap", default="1g", show_default=True, help="Maximum heap of Java: 512m, 2g.")
@plainly
def janusgraph_start(folder: Path, port: int, heap: str) -> None:
    """Start the server and wait until it answers. The first start downloads it."""
    from lineal.commands.janusgraph import start

    if not re.fullmatch(r"[1-9][0-9]*[kmgKMG]", heap):
        raise click.UsageError(f"--heap is {heap!r}: give a number with k, m or g, such as 512m or 2g")
    start(folder, port, heap)


@janusgraph.command("stop")
@data_option
@plainly
def janusgraph_stop(folder: Path) -> None:
    """Stop the server and keep its data."""
    from lineal.commands.janusgraph import stop

    stop(folder)


@janusgraph.command("status")
@data_option
@plainly
def janusgraph_status(folder: Path) -> None:
    """Show the status of the server. Exit status 0 if it answers, else 1."""
    from lineal.commands.janusgraph import status

    sys.exit(status(folder))
