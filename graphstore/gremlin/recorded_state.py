"""The state that a batch in a group is validated against: recorded, or accepted earlier in the group."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from gremlin_python.process.graph_traversal import GraphTraversal

from lineal.auth.scopes import EVERYTHING
from lineal.graphstore import batch_validation
from lineal.graphstore.batch_validation import BatchValidation, RecordedEntity, RecordedRevisions
from lineal.graphstore.batches import Batch, NewAssociation, NewEntity, NewRevision
from lineal.graphstore.codes import KIND_CODES, AssociationKey, ObservationKey
from lineal.graphstore.gremlin import metric_series
from lineal.graphstore.gremlin.client import GremlinClient
from lineal.graphstore.gremlin.reader import Reader
from lineal.graphstore.gremlin.snapshots import Snapshot
from lineal.graphstore.gremlin.urn_cache import UrnCache
from lineal.graphstore.gremlin.vertex_ids import key_of, number_of_id
from lineal.graphstore.kinds import EntityKind
from lineal.graphstore.recorded_state import as_new_association, as_new_entity
from lineal.graphstore.records import AsOf, Revision, View
from lineal.graphstore.revisions import FoldedRevisions
from lineal.graphstore.urns import entity_id


class RecordedState:
    """`batch_validation.RecordedState` by traversals, in the snapshot under which a group is written."""

    def __init__(self, server: GremlinClient, snapshot: Snapshot, urns: UrnCache) -> None:
        self._server = server
        self._reader = Reader(server, View(EVERYTHING, AsOf(snapshot.watermark)), snapshot, urns)

    def load(self, batches: Iterable[tuple[Batch, list[str]]], *others: GraphTraversal) -> list[list[Any]]:
        """Load the entities that batches name, with their URNs, and return the answers of other traversals.

        Makes one round trip.
        """
        named: set[str] = set()
        for batch, urns in batches:
            named.update(urns)
            named.update(revision.entity for revision in batch.revisions)
            named.update(observation.entity for observation in batch.observations)
            superseding = (revision.superseded_by for revision in batch.revisions)
            named.update(urn for urn in superseding if urn is not None)
            named.update(
                urn for association in batch.associations for urn in (association.source, association.destination)
            )
        return self._reader.prefetcher.ids([entity_id(urn) for urn in named], *others)

    def entities(self, ids: Collection[str]) -> dict[str, RecordedEntity]:
        """Return the recorded entities by id; one of another URN if it has the vertex of the id."""
        recorded = {}
        for id in ids:
            number = number_of_id(id)
            key = None if number is None else self._reader.records.key_at(number)
            if key is not None:
                record = self._reader.entities([key], as_recorded=True)[key]
                assert record.digest is not None, "a scope of everything hides no digest"
                known_from = self._reader.records.known_from(key)
                recorded[id] = RecordedEntity(record.urn, key, record.occurred_at, record.digest, known_from)
        return recorded

    def associations(self, keys: Collection[AssociationKey]) -> dict[AssociationKey, tuple[int | None, str]]:
        lines = self._reader.lines(keys)
        return {key: (line.occurred_at, line.digest) for key, line in lines.items()}

    def revisions(self, times: Mapping[int, Collection[int]]) -> dict[int, RecordedRevisions]:
        cache = self._reader.records.revision_cache
        last = {key: revision for key in times if (revision := cache.last(key)) is not None}
        of_times = cache.at({key: times[key] for key in last})
        return {key: RecordedRevisions.of(revision, of_times[key]) for key, revision in last.items()}

    def folded(self, key: int) -> FoldedRevisions:
        """Return all recorded revisions of an entity, folded; of one that is not recorded there are none."""
        return self._reader.records.revision_cache.folded(key)

    def observations(self, keys: Collection[ObservationKey]) -> set[ObservationKey]:
        return metric_series.recorded_observations(self._reader, keys)

    def entity(self, key: int) -> NewEntity:
        return as_new_entity(self._reader.entities([key], as_recorded=True)[key])

    def association(self, key: AssociationKey) -> NewAssociation:
        return as_new_association(self._reader.associations([key], as_recorded=True)[key])

    def new_key(self, id: str, kind: EntityKind) -> int:
        return key_of(id, KIND_CODES[kind])


class GroupState:
    """`batch_validation.RecordedState` of a batch in a group: recorded, or accepted earlier in the group."""

    def __init__(self, recorded: batch_validation.RecordedState) -> None:
        self._recorded = recorded
        self._accepted: dict[int | None, RecordedEntity] = {}
        """By the number of the id, since ids of one number share a vertex."""
        self._entities: dict[int, NewEntity] = {}
        self._known_from: dict[int, int] = {}
        self._associations: dict[AssociationKey, tuple[NewAssociation, str]] = {}
        self._revisions: defaultdict[int, list[Revision]] = defaultdict(list)
        self._observations: set[ObservationKey] = set()

    def accept(self, validation: BatchValidation) -> None:
        """Add the new parts of a valid batch to the state for the batches after it."""
        for key, new in validation.entities.items():
            known_from = validation.known_from[key]
            recorded = RecordedEntity(new.urn, key, new.entity.occurred_at or 0, new.digest, known_from)
            self._accepted[number_of_id(new.id)] = recorded
            self._entities[key] = new.entity
        self._known_from.update(validation.known_from)
        self._associations.update(validation.associations)
        for key, sequence, revision, digest in validation.revisions:
            self._revisions[key].append(_revision(revision, sequence, digest))
        self._observations.update(validation.observations)

    def entities(self, ids: Collection[str]) -> dict[str, RecordedEntity]:
        accepted = {id: entity for id in ids if (entity := self._accepted.get(number_of_id(id))) is not None}
        recorded = [id for id in ids if id not in accepted]
        entities = accepted | (self._recorded.entities(recorded) if recorded else {})
        times = self._known_from
        return {
            id: replace(entity, known_from=times.get(entity.key, entity.known_from)) for id, entity in entities.items()
        }

    def associations(self, keys: Collection[AssociationKey]) -> dict[AssociationKey, tuple[int | None, str]]:
        accepted = {key: self._associations[key] for key in keys if key in self._associations}
        recorded = [key for key in keys if key not in accepted and not self._is_new(key[0], key[2])]
        before = self._recorded.associations(recorded) if recorded else {}
        return before | {key: (association.occurred_at, digest) for key, (association, digest) in accepted.items()}

    def revisions(self, times: Mapping[int, Collection[int]]) -> dict[int, RecordedRevisions]:
        recorded = {key: of_key for key, of_key in times.items() if not self._is_new(key)}
        revisions = self._recorded.revisions(recorded) if recorded else {}
        for key in times.keys() & self._revisions.keys():
            before = revisions[key].of_times if key in revisions else ()
            accepted = [each for each in self._revisions[key] if each.occurred_at in times[key]]
            revisions[key] = RecordedRevisions.of(self._revisions[key][-1], (*before, *accepted))
        return revisions

    def observations(self, keys: Collection[ObservationKey]) -> set[ObservationKey]:
        accepted = self._observations.intersection(keys)
        recorded = [key for key in keys if key not in accepted and not self._is_new(key[0])]
        return accepted | (self._recorded.observations(recorded) if recorded else set())

    def entity(self, key: int) -> NewEntity:
        return self._entities[key] if key in self._entities else self._recorded.entity(key)

    def association(self, key: AssociationKey) -> NewAssociation:
        return self._associations[key][0] if key in self._associations else self._recorded.association(key)

    def new_key(self, id: str, kind: EntityKind) -> int:
        return self._recorded.new_key(id, kind)

    def _is_new(self, *keys: int) -> bool:
        return any(key in self._entities for key in keys)


def _revision(revision: NewRevision, sequence: int, digest: str) -> Revision:
    """Return the record of an accepted revision, without the time and the recorder of its recording."""
    assert revision.occurred_at is not None, "an accepted revision has its time"
    return Revision(
        "",
        sequence,
        revision.status,
        revision.tags,
        revision.description,
        revision.title,
        revision.properties,
        revision.removed,
        revision.superseded_by,
        revision.occurred_at,
        revision.rank,
        0,
        "",
        digest,
        View(EVERYTHING, AsOf(0)),
    )
