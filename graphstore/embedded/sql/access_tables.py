"""The tables of access: documents, the groups of entities, the audit log, the use of keys.

Functions that write do so inside a transaction that the caller begins and ends.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import apsw
import orjson

from lineal.auth import access_store
from lineal.auth.access_store import (
    AccessChange,
    AccessDelta,
    AuditEntry,
    AuditPage,
    AuditQuestion,
    AuditRecord,
    Document,
    EpochConflict,
    chained,
)
from lineal.auth.scopes import default_group
from lineal.graphstore.batch_validation import now
from lineal.graphstore.codes import KINDS
from lineal.graphstore.content_codec import packed
from lineal.graphstore.errors import LimitExceeded
from lineal.graphstore.group_moves import Move, moves
from lineal.graphstore.row_sums import added, row_hash
from lineal.graphstore.store import EntityGroups, Newest

_RECORD: Final = (
    "sequence, at, accounts, principal, action, resource_kind, resource, is_allowed, policies, request_id, count, "
    "examples, previous, digest"
)
# Times order the log as sequence numbers do, and the index on times finds a page.
_BEFORE: Final = "at < ifnull((SELECT b.at FROM audit b WHERE b.sequence >= ? ORDER BY b.sequence LIMIT 1), 1 << 62)"


def newest_state(connection: apsw.Connection) -> Newest:
    """The watermark and the access epoch."""
    statement = "SELECT (SELECT ifnull(max(recorded_at), 0) FROM batch), epoch FROM access_epoch"
    recorded_at, epoch = _one(connection, statement)
    return Newest(recorded_at, epoch)


def _one(connection: apsw.Connection, statement: str) -> tuple[Any, ...]:
    row: tuple[Any, ...]
    (row,) = connection.execute(statement).fetchall()
    return row


# -- documents and members --


def access_since(connection: apsw.Connection, epoch: int) -> AccessDelta:
    """The changes after an epoch."""
    newest, members_at = _one(connection, "SELECT epoch, members_at FROM access_epoch")
    rows: list[tuple[Any, ...]] = connection.execute(
        "SELECT part, id, content FROM access_document WHERE epoch > ? ORDER BY part, id", (epoch,)
    ).fetchall()
    return AccessDelta(newest, members_at, tuple([Document(*row) for row in rows]))


def change_access(connection: apsw.Connection, change: AccessChange, epoch: int) -> int:
    """Write a change, and return the new epoch. Raises EpochConflict."""
    newest, members_at, total = _one(connection, "SELECT epoch, members_at, total FROM access_epoch")
    if newest != epoch:
        raise EpochConflict
    names_members = bool(change.joins or change.leaves)
    if change.documents or names_members:
        epoch += 1
        before = [-epoch_hash(newest, members_at), *(-document_hash(*row) for row in _rows(connection, change))]
        connection.executemany(
            "INSERT INTO access_document VALUES (?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET content = excluded.content, epoch = excluded.epoch",
            ((document.part, document.id, document.content, epoch) for document in change.documents),
        )
        members_at = epoch if names_members else members_at
        after = [epoch_hash(epoch, members_at), *(document_hash(*row) for row in _rows(connection, change))]
        total = added(total, *before, *after, *_place(connection, moves(change), epoch))
        connection.execute("UPDATE access_epoch SET epoch = ?, members_at = ?, total = ?", (epoch, members_at, total))
    append_audit(connection, change.audit)
    return epoch


def epoch_hash(epoch: int, members_at: int) -> int:
    """Return the hash of an epoch in the sum of access; 0 for the epoch of a fresh store."""
    return row_hash("epoch", epoch, members_at) if epoch else 0


def document_hash(part: str, id: str, content: str | None, epoch: int) -> int:
    """Return the hash of a document in the sum of access."""
    return row_hash("document", part, id, content, epoch)


def placement_hash(entity: int, groups: str) -> int:
    """Return the hash of a placement, whose groups are JSON, in the sum of access; 0 without groups."""
    return 0 if groups == "[]" else row_hash("placement", entity, groups)


def _rows(connection: apsw.Connection, change: AccessChange) -> list[tuple[Any, ...]]:
    """Return the rows of the documents of a change."""
    return connection.execute(
        "SELECT d.part, d.id, d.content, d.epoch FROM json_each(?) j CROSS JOIN access_document d "
        "ON d.part = j.value->>0 AND d.id = j.value->>1",
        (packed(sorted({(document.part, document.id) for document in change.documents})),),
    ).fetchall()


def _place(connection: apsw.Connection, moving: Mapping[str, Move], epoch: int) -> list[int]:
    """Move entities between groups, and return the changes of the sum."""
    rows, changes = [], []
    for id, key, _, account, _, groups in _placements(connection, moving):
        moved = moving[id].moved(account, groups)
        if moved != groups:
            rows.append((key, packed(sorted(moved)), epoch))
            changes += [-placement_hash(key, packed(sorted(groups))), placement_hash(key, packed(sorted(moved)))]
    connection.executemany("INSERT OR IGNORE INTO compartment (groups) VALUES (?)", ((row[1],) for row in rows))
    connection.executemany(
        "INSERT INTO placement SELECT ?1, id, ?3 FROM compartment WHERE groups = ?2 "
        "ON CONFLICT DO UPDATE SET compartment = excluded.compartment, epoch = excluded.epoch",
        rows,
    )
    return changes


def _placements(
    connection: apsw.Connection, ids: Collection[str]
) -> list[tuple[str, int, str, str, int, frozenset[str]]]:
    """Id, key, urn, account, kind code, and groups without the default one, of the ids that are recorded."""
    sound = tuple({id for id in ids if id.isascii() and "\x00" not in id})
    if not sound:
        return []
    rows = connection.execute(
        "SELECT e.id, e.key, e.urn, e.account, e.kind, c.groups FROM carray(?) f CROSS JOIN entity e ON e.id = f.value "
        "LEFT JOIN placement p ON p.entity = e.key LEFT JOIN compartment c ON c.id = p.compartment",
        (apsw.carray(sound),),
    )
    return [(*rest, frozenset(orjson.loads(groups or "[]"))) for *rest, groups in rows]


def entity_groups(connection: apsw.Connection, ids: Sequence[str]) -> list[EntityGroups | None]:
    """The groups of every entity; None for ids that are not recorded."""
    groups_by_id = {
        id: EntityGroups(urn, KINDS[kind], account, groups | {default_group(account)})
        for id, _, urn, account, kind, groups in _placements(connection, ids)
    }
    return [groups_by_id.get(id) for id in ids]


# -- the audit log --


def append_audit(connection: apsw.Connection, entries: Sequence[AuditEntry]) -> None:
    """Append entries to the log."""
    if not entries:
        return
    last = connection.execute(f"SELECT {_RECORD} FROM audit ORDER BY sequence DESC LIMIT 1").fetchall()
    connection.executemany(
        f"INSERT INTO audit ({_RECORD}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                record.sequence, record.at, packed(record.entry.accounts), record.entry.principal, record.entry.action,
                record.entry.resource_kind, record.entry.resource, record.entry.is_allowed,
                packed(record.entry.policies), record.entry.request_id, record.entry.count,
                packed(record.entry.examples), bytes.fromhex(record.previous), bytes.fromhex(record.digest),
            )
            for record in chained(_record(last[0]) if last else None, now(), entries)
        ),
    )  # fmt: skip


def audit_log(connection: apsw.Connection, question: AuditQuestion) -> AuditPage:
    """A page of the log. Raises LimitExceeded."""
    conditions = {
        "principal = ?": question.principal,
        "action = ?": question.action,
        "resource = ?": question.resource,
        "is_allowed = ?": question.is_allowed,
        "EXISTS (SELECT 1 FROM json_each(accounts) WHERE value = ?)": question.account,
    }
    where = {condition: value for condition, value in conditions.items() if value is not None}
    limits = {"at >= ?": question.since, "at <= ?": question.until, _BEFORE: question.before}
    within = {condition: value for condition, value in limits.items() if value is not None}
    most = access_store.MOST_LOOKED_THROUGH
    newest = f"SELECT {_RECORD} FROM audit WHERE {_all(within)} ORDER BY at DESC LIMIT {most:d}"
    rows = connection.execute(
        f"SELECT * FROM ({newest}) WHERE {_all(where)} ORDER BY at DESC LIMIT ?",
        (*within.values(), *where.values(), question.first + 1),
    ).fetchall()
    if len(rows) <= question.first:
        looked = f"SELECT 1 FROM audit WHERE {_all(within)} LIMIT 1 OFFSET {most:d}"
        if connection.execute(looked, tuple(within.values())).fetchall():
            raise LimitExceeded(access_store.TOO_MANY_RECORDS)
    return AuditPage(tuple(map(_record, rows[: question.first])), len(rows) > question.first)


def _all(conditions: Mapping[str, object]) -> str:
    return " AND ".join(conditions) or "true"


def _record(row: tuple[Any, ...]) -> AuditRecord:
    sequence, at, accounts, principal, action, resource_kind, resource, is_allowed, policies, request_id = row[:10]
    count, examples, previous, digest = row[10:]
    entry = AuditEntry(
        tuple(orjson.loads(accounts)),
        principal,
        action,
        resource_kind,
        resource,
        bool(is_allowed),
        tuple(orjson.loads(policies)),
        request_id,
        count,
        tuple(orjson.loads(examples)),
    )
    return AuditRecord(sequence, at, entry, previous.hex(), digest.hex())


# -- the use of keys --


def key_used(connection: apsw.Connection, id: str, at: int) -> None:
    """Record the use of a key, unless a later one is recorded."""
    connection.execute(
        "INSERT INTO key_use VALUES (?, ?) ON CONFLICT DO UPDATE SET used_at = max(used_at, excluded.used_at)", (id, at)
    )


def keys_used(connection: apsw.Connection, ids: Sequence[str]) -> dict[str, int]:
    """The time of the last use of keys."""
    rows = connection.execute(
        "SELECT k.id, k.used_at FROM json_each(?) f CROSS JOIN key_use k ON k.id = f.value", (packed(list(ids)),)
    )
    return dict(rows)
