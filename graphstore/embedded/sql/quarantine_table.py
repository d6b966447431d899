"""The table of documents in quarantine."""

from typing import Any, Final

import apsw
import orjson

from lineal.graphstore.content_codec import packed
from lineal.graphstore.quarantine import (
    BESIDE_BYTES,
    MICROSECONDS_A_DAY,
    Quarantined,
    QuarantineLimits,
    QuarantinePage,
    QuarantineQuestion,
)

_BESIDE: Final = "id, account, received_at, received_by, problems, run, job"


def keep(connection: apsw.Connection, kept: Quarantined, limits: QuarantineLimits) -> None:
    """Keep a document, and drop those that the limits no longer allow."""
    row = (kept.id, kept.account, kept.received_at, kept.received_by, packed(list(kept.problems)), kept.run, kept.job)
    connection.execute(
        f"INSERT INTO quarantine ({_BESIDE}, document) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
        "received_at = excluded.received_at, received_by = excluded.received_by, problems = excluded.problems",
        (*row, kept.document),
    )
    oldest = kept.received_at - limits.days * MICROSECONDS_A_DAY
    connection.execute("DELETE FROM quarantine WHERE received_at < ?", (oldest,))
    connection.execute(
        "DELETE FROM quarantine WHERE id IN (SELECT id FROM (SELECT id, sum(length(document) + ?) OVER "
        "(ORDER BY received_at DESC, id DESC) AS bytes FROM quarantine WHERE account = ?) WHERE bytes > ?)",
        (BESIDE_BYTES, kept.account, limits.max_bytes),
    )


def page(connection: apsw.Connection, question: QuarantineQuestion) -> QuarantinePage:
    """`Store.quarantined`."""
    ids = None if question.ids is None else packed(list(question.ids))
    asked = {
        "account = ?": question.account,
        "id IN (SELECT value FROM json_each(?))": ids,
        "run = ?": question.where.run,
        "job = ?": question.where.job,
        "received_by = ?": question.where.received_by,
        "EXISTS (SELECT 1 FROM json_each(problems) WHERE instr(value, ?))": question.where.problem,
        "received_at >= ?": question.where.since,
        "received_at < ?": question.where.until,
    }
    where = {condition: value for condition, value in asked.items() if value is not None}
    mine = " AND ".join(where) or "true"
    total: int = connection.execute(f"SELECT count(*) FROM quarantine WHERE {mine}", tuple(where.values())).get
    values: list[Any] = list(where.values())
    if question.before is not None:
        mine += " AND (received_at, id) < (?, ?)"
        values += question.before
    document = "document" if question.with_documents else "x''"
    rows = connection.execute(
        f"SELECT {_BESIDE}, length(document), {document} FROM quarantine WHERE {mine} "
        "ORDER BY received_at DESC, id DESC LIMIT ?",
        (*values, question.first + 1),
    ).fetchall()
    items = tuple(_kept(row) for row in rows[: question.first])
    return QuarantinePage(items, total, len(rows) > question.first)


def discard(connection: apsw.Connection, id: str) -> bool:
    """Remove a document; false where there is none."""
    return bool(connection.execute("DELETE FROM quarantine WHERE id = ? RETURNING id", (id,)).fetchall())


def _kept(row: tuple[Any, ...]) -> Quarantined:
    id, account, received_at, received_by, problems, run, job, size, document = row
    reasons = tuple(orjson.loads(problems))
    return Quarantined(id, account, received_at, received_by, reasons, run, job, size, bytes(document))
