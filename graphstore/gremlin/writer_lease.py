"""The writer lease: one process writes at a time, and a commit is one compare-and-set.

A batch is written while its process holds the lease. All its records have one stamp, `recorded_at`, later than every
stamp before. The state of the lease is in a register (see `lease_register`), and its parts change together:

- `begin` opens the stamp. Every traversal that writes the batch asks first whether its stamp is open: the stamp is the
  fencing number.
- `commit` closes the stamp and writes the new watermark and all aborted batch ids. Readers take one round trip for it.
- A holder that does not renew the lease for `LEASE_SECONDS` loses it: another process takes the lease over and aborts
  the open batch, in one compare-and-set. The commit of the old holder then fails, and its late writes are rejected.

A process keeps the lease from batch to batch, without a request, until another process waits for it or it has nothing
to write. It hands the lease over by a commit, which names the process that waits as the holder. `docs/adr/0008` and
`docs/adr/0021` have the reasons.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Final

from gremlin_python.process.graph_traversal import GraphTraversal

from lineal.graphstore.batch_validation import now
from lineal.graphstore.errors import OutcomeUnknown, Unavailable
from lineal.graphstore.gremlin.lease_register import LeaseRegister, Waiter, Write
from lineal.graphstore.gremlin.process_identity import has_ended, this_process
from lineal.graphstore.gremlin.snapshots import AccessProgress, LeaseState, Snapshot

LEASE_SECONDS: Final = 10.0
"""How long a holder may go without renewing before another process takes the lease over."""
ENDED_SECONDS: Final = 2.0
"""The same for a holder whose process has ended: the server has done what that process sent by then."""
WAIT_SECONDS: Final = 30.0
"""How long a batch waits for the lease."""
HOLD_SECONDS: Final = 0.15
"""How long a process writes before it hands the lease over to another that waits."""
_ASK_AGAIN_SECONDS: Final = 0.25
"""After how long a process that waits asks for the lease again, since another may have asked after it."""
MOST_ABORTED: Final = 1000
"""With more aborted batches nothing is written until some are cleaned up."""
_OWN_SHARE: Final = 0.7
"""The part of `LEASE_SECONDS` after which a process no longer trusts its own lease."""
_RENEWALS: Final = 5
"""Renewals within `LEASE_SECONDS`."""
_IDLE_SECONDS: Final = 0.3
"""How long a process keeps the lease with nothing to write."""
_LOOK_SECONDS: Final = 0.05
"""How often the holder looks whether another process waits."""
_POLL_SECONDS, _LONGEST_POLL_SECONDS = 0.005, 0.25
"""How long a process that waits pauses between reads of the state: twice as long as one takes, within these bounds.

Reads take time of the graph server from the process that writes.
"""
_SETTLE_SECONDS: Final = 2.0
"""How long the outcome of a commit is looked for whose answer was lost."""
_RELEASE_SECONDS: Final = 2.0

_FENCED: Final = "another server took the writer lease over, and nothing was written: send it again"
_NOT_ACQUIRED: Final = "others were writing for {:g} seconds, and nothing of this was written: send it again"
_TOO_MANY_ABORTED: Final = (
    "too many batches failed within the hour, and nothing of this one was written: see why the graph server fails, and "
    "send it again later"
)
_OUTCOME_UNKNOWN: Final = (
    "the graph server did not say whether the batch was committed, so it may or may not be there: send it again, with "
    "the same idempotency key"
)
_CHANGE_UNKNOWN: Final = (
    "the graph server did not say whether the change was written, so it may or may not be there: look, and make it "
    "again if not"
)


def _clock() -> float:
    """Seconds that pass also while the machine sleeps, where the system can tell."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Fenced(Unavailable):
    """This process does not hold the lease any more."""


class WriterLease:
    """The lease as one process sees it: the newest state it has read, and the state it holds, if it holds the lease."""

    def __init__(self, register: LeaseRegister) -> None:
        self._register = register
        self._me = secrets.randbits(53) | 1
        self._newest = LeaseState()
        self._held: LeaseState | None = None
        self.on_aborted: Callable[[], None] = lambda: None
        """Called when this process acquires the lease, or aborts a batch, while there are aborted batches."""
        self._forgotten: set[int] = set()
        self._writing = asyncio.Lock()
        self._changing = asyncio.Lock()
        """Held while the register is written."""
        self._renewed_at = self._idle_since = self._held_since = self._asked_at = 0.0
        self._taken_at = self._renewals = 0
        self._waiter: Waiter | None = None
        """A process that waits for the lease that this one holds."""
        self._observed_at = 0.0
        """When this process, waiting for the lease, last asked for its state, and was not its holder."""
        self._seen: tuple[int, int] = (-1, 0)
        self._seen_at = 0.0
        self._keeper: asyncio.Task[None] | None = None

    # -- reading --

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot that this process knows."""
        return self._newest.snapshot

    @property
    def has_late_writes(self) -> bool:
        """Whether a record of an aborted batch may appear after its batch was aborted."""
        return self._register.has_late_writes and bool(self.snapshot.aborted)

    @property
    def writes_at_once(self) -> bool:
        """Whether a batch can be written and committed in one request: it is one transaction, or fenced throughout."""
        return not self._register.has_late_writes

    async def refresh(self) -> LeaseState:
        """Read the state; the snapshot is at least as new afterwards. Raises Unavailable if the graph was emptied."""
        state = await self._register.read()
        self._learn(state)
        return state

    def _learn(self, state: LeaseState) -> None:
        if state.version >= self._newest.version:
            self._newest = state

    # -- a batch --

    @asynccontextmanager
    async def held(self) -> AsyncIterator[int]:
        """Hold the lease, and yield the stamp of the batch: no other task and no other process writes meanwhile.

        Raises Unavailable if the lease cannot be acquired within `WAIT_SECONDS`.
        """
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._writing.acquire()
                try:
                    await self.acquire()
                except BaseException:
                    self._writing.release()
                    raise
        except TimeoutError as error:
            raise Unavailable(_NOT_ACQUIRED.format(WAIT_SECONDS)) from error
        try:
            aborted = (*self.snapshot.aborted, self._newest.open)
            yield max(now(), self.snapshot.watermark + 1, *(stamp + 1 for stamp in aborted))
        finally:
            self._idle_since = _clock()
            self._writing.release()

    async def begin(self, stamp: int, plan: str = "") -> None:
        """Open a stamp, and note where its batch is about to write. Raises Unavailable, with nothing written."""
        self._refuse_if_too_many_aborted()
        async with self._changing:
            held = self._own()
            await self._change(held, held.next(open=stamp), plan)

    def _refuse_if_too_many_aborted(self) -> None:
        if len(self.snapshot.aborted) > MOST_ABORTED:
            raise Unavailable(_TOO_MANY_ABORTED)

    def fenced(self, stamp: int) -> GraphTraversal:
        """The start of every traversal that writes under a stamp: it has no results unless the stamp is open.

        Raises Fenced if this process may have lost the lease.
        """
        self._own(stamp)
        return self._register.fenced(stamp)

    async def commit(self, stamp: int, has_same_as: bool, access: AccessProgress, unindexed: str = "") -> None:
        """Make the batch of a stamp visible, and with it the progress of access and what the index may not show.

        Raises Fenced or Unavailable if the batch is surely not visible, OutcomeUnknown if that cannot be learned.
        """
        async with self._changing:
            dropped = set(self._forgotten)
            await self._close(stamp, self._after(stamp, has_same_as, access, unindexed), _OUTCOME_UNKNOWN)
            self._forgotten -= dropped  # and not what was cleaned up meanwhile

    def _after(self, stamp: int, has_same_as: bool, access: AccessProgress, unindexed: str) -> Snapshot:
        """The snapshot in which the batch of a stamp becomes visible."""
        aborted = tuple(each for each in self.snapshot.aborted if each not in self._forgotten)
        return Snapshot(stamp, aborted, self.snapshot.has_same_as or has_same_as, access, unindexed)

    async def commit_at_once(
        self, stamp: int, plan: str, write: Write, has_same_as: bool, access: AccessProgress, unindexed: str
    ) -> bool:
        """Open the stamp, write its batch and commit it, all in one request. Raises as `commit`.

        False if not all of the batch could be written: its stamp is open then. Only if `writes_at_once`.
        """
        self._refuse_if_too_many_aborted()
        async with self._changing:
            dropped = set(self._forgotten)
            old = self._own()
            if old.open:  # a batch that failed
                await self._change(old, old.next(open=0))
                old = self._own()
            opened = old.next(open=stamp)
            closed = self._closed(opened, self._after(stamp, has_same_as, access, unindexed))
            sent, state = _clock(), None
            try:
                state = await self._register.write_at_once(old, opened, plan, write, closed)
            except Unavailable as error:
                if not await self._is_settled(old, opened, closed, error):
                    raise
                state = closed
            finally:
                self._held = state if state in (opened, closed) and state.holder == self._me else None
            if state not in (opened, closed):
                raise Fenced(_FENCED)
            self._learn(state)
            self._renewed_at = sent
            if state == closed:
                self._forgotten -= dropped
            return state == closed

    async def _is_settled(self, old: LeaseState, opened: LeaseState, closed: LeaseState, error: Unavailable) -> bool:
        """Whether a batch was written and committed whose answer is missing. If it was not, it never will be.

        Raises OutcomeUnknown if that cannot be learned.
        """
        try:
            async with asyncio.timeout(_SETTLE_SECONDS):
                while (state := await self.refresh()) in (old, opened):
                    with suppress(Fenced):
                        await self._replace(state, state.released())
        except (Unavailable, TimeoutError):
            raise OutcomeUnknown(f"{_OUTCOME_UNKNOWN} ({error})") from error
        if state not in (closed, old.released(), opened.released()):
            raise OutcomeUnknown(f"{_OUTCOME_UNKNOWN} ({error})") from error
        return state == closed

    async def commit_access(self, stamp: int, access: AccessProgress) -> None:
        """Make the records of access visible that were written under a stamp without a batch. Raises as `commit`."""
        async with self._changing:
            await self._close(stamp, replace(self.snapshot, access=access), _CHANGE_UNKNOWN)

    async def set_unindexed(self, unindexed: str, stamp: int = 0) -> None:
        """Replace what the snapshot says of the index, and close the stamp, if one was opened for it. Raises Fenced.

        A batch that failed and is still open is aborted.
        """
        async with self._changing:
            held = self._own()
            snapshot = self.snapshot if held.open == stamp else self.snapshot.without(held.open)
            await self._change(held, held.next(open=0, snapshot=replace(snapshot, unindexed=unindexed)))

    def forget(self, stamp: int) -> None:
        """Leave an aborted batch out of the next commit: it has no records any more, and gets no more."""
        self._forgotten.add(stamp)

    async def _close(self, stamp: int, snapshot: Snapshot, unknown: str) -> None:
        held = self._own(stamp)
        try:
            await self._change(held, self._closed(held, snapshot))
        except Unavailable as error:
            if not await self._is_committed(held, unknown, error):
                raise

    def _closed(self, state: LeaseState, snapshot: Snapshot) -> LeaseState:
        """The state after a commit, which hands the lease over if another process waits for it."""
        closed = state.next(open=0, snapshot=snapshot)
        return self._handed_over(closed) if self._is_due() else closed

    def _handed_over(self, released: LeaseState) -> LeaseState:
        """A state in which this process does not hold the lease, but one that waits for it, if one does."""
        if self._waiter is None or has_ended(self._waiter.process):
            return replace(released, holder=0, process="")
        return replace(released, holder=self._waiter.holder, process=self._waiter.process)

    async def _is_committed(self, held: LeaseState, unknown: str, error: Unavailable) -> bool:
        """Whether a commit took place whose answer is missing. If it did not, its batch is aborted, so it never will.

        Raises OutcomeUnknown, beginning with `unknown`, if that cannot be learned.
        """
        try:
            async with asyncio.timeout(_SETTLE_SECONDS):
                while (state := await self.refresh()).version == held.version:
                    with suppress(Fenced):
                        await self._replace(held, held.released())
        except (Unavailable, TimeoutError):
            raise OutcomeUnknown(f"{unknown} ({error})") from error
        return held.open not in state.snapshot.aborted

    # -- the lease --

    def _own(self, stamp: int | None = None) -> LeaseState:
        """The state that this process holds. Raises Fenced if it may have lost the lease, or the stamp is not open."""
        held = self._held
        if held is None or self._is_late() or stamp not in (None, held.open):
            raise Fenced(_FENCED)
        return held

    def _is_late(self) -> bool:
        """Whether other processes may have observed that this one does not renew the lease."""
        return _clock() - self._renewed_at > LEASE_SECONDS * _OWN_SHARE

    async def _change(self, old: LeaseState, new: LeaseState, plan: str = "") -> None:
        """Replace the state that this process holds. If that fails, the lease has to be acquired anew.

        Raises Fenced if another process took the lease over.
        """
        sent = _clock()
        try:
            await self._replace(old, new, plan)
        except BaseException:
            self._held = None
            raise
        self._held, self._renewed_at = new if new.holder == self._me else None, sent

    async def _replace(self, old: LeaseState, new: LeaseState, plan: str = "") -> None:
        """Replace a state, and keep the plan of a batch that this aborts. Raises Fenced if it is not the newest."""
        aborts = old.open in new.snapshot.aborted
        if aborts:
            await self._register.keep_plan(old.open, now())
        if not await self._register.replace(old, new, plan):
            raise Fenced(_FENCED)
        self._learn(new)
        if aborts:
            self.on_aborted()

    async def acquire(self) -> None:
        """Acquire the lease, unless this process holds it and may go on."""
        if self._held is not None and not self._is_late() and not self._is_due():
            return
        await self._stop_keeping()
        if self._waiter is not None:
            with suppress(Fenced):
                await self.release()
        self._observed_at = 0.0
        try:
            while True:
                began = _clock()
                if await self._is_taken():
                    break
                pause = max(_POLL_SECONDS, 2 * (_clock() - began))
                await asyncio.sleep(min(pause, _LONGEST_POLL_SECONDS))
        except BaseException:
            await self._withdraw()
            raise

    async def _is_taken(self) -> bool:
        """Take the lease, if it is free or its holder does not renew it; else ask the holder to release it."""
        sent = _clock()
        state, renewals = await self._register.observe()
        self._learn(state)
        if self._seen != (state.version, renewals):
            self._seen, self._seen_at = (state.version, renewals), _clock()
        # An answer that arrived late says nothing of the time since it was asked for.
        expires_at = self._seen_at + (ENDED_SECONDS if has_ended(state.process) else LEASE_SECONDS)
        if state.holder not in (0, self._me) and sent <= expires_at:
            self._observed_at = sent
            if _clock() - self._asked_at > _ASK_AGAIN_SECONDS:
                await self._register.ask_for(Waiter(state.version, self._me, this_process()))
                self._asked_at = _clock()
            return False
        if not self._is_handed_over(state):
            try:
                async with self._changing:
                    await self._change(state, state.next(holder=self._me, process=this_process(), open=0))
            except Fenced:
                return False
        self._asked_at = 0.0
        self._idle_since = self._held_since = _clock()
        self._taken_at, self._waiter = self._newest.version, None
        self._keeper = asyncio.create_task(self._keep())
        if self.snapshot.aborted:
            self.on_aborted()
        return True

    def _is_handed_over(self, state: LeaseState) -> bool:
        """Take the lease if its holder handed it over to this process while this process waited."""
        if state.holder != self._me or state.open or not self._observed_at:
            return False
        # Other processes may know of it for as long as this one has not asked.
        self._held, self._renewed_at = state, self._observed_at
        return not self._is_late()

    async def renew(self) -> None:
        """Show other processes that this one lives, as long as it holds the lease."""
        async with self._changing:
            if self._held is not None and not self._is_late():
                sent = _clock()
                self._renewals += 1
                if await self._register.renew(self._held, self._renewals):
                    self._renewed_at = sent
                else:
                    self._held = None

    async def release(self) -> None:
        """Release the lease, if this process holds it, or hand it over. An open batch is aborted. Raises Fenced."""
        async with self._changing:
            if self._held is not None:
                await self._change(self._held, self._handed_over(self._held.released()))

    async def _others_wait(self) -> bool:
        waiter = await self._register.waiter()
        self._waiter = waiter if waiter.version >= self._taken_at and waiter.holder != self._me else None
        return self._waiter is not None

    def _is_due(self) -> bool:
        """Whether this process should hand the lease over to another."""
        return self._waiter is not None and _clock() - self._held_since > HOLD_SECONDS

    async def _keep(self) -> None:
        """While the lease is held: renew it, see whether another process waits, and release it when it is not used."""
        while self._held is not None:
            await asyncio.sleep(_LOOK_SECONDS)
            with suppress(Unavailable):  # the next batch finds out whether the lease is lost
                others_wait = await self._others_wait()
                if not self._writing.locked() and (others_wait or _clock() - self._idle_since > _IDLE_SECONDS):
                    async with self._writing:
                        await self.release()
                elif _clock() - self._renewed_at > LEASE_SECONDS / _RENEWALS:
                    await self.renew()

    async def _stop_keeping(self) -> None:
        if self._keeper is not None:
            async with self._changing:  # not in the middle of a write
                self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None

    async def _withdraw(self) -> None:
        """Release the lease if this process took it without learning so. If it cannot, others wait until it expires."""
        with suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(_RELEASE_SECONDS):
                if self._asked_at:
                    self._asked_at = 0.0
                    await self._register.ask_for(Waiter(0, 0, ""))
                    await asyncio.sleep(2 * _LOOK_SECONDS)  # the holder may be about to hand it over
                state = await self.refresh()
                if state.holder == self._me:
                    await self._replace(state, state.released())

    async def close(self) -> None:
        """Release the lease."""
        async with self._writing:
            await self._stop_keeping()
            with suppress(Unavailable):
                await self.release()
