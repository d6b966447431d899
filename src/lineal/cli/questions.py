"""The commands `ascendants`, `descendants`, `search` and `models`."""

from collections.abc import Coroutine
from typing import Any

import click

from lineal.cli.options import as_of_option, first_option, json_option, occurred_by_option, with_client
from lineal.commands.graphql_client import GraphQLClient
from lineal.commands.lineage import show_lineage


def _lineage(direction: str, text: str) -> click.Command:
    @click.command(direction, help=text)
    @click.argument("urn")
    @click.option("--depth", type=click.IntRange(1), help="Maximum number of hops; 1 is direct.")
    @click.option("--kind", multiple=True, help="Return only entities of this kind; repeatable.")
    @click.option("--via", multiple=True, help="Cross only associations of this type; repeatable.")
    @click.option("--first-hop-role", help="Leave the entity only over associations of this role, for example `train`.")
    @click.option("--causal", is_flag=True, help="Return only what could have flowed: each hop after the one before.")
    @as_of_option
    @occurred_by_option
    @first_option
    @json_option
    @with_client
    def show(client: GraphQLClient, urn: str, **options: Any) -> Coroutine[Any, Any, int]:
        return show_lineage(client, urn, direction, **options)

    return show


ascendants = _lineage("ascendants", "List every entity that contributed to an entity.")
descendants = _lineage("descendants", "List every entity that an entity contributed to.")


@click.command()
@click.argument("text", required=False)
@click.option("--kind", multiple=True, help="Return only entities of this kind; repeatable.")
@click.option("--account", "accounts", multiple=True, help="Return only entities of this account; repeatable.")
@click.option("--tag", "tags", multiple=True, help="Return only entities with this tag; repeatable: any of them.")
@click.option(
    "--property",
    "properties",
    metavar="KEY=VALUE",
    multiple=True,
    help="Return only entities with this property; repeatable: all of them.",
)
@click.option("--order", metavar="FIELD", help="Sort by name, occurred_at, property:KEY, ...; -FIELD sorts descending.")
@first_option
@json_option
@with_client
def search(client: GraphQLClient, **options: Any) -> Coroutine[Any, Any, int]:
    """Search entities. Lists those that match every word of TEXT, or all without TEXT."""
    from lineal.commands.searching import show_search

    return show_search(client, **options)


class _Models(click.Group):
    """A group that runs `list` without a subcommand, and `show` if the first word is not a subcommand."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        first = args[0] if args else ""
        if first not in (*self.commands, *self.get_help_option_names(ctx)):
            args = ["show" if first and not first.startswith("-") else "list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Models)
def models() -> None:
    """Manage model groups and their versions.

    Without a subcommand, lists the groups, or the versions of the group whose name or URN follows.
    """


@models.command("list")
@as_of_option
@occurred_by_option
@json_option
@with_client
def models_list(client: GraphQLClient, **options: Any) -> Coroutine[Any, Any, int]:
    """List the model groups. Shows the latest version and the latest approved version of each."""
    from lineal.commands.models import show_groups

    return show_groups(client, **options)


@models.command("show")
@click.argument("group")
@as_of_option
@occurred_by_option
@json_option
@with_client
def models_show(client: GraphQLClient, **options: Any) -> Coroutine[Any, Any, int]:
    """List the versions of a model group. GROUP is a name or URN."""
    from lineal.commands.models import show_group

    return show_group(client, **options)


@models.command("register")
@click.argument("group")
@click.argument("model", metavar="MODEL_URN")
@click.option("--description", metavar="TEXT", help="Description of the version.")
@click.option("--tag", "tags", multiple=True, help="Tag of the version; repeatable.")
@with_client
def models_register(client: GraphQLClient, **options: Any) -> Coroutine[Any, Any, int]:
    """Register a model as a version of a group. GROUP is a name or URN."""
    from lineal.commands.models import register

    return register(client, **options)


@models.command("review")
@click.argument("version", metavar="VERSION_URN")
@click.option("--approve", "decision", flag_value="APPROVED", help="Approve the version.")
@click.option("--reject", "decision", flag_value="REJECTED", help="Reject the version.")
@click.option("--pend", "decision", flag_value="PENDING", help="Mark the version as pending.")
@click.option("--reason", metavar="TEXT", help="Reason for the decision.")
@with_client
def models_review(client: GraphQLClient, decision: str | None, **options: Any) -> Coroutine[Any, Any, int]:
    """Record a decision on a version."""
    from lineal.commands.models import review

    if decision is None:
        raise click.UsageError("give one of --approve, --reject and --pend")
    return review(client, decision=decision, **options)
