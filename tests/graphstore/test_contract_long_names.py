"""The longest names and versions there are, over every engine: recorded, found, traversed and paged through."""

from itertools import pairwise

import pytest
from record_builders import EPOCH, now

from lineal.graphstore.batches import Batch, NewAssociation, NewEntity
from lineal.graphstore.kinds import AssociationType, EntityKind, LineageDirection
from lineal.graphstore.queries import (
    AssociationPosition,
    AssociationsOf,
    EntityFilter,
    EntityPosition,
    Find,
    Reach,
    ReachPosition,
    StringFilter,
    Walk,
)
from lineal.graphstore.records import Restricted
from lineal.graphstore.store import Store
from lineal.graphstore.urns import MAX_ACCOUNT_BYTES, MAX_NAME_BYTES, entity_id, make_urn

ACCOUNT = "é" * (MAX_ACCOUNT_BYTES // 2)
COUNT = 4
Contributed = AssociationType.CONTRIBUTED_TO


def longest(character: str, end: str) -> str:
    return character * ((MAX_NAME_BYTES - len(end)) // len(character.encode())) + end


@pytest.mark.parametrize(
    "character", ["x", "É", "日", "😀", "ΐ"], ids=["ascii", "two", "three", "four", "folds to six"]
)
async def test_the_longest_names(store: Store, character: str) -> None:
    """Names that differ in their last character only, which every cut text of an index leaves out."""
    names = [longest(character, str(number)) for number in range(COUNT)]
    version = longest(character, "v")
    entities = tuple(NewEntity(ACCOUNT, EntityKind.DATASET, name, version, occurred_at=EPOCH) for name in names)
    urns = [make_urn(ACCOUNT, EntityKind.DATASET, name, version) for name in names]
    ends_of = [*pairwise(urns), (urns[0], urns[-1])]
    chain = tuple(NewAssociation(*ends, Contributed, occurred_at=EPOCH) for ends in ends_of)
    done = await store.record(Batch(entities, chain), by="me")
    assert done.entities_are_new == (True,) * COUNT
    assert (await store.record(Batch(entities, chain), by="me")).entities_are_new == (False,) * COUNT
    view = await now(store)
    ids = [entity_id(urn) for urn in urns]
    assert [each and each.urn for each in await store.entities(view, ids)] == urns

    last, folded = names[-1], names[-1].upper()
    by_urn = [
        StringFilter(eq=urns[-1]),
        StringFilter(starts_with=urns[-1].rpartition("@")[0]),
        StringFilter(contains=urns[-1][20:-4]),
        StringFilter(eq=urns[-1].lower(), ignore_case=True),
    ]
    by_name = [
        StringFilter(eq=last),
        StringFilter(in_=(last, "x")),
        StringFilter(starts_with=last),
        StringFilter(contains=last[-500:]),
        StringFilter(eq=folded, ignore_case=True),
        StringFilter(starts_with=folded, ignore_case=True),
    ]
    filters = [EntityFilter(urn=each) for each in by_urn] + [EntityFilter(name=each) for each in by_name]
    filters.append(EntityFilter(name=StringFilter(eq=last), version=StringFilter(eq=version)))
    questions = [Find(view, each) for each in filters]
    pages = await store.find(questions)
    assert [[each.urn for each in page.items] for page in pages] == [[urns[-1]]] * len(questions)
    (all_of_version,) = await store.find([Find(view, EntityFilter(version=StringFilter(starts_with=version)))])
    assert all_of_version.total == COUNT

    position: EntityPosition | None = None
    results: list[str] = []
    for _ in range(COUNT):
        (page,) = await store.find([Find(view, first=1, after=position)])
        assert page.has_next is (len(results) < COUNT - 1)
        results += [each.urn for each in page.items]
        position = EntityPosition(results[-1])
    assert results == sorted(urns)

    place: ReachPosition | None = None
    reached: list[tuple[str, int | None]] = []
    for _ in range(COUNT - 1):
        walk = Walk(view, (ids[0],), LineageDirection.DESCENDANTS)
        (lineage,) = await store.reach([Reach(walk, first=1, after=place, with_paths=True)])
        assert lineage is not None
        reached += [
            (each.entity.urn, each.distance) for each in lineage.items if not isinstance(each.entity, Restricted)
        ]
        place = lineage.end
    assert reached == [*sorted([(urns[1], 1), (urns[3], 1)]), (urns[2], 2)]

    spot: AssociationPosition | None = None
    ends: list[str] = []
    for _ in range(2):
        down = LineageDirection.DESCENDANTS
        (crossed,) = await store.associations([AssociationsOf(view, ids[0], down, first=1, after=spot)])
        ends += [each.destination_urn for each in crossed.items]
        spot = AssociationPosition(urns[0], ends[-1], Contributed, None)
    assert ends == [urns[1], urns[3]]
