"""Crossings beside entities that a caller may not read, where what is hidden may show: their types and ends, no more.

Of an association beside a hidden end nothing else is fetched, and of the ends only what tells what becomes of them.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gremlin_python.process.graph_traversal import GraphTraversal, __
from gremlin_python.process.traversal import Column, T

from lineal.auth.scopes import EntityScope
from lineal.graphstore.codes import KIND_BITS, KINDS, SAME_AS, TYPE_CODES, TYPES
from lineal.graphstore.gremlin.scope_steps import ScopeSteps
from lineal.graphstore.gremlin.vertex_ids import GROUP, number_of_vertex
from lineal.graphstore.kinds import AssociationType, LineageDirection
from lineal.graphstore.walking.reader_protocol import Crossings

_DOWN, _UP = LineageDirection.DESCENDANTS, LineageDirection.ASCENDANTS


@dataclass(frozen=True, slots=True)
class Crossed:
    """In which ways associations are crossed, and the codes of which types; None for all."""

    ways: tuple[LineageDirection, ...]
    types: frozenset[int] | None

    @classmethod
    def of(cls, crossings: Crossings) -> "Crossed":
        """What crossings cross, whatever else they ask of an association."""
        return cls(tuple(crossings.ways), None if crossings.types is None else frozenset(crossings.types))

    @classmethod
    def beside_hidden(cls, crossings: Crossings) -> "Crossed":
        """What crossings cross beside hidden entities."""
        return cls(tuple(crossings.ways), crossings.beside_hidden)

    @property
    def labels(self) -> list[str]:
        """The labels of the edges."""
        return [str(type) for code, type in enumerate(TYPES) if self.types is None or code in self.types]


@dataclass(frozen=True, slots=True)
class Bare:
    """A crossing from a near end, by the way its association leads; `far` is the number of the far end."""

    way: LineageDirection
    type: int
    far: int


class Beside:
    """The crossings beside hidden entities that are known so far, and the ends of them."""

    def __init__(self, scope_steps: ScopeSteps) -> None:
        self._scope_steps = scope_steps
        self._ends: dict[int, tuple[int, EntityScope]] = {}
        self._crossings: dict[LineageDirection, defaultdict[int, set[Bare]]] = {
            _DOWN: defaultdict(set),
            _UP: defaultdict(set),
        }
        self.fetched: defaultdict[Crossed, set[int]] = defaultdict(set)
        """The numbers of the entities of which all crossings are known."""

    def told(self, edges: GraphTraversal) -> GraphTraversal:
        """What is wanted of edges: crossings, what tells how their ends are seen, and the urns of masked ones."""
        crossing = __.unfold().project("type", "source", "destination")
        crossing = crossing.by(T.label).by(__.out_v().id_()).by(__.in_v().id_())
        both = __.unfold().both_v().dedup()
        named = both.clone().where(self._scope_steps.masked).values("urn")
        return edges.dedup().fold().union(crossing, ends(both), named)

    def learn(self, told: Iterable[Any]) -> list[str]:
        """Note what `told` gives, or `ends`; the urns among it."""
        urns = []
        for each in told:
            if isinstance(each, str):
                urns.append(each)
            elif "of" in each:
                self._take_ends(each["alike"], each["of"])
            else:
                type = TYPE_CODES[AssociationType(each["type"])]
                source, destination = number_of_vertex(each["source"]), number_of_vertex(each["destination"])
                self._crossings[_DOWN][source].add(Bare(_DOWN, type, destination))
                self._crossings[_UP][destination].add(Bare(_UP, type, source))
        return urns

    def _take_ends(self, alike: dict[str, Any], vertices: Iterable[int]) -> None:
        entity_scope = self._scope_steps.entity_scope(alike["groups"], KINDS[alike["kind"]])
        for number in map(number_of_vertex, vertices):
            self._ends[number] = (number << KIND_BITS | alike["kind"], entity_scope)

    def crossings_from(self, number: int, crossed: Crossed) -> list[Bare]:
        """What is crossed from an entity, by its number; a SAME_AS against its direction too."""
        return [
            each
            for way in (_DOWN, _UP)
            for each in self._crossings[way].get(number, ())
            if (crossed.types is None or each.type in crossed.types) and (way in crossed.ways or each.type == SAME_AS)
        ]

    def is_known(self, number: int) -> bool:
        """Whether it is known what an entity is seen of, by its number."""
        return number in self._ends

    def key(self, number: int) -> int:
        """The key of an entity that is an end."""
        return self._ends[number][0]

    def entity_scope(self, number: int) -> EntityScope:
        """What is seen of an entity that is an end."""
        return self._ends[number][1]


def ends(vertices: GraphTraversal) -> GraphTraversal:
    """Of vertices the groups and the kind, each with the ids of those alike in these."""
    alike = __.project("groups", "kind").by(__.values(GROUP).fold()).by("kind")
    each = vertices.group().by(alike).by(__.id_().fold()).unfold()
    return each.project("alike", "of").by(__.select(Column.keys)).by(__.select(Column.values))
