"""`lineal export`."""

import sys
from contextlib import nullcontext
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from lineal.auth.scopes import EVERYTHING
from lineal.capture.native import line_of
from lineal.commands.opening import opened_store
from lineal.config import Settings
from lineal.graphstore.batches import NewEntity
from lineal.graphstore.records import AsOf, View
from lineal.graphstore.urns import make_urn


async def export_store(settings: Settings, file: str) -> int:
    """Write all records of a store to a file, which is replaced only once complete, or to standard output for `-`."""
    parts = 0
    target = Path(file)
    unfinished = target.with_name(target.name + ".part")
    to_stdout = file == "-"
    async with opened_store(settings) as store:
        view = View(EVERYTHING, AsOf(await store.watermark()))
        out = nullcontext(sys.stdout.buffer) if to_stdout else unfinished.open("wb")
        with out as lines, Progress(console=Console(stderr=True), disable=to_stdout, transient=True) as progress:
            task = progress.add_task("exporting", total=None)
            async for part in store.export(view):
                lines.write(line_of(part, _urn) + b"\n")
                parts += 1
                progress.update(task, advance=1, description=f"exported {parts}")
            lines.flush()
    if not to_stdout:
        unfinished.replace(target)
    print(f"exported {parts} records", file=sys.stderr)  # noqa: T201 (the result of the command)
    return 0


def _urn(entity: NewEntity) -> str:
    return make_urn(entity.account, entity.kind, entity.name, entity.version)
