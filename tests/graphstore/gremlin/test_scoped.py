"""Scopes behind Gremlin: applied where the engine reads, and at no more journeys than without them."""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from operator import methodcaller
from typing import Any

import pytest
from engines import Engine, emptied
from gremlin_python.process.traversal import Bytecode
from hypothesis import given
from hypothesis import strategies as st
from record_builders import EPOCH, Down, association, entity, id_of, properties, urn

from lineal.auth.access_store import AccessChange, Membership
from lineal.auth.permissions import Permission
from lineal.auth.scopes import EVERYTHING, Boundary, Grant, GroupRule, Scope, default_group
from lineal.graphstore.batches import Batch, NewAssociation, NewEntity, NewRevision
from lineal.graphstore.gremlin import prefetcher
from lineal.graphstore.gremlin.client import GremlinClient
from lineal.graphstore.gremlin.property_keys import PROPERTY_KEY
from lineal.graphstore.gremlin.scope_steps import pattern
from lineal.graphstore.gremlin.vertex_ids import key_of_urn, vertex_of_key
from lineal.graphstore.kinds import AssociationType, EntityKind, LineageDirection, PropertyType
from lineal.graphstore.opening import open_store
from lineal.graphstore.queries import (
    AssociationFilter,
    AssociationsOf,
    BucketsOf,
    EntityFilter,
    Find,
    HistoryOf,
    MetricsOf,
    Operand,
    PropertyFilter,
    PropertyKeys,
    Reach,
    ReachAssociations,
    SeriesOf,
    StringFilter,
    Walk,
)
from lineal.graphstore.records import AsOf, View
from lineal.graphstore.store import Store
from lineal.graphstore.urns import entity_id, make_urn

ALL = frozenset({Permission.READ, Permission.READ_PROPERTIES, Permission.TRAVERSE})
OURS = GroupRule(default_group("a"), (Grant(ALL),))
SCOPES = {
    "readable": Scope.of([OURS]),
    "many groups": Scope.of([OURS, *(GroupRule(f"group {n}", (Grant(ALL),)) for n in range(1000))]),
    "some kinds": Scope.of([GroupRule(OURS.group, (Grant(ALL, frozenset({"DATASET", "MODEL"})),))]),
    "forbidden elsewhere": Scope.of([OURS, GroupRule("group", (), frozenset({Permission.READ}))]),
    "redacted": Scope.of([GroupRule(OURS.group, (Grant(ALL, redacted=frozenset({"n"})),))]),
    "limited": Scope.of([GroupRule(OURS.group, (Grant(ALL, directions=frozenset({"DESCENDANTS"}), depth=2),))]),
}
SECRET = "zz-secret"
"""In every text of what is hidden."""
HIDDEN = make_urn("b", EntityKind.DATASET, SECRET, None)
CUT = make_urn("c", EntityKind.DATASET, SECRET, None)
LR = PropertyFilter("lr", gt=Operand(PropertyType.FLOAT, 0.1))
N = PropertyFilter("n", exists=True)
WALKS: list[dict[str, Any]] = [
    {},
    {"depth": 2},
    {"stop_at": EntityFilter(property=(PropertyFilter("n", eq=Operand(PropertyType.INTEGER, 3)),))},
    {"stop_at": EntityFilter(tag=("late",))},
    {"via": AssociationFilter(role=StringFilter(exists=False), property=(PropertyFilter("x", exists=False),))},
]


@dataclass
class Watched:
    """A store of a graph with what is hidden in the midst of it, and all its server answered, journey by journey."""

    store: Store
    answers: list[str] = field(default_factory=list)
    sent: list[list[Any]] = field(default_factory=list)
    """The instructions of every traversal, in the order sent."""

    @property
    def told(self) -> str:
        """All that was answered."""
        return "".join(self.answers)

    async def all_of(self, scope: Scope) -> list[int]:
        """Ask everything there is to ask under a scope; how many journeys each question made."""
        view = View(scope, AsOf(await self.store.watermark()))
        results = []
        for question in _questions(view):
            before = len(self.answers)
            await question(self.store)
            results.append(len(self.answers) - before)
        return results


def _questions(view: View) -> Iterator[methodcaller]:
    for direction in LineageDirection:
        for asked in WALKS:
            walk = Walk(view, (id_of("root"),), direction, **asked)
            for where in (None, EntityFilter(property=(LR,)), EntityFilter(property=(N,))):
                yield methodcaller("reach", [Reach(walk, where, 100, None, True)])
            yield methodcaller("reach_associations", [ReachAssociations(walk)])
        yield methodcaller("reach", [Reach(Walk(view, (entity_id(HIDDEN),), direction))])
    ids = [*(id_of(name) for name in "abcd"), entity_id(HIDDEN), entity_id(CUT)]
    yield methodcaller("entities", view, ids)
    yield methodcaller("associations", [AssociationsOf(view, id) for id in ids])
    yield methodcaller("history", [HistoryOf(view, id) for id in ids])
    for where in (EntityFilter(), EntityFilter(property=(LR,)), EntityFilter(name=StringFilter(in_=("a", SECRET)))):
        yield methodcaller("find", [Find(view, where)])


@pytest.fixture
async def watched(graph_server: Engine, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watched]:
    await emptied(graph_server.url)
    async with await open_store(graph_server.url) as store:
        await store.record(_graph(), by="me")
        watched_store = Watched(store)
        wait = GremlinClient.wait

        def watching(server: GremlinClient, *steps: Any) -> list[list[Any]]:
            watched_store.sent += [each.bytecode.step_instructions for each in steps]
            answers = wait(server, *steps)
            if steps:
                watched_store.answers.append(repr(answers))
            return answers

        monkeypatch.setattr(GremlinClient, "wait", watching)
        yield watched_store


def _graph() -> Batch:
    """`root>a>b>c>d` and `a=c`, with secrets between, before and behind them; half of the entities are revised."""
    names = ["root", *"abcd"]
    entities = [entity(name, properties=properties(lr=0.5, n=index)) for index, name in enumerate(names)]
    associations = [association(*pair) for pair in pairwise(names)] + [association("a", "c", AssociationType.SAME_AS)]
    revisions = [NewRevision(urn(name), tags=("late",), properties=properties(n=7)) for name in names[::2]]
    secrets = properties(**{SECRET: SECRET})
    entities += [
        NewEntity(account, EntityKind.DATASET, SECRET, None, None, SECRET, None, None, (SECRET,), secrets, EPOCH)
        for account in "bc"
    ]
    associations += [
        NewAssociation(source, destination, AssociationType.CONTRIBUTED_TO, SECRET, secrets, EPOCH)
        for source, destination in (
            (urn("root"), HIDDEN), (HIDDEN, urn("c")), (urn("b"), HIDDEN), (HIDDEN, urn("root")), (urn("a"), CUT),
        )
    ]  # fmt: skip
    return Batch(tuple(entities), tuple(associations), (*revisions, NewRevision(HIDDEN, description=SECRET)))


def _every_read(view: View) -> Iterator[methodcaller]:
    """A question of every verb that reads a view."""
    yield from _questions(view)
    yield methodcaller("metrics", [MetricsOf(view, id_of("a"))])
    yield methodcaller("series", [SeriesOf(view, id_of("a"), "loss", 10)])
    yield methodcaller("buckets", [BucketsOf(view, id_of("a"), "loss", 10)])
    yield methodcaller("property_keys", [PropertyKeys(view, "")])


def _is_empty(answer: Any) -> bool:
    """Whether a verb's answer holds no record, or is not there."""
    match answer:
        case None | () | []:
            return True
        case list() | tuple():
            return all(map(_is_empty, answer))
        case _:
            return not answer.items and answer.total == 0


@pytest.mark.parametrize(
    ("scope", "at", "most_sent"),
    [(Scope.of([]), None, 0), (EVERYTHING, 0, None)],
    ids=["a scope of nothing", "before everything"],
)
async def test_no_verb_shows_a_hidden_entity(
    watched: Watched, scope: Scope, at: int | None, most_sent: int | None
) -> None:
    view = View(scope, AsOf(await watched.store.watermark() if at is None else at))
    for question in _every_read(view):
        assert _is_empty(await question(watched.store)), question
    assert [part async for part in watched.store.export(view)] == []
    assert most_sent is None or len(watched.sent) == most_sent


EDGES = {"outE", "inE", "bothE", "out", "in", "both"}


def _hops(instructions: list[Any], following: Sequence[Any] = ()) -> Iterator[tuple[str, list[Any]]]:
    """The steps to vertices and edges, with the steps that follow before the next of these, at any depth.

    `following` are the steps that the results go on to.
    """
    whole = [*instructions, *following]
    places = [at for at, (name, *_) in enumerate(whole) if name in EDGES | {"V"}]
    for at, end in pairwise([*places, len(whole)]):
        if at < len(instructions):
            yield whole[at][0], whole[at:end]
    for at, (name, *arguments) in enumerate(instructions):
        for each in arguments:
            if isinstance(each, Bytecode):
                # What a union finds goes on to the steps after it; what a condition finds does not.
                yield from _hops(each.step_instructions, whole[at + 1 :] if name == "union" else ())


async def test_every_traversal_passes_through_visibility(watched: Watched) -> None:
    """Edges are tested for their times, vertices for their groups; unless an answer has shown the vertices before."""
    view = View(SCOPES["readable"], AsOf(await watched.store.watermark(), EPOCH))
    watched.sent.clear()
    for question in _every_read(view):
        sent = len(watched.sent)
        await question(watched.store)
        shown = {vertex_of_key(key_of_urn(urn)) for urn in re.findall(r"lineal:\w+:\w+:\w+", watched.told)}
        for instructions in watched.sent[sent:]:
            for name, steps in _hops(instructions):
                text = str(steps)
                if name == "V":
                    is_noted = ["has", "part", PROPERTY_KEY] in steps
                    assert "'group'" in text or is_noted or set(steps[0][1]) <= shown, text
                else:
                    assert "['has', 'recorded_at', lte(" in text, text
                    assert "['has', 'occurred_at', lte(" in text, text


@given(st.sets(st.text("0123456789", min_size=1, max_size=4), min_size=1, max_size=30))
def test_a_pattern_matches_exactly_its_words(words: set[str]) -> None:
    match = re.compile(pattern(words))
    assert all(match.search(word) for word in words)
    near = {word + "0" for word in words} | {word[:-1] for word in words} | {"1" + word for word in words}
    assert not any(match.search(word) for word in near - words)


@pytest.mark.parametrize("most_loaded", [prefetcher.MOST_LOADED, 1])
async def test_a_scope_adds_no_round_trip(watched: Watched, monkeypatch: pytest.MonkeyPatch, most_loaded: int) -> None:
    monkeypatch.setattr(prefetcher, "MOST_LOADED", most_loaded)
    without = await watched.all_of(EVERYTHING)
    for name, scope in SCOPES.items():
        created = await watched.all_of(scope)
        assert all(mine <= most for mine, most in zip(created, without, strict=True)), name


async def test_masked_entities_within_a_depth_add_no_round_trip(watched: Watched) -> None:
    masked = Scope.of([OURS, GroupRule(default_group("b"), boundary=Boundary.MASK)], b"mask")
    results = []
    for scope in (EVERYTHING, masked):
        walk = Walk(View(scope, AsOf(await watched.store.watermark())), (id_of("root"),), Down, depth=2)
        before = len(watched.answers)
        (page,) = await watched.store.reach([Reach(walk, None, 100, None, with_paths=True)])
        results.append(len(watched.answers) - before)
    assert page is not None
    assert EntityKind.RESTRICTED in page.counts
    assert results[1] <= results[0]


@pytest.mark.parametrize("name", SCOPES)
async def test_hidden_entities_never_leave_the_server(watched: Watched, name: str) -> None:
    """Not even to be dropped: nothing of it is in any answer of the server."""
    await watched.all_of(SCOPES[name])
    view = View(SCOPES[name], AsOf(await watched.store.watermark()))
    assert [part async for part in watched.store.export(view)]
    assert watched.answers
    assert SECRET not in watched.told
    await watched.all_of(EVERYTHING)
    assert SECRET in watched.told, "nothing is hidden from a scope of everything"


@pytest.mark.parametrize("boundary", [Boundary.MASK, Boundary.BRIDGE])
async def test_only_urns_of_masked_entities_leave_the_server(watched: Watched, boundary: Boundary) -> None:
    scope = Scope.of([OURS, GroupRule(default_group("b"), boundary=boundary)], b"mask")
    await watched.all_of(scope)
    assert SECRET not in watched.told.replace(HIDDEN, "")
    assert (HIDDEN in watched.told) is (boundary is Boundary.MASK)
    assert str(vertex_of_key(key_of_urn(HIDDEN))) in watched.told
    assert str(vertex_of_key(key_of_urn(CUT))) not in watched.told, "what is cut is as if it were not there"


async def test_property_keys_are_those_of_readable_entities(watched: Watched) -> None:
    """Which are noted does not tell of whom they are, so the names come; what is answered is the caller's own."""
    at = AsOf(await watched.store.watermark())
    keys = {
        name: (await watched.store.property_keys([PropertyKeys(View(scope, at), "")]))[0]
        for name, scope in (SCOPES | {"everything": EVERYTHING}).items()
    }
    assert keys.pop("everything") == ["lr", "n", SECRET]
    assert keys.pop("redacted") == ["lr"]
    assert set(map(tuple, keys.values())) == {("lr", "n")}


async def test_visibility_follows_the_current_groups(watched: Watched) -> None:
    store, scope = watched.store, Scope.of([GroupRule("shared", (Grant(ALL),))])
    view = View(scope, AsOf(await store.watermark()))

    async def seen() -> list[str]:
        (page,) = await store.find([Find(view)])
        return [each.name for each in page.items]

    for members in (["a", "b"], ["b"]):
        joins = tuple(Membership("shared", id_of(name)) for name in members)
        leaves = tuple(Membership("shared", id_of(name)) for name in "abcd" if name not in members)
        epoch = (await store.newest()).epoch
        await store.change_access(AccessChange(joins=joins, leaves=leaves), epoch=epoch)
        assert await seen() == members
