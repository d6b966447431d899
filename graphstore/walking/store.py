"""The reading verbs that are the same over any engine, given its reads."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from lineal.graphstore.errors import LimitExceeded
from lineal.graphstore.queries import AssociationsOf, Find, HistoryOf, PropertyKeys, Reach, ReachAssociations, Walk
from lineal.graphstore.records import Entity, View
from lineal.graphstore.store import AssociationPage, ReachPage, RevisionPage, Store
from lineal.graphstore.walking.cache import WalkCache
from lineal.graphstore.walking.crossings import Reading
from lineal.graphstore.walking.pages import among_page, associations_page, history_page
from lineal.graphstore.walking.reaching import Walked, reach_page

R = TypeVar("R", bound=Reading)
Result = TypeVar("Result")
Question = TypeVar("Question", Find, AssociationsOf, HistoryOf, PropertyKeys)
WalkQuestion = TypeVar("WalkQuestion", Reach, ReachAssociations)


class WalkingStore(Store, Generic[R]):
    """A store whose engine gives `Reading`s."""

    def __init__(self) -> None:
        self._walks = WalkCache()

    @abstractmethod
    async def _read(self, work: Callable[[Callable[[View], R]], Result]) -> Result:
        """Do some work on a worker thread, within one read; it is given what makes the reading of a view."""

    async def entities(self, view: View, ids: Sequence[str]) -> list[Entity | None]:
        def read(reading: R) -> list[Entity | None]:
            keys = reading.keys_of(ids)
            found = reading.entities(list(keys.values()))
            return [found[keys[id]] if id in keys else None for id in ids]

        return await self._read_view(view, read) if ids else []

    async def associations(self, questions: Sequence[AssociationsOf]) -> list[AssociationPage]:
        return await self._each(questions, associations_page)

    async def history(self, questions: Sequence[HistoryOf]) -> list[RevisionPage]:
        return await self._each(questions, history_page)

    async def reach(self, questions: Sequence[Reach]) -> list[ReachPage | None]:
        return await self._walk(questions, reach_page)

    async def reach_associations(self, questions: Sequence[ReachAssociations]) -> list[AssociationPage | None]:
        def page(reading: Reading, walked: Walked, question: ReachAssociations) -> AssociationPage:
            known = walked.known(reading, question.up_to, question.walk.limits)
            if known.reason is not None and question.up_to is None:
                raise LimitExceeded("the walk is cut by a limit, so what lies among it cannot be told: ask for less")
            return among_page(reading, walked, question)

        return await self._walk(questions, page)

    async def _walk(
        self, questions: Sequence[WalkQuestion], page: Callable[[Reading, Walked, WalkQuestion], Result]
    ) -> list[Result | None]:
        def read(reading_of: Callable[[View], R]) -> list[Result | None]:
            readings: dict[View, R] = {}
            answers: list[Result | None] = []
            for question in questions:
                walk = question.walk
                if walk.view not in readings:
                    readings[walk.view] = reading_of(walk.view)
                reading = readings[walk.view]
                walked = self._walks.get(walk)
                if walked is None or getattr(question, "with_paths", False):
                    reading.foresee(walk)
                walked = walked or _begun(reading, walk)
                if walked is None:
                    answers.append(None)
                    continue
                try:
                    with walked.lock:
                        answers.append(page(reading, walked, question))
                        if reading.is_settled:
                            self._walks.put(walk, walked)
                except BaseException:
                    self._walks.drop(walk)
                    raise
            return answers

        return await self._read(read) if questions else []

    async def _each(self, questions: Sequence[Question], answer: Callable[[R, Question], Result]) -> list[Result]:
        def read(reading_of: Callable[[View], R]) -> list[Result]:
            readings = {view: reading_of(view) for view in {question.view for question in questions}}
            return [answer(readings[question.view], question) for question in questions]

        return await self._read(read) if questions else []

    async def _read_view(self, view: View, read: Callable[[R], Result]) -> Result:
        return await self._read(lambda reading_of: read(reading_of(view)))


def _begun(reading: Reading, walk: Walk) -> Walked | None:
    starts, excluded = tuple(dict.fromkeys(walk.starts)), tuple(dict.fromkeys(walk.excluding))
    keys = reading.keys_of({*starts, *excluded})
    if any(id not in keys for id in (*starts, *excluded)):
        return None
    return Walked(reading, walk, [keys[id] for id in starts], [keys[id] for id in excluded])
