"""`lineal export`."""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO

from rich.console import Console
from rich.progress import Progress

from lineal.auth.scopes import EVERYTHING
from lineal.capture.native import line_of
from lineal.commands.opening import opened_store
from lineal.config import Settings
from lineal.graphstore.batches import NewEntity
from lineal.graphstore.errors import StoreError
from lineal.graphstore.records import AsOf, View
from lineal.graphstore.store import Store
from lineal.graphstore.urns import make_urn


async def export_store(settings: Settings, file: str, is_verified: bool = True) -> int:
    """Write all records of a store to a file, which is replaced only once complete, or to standard output for `-`.

    Verifies an SQLite store before, if `is_verified`.
    """
    parts = 0
    to_stdout = file == "-"
    if not to_stdout:
        _check_target(Path(file), settings)
    async with opened_store(settings) as store:
        if is_verified and settings.store.startswith("sqlite:"):
            await _check_records(store)
        view = View(EVERYTHING, AsOf(await store.watermark()))
        with (
            _stdout() if to_stdout else _replaced(Path(file)) as lines,
            Progress(console=Console(stderr=True), disable=to_stdout, transient=True) as progress,
        ):
            task = progress.add_task("exporting", total=None)
            async for part in store.export(view):
                lines.write(line_of(part, _urn) + b"\n")
                parts += 1
                progress.update(task, advance=1, description=f"exported {parts}")
    print(f"exported {parts} records", file=sys.stderr)  # noqa: T201 (the result of the command)
    return 0


async def _check_records(store: Store) -> None:
    """Raise StoreError where an export of the store would not be what was recorded."""
    async for step in store.verify():
        if step.problems:
            raise StoreError(
                f"the store is damaged ({step.problems[0]}), so nothing was exported: run `lineal verify`, and restore "
                "a backup; without one, --unverified exports what can be read"
            )


def _check_target(target: Path, settings: Settings) -> None:
    """Raise StoreError where a file cannot be written, or would replace what is not a file of an export."""
    if not target.absolute().parent.is_dir():
        raise StoreError(f"the directory {target.absolute().parent} does not exist: create it, or name another file")
    try:
        mode = target.lstat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISLNK(mode):
        raise StoreError(f"{target} is a link, which an export does not replace: name the file itself")
    if stat.S_ISDIR(mode):
        raise StoreError(f"{target} is a directory: name a file in it")
    if not stat.S_ISREG(mode):
        raise StoreError(f"{target} is not a regular file: name another, or `-` for standard output")
    store = Path(settings.store.removeprefix("sqlite:///"))
    if store.exists() and store.samefile(target):
        raise StoreError(f"{target} is the store itself: name another file")


@contextmanager
def _stdout() -> Iterator[BinaryIO]:
    yield sys.stdout.buffer
    sys.stdout.buffer.flush()


@contextmanager
def _replaced(target: Path) -> Iterator[BinaryIO]:
    """A new file beside the target, which takes its place once it is complete and on the disk."""
    try:
        with NamedTemporaryFile(dir=target.parent, prefix=f"{target.name}.", suffix=".part", delete=False) as out:
            try:
                yield out  # type: ignore[misc]
                out.flush()
                os.fchmod(out.fileno(), _mode(target))
                os.fsync(out.fileno())
                Path(out.name).replace(target)
            except BaseException:
                Path(out.name).unlink(missing_ok=True)
                raise
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise StoreError(
            f"{target} cannot be written ({error.strerror}), and is as it was: check the disk and the permissions of "
            f"{target.absolute().parent}"
        ) from error


def _mode(target: Path) -> int:
    """The permissions of the file to replace; without one, those that a new file gets."""
    if target.exists():
        return stat.S_IMODE(target.stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _urn(entity: NewEntity) -> str:
    return make_urn(entity.account, entity.kind, entity.name, entity.version)
