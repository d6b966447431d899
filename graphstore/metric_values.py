"""Values of metrics: numbers, NaN and infinities, in the forms that JSON and engines have for them.

NaN is always the object `math.nan`, so that records that hold it are equal.
"""

import math
from struct import Struct
from typing import Final

from lineal.graphstore.values import INT64_MAX, INT64_MIN

NAN: Final = INT64_MIN
"""The sortable form of NaN: below all numbers."""
_WORDS: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_FLOAT, _INTEGER = Struct("<d"), Struct("<q")


def sortable(value: float) -> int:
    """The sortable form of a value: an integer of 64 bits, in the order of the values, -0 being 0 and NaN the least.

    It is the bits of the float, all but the sign flipped in negative ones.
    """
    if math.isnan(value):
        return NAN
    bits: int = _INTEGER.unpack(_FLOAT.pack(value + 0.0))[0]  # -0 is 0
    return bits if bits >= 0 else bits ^ INT64_MAX


def value_of(form: int) -> float:
    """The value of a sortable form."""
    if form == NAN:
        return math.nan
    value: float = _FLOAT.unpack(_INTEGER.pack(form if form >= 0 else form ^ INT64_MAX))[0]
    return value


def shown_value(value: float) -> float | str:
    """A value as JSON holds it: NaN and infinities as the strings "NaN", "Infinity" and "-Infinity"."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def read_value(shown: object) -> float:
    """The value of what `shown_value` returned, or of any number. Raises ValueError with a sentence's end."""
    if isinstance(shown, str) and shown in _WORDS:
        return _WORDS[shown]
    if isinstance(shown, bool) or not isinstance(shown, int | float):
        raise ValueError('must be a number, or one of the strings "NaN", "Infinity" and "-Infinity"')
    try:
        value = float(shown)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise ValueError('is no number that 64 bits hold: write "NaN", "Infinity" or "-Infinity" as strings')
    return value
