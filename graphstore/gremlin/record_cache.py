"""The records of entities that are known in one call, with their revisions, and the URNs.

It asks nothing but revisions that were not fetched with their entities: its steps are for the prefetcher, which hands
back what they returned.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from gremlin_python.process.graph_traversal import GraphTraversal, __

from lineal.graphstore.codes import KIND_BITS
from lineal.graphstore.gremlin.codec import ENTITY, entity_of, unpacked
from lineal.graphstore.gremlin.entity_scopes import EntityScopes
from lineal.graphstore.gremlin.revision_cache import RevisionCache
from lineal.graphstore.gremlin.urn_cache import UrnCache
from lineal.graphstore.gremlin.vertex_ids import key_of_urn, number_of_id, number_of_vertex
from lineal.graphstore.gremlin.visibility import Visibility
from lineal.graphstore.records import Entity, Revision
from lineal.graphstore.redacting import redacted_entity, redacted_revisions


class RecordCache:
    """Readable entities of one view, by their keys and by the numbers of their vertices."""

    def __init__(
        self, visibility: Visibility, scopes: EntityScopes, revisions: RevisionCache, shared_urns: UrnCache
    ) -> None:
        self._visibility, self._scopes, self._shared_urns = visibility, scopes, shared_urns
        self.revision_cache = revisions
        self._entities: dict[int, Entity] = {}
        self._by_number: dict[int, int] = {}
        self._fetched: set[int] = set()
        self._urns: dict[int, str] = {}
        self._known_from: dict[int, int] = {}
        """The times from which entities are known, of those whose records are not, by the numbers of their vertices."""

    # -- asking and taking --

    def steps(self, vertices: GraphTraversal) -> GraphTraversal:
        """The records of readable vertices and of their revisions, and their groups where the scope needs these."""
        # All vertices at once before the branches: one by one each takes a quarter longer.
        branches = [__.unfold().values("record"), self.revision_cache.steps(__.unfold().has("widened"))]
        if self._scopes.needs_groups:
            branches.append(self._scopes.steps(__.unfold()))
        return vertices.fold().union(*branches)

    def take(self, answer: Iterable[Any]) -> list[int]:
        """Keep what `steps` returned, which is all there is of an entity; gives the keys of those of the view."""
        texts: list[str] = []
        for each in answer:
            if isinstance(each, str):
                texts.append(each)
            else:
                self._scopes.take([each])
        parts = unpacked(texts)
        self.revision_cache.take(part for part in parts if part[0] != ENTITY)
        entities = []
        for key, record in (entity_of(part, self._visibility.view) for part in parts if part[0] == ENTITY):
            if self._visibility.is_recorded(record) and self._has_occurred(key, record):
                self._entities[key] = record
                self._by_number[key >> KIND_BITS] = key
                entities.append(key)
        self._fetched.update(key >> KIND_BITS for key in entities)
        self.keep_urns({key: self._entities[key].urn for key in entities})
        return entities

    def _has_occurred(self, key: int, record: Entity) -> bool:
        return self._visibility.is_present or self._visibility.has_occurred(self._earliest(key, record))

    def _earliest(self, key: int, record: Entity) -> int:
        return min([record.occurred_at, *self.revision_cache.times(key)])

    def missing(self, numbers: Iterable[int]) -> set[int]:
        """The numbers of the vertices whose records have to be fetched first."""
        return set(numbers) - self._fetched

    def note_fetched(self, numbers: Iterable[int]) -> None:
        """What these vertices hold, if anything of the view, is known or under way."""
        self._fetched.update(numbers)

    def take_urns(self, urns: Iterable[str]) -> None:
        """Keep the URNs of entities of the view."""
        self.keep_urns({key_of_urn(urn): urn for urn in urns})

    def keep_urns(self, urns: Mapping[int, str]) -> None:
        """Keep URNs by key, in this call and for later ones."""
        self._urns.update(urns)
        self._shared_urns.keep(urns)

    def missing_urns(self, keys: Collection[int]) -> list[int]:
        """The keys whose URNs have to be fetched first."""
        self._urns |= self._shared_urns.known([key for key in keys if key not in self._urns])
        return [key for key in keys if key not in self._urns]

    def take_times(self, answer: Iterable[Mapping[str, int]]) -> None:
        """Keep what `Visibility.times_of` returned."""
        self._known_from.update((number_of_vertex(each["vertex"]), each["known_from"]) for each in answer)

    def missing_times(self, keys: Iterable[int]) -> list[int]:
        """The keys of the entities of which it has to be fetched from when they are known."""
        return [key for key in keys if key not in self._entities and key >> KIND_BITS not in self._known_from]

    # -- what is known --

    def known_from(self, key: int) -> int:
        """The earliest time of an entity and its revisions."""
        if key not in self._entities:
            return self._known_from[key >> KIND_BITS]
        return self._earliest(key, self._entities[key])

    def holds(self, key: int) -> bool:
        """Whether the record of a key is known."""
        return key in self._entities

    def key_at(self, number: int) -> int | None:
        """The key of the entity of the view at a vertex, if there is one."""
        return self._by_number.get(number)

    def key_of_id(self, id: str) -> int | None:
        """The key of the entity of the view with an id, if there is one: other ids may share its vertex."""
        number = number_of_id(id)
        key = None if number is None else self._by_number.get(number)
        return key if key is not None and self._entities[key].id == id else None

    def urn(self, key: int) -> str:
        """The URN of a key."""
        return self._urns[key]

    def as_recorded(self, key: int) -> Entity:
        """The entity as first recorded."""
        return redacted_entity(self._entities[key], self._scopes.of(key))

    def entity(self, key: int) -> Entity:
        """The entity with its revisions applied."""
        entity = self._entities[key]
        revised = self.revision_cache.folded(key).applied_to(entity) if self.revision_cache.has_any(key) else entity
        return redacted_entity(revised, self._scopes.of(key))

    def revisions(self, keys: Collection[int], since: int | None = None) -> dict[int, list[Revision]]:
        """The revisions of entities that show, or only those since a time."""
        redacted = {key for key in keys if since is None or self._scopes.of(key).is_redacted}
        # Of the redacted ones all, as the number of each depends on those before.
        revisions = self.revision_cache.all_of(redacted)
        if since is not None:
            revisions |= self.revision_cache.since(set(keys) - redacted, since)
        return {key: self._shown(key, of_key, since) for key, of_key in revisions.items()}

    def _shown(self, key: int, revisions: Iterable[Revision], since: int | None) -> list[Revision]:
        entity = self._entities[key]
        return [
            replace(revision, entity_id=entity.id)
            for revision in redacted_revisions(revisions, self._scopes.of(key), entity.occurred_at)
            if self._visibility.has_occurred(revision.occurred_at) and (since is None or revision.occurred_at >= since)
        ]

    def numbered_revisions(self, numbers: Collection[tuple[int, int]]) -> dict[tuple[int, int], Revision]:
        """The revisions with keys and sequence numbers, of entities without hidden property keys."""
        revisions = self.revision_cache.numbered(numbers)
        return {
            (key, sequence): replace(revision, entity_id=self._entities[key].id)
            for (key, sequence), revision in revisions.items()
            if self._visibility.has_occurred(revision.occurred_at)
        }
