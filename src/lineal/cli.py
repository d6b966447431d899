"""The command `lineal`."""

import asyncio
import re
import sys
from collections.abc import Callable, Coroutine
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from lineal import __version__
from lineal.auth.permissions import Permission
from lineal.commands.asking import Asker, asker, show_lineage
from lineal.commands.checkup import checkup
from lineal.commands.exporting import export_store
from lineal.commands.ingesting import ingest_files
from lineal.config import ConfigError, Settings, load_settings
from lineal.graphstore.errors import StoreError

F = TypeVar("F", bound=Callable[..., Any])


class Failure(click.ClickException):
    """A sentence on standard error, and exit status 1."""

    def show(self, file: Any = None) -> None:
        click.echo(f"lineal: {self.message}", err=True)


def _plainly(command: F) -> F:
    """Errors that users can cause come out as one sentence."""

    @wraps(command)
    def run(*args: Any, **named: Any) -> Any:
        try:
            return command(*args, **named)
        except (ConfigError, StoreError, OSError) as error:
            raise Failure(str(error)) from error

    return run  # type: ignore[return-value]


def _run(work: Coroutine[Any, Any, int]) -> None:
    """Run to its end, and leave with its exit status."""
    status = asyncio.run(work)
    if status:
        sys.exit(status)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lineal")
def main() -> None:
    """Lineal: the lineage of machine-learning models, recorded and asked."""


store_option = click.option("--store", metavar="URL", help="Open this store directly, without a server.")
url_option = click.option("--url", metavar="SERVER", help="Ask this server.  [default: http://127.0.0.1:8000]")
config_option = click.option(
    "--config", type=click.Path(path_type=Path), help="A TOML file of settings.", envvar="LINEAL_CONFIG"
)


@main.command()
@click.option("--store", metavar="URL", help="Where lineage is kept.  [default: sqlite:///lineal.db]")
@click.option("--host", help="The address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=int, help="The port to listen on; 0 takes a free one.  [default: 8000]")
@click.option("--dev", is_flag=True, default=None, help="Everyone is the administrator `local`. Loopback only.")
@config_option
@_plainly
def serve(config: Path | None, **flags: Any) -> None:
    """Answer GraphQL, and take OpenLineage events."""
    from lineal.app import serve as run

    run(load_settings(flags, config=config))


@main.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@url_option
@store_option
@click.option("--account", help="The account of what names none.  [default: one's own; of a --store, local]")
@click.option("--strict", is_flag=True, help="Send nothing if any line is bad; stop at the first conflict.")
@_plainly
def ingest(files: tuple[str, ...], url: str | None, store: str | None, account: str | None, strict: bool) -> None:
    """Record files of the native form or of OpenLineage events; `-` is standard input."""
    _one_of(url, store)
    _run(ingest_files(files, url, store, account, strict))


@main.command()
@click.option("--store", metavar="URL", help="The store to export.  [default: sqlite:///lineal.db]")
@click.argument("file", default="-", metavar="[FILE]")
@_plainly
def export(store: str | None, file: str) -> None:
    """Write everything recorded, in the native form, to a file or standard output."""
    _run(export_store(store or Settings().store, file))


as_of_option = click.option(
    "--as-of", metavar="WHEN", help="As was known then: a date, its beginning in UTC, or an RFC 3339 time."
)
occurred_by_option = click.option(
    "--occurred-by", metavar="WHEN", help="Only what had happened by then, whenever it was recorded."
)


def _lineage(direction: str, text: str) -> click.Command:
    @main.command(direction, help=text)
    @click.argument("urn")
    @url_option
    @store_option
    @click.option("--depth", type=click.IntRange(1), help="How many associations far; 1 is direct.")
    @click.option("--kind", multiple=True, help="Only entities of this kind; may be given several times.")
    @click.option("--via", multiple=True, help="Cross associations of this type only; may be given several times.")
    @as_of_option
    @occurred_by_option
    @click.option("--first", type=click.IntRange(1), help="Only so many.")
    @click.option("--json", "as_json", is_flag=True, help="One JSON object, instead of a table.")
    @_plainly
    def ask(urn: str, url: str | None, store: str | None, **asked: Any) -> None:
        _one_of(url, store)

        async def work() -> int:
            made: Asker
            async with asker(url, store) as made:
                return await show_lineage(made, urn, direction, **asked)

        _run(work())

    return ask


_lineage("ascendants", "Everything that contributed to the entity of a URN.")
_lineage("descendants", "Everything that the entity of a URN contributed to.")


json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object, instead of a table.")


def _asking(command: F) -> F:
    """A command that asks a server or a store; the one who is asked is its first argument."""

    @wraps(command)
    def run(url: str | None, store: str | None, **named: Any) -> None:
        _one_of(url, store)

        async def work() -> int:
            made: Asker
            async with asker(url, store) as made:
                status: int = await command(made, **named)
                return status

        _run(work())

    return _plainly(url_option(store_option(run)))  # type: ignore[return-value]


class _Models(click.Group):
    """A group whose name alone lists, and with a word that is none of its commands shows what that names."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        first = args[0] if args else ""
        if first not in (*self.commands, *self.get_help_option_names(ctx)):
            args = ["show" if first and not first.startswith("-") else "list", *args]
        return super().parse_args(ctx, args)


@main.group(cls=_Models)
def models() -> None:
    """Model groups, their numbered versions, and the decisions on these.

    Alone it lists the groups; with the name or URN of one, its versions.
    """


@models.command("list")
@as_of_option
@occurred_by_option
@json_option
@_asking
def models_list(made: Asker, **asked: Any) -> Coroutine[Any, Any, int]:
    """List the model groups, each with its latest version and the latest that is approved."""
    from lineal.commands.models import show_groups

    return show_groups(made, **asked)


@models.command("show")
@click.argument("group")
@as_of_option
@occurred_by_option
@json_option
@_asking
def models_show(made: Asker, **asked: Any) -> Coroutine[Any, Any, int]:
    """List the versions of a GROUP, by its name or URN, and the decisions on each."""
    from lineal.commands.models import show_group

    return show_group(made, **asked)


@models.command("register")
@click.argument("group")
@click.argument("model", metavar="MODEL_URN")
@click.option("--description", metavar="TEXT", help="What there is to say of the version.")
@click.option("--tag", "tags", multiple=True, help="A word to mark it with; may be given several times.")
@_asking
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
@_asking
def models_review(made: Asker, decision: str | None, **asked: Any) -> Coroutine[Any, Any, int]:
    """Decide on a version."""
    from lineal.commands.models import review

    if decision is None:
        raise click.UsageError("give one of --approve, --reject and --pend")
    return review(made, decision=decision, **asked)


@main.command()
@click.argument("text", required=False)
@url_option
@store_option
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
@click.option("--first", type=click.IntRange(1), help="Only so many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, instead of a table.")
@_plainly
def search(url: str | None, store: str | None, **asked: Any) -> None:
    """The entities that every word of TEXT finds; without it, all of them."""
    from lineal.commands.searching import show_found

    _one_of(url, store)

    async def work() -> int:
        made: Asker
        async with asker(url, store) as made:
            return await show_found(made, **asked)

    _run(work())


@main.command()
@click.option("--permissions", is_flag=True, help="Print what every field and route demands instead, as a table.")
def schema(permissions: bool) -> None:
    """Print the GraphQL schema."""
    from lineal.permissions_table import permissions_table
    from lineal.schema import sdl

    click.echo(permissions_table() if permissions else sdl(), nl=False)


@main.command()
@click.option("--store", metavar="URL", help="The store to look at.")
@config_option
def doctor(config: Path | None, store: str | None) -> None:
    """Check the configuration and the store, and say what to do."""
    _run(checkup(config, store))


@main.group()
def account() -> None:
    """The accounts of a store: each has its entities, groups, policies and keys."""


place_options = (
    click.option("--store", metavar="URL", help="The store.  [default: sqlite:///lineal.db]"),
    config_option,
)


def _placed(command: F) -> F:
    """A command on a store, which the settings name; `settings` is its first argument."""

    @wraps(command)
    def run(store: str | None, config: Path | None, **named: Any) -> None:
        _run(command(load_settings({"store": store}, config=config), **named))

    for option in place_options:
        run = option(run)
    return _plainly(run)  # type: ignore[return-value]


@account.command("create")
@click.argument("name")
@click.option("--operator", "is_operator", is_flag=True, help="Its administrators may create accounts, and any keys.")
@_placed
def account_create(settings: Settings, name: str, is_operator: bool) -> Coroutine[Any, Any, int]:
    """Register an account, with its default lineage group."""
    from lineal.commands.access import make_account

    return make_account(settings, name, is_operator)


@account.command("list")
@_placed
def account_list(settings: Settings) -> Coroutine[Any, Any, int]:
    """List the accounts."""
    from lineal.commands.access import show_accounts

    return show_accounts(settings)


@main.group()
def key() -> None:
    """API keys, with which programs and people ask a server."""


@key.command("create")
@click.argument("account")
@click.argument("name")
@click.option("--role", "roles", multiple=True, help="A role of its principal; may be given several times.")
@click.option(
    "--permission",
    "permissions",
    multiple=True,
    type=click.Choice(list(Permission), case_sensitive=False),
    help="Limit it to this permission; may be given several times.",
)
@click.option("--expires", metavar="WHEN", help="A date or an RFC 3339 time; by default it does not expire.")
@_placed
def key_create(settings: Settings, **asked: Any) -> Coroutine[Any, Any, int]:
    """Make a key for a principal of an account, and show it once."""
    from lineal.commands.access import make_key

    return make_key(settings, **asked)


@key.command("list")
@click.option("--account", help="Only the keys of this account.")
@_placed
def key_list(settings: Settings, account: str | None) -> Coroutine[Any, Any, int]:
    """List the keys: whose they are, and what has become of them."""
    from lineal.commands.access import show_keys

    return show_keys(settings, account)


@key.command("revoke")
@click.argument("id")
@_placed
def key_revoke(settings: Settings, id: str) -> Coroutine[Any, Any, int]:
    """Make a key useless, at once."""
    from lineal.commands.access import end_key

    return end_key(settings, id)


@main.group()
def audit() -> None:
    """The audit log of a store: what was decided on access, and by which policies."""


@audit.command("verify")
@_placed
def audit_verify(settings: Settings) -> Coroutine[Any, Any, int]:
    """Check that each record bears the digest of the one before it: exit status 0 if all do, else 1."""
    from lineal.commands.auditing import verify_log

    return verify_log(settings)


@main.group()
def janusgraph() -> None:
    """A JanusGraph of your own on this machine, which needs no Java, Maven or Docker."""


data_option = click.option(
    "--data",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default="lineal-janusgraph",
    show_default=True,
    help="The folder of its data, configuration and log.",
)


@janusgraph.command("start")
@data_option
@click.option("--port", type=click.IntRange(1, 65535), default=8182, show_default=True, help="The port on loopback.")
@click.option("--heap", default="1g", show_default=True, help="How much memory Java may take: 512m, 2g.")
@_plainly
def janusgraph_start(folder: Path, port: int, heap: str) -> None:
    """Start it, and return when it answers; the first time fetches it."""
    from lineal.commands.janusgraph import start

    if not re.fullmatch(r"[1-9][0-9]*[kmgKMG]", heap):
        raise click.UsageError(f"--heap is {heap!r}: give a number with k, m or g, such as 512m or 2g")
    start(folder, port, heap)


@janusgraph.command("stop")
@data_option
@_plainly
def janusgraph_stop(folder: Path) -> None:
    """Stop it; its data stay."""
    from lineal.commands.janusgraph import stop

    stop(folder)


@janusgraph.command("status")
@data_option
@_plainly
def janusgraph_status(folder: Path) -> None:
    """Say whether it runs and answers: exit status 0 if it does, else 1."""
    from lineal.commands.janusgraph import status

    sys.exit(status(folder))


def _one_of(url: str | None, store: str | None) -> None:
    if url and store:
        raise click.UsageError("give --url or --store, not both: a store has one way in at a time")
