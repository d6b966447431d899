"""Reads files of lineage: lines of the native form or of OpenLineage events, or one JSON document of events."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson

from lineal.capture.native import InvalidLine, Reader
from lineal.graphstore.batches import NewPart

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
    first = next(iter(stream), b"")
    if first.lstrip()[:1] in (b"[", b"{") and _is_no_json(first):
        # The first line is the beginning of a JSON document of several lines, or it is invalid.
        whole = first + stream.read()
        if not _is_no_json(whole):
            row = orjson.loads(whole)
            yield from _events(row if isinstance(row, list) else [row], len(whole))
            return
        lines = whole.splitlines(keepends=True)
    else:
        lines = chain([first], stream)
    for number, text in enumerate(lines, 1):
        at += len(text)
        if not text.strip():
            continue
        try:
            row = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            yield Line(number, problem=f"is not JSON: {error}", end=at)
            continue
        if isinstance(row, list) and number == 1:
            yield from _events(row, at)
            continue
        yield _line(number, row, reader, at)


def _line(number: int, row: Any, reader: Reader, at: int) -> Line:
    if isinstance(row, dict) and not row.keys() & NATIVE and row.keys() & {"eventTime", "run", "job", "dataset"}:
        return Line(number, event=row, end=at)
    try:
        return Line(number, part=reader.read(row), end=at)
    except InvalidLine as error:
        return Line(number, problem=str(error), end=at)


def _is_no_json(text: bytes) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return True
    return False


def _events(rows: list[Any], end: int) -> Iterator[Line]:
    for number, row in enumerate(rows, 1):
        if isinstance(row, dict):
            yield Line(number, event=row, end=end * number // len(rows))
        else:
            yield Line(number, problem="is no event: an event is a JSON object", end=end * number // len(rows))


def size_of(path: Path) -> int | None:
    """Size of a file in bytes; None where the path is no regular file."""
    return path.stat().st_size if path.is_file() else None
