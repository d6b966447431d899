"""Times as OpenLineage producers write them."""

import re
from dataclasses import dataclass
from typing import Final

from lineal.graphstore.values import parse_timestamp

_TIME: Final = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})[Tt ](?P<minute>\d{2}:\d{2})(?P<second>:\d{2})?(?P<fraction>[.,]\d+)?"
    r" ?(?P<offset>[Zz]|[+-]\d{2}(?::?\d{2})?(?::?00)?)?(?:\[[^\]]*\])?",
    re.ASCII,
)


class InvalidTime(ValueError):
    """A text that is not a time; the message says which form to send."""


@dataclass(frozen=True, slots=True)
class EventTime:
    """A time in microseconds since 1970, and whether it had no offset and so was taken as UTC."""

    at: int
    is_assumed_utc: bool


def event_time(text: str) -> EventTime:
    """The time that a text states, as ISO 8601 or as Java prints it. Raises InvalidTime."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise InvalidTime("is no time: write it as 2026-03-01T12:00:00Z")
    date, minute, second, fraction, offset = match.group("date", "minute", "second", "fraction", "offset")
    digits = "" if offset is None or offset in "Zz" else re.sub(r"[^\d]", "", offset).ljust(4, "0")
    zone = "Z" if not digits else f"{offset[0]}{digits[:2]}:{digits[2:4]}"
    fraction = (fraction or "").replace(",", ".")
    try:
        return EventTime(parse_timestamp(f"{date}T{minute}{second or ':00'}{fraction}{zone}"), offset is None)
    except ValueError:
        raise InvalidTime("is not a time that exists: check its date, hour and offset") from None
