"""The forms of values of metrics."""

from math import inf, isnan, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal.graphstore.metric_values import NAN, read_value, shown_value, sortable, value_of
from lineal.graphstore.values import INT64_MAX, INT64_MIN

NUMBERS = st.floats(allow_nan=False)


@given(NUMBERS, NUMBERS)
def test_sortable_forms_are_in_the_order_of_values(left: float, right: float) -> None:
    assert (sortable(left) < sortable(right), sortable(left) == sortable(right)) == (left < right, left == right)
    assert NAN < sortable(left) <= INT64_MAX


@given(st.floats())
def test_every_value_comes_back(value: float) -> None:
    form = sortable(value)
    assert INT64_MIN <= form <= INT64_MAX
    assert value_of(form) == value or (isnan(value) and id(value_of(form)) == id(nan))
    assert str(value_of(sortable(-0.0))) == "0.0"
    read = read_value(shown_value(value))
    assert read == value or (isnan(value) and id(read) == id(nan))


@pytest.mark.parametrize("given", [None, True, "1", "inf", "-NaN", [], nan, inf, -inf, 10**400])
def test_what_is_no_value(given: object) -> None:
    with pytest.raises(ValueError, match="NaN"):
        read_value(given)
