"""The associations held in memory as sorted arrays, so that a walk of the present asks the database nothing.

An `Adjacency` is of one watermark and never changes. A newer one shares its layers: each holds the associations of some
stretch of time, and neighbours of like size are merged, so there are few however many batches were recorded.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeAlias

import apsw
import numpy as np
from numpy.typing import NDArray

from lineal.graphstore.codes import SAME_AS
from lineal.graphstore.kinds import LineageDirection

Keys: TypeAlias = NDArray[np.int64]
Codes: TypeAlias = NDArray[np.uint8]

_BATCHES_AT_ONCE: Final = 50


def ascending(keys: Keys) -> Keys:
    """Keys in ascending order, each once. Sorts what it is given."""
    # np.unique hashes where it could sort, which takes thirty times as long.
    keys.sort()
    return keys[np.concatenate(([True], keys[1:] != keys[:-1]))] if len(keys) else keys


@dataclass(frozen=True, slots=True)
class _Side:
    """Crossings in one direction, sorted by the key they start from. `far` is negative where one is a SAME_AS."""

    near: Keys
    far: Keys
    types: Codes

    def crossed(self, frontier: Keys, types: Codes | None) -> Keys:
        """The far keys of all crossings from sorted keys, of any of the types."""
        begins = np.searchsorted(self.near, frontier, "left")
        counts = np.searchsorted(self.near, frontier, "right") - begins
        ends = np.cumsum(counts)
        if not len(ends) or not ends[-1]:
            return self.far[:0]
        at = np.arange(ends[-1]) + np.repeat(begins - (ends - counts), counts)
        if types is not None:
            at = at[np.isin(self.types[at], types)]
        far: Keys = self.far[at]
        return far


Layer: TypeAlias = dict[LineageDirection, _Side]


def _side(near: Keys, far: Keys, types: Codes) -> _Side:
    order = np.argsort(near, kind="stable")
    return _Side(near[order], far[order], types[order])


def _layer(source: Keys, destination: Keys, types: Codes) -> Layer:
    same = types == SAME_AS
    if same.any():
        # A SAME_AS is crossed against its direction too.
        source, destination = np.concatenate((source, destination[same])), np.concatenate((destination, source[same]))
        types = np.concatenate((types, types[same]))
    sign = np.where(types == SAME_AS, np.int64(-1), np.int64(1))
    return {
        LineageDirection.DESCENDANTS: _side(source, destination * sign, types),
        LineageDirection.ASCENDANTS: _side(destination, source * sign, types),
    }


def _merged(one: Layer, other: Layer) -> Layer:
    return {
        direction: _side(
            np.concatenate((one[direction].near, other[direction].near)),
            np.concatenate((one[direction].far, other[direction].far)),
            np.concatenate((one[direction].types, other[direction].types)),
        )
        for direction in one
    }


def _size(layer: Layer) -> int:
    return len(layer[LineageDirection.DESCENDANTS].near)


@dataclass(frozen=True, slots=True)
class Adjacency:
    """All associations recorded up to a watermark, in layers, the oldest and largest first."""

    watermark: int = 0
    layers: tuple[Layer, ...] = ()

    def far_keys(
        self,
        frontiers: Mapping[LineageDirection, Keys],
        types: Collection[int] | None,
        admitted: Callable[[Keys], Keys] = lambda keys: keys,
    ) -> set[int]:
        """Every key one crossing away in any of the ways, of those admitted; negative where the crossing was a SAME_AS.

        From the sorted keys given for each way.
        """
        codes = None if types is None else np.array(sorted(types), np.uint8)
        found: set[int] = set()
        for layer in self.layers:
            for way, keys in frontiers.items():
                found.update(admitted(layer[way].crossed(keys, codes)).tolist())
        return found

    def caught_up(self, connection: apsw.Connection, watermark: int) -> "Adjacency":
        """The adjacency of a watermark: that of the newest batch which the connection's transaction sees."""
        columns = list(zip(*_columns_after(connection, self.watermark), strict=True))
        if not columns:
            return Adjacency(watermark, self.layers)
        source, destination, types = map(np.concatenate, columns)
        layers = [*self.layers, _layer(source, destination, types.astype(np.uint8))]
        while len(layers) > 1 and 2 * _size(layers[-1]) >= _size(layers[-2]):
            layers[-2:] = [_merged(*layers[-2:])]
        return Adjacency(watermark, tuple(layers))


def _columns_after(connection: apsw.Connection, watermark: int) -> Iterator[list[Keys]]:
    """Source, destination and type of what was recorded after a watermark, some batches at a time.

    SQLite writes the numbers of a batch into one text and NumPy reads it: neither makes an object of each number, and
    SQLite lets other threads run meanwhile.
    """
    batches: Iterator[tuple[str, str, str]] = connection.execute(
        "SELECT group_concat(source), group_concat(destination), group_concat(type) "
        "FROM association INDEXED BY association_by_time WHERE recorded_at > ? GROUP BY recorded_at",
        (watermark,),
    )
    while some := list(islice(batches, _BATCHES_AT_ONCE)):
        yield [np.fromstring(",".join(texts), np.int64, sep=",") for texts in zip(*some, strict=True)]
