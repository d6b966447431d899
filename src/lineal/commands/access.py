"""`lineal account` and `lineal key`: on a store, as its local administrator."""

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
from lineal.commands.times import moment
from lineal.config import Settings
from lineal.graphstore.errors import StoreError
from lineal.graphstore.store import Store
from lineal.graphstore.values import format_timestamp

Result = TypeVar("Result")


async def make_account(settings: Settings, name: str, is_operator: bool) -> int:
    """Register an account, with its default group."""
    async with opened_store(settings) as store:
        made = await _changed(store, create_account(name, is_operator=is_operator))
    click.echo(f"account {made.name} is registered" + (" as an operator" if made.is_operator else ""))
    return 0


async def show_accounts(settings: Settings) -> int:
    """List the accounts, by name."""
    async with opened_store(settings) as store:
        accounts = (await AccessService(store).newest()).accounts.values()
    rows = (
        (account.name, "operator" if account.is_operator else "", _when(account.created_at), account.created_by)
        for account in sorted(accounts, key=lambda account: account.name)
    )
    show_table(("account", "", "created", "by"), rows)
    return 0


async def make_key(
    settings: Settings,
    account: str,
    name: str,
    roles: tuple[str, ...],
    permissions: tuple[str, ...],
    expires: str | None,
) -> int:
    """Make a key, and print it: alone on standard output, so that a script can take it."""
    operation = create_key(
        name,
        account=account,
        roles=frozenset(roles),
        permissions=frozenset(map(Permission, permissions)) or None,
        expires_at=None if expires is None else moment("--expires", expires),
    )
    async with opened_store(settings) as store:
        made = await _changed(store, operation)
    click.echo(made.text)
    until = "" if made.key.expires_at is None else f", until {_when(made.key.expires_at)}"
    click.echo(f"This key is {made.key.principal.shown}{until}. It is shown this once: keep it now.", err=True)
    return 0


async def show_keys(settings: Settings, account: str | None) -> int:
    """List the keys of an account, or all: whose they are, and what has become of them; never their text."""
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
            _when(key.created_at),
            _when(used.get(key.id)),
            _state(key, now),
        )
        for key in sorted(keys, key=lambda key: (key.account, key.name, key.created_at, key.id))
    )
    show_table(("key", "principal", "roles", "limited to", "created", "last used", "state"), rows)
    return 0


async def end_key(settings: Settings, id: str) -> int:
    """Revoke a key, at once and for good."""
    async with opened_store(settings) as store:
        ended = await _changed(store, revoke_key(id.removeprefix("lnl_")[:12]))
    click.echo(f"key {ended.id} of {ended.principal.shown} is revoked")
    return 0


async def _changed(store: Store, operation: Operation[Result]) -> Result:
    try:
        return await AccessService(store).change(LOCAL, operation, "command line")
    except Refused as refused:
        raise StoreError(refused.message) from None


def _when(micros: int | None) -> str:
    return "" if micros is None else f"{format_timestamp(micros)[:19]}Z"


def _state(key: ApiKey, now: int) -> str:
    if key.revoked_at is not None:
        return f"revoked {_when(key.revoked_at)} by {key.revoked_by}"
    if key.expires_at is None:
        return "usable"
    return f"usable until {_when(key.expires_at)}" if key.is_usable(now) else f"expired {_when(key.expires_at)}"
