"""Checkpoints: on every CHECKPOINT_EVERY-th revision of an entity, what all revisions up to it set together.

A present read applies the newest checkpoint and the few revisions after it, and costs the same however many were
before. A checkpoint is a property of the edge of its revision, and is visible exactly when that is. It never changes:
the revisions of an entity are numbered in the order in which they are recorded, so all before are visible with it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from lineal.graphstore.batches import NewRevision
from lineal.graphstore.content_codec import packed, packed_fields, unpacked_fields
from lineal.graphstore.revisions import FoldedRevisions

CHECKPOINT: Final = "C"
"""The first field of a checkpoint as text."""
CHECKPOINT_EVERY = 8
"""A state is written again with every so many revisions, and a read fetches up to twice as many revisions."""


def newest_fetched() -> int:
    """Return how many of the newest revisions a present read fetches: a checkpoint is among them.

    Twice as many as are needed: revisions of aborted batches, and those that a repeated request wrote twice, are among
    them too.
    """
    return 2 * CHECKPOINT_EVERY


class Checkpoint(NamedTuple):
    """The checkpoint of an entity's revision, by the entity's key, with the earliest and the latest time so far."""

    key: int
    sequence: int
    recorded_at: int
    earliest: int
    latest: int
    fields: str

    def folded(self) -> FoldedRevisions:
        """Return what it says, as an object that further revisions can be applied to."""
        return FoldedRevisions(unpacked_fields(self.fields), (self.earliest, self.latest))


def checkpoint_of(fields: list[Any]) -> Checkpoint:
    """Return the checkpoint from the fields of its text."""
    return Checkpoint(*fields[1:])


def new_checkpoints(
    revisions: Iterable[tuple[int, int, NewRevision]], folded_before: Callable[[int], FoldedRevisions], stamp: int
) -> dict[tuple[int, int], str]:
    """Return the checkpoints that new revisions need, as text by entity key and sequence.

    The revisions come with both, in their order. `folded_before` gives all recorded revisions of an entity.
    """
    by_entity: defaultdict[int, list[tuple[int, NewRevision]]] = defaultdict(list)
    for key, sequence, revision in revisions:
        by_entity[key].append((sequence, revision))
    checkpoints = {}
    for key, numbered in by_entity.items():
        if not any(sequence % CHECKPOINT_EVERY == 0 for sequence, _ in numbered):
            continue
        together = folded_before(key)
        for sequence, revision in numbered:
            together.apply(revision, (revision.occurred_at or 0, revision.rank, sequence))
            if sequence % CHECKPOINT_EVERY == 0 and together.times:
                checkpoint = Checkpoint(key, sequence, stamp, *together.times, packed_fields(together.fields))
                checkpoints[key, sequence] = packed([CHECKPOINT, *checkpoint])
    return checkpoints
