"""The one writer of a process: transactions that are acknowledged only when they are down."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeVar

import apsw

from lineal.auth.access_store import AccessChange, AuditEntry
from lineal.graphstore.batch_validation import IDEMPOTENCY_MISMATCH, KEPT_MICROSECONDS, Outcome, now
from lineal.graphstore.batches import Batch, Idempotency
from lineal.graphstore.embedded.sql import access_tables
from lineal.graphstore.embedded.sql.batch_writer import Recording
from lineal.graphstore.embedded.sql.connections import FULL, NORMAL, Connection, set_synchronous
from lineal.graphstore.embedded.sql.database import Database
from lineal.graphstore.embedded.sql.failures import DISK_FAILURES, LOCKS
from lineal.graphstore.embedded.sql.migrations import MIGRATIONS
from lineal.graphstore.errors import BatchRefused, OutcomeUnknown, Unavailable
from lineal.graphstore.store import Durability

Result = TypeVar("Result")

_OUTCOME_UNKNOWN: Final = (
    "the commit failed so that the batch may or may not be there: send it again, with the same idempotency key"
)
_CHANGE_UNKNOWN: Final = "the commit failed so that the change may or may not be there: look, and make it again if not"
_NOTHING_WRITTEN: Final = "the disk failed before the commit, and nothing was written: check its room, then send again"
_LOCKED: Final = "another process holds the database for writing, and nothing was written: send again"


class Writer:
    """Writes batches on the thread that calls it, one at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._failed = False
        self._unsynced = False

    def record(
        self,
        batch: Batch,
        urns: list[str],
        by: str,
        idempotency: Idempotency | None,
        durability: Durability,
        audit: Sequence[AuditEntry],
    ) -> Outcome:
        """The verb of the contract, for a batch that has been checked; tells what was new."""

        def write(connection: Connection) -> Outcome:
            outcome = self._known(connection, by, idempotency)
            if outcome is None:
                outcome = Recording(connection, batch, urns, by).run()
                self._keep(connection, by, idempotency, outcome)
            access_tables.append_audit(connection, audit)
            return outcome

        if batch.is_empty and not (audit or self._unsynced):
            return Outcome(None)
        return self._transaction(write, durability)

    def change_access(self, change: AccessChange, epoch: int) -> int:
        """The verb of the contract."""
        write = partial(access_tables.change_access, change=change, epoch=epoch)
        return self._transaction(write, Durability.POWER_LOSS, _CHANGE_UNKNOWN)

    def audit(self, entries: Sequence[AuditEntry]) -> None:
        """The verb of the contract, for at least one entry."""
        write = partial(access_tables.append_audit, entries=entries)
        self._transaction(write, Durability.POWER_LOSS, _CHANGE_UNKNOWN)

    def key_used(self, id: str, at: int) -> None:
        """The verb of the contract. A power loss may undo it."""
        self._transaction(partial(access_tables.key_used, id=id, at=at), Durability.CRASH, _CHANGE_UNKNOWN)

    def secret(self, name: str, fresh: bytes) -> bytes:
        """The secret of a name, made of `fresh` where there is none."""

        def write(connection: Connection) -> bytes:
            connection.execute("INSERT INTO secret VALUES (?, ?) ON CONFLICT DO NOTHING", (name, fresh))
            value: bytes = connection.execute("SELECT value FROM secret WHERE name = ?", (name,)).get
            return value

        return self._transaction(write, Durability.POWER_LOSS)

    def _transaction(
        self, write: Callable[[Connection], Result], durability: Durability, unknown: str = _OUTCOME_UNKNOWN
    ) -> Result:
        if self._failed:
            self._database.mend()
            self._failed = False
        try:
            with self._database.lend() as connection:
                set_synchronous(connection, NORMAL if durability is Durability.CRASH else FULL)
                result = self._committed(connection, write, unknown)
                set_synchronous(connection, FULL)
                return result
        except LOCKS as error:
            raise Unavailable(_LOCKED) from error
        except DISK_FAILURES as error:
            self._failed = True
            raise Unavailable(f"{_NOTHING_WRITTEN} ({error})") from error

    def _committed(self, connection: Connection, write: Callable[[Connection], Result], unknown: str) -> Result:
        full = connection.pragma("synchronous") == FULL
        connection.execute("BEGIN IMMEDIATE")
        before = connection.total_changes()
        try:
            result = write(connection)
            if full and connection.total_changes() == before:
                # A commit that changes nothing would sync nothing, and this one answers for those before it, by any
                # process: what it found recorded may not be down yet.
                connection.pragma("user_version", len(MIGRATIONS))
        except BaseException:
            connection.roll_back()
            raise
        try:
            connection.execute("COMMIT")
        except apsw.Error as error:
            self._failed = True
            raise OutcomeUnknown(f"{unknown} ({error})") from error
        self._unsynced = not full
        return result

    def _known(self, connection: Connection, by: str, idempotency: Idempotency | None) -> Outcome | None:
        if idempotency is None:
            return None
        connection.execute("DELETE FROM idempotency WHERE kept_at <= ?", (now() - KEPT_MICROSECONDS,))
        rows = connection.execute(
            "SELECT fingerprint, outcome FROM idempotency WHERE principal = ? AND key = ?",
            (by, idempotency.key),
        ).fetchall()
        if not rows:
            return None
        fingerprint, outcome = map(str, rows[0])
        if fingerprint != idempotency.fingerprint:
            raise BatchRefused((IDEMPOTENCY_MISMATCH,))
        return Outcome.unpacked(outcome)

    def _keep(self, connection: Connection, by: str, idempotency: Idempotency | None, outcome: Outcome) -> None:
        if idempotency is not None:
            row = (by, idempotency.key, idempotency.fingerprint, now(), outcome.packed())
            connection.execute("INSERT INTO idempotency VALUES (?, ?, ?, ?, ?)", row)
