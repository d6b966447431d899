"""Sums of the hashes of rows, which show that rows were changed, added or deleted, and do not depend on their order.

A sum guards against damage and careless changes. Whoever may write the store can also write the sum that fits.
"""

from hashlib import sha256
from typing import Final

import orjson

_MODULUS: Final = 1 << 256
EMPTY_SUM: Final = bytes(32)
"""The sum of no rows."""


def row_hash(*values: str | int | None) -> int:
    """Return the hash of a row."""
    return int.from_bytes(sha256(orjson.dumps(values)).digest())


def added(total: bytes, *hashes: int) -> bytes:
    """Return a sum with the hashes of more rows; a negative hash takes a row away."""
    return ((int.from_bytes(total) + sum(hashes)) % _MODULUS).to_bytes(32)
