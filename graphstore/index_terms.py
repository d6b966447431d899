"""Encodes the values that filters ask for as terms: texts that an index can look up.

An engine indexes only properties that its schema declares, but users choose their property keys freely. So a term
states one fact about an entity: `S:` and a status; `G:` and a tag; `M:`, that revisions of later batches moved the
entity to an earlier time; or `P`, a property key, `:`, the type of the value and the value. Terms sort as their values
do, also when Java compares strings. They consist of letters, digits, `:` and `~`, which every index accepts.

Fields have terms as well, for the indexes that need them: the letter of the field, `:` and the text; and, if full case
folding changes the text, the letter, `f:` and the folded text.

A key is UTF-8 in hexadecimal. A byte of a text is two characters, the first from g to v and the second from 0 to f, so
that a search for a part of a text matches only between two bytes, and never within a key.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from hashlib import sha256
from math import frexp
from typing import Final

from lineal.graphstore.batches import NewEntity, NewRevision
from lineal.graphstore.kinds import EntityStatus, PropertyType
from lineal.graphstore.values import Property, canonical_json

MOST_BYTES: Final = 1024
"""The most bytes of a text in a term. The term of a longer text has its beginning and a digest of the whole."""
STATUS, TAG, MOVED = "S:", "G:", "M:"
FIELDS: Final = {"name": "n", "version": "v", "type": "y", "source_uri": "u", "recorded_by": "r"}
"""The letter of each field, by its name in filters."""
FOLDED: Final = "f"
CUT: Final = "~"
"""In place of a type: the term that marks a property whose text is cut."""
_FIRST: Final = bytes(b"ghijklmnopqrstuv"[byte >> 4] for byte in range(256))
_SECOND: Final = bytes(b"0123456789abcdef"[byte & 15] for byte in range(256))
_COMPLEMENT: Final = str.maketrans("0123456789abcdef", "fedcba9876543210")
_EXPONENT_BIAS: Final = 1 << 23
_TYPES: Final = {
    PropertyType.STRING: "S",
    PropertyType.INTEGER: "N",
    PropertyType.FLOAT: "N",
    PropertyType.BOOLEAN: "B",
    PropertyType.TIMESTAMP: "T",
    PropertyType.JSON: "J",
}


def text_of(text: str) -> str:
    """Return a whole text, encoded such that texts sort by code point."""
    return _of_bytes(text.encode())


def _of_bytes(raw: bytes) -> str:
    characters = bytearray(2 * len(raw))
    characters[::2], characters[1::2] = raw.translate(_FIRST), raw.translate(_SECOND)
    return characters.decode("ascii")


def number_of(number: int | float) -> str:
    """Return a number as text, such that numbers sort by value; equal integers and floats have the same text.

    Without rounding. The text has sign, exponent and fraction, in hexadecimal; for negative numbers complemented, with
    a letter after the digits.
    """
    if number == 0:
        return "5"
    if isinstance(number, float):
        fraction, exponent = frexp(abs(number))
        mantissa, bits = int(fraction * 2**53), 53
    else:
        mantissa = abs(number)
        exponent = bits = mantissa.bit_length()
    digits = f"{mantissa << -bits % 4:x}".rstrip("0")
    text = f"{exponent + _EXPONENT_BIAS:07x}{digits}"
    return f"6{text}" if number > 0 else f"4{text.translate(_COMPLEMENT)}g"


@lru_cache(4096)
def of_key(key: str) -> str:
    """Return the beginning of every term of a property."""
    return f"P{key.encode().hex().upper()}:"


def key_of(term: str) -> str:
    """Return the property key of a term, from the term's beginning up to the colon."""
    return bytes.fromhex(term[1:]).decode()


@lru_cache(4096)
def of_type(key: str, type: PropertyType) -> str:
    """Return the beginning of the terms of a property's values of one type, which integers and floats share."""
    return of_key(key) + _TYPES[type]


def text_or_cut(text: str) -> str:
    """Return a text, encoded as by `text_of`; beyond MOST_BYTES, its beginning, `~` and a digest of the whole."""
    raw = text.encode()
    if len(raw) <= MOST_BYTES:
        return _of_bytes(raw)
    return _of_bytes(raw[:MOST_BYTES]) + "~" + sha256(raw).hexdigest()


def of_value(key: str, type: PropertyType, value: object) -> str:
    """Return the term of a property's value; a JSON value is canonical text."""
    prefix = of_type(key, type)
    if isinstance(value, str):
        return prefix + text_or_cut(value)
    if type is PropertyType.BOOLEAN:
        return f"{prefix}{value:d}"
    assert isinstance(value, int | float)
    return prefix + number_of(value)


def of_status(status: EntityStatus) -> str:
    """Return the term of a status."""
    return STATUS + text_of(status)


def of_tag(tag: str) -> str:
    """Return the term of a tag."""
    return TAG + text_of(tag)


def of_property(property: Property) -> str:
    """Return the term of a property."""
    value = canonical_json(property.value) if property.type is PropertyType.JSON else property.value
    return of_value(property.key, property.type, value)


def of_field(field: str, text: str) -> str:
    """Return the term of a field's text."""
    return f"{FIELDS[field]}:{text_or_cut(text)}"


def of_folded(field: str, text: str) -> str:
    """Return the term of a field's folded text."""
    return f"{FIELDS[field]}{FOLDED}:{text_or_cut(text)}"


def of_fields(texts: Mapping[str, str | None]) -> Iterator[str]:
    """Yield the terms of texts, by field; a folded text has a term where it differs from the text."""
    for field, text in texts.items():
        if text is not None:
            yield of_field(field, text)
            if (folded := text.casefold()) != text:
                yield of_folded(field, folded)


def of_part(part: NewEntity | NewRevision) -> set[str]:
    """Return the terms of an entity as first recorded, or of the fields that a revision sets."""
    terms = {of_tag(tag) for tag in part.tags or ()}
    if part.status is not None:
        terms.add(of_status(part.status))
    for property in part.properties:
        term = of_property(property)
        terms.add(term)
        if "~" in term and property.type is PropertyType.STRING:
            terms.add(of_key(property.key) + CUT)
    return terms


def is_cut(terms: set[str]) -> bool:
    """Return whether a text is cut, so that terms decide neither its order nor what it contains."""
    return any(term.endswith(CUT) for term in terms)
