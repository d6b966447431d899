"""The snapshot that readers see of a graph, and the state of the writer lease, of which it is a part."""

from dataclasses import astuple, dataclass, replace
from typing import Any, Final

import orjson
from gremlin_python.statics import long

from lineal.graphstore.content_codec import packed
from lineal.graphstore.gremlin.vertex_ids import vertex_of_note

ROOT: Final = vertex_of_note("root")
"""The vertex of the graph's schema version and name."""


@dataclass(frozen=True, slots=True)
class AccessProgress:
    """The progress of access: its epoch, the epoch of the newest change of members, the number of audit records.

    None of them ever decreases.
    """

    epoch: int = 0
    members_at: int = 0
    audited: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The visible stamps: those up to the watermark, except those of aborted batches.

    `has_same_as`: a SAME_AS association may be visible.
    """

    watermark: int = 0
    aborted: tuple[int, ...] = ()
    has_same_as: bool = False
    access: AccessProgress = AccessProgress()
    unindexed: str = ""
    """The entities that the mixed index may not show yet (see `index_backlog`)."""

    def shows(self, stamp: int) -> bool:
        """Return whether records with the stamp are visible."""
        return stamp <= self.watermark and stamp not in self.aborted

    def without(self, stamp: int) -> "Snapshot":
        """Return the snapshot in which the batch of a stamp is aborted; 0 means no batch."""
        return replace(self, aborted=tuple(sorted({*self.aborted, stamp}))) if stamp else self


@dataclass(frozen=True, slots=True)
class LeaseState:
    """The state of the writer lease: its holder, the batch that is being written, and the snapshot of readers.

    Every change increases `version` by one, and is a compare-and-set on it. `open` is the stamp of the batch that is
    being written, 0 if there is none: it is the fencing number of the batch.
    """

    version: int = 0
    holder: int = 0
    """The random number of the process that holds the lease; 0 if it is free."""
    process: str = ""
    """The holder's name (see `process_identity`); empty if it has none."""
    open: int = 0
    snapshot: Snapshot = Snapshot()

    def next(self, **changes: Any) -> "LeaseState":
        """Return the next state. If `open` changes and `snapshot` does not, the batch that was open is aborted."""
        if changes.get("open", self.open) != self.open and "snapshot" not in changes:
            changes["snapshot"] = self.snapshot.without(self.open)
        return replace(self, version=self.version + 1, **changes)

    def released(self) -> "LeaseState":
        """Return the next state when the holder releases the lease."""
        return self.next(holder=0, process="", open=0)

    def packed(self) -> str:
        """Return the state as text."""
        return packed(astuple(self))

    @classmethod
    def unpacked(cls, text: str) -> "LeaseState":
        """Return the state from a text of `packed`."""
        version, holder, process, open_stamp, (watermark, aborted, has_same_as, access, unindexed) = orjson.loads(text)
        snapshot = Snapshot(watermark, tuple(aborted), has_same_as, AccessProgress(*access), unindexed)
        return cls(version, holder, process, open_stamp, snapshot)


def plan_vertex(stamp: int) -> long:
    """Return the vertex of the note on an aborted batch.

    Its `value` lists the vertices that the batch was to write, `kept_at` is the time of the abort.
    """
    return vertex_of_note("plan", str(stamp))
