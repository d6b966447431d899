"""Ranges of bytes in requests for content (RFC 9110, section 14): one range at most."""

import re
from typing import Final

_RANGE: Final = re.compile(r"bytes=(?:(\d{1,19})-(\d{0,19})|-(\d{1,19}))", re.ASCII)


class RangeNotSatisfiable(Exception):
    """A range begins after the last byte."""


def requested_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the start and the end (exclusive) of the range that a header requests, or None for the whole content.

    A header that is malformed, or that asks for several ranges, is ignored, as the RFC allows. Raises
    RangeNotSatisfiable.
    """
    match = _RANGE.fullmatch(header.replace(" ", "")) if header else None
    if match is None:
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        start, end = max(0, size - int(suffix)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < int(first):
            return None
    if start >= size or start >= end:
        raise RangeNotSatisfiable
    return start, end
