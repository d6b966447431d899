"""The audit log in the graph: one vertex for each record, by its number. The snapshot has the number of records.

Records are written while the lease is held, and count once their number is committed. The next records overwrite
records that were written but never committed.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import astuple, replace
from typing import Any, Final, TypeVar

import orjson
from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.process.traversal import Merge, T
from gremlin_python.statics import long

from lineal.auth import access_store
from lineal.auth.access_store import AuditEntry, AuditPage, AuditQuestion, AuditRecord, chained
from lineal.graphstore.batch_validation import now
from lineal.graphstore.content_codec import packed
from lineal.graphstore.errors import LimitExceeded, Unavailable
from lineal.graphstore.gremlin.client import GremlinClient, g
from lineal.graphstore.gremlin.snapshots import AccessProgress
from lineal.graphstore.gremlin.vertex_ids import vertex_of_note
from lineal.graphstore.gremlin.writer_lease import WriterLease

Part = TypeVar("Part")

_WRITTEN_AT_ONCE: Final = 500
_FIRST_READ, _MOST_READ = 200, 5000
"""The number of records that one request reads at first, and at most, when few of them match."""
_NOT_TAKEN: Final = "the graph did not accept all audit records: nothing was written; send it again"


class AuditLog:
    """Appends to the audit log, and searches it."""

    def __init__(self, server: GremlinClient, lease: WriterLease) -> None:
        self._server, self._lease = server, lease
        self._last: AuditRecord | None = None
        """The newest record, if this process wrote it."""

    async def append(self, entries: Sequence[AuditEntry]) -> None:
        """Append entries, under a stamp of their own."""
        async with self._lease.held() as stamp:
            await self.append_in(stamp, entries)

    async def append_in(self, stamp: int, entries: Sequence[AuditEntry]) -> None:
        """Append entries, under a stamp with no other writes."""
        if entries:
            await self._lease.begin(stamp)
            access = self._lease.snapshot.access
            records = await self.write(stamp, access, entries)
            await self._lease.commit_access(stamp, progress_after(access, records))
            self.note_newest(records)

    async def write(self, stamp: int, progress: AccessProgress, entries: Sequence[AuditEntry]) -> Sequence[AuditRecord]:
        """Write the records of entries under an open stamp, and return them. Raises Unavailable.

        The caller commits `progress_after` them, and then passes them to `note_newest`.
        """
        records = await self.records(progress, entries)
        if not records:
            return records
        for chunk in in_chunks(records, _WRITTEN_AT_ONCE):
            written = await self._server.ask(audit_steps(self._lease.fenced(stamp), chunk))
            if written != [len(chunk)]:
                raise Unavailable(_NOT_TAKEN)
        if self._lease.has_late_writes and await self._read(records[0].sequence, records[-1].sequence) != records:
            # A late write of another process may have changed them meanwhile.
            raise Unavailable(_NOT_TAKEN)
        return records

    async def records(self, progress: AccessProgress, entries: Sequence[AuditEntry]) -> Sequence[AuditRecord]:
        """Return the records of entries, chained to the newest record."""
        return chained(await self._newest(progress.audited), now(), entries) if entries else []

    def note_newest(self, records: Sequence[AuditRecord]) -> None:
        """Store the newest of the committed records: another process may reuse the numbers of others."""
        if records:
            self._last = records[-1]

    async def _newest(self, audited: int) -> AuditRecord | None:
        if audited == 0:
            return None
        if self._last is None or self._last.sequence != audited:
            (self._last,) = await self._read(audited, audited)
        return self._last

    async def page(self, question: AuditQuestion) -> AuditPage:
        """Return a page of the log. Raises LimitExceeded."""
        newest = (await self._lease.refresh()).snapshot.access.audited
        if question.before is not None:
            newest = min(newest, question.before - 1)
        if question.until is not None:
            newest = await self._newest_until(question.until, newest)
        matches: list[AuditRecord] = []
        searched, size = 0, _FIRST_READ
        while newest > 0 and searched < access_store.MOST_LOOKED_THROUGH:
            size = min(size, access_store.MOST_LOOKED_THROUGH - searched)
            records = await self._read(max(newest - size + 1, 1), newest)
            in_time = [record for record in reversed(records) if question.since is None or record.at >= question.since]
            matches += [record for record in in_time if _matches(record.entry, question)]
            newest -= len(records)
            if len(in_time) < len(records):
                newest = 0
            if len(matches) > question.first:
                return AuditPage(tuple(matches[: question.first]), has_next=True)
            searched, size = searched + len(records), min(4 * size, _MOST_READ)
        if newest > 0 and (question.since is None or (await self._read(newest, newest))[0].at >= question.since):
            raise LimitExceeded(access_store.TOO_MANY_RECORDS)
        return AuditPage(tuple(matches), has_next=False)

    async def _newest_until(self, at: int, newest: int) -> int:
        """Return the number of the newest record that is no later than a time, among those up to a number."""
        low, high = 0, newest
        while low < high:
            middle = (low + high + 1) // 2
            (record,) = await self._read(middle, middle)
            low, high = (middle, high) if record.at <= at else (low, middle - 1)
        return low

    async def _read(self, first: int, last: int) -> list[AuditRecord]:
        """Return the records from one number to another, all of which exist. Raises Unavailable."""
        vertices = [_vertex(sequence) for sequence in range(first, last + 1)]
        texts = await self._server.ask(g.V(vertices).values("value"))
        records = await asyncio.to_thread(lambda: sorted(map(_unpacked, texts), key=lambda record: record.sequence))
        if [record.sequence for record in records] != list(range(first, last + 1)):
            raise Unavailable("the graph does not show all audit records yet: ask again")
        return records


def in_chunks(parts: Sequence[Part], most: int) -> list[Sequence[Part]]:
    """Return the parts in chunks of at most `most`."""
    return [parts[start : start + most] for start in range(0, len(parts), most)]


def entry_of(fields: list[Any]) -> AuditEntry:
    """Return the entry from its packed fields."""
    accounts, principal, action, kind, resource, is_allowed, policies, request_id, count, examples = fields
    return AuditEntry(
        tuple(accounts),
        principal,
        action,
        kind,
        resource,
        is_allowed,
        tuple(policies),
        request_id,
        count,
        tuple(examples),
    )


def _vertex(sequence: int) -> long:
    return vertex_of_note("audit", str(sequence))


def progress_after(progress: AccessProgress, records: Sequence[AuditRecord]) -> AccessProgress:
    """Return the progress of access after these records are committed."""
    return replace(progress, audited=records[-1].sequence) if records else progress


def audit_steps(start: GraphTraversal, records: Sequence[AuditRecord]) -> GraphTraversal:
    """Return steps that write records and return their number; run twice, they change nothing."""
    rows = [
        {
            "match": {T.id: _vertex(record.sequence)},
            "create": {T.id: _vertex(record.sequence), T.label: "note"},
            "value": packed(astuple(record)),
        }
        for record in records
    ]
    merged = start.constant(rows).unfold().as_("row").merge_v(__.select("match"))
    merged = merged.option(Merge.on_create, __.select("create"))
    return merged.property("value", __.select("row").select("value")).count()


def _unpacked(text: str) -> AuditRecord:
    sequence, at, entry, previous, digest = orjson.loads(text)
    return AuditRecord(sequence, at, entry_of(entry), previous, digest)


def _matches(entry: AuditEntry, question: AuditQuestion) -> bool:
    return (
        (question.account is None or question.account in entry.accounts)
        and (question.principal is None or question.principal == entry.principal)
        and (question.action is None or question.action == entry.action)
        and (question.resource is None or question.resource == entry.resource)
        and (question.is_allowed is None or question.is_allowed == entry.is_allowed)
    )
