"""The commands on access: accounts, keys, the audit log."""

from collections.abc import Coroutine
from typing import Any

import click

from lineal.auth.permissions import Permission
from lineal.cli.options import on_store
from lineal.config import Settings


@click.group()
def account() -> None:
    """The accounts of a store: each has its entities, groups, policies and keys."""


@account.command("create")
@click.argument("name")
@click.option("--operator", "is_operator", is_flag=True, help="Its administrators may create accounts, and any keys.")
@on_store
def account_create(settings: Settings, name: str, is_operator: bool) -> Coroutine[Any, Any, int]:
    """Register an account, with its default lineage group."""
    from lineal.commands.access import make_account

    return make_account(settings, name, is_operator)


@account.command("list")
@on_store
def account_list(settings: Settings) -> Coroutine[Any, Any, int]:
    """List the accounts."""
    from lineal.commands.access import show_accounts

    return show_accounts(settings)


@click.group()
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
@on_store
def key_create(settings: Settings, **asked: Any) -> Coroutine[Any, Any, int]:
    """Make a key for a principal of an account, and show it once."""
    from lineal.commands.access import make_key

    return make_key(settings, **asked)


@key.command("list")
@click.option("--account", help="Only the keys of this account.")
@on_store
def key_list(settings: Settings, account: str | None) -> Coroutine[Any, Any, int]:
    """List the keys: whose they are, and what has become of them."""
    from lineal.commands.access import show_keys

    return show_keys(settings, account)


@key.command("revoke")
@click.argument("id")
@on_store
def key_revoke(settings: Settings, id: str) -> Coroutine[Any, Any, int]:
    """Make a key useless, at once."""
    from lineal.commands.access import end_key

    return end_key(settings, id)


@click.group()
def audit() -> None:
    """The audit log of a store: what was decided on access, and by which policies."""


@audit.command("verify")
@on_store
def audit_verify(settings: Settings) -> Coroutine[Any, Any, int]:
    """Check that each record bears the digest of the one before it: exit status 0 if all do, else 1."""
    from lineal.commands.auditing import verify_log

    return verify_log(settings)
