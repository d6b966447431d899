"""The command `compare`."""

from collections.abc import Coroutine
from typing import Any

import click

from lineal.cli.options import as_of_option, json_option, occurred_by_option, with_client
from lineal.commands.graphql_client import GraphQLClient


@click.command()
@click.argument("urns", nargs=-1, metavar="[URN]...")
@click.option("--experiment", metavar="URN", help="Compare the trials of this experiment, up to 300.")
@click.option("--metric", metavar="NAME", help="Sort by this metric, and mark the best entity.")
@click.option(
    "--goal", type=click.Choice(["min", "max"]), help="Whether smaller or larger values of the metric are better."
)
@click.option(
    "--by",
    type=click.Choice(["last", "min", "max"]),
    default="last",
    show_default=True,
    help="Value of a series to sort by.",
)
@click.option("--only-in", metavar="KEY", help="Only entities that differ from --from in this parameter only.")
@click.option("--from", "from_urn", metavar="URN", help="Entity that the others must differ from.")
@click.option("--all", "show_all", is_flag=True, help="Show constant parameters, too.")
@as_of_option
@occurred_by_option
@json_option
@with_client
def compare(client: GraphQLClient, **options: Any) -> Coroutine[Any, Any, int]:
    """Compare parameters and metrics of entities."""
    from lineal.commands.comparing import show_comparison

    return show_comparison(client, **options)
