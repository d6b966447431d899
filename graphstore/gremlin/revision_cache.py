"""The revisions of entities that are known in one call.

A present read fetches the newest revisions of an entity with their checkpoints (see `checkpoints`), and at a time of
occurrence in the past all that had occurred. The others are fetched only where they are asked for, or where the newest
do not reach back to a checkpoint: among them may be revisions of aborted batches.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from gremlin_python.process.graph_traversal import GraphTraversal
from gremlin_python.process.traversal import P
from gremlin_python.statics import long

from lineal.graphstore.gremlin.checkpoints import CHECKPOINT, Checkpoint, checkpoint_of, newest_fetched
from lineal.graphstore.gremlin.codec import revision_of, unpacked
from lineal.graphstore.gremlin.visibility import Visibility
from lineal.graphstore.records import Revision
from lineal.graphstore.revisions import FoldedRevisions, fold_order

Ask = Callable[..., list[list[Any]]]
"""Returns the answers to traversals, in one round trip."""


class RevisionCache:
    """Revisions in one view, by the keys of their entities; of entities whose records were fetched."""

    def __init__(self, visibility: Visibility, ask: Ask) -> None:
        self._visibility, self._ask = visibility, ask
        self._revisions: defaultdict[int, dict[int, Revision]] = defaultdict(dict)
        """By key and sequence."""
        self._checkpoints: dict[int, Checkpoint] = {}
        """The newest of each key."""
        self._all: set[int] = set()
        """The keys of which all revisions are known."""
        self._unconnected: set[int] = set()
        """The keys whose newest revisions do not reach back to a checkpoint."""

    def steps(self, vertices: GraphTraversal) -> GraphTraversal:
        """From revised vertices to the texts of the revisions that a read of their entities needs."""
        if self._visibility.is_present:
            return self._visibility.newest_revision_edges(vertices).values("line", "checkpoint")
        return self._visibility.revision_edges(vertices).values("line")

    def take(self, parts: Iterable[list[Any]]) -> None:
        """Keep what `steps` returned, as the fields of the texts."""
        counts = self._keep(parts)
        if not self._visibility.is_present:
            self._all.update(counts)
            return
        for key, count in counts.items():
            sequences = self._revisions[key].keys()
            start = self._start(key)
            if count < newest_fetched() or (sequences and len(sequences) == max(sequences)):
                self._all.add(key)
            elif not sequences or any(each not in sequences for each in range(start, max(sequences))):
                self._unconnected.add(key)
        self._unconnected -= self._all

    def _keep(self, parts: Iterable[list[Any]]) -> dict[int, int]:
        """Keep revisions and checkpoints that are recorded in the view; gives how many revisions of each key came."""
        counts: defaultdict[int, int] = defaultdict(int)
        for fields in parts:
            if fields[0] == CHECKPOINT:
                checkpoint = checkpoint_of(fields)
                newest = self._checkpoints.get(checkpoint.key)
                is_newer = newest is None or checkpoint.sequence > newest.sequence
                if is_newer and self._visibility.is_recorded(checkpoint):
                    self._checkpoints[checkpoint.key] = checkpoint
                continue
            key, revision = revision_of(fields, self._visibility.view)
            counts[key] += 1
            if self._visibility.is_recorded(revision):
                self._revisions[key].setdefault(revision.sequence, revision)
        return counts

    def _start(self, key: int) -> int:
        """The sequence number after the newest checkpoint, or that of the first revision."""
        return self._checkpoints[key].sequence + 1 if key in self._checkpoints else 1

    # -- what is known, or fetched --

    def has_any(self, key: int) -> bool:
        """Whether an entity has revisions in the view."""
        return key in self._revisions

    def folded(self, key: int) -> FoldedRevisions:
        """All revisions of an entity in the view, folded."""
        self._connect()
        checkpoint = self._checkpoints.get(key)
        together = FoldedRevisions() if checkpoint is None else checkpoint.folded()
        for revision in self._revisions.get(key, {}).values():
            if revision.sequence >= self._start(key) and self._visibility.has_occurred(revision.occurred_at):
                together.apply(revision, fold_order(revision))
        return together

    def times(self, key: int) -> list[int]:
        """Times of revisions of an entity in the view, among them the earliest."""
        self._connect()
        checkpoint = self._checkpoints.get(key)
        return [
            *([] if checkpoint is None else [checkpoint.earliest]),
            *(each.occurred_at for each in self._revisions.get(key, {}).values()),
        ]

    def last(self, key: int) -> Revision | None:
        """The revision of an entity that was recorded last."""
        self._connect()
        revisions = self._revisions.get(key)
        return revisions[max(revisions)] if revisions else None

    def all_of(self, keys: Iterable[int]) -> dict[int, list[Revision]]:
        """All revisions of entities that were recorded, by the keys of the entities."""
        self._connect()
        self._fetch_all([key for key in keys if key in self._revisions and key not in self._all])
        return {key: list(self._revisions.get(key, {}).values()) for key in keys}

    def since(self, keys: Iterable[int], at: int) -> dict[int, list[Revision]]:
        """The revisions of entities in the view that occurred at a time or later."""
        self._connect()
        asked = [key for key in keys if self._may_hide(key, at)]
        if asked:
            later = self._visibility.revision_edges_by(asked, "occurred_at", P.gte(long(at)))
            self._fetch([later])
        return {key: [each for each in self._revisions.get(key, {}).values() if each.occurred_at >= at] for key in keys}

    def at(self, times: Mapping[int, Collection[int]]) -> dict[int, list[Revision]]:
        """The revisions of entities at times, by the keys of the entities."""
        self._connect()
        asked = {key: [at for at in of_key if self._may_hide(key, at)] for key, of_key in times.items()}
        self._fetch(
            self._visibility.revision_edges_by([key], "occurred_at", P.within([long(at) for at in of_key]))
            for key, of_key in asked.items()
            if of_key
        )
        return {
            key: [each for each in self._revisions.get(key, {}).values() if each.occurred_at in of_key]
            for key, of_key in times.items()
        }

    def numbered(self, numbers: Collection[tuple[int, int]]) -> dict[tuple[int, int], Revision]:
        """The revisions with these keys and sequence numbers."""
        self._connect()
        asked: defaultdict[int, list[int]] = defaultdict(list)
        for key, sequence in numbers:
            if key not in self._all and sequence not in self._revisions.get(key, {}):
                asked[key].append(sequence)
        self._fetch(
            self._visibility.revision_edges_by([key], "sequence", P.within([long(each) for each in sequences]))
            for key, sequences in asked.items()
        )
        revisions = {(key, sequence): self._revisions.get(key, {}).get(sequence) for key, sequence in numbers}
        return {number: revision for number, revision in revisions.items() if revision is not None}

    def _may_hide(self, key: int, at: int) -> bool:
        """Whether revisions at a time or later may not be known, as they come before a checkpoint."""
        checkpoint = self._checkpoints.get(key)
        return key not in self._all and checkpoint is not None and checkpoint.latest >= at

    # -- fetching --

    def _connect(self) -> None:
        if self._unconnected:
            self._fetch_all(list(self._unconnected))

    def _fetch_all(self, keys: list[int]) -> None:
        if keys:
            self._fetch([self._visibility.revision_edges(self._visibility.known(keys))])
            self._all.update(keys)
            self._unconnected.difference_update(keys)

    def _fetch(self, edges: Iterable[GraphTraversal]) -> None:
        """Fetch revisions, in one round trip."""
        for answer in self._ask(*(each.values("line") for each in edges)):
            self._keep(unpacked(answer))
