"""Builders of records and shortcuts for reads, for tests."""

from itertools import pairwise
from typing import Any

from lineal.auth.scopes import EVERYTHING
from lineal.graphstore.batches import Batch, NewAssociation, NewEntity
from lineal.graphstore.kinds import AssociationType, EntityKind, LineageDirection, PropertyType
from lineal.graphstore.queries import Limits, Reach, Walk
from lineal.graphstore.records import AsOf, View
from lineal.graphstore.store import ReachPage, Store
from lineal.graphstore.urns import entity_id, make_urn
from lineal.graphstore.values import Json, Property

DAY = 86_400_000_000
EPOCH = 1_600_000_000_000_000
Down, Up, Both, Connected = (
    LineageDirection.DESCENDANTS,
    LineageDirection.ASCENDANTS,
    LineageDirection.BOTH,
    LineageDirection.CONNECTED,
)


def urn(name: str, kind: EntityKind = EntityKind.DATASET) -> str:
    return make_urn("a", kind, name, None)


def id_of(name: str, kind: EntityKind = EntityKind.DATASET) -> str:
    return entity_id(urn(name, kind))


def entity(name: str, kind: EntityKind = EntityKind.DATASET, **more: Any) -> NewEntity:
    return NewEntity("a", kind, name, **{"occurred_at": EPOCH, **more})


def association(
    source: str, destination: str, type: AssociationType = AssociationType.CONTRIBUTED_TO, **more: Any
) -> NewAssociation:
    return NewAssociation(urn(source), urn(destination), type, **{"occurred_at": EPOCH, **more})


def properties(**values: Json) -> tuple[Property, ...]:
    return tuple(Property(key, type_of(value), value) for key, value in values.items())


def type_of(value: Json) -> PropertyType:
    match value:
        case bool():
            return PropertyType.BOOLEAN
        case int():
            return PropertyType.INTEGER
        case float():
            return PropertyType.FLOAT
        case str():
            return PropertyType.STRING
    return PropertyType.JSON


def graph(*edges: str) -> Batch:
    """A batch from words like `a>b`, `a=b` (SAME_AS), or `a` alone."""
    names: dict[str, None] = {}
    associations = []
    for edge in edges:
        same = "=" in edge
        ends = edge.replace("=", ">").split(">")
        names |= dict.fromkeys(ends)
        type = AssociationType.SAME_AS if same else AssociationType.CONTRIBUTED_TO
        associations += [association(*pair, type) for pair in pairwise(ends)]
    return Batch(tuple(entity(name) for name in names), tuple(dict.fromkeys(associations)))


async def now(store: Store) -> View:
    return View(EVERYTHING, AsOf(await store.watermark()))


async def reach(
    store: Store, *starts: str, direction: LineageDirection = Down, limits: Limits | None = None, **asked: Any
) -> ReachPage:
    page_only = {name: asked.pop(name) for name in ("where", "first", "after", "with_paths") if name in asked}
    view = asked.pop("view", None) or await now(store)
    excluding = tuple(map(id_of, asked.pop("excluding", ())))
    walk = Walk(view, tuple(map(id_of, starts)), direction, excluding=excluding, limits=limits or Limits(), **asked)
    (page,) = await store.reach([Reach(walk, **{"first": 1000, **page_only})])
    assert page is not None
    return page


def distances(page: ReachPage) -> dict[str, int | None]:
    return {item.entity.name: item.distance for item in page.items}
