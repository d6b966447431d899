"""The associations that are known in one call: the lines of edges, from which vertices all of them are known, contents.

It asks nothing: its steps are for the prefetcher, which hands back what they returned.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from gremlin_python.process.graph_traversal import GraphTraversal, __

from lineal.graphstore.codes import SAME_AS, TYPES, AssociationKey
from lineal.graphstore.gremlin.codec import AssociationLine, association_of, line_of, unpacked
from lineal.graphstore.gremlin.crossed_edges import DOWN, UP, CrossedEdges
from lineal.graphstore.gremlin.entity_scopes import EntityScopes
from lineal.graphstore.gremlin.record_cache import RecordCache
from lineal.graphstore.gremlin.visibility import Visibility
from lineal.graphstore.queries import AssociationFilter
from lineal.graphstore.records import Association


class EdgeCache:
    """Associations between readable entities of one view, by their keys and by both ends."""

    def __init__(self, visibility: Visibility, scopes: EntityScopes, records: RecordCache) -> None:
        self._visibility, self._scopes, self._records = visibility, scopes, records
        self._lines: dict[AssociationKey, AssociationLine] = {}
        self._by_end: dict[Any, defaultdict[int, list[AssociationLine]]] = {
            DOWN: defaultdict(list),
            UP: defaultdict(list),
        }
        self._fetched: defaultdict[CrossedEdges, set[int]] = defaultdict(set)
        self._contents: dict[AssociationKey, str | None] = {}
        self._whole_walks: dict[CrossedEdges, bool] = {}

    # -- asking and taking --

    def steps_from(self, keys: Collection[int], crossed: CrossedEdges) -> GraphTraversal:
        """The lines of the edges to cross from known entities."""
        vertices, legs = self._visibility.known(keys), self._visibility.legs(crossed)
        if len(legs) == 1:
            # Without a step around it JanusGraph reads the edges of many vertices at once.
            return self._steps(self._visibility.edges(legs[0], vertices))
        return self._steps(vertices.union(*map(self._visibility.edges, legs)))

    def steps_of(self, keys: Collection[AssociationKey]) -> GraphTraversal:
        """The lines of some associations, and maybe of others between the same entities."""
        return self._steps(self._edges_of(keys))

    def _steps(self, edges: GraphTraversal) -> GraphTraversal:
        """The lines of edges, and the groups of their ends where the scope needs them."""
        if not self._scopes.needs_groups:
            return edges.values("line")
        return edges.fold().union(__.unfold().values("line"), self._scopes.steps(__.unfold().both_v().dedup()))

    def content_steps_of(self, keys: Collection[AssociationKey]) -> GraphTraversal:
        """The contents of some associations, and maybe of others between the same entities."""
        return content_steps(self._edges_of(keys))

    def _edges_of(self, keys: Collection[AssociationKey]) -> GraphTraversal:
        labels = [str(TYPES[code]) for code in sorted({key[1] for key in keys})]
        return self._visibility.edges_among({key[0] for key in keys}, labels, {key[2] for key in keys})

    def take(self, answer: Iterable[Any]) -> list[AssociationLine]:
        """Keep the lines, and the groups, that steps returned; gives the lines."""
        texts: list[str] = []
        for each in answer:
            if isinstance(each, str):
                texts.append(each)
            else:
                self._scopes.take([each])
        lines = [line_of(held) for held in unpacked(texts)]
        urns: dict[int, str] = {}
        for line in lines:
            key = line.key
            if key in self._lines:
                continue
            self._lines[key] = line
            if not line.has_content:
                self._contents[key] = None
            self._by_end[DOWN][line.source].append(line)
            self._by_end[UP][line.destination].append(line)
            urns[line.source], urns[line.destination] = line.source_urn, line.destination_urn
        self._records.keep_urns(urns)
        return lines

    def take_contents(self, answer: Iterable[Mapping[str, str]]) -> None:
        """Keep the contents that `content_steps` returned."""
        for each in answer:
            (held,) = unpacked([each["line"]])
            self._contents[line_of(held).key] = each["content"]

    # -- what is known --

    def missing(self, keys: Iterable[AssociationKey]) -> list[AssociationKey]:
        """The associations whose lines are unknown."""
        return [key for key in keys if key not in self._lines]

    def missing_contents(self, keys: Iterable[AssociationKey]) -> list[AssociationKey]:
        """The associations whose contents are unknown."""
        return [key for key in keys if key not in self._contents]

    def unfetched(self, crossed: CrossedEdges, keys: Iterable[int]) -> set[int]:
        """The entities from which some of the edges to cross may be unknown."""
        return set(keys) - self._fetched[crossed]

    def note_fetched(self, crossed: CrossedEdges, keys: Iterable[int]) -> None:
        """From these entities all edges to cross are known."""
        self._fetched[crossed].update(keys)

    def note_walk(self, crossed: CrossedEdges, *, is_whole: bool) -> None:
        """A walk over these edges was fetched, as a whole or in part."""
        self._whole_walks[crossed] = is_whole and self._whole_walks.get(crossed, True)

    def knows_walks(self, crossed: CrossedEdges) -> bool:
        """Whether all walks over these edges were fetched as a whole, so that the edges back in them are known."""
        return self._whole_walks.get(crossed, False)

    def crossed_from(self, key: int, crossed: CrossedEdges) -> Iterator[tuple[int, AssociationLine]]:
        """The known edges to cross from an entity: the keys of the far ends, and the lines."""
        types = crossed.types
        for way in crossed.ways:
            for line in self._by_end[way].get(key, ()):
                if types is None or line.type in types:
                    yield (line.destination if way is DOWN else line.source), line
        if len(crossed.ways) == 1 and crossed.has_type(SAME_AS):
            back = UP if crossed.ways[0] is DOWN else DOWN
            for line in self._by_end[back].get(key, ()):
                if line.type == SAME_AS:
                    yield (line.source if back is UP else line.destination), line

    def count_from(self, key: int, crossed: CrossedEdges) -> int:
        """How many edges to cross from an entity are known."""
        return sum(1 for _ in self.crossed_from(key, crossed))

    def line(self, key: AssociationKey) -> AssociationLine | None:
        """The line of an association, if it is known."""
        return self._lines.get(key)

    def without_times(self, keys: Iterable[AssociationKey]) -> set[int]:
        """The ends of the associations that have no time of their own, as far as is known."""
        untimed = [key for key in keys if (line := self._lines.get(key)) is None or line.occurred_at is None]
        return {end for key in untimed for end in (key[0], key[2])}

    def association(self, key: AssociationKey, *, as_recorded: bool) -> Association:
        """The record of an association whose line is known; without properties where its content is not.

        Unless wanted as first recorded, its time is known, or those of its ends are.
        """
        occurred_at = self._lines[key].occurred_at
        if occurred_at is None and not as_recorded:
            occurred_at = max(self._records.known_from(key[0]), self._records.known_from(key[2]))
        return association_of(self._lines[key], self._contents.get(key), occurred_at, self._visibility.view)


def content_steps(edges: GraphTraversal) -> GraphTraversal:
    """The contents of edges, with the lines that name the associations."""
    return edges.has("content").value_map("line", "content")


def asks_times(via: AssociationFilter) -> bool:
    """Whether a filter asks when associations occurred, which depends on their ends where lines do not hold it."""
    return via.occurred_at is not None or (via.not_ is not None and asks_times(via.not_))


def asks_properties(via: AssociationFilter) -> bool:
    """Whether a filter asks for properties, which lines do not hold."""
    return bool(via.property) or (via.not_ is not None and asks_properties(via.not_))
