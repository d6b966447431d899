"""Names of datasets, jobs and columns: injective, and as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal.capture.openlineage.names import fitting, joined, joined_column, source_of
from lineal.graphstore.urns import name_problem

TEXT = st.text(st.sampled_from("ab:/#~0123@.\x00\ud800数"), max_size=6)
LONG = st.builds(lambda text, times: text * times, TEXT, st.sampled_from([1, 1, 1, 700, 5000]))


@pytest.mark.parametrize(
    ("namespace", "name", "whole"),
    [
        ("s3://lake", "raw", "s3://lake/raw"),
        ("postgres://h:5432", "db.schema.t", "postgres://h:5432/db.schema.t"),
        ("hdfs://h:9000", "/warehouse/x", "hdfs://h:9000//warehouse/x"),
        ("warehouse", "eu/orders", "warehouse/eu/orders"),
        ("warehouse/eu", "orders", "warehouse~1eu/orders"),
        ("arn:aws:glue:us-east-1:1", "table/db/t", "arn:aws:glue:us-east-1:1/table/db/t"),
        ("s3:", "/lake/raw", "s3~2//lake/raw"),
        ("~me", "x", "~0me/x"),
        ("", "x", "/x"),
    ],
)
def test_a_name_reads_as_people_write_it(namespace: str, name: str, whole: str) -> None:
    assert joined(namespace, name) == whole


@given(st.lists(st.tuples(LONG, LONG), min_size=2, max_size=8, unique=True))
def test_two_pairs_never_share_a_name(pairs: list[tuple[str, str]]) -> None:
    names = [joined(*pair) for pair in pairs]
    assert len(set(names)) == len(pairs)
    assert all(name_problem(name) is None for name in names)


@given(st.lists(st.tuples(LONG, LONG, LONG), min_size=2, max_size=8, unique=True))
def test_two_columns_never_share_a_name(columns: list[tuple[str, str, str]]) -> None:
    names = [joined_column(*column) for column in columns]
    assert len(set(names)) == len(columns)
    assert all(name_problem(name) is None for name in names)


@given(st.lists(LONG.filter(bool), min_size=2, max_size=8, unique=True))
def test_two_texts_never_fit_as_one(texts: list[str]) -> None:
    assert len({fitting(text) for text in texts}) == len(texts)


def test_a_column_is_a_fragment_of_its_dataset() -> None:
    assert joined_column("s3://lake", "raw", "id") == "s3://lake/raw#id"
    assert joined_column("s3://lake", "raw#x", "id") == "s3://lake/raw~3x#id"


def test_an_address_is_the_source_of_a_dataset() -> None:
    source = source_of("hdfs://h:9000", "/warehouse/x")
    assert source is not None
    assert (source.uri, source.type) == ("hdfs://h:9000/warehouse/x", "HDFS")
    assert source_of("postgres://h:5432", "db.schema.t") is None
    assert source_of("s3://lake/x", "y") is None
