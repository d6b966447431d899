"""The texts of values keep the order of the values, and parts of texts are found only where they are."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from record_builders import properties

from lineal.graphstore import index_terms
from lineal.graphstore.batches import NewEntity
from lineal.graphstore.kinds import EntityKind, EntityStatus, PropertyType

integers = st.integers(-(2**63), 2**63 - 1) | st.integers() | st.sampled_from([0, 2**53, 2**53 + 1, 2**63])
numbers = integers | st.floats(allow_nan=False, allow_infinity=False) | integers.map(lambda n: float(n % 2**70))
texts = st.text(st.characters(codec="utf-8"), max_size=6) | st.text("a\x00\U0001f600\ue000é", max_size=4)


@given(numbers, numbers)
def test_numbers_keep_their_order(left: float, right: float) -> None:
    one, other = index_terms.number_of(left), index_terms.number_of(right)
    assert (one < other, one == other) == (left < right, left == right)


@given(texts, texts)
def test_texts_keep_the_order_of_code_points(left: str, right: str) -> None:
    one, other = index_terms.text_of(left), index_terms.text_of(right)
    assert (one < other, one == other) == (left < right, left == right)


@given(texts, texts, texts)
def test_substrings_are_found_at_any_position(text: str, part: str, key: str) -> None:
    term = index_terms.of_value(key or "k", PropertyType.STRING, text)
    assert (index_terms.text_of(part) in term) == (part in text)
    assert term.startswith(
        index_terms.of_type(key or "k", PropertyType.STRING) + index_terms.text_of(part)
    ) == text.startswith(part)


def test_long_texts_are_cut_and_stay_distinct() -> None:
    long = "é" * 5000
    entities = [NewEntity("a", EntityKind.MODEL, "m", properties=properties(k=long + end)) for end in ("", "a")]
    one, other = map(index_terms.of_part, entities)
    assert index_terms.is_cut(one)
    assert one != other
    assert max(map(len, one)) < 3 * index_terms.MOST_BYTES
    assert not index_terms.is_cut(
        index_terms.of_part(NewEntity("a", EntityKind.MODEL, "m", properties=properties(k="short")))
    )
    assert not index_terms.is_cut(
        index_terms.of_part(NewEntity("a", EntityKind.MODEL, "m", properties=properties(k=[long])))
    )


def test_terms_fit_every_index() -> None:
    values: dict[str, Any] = {"k: \n": {"a": [None, -1.5]}, "n": -0.1, "s": "\n -é"}
    odd = NewEntity("a", EntityKind.MODEL, "m", tags=("ß -", "\n"), properties=properties(**values))
    of_statuses = map(index_terms.of_status, EntityStatus)
    for term in (*index_terms.of_part(odd), *of_statuses):
        assert set(term) <= set("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ:~")
