"""Walks, over every engine: distances, cycles, limits, pages, paths."""

from collections.abc import Iterable

import pytest
from record_builders import Both, Connected, Down, Up, association, distances, entity, graph, id_of, now, reach, urn

from lineal.auth.access_store import AccessChange, Membership
from lineal.auth.permissions import Permission
from lineal.auth.scopes import Boundary, Grant, GroupRule, Scope, default_group
from lineal.graphstore.batches import Batch, NewAssociation
from lineal.graphstore.errors import LimitExceeded
from lineal.graphstore.kinds import AssociationType, Combine, EntityKind, IncompleteReason
from lineal.graphstore.queries import (
    AssociationFilter,
    EntityFilter,
    Limits,
    Reach,
    ReachAssociations,
    ReachPosition,
    StringFilter,
    Walk,
)
from lineal.graphstore.records import AsOf, Association, View
from lineal.graphstore.store import Store
from lineal.graphstore.urns import entity_id


def named(*names: str) -> EntityFilter:
    return EntityFilter(name=StringFilter(in_=names))


def hops(path: Iterable[Association]) -> list[str]:
    return [f"{a.source_urn.rsplit(':')[-1]}>{a.destination_urn.rsplit(':')[-1]}" for a in path]


async def test_least_distances_where_a_short_cut_leads_to_the_far_end(store: Store) -> None:
    await store.record(graph("root>a>b>c>x>y", "root>x"), by="me")
    assert distances(await reach(store, "root")) == {"a": 1, "x": 1, "b": 2, "y": 2, "c": 3}
    assert distances(await reach(store, "y", direction=Up)) == {"x": 1, "c": 2, "root": 2, "b": 3, "a": 4}
    assert distances(await reach(store, "root", depth=1)) == {"a": 1, "x": 1}


async def test_thirty_stacked_diamonds_end(store: Store) -> None:
    edges = []
    for level in range(30):
        edges += [f"{level}>{level}l>{level + 1}", f"{level}>{level}r>{level + 1}"]
    await store.record(graph(*edges), by="me")
    page = await reach(store, "0", with_paths=True, first=100)
    assert (page.total, page.visited) == (90, 90)
    (last,) = [item for item in page.items if item.entity.name == "30"]
    assert last.distance == 60
    assert hops(last.path) == [hop for n in range(30) for hop in (f"{n}>{n}l", f"{n}l>{n + 1}")]


async def test_cycles_end_and_a_start_is_reached_only_round_one(store: Store) -> None:
    await store.record(graph("a>b>c>a", "c>d"), by="me")
    page = await reach(store, "a", with_paths=True)
    assert distances(page) == {"b": 1, "c": 2, "a": 3, "d": 3}
    assert hops(next(item.path for item in page.items if item.entity.name == "a")) == ["a>b", "b>c", "c>a"]
    assert distances(await reach(store, "d")) == {}
    assert distances(await reach(store, "a", "b")) == {"b": 1, "c": 1, "a": 2, "d": 2}


async def test_same_as_is_crossed_both_ways_and_never_reaches_a_start(store: Store) -> None:
    await store.record(graph("a>b", "b=c", "c>d", "e>c"), by="me")
    assert distances(await reach(store, "a")) == {"b": 1, "c": 2, "d": 3}
    assert distances(await reach(store, "b")) == {"c": 1, "d": 2}
    assert distances(await reach(store, "c")) == {"b": 1, "d": 1}
    assert distances(await reach(store, "c", direction=Up)) == {"b": 1, "e": 1, "a": 2}
    assert distances(await reach(store, "b", "c")) == {"d": 1}


async def test_both_and_connected(store: Store) -> None:
    await store.record(graph("a>b>c", "b>d", "e>c"), by="me")
    assert distances(await reach(store, "b", direction=Both)) == {"a": 1, "c": 1, "d": 1}
    assert distances(await reach(store, "b", direction=Connected)) == {"a": 1, "c": 1, "d": 1, "e": 2}
    assert distances(await reach(store, "b", "c", direction=Connected)) == {"a": 1, "d": 1, "e": 1}


async def test_where_never_prunes_and_stop_at_does_not_hide(store: Store) -> None:
    await store.record(graph("a>b>c>d", "b>e"), by="me")
    assert distances(await reach(store, "a", where=named("d"))) == {"d": 3}
    assert distances(await reach(store, "a", stop_at=named("b"))) == {"b": 1}
    assert distances(await reach(store, "a", stop_at=named("a", "c"))) == {"b": 1, "c": 2, "e": 2}


TRAIN = AssociationFilter(role=StringFilter(eq="train"))


async def test_first_hop_filters_what_leaves_the_starts_and_nothing_else(store: Store) -> None:
    """The case of the API: the models trained on a dataset."""
    more = (
        association("data", "fit", role="train"),
        association("data", "check", role="validation"),
        association("other", "fit", role="train"),
        association("model", "data", role="back"),
    )
    whole = graph("fit>model>endpoint", "check>report")
    await store.record(Batch((*whole.entities, entity("data"), entity("other")), whole.associations + more), by="me")
    page = await reach(store, "data", first_hop=TRAIN, with_paths=True)
    assert distances(page) == {"fit": 1, "model": 2, "data": 3, "endpoint": 3}, "what leads to a start is crossed"
    assert hops(next(item.path for item in page.items if item.entity.name == "data")) == [
        "data>fit",
        "fit>model",
        "model>data",
    ]
    assert distances(await reach(store, "endpoint", direction=Up, first_hop=TRAIN)) == {}
    assert distances(await reach(store, "fit", direction=Up, first_hop=TRAIN)) == {
        "data": 1,
        "other": 1,
        "model": 2,
        "fit": 3,
    }
    validation = AssociationFilter(role=StringFilter(eq="validation"))
    assert distances(await reach(store, "data", first_hop=validation)) == {"check": 1, "report": 2}
    none = AssociationFilter(type=())
    assert distances(await reach(store, "data", first_hop=none)) == {}
    of_type = AssociationFilter(type=(AssociationType.CONTRIBUTED_TO,))
    assert distances(await reach(store, "data", first_hop=TRAIN, via=of_type, depth=2)) == {"fit": 1, "model": 2}
    assert (await reach(store, "data", first_hop=TRAIN, depth=2)).reasons == {IncompleteReason.DEPTH}
    assert (await reach(store, "data", first_hop=none, depth=1)).reasons == frozenset()
    assert distances(await reach(store, "data", first_hop=validation, depth=2)) == {"check": 1, "report": 2}
    assert (await reach(store, "data", first_hop=validation, depth=2)).reasons == frozenset()


async def test_first_hop_of_several_starts_and_among_what_was_traversed(store: Store) -> None:
    more = (association("a", "c", role="train"), association("a", "b", role="test"), association("b", "d", role="test"))
    await store.record(Batch(tuple(map(entity, "abcde")), (*more, association("d", "c"))), by="me")
    view = await now(store)
    for starts, expected, among in (
        ("a", {"c": 1}, ["a>c"]),
        ("ab", {"c": 1}, ["a>c"]),
        ("ad", {"c": 1}, ["a>c"]),
    ):
        walk = Walk(view, tuple(map(id_of, starts)), Down, first_hop=TRAIN)
        (page,) = await store.reach([Reach(walk)])
        assert page is not None
        assert distances(page) == expected
        (found,) = await store.reach_associations([ReachAssociations(walk)])
        assert found is not None
        assert hops(found.items) == among
    both = Walk(view, (id_of("c"),), Both, first_hop=TRAIN)
    (found,) = await store.reach_associations([ReachAssociations(both)])
    assert found is not None
    assert hops(found.items) == ["a>c"], "not d>c, though it is among"
    down = Walk(view, (id_of("a"),), Down, first_hop=AssociationFilter(role=StringFilter(eq="test")))
    (found,) = await store.reach_associations([ReachAssociations(down)])
    assert found is not None
    assert hops(found.items) == ["a>b", "b>d", "d>c"], "not a>c, which leaves the start"


async def test_via_says_which_associations_are_crossed(store: Store) -> None:
    batch = graph("a>b>c")
    more = (
        association("a", "c", AssociationType.DERIVED_FROM),
        association("c", "b", AssociationType.PRODUCED, role="back"),
    )
    await store.record(Batch(batch.entities, batch.associations + more), by="me")
    derived = AssociationFilter(type=(AssociationType.DERIVED_FROM,))
    assert distances(await reach(store, "a", via=derived)) == {"c": 1}
    with_role = AssociationFilter(role=StringFilter(exists=True))
    assert distances(await reach(store, "c", via=with_role)) == {"b": 1}
    assert distances(await reach(store, "a", via=AssociationFilter(not_=derived))) == {"b": 1, "c": 2}
    assert distances(await reach(store, "a", via=AssociationFilter(type=()))) == {}


async def test_intersection_and_excluding(store: Store) -> None:
    await store.record(graph("a>m>x>y", "b>x", "c>y", "m>z"), by="me")
    both = await reach(store, "a", "b", combine=Combine.INTERSECTION)
    assert (distances(both), both.visited) == ({"x": 1, "y": 2}, 4)
    assert distances(await reach(store, "a", excluding=["b"])) == {"m": 1, "z": 2}
    assert distances(await reach(store, "a", "a", combine=Combine.INTERSECTION)) == {"m": 1, "x": 2, "z": 2, "y": 3}
    assert distances(await reach(store, "a", excluding=["a"])) == {}


async def test_a_small_page_from_several_starts(store: Store) -> None:
    """However much lies behind one of them."""
    await store.record(graph("a>a1>a2>a3", "a>a4>a5", "d>d1>d2", "f>f1>a4"), by="me")
    view, starts = await now(store), tuple(id_of(name) for name in "adf")
    for depth in (None, 2):
        (page,) = await store.reach([Reach(Walk(view, starts, Down, depth=depth), first=1)])
        assert page is not None
        assert ([item.entity.name for item in page.items], page.total) == (["a1"], 8 if depth is None else 7)


async def test_absent_starts_give_none(store: Store) -> None:
    await store.record(graph("a>b"), by="me")
    view = await now(store)
    present, absent = id_of("a"), id_of("nothing")
    walks = [
        Walk(view, (present, absent), Down),
        Walk(view, (present,), Down, excluding=(absent,)),
        Walk(view, ("not an id \x00",), Down),
        Walk(view, (present,), Down),
    ]
    pages = await store.reach([Reach(walk) for walk in walks])
    assert [page is None for page in pages] == [True, True, True, False]
    among = await store.reach_associations([ReachAssociations(walk) for walk in walks])
    assert [page is None for page in among] == [True, True, True, False]
    assert await store.reach([]) == []
    assert await store.reach_associations([]) == []


async def test_counts_are_of_all_matches_on_every_page(store: Store) -> None:
    models = [entity(f"m{n}", EntityKind.MODEL) for n in range(5)]
    ends = [urn(model.name, EntityKind.MODEL) for model in models]
    edges = tuple(NewAssociation(urn("a"), end, AssociationType.PRODUCED) for end in ends)
    await store.record(Batch((entity("a"), *models), edges), by="me")
    first = await reach(store, "a", first=2)
    second = await reach(store, "a", first=2, after=first.end)
    third = await reach(store, "a", first=2, after=second.end)
    assert [page.total for page in (first, second, third)] == [5, 5, 5]
    assert all(page.counts == {EntityKind.MODEL: 5} for page in (first, second, third))
    assert [page.has_next for page in (first, second, third)] == [True, True, False]
    inputs = [item.entity.name for page in (first, second, third) for item in page.items]
    assert inputs == ["m0", "m1", "m2", "m3", "m4"]
    assert IncompleteReason.PAGE in first.reasons
    assert third.reasons == frozenset()


async def test_pages_of_a_view_survive_writes(store: Store) -> None:
    await store.record(graph(*(f"a>{n:02}" for n in range(10))), by="me")
    view = await now(store)
    first = await reach(store, "a", first=4, view=view)
    await store.record(graph("a>00", "a>001", "00>01>zz", "05>005"), by="me")
    rest = await reach(store, "a", first=100, after=first.end, view=view)
    names = [item.entity.name for page in (first, rest) for item in page.items]
    assert names == [f"{n:02}" for n in range(10)]
    assert distances(await reach(store, "a"))["zz"] == 2


async def test_a_visit_limit_cuts_in_order_and_the_next_page_goes_on(store: Store) -> None:
    await store.record(graph("a>b1>c1>d1", "a>b2>c2", "a>b3>c3"), by="me")
    seen, after, pages = [], None, 0
    while True:
        page = await reach(store, "a", limits=Limits(visits=2), after=after)
        seen += [item.entity.name for item in page.items]
        pages += 1
        if not page.has_next:
            break
        assert IncompleteReason.VISIT_LIMIT in page.reasons
        assert page.end == page.cut_at
        after = page.end
    assert seen == ["b1", "b2", "b3", "c1", "c2", "c3", "d1"]
    assert pages == 4


async def test_a_cut_walk_continues_without_a_match(store: Store) -> None:
    await store.record(graph("a>b>c>d>e"), by="me")
    first = await reach(store, "a", limits=Limits(visits=2), where=named("e"))
    assert (first.items, first.total, first.visited, first.has_next) == ((), 0, 2, True)
    assert first.end == ReachPosition(2, urn("c"))
    second = await reach(store, "a", limits=Limits(visits=2), where=named("e"), after=first.end)
    assert (distances(second), second.has_next, second.total) == ({"e": 4}, False, 1)


async def test_intersection_past_a_limit_is_refused(store: Store) -> None:
    await store.record(graph("a>b>c>d", "x>b"), by="me")
    with pytest.raises(LimitExceeded):
        await reach(store, "a", "x", combine=Combine.INTERSECTION, limits=Limits(visits=2))
    with pytest.raises(LimitExceeded):
        await reach(store, "a", excluding=["x"], limits=Limits(visits=2))


async def test_a_visit_limit_after_a_level_without_new_entities(store: Store) -> None:
    await store.record(graph("s>a>b>c>z", "b>s", "c>s"), by="me")
    full = await reach(store, "s", direction=Both)
    seen, after = [], None
    while True:
        page = await reach(store, "s", direction=Both, limits=Limits(visits=1), after=after)
        seen += [item.entity.name for item in page.items]
        if not page.has_next:
            break
        after = page.end
    assert seen == [item.entity.name for item in full.items]


DEPTH = frozenset({IncompleteReason.DEPTH})


async def test_depth_is_a_reason_only_where_something_lies_beyond(store: Store) -> None:
    await store.record(graph("a>b>c"), by="me")
    assert (await reach(store, "a", depth=1)).reasons == DEPTH
    assert (await reach(store, "a", depth=2)).reasons == frozenset()
    assert (await reach(store, "a", depth=3)).reasons == frozenset()
    assert (await reach(store, "a", depth=1, stop_at=named("b"))).reasons == frozenset()
    nothing = await reach(store, "a", depth=0)
    assert (distances(nothing), nothing.reasons) == ({}, DEPTH)
    assert (await reach(store, "c", depth=0)).reasons == frozenset()


async def test_entities_reached_before_are_not_beyond_the_depth(store: Store) -> None:
    await store.record(graph("a>b>c>b", "a>c", "d>e>d", "f>g=f"), by="me")
    assert (await reach(store, "a", depth=1)).reasons == frozenset()
    assert (await reach(store, "d", depth=1)).reasons == DEPTH
    assert (await reach(store, "d", depth=2)).reasons == frozenset()
    assert (await reach(store, "f", depth=1)).reasons == frozenset()
    assert (await reach(store, "d", depth=1, direction=Connected)).reasons == frozenset()
    assert (await reach(store, "d", "e", depth=1)).reasons == frozenset()


async def test_depth_of_both_needs_an_entity_that_neither_walk_reaches(store: Store) -> None:
    await store.record(graph("s>a>b", "b>s", "s>c", "c>d", "d>s"), by="me")
    assert (await reach(store, "s", depth=1)).reasons == DEPTH
    assert (await reach(store, "s", depth=1, direction=Both)).reasons == frozenset()
    assert (await reach(store, "s", depth=2, direction=Both)).reasons == DEPTH
    assert (await reach(store, "s", depth=3, direction=Both)).reasons == frozenset()
    await store.record(graph("t>u>v", "v>t", "t>v"), by="me")
    assert distances(await reach(store, "t", depth=2, direction=Both)) == {"u": 1, "v": 1, "t": 2}
    assert (await reach(store, "t", depth=2, direction=Both)).reasons == frozenset()


async def test_beyond_the_depth_of_combined_walks(store: Store) -> None:
    await store.record(graph("a>x>m>n", "b>m", "c>n", "d>y"), by="me")
    both = Combine.INTERSECTION
    assert (await reach(store, "a", "b", depth=2, combine=both)).reasons == DEPTH
    assert (await reach(store, "a", "b", depth=3, combine=both)).reasons == frozenset()
    assert (await reach(store, "d", "b", depth=1, combine=both)).reasons == DEPTH
    assert (await reach(store, "a", depth=2, excluding=["c"])).reasons == frozenset()
    assert (await reach(store, "a", depth=2, excluding=["d"])).reasons == DEPTH


async def test_via_and_scope_bound_what_is_beyond_the_depth(store: Store) -> None:
    batch = graph("a>b", "c>d")
    more = (association("b", "c", AssociationType.DERIVED_FROM, role="x"),)
    await store.record(Batch(batch.entities, batch.associations + more), by="me")
    assert (await reach(store, "a", depth=1)).reasons == DEPTH
    of_type = AssociationFilter(type=(AssociationType.CONTRIBUTED_TO,))
    assert (await reach(store, "a", depth=1, via=of_type)).reasons == frozenset()
    assert (await reach(store, "a", depth=1, via=AssociationFilter(role=StringFilter(exists=False)))).reasons == set()
    secret = AccessChange(joins=(Membership("secret", id_of("c")),))
    await store.change_access(secret, epoch=(await store.newest()).epoch)
    allowed = Grant(frozenset({Permission.READ, Permission.TRAVERSE}))
    near = Grant(frozenset({Permission.READ, Permission.TRAVERSE}), depth=1)
    for boundary, grant, reasons in (
        (Boundary.CUT, allowed, frozenset()),
        (Boundary.BRIDGE, allowed, frozenset()),
        (Boundary.MASK, allowed, DEPTH),
        (Boundary.MASK, near, frozenset()),
    ):
        hidden = GroupRule("secret", forbidden=frozenset({Permission.READ}), boundary=boundary)
        scope = Scope.of([GroupRule(default_group("a"), (grant,)), hidden], b"key")
        view = View(scope, AsOf(await store.watermark()))
        assert (await reach(store, "a", depth=1, view=view)).reasons == reasons
        assert (await reach(store, "a", depth=3, view=view)).reasons == frozenset()


@pytest.mark.parametrize("direction", ["ASCENDANTS", "DESCENDANTS"])
@pytest.mark.parametrize("edge", ["a=b", "b=a"])
async def test_a_share_of_one_direction_crosses_same_as_either_way(store: Store, edge: str, direction: str) -> None:
    await store.record(graph(edge), by="me")
    one_way = Grant(frozenset({Permission.READ, Permission.TRAVERSE}), directions=frozenset({direction}))
    scope = Scope.of([GroupRule(default_group("a"), (one_way,))], b"key")
    view = View(scope, AsOf(await store.watermark()))
    page = await reach(store, "a", direction=Connected, view=view, with_paths=True)
    assert [(item.entity.urn, len(item.path or ())) for item in page.items] == [(urn("b"), 1)]


async def test_a_hub_at_the_depth_that_leads_only_back(store: Store) -> None:
    """However many associations lead from it, and to what the walk has reached."""
    names = [f"{n:02}" for n in range(40)]
    await store.record(graph(*(f"a>{name}" for name in names), *(f"a>hub>{name}" for name in names)), by="me")
    assert (await reach(store, "a", depth=1)).reasons == frozenset()
    await store.record(graph("hub>zz"), by="me")
    assert (await reach(store, "a", depth=1)).reasons == DEPTH


async def test_paths_take_the_least_predecessor_type_and_role(store: Store) -> None:
    batch = graph("s>p2>t", "s>p1>t")
    more = (
        association("p1", "t", AssociationType.PRODUCED),
        association("p1", "t", AssociationType.CONTRIBUTED_TO, role="a"),
    )
    await store.record(Batch(batch.entities, batch.associations + more), by="me")
    page = await reach(store, "s", with_paths=True)
    (path,) = [item.path for item in page.items if item.entity.name == "t"]
    assert hops(path) == ["s>p1", "p1>t"]
    assert (path[1].type, path[1].role) == (AssociationType.CONTRIBUTED_TO, None)
    up = await reach(store, "t", direction=Up, with_paths=True)
    assert hops(next(item.path for item in up.items if item.entity.name == "s")) == ["p1>t", "s>p1"]


async def test_a_hub(store: Store) -> None:
    await store.record(graph(*(f"hub>{n:04}" for n in range(600)), "0000>z", "in>hub"), by="me")
    page = await reach(store, "in", first=10)
    assert (page.total, page.visited) == (602, 602)
    assert (await reach(store, "z", direction=Up)).total == 3


async def test_associations_among_traversed_entities(store: Store) -> None:
    await store.record(graph("a>b>c", "a>c", "x>b", "c>b"), by="me")
    walk = Walk(await now(store), (id_of("a"),), Down)
    (page,) = await store.reach_associations([ReachAssociations(walk, first=2)])
    assert page is not None
    assert (hops(page.items), page.total, page.has_next) == (["a>b", "a>c"], 4, True)


async def test_unicode_and_hostile_names(store: Store) -> None:
    names = ["'; DROP TABLE entity;--", "%_%", "ß", "İ", "\u202eabc", "😀", "\ue000", "a" * 160, "né", "ne\u0301"]
    await store.record(Batch(tuple(entity(name) for name in names)), by="me")
    entities = await store.entities(await now(store), [entity_id(urn(name)) for name in names])
    assert [each.name if each else None for each in entities] == names
    edges = tuple(association("ß", name) for name in names if name != "ß")
    await store.record(Batch(associations=edges), by="me")
    page = await reach(store, "ß")
    assert {item.entity.name for item in page.items} == set(names) - {"ß"}
    assert [item.entity.urn for item in page.items] == sorted(item.entity.urn for item in page.items)


@pytest.mark.parametrize("boundary", [Boundary.BRIDGE, Boundary.MASK])
async def test_filters_see_only_the_type_of_hidden_entities(store: Store, boundary: Boundary) -> None:
    parts = (association("a", "h", role="y"), association("h", "c", role="x"), association("c", "d", role="x"))
    await store.record(Batch(tuple(map(entity, "ahcd")), parts), by="me")
    secret = AccessChange(joins=(Membership("secret", id_of("h")),))
    await store.change_access(secret, epoch=(await store.newest()).epoch)
    allowed = Grant(frozenset({Permission.READ, Permission.TRAVERSE}))
    hidden = GroupRule("secret", forbidden=frozenset({Permission.READ}), boundary=boundary)
    scope = Scope.of([GroupRule(default_group("a"), (allowed,)), hidden], b"key")
    view = View(scope, AsOf(await store.watermark()))

    async def names(via: AssociationFilter) -> list[str]:
        return [item.entity.name for item in (await reach(store, "a", view=view, via=via)).items]

    shown = [] if boundary is Boundary.BRIDGE else ["restricted"]
    assert await names(AssociationFilter(role=StringFilter(exists=False))) == [*shown, "c"]
    assert await names(AssociationFilter(role=StringFilter(eq="x"))) == []
    assert await names(AssociationFilter()) == [*shown, "c", "d"]


async def test_withheld_counts_need_a_complete_walk(store: Store) -> None:
    await store.record(graph("a>b>c>d", "a>h", "c>i"), by="me")
    joins = tuple(Membership("secret", id_of(name)) for name in "hi")
    await store.change_access(AccessChange(joins=joins), epoch=(await store.newest()).epoch)
    allowed = Grant(frozenset({Permission.READ, Permission.TRAVERSE}))
    hidden = GroupRule("secret", forbidden=frozenset({Permission.READ}), tells_withheld=True)
    scope = Scope.of([GroupRule(default_group("a"), (allowed,)), hidden])
    view = View(scope, AsOf(await store.watermark()))
    for limits, withheld in ((Limits(), 2), (Limits(visits=1), None), (Limits(), 2), (Limits(visits=1), None)):
        page = await reach(store, "a", view=view, limits=limits)
        assert page.withheld == withheld
        assert (IncompleteReason.POLICY in page.reasons) == (withheld is not None)
    assert (await reach(store, "a", view=view, depth=1)).withheld == 1


async def test_a_same_as_into_a_start_is_no_return(store: Store) -> None:
    """Not even where the start is reached round a cycle at that distance: the path leads round the cycle."""
    await store.record(graph("s>p>s", "s>b", "b=s"), by="me")
    page = await reach(store, "s", with_paths=True)
    assert distances(page) == {"b": 1, "p": 1, "s": 2}
    assert hops(next(item.path for item in page.items if item.entity.name == "s")) == ["s>p", "p>s"]
    await store.record(graph("t>u", "u=t"), by="me")
    assert distances(await reach(store, "t")) == {"u": 1}


@pytest.mark.parametrize("boundary", [Boundary.BRIDGE, Boundary.MASK])
async def test_stop_at_holds_beyond_hidden_entities(store: Store, boundary: Boundary) -> None:
    await store.record(graph("a>h>x>y", "h>i>z", "a>b"), by="me")
    joins = tuple(Membership("secret", id_of(name)) for name in "hi")
    await store.change_access(AccessChange(joins=joins), epoch=(await store.newest()).epoch)
    allowed = Grant(frozenset({Permission.READ, Permission.TRAVERSE}))
    hidden = GroupRule("secret", forbidden=frozenset({Permission.READ}), boundary=boundary)
    scope = Scope.of([GroupRule(default_group("a"), (allowed,)), hidden], b"key")
    view = View(scope, AsOf(await store.watermark()))

    async def names(stop_at: EntityFilter | None) -> set[str]:
        page = await reach(store, "a", view=view, stop_at=stop_at)
        return {item.entity.name for item in page.items} - {"restricted", "b"}

    assert await names(None) == {"x", "y", "z"}
    assert await names(named("x")) == {"x", "z"}
    assert await names(EntityFilter(kind=(EntityKind.RESTRICTED,))) == (
        set() if boundary is Boundary.MASK else {"x", "y", "z"}
    )


async def test_stop_at_restricted_holds_beyond_hidden_entities(store: Store) -> None:
    await store.record(graph("a>h>m>x", "a>m"), by="me")
    await store.record(graph("b>h"), by="me")
    joins = (Membership("bridged", id_of("h")), Membership("masked", id_of("m")))
    await store.change_access(AccessChange(joins=joins), epoch=(await store.newest()).epoch)
    allowed = Grant(frozenset({Permission.READ, Permission.TRAVERSE}))
    unread = frozenset({Permission.READ})
    bridged = GroupRule("bridged", forbidden=unread, boundary=Boundary.BRIDGE)
    masked = GroupRule("masked", forbidden=unread, boundary=Boundary.MASK)
    scope = Scope.of([GroupRule(default_group("a"), (allowed,)), bridged, masked], b"key")
    view = View(scope, AsOf(await store.watermark()))
    for stop_at, names in ((None, ["restricted", "x"]), (EntityFilter(kind=(EntityKind.RESTRICTED,)), ["restricted"])):
        page = await reach(store, "b", view=view, stop_at=stop_at)
        assert sorted(item.entity.name for item in page.items) == names
