"""Builds pages of reached entities: applies limits, filters and order, and traces the paths that a page shows."""

from collections import Counter
from collections.abc import Mapping, Sequence

from lineal.graphstore.codes import KINDS
from lineal.graphstore.kinds import EntityKind, IncompleteReason
from lineal.graphstore.queries import EntityFilter, Reach, ReachPosition
from lineal.graphstore.records import Entity, Restricted
from lineal.graphstore.store import Reached, ReachPage
from lineal.graphstore.walking.paths import ShortestPaths
from lineal.graphstore.walking.reader_protocol import Reader, is_masked
from lineal.graphstore.walking.walk_state import Cutoff, WalkState


class _Page:
    """Builds one page in three steps: how far the answer goes, which entities the page shows, their records."""

    def __init__(self, reader: Reader, state: WalkState, question: Reach) -> None:
        self.state, self.question = state, question
        self.where = question.where if question.where != EntityFilter() else None
        self.cutoff = state.walk_on(reader, question.after, question.walk.limits)
        self.shown: list[tuple[int, str, int]] = []
        """The level, urn and key of each entity on the page."""
        self.has_more = False
        self.paths = ShortestPaths(reader, state.walks, [])

    def unmatched(self) -> tuple[EntityFilter | None, list[int]]:
        """The filter, and the keys to match before the page can be chosen."""
        return self.where, self.state.unmatched(self.where, self.cutoff.last)

    def choose(self, reader: Reader) -> None:
        """Choose the entities that the page shows, and trace the paths to them."""
        state, cutoff, after, first = self.state, self.cutoff, self.question.after, self.question.first
        chosen: list[tuple[int, str, int]] = []
        begin = state.level(reader, after) if after else 1
        for level in range(begin, cutoff.last + 1):
            if len(chosen) > first:
                break
            if not state.matched(reader, self.where, level):
                continue
            for urn, key in state.ordered(reader, self.where, level):
                if len(chosen) > first or (level == cutoff.last and cutoff.until is not None and urn > cutoff.until):
                    break
                if after is None or level > begin or urn > after.urn:
                    chosen.append((level, urn, key))
        self.has_more, self.shown = len(chosen) > first, chosen[:first]
        if self.question.with_paths:
            targets = [(key, level) for level, _, key in self.shown if level != state.source.beyond_at]
            self.paths = ShortestPaths(reader, state.walks, targets)

    def page(self, reader: Reader) -> ReachPage:
        """The finished page."""
        state, cutoff = self.state, self.cutoff
        counter: Counter[int] = Counter()
        visited = 0
        for level in range(1, cutoff.last + 1):
            counter.update(state.counts(reader, self.where, level, cutoff))
            is_cut = level == cutoff.last and cutoff.until is not None
            visited += state.counts(reader, None, level, cutoff).total() if is_cut else len(state.source.levels[level])
        end = state.position(*self.shown[-1][:2]) if self.shown else None
        cut_at = _last_visited(reader, state, cutoff) if cutoff.reason is not None else None
        if cut_at is not None and not self.has_more:
            end = cut_at
        has_next = self.has_more or cutoff.reason is not None
        reasons = {cutoff.reason} if cutoff.reason else set()
        if has_next:
            reasons.add(IncompleteReason.PAGE)
        if state.source.cut_at_depth and cutoff.reason is None:
            reasons.add(IncompleteReason.DEPTH)
        withheld = self._withheld(reader)
        if withheld:
            reasons.add(IncompleteReason.POLICY)
        if state.visited is not None:
            visited = state.visited
        return ReachPage(
            self._items(reader), counter.total(), kinds(counter), has_next, end, frozenset(reasons), visited, cut_at,
            withheld,
        )  # fmt: skip

    def _items(self, reader: Reader) -> tuple[Reached, ...]:
        keys = [key for _, _, key in self.shown]
        entities: dict[int, Entity | Restricted] = dict(reader.entities([key for key in keys if not is_masked(key)]))
        if reader.meets_hidden:
            entities |= reader.restricted([key for key in keys if is_masked(key)])
        paths = self.paths.paths(reader.associations(self.paths.associations))
        return tuple(
            Reached(
                entities[key],
                None if level == self.state.source.beyond_at else level,
                paths.get((key, level), ()),
            )
            for level, _, key in self.shown
        )

    def _withheld(self, reader: Reader) -> int | None:
        """The number of hidden entities that the walk met and does not show.

        None where there are none, where a limit cut the walk, and unless the groups of all of them allow the number.
        """
        met = self.state.source.withheld if self.cutoff.reason is None else set()
        return len(met) if met and reader.tell_withheld(met) else None


def reach_pages(reader: Reader, walked_questions: Sequence[tuple[WalkState, Reach]]) -> list[ReachPage]:
    """The page of each walk."""
    pages = [_Page(reader, state, question) for state, question in walked_questions]
    reader.prefetch_matches([page.unmatched() for page in pages])
    for page in pages:
        page.choose(reader)
    shown = {key for page in pages for _, _, key in page.shown}
    reader.prefetch_records(shown, {association for page in pages for association in page.paths.associations})
    return [page.page(reader) for page in pages]


def kinds(counter: Mapping[int, int]) -> dict[EntityKind, int]:
    """Counts by kind, in the order of kinds, from counts by code."""
    by_kind = {KINDS[code]: count for code, count in counter.items()}
    return {kind: by_kind[kind] for kind in EntityKind if kind in by_kind}


def _last_visited(reader: Reader, state: WalkState, cutoff: Cutoff) -> ReachPosition | None:
    if cutoff.until is not None:
        return state.position(cutoff.last, cutoff.until)
    # A level can be empty although a later one is not: a walk of BOTH may reach there only keys of the other walk.
    for level in range(cutoff.last, 0, -1):
        if ordered := state.ordered(reader, None, level):
            return state.position(level, ordered[-1][0])
    return None
