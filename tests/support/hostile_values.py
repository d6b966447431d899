"""Values that break programs: JSON values, texts and bodies, and JSON documents with some of their parts replaced."""

import random
from collections.abc import Sequence
from typing import Any, Final

TEXTS: Final = [
    "", " ", "\0", "a\0b", "\U0010ffff", "e\u0301", "\u202e", "'; DROP TABLE entity; --", '"', "%", "_", "*", "\\",
    "${x}", "{{x}}", "NaN", "null", "-0", "1e999", "x" * 5_000, "\n\r\t\x1b[2J", "../../etc/passwd", "lineal:",
    "lineal:::", "lineal:a:RESTRICTED:x", "lineal:local:DATASET:", "lineal:restricted:x", "0000-00-00T00:00:00Z",
    "2026-03-01", "9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00+23:59", "10000-01-01T00:00:00Z",
    "2026-02-30", "2026-03-01T12:00:60Z", "2026-13-01T00:00:00Z", "2026-03-01T12:00:00.1234567890123Z",
    "AAAA", "AAA", "permit (principal, action, resource);",
]  # fmt: skip
RARE: Final = ["\ud800", "a\udfff\ud800", "é" * 70_000]
"""Texts that make much of a request refused: lone surrogates refuse it whole."""
NUMBERS: Final = [
    0, -0.0, 1, -1, 1.5, 2**31 - 1, 2**31, -(2**31) - 1, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**400,
    1e308, 5e-324,
]  # fmt: skip


def nested(depth: int, key: str | None = None) -> Any:
    """A value that nests as deep, in lists, or in objects with a key."""
    value: Any = 1
    for _ in range(depth):
        value = [value] if key is None else {key: value}
    return value


class Hostile:
    """Draws values and mutations from a seed; `known` are texts that mean something to the server."""

    def __init__(self, seed: int, known: Sequence[str] = ()) -> None:
        self.random, self.known = random.Random(seed), list(known)

    def text(self) -> str:
        """A text: half of them known ones, also cut or with another end."""
        if self.known and self.random.random() < 0.5:
            text = self.random.choice(self.known)
            return self.random.choice([text, text, text, text[:-1], text + "A", text.upper()])
        return self.random.choice(TEXTS if self.random.random() < 0.97 else RARE)

    def value(self) -> Any:
        """A JSON value of any type."""
        draw = self.random.random()
        if draw < 0.5:
            return self.text()
        if draw < 0.7:
            return self.random.choice(NUMBERS)
        if draw < 0.8:
            return self.random.choice([None, True, False, [], {}, [None], {"": ""}, [[]]])
        if draw < 0.9:
            return nested(self.random.choice([2, 99, 101, 254, 256, 300]), self.random.choice([None, "a"]))
        return {self.text(): self.text(), "urn": self.text(), "id": self.text()}

    def mutated(self, value: Any, rate: float = 0.15) -> Any:
        """The value with some of its parts replaced, removed, repeated or wrapped."""
        if self.random.random() < rate:
            return self.random.choice([self.value(), [value], {"a": value}, None])
        if isinstance(value, dict):
            kept = {key: self.mutated(item, rate) for key, item in value.items() if self.random.random() > rate / 5}
            return {**kept, self.text(): self.value()} if self.random.random() < rate / 2 else kept
        if isinstance(value, list):
            kept_items = [self.mutated(item, rate) for item in value]
            return kept_items * 2 if self.random.random() < rate / 2 else kept_items
        return self.text() if isinstance(value, str) and self.random.random() < rate else value
