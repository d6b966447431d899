"""The writer of a process: commits waiting writes in one transaction, and acknowledges them once it is on disk."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from time import monotonic
from typing import Any, Final, Generic, TypeVar

import apsw

from lineal.auth.access_store import AccessChange, AuditEntry
from lineal.graphstore.batch_validation import IDEMPOTENCY_MICROSECONDS, IDEMPOTENCY_MISMATCH, Outcome, now
from lineal.graphstore.batches import Batch, Idempotency
from lineal.graphstore.embedded.sql import access_tables, quarantine_table
from lineal.graphstore.embedded.sql.batch_writer import Recording
from lineal.graphstore.embedded.sql.connection import Connection
from lineal.graphstore.embedded.sql.connections import FULL, NORMAL, set_synchronous
from lineal.graphstore.embedded.sql.database import Database
from lineal.graphstore.embedded.sql.failures import DAMAGED_FILE, DISK_FAILURES, LOCKS, UNREADABLE_ROWS, unreadable
from lineal.graphstore.embedded.sql.schema_sql import VERSION
from lineal.graphstore.errors import BatchRefused, OutcomeUnknown, Unavailable, damaged
from lineal.graphstore.quarantine import Quarantined, QuarantineLimits
from lineal.graphstore.store import Durability

Result = TypeVar("Result")

GROUP_SECONDS: Final = 0.1
"""A group takes no more writes after this time, so that it delays neither its first ones nor other processes."""
_OUTCOME_UNKNOWN: Final = (
    "the commit failed so that the batch may or may not be there: send it again, with the same idempotency key"
)
_CHANGE_UNKNOWN: Final = "the commit failed so that the change may or may not be there: look, and make it again if not"
_DISK_FULL: Final = "the disk is full, and nothing was written: free some space, then send again"
_NOTHING_WRITTEN: Final = "the disk failed before the commit, and nothing was written: check its room, then send again"
_LOCKED: Final = "another process holds the database for writing, and nothing was written: send again"


class _Write(Generic[Result]):
    """A write that waits for its group. Its outcome counts, and goes to the caller, once the group is committed."""

    def __init__(self, run: Callable[[Connection], Result], durability: Durability, unknown: str) -> None:
        self.run, self.unknown = run, unknown
        self.is_durable = durability is Durability.POWER_LOSS
        self.result: Future[Result] = Future()
        self._outcome: Result | None = None
        self._refusal: Exception | None = None

    def apply(self, connection: Connection) -> int:
        """Write all or nothing within the group's transaction, and return the number of changes.

        A refusal leaves the rest of the group as it is. Raises an error that fails the whole group.
        """
        before = connection.total_changes()
        connection.execute("SAVEPOINT one_write")
        try:
            self._outcome = self.run(connection)
        except (*DISK_FAILURES, *LOCKS):
            raise
        except Exception as error:
            is_of_row = isinstance(error, UNREADABLE_ROWS) and not isinstance(error, UnicodeEncodeError)
            self._refusal = unreadable(error) if is_of_row else error
            connection.execute("ROLLBACK TO one_write")
        connection.execute("RELEASE one_write")
        return 0 if self.is_refused else connection.total_changes() - before

    @property
    def is_refused(self) -> bool:
        """Whether the write raised an error of its own."""
        return self._refusal is not None

    def settle(self) -> None:
        """Give the caller the outcome or the refusal."""
        if self._refusal is not None:
            self.result.set_exception(self._refusal)
        else:
            self.result.set_result(self._outcome)  # type: ignore[arg-type]

    def fail(self, cause: Exception) -> None:
        """Give the caller the failure of the group."""
        error = cause
        if isinstance(cause, OutcomeUnknown):
            error = OutcomeUnknown(f"{self.unknown} ({cause.__cause__})")
        elif isinstance(cause, LOCKS):
            error = Unavailable(_LOCKED)
        elif isinstance(cause, DAMAGED_FILE):
            error = Unavailable(f"nothing was written: {damaged(cause)}")
        elif isinstance(cause, apsw.FullError):
            error = Unavailable(f"{_DISK_FULL} ({cause})")
        elif isinstance(cause, DISK_FAILURES):
            error = Unavailable(f"{_NOTHING_WRITTEN} ({cause})")
        elif isinstance(cause, Unavailable):
            error = Unavailable(str(cause))
        if error is not cause:
            error.__cause__ = cause.__cause__ or cause
        self.result.set_exception(error)


class Writer:
    """Commits writes on a thread of its own. Writes that wait form one group: one transaction, and one sync.

    A write sees those before it in its group, and none of them counts before the group is committed.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._thread = ThreadPoolExecutor(1, "lineal-write")
        self._waiting: deque[_Write[Any]] = deque()
        self._failed = False
        self._unsynced = False

    def close(self) -> None:
        """Return when all writes have ended."""
        self._thread.shutdown()

    def record(
        self,
        batch: Batch,
        urns: list[str],
        by: str,
        idempotency: Idempotency | None,
        durability: Durability,
        audit: Sequence[AuditEntry],
    ) -> Future[Outcome]:
        """`Store.record` for a batch that has been checked: its outcome, without records."""

        def write(connection: Connection) -> Outcome:
            outcome = self._known(connection, by, idempotency)
            if outcome is None:
                outcome = Recording(connection, batch, urns, by).run()
                self._keep(connection, by, idempotency, outcome)
            access_tables.append_audit(connection, audit)
            return outcome

        if batch.is_empty and not (audit or self._unsynced):
            nothing: Future[Outcome] = Future()
            nothing.set_result(Outcome(None))
            return nothing
        return self._enqueue(write, durability, _OUTCOME_UNKNOWN)

    def change_access(self, change: AccessChange, epoch: int) -> Future[int]:
        """`Store.change_access`."""
        write = partial(access_tables.change_access, change=change, epoch=epoch)
        return self._enqueue(write, Durability.POWER_LOSS, _CHANGE_UNKNOWN)

    def audit(self, entries: Sequence[AuditEntry]) -> Future[None]:
        """`Store.audit`, for at least one entry."""
        write = partial(access_tables.append_audit, entries=entries)
        return self._enqueue(write, Durability.POWER_LOSS, _CHANGE_UNKNOWN)

    def key_used(self, id: str, at: int) -> Future[None]:
        """`Store.key_used`. A power loss may undo it."""
        return self._enqueue(partial(access_tables.key_used, id=id, at=at), Durability.CRASH, _CHANGE_UNKNOWN)

    def quarantine(self, kept: Quarantined, limits: QuarantineLimits) -> Future[None]:
        """`Store.quarantine`."""
        write = partial(quarantine_table.keep, kept=kept, limits=limits)
        return self._enqueue(write, Durability.POWER_LOSS, _CHANGE_UNKNOWN)

    def discard_quarantined(self, id: str) -> Future[bool]:
        """`Store.discard_quarantined`."""
        return self._enqueue(partial(quarantine_table.discard, id=id), Durability.POWER_LOSS, _CHANGE_UNKNOWN)

    def nothing(self) -> Future[None]:
        """Write nothing, after the recovery that any write may wait for."""
        return self._enqueue(lambda connection: None, Durability.CRASH, _CHANGE_UNKNOWN)

    def secret(self, name: str, fresh: bytes) -> Future[bytes]:
        """The secret of a name; `fresh`, which is kept, if there is none."""

        def write(connection: Connection) -> bytes:
            connection.execute("INSERT INTO secret VALUES (?, ?) ON CONFLICT DO NOTHING", (name, fresh))
            value: bytes = connection.execute("SELECT value FROM secret WHERE name = ?", (name,)).get
            return value

        return self._enqueue(write, Durability.POWER_LOSS, _OUTCOME_UNKNOWN)

    def _enqueue(self, run: Callable[[Connection], Result], durability: Durability, unknown: str) -> Future[Result]:
        write = _Write(run, durability, unknown)
        self._waiting.append(write)
        self._thread.submit(self._commit_group)
        return write.result

    def _commit_group(self) -> None:
        """Commit the writes that wait; none if an earlier group took them."""
        if not self._waiting:
            return
        group: list[_Write[Any]] = []
        try:
            if self._failed or self._database.has_lost_logs:
                self._database.mend()
                self._failed = False
            with self._database.lend() as connection:
                self._write_group(connection, group)
            self._check_committed()
        except Exception as error:
            self._failed |= isinstance(error, DISK_FAILURES)
            for write in group or self._taken(len(self._waiting)):
                write.fail(error)
        else:
            for write in group:
                write.settle()

    def _check_committed(self) -> None:
        """Raise OutcomeUnknown where the group was committed to files that are no longer those of the store."""
        try:
            self._database.check_file()
            if self._database.has_lost_logs:
                self._database.mend()
        except Unavailable as error:
            raise OutcomeUnknown(_OUTCOME_UNKNOWN) from error

    def _taken(self, most: int) -> list[_Write[Any]]:
        """The next waiting writes that their callers have not cancelled, up to the maximum."""
        writes = [self._waiting.popleft() for _ in range(most)]
        return [write for write in writes if write.result.set_running_or_notify_cancel()]

    def _write_group(self, connection: Connection, group: list[_Write[Any]]) -> None:
        """Write and commit the waiting writes, and append them to `group`."""
        is_durable = any(write.is_durable for write in self._waiting.copy())
        set_synchronous(connection, FULL if is_durable else NORMAL)
        connection.execute("BEGIN IMMEDIATE")
        try:
            changes, end = 0, monotonic() + GROUP_SECONDS
            while self._waiting and monotonic() < end and self._waiting[0].is_durable <= is_durable:
                for write in self._taken(1):
                    group.append(write)
                    changes += write.apply(connection)
            if all(write.is_refused for write in group):
                connection.roll_back()
                return
            if is_durable and not changes:
                # A commit that changes nothing would sync nothing, and this one answers for those before it, by any
                # process: what it found recorded may not be down yet.
                connection.pragma("user_version", VERSION)
        except BaseException:
            connection.roll_back()
            raise
        try:
            connection.execute("COMMIT")
        except apsw.Error as error:
            self._failed = True
            raise OutcomeUnknown(_OUTCOME_UNKNOWN) from error
        self._unsynced = not is_durable

    def _known(self, connection: Connection, by: str, idempotency: Idempotency | None) -> Outcome | None:
        if idempotency is None:
            return None
        connection.execute("DELETE FROM idempotency WHERE kept_at <= ?", (now() - IDEMPOTENCY_MICROSECONDS,))
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
