"""`lineal ingest`: record files in a store or through a server, and report bad lines."""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

from lineal.capture.files import Line, read_lines, size_of
from lineal.capture.openlineage import InvalidEvent, mapped_event
from lineal.commands.graphql_client import open_client
from lineal.commands.opening import opened_store
from lineal.commands.servers import server_client
from lineal.commands.sinks import MAX_PARTS_EMBEDDED, MAX_PARTS_GREMLIN, Outcome, ServerSink, Sink, StoreSink
from lineal.config import Settings
from lineal.graphstore.batches import Batch, NewAssociation, NewEntity, NewObservation, NewRevision
from lineal.graphstore.checks import checked_urns
from lineal.graphstore.errors import BatchRefused

MAX_REPORTED = 50
"""Maximum number of bad lines to print; all are counted."""
_COLLECTION_THRESHOLD = 100_000
"""Records hold no reference cycles, and Python's default threshold of 700 spends a fifth of an ingest on the search."""


class Stopped(Exception):
    """A strict ingest stopped because a line was refused."""


@dataclass
class Totals:
    """Counts of new, known and bad records, and the console for reports."""

    new: int = 0
    known: int = 0
    bad: int = 0
    console: Console = field(default_factory=lambda: Console(stderr=True, highlight=False, soft_wrap=True))

    def report(self, name: str, number: int, problem: str) -> None:
        """Count a bad line and print its problem."""
        self.bad += 1
        if self.bad <= MAX_REPORTED:
            self.console.print(f"{name}:{number}: {problem}", markup=False)
        elif self.bad == MAX_REPORTED + 1:
            self.console.print(f"more than {MAX_REPORTED} bad lines: the others are only counted", markup=False)


def _progress_bars(console: Console) -> Progress:
    """Progress bars, shown on a terminal only."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)


async def ingest_files(
    files: tuple[str, ...], url: str | None, store: Settings | None, account: str | None, strict: bool
) -> int:
    """Record files in `store`, or without one through the server at `url`; exit status 1 if any line was bad.

    Without `account`, records that name none belong to the caller's account on a server, to `local` in a store.
    """
    totals = Totals()
    if account is None:
        account = "local" if store is not None else await _own_account(url)
    if strict and not _are_valid(files, account, totals):
        click.echo(f"{totals.bad} bad lines, so nothing was sent", err=True)
        return 1
    async with _sink(url, store, account) as sink:
        with _rare_collections(), _progress_bars(totals.console) as progress:
            for name in files:
                task = progress.add_task(Path(name).name, total=None if name == "-" else size_of(Path(name)))
                try:
                    await _ingest(name, account, sink, totals, progress, task, strict)
                except Stopped as stopped:
                    await sink.finish()
                    click.echo(str(stopped), err=True)
                    return 1
        await sink.finish()
    click.echo(f"{totals.new} recorded, {totals.known} already there, {totals.bad} bad")
    return 1 if totals.bad else 0


async def _own_account(url: str | None) -> str:
    async with open_client(url, None) as server:
        return str((await server.execute("{ viewer { account } }", {}))["viewer"]["account"])


@contextmanager
def _rare_collections() -> Iterator[None]:
    previous = gc.get_threshold()
    gc.set_threshold(_COLLECTION_THRESHOLD, *previous[1:])
    try:
        yield
    finally:
        gc.set_threshold(*previous)


@asynccontextmanager
async def _sink(url: str | None, store: Settings | None, account: str) -> AsyncIterator[Sink]:
    if store is not None:
        async with opened_store(store, creates=True) as opened:
            max_parts = (
                MAX_PARTS_GREMLIN if store.store.startswith(("gremlin://", "gremlins://")) else MAX_PARTS_EMBEDDED
            )
            yield StoreSink(opened, account, max_parts)
    else:
        async with server_client(url) as client:
            yield ServerSink(client)


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield sys.stdin.buffer
    else:
        with open(name, "rb") as stream:
            yield stream


def _are_valid(files: tuple[str, ...], account: str, totals: Totals) -> bool:
    if "-" in files:
        raise click.UsageError("--strict reads its input twice, which standard input does not allow: give a file")
    for name in files:
        with _opened(name) as stream:
            for line in read_lines(stream, account):
                if problem := _problem(line, account):
                    totals.report(name, line.number, problem)
    return not totals.bad


def _problem(line: Line, account: str) -> str | None:
    if line.problem:
        return line.problem
    try:
        if line.event is not None:
            mapped_event(line.event, account)
        elif line.part is not None:
            checked_urns(_batch_of(line))
    except (InvalidEvent, BatchRefused) as error:
        return str(error)
    return None


def _batch_of(line: Line) -> Batch:
    match line.part:
        case NewEntity():
            return Batch(entities=(line.part,))
        case NewAssociation():
            return Batch(associations=(line.part,))
        case NewRevision():
            return Batch(revisions=(line.part,))
        case NewObservation():
            return Batch(observations=(line.part,))
    return Batch()


async def _ingest(
    name: str, account: str, sink: Sink, totals: Totals, progress: Progress, task: TaskID, strict: bool
) -> None:
    pending: list[Line] = []
    # Reading runs at most one batch ahead of writing, so memory is bounded.
    sending: asyncio.Task[None] | None = None
    with _opened(name) as stream:
        for line in read_lines(stream, account):
            if line.problem:
                totals.report(name, line.number, line.problem)
            elif line.part is not None:
                pending.append(line)
            if pending and (line.event is not None or len(pending) >= sink.max_parts):
                if sending is not None:
                    await sending
                sending = asyncio.create_task(_send(name, pending, sink, totals, strict))
                pending = []
                await asyncio.sleep(0)
                progress.update(task, completed=line.end)
            if line.event is not None:
                if sending is not None:
                    await sending
                    sending = None
                _count(name, [line], await sink.event(line.event), totals, strict)
                progress.update(task, completed=line.end)
        if sending is not None:
            await sending
        if pending:
            await _send(name, pending, sink, totals, strict)
            progress.update(task, completed=pending[-1].end)


async def _send(name: str, lines: list[Line], sink: Sink, totals: Totals, strict: bool) -> None:
    """Send lines; report the refused ones, and send the others again without them."""
    while lines:
        outcome = await sink.parts([line.part for line in lines if line.part is not None])
        _count(name, lines, outcome, totals, strict)
        if not outcome.refused or outcome.new or outcome.known:
            return
        lines = [line for position, line in enumerate(lines) if position not in outcome.refused]


def _count(name: str, lines: list[Line], outcome: Outcome, totals: Totals, strict: bool) -> None:
    totals.new += outcome.new
    totals.known += outcome.known
    for position, problem in sorted(outcome.refused.items()):
        totals.report(name, lines[position].number, problem)
    if strict and outcome.refused:
        previous = lines[0].number - 1
        recorded = f"lines 1 to {previous} of {name} are recorded" if previous else f"nothing of {name} is recorded"
        raise Stopped(f"stopped at a refused line: {recorded}, and no later line was sent")
