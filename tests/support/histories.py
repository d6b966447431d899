"""Histories of operations on a store, and a check of them in linear time against a plain model.

The model of a log is a list of entries in the order in which they were recorded; a read shows the first entries up to
some position. The model of a switch is one boolean. Lineal promises that the recording times of entries order them as
real time does; the check verifies that first, and then needs no search for an order.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from math import inf
from typing import TypeAlias

Entry: TypeAlias = tuple[int, int]
"""The number of an entry, and the time at which a part of it was recorded, in microseconds."""


@dataclass(frozen=True)
class Appended:
    """An entry that was sent. `ended` is infinite where it was never acknowledged."""

    log: str
    number: int
    began: float
    ended: float
    recorded_at: int | None = None


@dataclass(frozen=True)
class Read:
    """The entries that a read of a log answered, one for each part; `as_of` is the recording time it asked for."""

    log: str
    entries: tuple[Entry, ...]
    began: float
    ended: float
    as_of: int | None = None


@dataclass(frozen=True)
class Switched:
    """A change of a switch by its only writer, from the first time it was sent until it was acknowledged."""

    switch: str
    value: bool
    began: float
    ended: float


@dataclass(frozen=True)
class Seen:
    """The value of a switch that a read showed."""

    switch: str
    value: bool
    began: float
    ended: float


@dataclass
class History:
    """Everything that clients did and saw. `parts` is the number of parts of an entry, by log."""

    parts: dict[str, int] = field(default_factory=dict)
    appended: list[Appended] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    switched: list[Switched] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    """Answers that no operation may have: errors other than UNAVAILABLE, two answers of one read that differ."""

    @property
    def operations(self) -> int:
        return len(self.appended) + len(self.reads) + len(self.switched) + len(self.seen)


def anomalies(history: History) -> list[str]:
    """What a history shows that a correct store could not. The last read of a log has to be after all its writes."""
    found = list(history.errors)
    appended: defaultdict[str, list[Appended]] = defaultdict(list)
    for sent in history.appended:
        appended[sent.log].append(sent)
    reads: defaultdict[str, list[Read]] = defaultdict(list)
    for read in history.reads:
        reads[read.log].append(read)
    for log, of_log in reads.items():
        found += [f"{log}: {each}" for each in _log_anomalies(history.parts[log], appended[log], of_log)]
    switched: defaultdict[str, list[Switched]] = defaultdict(list)
    for change in history.switched:
        switched[change.switch].append(change)
    for seen in history.seen:
        if seen.value not in _possible(switched[seen.switch], seen):
            found.append(f"{seen.switch}: {seen.value} was seen, which it was not at any time of the read")
    return found


def _log_anomalies(parts: int, appended: list[Appended], reads: list[Read]) -> list[str]:
    final = max((read for read in reads if read.as_of is None), key=lambda read: read.began)
    times = dict(final.entries)
    # Batches that became visible by one commit may have one time, and then one position: all are shown, or none.
    ordered = sorted(times.values())
    position = {number: bisect_right(ordered, at) for number, at in times.items()}
    found = []
    if len(set(final.entries)) != len(times):
        found.append("the parts of an entry were recorded at different times")
    # A timeline of (operation's begin, end, least and greatest position that it shows or takes).
    timeline: list[tuple[float, float, int, bool, str]] = []
    for sent in appended:
        if sent.number in position:
            if sent.recorded_at not in (None, times[sent.number]):
                found.append(f"entry {sent.number} was answered with another time than it has")
            timeline.append((sent.began, sent.ended, position[sent.number], True, f"entry {sent.number}"))
        elif sent.ended < inf:
            found.append(f"entry {sent.number} was acknowledged and lost")
    for read in reads:
        counts = Counter(number for number, _ in read.entries)
        shown = len(counts)
        if any(count != parts for count in counts.values()):
            found.append(f"a read showed parts of an entry, or an entry twice: {counts.most_common(1)}")
        if any(times.get(number) != at for number, at in read.entries):
            found.append("a read showed an entry with another time than it has, or one that is gone")
        elif max((position[number] for number in counts), default=0) != shown:
            found.append("a read showed an entry, and not one before it")
        elif read.as_of is not None:
            if shown != sum(at <= read.as_of for at in times.values()):
                found.append("a read as of an earlier time showed other entries than those recorded by then")
        else:
            timeline.append((read.began, read.ended, shown, False, f"a read of {shown} entries"))
    return found + _out_of_order(timeline)


def _out_of_order(timeline: list[tuple[float, float, int, bool, str]]) -> list[str]:
    """Operations that are at no later position than one that had ended before they began."""
    found = []
    by_end = sorted(timeline, key=lambda operation: operation[1])
    ended, greatest, greatest_name = 0, 0, ""
    for began, _, position, is_append, name in sorted(timeline):
        while ended < len(by_end) and by_end[ended][1] < began:
            if by_end[ended][2] > greatest:
                greatest, greatest_name = by_end[ended][2], by_end[ended][4]
            ended += 1
        if position < greatest or (is_append and position == greatest):
            found.append(f"{name} is at {position}, after {greatest_name} at {greatest} had ended")
    return found


def _possible(changes: list[Switched], seen: Seen) -> set[bool]:
    """The values that a switch may have had while a read ran: changes are in order, as their writer sent them."""
    before = [change for change in changes if change.ended < seen.began]
    during = [change for change in changes if change.ended >= seen.began and change.began <= seen.ended]
    return {change.value for change in (before[-1:] + during)}
