"""Which edges a walk crosses: in which directions, and of which types of association."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from lineal.graphstore.codes import SAME_AS, TYPES
from lineal.graphstore.kinds import AssociationType, LineageDirection
from lineal.graphstore.walking.reader_protocol import Crossings

DOWN: Final = LineageDirection.DESCENDANTS
UP: Final = LineageDirection.ASCENDANTS
SAME_AS_LABEL: Final = str(AssociationType.SAME_AS)


class Leg(NamedTuple):
    """Edges of some labels in one direction: out of a vertex where `way` is DOWN, into it where `way` is UP."""

    way: LineageDirection
    labels: list[str]


@dataclass(frozen=True, slots=True)
class CrossedEdges:
    """The directions in which associations are crossed, and the codes of their types; None for all types.

    A SAME_AS is crossed against its direction too.
    """

    ways: tuple[LineageDirection, ...]
    types: frozenset[int] | None

    @classmethod
    def of(cls, crossings: Crossings) -> "CrossedEdges":
        """The edges between readable entities, before any filter but that of types."""
        return cls(tuple(crossings.ways), None if crossings.types is None else frozenset(crossings.types))

    @classmethod
    def beside_hidden(cls, crossings: Crossings) -> "CrossedEdges":
        """The edges to and from hidden entities."""
        return cls(tuple(crossings.ways), crossings.beside_hidden)

    @property
    def labels(self) -> list[str]:
        """The labels of the edges."""
        return [str(type) for code, type in enumerate(TYPES) if self.has_type(code)]

    def has_type(self, code: int) -> bool:
        """Whether associations of a type are crossed."""
        return self.types is None or code in self.types

    def crosses(self, way: LineageDirection, code: int) -> bool:
        """Whether associations of a type are crossed in a direction."""
        return self.has_type(code) and (way in self.ways or code == SAME_AS)

    def legs(self, *, has_same_as: bool) -> list[Leg]:
        """The edges by direction; without those of SAME_AS against their direction where the graph has none."""
        labels = self.labels
        legs = [Leg(way, labels) for way in self.ways]
        if len(self.ways) == 1 and has_same_as and SAME_AS_LABEL in labels:
            legs.append(Leg(UP if self.ways[0] is DOWN else DOWN, [SAME_AS_LABEL]))
        return legs
