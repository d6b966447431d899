"""The values that each setting accepts, and the conversion of what a flag, a variable or a file holds."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from lineal.graphstore.opening import STORE_FORMS, is_store_url

N = TypeVar("N", int, float)

MAX_PORT: Final = 65_535
_MAX_SHOWN: Final = 80
"""The most characters of a refused value that a message repeats."""
_ORIGIN: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^/\s?#@*]+")
_WHOLE: Final = re.compile(r"\s*[+-]?[0-9]{1,30}\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a setting accepts: `shown` says it after the word `give`, `read` converts a value or raises ValueError."""

    shown: str
    read: Callable[[Any], Any]


def whole_number(least: int, most: int) -> Accepted:
    """Integers from `least` to `most`."""

    def read(value: Any) -> int:
        is_text = isinstance(value, str) and _WHOLE.fullmatch(value)
        number = int(value) if is_text or (isinstance(value, int) and not isinstance(value, bool)) else least - 1
        return _within(number, least, most)

    return Accepted(f"a whole number from {least} to {most}", read)


def seconds(least: float, most: float) -> Accepted:
    """Numbers of seconds from `least` to `most`, fractions included."""

    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError
        return _within(float(value), least, most)

    return Accepted(f"a number of seconds from {least:g} to {most:g}", read)


def _within(number: N, least: N, most: N) -> N:
    # NaN compares false with everything, and is refused by this form of the comparison.
    if not least <= number <= most:
        raise ValueError
    return number


def _read_boolean(value: Any) -> bool:
    word = str(value).lower()
    if word not in ("true", "1", "yes", "false", "0", "no"):
        raise ValueError
    return word in ("true", "1", "yes")


def text(shown: str, is_accepted: Callable[[str], bool]) -> Accepted:
    """Texts that `is_accepted` takes."""

    def read(value: Any) -> str:
        if not isinstance(value, str) or "\0" in value or not is_unicode(value) or not is_accepted(value):
            raise ValueError
        return value

    return Accepted(shown, read)


def one_of(*words: str) -> Accepted:
    """Some words, in either case."""
    accepted = text(f"{', '.join(words[:-1])} or {words[-1]}", lambda value: value.lower() in words)
    return Accepted(accepted.shown, lambda value: accepted.read(value).lower())


def is_unicode(value: str) -> bool:
    """Whether a text holds no lone surrogate, as a variable or an argument that is not UTF-8 does."""
    return not any("\ud800" <= char <= "\udfff" for char in value)


def origins_of(value: str) -> list[str]:
    """The origins of a list separated by commas."""
    return [origin.strip() for origin in value.split(",") if origin.strip()]


BOOLEAN: Final = Accepted("true or false", _read_boolean)
TEXT: Final = text("any text", lambda value: True)
HOST: Final = text("an address or a host name", lambda value: bool(re.fullmatch(r"[^\s/]+", value)))
STORE: Final = text(STORE_FORMS, is_store_url)
BLOBS: Final = text(
    "file:///absolute/folder, s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or nothing",
    lambda value: re.fullmatch(r"(?:file:///|s3://|gs://|az://)\S+|", value) is not None,
)
ORIGINS: Final = text(
    "origins such as https://ui.example, without a path and separated by commas, or *",
    lambda value: all(origin == "*" or _ORIGIN.fullmatch(origin) for origin in origins_of(value)),
)


def shown_value(value: Any) -> str:
    """A value for a message: on one line, and cut where it is long."""
    shown = ascii(value) if not isinstance(value, int) or abs(value) < 10**_MAX_SHOWN else "a huge number"
    return shown if len(shown) <= _MAX_SHOWN else f"{shown[:_MAX_SHOWN]}..."
