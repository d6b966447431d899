"""Who writes, and up to when everything is written: one vertex a process, each written by its process alone.

No engine behind Gremlin gives both isolation and a compare-and-set, so writers take turns by Lamport's bakery
algorithm (CACM 17:8, 1974): it needs no more than that each process can read what the others wrote down about
themselves. A batch is written under a turn, all of it stamped with one `recorded_at`, later than all before; then its
process puts the stamp down as its `newest`, and with this one write the batch is visible, whole. Readers take the
largest `newest`: nothing is ever added at or below it.

A process that dies in its turn leaves records with a stamp that nobody put down as newest; it had put it down as
`open`. Others see that its head has not changed for `LEASE_SECONDS`, take its place, and put the stamp down as void:
what bears it is not seen, for ever, even if it arrives from the dead later. The process itself, should it only have
been frozen, finds its head gone and acknowledges nothing.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import astuple, dataclass, replace
from time import monotonic
from typing import Any, Final

import orjson
from gremlin_python.process.graph_traversal import __
from gremlin_python.process.traversal import Merge, T

from lineal.graphstore.content import packed
from lineal.graphstore.errors import OutcomeUnknown, Unavailable
from lineal.graphstore.gremlin.keys import vertex_of, vertex_of_note
from lineal.graphstore.gremlin.living import is_gone, this_process
from lineal.graphstore.gremlin.server import Server, g
from lineal.graphstore.judging import now

LEASE_SECONDS: Final = 10.0
"""How long a head may stay unchanged in its turn before others take its place."""
GONE_SECONDS: Final = 2.0
"""The same, where its process is known to have ended: what it has sent is done by then."""
_BEAT_SECONDS: Final = 2.0
_LINGER_SECONDS: Final = 0.3
"""How long a turn is kept when there is nothing to write: the next batch then need not wait for one."""
_LOOK_SECONDS: Final = 0.02

_FENCED: Final = "another server took this one's turn, and nothing was written: send again"
_OUTCOME_UNKNOWN: Final = (
    "the graph server did not say whether the batch was committed, so it may or may not be there: send it again, with "
    "the same idempotency key"
)

ROOT: Final = vertex_of_note("root")


@dataclass(frozen=True, slots=True)
class Moment:
    """What is visible: stamps up to `newest`, but for the void. `has_same_as`: some SAME_AS may be among it."""

    newest: int = 0
    void: tuple[int, ...] = ()
    has_same_as: bool = False

    def shows(self, stamp: int) -> bool:
        """Whether what bears the stamp is visible."""
        return stamp <= self.newest and stamp not in self.void


@dataclass(frozen=True, slots=True)
class Head:
    """What a process writes down about itself.

    `open` is the stamp it is writing under, 0 for none; `number` its place in the queue for a turn, 0 for none.
    `process` tells others on the same machine whether it still lives.
    """

    me: int
    newest: int = 0
    void: tuple[int, ...] = ()
    has_same_as: bool = False
    open: int = 0
    is_choosing: bool = False
    number: int = 0
    beat: int = 0
    is_closed: bool = False
    process: str = ""

    def packed(self) -> str:
        """As text."""
        return packed(astuple(self))

    @classmethod
    def unpacked(cls, text: str) -> "Head":
        """What `packed` made a text of."""
        me, newest, void, *rest = orjson.loads(text)
        return cls(me, newest, tuple(void), *rest)


class Fenced(Unavailable):
    """Another process took this one's place in its turn."""


class Heads:
    """This process's head, what it knows of the others', and its turns at writing."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.moment = Moment()
        self._mine: Head | None = None
        self._mine_before: set[int] = set()
        self._writing = asyncio.Lock()
        self._state = asyncio.Lock()
        self._holds_turn = False
        self._changed_at = self._idle_since = 0.0
        self._seen: dict[int, tuple[str, float]] = {}
        self._keeper: asyncio.Task[None] | None = None

    async def read(self) -> list[Head]:
        """All heads; the moment is theirs afterwards. Raises Unavailable where the graph has lost its root."""
        found = await self._server.ask(g.V(ROOT).union(__.values("schema"), __.out("HEAD").values("state")))
        if not found:
            raise Unavailable("the graph has been emptied or replaced: start the server anew to set it up again")
        heads = [Head.unpacked(text) for text in found if isinstance(text, str)]
        newest = max((head.newest for head in heads), default=0)
        if newest >= self.moment.newest:
            void = tuple(sorted({stamp for head in heads for stamp in head.void}))
            self.moment = Moment(newest, void, any(head.has_same_as for head in heads))
        return heads

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[int]:
        """A turn at writing, and the stamp to write with: no other task and no other process writes meanwhile."""
        async with self._writing:
            try:
                if not self._holds_turn or self._is_late():
                    await self._take()
                yield max(now(), self.moment.newest + 1, *(stamp + 1 for stamp in self.moment.void))
            finally:
                self._idle_since = monotonic()

    async def begin(self, stamp: int) -> None:
        """Put down that records of the stamp are about to be written."""
        async with self._state:
            await self._put(open=stamp)

    async def commit(self, stamp: int, has_same_as: bool) -> None:
        """Make the batch of a stamp visible. Raises OutcomeUnknown where it cannot be told whether it is."""
        assert self._mine is not None
        same_as = self._mine.has_same_as or has_same_as
        try:
            async with self._state:
                await self._put(newest=stamp, open=0, has_same_as=same_as)
            if self._is_late():
                await self._check_visible(stamp)
        except Fenced as error:
            raise OutcomeUnknown(f"{_OUTCOME_UNKNOWN} ({error})") from error
        except Unavailable as error:
            await self._settle(stamp, error)
        self.moment = replace(self.moment, newest=stamp, has_same_as=self.moment.has_same_as or same_as)

    async def _settle(self, stamp: int, error: Unavailable) -> None:
        """The commit got no answer: look whether it was done."""
        try:
            await self._check_visible(stamp)
        except Unavailable:
            self._forget()
            raise OutcomeUnknown(f"{_OUTCOME_UNKNOWN} ({error})") from error

    async def _check_visible(self, stamp: int) -> None:
        heads = await self.read()
        mine = next((head for head in heads if self._mine is not None and head.me == self._mine.me), None)
        if mine is None or mine.newest != stamp or not self.moment.shows(stamp):
            self._forget()
            raise Fenced(_FENCED)
        self._mine = mine

    def _is_late(self) -> bool:
        """Whether others may think this process dead."""
        return monotonic() - self._changed_at > LEASE_SECONDS * 0.7

    def _forget(self) -> None:
        """A head that is gone, or of which it is not known how it stands, is never written again."""
        if self._mine is not None:
            self._mine_before.add(self._mine.me)
        self._mine, self._holds_turn = None, False

    async def _put(self, **changes: Any) -> None:
        """Write this process's head, if it stands as it was written last. A stamp left open becomes void."""
        mine = self._mine
        if mine is None:
            raise Fenced(_FENCED)
        if mine.open and changes.get("open") is not None and changes.get("newest") != mine.open:
            changes["void"] = tuple(sorted({*mine.void, *changes.get("void", ()), mine.open}))
        changed = replace(mine, beat=mine.beat + 1, **changes)
        sent = monotonic()
        vertex = g.V(vertex_of(mine.me)).has("state", mine.packed())
        try:
            written = await self._server.ask(vertex.property("state", changed.packed()).count())
            # Where an answer was lost on the way and the server asked again, the head stands changed already.
            if written != [1] and changed not in await self.read():
                raise Fenced(_FENCED)
        except BaseException:
            if "newest" not in changes:
                self._forget()
            raise
        self._mine, self._changed_at = changed, sent
        if "void" in changes:
            self.moment = replace(self.moment, void=tuple(sorted({*self.moment.void, *changed.void})))

    async def _make(self) -> None:
        moment = self.moment
        mine = Head(secrets.randbits(53), moment.newest, moment.void, moment.has_same_as, process=this_process())
        vertex = vertex_of(mine.me)
        start = (
            g.inject({T.id: vertex})
            .merge_v()
            .option(Merge.on_create, {T.id: vertex, T.label: "note", "state": mine.packed()})
        )
        await self._server.ask(start.count())
        await self._server.ask(g.V(ROOT).add_e("HEAD").to(__.V(vertex)).count())
        self._mine, self._changed_at = mine, monotonic()

    async def _take(self) -> None:
        """Wait for a turn, and hold it until it is given up."""
        await self._stop_keeping()
        heads = await self.read()
        if self._mine is None or self._mine not in heads:
            self._forget()
            await self._make()
        async with self._state:
            await self._put(is_choosing=True, number=0, open=0)
            heads = await self.read()
            await self._put(is_choosing=False, number=1 + max(head.number for head in heads))
        dead = await self._wait()
        if dead:
            left_open = {head.open for head in dead if head.open and head.open != head.newest}
            moment = self.moment
            async with self._state:
                await self._put(
                    newest=moment.newest, void=tuple(sorted({*moment.void, *left_open})), has_same_as=moment.has_same_as
                )
            await self._server.ask(g.V(*[vertex_of(head.me) for head in dead]).drop())
            self._mine_before.difference_update(head.me for head in dead)
        self._holds_turn = True
        self._idle_since = monotonic()
        self._keeper = asyncio.create_task(self._keep())

    async def _wait(self) -> list[Head]:
        """Wait until nobody is ahead in the queue; the heads that are of no living process."""
        while True:
            heads = await self.read()
            mine = self._mine
            if mine is None or mine not in heads:
                self._forget()
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
            if monotonic() - self._changed_at > _BEAT_SECONDS:
                async with self._state:
                    await self._put()
            await asyncio.sleep(_LOOK_SECONDS)

    def _is_dead(self, head: Head) -> bool:
        """Whether a head says so, or has not changed for the length of the lease by this process's own clock."""
        if head.is_closed or head.me in self._mine_before:
            return True
        text = head.packed()
        seen, since = self._seen.get(head.me, ("", 0.0))
        if seen != text:
            self._seen[head.me] = (text, monotonic())
            return False
        lease = GONE_SECONDS if is_gone(head.process) else LEASE_SECONDS
        return monotonic() - since > lease and (head.is_choosing or head.number > 0)

    async def _keep(self) -> None:
        """While the turn is held: show that this process lives, and give the turn up when it is not used."""
        with contextlib.suppress(Unavailable):  # The next batch finds that the turn is gone, and takes another.
            while self._holds_turn:
                await asyncio.sleep(_LINGER_SECONDS / 2)
                if not self._writing.locked() and monotonic() - self._idle_since > _LINGER_SECONDS:
                    async with self._writing:
                        await self._give_up()
                elif monotonic() - self._changed_at > _BEAT_SECONDS:
                    async with self._state:
                        await self._put()

    async def _stop_keeping(self) -> None:
        if self._keeper is not None:
            async with self._state:  # not in the middle of a write
                self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None

    async def _give_up(self, **changes: Any) -> None:
        if self._holds_turn:
            self._holds_turn = False
            async with self._state:
                await self._put(number=0, open=0, **changes)

    async def close(self) -> None:
        """Give up the turn, and say that this process is gone."""
        async with self._writing:
            await self._stop_keeping()
            with contextlib.suppress(Unavailable):
                if self._mine is not None:
                    self._holds_turn = False
                    await self._put(number=0, open=0, is_closed=True)
