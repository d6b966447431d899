"""The embedded store: the contract, served from worker threads over one SQLite file."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TypeVar

import apsw

from lineal.graphstore.batches import Batch, Idempotency, NewAssociation, NewEntity, NewRevision, Recorded
from lineal.graphstore.checks import checked_urns
from lineal.graphstore.embedded.cache import WalkCache
from lineal.graphstore.embedded.database import Database
from lineal.graphstore.embedded.exporting import PARTS, chunk_after
from lineal.graphstore.embedded.finding import (
    among_page,
    associations_page,
    find_page,
    history_page,
    property_keys,
)
from lineal.graphstore.embedded.present import Present
from lineal.graphstore.embedded.reaching import Walked, reach_page
from lineal.graphstore.embedded.reading import Reading, newest
from lineal.graphstore.embedded.writing import Writer
from lineal.graphstore.errors import LimitExceeded, Unavailable
from lineal.graphstore.queries import (
    AssociationsOf,
    Find,
    HistoryOf,
    PropertyKeys,
    Reach,
    ReachAssociations,
    Walk,
)
from lineal.graphstore.records import Entity, View
from lineal.graphstore.store import (
    AssociationPage,
    Durability,
    EntityPage,
    ReachPage,
    RevisionPage,
    Store,
)

Result = TypeVar("Result")
Question = TypeVar("Question", Find, AssociationsOf, HistoryOf, PropertyKeys)
WalkQuestion = TypeVar("WalkQuestion", Reach, ReachAssociations)

READERS = 3


class EmbeddedStore(Store):
    """SQLite in this process. One thread writes, a few read; every verb is one call on one of them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._readers = ThreadPoolExecutor(1 if database.in_memory else READERS, "lineal-read")
        self._writer = Writer(database)
        self._writes = ThreadPoolExecutor(1, "lineal-write")
        self._walks = WalkCache()
        self._present = Present(database)
        self._closed = False

    async def record(
        self,
        batch: Batch,
        *,
        by: str,
        idempotency: Idempotency | None = None,
        durability: Durability = Durability.POWER_LOSS,
        returning: bool = False,
    ) -> Recorded:
        urns = checked_urns(batch)
        return await self._run(
            self._writes, lambda: self._writer.record(batch, urns, by, idempotency, durability, returning)
        )

    async def watermark(self) -> int:
        return await self._read(newest)

    async def entities(self, view: View, ids: Sequence[str]) -> list[Entity | None]:
        if not ids:
            return []

        def read(reading: Reading) -> list[Entity | None]:
            keys = reading.keys_of(ids)
            found = reading.entities(list(keys.values()))
            return [found[keys[id]] if id in keys else None for id in ids]

        return await self._read_view(view, read)

    async def find(self, questions: Sequence[Find]) -> list[EntityPage]:
        return await self._each(questions, find_page)

    async def associations(self, questions: Sequence[AssociationsOf]) -> list[AssociationPage]:
        return await self._each(questions, associations_page)

    async def history(self, questions: Sequence[HistoryOf]) -> list[RevisionPage]:
        return await self._each(questions, history_page)

    async def property_keys(self, question: PropertyKeys) -> list[str]:
        return (await self._each([question], property_keys))[0]

    async def reach(self, questions: Sequence[Reach]) -> list[ReachPage | None]:
        return await self._walk(questions, reach_page)

    async def reach_associations(self, questions: Sequence[ReachAssociations]) -> list[AssociationPage | None]:
        def page(reading: Reading, walked: Walked, question: ReachAssociations) -> AssociationPage:
            known = walked.known(reading, question.up_to, question.walk.limits)
            if known.reason is not None and question.up_to is None:
                raise LimitExceeded("the walk is cut by a limit, so what lies among it cannot be told: ask for less")
            return among_page(reading, walked, question)

        return await self._walk(questions, page)

    async def export(self, view: View) -> AsyncIterator[NewEntity | NewAssociation | NewRevision]:
        # A moment later than the newest batch is not settled yet: the export is of the moment it begins.
        recorded_at = min(view.as_of.recorded_at, await self.watermark())
        view = replace(view, as_of=replace(view.as_of, recorded_at=recorded_at))
        for part in PARTS:
            after: str | None = ""
            while after is not None:
                chunk, after = await self._read_view(view, partial(chunk_after, part=part, urn=after))
                for each in chunk:
                    yield each

    async def ready(self) -> None:
        await self._read(lambda connection: connection.execute("SELECT count(*) FROM secret").fetchall())

    async def secret(self, name: str) -> bytes:
        return await self._run(self._writes, lambda: self._writer.secret(name, secrets.token_bytes(32)))

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._writes.shutdown)
        await asyncio.to_thread(self._readers.shutdown)
        await asyncio.to_thread(self._database.close)

    async def _walk(
        self, questions: Sequence[WalkQuestion], page: Callable[[Reading, Walked, WalkQuestion], Result]
    ) -> list[Result | None]:
        def read(connection: apsw.Connection) -> list[Result | None]:
            readings: dict[View, Reading] = {}
            answers: list[Result | None] = []
            for question in questions:
                walk = question.walk
                if walk.view not in readings:
                    readings[walk.view] = Reading(connection, walk.view, self._present.at(connection))
                reading = readings[walk.view]
                walked = self._walks.get(walk) or _begun(reading, walk)
                if walked is None:
                    answers.append(None)
                    continue
                try:
                    with walked.lock:
                        answers.append(page(reading, walked, question))
                        if reading.is_settled:
                            self._walks.put(walk, walked)
                except BaseException:
                    self._walks.drop(walk)
                    raise
            return answers

        return await self._read(read) if questions else []

    async def _each(self, questions: Sequence[Question], answer: Callable[[Reading, Question], Result]) -> list[Result]:
        def read(connection: apsw.Connection) -> list[Result]:
            readings = {question.view: Reading(connection, question.view) for question in questions}
            return [answer(readings[question.view], question) for question in questions]

        return await self._read(read) if questions else []

    async def _read_view(self, view: View, read: Callable[[Reading], Result]) -> Result:
        return await self._read(lambda connection: read(Reading(connection, view)))

    async def _read(self, read: Callable[[apsw.Connection], Result]) -> Result:
        def in_snapshot() -> Result:
            try:
                with self._database.snapshot() as connection:
                    return read(connection)
            except apsw.Error as error:
                raise Unavailable(f"the database cannot be read ({error}): check the disk and the file") from error

        return await self._run(self._readers, in_snapshot)

    async def _run(self, threads: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
        if self._closed:
            raise Unavailable("the store is closed: the server is shutting down")
        return await asyncio.get_running_loop().run_in_executor(threads, work)


def _begun(reading: Reading, walk: Walk) -> Walked | None:
    starts, excluded = tuple(dict.fromkeys(walk.starts)), tuple(dict.fromkeys(walk.excluding))
    keys = reading.keys_of({*starts, *excluded})
    if any(id not in keys for id in (*starts, *excluded)):
        return None
    return Walked(reading, walk, [keys[id] for id in starts], [keys[id] for id in excluded])
