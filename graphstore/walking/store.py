"""The reading verbs that are the same over any engine, given its reads."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Generic, TypeVar

from lineal.graphstore.errors import LimitExceeded
from lineal.graphstore.queries import (
    AssociationsOf,
    BucketsOf,
    Find,
    HistoryOf,
    MetricsOf,
    Reach,
    ReachAssociations,
    SeriesOf,
    Walk,
)
from lineal.graphstore.records import Entity, View
from lineal.graphstore.store import AssociationPage, ReachPage, RevisionPage, Store
from lineal.graphstore.walking.pages import among_pages, associations_pages, history_pages
from lineal.graphstore.walking.reach_pages import WalkState, reach_pages
from lineal.graphstore.walking.reader_protocol import Reader
from lineal.graphstore.walking.walk_cache import WalkCache

R = TypeVar("R", bound=Reader)
Result = TypeVar("Result")
Asked = Find | AssociationsOf | HistoryOf | MetricsOf | SeriesOf | BucketsOf | Reach | ReachAssociations
Question = TypeVar("Question", bound=Asked)
WalkQuestion = TypeVar("WalkQuestion", bound=Reach | ReachAssociations)


class WalkingStore(Store, Generic[R]):
    """A store whose engine gives `Reader`s."""

    def __init__(self) -> None:
        self._walks = WalkCache()

    @abstractmethod
    async def _read(self, work: Callable[[Callable[[View], R]], Result]) -> Result:
        """Do some work on a worker thread, within one read; it is given what makes the reading of a view."""

    async def _read_large(self, work: Callable[[Callable[[View], R]], Result]) -> Result:
        """Do work that may take long, in which case small reads should not wait behind it."""
        return await self._read(work)

    async def entities(self, view: View, ids: Sequence[str]) -> list[Entity | None]:
        def read(reader: R) -> list[Entity | None]:
            keys = reader.keys_of(ids)
            found = reader.entities(list(keys.values()))
            return [found[keys[id]] if id in keys else None for id in ids]

        return await self._read_view(view, read) if ids else []

    async def associations(self, questions: Sequence[AssociationsOf]) -> list[AssociationPage]:
        return await self._each(questions, associations_pages)

    async def history(self, questions: Sequence[HistoryOf]) -> list[RevisionPage]:
        return await self._each(questions, history_pages)

    async def reach(self, questions: Sequence[Reach]) -> list[ReachPage | None]:
        return await self._walk(questions, reach_pages)

    async def reach_associations(self, questions: Sequence[ReachAssociations]) -> list[AssociationPage | None]:
        def pages(reader: Reader, asked: Sequence[tuple[WalkState, ReachAssociations]]) -> list[AssociationPage]:
            for walked, question in asked:
                known = walked.known(reader, question.up_to, question.walk.limits)
                if known.reason is not None and question.up_to is None:
                    raise LimitExceeded(
                        "the walk is cut by a limit, so what lies among it cannot be told: ask for less"
                    )
            return among_pages(reader, asked)

        return await self._walk(questions, pages)

    async def _walk(
        self,
        questions: Sequence[WalkQuestion],
        pages: Callable[[Reader, Sequence[tuple[WalkState, WalkQuestion]]], list[Result]],
    ) -> list[Result | None]:
        return await self._each(questions, lambda reader, asked: self._walked(reader, asked, pages), large=True)

    def _walked(
        self,
        reader: R,
        questions: Sequence[WalkQuestion],
        pages: Callable[[Reader, Sequence[tuple[WalkState, WalkQuestion]]], list[Result]],
    ) -> list[Result | None]:
        walks = list(dict.fromkeys(question.walk for question in questions))
        kept = {walk: self._walks.get(walk) for walk in walks}
        traced = {question.walk for question in questions if isinstance(question, Reach) and question.with_paths}
        finished = {walk for walk, walked in kept.items() if walked is not None and walked.source.finished}
        shown = {question.walk: _shown(question) for question in questions}
        begins = [walk for walk in walks if walk not in finished or walk in traced]
        reader.prefetch_walks([(walk, 0 if walk in finished else shown[walk]) for walk in begins])
        begun = {walk: kept[walk] or _begun(reader, walk) for walk in walks}
        there = {walk: walked for walk, walked in begun.items() if walked is not None}
        try:
            with ExitStack() as stack:
                # In one order, so that no two calls each hold what the other waits for.
                for walked in sorted(there.values(), key=id):
                    stack.enter_context(walked.lock)
                asked = [(there[question.walk], question) for question in questions if question.walk in there]
                made = iter(pages(reader, asked))
                if reader.is_settled:
                    for walk, walked in there.items():
                        self._walks.put(walk, walked)
        except BaseException:
            for walk in walks:
                self._walks.drop(walk)
            raise
        return [next(made) if question.walk in there else None for question in questions]

    async def _each(
        self,
        questions: Sequence[Question],
        answer: Callable[[R, Sequence[Question]], list[Result]],
        *,
        large: bool = False,
    ) -> list[Result]:
        """Answer the questions of each view together; as a large read where it may take long."""

        def read(reader_of: Callable[[View], R]) -> list[Result]:
            views: dict[View, list[int]] = {}
            for index, question in enumerate(questions):
                views.setdefault(_view(question), []).append(index)
            answers: dict[int, Result] = {}
            for view, indices in views.items():
                found = answer(reader_of(view), [questions[index] for index in indices])
                answers.update(zip(indices, found, strict=True))
            return [answers[index] for index in range(len(questions))]

        if not questions:
            return []
        return await (self._read_large(read) if large else self._read(read))

    async def _read_view(self, view: View, read: Callable[[R], Result], *, large: bool = False) -> Result:
        def work(reader_of: Callable[[View], R]) -> Result:
            return read(reader_of(view))

        return await (self._read_large(work) if large else self._read(work))


def _shown(question: Reach | ReachAssociations) -> int | None:
    """How many of the nearest that a walk reaches are shown; None if it is not the nearest."""
    if isinstance(question, ReachAssociations):
        return 0
    return question.first if question.where is None and question.after is None else None


def _view(question: Asked) -> View:
    return question.walk.view if isinstance(question, Reach | ReachAssociations) else question.view


def _begun(reader: Reader, walk: Walk) -> WalkState | None:
    starts, excluded = tuple(dict.fromkeys(walk.starts)), tuple(dict.fromkeys(walk.excluding))
    keys = reader.keys_of({*starts, *excluded})
    if any(id not in keys for id in (*starts, *excluded)):
        return None
    return WalkState(reader, walk, [keys[id] for id in starts], [keys[id] for id in excluded])
