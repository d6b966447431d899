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
from lineal.graphstore.store import Store
from lineal.http_auth.oidc_settings import token_rules

LOW_DISK_BYTES = 1024**3
SAMPLE = 200
"""The number of entities whose records are checked against their digests."""
MOST_PRINTED = 10


async def run_checks(config: Path | None, store: str | None) -> int:
    """Print the result of every check, with a remedy for each failure; exit status 1 if any failed."""
    failures = 0

    def report(passed: bool, message: str) -> None:
        nonlocal failures
        failures += not passed
        click.echo(f"{'ok ' if passed else 'BAD'}  {message}")

    report(True, f"Lineal {__version__}, Python {platform.python_version()}")
    try:
        settings = load_settings({"store": store}, config=config)
        token_rules(settings)
        report(True, "the configuration can be read")
    except ConfigError as error:
        report(False, str(error))
        settings = Settings(store=store or Settings().store)
    version = tuple(map(int, apsw.sqlite_lib_version().split(".")))
    report(version >= OLDEST_SQLITE, f"SQLite {apsw.sqlite_lib_version()}" + ("" if version >= OLDEST_SQLITE else
        ": install a newer apsw"))  # fmt: skip
    await _check_store(settings, report)
    _check_port(settings, report)
    return 1 if failures else 0


async def _check_store(settings: Settings, report: Callable[[bool, str], None]) -> None:
    url = settings.store
    path = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite:///"):
        if not path.exists():
            report(True, f"{url} does not exist yet: `lineal serve` will create it")
            return
        free = shutil.disk_usage(path.absolute().parent).free
        free_space = f"{free // 1024**2} MiB free on the disk of {path}"
        report(
            free > LOW_DISK_BYTES,
            free_space if free > LOW_DISK_BYTES else f"{free_space}: free some space, or move the store",
        )
    try:
        async with opened_store(settings) as opened:
            await asyncio.wait_for(opened.ready(), 10)
            watermark = await opened.watermark()
            report(True, f"{url} answers a query; " + ("it holds lineage" if watermark else "it is empty"))
            await _check_sample(opened, report)
    except (StoreError, TimeoutError) as error:
        report(False, f"{url}: {error or 'no answer within 10 seconds'}")


async def _check_sample(store: Store, report: Callable[[bool, str], None]) -> None:
    records, problems = 0, list[str]()
    async for step in store.verify(SAMPLE):
        records += step.records
        problems += step.problems
    for problem in problems[:MOST_PRINTED]:
        report(False, f"{problem}: run `lineal verify`, and restore a backup")
    if not problems:
        report(True, f"a sample of {records} records matches its digests; `lineal verify` checks all of them")


def _check_port(settings: Settings, report: Callable[[bool, str], None]) -> None:
    with socket.socket() as probe:
        probe.settimeout(1)
        is_answering = probe.connect_ex((settings.host, settings.port)) == 0
    report(
        True,
        f"port {settings.port} of {settings.host} " + ("answers: a server runs there" if is_answering else "is free"),
    )
