"""`lineal`, with what a test alters: a clock that jumps, and seeded bugs, which a checker of histories has to catch.

CLOCK_FILE names a file that holds how many seconds the clock of the process is off. CACHES_FILE names one to which the
process writes each second what its caches hold. SEEDED_BUG is one of `BUGS`.
"""

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any, Final
from weakref import WeakSet


def alter_clock(file: Path) -> None:
    """Let the wall clock of this process be off by what a file says."""
    real = time.time_ns

    def altered() -> int:
        seconds = 0.0
        with suppress(OSError, ValueError):
            seconds = float(file.read_text())
        return real() + int(seconds * 1e9)

    time.time_ns = altered


def report_caches(file: Path) -> None:
    """Write each second a list of the bounded caches: the name, the bytes in it, and the most that it may hold."""
    from lineal.bounded_cache import BoundedCache

    caches: WeakSet[BoundedCache[Any, Any]] = WeakSet()
    made: Any = BoundedCache.__init__

    def make(self: Any, *given: Any, **named: Any) -> None:
        made(self, *given, **named)
        caches.add(self)

    # Not found by `gc.get_objects`: that leaves out what the server has frozen, and breaks tuples that are being built.
    BoundedCache.__init__ = make  # type: ignore[method-assign]

    def report() -> None:
        while True:
            time.sleep(1)
            shown = [(type(each).__name__, each.bytes, each._most_bytes) for each in list(caches)]
            part = file.with_suffix(".part")
            part.write_text(json.dumps(sorted(shown)))
            part.replace(file)

    Thread(target=report, daemon=True).start()


def acknowledge_before_commit() -> None:
    """A write is acknowledged when it is applied, and committed later."""
    from lineal.graphstore.embedded.sql import transactions

    write: Any = transactions._Write
    apply, settle = write.apply, write.settle

    def altered(self: Any, connection: Any) -> int:
        changes: int = apply(self, connection)
        settle(self)
        time.sleep(0.05)
        return changes

    write.apply, write.settle, write.fail = altered, lambda self: None, lambda self, cause: None


def forget_a_part() -> None:
    """The last entity of a batch is written, but not into the index."""
    from lineal.graphstore.embedded.sql import batch_writer

    module: Any = batch_writer
    index_entities = module.index_entities

    def altered(connection: Any, entities: Any) -> None:
        rows = list(entities)
        index_entities(connection, rows[:-1] if len(rows) > 1 else rows)

    module.index_entities = altered


def ignore_as_of() -> None:
    """A read of an earlier moment shows the present one."""
    from lineal.graphstore.embedded.sql.visibility import Visibility, newest
    from lineal.graphstore.records import AsOf

    init = Visibility.__init__

    def altered(self: Visibility, connection: Any, view: Any, *more: Any) -> None:
        init(self, connection, replace(view, as_of=AsOf(newest(connection))), *more)

    Visibility.__init__ = altered  # type: ignore[method-assign, assignment]


def keep_revoked_access() -> None:
    """Access is read anew only every two seconds."""
    from lineal.auth.access_service import AccessService

    at, read_at = AccessService.at, {"": 0.0}

    async def altered(self: AccessService, epoch: int) -> Any:
        if self._snapshot is not None and time.monotonic() < read_at[""] + 2:
            return self._snapshot
        read_at[""] = time.monotonic()
        return await at(self, epoch)

    AccessService.at = altered  # type: ignore[method-assign]


def repeat_retries() -> None:
    """An idempotency key is not remembered."""
    from lineal.graphstore.embedded.sql.transactions import Writer

    writer: Any = Writer
    writer._known, writer._keep = lambda *_: None, lambda *_: None


def lose_members() -> None:
    """An entity that joins a lineage group does not."""
    from lineal.graphstore.embedded.sql import access_tables

    change_access = access_tables.change_access

    def altered(connection: Any, change: Any, epoch: int) -> int:
        return change_access(connection, replace(change, joins=()), epoch)

    access_tables.change_access = altered


def read_one_batch_behind() -> None:
    """A request reads as of the batch before the newest one."""
    from lineal.graphstore.embedded.sql import access_tables

    newest_state = access_tables.newest_state

    def altered(connection: Any) -> Any:
        state = newest_state(connection)
        before = "SELECT ifnull(max(recorded_at), 0) FROM batch WHERE recorded_at < ?"
        return replace(state, recorded_at=connection.execute(before, (state.recorded_at,)).get)

    access_tables.newest_state = altered


def show_half_a_batch() -> None:
    """The entities of a batch are committed before its associations."""
    from lineal.graphstore.embedded.sql.batch_writer import Recording

    insert = Recording._insert_associations

    def altered(self: Recording) -> None:
        if self.validation.associations:
            self.connection.execute("COMMIT")
            time.sleep(0.2)
            self.connection.execute("BEGIN IMMEDIATE; SAVEPOINT one_write")
        insert(self)

    Recording._insert_associations = altered  # type: ignore[method-assign]


def follow_the_clock_back() -> None:
    """A batch is recorded at the time of the clock, even if that is earlier than the batch before it."""
    from lineal.graphstore.embedded.sql import batch_writer

    batch_writer.newest = lambda connection: 0  # type: ignore[attr-defined]


def swap_revisions() -> None:
    """Of two revisions that set a field, the earlier one decides it."""
    from lineal.graphstore import revisions

    revisions._decides = lambda order, current: current is None or order < current[0]


BUGS: Final[dict[str, Callable[[], None]]] = {
    bug.__name__: bug
    for bug in (
        acknowledge_before_commit,
        forget_a_part,
        ignore_as_of,
        keep_revoked_access,
        repeat_retries,
        lose_members,
        read_one_batch_behind,
        show_half_a_batch,
        follow_the_clock_back,
        swap_revisions,
    )
}

if __name__ == "__main__":
    if "CLOCK_FILE" in os.environ:
        alter_clock(Path(os.environ["CLOCK_FILE"]))
    if "CACHES_FILE" in os.environ:
        report_caches(Path(os.environ["CACHES_FILE"]))
    if bug := os.environ.get("SEEDED_BUG"):
        BUGS[bug]()
    from lineal.cli import main

    main()
