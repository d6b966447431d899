"""Options and error handling that commands share."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click
import structlog

from lineal.accepted_values import is_unicode, shown_value
from lineal.commands.graphql_client import GraphQLClient, open_client
from lineal.config import ConfigError, Settings, load_settings, named_store
from lineal.graphstore.errors import StoreError
from lineal.logs import is_terminal

F = TypeVar("F", bound=Callable[..., Any])


class Failure(click.ClickException):
    """Prints one sentence on standard error and exits with status 1."""

    def show(self, file: Any = None) -> None:
        click.echo(f"lineal: {self.message}", err=True)


class ServerFailure(Failure):
    """Logs one sentence, in the form of all the server's log, and exits with status 1."""

    def show(self, file: Any = None) -> None:
        if is_terminal():
            super().show(file)
        else:
            structlog.get_logger().critical(self.message)


def plainly(command: F, failure: type[Failure] = Failure) -> F:
    """Wrap a command so that errors its user can cause print as one sentence."""

    @wraps(command)
    def run(*args: Any, **named: Any) -> Any:
        try:
            return command(*args, **named)
        except (ConfigError, StoreError, OSError) as error:
            raise failure(str(error)) from error

    return run  # type: ignore[return-value]


class EntryPoint(click.Group):
    """The root group: it refuses arguments that are no text, and prints a fault of Lineal as one line."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Raises UsageError for an argument that no file name, store or server could be asked for."""
        for arg in args:
            # The bytes of an argument that is not UTF-8 arrive as lone surrogates.
            if "\0" in arg or not is_unicode(arg):
                raise click.UsageError(f"{shown_value(arg)} is not UTF-8 text: write it in UTF-8, without null bytes")
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Raises Failure for what no command expects, unless LINEAL_LOG_LEVEL is `debug`."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, OSError):
            raise
        except Exception as error:
            if os.environ.get("LINEAL_LOG_LEVEL", "").lower() == "debug":
                raise
            raise Failure(
                f"this is a fault of Lineal ({type(error).__name__}: {shown_value(str(error))}); run the command again "
                "with LINEAL_LOG_LEVEL=debug, and report the traceback"
            ) from error


def run_to_end(work: Coroutine[Any, Any, int]) -> None:
    """Run a coroutine and exit with the status it returns, unless that is 0."""
    status = asyncio.run(work)
    if status:
        sys.exit(status)


config_option = click.option(
    "--config", type=click.Path(path_type=Path), help="TOML file of settings.", envvar="LINEAL_CONFIG"
)
as_of_option = click.option(
    "--as-of", metavar="WHEN", help="State as recorded by then: a date (its beginning in UTC) or an RFC 3339 time."
)
occurred_by_option = click.option(
    "--occurred-by", metavar="WHEN", help="Only what had occurred by then, whenever it was recorded."
)


first_option = click.option("--first", type=click.IntRange(1), help="Maximum number of results.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")


def with_client(command: F) -> F:
    """Wrap a command on a server or a store; its first argument is the `GraphQLClient`."""

    @wraps(command)
    def run(url: str | None, store: str | None, config: Path | None, **named: Any) -> None:
        settings = store_of(url, store, config)

        async def work() -> int:
            client: GraphQLClient
            async with open_client(url, settings) as client:
                status: int = await command(client, **named)
                return status

        run_to_end(work())

    return plainly(targeted(run))  # type: ignore[return-value]


def targeted(command: F) -> F:
    """Add the options --url, --store and --config to a command."""
    url = click.option(
        "--url",
        metavar="SERVER",
        help="Send requests to this server.  [default: http://127.0.0.1:8000, unless a store is set]",
    )
    store = click.option("--store", metavar="URL", help="Open this store without a server.")
    return url(store(config_option(command)))


place_options = (
    click.option("--store", metavar="URL", help="URL of the store.  [default: sqlite:///lineal.db]"),
    config_option,
)


def on_store(command: F) -> F:
    """Wrap a command on the store of the settings; its first argument is `settings`."""

    @wraps(command)
    def run(store: str | None, config: Path | None, **named: Any) -> None:
        run_to_end(command(load_settings({"store": store}, config=config), **named))

    for option in place_options:
        run = option(run)
    return plainly(run)  # type: ignore[return-value]


def store_of(url: str | None, store: str | None, config: Path | None) -> Settings | None:
    """The settings of the store to open; None to send requests to a server."""
    if url and store:
        raise click.UsageError("give --url or --store, not both")
    return None if url else named_store(store, config=config)
