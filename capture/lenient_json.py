"""Reads JSON documents as producers write them: with a BOM, with NaN, with integers of any length, nested deep.

Values that cannot be recorded arrive as they are, so that the rest of their document is taken and they are named.
"""

import json
import re
from typing import Any, Final

import orjson

from lineal.json_structure import holds_more_values

_BOM: Final = b"\xef\xbb\xbf"
_LONG_DIGITS: Final = re.compile(r"[0-9]{19}")
_LONG_CHARACTERS: Final = 256 * 1024
"""The length from which orjson, which blocks all other threads, takes some ten milliseconds."""
MAX_VALUES: Final = 1_000_000
"""The most values of a document: those of 300,000 datasets, each with a namespace and a name."""
_MAX_DIGITS: Final = 4000
"""Python converts no longer text to an integer; such a number stays a text."""
_MAX_DEPTH: Final = 200
"""Values that nest deeper become null: twice the depth that a value may have, and no more than any code can follow."""
_MARKS: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}]', re.DOTALL)


class InvalidDocument(Exception):
    """A document that is not JSON; the message and `position`, in characters, say where it is invalid."""

    def __init__(self, message: str, position: int = 0) -> None:
        super().__init__(message)
        self.position = position


def read_json(document: bytes | bytearray) -> Any:
    """The value of a JSON document. Raises InvalidDocument."""
    try:
        text = bytes(document).removeprefix(_BOM).decode()
    except UnicodeDecodeError as error:
        raise InvalidDocument(
            f"The document is not UTF-8 at byte {error.start}, so nothing of it was taken: send UTF-8."
        ) from error
    if len(text) > _LONG_CHARACTERS and holds_more_values(text, MAX_VALUES):
        raise InvalidDocument(
            f"The document holds more than {MAX_VALUES:,} values, so nothing of it was taken: send several events, "
            "each with a part of the inputs, outputs or columns."
        )
    try:
        value = _parsed(text)
    except RecursionError:
        return _parsed(_without_depths(text))
    return _parsed(_without_depths(text)) if _nests_too_deep(value) else value


def _parsed(text: str) -> Any:
    if len(text) <= _LONG_CHARACTERS and not _LONG_DIGITS.search(text):
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            pass  # NaN, lone surrogates and deep nesting are read below
    try:
        # With a hook, Python code runs for each object, so that other threads can run.
        return json.loads(text, object_hook=lambda value: value, parse_int=_integer)
    except json.JSONDecodeError as error:
        raise InvalidDocument(
            f"The document breaks at line {error.lineno}, column {error.colno} ({error.msg}), so nothing of it was "
            "taken: send valid JSON.",
            error.pos,
        ) from error


def _nests_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_MAX_DEPTH + 1):
        parents = [each for each in level if isinstance(each, list | dict)]
        level = [child for each in parents for child in (each.values() if isinstance(each, dict) else each)]
        if not level:
            return False
    return True


def _integer(text: str) -> int | str:
    return int(text) if len(text) <= _MAX_DIGITS else text


def _without_depths(text: str) -> str:
    """The text with null in place of values that nest too deep."""
    parts, depth, begin = [], 0, 0
    for mark in _MARKS.finditer(text):
        if mark[0] in "[{":
            depth += 1
            if depth == _MAX_DEPTH + 1:
                parts += [text[begin : mark.start()], "null"]
        elif mark[0] in "]}":
            depth -= 1
            if depth == _MAX_DEPTH:
                begin = mark.end()
    return "".join([*parts, text[begin:]]) if depth <= _MAX_DEPTH else text[:0]
