"""JSON values of an event as typed properties. A value that cannot be recorded is replaced by its digest."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

import orjson

from lineal.graphstore.kinds import PropertyType
from lineal.graphstore.values import (
    MAX_JSON_DEPTH,
    MAX_WORD_BYTES,
    Json,
    Property,
    json_problem,
    text_problem,
    value_problem,
)

LEFT_OUT: Final = "leftOut."
"""Prefix of the key of a property that describes the value that could not be recorded under the rest of the key."""
MAX_LEFT_OUT: Final = 100
"""How many values of one entity are named at one event; further ones are left out without a property."""


@dataclass
class Values:
    """The properties of one entity at one event, by key."""

    properties: dict[str, Property] = field(default_factory=dict)
    _left_out: int = 0

    def set(self, key: str, value: Json, type: PropertyType | None = None) -> None:
        """Set a property to a value, without parts that cannot be recorded; null and empty keys set nothing."""
        if value is None or not key:
            return
        if type is PropertyType.TIMESTAMP:
            self.properties[key] = Property(key, type, value)
            return
        problem = text_problem(key, MAX_WORD_BYTES)
        if problem is not None:
            self._leave_out(shortened_key(key), value, f"its key {problem}")
            return
        if isinstance(value, list | dict):
            value = self._cleaned(key, value, 0)
        else:
            problem = json_problem(value)
            if problem is None and isinstance(value, str):
                problem = text_problem(value)
            if problem is not None:
                self._leave_out(key, value, problem)
                return
        property = Property(key, type_of(value), value)
        if (problem := value_problem(property.type, value)) is not None:
            self._leave_out(key, value, problem)
            return
        self.properties[key] = property

    def _cleaned(self, path: str, value: Json, depth: int) -> Json:
        """A value without the parts that cannot be recorded; null replaces an element of a list."""
        if isinstance(value, list):
            if depth >= MAX_JSON_DEPTH:
                return self._leave_out(path, value, _TOO_DEEP)
            return [self._cleaned(f"{path}.{index}", item, depth + 1) for index, item in enumerate(value)]
        if isinstance(value, dict):
            if depth >= MAX_JSON_DEPTH:
                return self._leave_out(path, value, _TOO_DEEP)
            left: dict[str, Json] = {}
            for key, item in value.items():
                if (problem := text_problem(key)) is not None:
                    self._leave_out(f"{path}.{shortened_key(key)}", item, f"its key {problem}")
                else:
                    left[key] = self._cleaned(f"{path}.{key}", item, depth + 1)
            return left
        problem = json_problem(value)
        return value if problem is None else self._leave_out(path, value, problem)

    def _leave_out(self, path: str, value: Json, reason: str) -> Json:
        """Note a value that is left out, and return null to replace it."""
        raw = _bytes(value)
        omission: Json = {"reason": reason, "sha256": sha256(raw).hexdigest(), "bytes": len(raw)}
        key = LEFT_OUT + path
        if text_problem(key, MAX_WORD_BYTES) is not None:
            key = LEFT_OUT + shortened_key(path)
        self._left_out += 1
        if self._left_out <= MAX_LEFT_OUT:
            self.properties[key] = Property(key, PropertyType.JSON, omission)
        return None


_TOO_DEEP: Final = f"nests deeper than {MAX_JSON_DEPTH}"


def type_of(value: Json) -> PropertyType:
    """The type of a property with a value that is not null."""
    match value:
        case bool():
            return PropertyType.BOOLEAN
        case int():
            return PropertyType.INTEGER
        case float():
            return PropertyType.FLOAT
        case str():
            return PropertyType.STRING
    return PropertyType.JSON


def shortened_key(key: str) -> str:
    """A key that a property may have, in place of one that it may not: its beginning and a digest."""
    raw = key.encode("utf-8", "surrogatepass")
    begin = "".join(character if character.isprintable() else "\ufffd" for character in key[:64])
    return f"{begin}~{sha256(raw).hexdigest()[:16]}"


def _bytes(value: Json) -> bytes:
    """A value as compact JSON, also where it nests deep or JSON has no word for it."""
    try:
        return orjson.dumps(value) if not isinstance(value, float) else json.dumps(value).encode()
    except (TypeError, orjson.JSONEncodeError):
        return "".join(_tokens(value)).encode("utf-8", "surrogatepass")


class _Token(str):
    """A part of a JSON text."""


def _tokens(value: Json) -> Iterator[str]:
    waiting: list[Json] = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, _Token):
            yield item
        elif isinstance(item, dict | list):
            inside: list[Json] = []
            members: Iterable[tuple[str, Json]] = (
                ((json.dumps(key, ensure_ascii=False) + ":", each) for key, each in item.items())
                if isinstance(item, dict)
                else (("", each) for each in item)
            )
            for name, each in members:
                inside += [_Token(f",{name}" if inside else name), each]
            begin, end = ("{", "}") if isinstance(item, dict) else ("[", "]")
            waiting += [_Token(end), *reversed(inside), _Token(begin)]
        else:
            yield json.dumps(item, ensure_ascii=False)


def flattened(prefix: str, value: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    """The values of an object under dotted keys; objects within too, arrays as they are."""
    for key, item in value.items():
        if isinstance(item, dict) and item:
            yield from flattened(f"{prefix}.{key}", item)
        else:
            yield f"{prefix}.{key}", item
