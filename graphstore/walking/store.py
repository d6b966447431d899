"""The read verbs that are the same on every engine, built on its `Reader`."""

from abc import abstractmethod
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Generic, TypeAlias, TypeVar

from lineal.graphstore.errors import LimitExceeded
from lineal.graphstore.queries import (
    AssociationsOf,
    BucketsOf,
    Find,
    HistoryOf,
    MetricsOf,
    PropertyKeys,
    Reach,
    ReachAssociations,
    SeriesOf,
    Walk,
)
from lineal.graphstore.records import Entity, View
from lineal.graphstore.store import AssociationPage, ReachPage, RevisionPage, Store
from lineal.graphstore.walking.pages import among_pages, associations_pages, history_pages
from lineal.graphstore.walking.reach_pages import reach_pages
from lineal.graphstore.walking.reader_protocol import Reader
from lineal.graphstore.walking.walk_cache import StateFailed, WalkCache
from lineal.graphstore.walking.walk_state import WalkState

R = TypeVar("R", bound=Reader)
Result = TypeVar("Result")
Asked = Find | AssociationsOf | HistoryOf | MetricsOf | SeriesOf | BucketsOf | PropertyKeys | Reach | ReachAssociations
Question = TypeVar("Question", bound=Asked)
WalkQuestion = TypeVar("WalkQuestion", bound=Reach | ReachAssociations)
Pages: TypeAlias = Callable[[Reader, Sequence[tuple[WalkState, WalkQuestion]]], list[Result]]


class WalkingStore(Store, Generic[R]):
    """A store with an engine that reads through `Reader`s."""

    def __init__(self) -> None:
        self._walks = WalkCache()

    @abstractmethod
    async def _read(self, work: Callable[[Callable[[View], R]], Result]) -> Result:
        """Run work on a worker thread, within one read; its argument makes the reader of a view."""

    async def _prepare(self, views: Collection[View]) -> None:
        """Prepare reads of views, on the event loop."""

    async def _read_large(self, work: Callable[[Callable[[View], R]], Result]) -> Result:
        """Do work that may take long, in which case small reads should not wait behind it."""
        return await self._read(work)

    async def entities(self, view: View, ids: Sequence[str]) -> list[Entity | None]:
        def read(reader: R) -> list[Entity | None]:
            keys = reader.keys_of(ids)
            entities = reader.entities(list(keys.values()))
            return [entities[keys[id]] if id in keys else None for id in ids]

        return await self._read_view(view, read) if ids else []

    async def associations(self, questions: Sequence[AssociationsOf]) -> list[AssociationPage]:
        return await self._each(questions, associations_pages)

    async def history(self, questions: Sequence[HistoryOf]) -> list[RevisionPage]:
        return await self._each(questions, history_pages)

    async def reach(self, questions: Sequence[Reach]) -> list[ReachPage | None]:
        return await self._walk(questions, reach_pages)

    async def reach_associations(self, questions: Sequence[ReachAssociations]) -> list[AssociationPage | None]:
        def pages(
            reader: Reader, walked_questions: Sequence[tuple[WalkState, ReachAssociations]]
        ) -> list[AssociationPage]:
            for state, question in walked_questions:
                cutoff = state.walk_on(reader, question.up_to, question.walk.limits)
                if cutoff.reason is not None and question.up_to is None:
                    raise LimitExceeded(
                        "a limit cut the walk, so its associations are incomplete: request a smaller walk"
                    )
            return among_pages(reader, walked_questions)

        return await self._walk(questions, pages)

    async def _walk(self, questions: Sequence[WalkQuestion], pages: Pages[WalkQuestion, Result]) -> list[Result | None]:
        def answer(reader: R, walk_questions: Sequence[WalkQuestion]) -> list[Result | None]:
            while True:
                with suppress(StateFailed):
                    return self._answered(reader, walk_questions, pages)

        return await self._each(questions, answer, large=True)

    def _answered(
        self, reader: R, questions: Sequence[WalkQuestion], pages: Pages[WalkQuestion, Result]
    ) -> list[Result | None]:
        """The pages of the questions, in their order. Raises StateFailed where another call has failed in a state."""
        walks = list(dict.fromkeys(question.walk for question in questions))
        cached = {walk: self._walks.get(walk) for walk in walks}
        traced = {question.walk for question in questions if isinstance(question, Reach) and question.with_paths}
        finished = {walk for walk, state in cached.items() if state is not None and state.source.finished}
        shown = {question.walk: _shown_count(question) for question in questions}
        begins = [walk for walk in walks if walk not in finished or walk in traced]
        reader.prefetch_walks([(walk, 0 if walk in finished else shown[walk]) for walk in begins])
        states = {walk: cached[walk] or _begin(reader, walk) for walk in walks}
        present = {walk: state for walk, state in states.items() if state is not None}
        with self._walks.held(present.values(), keep=reader.is_settled):
            walked_questions = [
                (present[question.walk], question) for question in questions if question.walk in present
            ]
            answers = iter(pages(reader, walked_questions))
        return [next(answers) if question.walk in present else None for question in questions]

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
                results = answer(reader_of(view), [questions[index] for index in indices])
                answers.update(zip(indices, results, strict=True))
            return [answers[index] for index in range(len(questions))]

        if not questions:
            return []
        await self._prepare({_view(question) for question in questions})
        return await (self._read_large(read) if large else self._read(read))

    async def _read_view(self, view: View, read: Callable[[R], Result], *, large: bool = False) -> Result:
        def work(reader_of: Callable[[View], R]) -> Result:
            return read(reader_of(view))

        await self._prepare([view])
        return await (self._read_large(work) if large else self._read(work))


def _shown_count(question: Reach | ReachAssociations) -> int | None:
    """The number of nearest entities that the page shows; None if it shows others."""
    if isinstance(question, ReachAssociations):
        return 0
    return question.first if question.where is None and question.after is None else None


def _view(question: Asked) -> View:
    return question.walk.view if isinstance(question, Reach | ReachAssociations) else question.view


def _begin(reader: Reader, walk: Walk) -> WalkState | None:
    starts, excluded = tuple(dict.fromkeys(walk.starts)), tuple(dict.fromkeys(walk.excluding))
    keys = reader.keys_of({*starts, *excluded})
    if any(id not in keys for id in (*starts, *excluded)):
        return None
    return WalkState(reader, walk, [keys[id] for id in starts], [keys[id] for id in excluded])
