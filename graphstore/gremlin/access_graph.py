"""Access in the graph: one vertex for each change, by its epoch, and the groups of an entity on its vertex.

A change is written first as a whole; then the groups of its entities are written; then a commit writes its epoch, and
the change takes effect. If a process stops in between, the next process that changes access completes the change. The
documents of an epoch follow from all changes up to it; every 256 changes a summary of them is written.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple, replace
from typing import Any, Final, NamedTuple

import orjson
from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.process.traversal import Cardinality, Merge, P, T
from gremlin_python.statics import long

from lineal.auth.access_store import AccessChange, AccessDelta, Document, EpochConflict, Membership
from lineal.auth.scopes import default_group
from lineal.graphstore.codes import KINDS
from lineal.graphstore.content_codec import packed
from lineal.graphstore.errors import OutcomeUnknown, Unavailable
from lineal.graphstore.gremlin.audit_log import AuditLog, entry_of, in_chunks, progress_after
from lineal.graphstore.gremlin.client import GremlinClient, g
from lineal.graphstore.gremlin.mixed_index import PLACED_AT, copy_to_index, wait_until_shown
from lineal.graphstore.gremlin.vertex_ids import (
    GROUP,
    key_of_urn,
    number_of_group,
    number_of_id,
    vertex_of,
    vertex_of_key,
    vertex_of_note,
)
from lineal.graphstore.gremlin.writer_lease import WriterLease
from lineal.graphstore.group_moves import Move, moves
from lineal.graphstore.store import EntityGroups
from lineal.graphstore.urns import entity_id

SUMMARY_EVERY: Final = 256
"""The number of changes after which a summary of all changes is written."""
_AT_ONCE: Final = 500
_TRIES: Final = 20
_PAUSE_SECONDS: Final = 0.02
_NOTHING_WRITTEN: Final = "the graph did not accept the change: nothing was written; make it again"
_NOT_SHOWN: Final = "the graph does not show all members in their new groups"
_UNKNOWN: Final = (
    "the graph server failed during the change of access, and the next change completes it if it was written: look "
    "whether it is there, and make it again if not"
)


Documents = dict[tuple[str, str], tuple[Document, int]]
"""Documents by part and id, with the epoch of the newest change."""


class _EntityVertex(NamedTuple):
    """An entity and its groups, from its vertex: the ids of all but the default group, and the numbers of all."""

    vertex: long
    urn: str
    account: str
    kind: int
    extra: frozenset[str]
    numbers: frozenset[int]


class Access:
    """Changes access, and reads its changes and the groups of entities."""

    def __init__(self, server: GremlinClient, lease: WriterLease, log: AuditLog) -> None:
        self._server, self._lease, self._log = server, lease, log

    async def since(self, epoch: int) -> AccessDelta:
        """Return the changes after an epoch."""
        progress = (await self._lease.refresh()).snapshot.access
        documents = await self._documents(epoch, progress.epoch)
        return AccessDelta(progress.epoch, progress.members_at, tuple(documents[key][0] for key in sorted(documents)))

    async def _documents(self, after: int, until: int) -> Documents:
        """Return the documents that changed after an epoch, up to another epoch."""
        documents: Documents = {}
        for epoch in range(until - until % SUMMARY_EVERY, after, -SUMMARY_EVERY):
            texts = await self._server.ask(g.V(_summary_vertex(epoch)).values("value"))
            if texts:
                newer = [(Document(*document), at) for document, at in orjson.loads(texts[0]) if at > after]
                documents = {(document.part, document.id): (document, at) for document, at in newer}
                after = epoch
                break
        for epochs in in_chunks(range(after + 1, until + 1), _AT_ONCE):
            texts = await self._server.ask(g.V([_vertex(epoch) for epoch in epochs]).values("value"))
            changes = dict(map(_unpacked, texts))
            if len(changes) < len(epochs):
                raise Unavailable("the graph does not show all changes of access yet: ask again")
            for epoch in epochs:
                documents |= {(document.part, document.id): (document, epoch) for document in changes[epoch].documents}
        return documents

    async def _write_summary(self, epoch: int) -> None:
        """Write a summary of all changes up to an epoch, so that a process that starts need not read them all."""
        documents = await self._documents(0, epoch)
        vertex, text = _summary_vertex(epoch), packed([(astuple(document), at) for document, at in documents.values()])
        new_note = {T.id: vertex, T.label: "note", "value": text}
        await self._server.ask(g.inject({T.id: vertex}).merge_v().option(Merge.on_create, new_note).count())

    async def change(self, change: AccessChange, epoch: int) -> int:
        """Make a change, and return the new epoch. Raises EpochConflict."""
        async with self._lease.held() as stamp:
            if self._lease.snapshot.access.epoch != epoch:
                raise EpochConflict
            if not (change.documents or change.joins or change.leaves):
                await self._log.append_in(stamp, change.audit)
                return epoch
            unfinished = await self._server.ask(g.V(_vertex(epoch + 1)).values("value"))
            await self._lease.begin(stamp)
            if unfinished:
                await self._finish(stamp, epoch + 1, _unpacked(unfinished[0])[1], anew=True)
                raise EpochConflict
            start = self._lease.fenced(stamp)
            try:
                is_written = await self._write(start, epoch + 1, change)
                if is_written:
                    await self._finish(stamp, epoch + 1, change)
            except Unavailable as error:
                raise OutcomeUnknown(f"{_UNKNOWN} ({error})") from error
            if not is_written:
                raise Unavailable(_NOTHING_WRITTEN)
            return epoch + 1

    async def _write(self, start: GraphTraversal, epoch: int, change: AccessChange) -> bool:
        """Write a change as a whole, and return whether it was written.

        It is not if there is another change of its epoch, or if the start of the traversal is fenced.
        """
        vertex, text = _vertex(epoch), packed([epoch, astuple(change)])
        new_note = {T.id: vertex, T.label: "note", "value": text}
        merged = start.constant({T.id: vertex}).merge_v().option(Merge.on_create, new_note).values("value")
        if await self._server.ask(merged) != [text]:
            return False
        # A late write of another process may have replaced it meanwhile.
        return not self._lease.has_late_writes or await self._server.ask(g.V(vertex).values("value")) == [text]

    async def _finish(self, stamp: int, epoch: int, change: AccessChange, *, anew: bool = False) -> None:
        """Complete a change that is written. Idempotent.

        `anew`: also write the groups of entities that have them already, since the index may not show them.
        """
        await self._write_memberships(stamp, moves(change), anew)
        progress = replace(self._lease.snapshot.access, epoch=epoch)
        if change.joins or change.leaves:
            progress = replace(progress, members_at=epoch)
        records = await self._log.write(stamp, progress, change.audit)
        await self._lease.commit_access(stamp, progress_after(progress, records))
        self._log.note_newest(records)
        if epoch % SUMMARY_EVERY == 0:
            # If this fails, readers read the changes themselves.
            with suppress(Unavailable):
                await self._write_summary(epoch)

    # -- members --

    async def _write_memberships(self, stamp: int, moving: Mapping[str, Move], anew: bool) -> None:
        written: set[long] = set()
        for ids in in_chunks(list(moving), _AT_ONCE):
            for attempt in range(_TRIES):
                outdated: defaultdict[tuple[frozenset[str], frozenset[int]], list[long]] = defaultdict(list)
                entities = self._visible(await self._fetch(ids))
                for id in entities.keys() & moving.keys():
                    entity = entities[id]
                    extra = moving[id].moved(entity.account, entity.extra)
                    numbers = frozenset(map(number_of_group, (default_group(entity.account), *extra)))
                    if (entity.extra, entity.numbers) != (extra, numbers) or (anew and entity.vertex not in written):
                        outdated[extra, entity.numbers - numbers].append(entity.vertex)
                if not outdated:
                    break
                if attempt:
                    # A write is lost if its time, by another server's clock, is before that of the previous write.
                    await asyncio.sleep(_PAUSE_SECONDS)
                for (extra, former), vertices in outdated.items():
                    await self._write_groups(stamp, vertices, extra, former)
                    written |= set(vertices)
            else:
                raise Unavailable(_NOT_SHOWN)
        await wait_until_shown(self._server, [(PLACED_AT, stamp, len(written))])

    async def _write_groups(
        self, stamp: int, vertices: Sequence[long], extra: frozenset[str], former: Iterable[int]
    ) -> None:
        steps = self._lease.fenced(stamp).V(vertices).property("extra_groups", packed(sorted(extra)))
        steps = steps.property(PLACED_AT, long(stamp))
        if former:
            steps = steps.side_effect(
                __.properties(GROUP).has_value(P.within([long(number) for number in former])).drop()
            )
        for group in sorted(extra):
            steps = steps.property(Cardinality.set_, GROUP, number_of_group(group))
        steps = copy_to_index(steps, [GROUP])
        if await self._server.ask(steps.count()) != [len(vertices)]:
            raise Unavailable(_NOT_SHOWN)

    async def entity_groups(self, ids: Sequence[str]) -> list[EntityGroups | None]:
        """Return the groups of entities; None for an id without a visible entity."""
        chunks = in_chunks(list(dict.fromkeys(ids)), _AT_ONCE)
        _, *fetched = await asyncio.gather(self._lease.refresh(), *map(self._fetch, chunks))
        groups = {
            id: EntityGroups(
                entity.urn, KINDS[entity.kind], entity.account, entity.extra | {default_group(entity.account)}
            )
            for values in fetched
            for id, entity in self._visible(values).items()
        }
        return [groups.get(id) for id in ids]

    async def _fetch(self, ids: Sequence[str]) -> list[dict[str, list[Any]]]:
        """Return the values of the vertices of entities with these ids, visible or not."""
        numbers = {number for id in ids if (number := number_of_id(id)) is not None}
        if not numbers:
            return []
        vertices = g.V([vertex_of(number) for number in numbers]).has("record")
        return await self._server.ask(
            vertices.value_map("urn", "account", "kind", "extra_groups", GROUP, "recorded_at")
        )

    def _visible(self, vertices: Iterable[dict[str, list[Any]]]) -> dict[str, _EntityVertex]:
        """Return the visible entities among the values of vertices, by id."""
        entities = {}
        for values in vertices:
            if self._lease.snapshot.shows(values["recorded_at"][0]):
                urn, extra = values["urn"][0], orjson.loads(values.get("extra_groups", ["[]"])[0])
                entities[entity_id(urn)] = _EntityVertex(
                    vertex_of_key(key_of_urn(urn)),
                    urn,
                    values["account"][0],
                    values["kind"][0],
                    frozenset(extra),
                    frozenset(values[GROUP]),
                )
        return entities


def _vertex(epoch: int) -> long:
    return vertex_of_note("access", str(epoch))


def _summary_vertex(epoch: int) -> long:
    return vertex_of_note("access summed up", str(epoch))


def _unpacked(text: str) -> tuple[int, AccessChange]:
    """Return an epoch, and its change, from their text."""
    epoch, (documents, joins, leaves, audit) = orjson.loads(text)
    return epoch, AccessChange(
        tuple(Document(*document) for document in documents),
        tuple(Membership(*join) for join in joins),
        tuple(Membership(*leave) for leave in leaves),
        tuple(map(entry_of, audit)),
    )
