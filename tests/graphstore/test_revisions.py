"""Revisions fold to the same fields in whatever sequence they are applied."""

import random

from hypothesis import given
from hypothesis import strategies as st
from record_builders import properties

from lineal.graphstore.batches import NewRevision
from lineal.graphstore.content_codec import packed_fields, unpacked_fields
from lineal.graphstore.digests import change_digest
from lineal.graphstore.kinds import EntityStatus
from lineal.graphstore.revisions import FoldOrder, RevisedFields

values = st.integers(0, 3) | st.just(-0.0)
keys = st.sampled_from(["a", "b", "c"])
changes = st.builds(
    NewRevision,
    entity=st.just("urn"),
    status=st.none() | st.sampled_from(EntityStatus),
    tags=st.none() | st.lists(keys, max_size=2).map(tuple),
    description=st.none() | st.text(max_size=2),
    properties=st.dictionaries(keys, values, max_size=2).map(lambda some: properties(**some)),
    removed=st.sets(keys, max_size=2).map(tuple),
    occurred_at=st.integers(0, 3),
    rank=st.integers(0, 2),
)


def _applied(numbered: list[tuple[FoldOrder, NewRevision]]) -> RevisedFields:
    fields = RevisedFields()
    for order, change in numbered:
        fields.apply(change, order)
    return fields


@given(st.lists(changes, max_size=6), st.randoms(use_true_random=False))
def test_the_sequence_of_application_does_not_matter(revisions: list[NewRevision], chance: random.Random) -> None:
    numbered = [((each.occurred_at or 0, each.rank, number), each) for number, each in enumerate(revisions, 1)]
    in_order = _applied(sorted(numbered, key=lambda each: each[0]))
    chance.shuffle(numbered)
    assert _applied(numbered) == in_order
    assert unpacked_fields(packed_fields(in_order)) == in_order


@given(st.lists(changes, max_size=8), st.integers(0, 3))
def test_of_revisions_that_set_the_same_only_the_last_decides(revisions: list[NewRevision], at: int) -> None:
    numbered = [((each.occurred_at or 0, each.rank, number), each) for number, each in enumerate(revisions, 1)]
    in_view = sorted((each for each in numbered if each[0][0] <= at), key=lambda each: each[0])
    last = {(change_digest(change), change.rank): (order, change) for order, change in in_view}
    assert _applied(list(last.values())) == _applied(in_view)


def test_a_state_that_did_not_change_cannot_be_left_out() -> None:
    def status_as_of(at: int, *seen: tuple[int, EntityStatus]) -> EntityStatus | None:
        revisions = [NewRevision("urn", status=status, occurred_at=day) for day, status in seen if day <= at]
        return _applied([((each.occurred_at or 0, 0, n), each) for n, each in enumerate(revisions)]).status

    a, late = EntityStatus.IN_SERVICE, (2, EntityStatus.OUT_OF_SERVICE)
    assert status_as_of(3, (1, a), (3, a), late) == a
    assert status_as_of(3, (1, a), late) != a, "without the second, which changed nothing when it came"
    assert status_as_of(4, (1, a), (3, a), (5, a), late) == a
    assert status_as_of(4, (1, a), (5, a), late) != a, "with the first and the last time of equal states alone"
