"""Long JSON texts are parsed as short ones are."""

import json
import re
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal import json_body
from lineal.graphql_http import serialized
from lineal.json_body import parsed_json
from lineal.json_structure import holds_more_values

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def both(text: str) -> list[Any]:
    """What becomes of a text as a short one and as a long one: a value, or that it is refused."""
    outcomes = []
    for padding in ("", " " * 300_000):
        try:
            outcomes.append(repr(parsed_json(text + padding)))
        except ValueError:
            outcomes.append("refused")
    return outcomes


@given(VALUES, st.booleans())
def test_a_value_does_not_depend_on_the_length_of_its_text(value: Any, ascii_only: bool) -> None:
    short, long = both(json.dumps(value, ensure_ascii=ascii_only))
    assert short == long == repr(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "NaN",
        "[Infinity]",
        "[-Infinity]",
        '"\\ud800"',
        '"\\ud83d\\ude00"',
        "[" * 100000,
        "01",
        "'a'",
        '"\t"',
        "[1,]",
        '{"a": 1, "a": 2}',
        "1" * 5000,
        "\ufeff1",
        "[1] x",
    ],
)
def test_invalid_json_is_refused_at_any_length(text: str) -> None:
    short, long = both(text)
    assert short == long


def test_long_texts_are_parsed_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    stepped: list[str] = []
    monkeypatch.setattr(json_body, "_parsed_in_steps", stepped.append)
    parsed_json("[1]")
    parsed_json("[1]" + " " * 300_000)
    assert len(stepped) == 1


@pytest.mark.parametrize(
    "text", ['{"a":[1,2,{"b":"x,[{"}]}', '["a\\"b,,",",\\\\",1]', "[]", "[[],[]", '"unended,,', ""]
)
def test_values_are_counted_outside_of_strings(text: str) -> None:
    outside = re.sub(r'"(\\.|[^"\\])*"?', "", text)
    count = sum(outside.count(mark) for mark in ",[{")
    assert not holds_more_values(text, count)
    assert count == 0 or holds_more_values(text, count - 1)


def test_a_list_is_the_same_in_pieces() -> None:
    body = {"data": {"nodes": [{"n": n, "in": [[], {}, None, "é"]} for n in range(20)], "none": []}, "errors": {}}
    assert serialized(body) == orjson.dumps(body)
