"""Random lineage and random questions, small enough for every engine and odd enough to matter."""

from math import inf, nan
from typing import Any

from hypothesis import strategies as st
from record_builders import EPOCH, type_of

from lineal.auth.permissions import Permission
from lineal.auth.scopes import Boundary, Grant, GroupRule, Scope, default_group
from lineal.graphstore.batches import Batch, NewAssociation, NewEntity, NewObservation, NewRevision
from lineal.graphstore.digests import change_digest
from lineal.graphstore.kinds import (
    AssociationType,
    Combine,
    EntityKind,
    EntityStatus,
    LineageDirection,
    LineageType,
    PropertyType,
)
from lineal.graphstore.queries import (
    AssociationFilter,
    EntityFilter,
    EntityOrderField,
    Operand,
    Ordering,
    PropertyFilter,
    StringFilter,
    TimeFilter,
)
from lineal.graphstore.records import Source
from lineal.graphstore.urns import make_urn
from lineal.graphstore.values import Property, canonical_json

KINDS = [EntityKind.DATASET, EntityKind.TRAINING_JOB, EntityKind.MODEL, EntityKind.ENDPOINT, EntityKind.TRIAL]
NAMES = ["a", "b", "c", "d", "e", "f", "é%", "A", "ß", "SS", "'_", "\U0001f600", "\ue000"]
WORDS = ["train", "Train", "test", "x_y", "ß"]
KEYS = ["k", "lr", "metrics.auc"]
FEW_TYPES = [AssociationType.SAME_AS, AssociationType.CONTRIBUTED_TO, AssociationType.PRODUCED]
"""The types that most associations are of, so that some are alike but for their role or direction."""
METRICS = ["loss", "auc", "é"]
LONG = "ü" * 600
"""Longer than what an engine may keep in an index."""
times = st.integers(0, 5).map(lambda step: EPOCH + step)
some_times = st.none() | times | times | times
"""The time of a part, which may be left out."""
DIGITS = ["1", "9007199254740993", "-1", "-9223372036854775808", "01", "+1", "9223372036854775808"]
DATES = ["2020-09-13", "2020-02-30"]
LONGS = [LONG, LONG + "a", LONG + "é"]
scalars: st.SearchStrategy[Any] = st.sampled_from(
    [0, 1, 1.0, 2, 2**53, 2.0**53, 2**53 + 1, -1, 0.5, "", "a", "ab", "A", "2020-09-13T12:26:40.000002Z", True, False]
) | st.sampled_from([*DIGITS, *DATES, -(2**63), 2**63 - 1, -0.5, -1.5, 1e300, -5e-324, "\U0001f600", "\ue000", *LONGS])
values: st.SearchStrategy[Any] = scalars | st.sampled_from([[], [1], [1.0], {"a": 1}, {"a": True}])


@st.composite
def typed(draw: st.DrawFn) -> Property:
    key = draw(st.sampled_from(KEYS))
    if draw(st.integers(0, 4)) == 0:
        return Property(key, PropertyType.TIMESTAMP, draw(times))
    value: Any = draw(values)
    return Property(key, type_of(value), value)


property_lists = st.lists(typed(), max_size=3, unique_by=lambda property: property.key).map(tuple)
statuses = st.sampled_from([None, EntityStatus.FAILED, EntityStatus.COMPLETED, EntityStatus.IN_PROGRESS])
tags = st.lists(st.sampled_from(WORDS), max_size=2).map(tuple)
texts = st.sampled_from([None, "prose", ""])
titles = st.sampled_from([None, None, "Title", "x", ""])

entities = st.builds(
    NewEntity,
    st.sampled_from(["a", "b"]),
    st.sampled_from(KINDS),
    st.sampled_from(NAMES),
    st.sampled_from([None, None, "1", "v"]),
    st.sampled_from([None, "t"]),
    texts,
    statuses,
    st.sampled_from([None, Source("s3://x"), Source("s3://y", "S3"), Source(None, "GIT")]),
    tags,
    property_lists,
    some_times,
    titles,
)


def _unless_without_a_time(revision: NewRevision) -> object:
    """What no two revisions have in common, but for two that say the same without a time: with one, they are equal."""
    return object() if revision.occurred_at is not None else (revision.entity, change_digest(revision))


def urn_of(new: NewEntity) -> str:
    return make_urn(new.account, new.kind, new.name, new.version)


@st.composite
def batches(draw: st.DrawFn) -> list[Batch]:
    """A few batches that build on one another; conflicts may happen, and are part of it.

    Of at most six entities, so that associations are dense: most graphs have cycles, and several ways from end to end.
    """
    known = draw(st.lists(entities, min_size=3, max_size=6, unique_by=urn_of))
    least = draw(st.sampled_from([0, 8, 14]))
    pool: list[str] = []
    linked_before: dict[tuple[str, str, AssociationType, str | None], NewAssociation] = {}
    results = []
    for _ in range(draw(st.integers(1, 3))):
        new = draw(st.lists(st.sampled_from(known), min_size=1, max_size=6, unique_by=urn_of)) if pool else list(known)
        if draw(st.integers(0, 9)) == 9:
            new.append(draw(entities))
        pool += map(urn_of, new)
        among = st.sampled_from(pool)
        linked = st.builds(
            NewAssociation,
            among,
            among,
            st.sampled_from([*list(AssociationType), *3 * FEW_TYPES]),
            st.sampled_from([None, None, "train", "Train"]),
            property_lists,
            some_times,
        ).filter(lambda each: each.source != each.destination)
        revised = st.builds(
            NewRevision,
            among,
            statuses,
            st.none() | tags,
            texts,
            property_lists,
            st.lists(st.sampled_from(KEYS), max_size=1).map(tuple),
            st.none(),
            some_times,
            st.integers(0, 2),
            titles,
        )
        sighted = st.builds(NewRevision, among, occurred_at=some_times)
        drawn = draw(st.lists(linked, min_size=least, max_size=20)) if len(set(pool)) > 1 else []
        if draw(st.integers(0, 9)) < 9:
            # Content that differs is a conflict, and a batch refused: few enough that most batches stand.
            keys = [(each.source, each.destination, each.type, each.role) for each in drawn]
            drawn = [linked_before.setdefault(key, each) for key, each in zip(keys, drawn, strict=True)]
        associations = tuple(drawn)
        seen = st.builds(
            NewObservation,
            among,
            st.sampled_from(METRICS),
            st.sampled_from([0.0, 0.5, 0.5, 1.0, -1e300, nan, inf, -inf]),
            st.sampled_from([0, 1, 2, 2**63 - 1, -(2**63)]),
            times,
        )
        fewest = draw(st.sampled_from([0, 3, 6]))
        changes = st.lists(revised | revised | sighted, max_size=4, unique_by=_unless_without_a_time)
        observed = st.lists(seen, min_size=fewest, max_size=12)
        results.append(Batch(tuple(new), associations, tuple(draw(changes)), tuple(draw(observed))))
    return results


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | st.none() | st.none() | strategy


needles = st.sampled_from(["", "a", "A", "ss", "ß", "lineal:a:", "%", "1", "train", "s3://x", "me"])
string_filters = st.builds(
    StringFilter,
    maybe(needles),
    maybe(needles),
    maybe(st.lists(needles, max_size=2).map(tuple)),
    maybe(needles),
    maybe(needles),
    maybe(st.booleans()),
    st.booleans(),
)
time_filters = st.builds(TimeFilter, maybe(times), maybe(times), maybe(times), maybe(times))


def operand(value: Any) -> Operand:
    return Operand(type_of(value), canonical_json(value) if isinstance(value, list | dict) else value)


operands = values.map(operand)
property_filters = st.builds(
    PropertyFilter,
    st.sampled_from(KEYS),
    maybe(operands),
    maybe(operands),
    maybe(operands),
    maybe(operands),
    maybe(operands),
    maybe(operands),
    maybe(st.lists(operands, max_size=2).map(tuple)),
    maybe(needles),
    maybe(needles),
    maybe(st.booleans()),
)


def _filters(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[EntityFilter]:
    several = st.lists(inner, max_size=2).map(tuple)
    return st.builds(
        EntityFilter,
        maybe(st.lists(st.sampled_from(KINDS), max_size=3).map(tuple)),
        maybe(st.lists(st.sampled_from(list(LineageType)), max_size=2).map(tuple)),
        maybe(st.sampled_from([(), ("t",)])),
        maybe(st.sampled_from([("a",), ("a", "b")])),
        maybe(string_filters),
        maybe(string_filters),
        maybe(string_filters),
        maybe(string_filters),
        maybe(st.sampled_from([(), (EntityStatus.FAILED,), (EntityStatus.IN_PROGRESS,)])),
        maybe(st.sampled_from([(), ("train",), ("test", "ß")])),
        maybe(time_filters),
        st.none(),
        maybe(string_filters),
        maybe(st.lists(property_filters, max_size=2).map(tuple)),
        maybe(several),
        maybe(several),
        maybe(inner),
    )


entity_filters: st.SearchStrategy[EntityFilter] = st.recursive(st.builds(EntityFilter), _filters, max_leaves=4)
searches = st.sampled_from(
    [
        "a",
        "A",
        "tra",
        "prose",
        "x y",
        "x_y",
        "ss",
        "ß",
        "é",
        "S3://x",
        "1",
        "t pro",
        "",
        "'",
        "\U0001f600",
        "2020 09",
        LONG,
    ]
)
"""Texts to search for."""
orderings = st.builds(
    lambda field, key, descending: Ordering(field, key if field is EntityOrderField.PROPERTY else None, descending),
    st.sampled_from([*EntityOrderField, *[EntityOrderField.PROPERTY] * 6]),
    st.sampled_from([*KEYS, "nobody's"]),
    st.booleans(),
)
association_filters: st.SearchStrategy[AssociationFilter] = st.recursive(
    st.builds(AssociationFilter),
    lambda inner: st.builds(
        AssociationFilter,
        maybe(st.lists(st.sampled_from(list(AssociationType)), max_size=3).map(tuple)),
        maybe(string_filters),
        maybe(time_filters),
        st.none(),
        maybe(st.lists(property_filters, max_size=1).map(tuple)),
        maybe(inner),
    ),
    max_leaves=3,
)
walks = st.fixed_dictionaries(
    {
        "direction": st.sampled_from(list(LineageDirection)),
        "combine": st.sampled_from([Combine.UNION, Combine.UNION, Combine.INTERSECTION]),
        "depth": st.sampled_from([None, None, 0, 1, 2, 3]),
        "stop_at": maybe(entity_filters),
        "via": maybe(association_filters),
        "first_hop": maybe(association_filters),
        "causal": st.sampled_from([False, False, True]),
    }
).map(lambda walk: walk | {"causal": walk["causal"] and walk["direction"] is not LineageDirection.CONNECTED})

GROUPS = ["group one", "group two", "group three"]
"""The ids of groups beside the default ones."""


def _some(members: list[Any]) -> st.SearchStrategy[Any]:
    return st.frozensets(st.sampled_from(members), max_size=2)


reader = st.sampled_from(
    [
        frozenset({Permission.READ, Permission.READ_PROPERTIES, Permission.TRAVERSE}),
        frozenset({Permission.READ, Permission.READ_PROPERTIES, Permission.TRAVERSE}),
        frozenset({Permission.READ, Permission.TRAVERSE}),
        frozenset({Permission.READ, Permission.READ_PROPERTIES}),
        frozenset({Permission.READ}),
        frozenset({Permission.TRAVERSE}),
        frozenset({Permission.READ_PROPERTIES, Permission.RECORD}),
    ]
)
forbidden = _some([Permission.READ, Permission.TRAVERSE, Permission.READ_PROPERTIES])
grants = st.builds(
    Grant,
    reader,
    maybe(st.frozensets(st.sampled_from(KINDS), max_size=3)),
    maybe(_some(["ASCENDANTS", "DESCENDANTS"])),
    maybe(st.sampled_from([0, 1, 2])),
    st.just(frozenset[str]()) | _some([*KEYS, "metrics.loss", "metrics.é"]),
)


@st.composite
def scopes(draw: st.DrawFn, boundaries: bool = True) -> Scope:
    """Rules for some of the groups there may be; without `boundaries` all that is hidden is cut and nothing told."""
    rules = []
    for group in (default_group("a"), default_group("b"), *GROUPS):
        if draw(st.integers(0, 3)):
            rules.append(
                GroupRule(
                    group,
                    tuple(draw(st.lists(grants, max_size=2))),
                    draw(st.just(frozenset[Permission]()) | st.just(frozenset[Permission]()) | forbidden),
                    draw(st.none() | st.sampled_from(list(Boundary))) if boundaries else None,
                    draw(st.booleans()) if boundaries else False,
                )
            )
    return Scope.of(rules, b"mask")
