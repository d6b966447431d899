"""Access in the graph: every change of it a vertex, found by its epoch, and entities that tell their groups.

A change is written down whole, then its members are placed, then the heads tell its epoch, which is when it counts. One
that was written down and does not count yet is no longer to be stopped: whoever is the next to change access does the
rest of it first. What is to be known of access is what the changes up to an epoch say, one after the other; what many
of them come to is written down now and then.
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
from lineal.graphstore.gremlin.audit_log import AuditLog, entry_of, in_chunks
from lineal.graphstore.gremlin.client import GremlinClient, g
from lineal.graphstore.gremlin.mixed_index import TOUCHED_AT, wait_until_shown
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

SUMMED_UP: Final = 256
"""After so many changes it is written down what all of them come to."""
_AT_ONCE: Final = 500
_TRIES: Final = 20
_PAUSE_SECONDS: Final = 0.02
_NOTHING_WRITTEN: Final = "the graph did not take the change: nothing was written; make it again"
_NOT_PLACED: Final = "the graph does not show all members where they were placed"
_UNKNOWN: Final = (
    "the graph server failed while access was changed, and what is left to do of it is done with the next change: look "
    "whether it is there, and make it again if not"
)


Documents = dict[tuple[str, str], tuple[Document, int]]
"""Documents by part and id, each with the epoch of its newest change."""


class _Standing(NamedTuple):
    """An entity that stands, and the groups it tells to be in: by ids, but for the default one, and by numbers."""

    vertex: long
    urn: str
    account: str
    kind: int
    extra: frozenset[str]
    numbers: frozenset[int]


class Access:
    """Changes access, and tells what changed and who is where."""

    def __init__(self, server: GremlinClient, lease: WriterLease, log: AuditLog) -> None:
        self._server, self._lease, self._log = server, lease, log

    async def since(self, epoch: int) -> AccessDelta:
        """What changed after an epoch."""
        await self._lease.refresh()
        kept = self._lease.snapshot.access
        found = await self._documents(epoch, kept.epoch)
        return AccessDelta(kept.epoch, kept.members_at, tuple(found[each][0] for each in sorted(found)))

    async def _documents(self, after: int, until: int) -> Documents:
        """The documents that changed after an epoch, up to another."""
        found: Documents = {}
        for epoch in range(until - until % SUMMED_UP, after, -SUMMED_UP):
            texts = await self._server.ask(g.V(_sum_vertex(epoch)).values("value"))
            if texts:
                kept = [(Document(*document), at) for document, at in orjson.loads(texts[0]) if at > after]
                found = {(document.part, document.id): (document, at) for document, at in kept}
                after = epoch
                break
        for some in in_chunks(range(after + 1, until + 1), _AT_ONCE):
            texts = await self._server.ask(g.V([_vertex(epoch) for epoch in some]).values("value"))
            changes = dict(map(_unpacked, texts))
            if len(changes) < len(some):
                raise Unavailable("the graph does not show all that changed of access: ask again")
            for epoch in some:
                found |= {(each.part, each.id): (each, epoch) for each in changes[epoch].documents}
        return found

    async def _sum_up(self, epoch: int) -> None:
        """Write down what all changes up to an epoch come to, so that who begins need not read them all."""
        found = await self._documents(0, epoch)
        vertex, text = _sum_vertex(epoch), packed([(astuple(document), at) for document, at in found.values()])
        made = {T.id: vertex, T.label: "note", "value": text}
        await self._server.ask(g.inject({T.id: vertex}).merge_v().option(Merge.on_create, made).count())

    async def change(self, change: AccessChange, epoch: int) -> int:
        """Make a change, and give the new epoch. Raises EpochConflict."""
        async with self._lease.held() as stamp:
            if self._lease.snapshot.access.epoch != epoch:
                raise EpochConflict
            if not (change.documents or change.joins or change.leaves):
                await self._log.append_in(stamp, change.audit)
                return epoch
            left = await self._server.ask(g.V(_vertex(epoch + 1)).values("value"))
            await self._lease.begin(stamp)
            if left:
                await self._finish(stamp, epoch + 1, _unpacked(left[0])[1], anew=True)
                raise EpochConflict
            start = self._lease.fenced(stamp)
            try:
                is_down = await self._write_down(start, epoch + 1, change)
                if is_down:
                    await self._finish(stamp, epoch + 1, change)
            except Unavailable as error:
                raise OutcomeUnknown(f"{_UNKNOWN} ({error})") from error
            if not is_down:
                raise Unavailable(_NOTHING_WRITTEN)
            return epoch + 1

    async def _write_down(self, start: GraphTraversal, epoch: int, change: AccessChange) -> bool:
        """Write a change down, unless another one stands there, or the traversal's start goes nowhere."""
        vertex, text = _vertex(epoch), packed([epoch, astuple(change)])
        made = {T.id: vertex, T.label: "note", "value": text}
        merged = start.constant({T.id: vertex}).merge_v().option(Merge.on_create, made).values("value")
        if await self._server.ask(merged) != [text]:
            return False
        # What another was in the middle of writing may have come in between.
        return not self._lease.snapshot.aborted or await self._server.ask(g.V(vertex).values("value")) == [text]

    async def _finish(self, stamp: int, epoch: int, change: AccessChange, *, anew: bool = False) -> None:
        """Do what is left of a change that is written down. Done twice, it does no more.

        `anew`: members that are where they should be are placed again, since the index may not show them there.
        """
        await self._place(stamp, moves(change), anew)
        kept = replace(self._lease.snapshot.access, epoch=epoch)
        if change.joins or change.leaves:
            kept = replace(kept, members_at=epoch)
        await self._lease.commit_access(stamp, await self._log.write(stamp, kept, change.audit))
        if epoch % SUMMED_UP == 0:
            # Where it fails, the changes themselves are read.
            with suppress(Unavailable):
                await self._sum_up(epoch)

    # -- members --

    async def _place(self, stamp: int, moving: Mapping[str, Move], anew: bool) -> None:
        entity_groups: set[long] = set()
        for some in in_chunks(list(moving), _AT_ONCE):
            for attempt in range(_TRIES):
                wrong: defaultdict[tuple[frozenset[str], frozenset[int]], list[long]] = defaultdict(list)
                standing = self._standing(await self._fetch(some))
                for id in standing.keys() & moving.keys():
                    each = standing[id]
                    extra = moving[id].moved(each.account, each.extra)
                    numbers = frozenset(map(number_of_group, (default_group(each.account), *extra)))
                    if (each.extra, each.numbers) != (extra, numbers) or (anew and each.vertex not in entity_groups):
                        wrong[extra, each.numbers - numbers].append(each.vertex)
                if not wrong:
                    break
                if attempt:
                    # A write that bore an earlier time than the one before it, by another server's clock, is lost.
                    await asyncio.sleep(_PAUSE_SECONDS)
                for (extra, gone), vertices in wrong.items():
                    await self._put(stamp, vertices, extra, gone)
                    entity_groups |= set(vertices)
            else:
                raise Unavailable(_NOT_PLACED)
        await wait_until_shown(self._server, [(TOUCHED_AT, stamp, len(entity_groups))])

    async def _put(self, stamp: int, vertices: Sequence[long], extra: frozenset[str], gone: Iterable[int]) -> None:
        steps = self._lease.fenced(stamp).V(vertices).property("extra_groups", packed(sorted(extra)))
        steps = steps.property(TOUCHED_AT, long(stamp))
        if gone:
            steps = steps.side_effect(__.properties(GROUP).has_value(P.within([long(each) for each in gone])).drop())
        for group in sorted(extra):
            steps = steps.property(Cardinality.set_, GROUP, number_of_group(group))
        if await self._server.ask(steps.count()) != [len(vertices)]:
            raise Unavailable(_NOT_PLACED)

    async def entity_groups(self, ids: Sequence[str]) -> list[EntityGroups | None]:
        """Which groups each of some entities is in."""
        chunks = in_chunks(list(dict.fromkeys(ids)), _AT_ONCE)
        _, *fetched = await asyncio.gather(self._lease.refresh(), *map(self._fetch, chunks))
        found = {
            id: EntityGroups(each.urn, KINDS[each.kind], each.account, each.extra | {default_group(each.account)})
            for values in fetched
            for id, each in self._standing(values).items()
        }
        return [found.get(id) for id in ids]

    async def _fetch(self, ids: Sequence[str]) -> list[dict[str, list[Any]]]:
        """The values of the vertices where entities of these ids would be."""
        numbers = {number for id in ids if (number := number_of_id(id)) is not None}
        if not numbers:
            return []
        vertices = g.V([vertex_of(number) for number in numbers]).has("record")
        return await self._server.ask(
            vertices.value_map("urn", "account", "kind", "extra_groups", GROUP, "recorded_at")
        )

    def _standing(self, values: Iterable[dict[str, list[Any]]]) -> dict[str, _Standing]:
        """What values tell, by id: of the entities that are visible by now."""
        found = {}
        for told in values:
            if self._lease.snapshot.shows(told["recorded_at"][0]):
                urn, extra = told["urn"][0], orjson.loads(told.get("extra_groups", ["[]"])[0])
                id = entity_id(urn)
                found[id] = _Standing(
                    vertex_of_key(key_of_urn(urn)),
                    urn,
                    told["account"][0],
                    told["kind"][0],
                    frozenset(extra),
                    frozenset(told[GROUP]),
                )
        return found


def _vertex(epoch: int) -> long:
    return vertex_of_note("access", str(epoch))


def _sum_vertex(epoch: int) -> long:
    return vertex_of_note("access summed up", str(epoch))


def _unpacked(text: str) -> tuple[int, AccessChange]:
    """An epoch, and the change that led to it."""
    epoch, (documents, joins, leaves, audit) = orjson.loads(text)
    return epoch, AccessChange(
        tuple(Document(*each) for each in documents),
        tuple(Membership(*each) for each in joins),
        tuple(Membership(*each) for each in leaves),
        tuple(entry_of(each) for each in audit),
    )
