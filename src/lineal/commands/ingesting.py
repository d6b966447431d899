"""`lineal ingest`: files into a store or a server, good lines kept, bad lines reported."""

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
from rich.progress import Progress, TaskID

from lineal.capture.files import Line, read_lines, size_of
from lineal.capture.openlineage import InvalidEvent, mapped, validated
from lineal.commands.asking import asker
from lineal.commands.opening import opened_store, progress_bars
from lineal.commands.servers import server_client
from lineal.commands.sinks import MOST_EMBEDDED, MOST_GREMLIN, Outcome, ServerSink, Sink, StoreSink
from lineal.config import Settings
from lineal.graphstore.batches import Batch, NewAssociation, NewEntity, NewObservation, NewRevision
from lineal.graphstore.checks import checked_urns
from lineal.graphstore.errors import BatchRefused

SHOWN = 50
"""How many bad lines are shown; all are counted."""
_MADE_BEFORE_A_COLLECTION = 100_000
"""Parts of lineage hold no cycles: Python's own 700 looks for these through a fifth of the time of an ingest."""


class Stopped(Exception):
    """A strict ingest met a line that is refused while sending."""


@dataclass
class Totals:
    """What an ingest has come to."""

    new: int = 0
    known: int = 0
    bad: int = 0
    console: Console = field(default_factory=lambda: Console(stderr=True, highlight=False, soft_wrap=True))

    def report(self, name: str, number: int, problem: str) -> None:
        """Say why a line is not recorded."""
        self.bad += 1
        if self.bad <= SHOWN:
            self.console.print(f"{name}:{number}: {problem}", markup=False)
        elif self.bad == SHOWN + 1:
            self.console.print(f"more than {SHOWN} bad lines: the rest is only counted", markup=False)


async def ingest_files(
    files: tuple[str, ...], url: str | None, store: Settings | None, account: str | None, strict: bool
) -> int:
    """Record files, in a store or else by a server; exit status 1 where any line was bad.

    `account` None: that of who asks the server.
    """
    totals = Totals()
    if account is None:
        account = "local" if store is not None else await _own_account(url)
    if strict and not _all_good(files, account, totals):
        click.echo(f"{totals.bad} bad lines, so nothing was sent", err=True)
        return 1
    async with _sink(url, store, account) as sink:
        with _seldom_collected(), progress_bars(totals.console) as progress:
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
    async with asker(url, None) as server:
        return str((await server.ask("{ viewer { account } }", {}))["viewer"]["account"])


@contextmanager
def _seldom_collected() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(_MADE_BEFORE_A_COLLECTION, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@asynccontextmanager
async def _sink(url: str | None, store: Settings | None, account: str) -> AsyncIterator[Sink]:
    if store is not None:
        async with opened_store(store) as opened:
            most = MOST_GREMLIN if store.store.startswith(("gremlin://", "gremlins://")) else MOST_EMBEDDED
            yield StoreSink(opened, account, most)
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


def _all_good(files: tuple[str, ...], account: str, totals: Totals) -> bool:
    if "-" in files:
        raise click.UsageError("--strict reads files twice, which standard input cannot be: give a file")
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
            validated(line.event)
            mapped(line.event, account)
        elif line.part is not None:
            checked_urns(_alone(line))
    except (InvalidEvent, BatchRefused) as error:
        return str(error)
    return None


def _alone(line: Line) -> Batch:
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
    waiting: list[Line] = []
    # While one batch is being written the next one is read; never more than that, so memory is bounded.
    sending: asyncio.Task[None] | None = None
    with _opened(name) as stream:
        for line in read_lines(stream, account):
            if line.problem:
                totals.report(name, line.number, line.problem)
            elif line.part is not None:
                waiting.append(line)
            if waiting and (line.event is not None or len(waiting) >= sink.most):
                if sending is not None:
                    await sending
                sending = asyncio.create_task(_send(name, waiting, sink, totals, strict))
                waiting = []
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
        if waiting:
            await _send(name, waiting, sink, totals, strict)
            progress.update(task, completed=waiting[-1].end)


async def _send(name: str, lines: list[Line], sink: Sink, totals: Totals, strict: bool) -> None:
    """Send parts; those refused are reported, and the rest is sent again without them."""
    while lines:
        outcome = await sink.parts([line.part for line in lines if line.part is not None])
        _count(name, lines, outcome, totals, strict)
        if not outcome.refused or outcome.new or outcome.known:
            return
        lines = [line for place, line in enumerate(lines) if place not in outcome.refused]


def _count(name: str, lines: list[Line], outcome: Outcome, totals: Totals, strict: bool) -> None:
    totals.new += outcome.new
    totals.known += outcome.known
    for place, problem in sorted(outcome.refused.items()):
        totals.report(name, lines[place].number, problem)
    if strict and outcome.refused:
        before = lines[0].number - 1
        stand = f"lines 1 to {before} of {name} stand" if before else f"nothing of {name} stands"
        raise Stopped(f"stopped at a refused line: {stand}, and nothing of what follows was sent")
