"""The commands `put` and `get`."""

from pathlib import Path
from typing import Any

import click

from lineal.cli.options import plainly, run_to_end

_url = click.option("--url", metavar="SERVER", help="Server to use.  [default: http://127.0.0.1:8000]")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--kind", default="OUTPUT", show_default=True, help="Kind of the entity.")
@click.option("--name", help="Name of the entity.  [default: the name of the file]")
@click.option("--version", help="Version of the entity.  [default: the SHA-256 of the content]")
@click.option("--account", help="Account of the entity.  [default: the caller's]")
@click.option("--media-type", metavar="TYPE", help="Media type of the content.  [default: by the name of the file]")
@click.option("--produced-by", metavar="URN", help="Job, or other entity, that produced the content.")
@_url
@plainly
def put(file: Path, **options: Any) -> None:
    """Record an output with its content. Uploads FILE and prints the URN."""
    from lineal.commands.content import put_file

    run_to_end(put_file(file, **options))


@click.command()
@click.argument("urn")
@click.option("--output", "-o", type=click.Path(path_type=Path), help="File to write; `-` is standard output.")
@_url
@plainly
def get(urn: str, output: Path | None, url: str | None) -> None:
    """Download the content of an entity. Never replaces a file."""
    from lineal.commands.content import get_content

    run_to_end(get_content(urn, output, url))
