"""Documents in quarantine in the graph: a vertex for each, and one that lists them.

The list is changed while the lease is held, and is read whole: the limits of the quarantine keep it small.
"""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import orjson
from gremlin_python.process.graph_traversal import __
from gremlin_python.process.traversal import Merge, T

from lineal.graphstore.content_codec import packed
from lineal.graphstore.gremlin.client import GremlinClient, g
from lineal.graphstore.gremlin.vertex_ids import vertex_of_note
from lineal.graphstore.gremlin.writer_lease import WriterLease
from lineal.graphstore.quarantine import (
    MICROSECONDS_A_DAY,
    Quarantined,
    QuarantineLimits,
    QuarantinePage,
    QuarantineQuestion,
    counted_size,
    newest_first,
    page_of,
)

_KIND: Final = "quarantine"
_LIST: Final = "all"


class Quarantine:
    """Keeps documents, lists and removes them."""

    def __init__(self, server: GremlinClient, lease: WriterLease) -> None:
        self._server, self._lease = server, lease

    async def keep(self, kept: Quarantined, limits: QuarantineLimits) -> None:
        """`Store.quarantine`."""
        async with self._lease.held():
            before = {each.id: each for each in await self._listed()} | {kept.id: replace(kept, document=b"")}
            left, bytes_left = [], limits.max_bytes
            for each in sorted(before.values(), key=newest_first, reverse=True):
                bytes_left -= counted_size(each.size) if each.account == kept.account else 0
                is_within = bytes_left >= 0 or each.account != kept.account
                if is_within and each.received_at >= kept.received_at - limits.days * MICROSECONDS_A_DAY:
                    left.append(each)
            gone = before.keys() - {each.id for each in left}
            if kept.id not in gone:
                await self._write(kept.id, b64encode(kept.document).decode())
            await self._write_list(left, gone)

    async def page(self, question: QuarantineQuestion) -> QuarantinePage:
        """`Store.quarantined`."""
        found = page_of(await self._listed(), question)
        if not question.with_documents:
            return found
        documents = await self._documents([each.id for each in found.items])
        # A document that another process has just removed is left out.
        items = tuple(replace(each, document=documents[each.id]) for each in found.items if each.id in documents)
        return replace(found, items=items)

    async def discard(self, id: str) -> bool:
        """`Store.discard_quarantined`."""
        async with self._lease.held():
            rows = await self._listed()
            left = [each for each in rows if each.id != id]
            if len(left) < len(rows):
                await self._write_list(left, {id})
            return len(left) < len(rows)

    async def _listed(self) -> list[Quarantined]:
        found = await self._server.ask(g.V(vertex_of_note(_KIND, _LIST)).values("value"))
        return [_row(row) for row in orjson.loads(found[0])] if found else []

    async def _documents(self, ids: Sequence[str]) -> dict[str, bytes]:
        if not ids:
            return {}
        vertices = [vertex_of_note(_KIND, f"document {id}") for id in ids]
        texts = [orjson.loads(text) for text in await self._server.ask(g.V(vertices).values("value"))]
        return {id: b64decode(text) for id, text in texts}

    async def _write(self, id: str, text: str) -> None:
        await self._put(f"document {id}", packed([id, text]))

    async def _write_list(self, rows: Sequence[Quarantined], gone: set[str]) -> None:
        # First the list: a document that no list names is removed, or overwritten by the next of its id.
        await self._put(_LIST, packed([_packed(each) for each in rows]))
        if gone:
            vertices = [vertex_of_note(_KIND, f"document {id}") for id in gone]
            await self._server.ask(g.V(vertices).side_effect(__.drop()).count())

    async def _put(self, name: str, value: str) -> None:
        vertex = vertex_of_note(_KIND, name)
        made = {T.id: vertex, T.label: "note"}
        merged = g.inject({T.id: vertex}).merge_v().option(Merge.on_create, made)
        await self._server.ask(merged.property("value", value).count())


def _packed(kept: Quarantined) -> list[Any]:
    problems = list(kept.problems)
    return [kept.id, kept.account, kept.received_at, kept.received_by, problems, kept.run, kept.job, kept.size]


def _row(row: list[Any]) -> Quarantined:
    id, account, received_at, received_by, problems, run, job, size = row
    return Quarantined(id, account, received_at, received_by, tuple(problems), run, job, size, b"")
