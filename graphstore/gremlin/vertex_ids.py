"""Where things lie in the graph: vertex ids derived from identity, so that one entity is one vertex however many write.

JanusGraph takes vertex ids of 53 bits of one's own; they are the first of an entity's id. A key (see `codes`) is these
bits and the code of the kind. That two entities share 53 bits is told by comparing urns, and refused: of a million
entities the odds of one such pair are 1 to 18,000.
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
"""The property of an entity that holds the numbers of the groups it is in, its account's default group among them."""
_BITS: Final = 53
_ID_CHARACTERS: Final = 22


def number_of_id(id: str) -> int | None:
    """The bits of an entity's id; None where the text is no id."""
    if len(id) != _ID_CHARACTERS or not id.isascii():
        return None
    try:
        raw = urlsafe_b64decode(id + "==")
    except (binascii.Error, ValueError):
        return None
    return int.from_bytes(raw[:7]) >> (56 - _BITS)


def key_of_urn(urn: str) -> int:
    """The key of an entity, from its urn, which names its kind."""
    return key_of(entity_id(urn), KIND_CODES[EntityKind(urn.split(":", 3)[2])])


def key_of(id: str, code: int) -> int:
    """The key of an entity, from its id and the code of its kind."""
    number = number_of_id(id)
    assert number is not None
    return number << KIND_BITS | code


def vertex_of(number: int) -> long:
    """The vertex id of 53 bits. Below them one bit keeps ids from 0; JanusGraph keeps the lowest three for itself."""
    return long((number << 1 | 1) << 3)


def number_of_vertex(vertex: int) -> int:
    """The 53 bits that `vertex_of` made a vertex id of."""
    return vertex >> 4


def vertex_of_key(key: int) -> long:
    """The vertex id of an entity."""
    return vertex_of(key >> KIND_BITS)


def number_of_group(group: str) -> long:
    """The number by which vertices tell that they are in the lineage group of an id."""
    digest = sha256(group.encode("utf-8", "surrogatepass")).digest()
    return long(int.from_bytes(digest[:7]) >> (56 - _BITS))


def vertex_of_note(*words: str) -> long:
    """The vertex id of what is no entity: the root, a property key, an idempotency key, a secret."""
    digest = sha256("\0".join(("note", *words)).encode("utf-8", "surrogatepass")).digest()
    return vertex_of(int.from_bytes(digest[:7]) >> (56 - _BITS))
