"""The associations as sorted arrays in memory, so that a walk at the newest moment runs no SQL.

An `Adjacency` belongs to one watermark and never changes. A newer one shares its layers: a layer holds the associations
of a stretch of time, and adjacent layers of similar size are merged, so that there are few layers after many batches.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineal.graphstore.codes import SAME_AS
from lineal.graphstore.embedded.memory.key_arrays import Keys
from lineal.graphstore.kinds import LineageDirection

Codes: TypeAlias = NDArray[np.uint8]


class AssociationSource(Protocol):
    """The associations that one snapshot of the database holds."""

    def watermark(self) -> int:
        """The `recorded_at` of the newest batch in the snapshot."""

    def association_count_after(self, watermark: int, most: int) -> int:
        """The number of associations recorded after a watermark, counted up to `most`."""

    def associations_after(self, watermark: int) -> Iterable[tuple[Keys, Keys, Keys]]:
        """Sources, destinations and type codes of the associations recorded after a watermark, in chunks."""


@dataclass(frozen=True, slots=True)
class _Side:
    """Crossings in one direction, sorted by origin. A target is negative where its association is a SAME_AS."""

    origins: Keys
    targets: Keys
    types: Codes

    def targets_from(self, frontier: Keys, types: Codes | None) -> Keys:
        """The targets of all crossings from the sorted keys of a frontier; only of the types, where they are set."""
        begins = np.searchsorted(self.origins, frontier, "left")
        counts = np.searchsorted(self.origins, frontier, "right") - begins
        ends = np.cumsum(counts)
        if not len(ends) or not ends[-1]:
            return self.targets[:0]
        at = np.arange(ends[-1]) + np.repeat(begins - (ends - counts), counts)
        if types is not None:
            at = at[np.isin(self.types[at], types)]
        targets: Keys = self.targets[at]
        return targets


Layer: TypeAlias = dict[LineageDirection, _Side]


def _side(origins: Keys, targets: Keys, types: Codes) -> _Side:
    order = np.argsort(origins, kind="stable")
    return _Side(origins[order], targets[order], types[order])


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
            np.concatenate((one[direction].origins, other[direction].origins)),
            np.concatenate((one[direction].targets, other[direction].targets)),
            np.concatenate((one[direction].types, other[direction].types)),
        )
        for direction in one
    }


def _size(layer: Layer) -> int:
    return len(layer[LineageDirection.DESCENDANTS].origins)


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
        """The admitted keys one crossing away from a frontier of sorted keys for every direction.

        A key is negative where the crossing is a SAME_AS.
        """
        codes = None if types is None else np.array(sorted(types), np.uint8)
        targets: set[int] = set()
        for layer in self.layers:
            for direction, keys in frontiers.items():
                targets.update(admitted(layer[direction].targets_from(keys, codes)).tolist())
        return targets

    def caught_up(self, source: AssociationSource) -> "Adjacency":
        """The adjacency of the watermark of a newer snapshot."""
        watermark = source.watermark()
        columns = list(zip(*source.associations_after(self.watermark), strict=True))
        if not columns:
            return Adjacency(watermark, self.layers)
        sources, destinations, types = map(np.concatenate, columns)
        layers = [*self.layers, _layer(sources, destinations, types.astype(np.uint8))]
        while len(layers) > 1 and 2 * _size(layers[-1]) >= _size(layers[-2]):
            layers[-2:] = [_merged(*layers[-2:])]
        return Adjacency(watermark, tuple(layers))
