"""Causal walks follow only paths along which data could have flowed: no hop is earlier than the one before it.

The label of an entity is the earliest time at which data from a start can have arrived at it. Upstream it is the latest
time at which data must have left it, with the sign inverted, so that the smaller label is always the better one. Level
by level, a causal walk continues from every entity whose label improved, even if it was reached before: an entity that
is reached late over few hops may be reached early over more hops, and lead on from there. Labels only improve, so the
walk ends.
"""

from collections.abc import Collection, Iterable, Iterator
from math import inf
from typing import Final, TypeAlias

from lineal.graphstore.codes import KIND_MASK, KINDS, SAME_AS, AssociationKey
from lineal.graphstore.kinds import LINEAGE_TYPE, EntityStatus, LineageDirection, LineageType
from lineal.graphstore.queries import EntityFilter
from lineal.graphstore.walking.breadth_first import DirectedWalk, Step, masked_stops, matching
from lineal.graphstore.walking.reader_protocol import Crossings, Hidden, Reader, is_masked

Span: TypeAlias = tuple[float, float]
"""The first and the last time at which data may have flowed along an association."""
_ANY_TIME: Final[Span] = (-inf, inf)
_ENDED: Final = frozenset({EntityStatus.COMPLETED, EntityStatus.FAILED, EntityStatus.STOPPED})
_SPAN_BYTES: Final = 200
"""About the bytes of an association with its span in a dictionary, or of an entity with its labels."""


def spans(reader: Reader, associations: Collection[AssociationKey]) -> dict[AssociationKey, Span]:
    """The span of each association, as `Store.reach` defines it."""
    by_association = dict.fromkeys(associations, _ANY_TIME)
    timed = [key for key in associations if key[1] != SAME_AS and not is_masked(key[0]) and not is_masked(key[2])]
    reader.prefetch_records({end for key in timed for end in _actions(key)}, timed)
    as_recorded = reader.associations(timed, as_recorded=True)
    by_association |= {key: (at, at) for key, record in as_recorded.items() if (at := record.occurred_at) is not None}
    without_time = [key for key, record in as_recorded.items() if record.occurred_at is None]
    ends = _ends(reader, {end for key in without_time for end in _actions(key)})
    for key, association in reader.associations(without_time).items():
        begin = association.occurred_at
        if begin is not None:
            end = max((ends[action] for action in _actions(key)), default=inf)
            by_association[key] = (begin, max(begin, end))
    return by_association


def _actions(association: AssociationKey) -> list[int]:
    """The ends of an association that are actions."""
    ends = (association[0], association[2])
    return [end for end in ends if LINEAGE_TYPE[KINDS[end & KIND_MASK]] is LineageType.ACTION]


def _ends(reader: Reader, actions: Collection[int]) -> dict[int, float]:
    """The time at which each action ended, by key; infinity where no end is known."""
    ended = [key for key, action in reader.entities(actions).items() if action.status in _ENDED]
    times = {
        key: max((revision.occurred_at for revision in revisions if revision.status in _ENDED), default=inf)
        for key, revisions in reader.revisions(ended).items()
    }
    return dict.fromkeys(actions, inf) | times


class CausalWalk(DirectedWalk):
    """A directed walk over causal paths; not for CONNECTED, whose paths change direction."""

    is_causal = True

    def __init__(
        self,
        starts: Collection[int],
        crossings: Crossings,
        first_hop: Crossings,
        depth: int | None,
        stop_at: EntityFilter | None,
    ) -> None:
        super().__init__(starts, crossings, first_hop, depth, stop_at)
        self._labels: dict[int, list[tuple[int, float]]] = {key: [(0, -inf)] for key in self.starts}
        """Every label of each key, with the level at which the key got it."""
        self._better: dict[int, float] = {}
        """The improved labels of the last step, by key."""
        self._spans: dict[AssociationKey, Span] = {}

    @property
    def weight(self) -> int:
        return super().weight + _SPAN_BYTES * (len(self._spans) + len(self._labels))

    def next_step(self, reader: Reader) -> Step:
        level = len(self.levels)
        crossings, direction = self.crossings_to(level), self.crossings.direction
        near_keys = [key for key in self.frontier if reader.crosses(key, direction, level - 1)]
        crossed = [crossing for crossing in reader.crossed(crossings, near_keys) if not is_masked(crossing[1])]
        self.learn_spans(reader, {association for _, _, association in crossed})
        arrivals: dict[int, float] = {}
        for near, far, association in crossed:
            first, last = self._signed(association)
            label = self._labels[near][-1][1]
            if label <= last and not (far in self.starts and association[1] == SAME_AS):
                arrivals[far] = min(max(label, first), arrivals.get(far, inf))
        hidden = Hidden(set(), set(), set())
        if reader.meets_hidden:
            hidden = reader.hidden_keys(crossings, self.frontier, level - 1)
        reached, _ = self.first_reached(set(arrivals), hidden.masked)
        stopped = matching(reader, reached, self.stop_at)
        self._better = {
            key: label
            for key, label in arrivals.items()
            if key not in self.starts and (key not in self._labels or label < self._labels[key][-1][1])
        }
        crossable = (hidden.masked - masked_stops(reader, hidden.masked, self.stop_at)) | hidden.bridged
        frontier = self._better.keys() - stopped - self.stopped
        return Step(reached, stopped, frontier, crossable, hidden.bridged | hidden.cut)

    def append(self, step: Step) -> None:
        for key, label in self._better.items():
            self._labels.setdefault(key, []).append((len(self.levels), label))
        super().append(step)

    def beyond_depth(self, reader: Reader) -> Iterator[set[int]]:
        if self.frontier:
            yield self.next_step(reader).reached

    def learn_spans(self, reader: Reader, associations: Iterable[AssociationKey]) -> None:
        unknown = [association for association in associations if association not in self._spans]
        if unknown:
            self._spans |= spans(reader, unknown)

    def leads_on(self, far: int, level: int, association: AssociationKey, latest: float) -> float | None:
        labels = [label for at, label in self._labels.get(far, ()) if at < level]
        if not labels or far in self.stopped or (far in self.starts and level > 1):
            return None
        first, last = self._signed(association)
        latest = min(last, latest)
        return latest if max(labels[-1], first) <= latest else None

    def _signed(self, association: AssociationKey) -> Span:
        first, last = self._spans[association]
        return (first, last) if self.crossings.direction is LineageDirection.DESCENDANTS else (-last, -first)
