"""What a filter may ask of an entity, as terms: texts in one set-valued property, so that the engine itself can decide.

JanusGraph knows no property that the schema does not declare, and a lineage's properties are anybody's. A term says
one thing about an entity: `S:` and a status, `G:` and a tag, or `P`, the property's key, `:`, the type of its value,
and the value. The text of a value keeps the order of values under Java's comparison of strings, and a term holds
letters, digits and `: ~` alone, so that any index takes it.

Of fields there are terms too, for the indexes that want them: a letter for the field, `:` and its text; and, where full
case folding changes the text, the letter, `f:` and the folded text.

Keys are UTF-8 in hexadecimal. The bytes of texts are two characters each, of which the first are g to v and the second
0 to f: a part of a text begins nowhere but between two bytes, and never within a key.
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
"""Of a longer text only the beginning is in its term, and a digest of the whole."""
TERM: Final = "term"
"""The property that holds the terms of an entity."""
STATUS, TAG = "S:", "G:"
FIELDS: Final = {"name": "n", "version": "v", "type": "y", "source_uri": "u", "recorded_by": "r"}
"""The letters of the fields, by the names that filters give them."""
FOLDED: Final = "f"
CUT: Final = "~"
"""The type of the term which says that a property's text is cut."""
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
    """A text, whole, in the order of code points."""
    return _of_bytes(text.encode())


def _of_bytes(raw: bytes) -> str:
    characters = bytearray(2 * len(raw))
    characters[::2], characters[1::2] = raw.translate(_FIRST), raw.translate(_SECOND)
    return characters.decode("ascii")


def number_of(number: int | float) -> str:
    """A number, in the order of numbers: an integer and a float that are equal are alike, and no digit is lost.

    Sign, exponent and fraction, in hexadecimal; below zero all turned round, and ended by a letter after all digits.
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
    """How the terms of a property begin."""
    return f"P{key.encode().hex().upper()}:"


def key_of(term: str) -> str:
    """The key of a property whose terms begin so, up to the colon."""
    return bytes.fromhex(term[1:]).decode()


@lru_cache(4096)
def of_type(key: str, type: PropertyType) -> str:
    """How the terms of a property begin where its value is of the type; integers and floats begin alike."""
    return of_key(key) + _TYPES[type]


def text_or_cut(text: str) -> str:
    """A text in the order of code points; of one past MOST_BYTES the beginning, `~`, and a digest of the whole."""
    raw = text.encode()
    if len(raw) <= MOST_BYTES:
        return _of_bytes(raw)
    return _of_bytes(raw[:MOST_BYTES]) + "~" + sha256(raw).hexdigest()


def of_value(key: str, type: PropertyType, value: object) -> str:
    """The term of a property; JSON as the value, or as its canonical text."""
    begin = of_type(key, type)
    if isinstance(value, str):
        return begin + text_or_cut(value)
    if type is PropertyType.BOOLEAN:
        return f"{begin}{value:d}"
    assert isinstance(value, int | float)
    return begin + number_of(value)


def of_status(status: EntityStatus) -> str:
    """The term of a status."""
    return f"{STATUS}{status}"


def of_tag(tag: str) -> str:
    """The term of a tag."""
    return TAG + text_of(tag)


def of_property(property: Property) -> str:
    """The term of a property."""
    value = canonical_json(property.value) if property.type is PropertyType.JSON else property.value
    return of_value(property.key, property.type, value)


def of_field(field: str, text: str) -> str:
    """The term of a field's text."""
    return f"{FIELDS[field]}:{text_or_cut(text)}"


def of_folded(field: str, text: str) -> str:
    """The term of a field's folded text, where it differs from the text."""
    return f"{FIELDS[field]}{FOLDED}:{text_or_cut(text)}"


def of_fields(given: Mapping[str, str | None]) -> Iterator[str]:
    """The terms of fields' texts."""
    for field, text in given.items():
        if text is not None:
            yield of_field(field, text)
            if (folded := text.casefold()) != text:
                yield of_folded(field, folded)


def of_part(part: NewEntity | NewRevision) -> set[str]:
    """The terms of an entity as first recorded, or of what a revision sets."""
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
    """Whether a text is cut, so that its order and its parts cannot be told from the terms."""
    return any(term.endswith(CUT) for term in terms)
