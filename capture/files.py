"""Reads files of lineage: lines of the native form or of OpenLineage events, or one JSON document of events."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson

from lineal.capture.lenient_json import InvalidDocument, read_json
from lineal.capture.native import InvalidLine, Reader
from lineal.graphstore.batches import NewPart

_BOM: Final = b"\xef\xbb\xbf"
_EVENT: Final = frozenset({"eventTime", "run", "job", "dataset"})
_LONG_DIGITS: Final = re.compile(rb"[0-9]{19}")
NATIVE: Final = frozenset({"entity", "association", "revision", "observation", "focal"})


@dataclass(frozen=True, slots=True)
class Line:
    """One line, or one event of a JSON document: its number from 1, and its part or event, or its problem."""

    number: int
    part: NewPart | None = None
    event: dict[str, Any] | None = None
    problem: str | None = None
    end: int = 0
    """Number of bytes of the file up to the end of this line."""


def read_lines(stream: BinaryIO, account: str) -> Iterator[Line]:
    """Every line that is not blank, in order. A document of several lines is read into memory."""
    reader, at = Reader(account), 0
    lines: Iterable[bytes]
    first = next(iter(stream), b"").removeprefix(_BOM)
    broken = _problem_of(first) if first.lstrip()[:1] in (b"[", b"{") else None
    if broken is not None:
        # The first line is the beginning of a JSON document of several lines, or it is invalid.
        whole = first + stream.read()
        try:
            row = read_json(whole)
        except InvalidDocument as error:
            lines = whole.splitlines(keepends=True)
            is_unfinished = broken.position >= len(first.rstrip().decode(errors="replace"))
            if is_unfinished and not (first.lstrip().startswith(b"{") and any(map(_is_object, lines[1:]))):
                yield Line(1, problem=str(error), end=len(whole))
                return
        else:
            yield from _events(_listed(row) or [row], len(whole))
            return
    else:
        lines = chain([first], stream)
    for number, text in enumerate(lines, 1):
        at += len(text)
        if not text.strip():
            continue
        try:
            row = _parsed(text)
        except InvalidDocument as error:
            yield Line(number, problem=f"is not JSON: {error}", end=at)
            continue
        listed = _listed(row)
        if listed is not None and number == 1:
            yield from _events(listed, at)
            continue
        yield _line(number, row, reader, at)


def _parsed(text: bytes) -> Any:
    try:
        row = orjson.loads(text)
    except orjson.JSONDecodeError:
        return read_json(text)
    # orjson reads integers beyond 64 bits as floats.
    return read_json(text) if _is_event(row) and _LONG_DIGITS.search(text) else row


def _is_object(line: bytes) -> bool:
    """Whether a line is a record by itself, as no line of a document of several lines is."""
    return line.lstrip()[:1] == b"{" and _problem_of(line) is None


def _problem_of(text: bytes) -> InvalidDocument | None:
    try:
        _parsed(text)
    except InvalidDocument as error:
        return error
    return None


def _listed(row: Any) -> list[Any] | None:
    """The events of a list, or of an export's `events`; None for anything else."""
    if isinstance(row, dict) and not _is_event(row) and isinstance(row.get("events"), list):
        row = row["events"]
    return row if isinstance(row, list) else None


def _is_event(row: Any) -> bool:
    return isinstance(row, dict) and not row.keys() & NATIVE and bool(row.keys() & _EVENT)


def _line(number: int, row: Any, reader: Reader, at: int) -> Line:
    if _is_event(row):
        return Line(number, event=row, end=at)
    try:
        return Line(number, part=reader.read(row), end=at)
    except InvalidLine as error:
        return Line(number, problem=str(error), end=at)


def _events(rows: list[Any], end: int) -> Iterator[Line]:
    for number, row in enumerate(rows, 1):
        if isinstance(row, dict):
            yield Line(number, event=row, end=end * number // len(rows))
        else:
            yield Line(number, problem="is no event: an event is a JSON object", end=end * number // len(rows))


def size_of(path: Path) -> int | None:
    """Size of a file in bytes; None where the path is no regular file."""
    return path.stat().st_size if path.is_file() else None
