"""Files of lineage, told apart by what they hold: the native form, OpenLineage events by line, or one JSON document."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson

from lineal.capture.native import InvalidLine, Part, Reader

NATIVE: Final = frozenset({"entity", "association", "revision", "focal"})


@dataclass(frozen=True, slots=True)
class Line:
    """One line, or one event of a JSON document: its number from 1, and what it holds, or what is wrong with it."""

    number: int
    part: Part | None = None
    event: dict[str, Any] | None = None
    problem: str | None = None
    end: int = 0
    """How many bytes of the file lie before its end."""


def read_lines(stream: BinaryIO, account: str) -> Iterator[Line]:
    """Every line that holds something, in order. A document of several lines is read whole, into memory."""
    reader, at = Reader(account), 0
    for number, text in enumerate(stream, 1):
        at += len(text)
        if not text.strip():
            continue
        try:
            row = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            if number == 1 and text.lstrip()[:1] in (b"[", b"{"):
                yield from _document(text + stream.read(), error)
                return
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


def _document(text: bytes, first: orjson.JSONDecodeError) -> Iterator[Line]:
    try:
        row = orjson.loads(text)
    except orjson.JSONDecodeError:
        yield Line(1, problem=f"is not JSON, and neither is the file as a whole: {first}", end=len(text))
        return
    yield from _events(row if isinstance(row, list) else [row], len(text))


def _events(rows: list[Any], end: int) -> Iterator[Line]:
    for number, row in enumerate(rows, 1):
        if isinstance(row, dict):
            yield Line(number, event=row, end=end * number // len(rows))
        else:
            yield Line(number, problem="is no event: an event is a JSON object", end=end * number // len(rows))


def size_of(path: Path) -> int | None:
    """How many bytes a file has, where that can be known."""
    return path.stat().st_size if path.is_file() else None
