"""Typed values: properties, timestamps, and their text forms.

A timestamp is an int: microseconds since 1970-01-01T00:00:00Z, proleptic Gregorian, years 1 to 9999.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

import orjson

from lineal.graphstore.kinds import PropertyType

Json: TypeAlias = "None | bool | int | float | str | list[Json] | dict[str, Json]"

MAX_VALUE_BYTES: Final = 1024 * 1024
"""Greatest size of a value in bytes of UTF-8 (of a JSON value: as compact text)."""
MAX_WORD_BYTES: Final = 512
"""Greatest size of a property key, tag, role, type or id type in bytes of UTF-8."""
METRICS: Final = "metrics."
"""Prefix of the property key that stands for a metric in rules of hidden keys."""
MAX_METRIC_BYTES: Final = MAX_WORD_BYTES - len(METRICS)
"""Greatest size of a metric's name in bytes of UTF-8: with the prefix `METRICS` it is a property key."""
MAX_JSON_DEPTH: Final = 100
"""Greatest depth of arrays and objects in a JSON value."""
INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_FROM_U_E000 = re.compile(rb"[\xee-\xff]")
_INTEGER = re.compile(r"0|-?[1-9]\d{0,18}", re.ASCII)
_RFC3339 = re.compile(r"(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(?:\.(\d+))?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Property:
    """One typed value under a dotted key.

    `value` is a str, int, float, bool, an int of microseconds for TIMESTAMP, or any JSON for JSON.
    """

    key: str
    type: PropertyType
    value: Json

    @property
    def shown(self) -> Json:
        """The value in JSON: a timestamp as RFC 3339 text, any other value unchanged."""
        is_time = self.type is PropertyType.TIMESTAMP and isinstance(self.value, int)
        return format_timestamp(self.value) if is_time else self.value  # type: ignore[arg-type]

    @property
    def text(self) -> str:
        """The value as text, without loss: a string unchanged, a timestamp in RFC 3339, others by `json_text`."""
        shown = self.shown
        return shown if isinstance(shown, str) and self.type is not PropertyType.JSON else json_text(shown)


def parse_timestamp(text: str) -> int:
    """Return the microseconds of an RFC 3339 date-time. The offset is required; digits beyond microseconds are dropped.

    Raises ValueError with a sentence that says what to do.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:64]!r} is not an RFC 3339 time with an offset: write it as 2026-03-01T12:00:00Z")
    date, time, fraction, offset = match.groups()
    micros = (fraction or "")[:6].ljust(6, "0")
    try:
        moment = datetime.fromisoformat(f"{date}T{time}.{micros}{offset.upper()}")
        since = (moment - _EPOCH) // _MICROSECOND
        if offset not in "Zz":
            moment.astimezone(UTC)  # which fails before the year 1 and after 9999
    except (ValueError, OverflowError):
        raise ValueError(f"{text[:64]!r} is not a time that exists: check its date, hour and offset") from None
    return since


def parse_date_or_timestamp(text: str) -> int:
    """Return the microseconds of an RFC 3339 date-time, or of midnight UTC of a date without a time.

    Raises ValueError as `parse_timestamp` does.
    """
    return parse_timestamp(f"{text}T00:00:00Z" if is_date(text) else text)


def is_date(text: str) -> bool:
    """Return whether a text has the form of a date without a time: `2026-03-01`."""
    return _DATE.fullmatch(text) is not None


def parse_integer(text: str) -> int | None:
    """Return the 64-bit integer that a text is in decimal, without plus and leading zeros, or None."""
    value = int(text) if _INTEGER.fullmatch(text) else None
    return value if value is not None and INT64_MIN <= value <= INT64_MAX else None


def format_timestamp(micros: int) -> str:
    """Return a timestamp in RFC 3339 and UTC with six digits of microseconds: `2026-03-01T12:00:00.000000Z`."""
    return (_EPOCH + timedelta(microseconds=micros)).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def format_float(value: float) -> str:
    """Return a finite float in the form of RFC 8785, which is ECMAScript's Number::toString; -0 is `0`."""
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return sign + digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    tail = "." + digits[1:] if count > 1 else ""
    return f"{sign}{digits[0]}{tail}e{'+' if point > 0 else '-'}{abs(point - 1)}"


def canonical_bytes(form: Mapping[str, object]) -> bytes:
    """Return RFC 8785 canonical JSON of a form without bare numbers (strings, booleans, null, lists, objects).

    Raises TypeError if a string is not valid Unicode.
    """
    encoded = orjson.dumps(form, option=orjson.OPT_SORT_KEYS)
    # UTF-16 order differs from UTF-8's only where a key holds a character from U+E000 up, which begins with 0xEE or
    # a greater byte.
    if encoded.isascii() or not _FROM_U_E000.search(encoded):
        return encoded
    return orjson.dumps(_in_utf16_order(form))


def _in_utf16_order(form: object) -> object:
    if isinstance(form, Mapping):
        keys = sorted(form, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
        return {key: _in_utf16_order(form[key]) for key in keys}
    return [_in_utf16_order(item) for item in form] if isinstance(form, list) else form


def tagged_json(value: Json) -> object:
    """Return a JSON value with every number as a tagged string: `{"$int": "5"}`, `{"$float": "0.5"}`.

    A key of the value that starts with `$` gets one more `$`, so that the form is unambiguous.
    """
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return {"$int": str(value)}
    if isinstance(value, float):
        return {"$float": format_float(value)}
    if isinstance(value, list):
        return [tagged_json(item) for item in value]
    return {f"${key}" if key.startswith("$") else key: tagged_json(item) for key, item in value.items()}


def canonical_json(value: Json) -> str:
    """Return the text by which JSON values are ordered and compared: canonical, with 1 and 1.0 equal."""
    return canonical_bytes({"": _numbers_merged(value)})[4:-1].decode()


def _numbers_merged(value: Json) -> object:
    if isinstance(value, float) and value.is_integer() and INT64_MIN <= value <= INT64_MAX:
        value = int(value)
    if isinstance(value, list):
        return [_numbers_merged(item) for item in value]
    if isinstance(value, dict):
        return {f"${key}" if key.startswith("$") else key: _numbers_merged(item) for key, item in value.items()}
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"$number": format_float(value) if isinstance(value, float) else str(value)}
    return value


def json_text(value: Json) -> str:
    """Return a JSON value as text: keys in the order of RFC 8785, floats in its form, integers with all digits.

    So clients agree on the text even if their numbers are less precise than 64 bits.
    """
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return orjson.dumps(value).decode()
    if isinstance(value, int | float):
        return format_float(value) if isinstance(value, float) else str(value)
    if isinstance(value, list):
        return f"[{','.join(map(json_text, value))}]"
    keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
    return f"{{{','.join(f'{json_text(key)}:{json_text(value[key])}' for key in keys)}}}"


def text_problem(text: str, most: int = MAX_VALUE_BYTES) -> str | None:
    """Return the problem of a text, as the end of a sentence, or None."""
    try:
        size = len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError:
        return "holds a lone surrogate, which is not text: send valid Unicode"
    if size > most:
        return f"is {size} bytes of UTF-8; the most is {most}: shorten it, or record it by reference"
    return "holds U+0000, which is refused: remove it" if "\x00" in text else None


def json_problem(value: Json, depth: int = 0) -> str | None:
    """Return the problem of a JSON value, as the end of a sentence, or None. `value_problem` checks the size."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return None if INT64_MIN <= value <= INT64_MAX else "is an integer outside 64 bits: send it as a string"
    if isinstance(value, float):
        finite = value - value == 0
        return None if finite else "is NaN or infinite, which JSON cannot hold: leave it out, or send a string"
    if isinstance(value, str):
        return text_problem(value)
    if depth >= MAX_JSON_DEPTH:
        return f"nests deeper than {MAX_JSON_DEPTH}: flatten it, or send it as a string"
    if isinstance(value, list):
        inside = (json_problem(item, depth + 1) for item in value)
    else:
        inside = (text_problem(key) or json_problem(item, depth + 1) for key, item in value.items())
    return next((problem for problem in inside if problem), None)


def value_problem(type: PropertyType, value: Json) -> str | None:
    """Return the problem of a property's value of a type, as the end of a sentence, or None."""
    if value is None:
        return "is null, which is no value: leave the property out"
    problem = json_problem(value)
    if problem or type is not PropertyType.JSON:
        return problem
    return text_problem(orjson.dumps(value).decode())
