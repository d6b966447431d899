"""The commands `account`, `key` and `audit`."""

from collections.abc import Coroutine
from typing import Any

import click

from lineal.auth.permissions import Permission
from lineal.cli.options import on_store
from lineal.config import Settings


@click.group()
def account() -> None:
    """Manage the accounts of a store. Each owns entities, groups, policies and keys."""


@account.command("create")
@click.argument("name")
@click.option(
    "--operator", "is_operator", is_flag=True, help="Let its administrators create accounts, and keys for any account."
)
@on_store
def account_create(settings: Settings, name: str, is_operator: bool) -> Coroutine[Any, Any, int]:
    """Register an account, with its default lineage group."""
    from lineal.commands.access import register_account

    return register_account(settings, name, is_operator)


@account.command("list")
@on_store
def account_list(settings: Settings) -> Coroutine[Any, Any, int]:
    """List the accounts."""
    from lineal.commands.access import list_accounts

    return list_accounts(settings)


@click.group()
def key() -> None:
    """Manage API keys. Programs and people authenticate to a server with them."""


@key.command("create")
@click.argument("account")
@click.argument("name")
@click.option("--role", "roles", multiple=True, help="Role of its principal; repeatable.")
@click.option(
    "--permission",
    "permissions",
    multiple=True,
    type=click.Choice(list(Permission), case_sensitive=False),
    help="Limit the key to this permission; repeatable.",
)
@click.option("--expires", metavar="WHEN", help="Date or RFC 3339 time when the key expires; never by default.")
@on_store
def key_create(settings: Settings, **options: Any) -> Coroutine[Any, Any, int]:
    """Create a key for a principal. It is printed only once."""
    from lineal.commands.access import create_api_key

    return create_api_key(settings, **options)


@key.command("list")
@click.option("--account", help="List only the keys of this account.")
@on_store
def key_list(settings: Settings, account: str | None) -> Coroutine[Any, Any, int]:
    """List the keys. Shows their principals, roles, limits and state, never their secrets."""
    from lineal.commands.access import list_api_keys

    return list_api_keys(settings, account)


@key.command("revoke")
@click.argument("id")
@on_store
def key_revoke(settings: Settings, id: str) -> Coroutine[Any, Any, int]:
    """Revoke a key at once."""
    from lineal.commands.access import revoke_api_key

    return revoke_api_key(settings, id)


@click.group()
def audit() -> None:
    """Verify the audit log of a store. It records access decisions and the policies behind them."""


@audit.command("verify")
@on_store
def audit_verify(settings: Settings) -> Coroutine[Any, Any, int]:
    """Verify the digests of all records. Exit status 0 if they are correct, else 1."""
    from lineal.commands.auditing import verify_audit_log

    return verify_audit_log(settings)
