"""The commands that ask: of lineage, of models, and in search."""

from collections.abc import Coroutine
from typing import Any

import click

from lineal.cli.options import as_of_option, asking, first_option, json_option, occurred_by_option
from lineal.commands.asking import Asker
from lineal.commands.lineage import show_lineage


def _lineage(direction: str, text: str) -> click.Command:
    @click.command(direction, help=text)
    @click.argument("urn")
    @click.option("--depth", type=click.IntRange(1), help="How many associations far; 1 is direct.")
    @click.option("--kind", multiple=True, help="Only entities of this kind; may be given several times.")
    @click.option("--via", multiple=True, help="Cross associations of this type only; may be given several times.")
    @as_of_option
    @occurred_by_option
    @first_option
    @json_option
    @asking
    def ask(made: Asker, urn: str, **asked: Any) -> Coroutine[Any, Any, int]:
        return show_lineage(made, urn, direction, **asked)

    return ask


ascendants = _lineage("ascendants", "Everything that contributed to the entity of a URN.")
descendants = _lineage("descendants", "Everything that the entity of a URN contributed to.")


@click.command()
@click.argument("text", required=False)
@click.option("--kind", multiple=True, help="Only entities of this kind; may be given several times.")
@click.option("--account", "accounts", multiple=True, help="Only of this account; may be given several times.")
@click.option("--tag", "tags", multiple=True, help="Only with one of these tags; may be given several times.")
@click.option(
    "--property",
    "properties",
    metavar="KEY=VALUE",
    multiple=True,
    help="Only with this property; may be given several times.",
)
@click.option("--order", metavar="FIELD", help="By name, occurred_at, property:KEY, ...; -FIELD turns it round.")
@first_option
@json_option
@asking
def search(made: Asker, **asked: Any) -> Coroutine[Any, Any, int]:
    """The entities that every word of TEXT finds; without it, all of them."""
    from lineal.commands.searching import show_found

    return show_found(made, **asked)


class _Models(click.Group):
    """A group whose name alone lists, and with a word that is none of its commands shows what that names."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        first = args[0] if args else ""
        if first not in (*self.commands, *self.get_help_option_names(ctx)):
            args = ["show" if first and not first.startswith("-") else "list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Models)
def models() -> None:
    """Model groups, their numbered versions, and the decisions on these.

    Alone it lists the groups; with the name or URN of one, its versions.
    """


@models.command("list")
@as_of_option
@occurred_by_option
@json_option
@asking
def models_list(made: Asker, **asked: Any) -> Coroutine[Any, Any, int]:
    """List the model groups, each with its latest version and the latest that is approved."""
    from lineal.commands.models import show_groups

    return show_groups(made, **asked)


@models.command("show")
@click.argument("group")
@as_of_option
@occurred_by_option
@json_option
@asking
def models_show(made: Asker, **asked: Any) -> Coroutine[Any, Any, int]:
    """List the versions of a GROUP, by its name or URN, and the decisions on each."""
    from lineal.commands.models import show_group

    return show_group(made, **asked)


@models.command("register")
@click.argument("group")
@click.argument("model", metavar="MODEL_URN")
@click.option("--description", metavar="TEXT", help="What there is to say of the version.")
@click.option("--tag", "tags", multiple=True, help="A word to mark it with; may be given several times.")
@asking
def models_register(made: Asker, **asked: Any) -> Coroutine[Any, Any, int]:
    """Register a model in a GROUP, by its name or URN, under the next number."""
    from lineal.commands.models import register

    return register(made, **asked)


@models.command("review")
@click.argument("version", metavar="VERSION_URN")
@click.option("--approve", "decision", flag_value="APPROVED", help="It may be used.")
@click.option("--reject", "decision", flag_value="REJECTED", help="It may not be used.")
@click.option("--pend", "decision", flag_value="PENDING", help="It waits for a decision.")
@click.option("--reason", metavar="TEXT", help="Why.")
@asking
def models_review(made: Asker, decision: str | None, **asked: Any) -> Coroutine[Any, Any, int]:
    """Decide on a version."""
    from lineal.commands.models import review

    if decision is None:
        raise click.UsageError("give one of --approve, --reject and --pend")
    return review(made, decision=decision, **asked)
