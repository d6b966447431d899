"""Arrays of entity keys: sorted, tested for membership, and used as predicates."""

from collections.abc import Callable, Collection
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineal.graphstore.codes import KIND_BITS

Keys: TypeAlias = NDArray[np.int64]
NO_KEYS: Final = np.zeros(0, np.int64)


def keys_of(keys: Collection[int]) -> Keys:
    """The keys as an array, in their order."""
    return np.fromiter(keys, np.int64, len(keys))


def ascending(keys: Keys) -> Keys:
    """The keys in ascending order, without repeats. Sorts the argument in place."""
    # np.unique hashes where it could sort, which takes thirty times as long.
    keys.sort()
    return keys[np.concatenate(([True], keys[1:] != keys[:-1]))] if len(keys) else keys


def among(keys: Keys, others: Keys) -> NDArray[np.bool_]:
    """For every key, whether it is one of the others."""
    if not len(keys) or not len(others):
        return np.zeros(len(keys), np.bool_)
    present = np.zeros((max(int(keys.max()), int(others.max())) >> KIND_BITS) + 1, np.bool_)
    present[others >> KIND_BITS] = True
    result: NDArray[np.bool_] = present[keys >> KIND_BITS]
    return result


def is_one_of(keys: Keys) -> Callable[[int], int]:
    """A function from a key to 1 if it is one of the keys (at least one), else 0."""
    present = np.zeros((int(keys.max()) >> KIND_BITS) + 1, np.uint8)
    present[keys >> KIND_BITS] = 1
    table, size = present.tobytes(), len(present)
    return lambda key: table[index] if (index := key >> KIND_BITS) < size else 0
