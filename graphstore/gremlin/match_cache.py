"""Which entities are known in one call to match which filters.

It asks nothing: its steps are for the prefetcher, which hands back what they returned.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from gremlin_python.process.graph_traversal import GraphTraversal, __

from lineal.graphstore.codes import KIND_BITS, KIND_MASK
from lineal.graphstore.filter_compiler import compiled_entity_filter
from lineal.graphstore.filters import entity_matcher
from lineal.graphstore.gremlin.record_cache import RecordCache
from lineal.graphstore.gremlin.vertex_ids import number_of_vertex
from lineal.graphstore.gremlin.visibility import Visibility
from lineal.graphstore.queries import EntityFilter


class MatchCache:
    """The readable entities of one view that match, by filter; as the engine decides, or as their records do."""

    def __init__(self, visibility: Visibility, records: RecordCache) -> None:
        self._visibility, self._records = visibility, records
        self._matches: defaultdict[EntityFilter, dict[int, bool]] = defaultdict(dict)

    def steps(self, vertices: GraphTraversal, where: EntityFilter) -> GraphTraversal:
        """Of vertices of the view those that match: their ids, or their records where only the record decides."""
        condition = self._visibility.filter_condition(compiled_entity_filter(where).expression)
        if condition.is_settled:
            return (vertices if condition.exact is None else vertices.where(condition.exact)).id_()
        exact, may = __.has_not("widened"), __.has("widened")
        exact = exact if condition.exact is None else exact.where(condition.exact)
        may = may if condition.may is None else may.where(condition.may)
        return vertices.union(exact.id_(), self._records.steps(may))

    def take(self, where: EntityFilter, keys: Collection[int], answer: Iterable[Any]) -> None:
        """Keep which of the keys match, by what `steps` returned for their vertices."""
        records, numbers = [], set()
        for each in answer:
            if isinstance(each, int):
                numbers.add(number_of_vertex(each))
            else:
                records.append(each)
        doubtful = set(self._records.take(records))
        matches = self._matches[where]
        matches.update((key, key >> KIND_BITS in numbers) for key in keys)
        is_match = entity_matcher(where)
        matches.update((key, is_match(self._records.entity(key))) for key in doubtful)

    def missing(self, where: EntityFilter, keys: Iterable[int]) -> set[int]:
        """The keys of which neither the answer nor the record is known."""
        matches = self._matches[where]
        return {key for key in keys if key not in matches and not self._records.holds(key)}

    def known_to_match(self, where: EntityFilter, keys: Iterable[int]) -> set[int]:
        """The keys that an answer says match."""
        matches = self._matches[where]
        return {key for key in keys if matches.get(key, False)}

    def matching(self, where: EntityFilter, keys: Collection[int]) -> list[int]:
        """The keys that match, of those whose answer or record is known."""
        matches, is_match = self._matches[where], entity_matcher(where)
        for key in keys:
            if key not in matches:
                matches[key] = is_match(self._records.entity(key))
        return [key for key in keys if matches[key]]


def asks_only_kinds(where: EntityFilter) -> bool:
    """Whether a filter asks for nothing but kinds, so that keys decide."""
    return compiled_entity_filter(where).asks_only_kinds


def of_kinds(keys: Collection[int], where: EntityFilter) -> Collection[int]:
    """The keys of the kinds that a filter asks for."""
    codes = compiled_entity_filter(where).codes
    return keys if codes is None else [key for key in keys if key & KIND_MASK in codes]
