"""What patterns describe, in plain Python, whose syntax means the same for what they are made of."""

from re import DOTALL, fullmatch

from hypothesis import given
from hypothesis import strategies as st

from lineal.graphstore import index_terms
from lineal.graphstore.gremlin import patterns

numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9)
texts = st.text(max_size=4).map(index_terms.text_or_cut) | numbers.map(index_terms.number_of)


def matches(pattern: str | None, text: str) -> bool:
    return pattern is not None and fullmatch(pattern, text, DOTALL) is not None


@given(texts, texts | st.just(""), texts | st.just(""))
def test_a_range_pattern_matches_exactly_its_range(value: str, least: str, most: str) -> None:
    place = patterns.LONGEST_PLACE
    above = value[:place] >= least[:place]
    below = not most or value[:place] <= most[:place] or value.startswith(most[:place])
    assert matches(patterns.between(least, most), value) == (above and below)


@given(numbers, numbers, numbers)
def test_number_patterns_match_no_other_number(value: float, least: float, most: float) -> None:
    pattern = patterns.between(index_terms.number_of(least), index_terms.number_of(most))
    if least <= value <= most:
        assert matches(pattern, index_terms.number_of(value))
    elif matches(pattern, index_terms.number_of(value)):
        assert index_terms.number_of(value).startswith(index_terms.number_of(most)), "no more than begins so"


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_substrings_match_at_any_position(before: str, part: str, after: str) -> None:
    assert matches(patterns.holding(part), before + part + after)
    assert matches(patterns.holding(part[:32]), after) == (part[:32] in after)


@given(texts, texts)
def test_patterns_are_no_longer_than_elasticsearch_takes(least: str, most: str) -> None:
    assert len(patterns.between(least, most) or "") < 600
    assert len(patterns.holding("." * 1000)) < 600
