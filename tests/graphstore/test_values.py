"""Values against implementations of their definitions that others wrote."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from lineal.graphstore.values import (
    MAX_JSON_DEPTH,
    MAX_VALUE_BYTES,
    canonical_bytes,
    canonical_json,
    format_float,
    format_timestamp,
    json_problem,
    parse_timestamp,
    tagged_json,
    text_problem,
)

text = st.text(st.characters(codec="utf-8"), max_size=8)
forms = st.recursive(
    st.none() | st.booleans() | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=6),
    max_leaves=12,
)
finite = st.floats(allow_nan=False, allow_infinity=False)
numbers = st.integers(-(2**63), 2**63 - 1) | finite
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | text | numbers,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)


@given(finite)
def test_floats_are_printed_as_rfc_8785_says(value: float) -> None:
    assert format_float(value).encode() == rfc8785.dumps(value)


@pytest.mark.parametrize(
    ("value", "shown"),
    # Among them the samples of RFC 8785, appendix B.
    [
        (-0.0, "0"),
        (5e-324, "5e-324"),
        (-1.7976931348623157e308, "-1.7976931348623157e+308"),
        (9007199254740992.0, "9007199254740992"),
        (295147905179352830000.0, "295147905179352830000"),
        (9.999999999999997e22, "9.999999999999997e+22"),
        (1e23, "1e+23"),
        (999999999999999700000.0, "999999999999999700000"),
        (333333333.3333332, "333333333.3333332"),
        (1e21, "1e+21"),
        (0.000001, "0.000001"),
        (1e-7, "1e-7"),
        (1424953923781206.2, "1424953923781206.2"),
    ],
)
def test_floats_by_example(value: float, shown: str) -> None:
    assert format_float(value) == shown


@given(st.dictionaries(text, forms, max_size=6))
def test_forms_are_canonical(form: dict[str, Any]) -> None:
    assert canonical_bytes(form) == rfc8785.dumps(form)


def test_keys_are_in_the_order_of_utf_16() -> None:
    assert canonical_bytes({"\ufb33": "later", "😂": "sooner"}) == '{"😂":"sooner","\ufb33":"later"}'.encode()


@given(json_values, json_values)
def test_different_values_have_different_forms(one: Any, other: Any) -> None:
    """1 and 1.0 differ as recorded, and are one when compared; 0 and -0 never differ."""

    def plain(value: Any) -> str:
        return json.dumps(value, sort_keys=True).replace("-0.0", "0.0")

    same = plain(one) == plain(other)
    assert (canonical_bytes({"": tagged_json(one)}) == canonical_bytes({"": tagged_json(other)})) == same
    if same:
        assert canonical_json(one) == canonical_json(other)


def test_numbers_are_compared_by_value() -> None:
    assert canonical_json([1, {"a": 2.0}]) == canonical_json([1.0, {"a": 2}])
    assert canonical_json(2**53 + 1) != canonical_json(float(2**53))
    assert canonical_json({"$number": "1"}) != canonical_json(1)


@given(st.datetimes(), st.integers(-14 * 60, 14 * 60))
def test_times_are_those_of_the_calendar(moment: datetime, minutes: int) -> None:
    in_timezone = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    try:
        utc = in_timezone.astimezone(UTC)
    except OverflowError:
        with pytest.raises(ValueError, match="is not a time that exists"):
            parse_timestamp(in_timezone.isoformat())
        return
    micros = parse_timestamp(in_timezone.isoformat())
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros) == utc
    shown = format_timestamp(micros)
    assert shown == utc.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    assert parse_timestamp(shown) == micros


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("2026-03-01t12:00:00.1234567890z", "2026-03-01T12:00:00.123456Z"),
        ("2024-02-29T23:59:59-00:30", "2024-03-01T00:29:59.000000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_times_by_example(given: str, shown: str) -> None:
    assert format_timestamp(parse_timestamp(given)) == shown


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("2026-03-01", "is not an RFC 3339 time with an offset"),
        ("2026-03-01T12:00:00", "is not an RFC 3339 time with an offset"),
        ("2026-03-01 12:00:00Z", "is not an RFC 3339 time with an offset"),
        ("٢٠٢٦-03-01T12:00:00Z", "is not an RFC 3339 time with an offset"),
        ("2026-02-29T12:00:00Z", "is not a time that exists"),
        ("2026-03-01T24:00:00Z", "is not a time that exists"),
        ("2026-03-01T12:00:61Z", "is not a time that exists"),
        ("0001-01-01T00:00:00+00:01", "is not a time that exists"),
    ],
)
def test_invalid_times(given: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse_timestamp(given)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (2**63, "is an integer outside 64 bits: send it as a string"),
        (float("nan"), "is NaN or infinite, which JSON cannot hold: leave it out, or send a string"),
        ([{"a": [float("-inf")]}], "is NaN or infinite, which JSON cannot hold: leave it out, or send a string"),
        ({"a\x00": 1}, "holds U+0000, which is refused: remove it"),
        ([["\ud800"]], "holds a lone surrogate, which is not text: send valid Unicode"),
        (orjson.loads("[" * (MAX_JSON_DEPTH + 1) + "]" * (MAX_JSON_DEPTH + 1)), "nests deeper than 100"),
        (orjson.loads("[" * MAX_JSON_DEPTH + "]" * MAX_JSON_DEPTH), None),
        ([2**63 - 1, -(2**63), 1e308, "", "x" * MAX_VALUE_BYTES, {"": None}], None),
    ],
)
def test_valid_json_values(value: Any, problem: str | None) -> None:
    reported = json_problem(value)
    assert reported is None if problem is None else reported is not None and reported.startswith(problem)


def test_texts_are_measured_in_bytes() -> None:
    assert text_problem("é" * 5, 10) is None
    assert text_problem("é" * 6, 10) == "is 12 bytes of UTF-8; the most is 10: shorten it, or record it by reference"
