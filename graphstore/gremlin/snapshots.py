"""What is visible of a graph at a moment, and what each process writes down about itself that tells it."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace
from functools import reduce
from typing import Final

import orjson
from gremlin_python.statics import long

from lineal.graphstore.content_codec import packed
from lineal.graphstore.gremlin.vertex_ids import vertex_of_note

ROOT: Final = vertex_of_note("root")
"""The vertex that knows the graph's schema and name, and from which an edge leads to every head."""


@dataclass(frozen=True, slots=True)
class AccessProgress:
    """How far what is kept about access goes: its epoch, that of the newest members, how many audit records there are.

    Each of them only ever grows.
    """

    epoch: int = 0
    members_at: int = 0
    audited: int = 0

    def later(self, other: "AccessProgress") -> "AccessProgress":
        """What is known of two, of which either may be the older."""
        return AccessProgress(
            max(self.epoch, other.epoch), max(self.members_at, other.members_at), max(self.audited, other.audited)
        )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Visible are the stamps up to the watermark, except those of aborted batches.

    `has_same_as`: a SAME_AS association may be visible.
    """

    watermark: int = 0
    aborted: tuple[int, ...] = ()
    has_same_as: bool = False
    access: AccessProgress = AccessProgress()

    def shows(self, stamp: int) -> bool:
        """Whether what bears the stamp is visible."""
        return stamp <= self.watermark and stamp not in self.aborted

    def later(self, other: "Snapshot") -> "Snapshot":
        """What is known of two, of which either may be the older; of two with one watermark, the other."""
        return replace(other if other.watermark >= self.watermark else self, access=self.access.later(other.access))


@dataclass(frozen=True, slots=True)
class WriterState:
    """What a process writes down about itself.

    `open` is the stamp it is writing under, 0 for none; `number` its place in the queue for a turn, 0 for none. Beside
    this text its vertex holds `open` once more as `recorded_at`, and as `value` where the open batch writes.
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
    """Its process, as `living` names it; "" where it has no name."""
    kept: AccessProgress = AccessProgress()

    @property
    def is_queueing(self) -> bool:
        """Whether it has a turn, or waits for one."""
        return self.is_choosing or self.number > 0

    def packed(self) -> str:
        """As text."""
        return packed(astuple(self))

    @classmethod
    def unpacked(cls, text: str) -> "WriterState":
        """What `packed` made a text of."""
        me, newest, void, *rest, kept = orjson.loads(text)
        return replace(cls(me, newest, tuple(void), *rest), kept=AccessProgress(*kept))


def plan_vertex(stamp: int) -> long:
    """The vertex of the note on a void stamp: as `value` where its batch wrote, as `kept_at` when it became void."""
    return vertex_of_note("plan", str(stamp))


def snapshot_of(heads: Iterable[WriterState]) -> Snapshot:
    """What heads together say is visible.

    Who puts a newest stamp down puts all void ones down with it, in one write, as no reader sees several heads at one
    instant. Void stamps elsewhere are later than it, or were forgotten since.
    """
    heads = list(heads)
    newest = max((head.newest for head in heads), default=0)
    void = {stamp for head in heads for stamp in head.void if stamp > newest or head.newest == newest}
    kept = reduce(AccessProgress.later, (head.kept for head in heads), AccessProgress())
    return Snapshot(newest, tuple(sorted(void)), any(head.has_same_as for head in heads), kept)
