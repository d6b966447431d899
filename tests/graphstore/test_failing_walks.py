"""A read that fails in the middle of a walk leaves nothing behind: the next answer is that of an untouched store."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
from record_builders import Both, Connected, Down, Up, entity, graph, id_of

from lineal.auth.access_store import AccessChange, Membership
from lineal.auth.permissions import Permission
from lineal.auth.scopes import EVERYTHING, Boundary, Grant, GroupRule, Scope, default_group
from lineal.graphstore.batches import Batch
from lineal.graphstore.embedded.memory.adjacency_cache import AdjacencyCache
from lineal.graphstore.embedded.store import EmbeddedStore
from lineal.graphstore.errors import LimitExceeded, Unavailable
from lineal.graphstore.kinds import Combine
from lineal.graphstore.opening import open_store
from lineal.graphstore.queries import EntityFilter, Limits, Reach, ReachAssociations, StringFilter, Walk
from lineal.graphstore.records import AsOf, View
from lineal.graphstore.walking.walk_cache import WalkCache
from lineal.graphstore.walking.walk_state import WalkState


class Interrupted(BaseException):
    """What a cancelled or interrupted thread raises."""


ERRORS = [Unavailable, LimitExceeded, Interrupted]


class FailAt:
    """Raises an error at one of the reads that readers count here."""

    def __init__(self, at: int, error: BaseException) -> None:
        self.at, self.error, self.reads = at, error, 0

    def count(self) -> None:
        self.reads += 1
        if self.reads == self.at:
            raise self.error


class FailingReader:
    """A reader whose every read is counted."""

    def __init__(self, reader: Any, failure: FailAt) -> None:
        self._reader, self._failure = reader, failure

    def __getattr__(self, name: str) -> Any:
        read = getattr(self._reader, name)
        if not callable(read):
            return read

        def counted(*arguments: Any) -> Any:
            self._failure.count()
            return read(*arguments)

        return counted


class StaleCache(WalkCache):
    """Gives a state that was kept before a call failed once more: to a call that waited for it meanwhile."""

    stale: WalkState | None = None

    def get(self, walk: Walk) -> WalkState | None:
        stale, self.stale = self.stale, None
        return stale if stale is not None and stale.walk == walk else super().get(walk)


def named(*names: str) -> EntityFilter:
    return EntityFilter(name=StringFilter(in_=names))


GRAPH = graph(
    "a>b>c>d>e", "b>x>y>c", "c>a", "d=z", "z>w", "a>h1>k>l", "c>h2>h3>m", "m>n>o", "n>h1", "k>b", "p>b", "q>x"
)
HIDDEN = ("h1", "h2", "h3")


async def opened(boundary: Boundary | None) -> tuple[EmbeddedStore, View]:
    store = await open_store("memory:")
    assert isinstance(store, EmbeddedStore)
    await store.record(GRAPH, by="me")
    await store.record(Batch((entity("alone"),)), by="me")
    scope = EVERYTHING
    if boundary is not None:
        joins = tuple(Membership("secret", id_of(name)) for name in HIDDEN)
        await store.change_access(AccessChange(joins=joins), epoch=(await store.newest()).epoch)
        allowed = Grant(frozenset({Permission.READ, Permission.TRAVERSE}))
        hidden = GroupRule("secret", (), frozenset({Permission.READ}), boundary, tells_withheld=True)
        scope = Scope.of([GroupRule(default_group("a"), (allowed,)), hidden], b"key")
    return store, View(scope, AsOf(await store.watermark()))


WALKS: list[Callable[[View], Walk]] = [
    lambda view: Walk(view, (id_of("a"),), Down),
    lambda view: Walk(view, (id_of("a"),), Down, depth=2),
    lambda view: Walk(view, (id_of("d"),), Up, stop_at=named("b", "h1")),
    lambda view: Walk(view, (id_of("b"), id_of("m")), Both, depth=3, stop_at=named("k")),
    lambda view: Walk(view, (id_of("c"),), Both),
    lambda view: Walk(view, (id_of("l"),), Connected, stop_at=named("x")),
    lambda view: Walk(view, (id_of("a"), id_of("p")), Down, combine=Combine.INTERSECTION, depth=4),
    lambda view: Walk(view, (id_of("a"),), Both, excluding=(id_of("q"),)),
]


async def conversation(
    store: EmbeddedStore, walk: Walk, visits: int, failure: FailAt, reused: bool
) -> AsyncIterator[Any]:
    """The pages of a walk and of its associations to the last; a call that fails is made once more."""
    cache = StaleCache()
    store._walks = cache

    async def ask(verb: str, question: Any) -> Any:
        before = cache.get(walk)
        try:
            (answer,) = await getattr(store, verb)([question])
        except (Unavailable, LimitExceeded, Interrupted):
            cache.stale = before
            if reused and before is not None:
                before.failed = False
            (answer,) = await getattr(store, verb)([question])
            if before is not None and before.failed:
                assert cache.get(walk) is not before
        return answer

    walk = replace(walk, limits=Limits(visits=visits))
    for where in (None, named("c", "e", "m", "k", "restricted", "w")):
        page, after = None, None
        while page is None or page.has_next:
            page = await ask("reach", Reach(walk, where, 3, after, with_paths=where is None))
            yield page
            after = page.end
            if page.cut_at is not None:
                yield await ask("reach_associations", ReachAssociations(walk, 100, None, page.cut_at))
    walk = replace(walk, limits=Limits())
    yield await ask("reach_associations", ReachAssociations(walk))


CASES: list[tuple[Boundary | None, int]] = [
    *((None, number) for number in (1, 3, 5, 6)),
    *((Boundary.MASK, number) for number in (0, 2, 4, 7)),
    *((Boundary.BRIDGE, number) for number in (0, 4)),
    *((Boundary.CUT, number) for number in (0, 3)),
]


@pytest.mark.slow
@pytest.mark.parametrize("reused", [False, True])
@pytest.mark.parametrize(("boundary", "number"), CASES)
async def test_a_failure_at_any_read_changes_no_answer(
    monkeypatch: pytest.MonkeyPatch, boundary: Boundary | None, number: int, reused: bool
) -> None:
    """A call that waited for a state in which another call failed begins the walk again.

    `reused`: it goes on with the state all the same, since a computation that fails leaves nothing half done.
    """
    if boundary in (Boundary.CUT, Boundary.BRIDGE):
        monkeypatch.setattr(AdjacencyCache, "at", lambda present, connection: None)
    store, view = await opened(boundary)
    walk = WALKS[number](view)
    failure = FailAt(0, Unavailable(""))

    async def failing(work: Callable[[Callable[[View], Any]], Any]) -> Any:
        with store._database.snapshot() as connection:
            return work(lambda view: FailingReader(store._reader(connection, view), failure))

    monkeypatch.setattr(store, "_read_large", failing)
    async with store:
        visits = 1_000_000 if walk.combine is Combine.INTERSECTION or walk.excluding else 4
        right = [answer async for answer in conversation(store, walk, visits, failure, reused)]
        reads = failure.reads
        assert reads > 10
        for at in range(1, reads + 1):
            failure = FailAt(at, ERRORS[at % len(ERRORS)]("here"))
            answers = []
            async for answer in conversation(store, walk, visits, failure, reused):
                answers.append(answer)
                if failure.reads >= at + 2 * reads // len(right):
                    break
            assert answers == right[: len(answers)], at
            assert failure.reads >= at


@pytest.mark.parametrize("error", ERRORS)
async def test_a_state_in_which_a_call_failed_is_never_used_again(
    monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    store, view = await opened(None)
    async with store:
        question = Reach(Walk(view, (id_of("a"),), Down), first=1)
        (page,) = await store.reach([question])
        cache = store._walks = StaleCache()
        await store.reach([question])
        state = cache.get(question.walk)
        assert state is not None
        assert page is not None
        with monkeypatch.context() as patched:
            patched.setattr(WalkState, "ordered", lambda *_: (_ for _ in ()).throw(error("here")))
            with pytest.raises(error):
                await store.reach([replace(question, after=page.end)])
        assert state.failed
        assert cache.get(question.walk) is None
        cache.stale = state
        assert await store.reach([question]) == [page]
        assert cache.get(question.walk) not in (None, state)
