"""Writes one batch, inside a transaction that the caller begins and ends."""

from collections.abc import Collection, Mapping

import apsw

from lineal.auth.scopes import EVERYTHING
from lineal.graphstore.batch_validation import BatchValidation, Outcome, RecordedEntity, RecordedRevisions, now
from lineal.graphstore.batches import Batch, NewAssociation, NewEntity
from lineal.graphstore.codes import KIND_BITS, KIND_CODES, KIND_MASK, AssociationKey, ObservationKey
from lineal.graphstore.content_codec import packed, packed_properties, packed_source
from lineal.graphstore.digests import change_digest
from lineal.graphstore.embedded.sql import metric_series
from lineal.graphstore.embedded.sql.connection import Connection
from lineal.graphstore.embedded.sql.index_writer import index_entities, index_revisions
from lineal.graphstore.embedded.sql.record_reader import RowReader, carray_of
from lineal.graphstore.embedded.sql.revised_fields import fold_revisions
from lineal.graphstore.embedded.sql.visibility import newest
from lineal.graphstore.kinds import EntityKind
from lineal.graphstore.recorded_state import as_new_association, as_new_entity
from lineal.graphstore.records import AsOf, View
from lineal.graphstore.row_sums import EMPTY_SUM, added, row_hash


class _RecordedState:
    """`batch_validation.RecordedState` by SQL."""

    def __init__(self, connection: Connection, at: int) -> None:
        self._connection = connection
        self._rows = RowReader(connection, View(EVERYTHING, AsOf(at)))
        top: int = connection.execute("SELECT ifnull(max(key), 0) FROM entity").get
        self._sequence = top >> KIND_BITS

    def entities(self, ids: Collection[str]) -> dict[str, RecordedEntity]:
        rows = self._connection.execute(
            "SELECT e.id, e.urn, e.key, e.occurred_at, e.digest, e.known_from "
            "FROM carray(?) f CROSS JOIN entity e ON e.id = f.value",
            (apsw.carray(tuple(ids)),),
        )
        return {id: RecordedEntity(urn, key, at, kept.hex(), known_from) for id, urn, key, at, kept, known_from in rows}

    def associations(self, keys: Collection[AssociationKey]) -> dict[AssociationKey, tuple[int | None, str]]:
        rows = self._connection.execute(
            "SELECT a.source, a.type, a.destination, a.role, a.occurred_at, a.digest "
            "FROM json_each(?) j CROSS JOIN association a ON a.source = j.value->>0 AND a.type = j.value->>1 "
            "AND a.destination = j.value->>2 AND a.role = j.value->>3",
            (packed(list(keys)),),
        )
        return {
            (source, type, destination, role): (at, kept.hex()) for source, type, destination, role, at, kept in rows
        }

    def revisions(self, times: Mapping[int, Collection[int]]) -> dict[int, RecordedRevisions]:
        rows = self._connection.execute(
            "SELECT f.value, r.sequence, r.digest FROM carray(?) f CROSS JOIN revision r ON r.entity = f.value "
            "AND r.sequence = (SELECT max(l.sequence) FROM revision l WHERE l.entity = f.value)",
            (carray_of(times),),
        )
        last = {key: (sequence, kept.hex()) for key, sequence, kept in rows}
        of_times = self._rows.revisions_of_times({key: times[key] for key in last})
        return {key: RecordedRevisions(*newest, tuple(of_times.get(key, ()))) for key, newest in last.items()}

    def observations(self, keys: Collection[ObservationKey]) -> set[ObservationKey]:
        return metric_series.recorded(self._connection, keys)

    def entity(self, key: int) -> NewEntity:
        return as_new_entity(self._rows.entities([key], as_recorded=True)[key])

    def association(self, key: AssociationKey) -> NewAssociation:
        return as_new_association(self._rows.associations([key], as_recorded=True)[key])

    def new_key(self, id: str, kind: EntityKind) -> int:
        self._sequence += 1
        return self._sequence << KIND_BITS | KIND_CODES[kind]


class Recording:
    """The write of one batch. Raises BatchRefused where the batch is not valid; the caller then rolls back."""

    def __init__(self, connection: Connection, batch: Batch, urns: list[str], by: str) -> None:
        self.connection, self.by = connection, by
        self.at = max(now(), newest(connection) + 1)
        self.validation = BatchValidation(_RecordedState(connection, self.at), batch, urns, self.at)

    def run(self) -> Outcome:
        """Write the new parts, and return which ones were new."""
        self.validation.validate()
        if self.validation.outcome.recorded_at is not None:
            self.connection.execute("INSERT INTO batch VALUES (?, ?, ?)", (self.at, self.by, self._total()))
        self._insert_entities()
        self._insert_associations()
        self._insert_revisions()
        metric_series.insert(self.connection, self.validation.observations, self.at)
        self._insert_property_keys()
        return self.validation.outcome

    def _total(self) -> bytes:
        """The sum of all records up to this batch."""
        validation, at = self.validation, self.at
        urns = {entity.key: entity.urn for entity in validation.known.values()}
        return added(
            last_total(self.connection),
            row_hash("batch", at, self.by),
            *(row_hash("entity", at, part.digest) for part in validation.entities.values()),
            *(row_hash("association", at, kept) for _, kept in validation.associations.values()),
            *(row_hash("revision", at, kept, revision.rank) for _, _, revision, kept in validation.revisions),
            *(
                row_hash("observation", at, urns[key], metric, step, occurred_at, value)
                for key, metric, step, occurred_at, value in validation.observations
            ),
        )

    def _insert_entities(self) -> None:
        new = self.validation.entities
        self.connection.executemany(
            "INSERT INTO entity VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
            (
                (
                    key, part.id, part.urn, part.entity.account, key & KIND_MASK, part.entity.name,
                    part.entity.version, part.entity.occurred_at, self.at, self.by, bytes.fromhex(part.digest),
                    self.validation.known_from[key],
                )
                for key, part in new.items()
            ),
        )  # fmt: skip
        contents = ((key, *_content(part.entity)) for key, part in new.items())
        self.connection.executemany(
            "INSERT INTO entity_content VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (row for row in contents if any(column is not None for column in row[1:])),
        )

        index_entities(self.connection, ((key, part.urn, part.entity, self.by) for key, part in new.items()))

    def _insert_associations(self) -> None:
        new = self.validation.associations
        ordered = sorted(new)
        self.connection.executemany(
            "INSERT INTO association VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            ((*key, new[key][0].occurred_at, self.at, self.by, bytes.fromhex(new[key][1])) for key in ordered),
        )
        contents = ((*key, packed_properties(new[key][0].properties)) for key in ordered if new[key][0].properties)
        self.connection.executemany("INSERT INTO association_content VALUES (?, ?, ?, ?, ?)", contents)

    def _insert_revisions(self) -> None:
        contents = [
            None if revision.is_sighting else change_digest(revision) for _, _, revision, _ in self.validation.revisions
        ]
        numbered = list(zip(self.validation.revisions, contents, strict=True))
        self.connection.executemany(
            "INSERT INTO revision VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (key, sequence, revision.occurred_at, revision.rank, self.at, self.by, bytes.fromhex(kept), content)
                for (key, sequence, revision, kept), content in numbered
            ),
        )
        unseen = {(key, content): revision for (key, _, revision, _), content in numbered if content is not None}
        recorded = self._recorded_contents([pair for pair in unseen if pair[0] not in self.validation.entities])
        unseen = {pair: revision for pair, revision in unseen.items() if pair not in recorded}
        self.connection.executemany(
            "INSERT INTO revision_content VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    key,
                    content,
                    revision.status,
                    None if revision.tags is None else packed(sorted(set(revision.tags))),
                    revision.description,
                    revision.title,
                    packed_properties(revision.properties),
                    packed(sorted(set(revision.removed))) if revision.removed else None,
                    revision.superseded_by,
                )
                for (key, content), revision in unseen.items()
            ),
        )
        index_revisions(self.connection, ((key, revision) for (key, _), revision in unseen.items()))
        changes = ((key, sequence, revision) for key, sequence, revision, _ in self.validation.revisions)
        new = self.validation.entities
        fold_revisions(self.connection, changes, new.keys(), self.at)
        self.connection.executemany(
            "UPDATE entity SET known_from = ?, moved_at = ? WHERE key = ?",
            ((at, self.at, key) for key, at in self.validation.known_from.items() if key not in new),
        )

    def _recorded_contents(self, pairs: Collection[tuple[int, bytes]]) -> set[tuple[int, bytes]]:
        """Return which contents of revisions are recorded, by entity key and digest."""
        rows = (
            self.connection.execute("SELECT entity, id FROM revision_content WHERE entity = ? AND id = ?", pair)
            for pair in pairs
        )
        return {(key, content) for found in rows for key, content in found}

    def _insert_property_keys(self) -> None:
        # A property key exists from its earliest time on: a row is needed only where no earlier one exists.
        self.connection.executemany(
            "INSERT OR IGNORE INTO property_key SELECT ?1, ?2, ?4, ?3 WHERE NOT EXISTS "
            "(SELECT 1 FROM property_key WHERE key = ?1 AND kind = ?2 AND occurred_at <= ?3)",
            ((key, code, occurred_at, self.at) for key, code, occurred_at in sorted(self.validation.property_keys)),
        )


def last_total(connection: Connection) -> bytes:
    """Return the sum of all records."""
    row = connection.execute("SELECT total FROM batch ORDER BY recorded_at DESC LIMIT 1").fetchone()
    return EMPTY_SUM if row is None else row[0]


def _content(entity: NewEntity) -> tuple[str | None, ...]:
    source = entity.source
    return (
        entity.type,
        entity.description,
        entity.title,
        entity.status,
        packed(sorted(set(entity.tags))) if entity.tags else None,
        None if source is None else source.uri,
        packed_source(source),
        packed_properties(entity.properties),
    )
