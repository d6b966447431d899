"""Accounts and API keys in a store, made as a person makes them."""

from click.testing import CliRunner

from lineal.cli import main


def make_account(store: str, name: str, *flags: str) -> None:
    """Register an account."""
    done = CliRunner().invoke(main, ["account", "create", name, "--store", store, *flags])
    assert done.exit_code == 0, done.output


def make_key(store: str, account: str, name: str, *flags: str) -> str:
    """The text of a new key."""
    done = CliRunner().invoke(main, ["key", "create", account, name, "--store", store, *flags])
    assert done.exit_code == 0, done.output
    return done.stdout.strip()


def revoke_key(store: str, text: str) -> None:
    """Revoke a key, named by its text's beginning."""
    done = CliRunner().invoke(main, ["key", "revoke", text[4:16], "--store", store])
    assert done.exit_code == 0, done.output
