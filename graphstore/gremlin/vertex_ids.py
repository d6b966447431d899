"""Derives vertex ids from identity, so that an entity is one vertex, however many processes write it.

JanusGraph accepts vertex ids of 53 bits that the client chooses: they are the first bits of an entity's id. A key (see
`codes`) is these bits and the code of the kind. A comparison of URNs detects that two entities share the 53 bits, and
the second is refused: among a million entities the odds of one such pair are 1 to 18,000.
"""

import binascii
from base64 import urlsafe_b64decode
from hashlib import sha256
from typing import Final

from gremlin_python.statics import long

from lineal.graphstore.codes import KIND_BITS, KIND_CODES
from lineal.graphstore.kinds import EntityKind
from lineal.graphstore.urns import entity_id

GROUP: Final = "group"
"""The property of an entity with the numbers of its groups, including the default group of its account."""
_BITS: Final = 53
_ID_CHARACTERS: Final = 22


def number_of_id(id: str) -> int | None:
    """Return the bits of an entity's id; None if the text is not an id."""
    if len(id) != _ID_CHARACTERS or not id.isascii():
        return None
    try:
        raw = urlsafe_b64decode(id + "==")
    except (binascii.Error, ValueError):
        return None
    return int.from_bytes(raw[:7]) >> (56 - _BITS)


def key_of_urn(urn: str) -> int:
    """Return the key of an entity from its URN, which contains its kind."""
    return key_of(entity_id(urn), KIND_CODES[EntityKind(urn.split(":", 3)[2])])


def key_of(id: str, code: int) -> int:
    """Return the key of an entity from its id and the code of its kind."""
    number = number_of_id(id)
    assert number is not None
    return number << KIND_BITS | code


def vertex_of(number: int) -> long:
    """Return the vertex id of 53 bits. One bit below them keeps ids from 0; JanusGraph uses the lowest three."""
    return long((number << 1 | 1) << 3)


def number_of_vertex(vertex: int) -> int:
    """Return the 53 bits of a vertex id of `vertex_of`."""
    return vertex >> 4


def vertex_of_key(key: int) -> long:
    """Return the vertex id of an entity."""
    return vertex_of(key >> KIND_BITS)


def number_of_group(group: str) -> long:
    """Return the number by which vertices refer to the lineage group with this id."""
    digest = sha256(group.encode("utf-8", "surrogatepass")).digest()
    return long(int.from_bytes(digest[:7]) >> (56 - _BITS))


def vertex_of_note(*words: str) -> long:
    """Return the vertex id of a non-entity: the root, a property key, an idempotency key, a secret."""
    digest = sha256("\0".join(("note", *words)).encode("utf-8", "surrogatepass")).digest()
    return vertex_of(int.from_bytes(digest[:7]) >> (56 - _BITS))
