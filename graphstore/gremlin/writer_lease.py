"""Who writes, and up to when everything is written: one vertex a process, written by it alone while it lives.

No engine behind Gremlin gives both isolation and a compare-and-set, so writers take turns by Lamport's bakery
algorithm (CACM 17:8, 1974): it needs no more than that each process can read what the others wrote down about
themselves. A batch is written under a turn, all of it stamped with one `recorded_at`, later than all before; then its
process puts the stamp down as its `newest`, and with this one write the batch is visible, whole. Readers take the
largest `newest`, and the void stamps put down with it: nothing is ever added at or below it. So it is with what is kept
about access: heads say how far it goes.

A process that dies in its turn leaves records with a stamp that nobody put down as newest; it had put it down as
`open`. Others see that its head has not changed for `LEASE_SECONDS`, take its place, and put the stamp down as void:
what bears it is not seen. The process itself, should it only have been frozen, finds by its own clock that it is late,
and writes and acknowledges nothing under that head again. What a request of its may still bring is not written either:
every write asks the graph first whether its stamp is open (see `fenced`). `sweeping` removes what bears a void stamp.

docs/adr/0008 says what this rests on.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.process.traversal import Merge, T
from gremlin_python.statics import long

from lineal.graphstore.batch_validation import now
from lineal.graphstore.errors import OutcomeUnknown, Unavailable
from lineal.graphstore.gremlin.client import GremlinClient, g
from lineal.graphstore.gremlin.process_identity import is_gone, this_process
from lineal.graphstore.gremlin.snapshots import ROOT, AccessProgress, Snapshot, WriterState, plan_vertex, snapshot_of
from lineal.graphstore.gremlin.vertex_ids import vertex_of

LEASE_SECONDS: Final = 10.0
"""How long a head may stay unchanged in its turn, or in the queue for one, before others take its place."""
GONE_SECONDS: Final = 2.0
"""The same, where its process is known to have ended: what it has sent is done by then."""
IDLE_SECONDS: Final = 3600.0
"""How long any other head may stay unchanged before it is removed."""
_OWN_SHARE: Final = 0.7
"""The part of these times after which a process no longer trusts its own head."""
WAIT_SECONDS: Final = 30.0
"""How long a batch waits for its turn."""
TURN_SECONDS: Final = 1.0
"""How long a turn is held before it is offered to others who wait."""
MOST_ABORTED: Final = 1000
"""With more void stamps than these nothing is written until some are swept and forgotten."""
_BEATS: Final = 5
"""How often within its lease a process shows that it lives."""
_LINGER_SECONDS: Final = 0.3
"""How long a turn is kept when there is nothing to write: the next batch then need not wait for one."""
_LOOK_SECONDS: Final = 0.02
_WITHDRAW_SECONDS: Final = 2.0
_READ_TRIES: Final = 3

_FENCED: Final = "another server took this one's turn, and nothing was written: send it again"
_NO_TURN: Final = "others were writing for {:g} seconds, and nothing of this was written: send it again"
_TOO_MANY_VOID: Final = (
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
    """Another process took this one's place in its turn, or may have."""


class WriterLease:
    """This process's head, what it knows of the others', and its turns at writing."""

    def __init__(self, server: GremlinClient) -> None:
        self._server = server
        self.snapshot = Snapshot()
        self.on_aborted: Callable[[], None] = lambda: None
        """Called in a turn, and at the end of one, where there are void stamps."""
        self._mine: WriterState | None = None
        self._mine_before: set[int] = set()
        self._plan = ""
        self._forgotten: set[int] = set()
        self._writing = asyncio.Lock()
        self._state = asyncio.Lock()
        self._holds_turn = False
        self._changed_at = self._idle_since = self._turn_since = 0.0
        self._seen: dict[int, tuple[str, float]] = {}
        self._keeper: asyncio.Task[None] | None = None

    # -- reading --

    async def refresh(self) -> list[WriterState]:
        """All heads; the snapshot is theirs afterwards. Raises Unavailable where the graph has lost its root."""
        states = __.out("HEAD").coalesce(__.values("state"), __.constant(""))
        for _ in range(_READ_TRIES):
            found = await self._server.ask(g.V(ROOT).union(__.values("schema"), states))
            if not found:
                raise Unavailable("the graph has been emptied or replaced: start the server anew to set it up again")
            # A head that was removed between the reading of its edge and of its state: what took its place was
            # written before that, but maybe not before this read came by it.
            if "" not in found:
                break
        heads = [WriterState.unpacked(text) for text in found if isinstance(text, str) and text]
        snapshot = snapshot_of(heads)
        if snapshot.watermark >= self.snapshot.watermark:
            snapshot = self._with_own_void(snapshot)
        self.snapshot = self.snapshot.later(snapshot)
        return heads

    def _with_own_void(self, snapshot: Snapshot) -> Snapshot:
        own = self._mine.void if self._mine is not None else ()
        void = {*snapshot.aborted, *(stamp for stamp in own if stamp > snapshot.watermark)}
        return replace(snapshot, aborted=tuple(sorted(void)))

    # -- a batch, in a turn --

    @asynccontextmanager
    async def held(self) -> AsyncIterator[int]:
        """A turn at writing, and the stamp to write with: no other task and no other process writes meanwhile.

        Raises Unavailable where the turn does not come in `WAIT_SECONDS`.
        """
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._writing.acquire()
                try:
                    await self._hold()
                except BaseException:
                    self._writing.release()
                    raise
        except TimeoutError as error:
            raise Unavailable(_NO_TURN.format(WAIT_SECONDS)) from error
        try:
            yield max(now(), self.snapshot.watermark + 1, *(stamp + 1 for stamp in self.snapshot.aborted))
        finally:
            self._idle_since = _clock()
            self._writing.release()

    async def begin(self, stamp: int, plan: str = "") -> None:
        """Put down that records of the stamp are about to be written, and where. Raises Unavailable."""
        if len(self.snapshot.aborted) > MOST_ABORTED:
            raise Unavailable(_TOO_MANY_VOID)
        async with self._state:
            await self._put(plan, open=stamp)

    def fenced(self, stamp: int) -> GraphTraversal:
        """The start of every traversal that writes under a stamp: it goes nowhere where the stamp is not open.

        So what a process sent and was not answered does nothing when it comes after the process was thought dead.
        Raises Fenced where it may be thought so.
        """
        if self._mine is None or self._mine.open != stamp or self._is_late():
            raise Fenced(_FENCED)
        return g.V(vertex_of(self._mine.me)).has("recorded_at", long(stamp))

    async def commit(self, stamp: int, has_same_as: bool, kept: AccessProgress) -> None:
        """Make the batch of a stamp visible, and with it how far what is kept about access goes now.

        Raises OutcomeUnknown where it cannot be told whether it is, and Fenced where it surely is not.
        """
        async with self._state:
            same_as = self.snapshot.has_same_as or has_same_as
            dropped = set(self._forgotten)
            void = tuple(each for each in self.snapshot.aborted if each not in dropped)
            await self._close(stamp, _OUTCOME_UNKNOWN, newest=stamp, has_same_as=same_as, void=void, kept=kept)
            if self.snapshot.watermark <= stamp:
                self.snapshot = Snapshot(stamp, void, same_as, self.snapshot.access.later(kept))
            self._forgotten -= dropped  # and not what was swept meanwhile

    async def commit_access(self, stamp: int, kept: AccessProgress) -> None:
        """Make visible what was written under a stamp about access, where there is no batch. Raises as `commit`."""
        async with self._state:
            await self._close(stamp, _CHANGE_UNKNOWN, kept=kept)
            self.snapshot = replace(self.snapshot, access=self.snapshot.access.later(kept))

    async def _close(self, stamp: int, unknown: str, **changes: Any) -> None:
        """Write this process's head with its stamp no more open, and not void.

        Raises OutcomeUnknown, beginning with `unknown`, where it cannot be told whether it stands so.
        """
        mine, since, sent = self._mine, self._changed_at, _clock()
        if mine is None or mine.open != stamp or self._is_late():
            raise Fenced(_FENCED)
        closed = replace(mine, beat=mine.beat + 1, open=0, **changes)
        try:
            await self._put(done=stamp, open=0, **changes)
        except Unavailable as error:
            # No answer, or a late one: see whether it was done in time.
            with contextlib.suppress(Unavailable):
                if closed in await self.refresh() and _clock() - since < LEASE_SECONDS * _OWN_SHARE:
                    self._mine, self._changed_at = closed, sent
            if self._mine is None:
                raise OutcomeUnknown(f"{unknown} ({error})") from error

    def forget(self, stamp: int) -> None:
        """Drop a void stamp with the next commit: nothing bears it any more, and nothing will."""
        self._forgotten.add(stamp)

    # -- this process's head --

    def _is_late(self) -> bool:
        """Whether others may think that this process is dead, and its head theirs to remove."""
        mine = self._mine
        allowed = LEASE_SECONDS if mine is not None and mine.is_queueing else IDLE_SECONDS
        return _clock() - self._changed_at > allowed * _OWN_SHARE

    def _disown(self) -> None:
        """A head that is gone, or of which it is not known how it stands, is never written again."""
        if self._mine is not None:
            self._mine_before.add(self._mine.me)
        self._mine, self._holds_turn = None, False

    async def _put(self, plan: str | None = None, done: int = 0, **changes: Any) -> None:
        """Write this process's head, if it stands as it was written last. A stamp left open, but `done`, becomes void.

        Raises Fenced where it does not stand so, or others may have thought this process dead before it was written.
        """
        mine = self._mine
        if mine is None or self._is_late():
            self._disown()
            raise Fenced(_FENCED)
        left_open = mine.open if mine.open not in (0, changes.get("open", mine.open), done) else 0
        if left_open:
            await self._keep_plan(left_open, self._plan)
            changes["void"] = tuple(sorted({*changes.get("void", mine.void), left_open}))
        changed = replace(mine, beat=mine.beat + 1, **changes)
        vertex = g.V(vertex_of(mine.me)).has("state", mine.packed()).property("state", changed.packed())
        if changed.open != mine.open:
            vertex = vertex.property("recorded_at", long(changed.open))
        if plan is not None:
            vertex = vertex.property("value", plan)
        sent = _clock()
        try:
            while await self._server.ask(vertex.count()) != [1] or self._has_several_hosts:
                # Where an answer was lost on the way and the server asked again, the head stands changed already. Of
                # two servers on Cassandra with different clocks the later write may bear the earlier time, and be lost.
                heads = await self.refresh()
                if changed in heads:
                    break
                if mine not in heads or self._is_late():
                    raise Fenced(_FENCED)
                await asyncio.sleep(_LOOK_SECONDS)
            if self._is_late():
                raise Fenced(_FENCED)
        except BaseException:
            self._disown()
            raise
        self._mine, self._changed_at = changed, sent
        self._plan = self._plan if plan is None else plan
        if left_open:
            self.snapshot = self._with_own_void(self.snapshot)
            self.on_aborted()

    @property
    def _has_several_hosts(self) -> bool:
        return len(self._server.transport.address.hosts) > 1

    async def _keep_plan(self, stamp: int, plan: str) -> None:
        """Note where a batch wrote that is about to become void."""
        vertex = plan_vertex(stamp)
        made = {T.id: vertex, T.label: "note", "value": plan, "kept_at": long(now())}
        await self._server.ask(g.inject({T.id: vertex}).merge_v().option(Merge.on_create, made).count())

    async def _make(self) -> None:
        snapshot = self.snapshot
        me = secrets.randbits(53)
        mine = WriterState(
            me, snapshot.watermark, snapshot.aborted, snapshot.has_same_as, process=this_process(), kept=snapshot.access
        )
        vertex = vertex_of(mine.me)
        start = (
            g.inject({T.id: vertex})
            .merge_v()
            .option(Merge.on_create, {T.id: vertex, T.label: "note", "state": mine.packed()})
        )
        sent = _clock()
        await self._server.ask(start.count())
        await self._server.ask(g.V(ROOT).add_e("HEAD").to(__.V(vertex)).count())
        self._mine, self._changed_at = mine, sent

    # -- turns --

    async def _hold(self) -> None:
        """Hold a turn: that of just before, or a new one where it is over, or was long and others wait."""
        if self._is_late():
            self._disown()
        if self._holds_turn:
            if _clock() - self._turn_since < TURN_SECONDS:
                return
            heads = await self.refresh()
            mine = self._mine
            others = [head for head in heads if mine is None or head.me != mine.me]
            if mine is not None and not any(head.is_queueing and not self._is_dead(head) for head in others):
                self._turn_since = _clock()
                return
            with contextlib.suppress(Fenced):
                await self._give_up()
        while not self._holds_turn:
            # A head that others thought dead is replaced by a new one.
            with contextlib.suppress(Fenced):
                await self._take()

    async def _take(self) -> None:
        """Wait for a turn, and hold it until it is given up."""
        await self._stop_keeping()
        heads = await self.refresh()
        if self._mine is None or self._mine not in heads:
            self._disown()
            await self._make()
        try:
            async with self._state:
                await self._put(is_choosing=True, number=0, open=0)
                heads = await self.refresh()
                await self._put(is_choosing=False, number=1 + max(head.number for head in heads))
            while not await self._bury(await self._wait()):
                pass
        except BaseException:
            await self._withdraw()
            raise
        self._holds_turn = True
        self._idle_since = self._turn_since = _clock()
        self._keeper = asyncio.create_task(self._keep())
        if self.snapshot.aborted:
            self.on_aborted()

    async def _wait(self) -> list[WriterState]:
        """Wait until nobody is ahead in the queue; the heads that are of no living process."""
        while True:
            heads = await self.refresh()
            mine = self._mine
            if mine is None or mine not in heads:
                self._disown()
                raise Fenced(_FENCED)
            others = [head for head in heads if head.me != mine.me]
            dead = [head for head in others if self._is_dead(head)]
            ahead = (
                head.is_choosing or (head.number and (head.number, head.me) < (mine.number, mine.me))
                for head in others
                if head not in dead
            )
            if not any(ahead):
                return dead
            await self._beat()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _bury(self, dead: list[WriterState]) -> bool:
        """Take the place of dead processes: put down as void what they left open, and remove their heads.

        First their heads are closed, so that a commit of theirs which is still on its way does nothing. False where one
        has changed after all: the answer that showed it may have lain about for long. They are removed last: who dies
        in the middle of this is followed by another who does it anew.
        """
        for head in dead:
            if not head.is_closed:
                vertex = g.V(vertex_of(head.me)).has("state", head.packed())
                closed = vertex.property("state", replace(head, is_closed=True).packed())
                if await self._server.ask(closed.property("recorded_at", long(0)).count()) != [1]:
                    return False
        left_open = {head.open: head for head in dead if head.open}
        for stamp, head in left_open.items():
            plan = await self._server.ask(g.V(vertex_of(head.me)).values("value"))
            await self._keep_plan(stamp, str(plan[0]) if plan else "")
        if dead:
            snapshot = self.snapshot
            void = tuple(sorted({*snapshot.aborted, *left_open}))
            async with self._state:
                await self._put(
                    newest=snapshot.watermark, void=void, has_same_as=snapshot.has_same_as, kept=snapshot.access
                )
            self.snapshot = replace(snapshot, aborted=void)
            await self._server.ask(g.V([vertex_of(head.me) for head in dead]).drop())
            await self._server.ask(g.V(ROOT).out_e("HEAD").where(__.in_v().has_not("state")).drop())
            for head in dead:
                self._seen.pop(head.me, None)
        return True

    def _is_dead(self, head: WriterState) -> bool:
        """Whether a head says so, or has not changed for too long by this process's own clock."""
        if head.is_closed or head.me in self._mine_before:
            return True
        text = head.packed()
        seen, since = self._seen.get(head.me, ("", 0.0))
        if seen != text:
            self._seen[head.me] = (text, _clock())
            return False
        lease = GONE_SECONDS if is_gone(head.process) else LEASE_SECONDS if head.is_queueing else IDLE_SECONDS
        return _clock() - since > lease

    async def _beat(self) -> None:
        """Show that this process lives, where it has not for a while."""
        if _clock() - self._changed_at > LEASE_SECONDS / _BEATS:
            async with self._state:
                await self._put()

    async def _keep(self) -> None:
        """While the turn is held: show that this process lives, and give the turn up when it is not used."""
        with contextlib.suppress(Unavailable):  # The next batch finds that the turn is gone, and takes another.
            while self._holds_turn:
                await asyncio.sleep(_LINGER_SECONDS / 2)
                if not self._writing.locked() and _clock() - self._idle_since > _LINGER_SECONDS:
                    async with self._writing:
                        await self._give_up()
                else:
                    await self._beat()

    async def _stop_keeping(self) -> None:
        if self._keeper is not None:
            async with self._state:  # not in the middle of a write
                self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None

    async def _give_up(self, **changes: Any) -> None:
        self._holds_turn = False
        try:
            async with self._state:
                if self._mine is not None:
                    await self._put(is_choosing=False, number=0, open=0, **changes)
        except BaseException:
            self._disown()
            raise

    async def _withdraw(self) -> None:
        """Leave the queue, so that nobody waits for this process. Where it cannot, others wait for its lease."""
        with contextlib.suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(_WITHDRAW_SECONDS):
                await self._give_up()

    async def close(self) -> None:
        """Give up the turn, and say that this process is gone."""
        async with self._writing:
            await self._stop_keeping()
            with contextlib.suppress(Unavailable):
                await self._give_up(is_closed=True)
