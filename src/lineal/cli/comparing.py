"""The command that compares."""

from collections.abc import Coroutine
from typing import Any

import click

from lineal.cli.options import as_of_option, asking, json_option, occurred_by_option
from lineal.commands.asking import Asker


@click.command()
@click.argument("urns", nargs=-1, metavar="[URN]...")
@click.option("--experiment", metavar="URN", help="Compare all trials of this experiment.")
@click.option("--metric", metavar="NAME", help="Put them in order by this metric, and mark the best.")
@click.option("--goal", type=click.Choice(["min", "max"]), help="Which values of the metric are better.")
@click.option(
    "--by",
    type=click.Choice(["last", "min", "max"]),
    default="last",
    show_default=True,
    help="Which value of a series counts.",
)
@click.option("--all", "show_all", is_flag=True, help="Show what is held constant, too.")
@as_of_option
@occurred_by_option
@json_option
@asking
def compare(made: Asker, **asked: Any) -> Coroutine[Any, Any, int]:
    """Entities side by side: what varies between them, and their metrics."""
    from lineal.commands.comparing import show_comparison

    return show_comparison(made, **asked)
