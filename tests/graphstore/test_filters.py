"""Records match filters as the reference model says: drawn ones, and the cases that draws rarely hit."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from record_builders import EPOCH, type_of
from reference_filters import association_matches, entity_matches, restricted_matches
from strategies import association_filters, entities, entity_filters, property_lists, times

from lineal.auth.scopes import EVERYTHING
from lineal.graphstore.batches import NewEntity
from lineal.graphstore.codes import KIND_CODES
from lineal.graphstore.filter_compiler import compiled_entity_filter
from lineal.graphstore.filters import (
    association_matcher,
    entity_matcher,
    matches_bare,
    matches_restricted,
)
from lineal.graphstore.kinds import AssociationType, EntityKind, EntityStatus, LineageType, PropertyType
from lineal.graphstore.queries import (
    AssociationFilter,
    EntityFilter,
    Operand,
    PropertyFilter,
    StringFilter,
    TimeFilter,
)
from lineal.graphstore.records import AsOf, Association, Entity, Source, View
from lineal.graphstore.urns import entity_id, make_urn
from lineal.graphstore.values import Property, canonical_json, parse_timestamp

VIEW = View(EVERYTHING, AsOf(0))
TIME, LATER = "2020-09-13T12:26:40.000001Z", "2020-09-13T12:26:41Z"


def read(new: NewEntity) -> Entity:
    """An entity as read just after it was recorded."""
    urn = make_urn(new.account, new.kind, new.name, new.version)
    return Entity(
        id=entity_id(urn),
        urn=urn,
        account=new.account,
        kind=new.kind,
        name=new.name,
        version=new.version,
        type=new.type,
        description=new.description,
        title=new.title,
        status=new.status,
        source=new.source,
        tags=new.tags,
        properties=new.properties,
        occurred_at=EPOCH + 3 if new.occurred_at is None else new.occurred_at,
        recorded_at=EPOCH + 3,
        recorded_by="me",
        digest=None,
        view=VIEW,
    )


associations = st.builds(
    lambda type, role, properties, at: Association(
        "", "", "", "", "", type, role, properties, at, EPOCH + 3, "me", None, VIEW
    ),
    st.sampled_from(list(AssociationType)),
    st.sampled_from([None, "train", "Train"]),
    property_lists,
    times,
)


@given(entities, entity_filters)
def test_entities_match_as_the_model_says(new: NewEntity, where: EntityFilter) -> None:
    entity = read(new)
    assert entity_matcher(where)(entity) == entity_matches(entity, where)
    assert matches_restricted(where) == restricted_matches(where)


@given(associations, association_filters)
def test_associations_match_as_the_model_says(association: Association, where: AssociationFilter) -> None:
    assert association_matcher(where)(association) == association_matches(association, where)
    bare = Association("", "", "", "", "", association.type, None, (), None, None, "restricted", None, VIEW)
    assert matches_bare(association.type, where) == association_matches(bare, where)
    assert association_matcher(where)(bare) == association_matches(bare, where)


def operand(value: Any) -> Operand:
    return Operand(type_of(value), canonical_json(value) if isinstance(value, list | dict) else value)


def of_value(value: Any, **asked: Any) -> bool:
    """Whether an entity whose property `k` has a value matches what is asked of `k`."""
    type = PropertyType.TIMESTAMP if isinstance(value, tuple) else type_of(value)
    k = Property("k", type, value[0] if isinstance(value, tuple) else value)
    operands = {
        name: tuple(map(operand, each)) if name == "in_" else operand(each)
        for name, each in asked.items()
        if name not in ("contains", "starts_with", "exists")
    }
    where = EntityFilter(property=(PropertyFilter("k", **{**asked, **operands}),))
    current = read(NewEntity("a", EntityKind.DATASET, "n", properties=(k,), occurred_at=EPOCH))
    assert entity_matches(current, where) == entity_matcher(where)(current)
    return entity_matcher(where)(current)


AT = (EPOCH + 1,)
"""The value of a TIMESTAMP property: the time of `TIME`."""


@pytest.mark.parametrize(
    ("value", "asked"),
    [
        (1, {"eq": 1.0}),
        (2**53 + 1, {"gt": 2.0**53}),
        (1, {"gt": 0, "gte": 1, "lte": 1, "lt": 2}),
        (2, {"gt": 1, "gte": 1}),
        (2, {"gt": 1, "gte": 2}),
        (True, {"eq": True}),
        (True, {"ne": 1}),
        (1, {"ne": True}),
        (1, {"eq": "1"}),
        (1.0, {"eq": "1"}),
        ("1", {"eq": "1"}),
        (1, {"ne": "01"}),
        (1, {"in_": ["x", "1"]}),
        (2**53 + 1, {"eq": str(2**53 + 1), "gt": str(2**53), "lte": 2**53 + 1}),
        (-(2**63), {"eq": str(-(2**63))}),
        (10, {"gt": "9", "lt": "11"}),
        ("10", {"lt": "9"}),
        ("\U0001f600", {"gt": "\ue000"}),
        ("ab", {"gte": "a", "lt": "b", "contains": "b", "starts_with": "a"}),
        (AT, {"eq": TIME}),
        (AT, {"in_": ["x", TIME]}),
        (AT, {"gte": TIME, "lt": LATER}),
        (AT, {"ne": "no time"}),
        (AT, {"gt": "2020-09-13", "lt": "2020-09-14"}),
        ((parse_timestamp("2020-09-13T00:00:00Z"),), {"eq": "2020-09-13"}),
        ("2020-09-13", {"eq": "2020-09-13"}),
        (AT, {"exists": True}),
        (TIME, {"eq": TIME, "starts_with": "2020", "contains": "T12"}),
        (TIME, {"gte": "2020", "lt": LATER}),
        ([1], {"eq": [1]}),
        ([1], {"ne": [1.5]}),
        ({"b": 1, "a": 2}, {"eq": {"a": 2, "b": 1}}),
        ("", {"contains": "", "starts_with": ""}),
    ],
)
def test_values_that_match(value: Any, asked: Any) -> None:
    assert of_value(value, **asked)


@pytest.mark.parametrize(
    ("value", "asked"),
    [
        (1, {"eq": True}),
        (1, {"ne": "1"}),
        (1, {"eq": "01"}),
        (1, {"eq": "+1"}),
        (1, {"eq": "1.0"}),
        (2**63 - 1, {"lt": "9223372036854775808"}),
        (2**53 + 1, {"eq": str(2**53)}),
        ("1", {"eq": 1}),
        (AT, {"eq": "2020-09-13"}),
        (AT, {"lt": "2020-02-30"}),
        (2**53 + 1, {"eq": 2.0**53}),
        (1, {"gt": 1, "gte": 1}),
        (1, {"lt": 1, "lte": 1}),
        (1, {"gt": 1, "gte": 0}),
        (2, {"gt": 1, "gte": 3}),
        (1, {"lte": 2, "lt": 1}),
        (3, {"lt": 4, "lte": 2}),
        (1, {"gt": 0, "lt": "a"}),
        (1, {"in_": []}),
        (True, {"gte": False}),
        ([1], {"gte": [1]}),
        (True, {"lte": True}),
        ([1], {"contains": "1"}),
        ([1], {"starts_with": "["}),
        (1, {"contains": ""}),
        (AT, {"starts_with": ""}),
        (AT, {"gt": TIME}),
        (AT, {"lt": TIME}),
        (AT, {"gte": "2020"}),
        (AT, {"gte": TIME, "lt": "3"}),
        (AT, {"eq": EPOCH + 1}),
        (AT, {"ne": TIME}),
        ("a", {"exists": False}),
        ("a", {"ne": "a"}),
    ],
)
def test_values_that_do_not_match(value: Any, asked: Any) -> None:
    assert not of_value(value, **asked)


BARE = read(NewEntity("a", EntityKind.DATASET, "name", occurred_at=EPOCH))
FULL = read(
    NewEntity(
        "a",
        EntityKind.MODEL,
        "Straße",
        "1",
        "t",
        None,
        EntityStatus.FAILED,
        Source("s3://x"),
        ("one", "two"),
        (Property("k", PropertyType.INTEGER, 1),),
        EPOCH,
    )
)
ONE = Operand(PropertyType.INTEGER, 1)


@pytest.mark.parametrize(
    ("where", "of_bare", "of_full"),
    [
        (EntityFilter(), True, True),
        (EntityFilter(kind=()), False, False),
        (EntityFilter(type=()), False, False),
        (EntityFilter(or_=()), False, False),
        (EntityFilter(and_=()), True, True),
        (EntityFilter(property=()), True, True),
        (EntityFilter(not_=EntityFilter()), False, False),
        (EntityFilter(not_=EntityFilter(or_=())), True, True),
        (EntityFilter(lineage_type=(LineageType.ARTIFACT,)), True, True),
        (EntityFilter(kind=(EntityKind.MODEL,), lineage_type=(LineageType.ACTION,)), False, False),
        (EntityFilter(type=("t",)), False, True),
        (EntityFilter(status=(EntityStatus.FAILED,)), False, True),
        (EntityFilter(tag=("two", "three")), False, True),
        (EntityFilter(tag=("three",)), False, False),
        (EntityFilter(version=StringFilter(ne="2")), False, True),
        (EntityFilter(version=StringFilter(ne="1")), False, False),
        (EntityFilter(not_=EntityFilter(version=StringFilter(ne="2"))), True, False),
        (EntityFilter(version=StringFilter(exists=True)), False, True),
        (EntityFilter(source_uri=StringFilter(exists=False)), True, False),
        (EntityFilter(source_uri=StringFilter(starts_with="")), False, True),
        (EntityFilter(name=StringFilter(exists=True)), True, True),
        (EntityFilter(name=StringFilter(exists=False)), False, False),
        (EntityFilter(name=StringFilter(ne="name")), False, True),
        (EntityFilter(name=StringFilter(eq="name", in_=("other",))), False, False),
        (EntityFilter(name=StringFilter(eq="STRASSE", ignore_case=True)), False, True),
        (EntityFilter(name=StringFilter(in_=("NAME", "straSSE"), ignore_case=True)), True, True),
        (EntityFilter(name=StringFilter(contains="ASS", ignore_case=True)), False, True),
        (EntityFilter(name=StringFilter(starts_with="S", ignore_case=True)), False, True),
        (EntityFilter(name=StringFilter(ne="strasse", ignore_case=True)), True, False),
        (EntityFilter(name=StringFilter(eq="straße")), False, False),
        (EntityFilter(name=StringFilter(eq="sTRaße", ignore_case=True)), False, True),
        (EntityFilter(occurred_at=TimeFilter(gt=EPOCH)), False, False),
        (EntityFilter(occurred_at=TimeFilter(gte=EPOCH, lte=EPOCH)), True, True),
        (EntityFilter(occurred_at=TimeFilter(lt=EPOCH)), False, False),
        (EntityFilter(recorded_at=TimeFilter(gt=EPOCH + 2, lt=EPOCH + 4)), True, True),
        (EntityFilter(recorded_by=StringFilter(eq="me")), True, True),
        (EntityFilter(property=(PropertyFilter("k"),)), True, True),
        (EntityFilter(property=(PropertyFilter("k", exists=False),)), True, False),
        (EntityFilter(property=(PropertyFilter("k", ne=ONE),)), False, False),
        (EntityFilter(not_=EntityFilter(property=(PropertyFilter("k", ne=ONE),))), True, True),
        (EntityFilter(or_=(EntityFilter(tag=("one",)), EntityFilter(account=("b",)))), False, True),
        (EntityFilter(and_=(EntityFilter(tag=("one",)), EntityFilter(account=("b",)))), False, False),
        (EntityFilter(or_=(EntityFilter(tag=("one",), account=("b",)), EntityFilter(type=("u",)))), False, False),
    ],
)
def test_fields(where: EntityFilter, of_bare: bool, of_full: bool) -> None:
    assert (entity_matches(BARE, where), entity_matches(FULL, where)) == (of_bare, of_full)
    assert (entity_matcher(where)(BARE), entity_matcher(where)(FULL)) == (of_bare, of_full)


def test_kinds_and_lineage_types_must_both_allow_a_kind() -> None:
    where = EntityFilter(kind=(EntityKind.MODEL, EntityKind.ENDPOINT), lineage_type=(LineageType.ARTIFACT,))
    compiled = compiled_entity_filter(where)
    assert compiled.codes == frozenset({KIND_CODES[EntityKind.MODEL]})
    assert compiled.asks_only_kinds


def test_an_association_without_a_time_is_within_no_bounds() -> None:
    bare = Association("", "", "", "", "", AssociationType.SAME_AS, None, (), None, None, "restricted", None, VIEW)
    for where in (AssociationFilter(occurred_at=TimeFilter(lt=1)), AssociationFilter(recorded_at=TimeFilter(lte=0))):
        assert not association_matcher(where)(bare)
        assert not association_matches(bare, where)
