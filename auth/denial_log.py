"""Denied decisions for the audit log: folded, so that no caller can flood it, and written on a timer.

In a window of one minute, denials of one type (the same principal, action, type of resource and auditing accounts) get
records of their own for the first resources. All others are counted, and written as one record when the window ends.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Final, TypeAlias

import structlog

from lineal.auth.access_store import AccessStore, AuditEntry

log = structlog.get_logger()

WRITE_SECONDS: Final = 1.0
"""The time between two writes of denials."""
WINDOW_SECONDS: Final = 60.0
MOST_OF_TYPE: Final = 10
"""How many denials of one type get records of their own in a window."""
MOST_OF_PRINCIPAL: Final = 100
"""How many denials of one principal do, beside the first of each type."""
MOST_EXAMPLES: Final = 5
"""How many resources and policies a record of several denials names."""
MOST_WINDOWS: Final = 10_000
"""How many windows are open at most. The oldest end early."""
MOST_WAITING: Final = 20_000
"""How many records wait at most while the store does not accept them. Further ones are lost, and the log says so."""

_Type: TypeAlias = tuple[str, str, str, tuple[str, ...]]


@dataclass(slots=True)
class _Window:
    ends_at: float
    recorded: set[str] = field(default_factory=set)
    """The resources that have a record of their own."""
    first: AuditEntry | None = None
    """The first denial that is counted only."""
    count: int = 0
    examples: dict[str, None] = field(default_factory=dict)
    policies: dict[str, None] = field(default_factory=dict)

    def fold(self, entry: AuditEntry) -> None:
        self.first = self.first or entry
        self.count += entry.count
        for kept, names in ((self.examples, (entry.resource,)), (self.policies, entry.policies)):
            for name in names:
                if len(kept) < MOST_EXAMPLES:
                    kept[name] = None

    def folded(self) -> AuditEntry | None:
        """The entry of all denials that were counted only; None if there were none."""
        if self.first is None:
            return None
        resource = self.first.resource if len(self.examples) == 1 else ""
        examples, policies = tuple(self.examples), tuple(self.policies)
        return replace(self.first, resource=resource, policies=policies, count=self.count, examples=examples)


class DenialLog:
    """Writes the denials of one server process to the audit log of an access store. For callers on one event loop."""

    def __init__(self, store: AccessStore, clock: Callable[[], float] = monotonic) -> None:
        self._store, self._clock = store, clock
        self._windows: dict[_Type, _Window] = {}
        self._recorded: dict[str, tuple[float, int]] = {}
        """By principal, the end of its window and the number of its records in it."""
        self._waiting: list[AuditEntry] = []
        self._writing = asyncio.Lock()
        self._timer: asyncio.Task[None] | None = None

    def note(self, denials: Sequence[AuditEntry]) -> None:
        """Take denials for the next write. Returns at once, so that the time of an answer reveals no denial."""
        now = self._clock()
        for denial in denials:
            self._note(denial, now)
        if denials and (self._timer is None or self._timer.done()):
            self._timer = asyncio.get_running_loop().create_task(self._write_on_time())

    def _note(self, denial: AuditEntry, now: float) -> None:
        type = denial.principal, denial.action, denial.resource_kind, denial.accounts
        window = self._windows.get(type)
        if window is None or window.ends_at <= now:
            self._end(type)
            window = self._windows[type] = _Window(now + WINDOW_SECONDS)
            while len(self._windows) > MOST_WINDOWS:
                self._end(next(iter(self._windows)))
        if denial.resource not in window.recorded and self._may_record(denial.principal, window, now):
            window.recorded.add(denial.resource)
            self._wait(denial)
        else:
            window.fold(denial)

    def _may_record(self, principal: str, window: _Window, now: float) -> bool:
        ends_at, count = self._recorded.get(principal, (0.0, 0))
        if ends_at <= now:
            ends_at, count = now + WINDOW_SECONDS, 0
        is_within = not window.recorded or (len(window.recorded) < MOST_OF_TYPE and count < MOST_OF_PRINCIPAL)
        self._recorded[principal] = ends_at, count + is_within
        return is_within

    def _end(self, type: _Type) -> None:
        window = self._windows.pop(type, None)
        folded = None if window is None else window.folded()
        if folded is not None:
            self._wait(folded)

    def _wait(self, entry: AuditEntry) -> None:
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(entry)
        else:
            log.warning("denial not audited", principal=entry.principal, action=entry.action, count=entry.count)

    async def _write_on_time(self) -> None:
        while self._waiting or self._windows:
            await asyncio.sleep(WRITE_SECONDS)
            await self.write()

    async def write(self, *, is_last: bool = False) -> int:
        """Write what waits, and the counts of the windows that have ended, or of all; return the number of records.

        What the store does not accept is written next time: a denial may be recorded twice, but none is lost.
        """
        async with self._writing:
            now = self._clock()
            for type in [type for type, window in self._windows.items() if is_last or window.ends_at <= now]:
                self._end(type)
            self._recorded = {name: each for name, each in self._recorded.items() if each[0] > now}
            entries, self._waiting = self._waiting, []
            if not entries:
                return 0
            try:
                await self._store.audit(entries)
            except Exception as error:
                # Nobody waits for this write, whatever its error.
                self._waiting[:0] = entries
                log.warning("denials not audited yet", records=len(entries), reason=str(error))
                return 0
            return len(entries)

    async def finish(self) -> None:
        """Write everything, then stop."""
        if self._timer is not None:
            self._timer.cancel()
            with suppress(asyncio.CancelledError):
                await self._timer
            self._timer = None
        await self.write(is_last=True)
