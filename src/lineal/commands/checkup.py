"""`lineal doctor`."""

import asyncio
import platform
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import apsw
import click

from lineal import __version__
from lineal.commands.opening import opened_store
from lineal.config import ConfigError, Settings, load_settings
from lineal.graphstore.embedded.sql.connections import OLDEST_SQLITE
from lineal.graphstore.errors import StoreError
from lineal.http_auth.oidc_settings import token_rules

LITTLE_ROOM = 1024**3


async def checkup(config: Path | None, store: str | None) -> int:
    """Say of each thing whether it is well, and what to do where it is not; exit status 1 if any is not."""
    bad = 0

    def say(well: bool, what: str) -> None:
        nonlocal bad
        bad += not well
        click.echo(f"{'ok ' if well else 'BAD'}  {what}")

    say(True, f"Lineal {__version__}, Python {platform.python_version()}")
    try:
        settings = load_settings({"store": store}, config=config)
        token_rules(settings)
        say(True, "the configuration can be read")
    except ConfigError as error:
        say(False, str(error))
        settings = Settings(store=store or Settings().store)
    version = tuple(map(int, apsw.sqlite_lib_version().split(".")))
    say(version >= OLDEST_SQLITE, f"SQLite {apsw.sqlite_lib_version()}" + ("" if version >= OLDEST_SQLITE else
        ": install a newer apsw"))  # fmt: skip
    await _check_store(settings, say)
    _check_port(settings, say)
    return 1 if bad else 0


async def _check_store(settings: Settings, say: Callable[[bool, str], None]) -> None:
    url = settings.store
    path = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite:///"):
        if not path.exists():
            say(True, f"{url} does not exist yet: `lineal serve` will make it")
            return
        free = shutil.disk_usage(path.absolute().parent).free
        room = f"{free // 1024**2} MiB free where {path} lies"
        say(free > LITTLE_ROOM, room if free > LITTLE_ROOM else f"{room}: make room, or move the store")
    try:
        async with opened_store(settings) as opened:
            await asyncio.wait_for(opened.ready(), 10)
            moment = await opened.watermark()
        say(True, f"{url} answers a query; " + ("it holds lineage" if moment else "it is empty"))
    except (StoreError, TimeoutError) as error:
        say(False, f"{url}: {error or 'no answer in 10 seconds'}")


def _check_port(settings: Settings, say: Callable[[bool, str], None]) -> None:
    with socket.socket() as trial:
        trial.settimeout(1)
        taken = trial.connect_ex((settings.host, settings.port)) == 0
    say(
        True,
        f"port {settings.port} of {settings.host} " + ("is answering: a server runs there" if taken else "is free"),
    )
