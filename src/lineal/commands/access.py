"""`lineal account` and `lineal key`, run on a store as its local administrator."""

from typing import TypeVar

import click

from lineal.auth.access_service import AccessService, microseconds
from lineal.auth.operations.accounts import create_account
from lineal.auth.operations.api_keys import create_key, revoke_key
from lineal.auth.operations.base import Operation, Refused
from lineal.auth.permissions import Permission
from lineal.auth.principals import LOCAL
from lineal.auth.records import ApiKey
from lineal.commands.opening import opened_store
from lineal.commands.showing import show_table
from lineal.commands.times import parse_time
from lineal.config import Settings
from lineal.graphstore.errors import StoreError
from lineal.graphstore.store import Store
from lineal.graphstore.values import format_timestamp

Result = TypeVar("Result")


async def register_account(settings: Settings, name: str, is_operator: bool) -> int:
    """Register an account with its default lineage group, and print its name."""
    async with opened_store(settings, creates=True) as store:
        created = await _apply(store, create_account(name, is_operator=is_operator))
    click.echo(f"account {created.name} is registered" + (" as an operator" if created.is_operator else ""))
    return 0


async def list_accounts(settings: Settings) -> int:
    """Print the accounts, sorted by name."""
    async with opened_store(settings) as store:
        accounts = (await AccessService(store).newest()).accounts.values()
    rows = (
        (account.name, "operator" if account.is_operator else "", _shown_time(account.created_at), account.created_by)
        for account in sorted(accounts, key=lambda account: account.name)
    )
    show_table(("account", "", "created", "by"), rows)
    return 0


async def create_api_key(
    settings: Settings,
    account: str,
    name: str,
    roles: tuple[str, ...],
    permissions: tuple[str, ...],
    expires: str | None,
) -> int:
    """Create a key, and print nothing else on standard output, so that a script can read it."""
    operation = create_key(
        name,
        account=account,
        roles=frozenset(roles),
        permissions=frozenset(map(Permission, permissions)) or None,
        expires_at=None if expires is None else parse_time("--expires", expires),
    )
    async with opened_store(settings) as store:
        created = await _apply(store, operation)
    click.echo(created.text)
    until = "" if created.key.expires_at is None else f", until {_shown_time(created.key.expires_at)}"
    click.echo(
        f"This key authenticates {created.key.principal.shown}{until}. It is not shown again: store it now.", err=True
    )
    return 0


async def list_api_keys(settings: Settings, account: str | None) -> int:
    """Print the keys of an account, or of all, with their principals and state but never their secrets."""
    async with opened_store(settings) as store:
        snapshot = await AccessService(store).newest()
        keys = [key for key in snapshot.keys.values() if account is None or key.account == account]
        used = await store.keys_used([key.id for key in keys])
    now = microseconds()
    rows = (
        (
            key.id,
            key.principal.shown,
            ", ".join(sorted(key.roles)),
            "" if key.permissions is None else ", ".join(sorted(key.permissions)),
            _shown_time(key.created_at),
            _shown_time(used.get(key.id)),
            _state(key, now),
        )
        for key in sorted(keys, key=lambda key: (key.account, key.name, key.created_at, key.id))
    )
    show_table(("key", "principal", "roles", "limited to", "created", "last used", "state"), rows)
    return 0


async def revoke_api_key(settings: Settings, id: str) -> int:
    """Revoke a key permanently."""
    async with opened_store(settings) as store:
        revoked = await _apply(store, revoke_key(id.removeprefix("lnl_")[:12]))
    click.echo(f"key {revoked.id} of {revoked.principal.shown} is revoked")
    return 0


async def _apply(store: Store, operation: Operation[Result]) -> Result:
    try:
        access_service = AccessService(store)
        try:
            return await access_service.change(LOCAL, operation, "command line")
        finally:
            await access_service.denials.finish()
    except Refused as refused:
        raise StoreError(refused.message) from None


def _shown_time(micros: int | None) -> str:
    return "" if micros is None else f"{format_timestamp(micros)[:19]}Z"


def _state(key: ApiKey, now: int) -> str:
    if key.revoked_at is not None:
        return f"revoked {_shown_time(key.revoked_at)} by {key.revoked_by}"
    if key.expires_at is None:
        return "usable"
    return (
        f"usable until {_shown_time(key.expires_at)}"
        if key.is_usable(now)
        else f"expired {_shown_time(key.expires_at)}"
    )
