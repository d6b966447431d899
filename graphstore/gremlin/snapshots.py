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
class Kept:
    """How far what is kept about access goes: its epoch, that of the newest members, how many audit records there are.

    Each of them only ever grows.
    """

    epoch: int = 0
    members_at: int = 0
    audited: int = 0

    def later(self, other: "Kept") -> "Kept":
        """What is known of two, of which either may be the older."""
        return Kept(
            max(self.epoch, other.epoch), max(self.members_at, other.members_at), max(self.audited, other.audited)
        )


@dataclass(frozen=True, slots=True)
class Moment:
    """What is visible: stamps up to `newest`, but for the void. `has_same_as`: some SAME_AS may be among it."""

    newest: int = 0
    void: tuple[int, ...] = ()
    has_same_as: bool = False
    kept: Kept = Kept()

    def shows(self, stamp: int) -> bool:
        """Whether what bears the stamp is visible."""
        return stamp <= self.newest and stamp not in self.void

    def later(self, other: "Moment") -> "Moment":
        """What is known of two, of which either may be the older; of two with one newest stamp, the other."""
        return replace(other if other.newest >= self.newest else self, kept=self.kept.later(other.kept))


@dataclass(frozen=True, slots=True)
class Head:
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
    kept: Kept = Kept()

    @property
    def is_queueing(self) -> bool:
        """Whether it has a turn, or waits for one."""
        return self.is_choosing or self.number > 0

    def packed(self) -> str:
        """As text."""
        return packed(astuple(self))

    @classmethod
    def unpacked(cls, text: str) -> "Head":
        """What `packed` made a text of."""
        me, newest, void, *rest, kept = orjson.loads(text)
        return replace(cls(me, newest, tuple(void), *rest), kept=Kept(*kept))


def plan_vertex(stamp: int) -> long:
    """The vertex of the note on a void stamp: as `value` where its batch wrote, as `kept_at` when it became void."""
    return vertex_of_note("plan", str(stamp))


def moment_of(heads: Iterable[Head]) -> Moment:
    """What heads together say is visible.

    Who puts a newest stamp down puts all void ones down with it, in one write, as no reader sees several heads at one
    instant. Void stamps elsewhere are later than it, or were forgotten since.
    """
    heads = list(heads)
    newest = max((head.newest for head in heads), default=0)
    void = {stamp for head in heads for stamp in head.void if stamp > newest or head.newest == newest}
    kept = reduce(Kept.later, (head.kept for head in heads), Kept())
    return Moment(newest, tuple(sorted(void)), any(head.has_same_as for head in heads), kept)
