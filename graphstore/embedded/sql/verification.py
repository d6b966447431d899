"""Verification of an SQLite store: every record against its digest, and everything that is derived from records.

All problems are sentences. A row that cannot be decoded is one problem, and the next row is read.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from random import sample as drawn
from typing import Any, Final

import apsw

from lineal.graphstore.batches import NewAssociation, NewEntity, NewRevision
from lineal.graphstore.codes import KIND_BITS, KIND_MASK, KINDS, TYPES
from lineal.graphstore.content_codec import (
    unpacked_fields,
    unpacked_properties,
    unpacked_source,
    unpacked_words,
)
from lineal.graphstore.digests import association_form, change_digest, digest, entity_form, revision_form
from lineal.graphstore.embedded.sql.access_tables import document_hash, epoch_hash, placement_hash
from lineal.graphstore.embedded.sql.batch_writer import last_total
from lineal.graphstore.embedded.sql.connection import Connection
from lineal.graphstore.embedded.sql.connections import altered_schema
from lineal.graphstore.embedded.sql.failures import UNREADABLE_ROWS
from lineal.graphstore.embedded.sql.index_writer import entity_document, entity_parts, revision_document, revision_parts
from lineal.graphstore.embedded.sql.record_reader import carray_of
from lineal.graphstore.kinds import EntityStatus
from lineal.graphstore.quarantine import quarantine_id
from lineal.graphstore.revisions import RevisedFields
from lineal.graphstore.row_sums import EMPTY_SUM, added, row_hash
from lineal.graphstore.store import Verified
from lineal.graphstore.urns import entity_id, make_urn
from lineal.graphstore.verification import wrong_digest

_ROWS_A_STEP: Final = 1000
_MOST_OF_SQLITE: Final = 100
_WORD: Final = (1 << 64) - 1
_CONTENT_OF_ENTITY: Final = "c.type, c.description, c.title, c.status, c.source_uri, c.source, c.tags, c.properties"

Row = tuple[Any, ...]


class Verification:
    """One verification inside one read transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._problems: list[str] = []
        self._sum = EMPTY_SUM
        self._recorders: dict[int, str] = {}
        self._property_times: dict[tuple[str, int], int] = {}
        self._terms = self._parts = 0
        """Sums of the entries that the two search indexes should have."""

    def everything(self) -> Iterator[Verified]:
        """Check everything, in steps."""
        expected = sum(self._count(table) for table in ("entity", "association", "revision", "observation"))
        yield Verified(0, (), expected)
        for check in (
            self._integrity,
            self._batches,
            self._entities,
            self._associations,
            self._revisions,
            self._observations,
            self._totals,
            self._property_keys,
            self._search_indexes,
            self._leftovers,
            self._access,
            self._quarantine,
        ):
            try:
                yield from check()
            except apsw.Error as error:
                self._problems.append(f"SQLite cannot read the {check.__name__.strip('_').replace('_', ' ')}: {error}")
            yield self._step(0)

    def sample(self, size: int) -> Iterator[Verified]:
        """Check entities drawn at random, with their associations and revisions, against their digests."""
        top = self._connection.execute("SELECT ifnull(max(key), 0) FROM entity").get >> KIND_BITS
        numbers = range(1, top + 1) if top <= size else drawn(range(1, top + 1), size)
        statement = (
            "SELECT e.key FROM carray(?) f CROSS JOIN entity e "
            f"ON e.key BETWEEN f.value << {KIND_BITS} AND f.value << {KIND_BITS} | {KIND_MASK}"
        )
        keys = [key for (key,) in self._rows("entities", statement, (carray_of(numbers),))]
        yield Verified(0, (), len(keys))
        yield from self._batches()
        for check, column in (
            (self._entities, "e.key"),
            (self._associations, "a.source"),
            (self._revisions, "r.entity"),
        ):
            yield from check(f"{column} IN (SELECT value FROM carray(?))", (carray_of(keys),))

    # -- steps --

    def _step(self, records: int) -> Verified:
        problems, self._problems = tuple(self._problems), []
        return Verified(records, problems)

    def _count(self, table: str) -> int:
        try:
            return int(self._connection.execute(f"SELECT count(*) FROM {table}").get)
        except apsw.Error:
            return 0

    def _rows(self, what: str, statement: str, parameters: tuple[object, ...] = ()) -> Iterator[Row]:
        """Yield the rows of a statement; a row that is no text is a problem."""
        cursor = self._connection.execute(statement, parameters)
        while True:
            try:
                yield next(cursor)
            except StopIteration:
                return
            except UnicodeDecodeError as error:
                self._problems.append(f"a row of the {what} cannot be read: {error}")

    def _checked(
        self, rows: Iterable[Row], check: Callable[..., None], name: Callable[[Row], str]
    ) -> Iterator[Verified]:
        """Check each row, and yield a step every thousand rows."""
        count = 0
        for row in rows:
            try:
                check(*row)
            except UNREADABLE_ROWS as error:
                self._problems.append(f"{name(row)} cannot be read ({type(error).__name__}: {error})")
            count += 1
            if count % _ROWS_A_STEP == 0:
                yield self._step(_ROWS_A_STEP)
        yield self._step(count % _ROWS_A_STEP)

    def _add(self, *values: str | int | None) -> None:
        self._sum = added(self._sum, row_hash(*values))

    def _check_recorder(self, name: str, recorded_at: int, recorded_by: str) -> None:
        if self._recorders.get(recorded_at) != recorded_by:
            self._problems.append(f"{name} is of no batch of its recorder: its time or its recorder was changed")

    # -- checks --

    def _integrity(self) -> Iterator[Verified]:
        rows = self._connection.execute(f"PRAGMA integrity_check({_MOST_OF_SQLITE})")
        self._problems += [f"SQLite: {text}" for (text,) in rows if text != "ok"]
        self._problems += altered_schema(self._connection)
        yield self._step(0)

    def _batches(self) -> Iterator[Verified]:
        for recorded_at, recorded_by in self._rows("batches", "SELECT recorded_at, recorded_by FROM batch"):
            self._recorders[recorded_at] = recorded_by
            self._add("batch", recorded_at, recorded_by)
        yield self._step(0)

    def _entities(self, where: str = "true", parameters: tuple[object, ...] = ()) -> Iterator[Verified]:
        rows = self._rows(
            "entities",
            "SELECT e.key, e.id, e.urn, e.account, e.kind, e.name, e.version, e.occurred_at, e.recorded_at, "
            f"e.recorded_by, e.digest, e.known_from, {_CONTENT_OF_ENTITY} "
            f"FROM entity e LEFT JOIN entity_content c ON c.key = e.key WHERE {where} ORDER BY e.key",
            parameters,
        )
        yield from self._checked(rows, self._check_entity, lambda row: f"the entity {row[2]}")

    def _check_entity(
        self,
        key: int,
        id: str,
        urn: str,
        account: str,
        kind: int,
        name: str,
        version: str | None,
        occurred_at: int,
        recorded_at: int,
        recorded_by: str,
        kept: bytes,
        known_from: int,
        *content: Any,
    ) -> None:
        self._add("entity", recorded_at, kept.hex())
        type, description, title, status, uri, source, tags, properties = content
        entity = NewEntity(
            account,
            KINDS[key & KIND_MASK],
            name,
            version,
            type,
            description,
            None if status is None else EntityStatus(status),
            None if uri is None and source is None else unpacked_source(uri, source),
            unpacked_words(tags),
            unpacked_properties(properties),
            occurred_at,
            title,
        )
        if digest(entity_form(entity)) != kept.hex():
            self._problems.append(wrong_digest(urn))
        if urn != make_urn(account, entity.kind, name, version) or id != entity_id(urn) or kind != key & KIND_MASK:
            self._problems.append(f"the URN, the id and the identity of {urn} do not belong together")
        self._check_recorder(urn, recorded_at, recorded_by)
        for property in entity.properties:
            self._property(property.key, kind, known_from)
        self._terms += _entries(key, entity_document(entity, recorded_by).lower().split(" "))
        self._parts += _entries(key, _trigrams(entity_parts(urn, entity, recorded_by)))

    def _associations(self, where: str = "true", parameters: tuple[object, ...] = ()) -> Iterator[Verified]:
        rows = self._rows(
            "associations",
            "SELECT a.source, s.urn, d.urn, a.type, a.role, a.occurred_at, a.recorded_at, a.recorded_by, a.digest, "
            "c.properties FROM association a LEFT JOIN entity s ON s.key = a.source "
            "LEFT JOIN entity d ON d.key = a.destination LEFT JOIN association_content c ON c.source = a.source "
            f"AND c.type = a.type AND c.destination = a.destination AND c.role = a.role WHERE {where}",
            parameters,
        )
        yield from self._checked(rows, self._check_association, lambda row: f"an association of {row[1]} and {row[2]}")

    def _check_association(
        self,
        key: int,
        source: str | None,
        destination: str | None,
        type: int,
        role: str,
        occurred_at: int | None,
        recorded_at: int,
        recorded_by: str,
        kept: bytes,
        properties: str | None,
    ) -> None:
        self._add("association", recorded_at, kept.hex())
        name = f"{source} {TYPES[type]} {destination}"
        if source is None or destination is None:
            self._problems.append(f"an association lacks an entity: {name}")
            return
        association = NewAssociation(
            source, destination, TYPES[type], role or None, unpacked_properties(properties), occurred_at
        )
        if digest(association_form(association)) != kept.hex():
            self._problems.append(wrong_digest(name))
        self._check_recorder(name, recorded_at, recorded_by)

    def _revisions(self, where: str = "true", parameters: tuple[object, ...] = ()) -> Iterator[Verified]:
        rows = self._rows(
            "revisions",
            "SELECT r.entity, e.urn, e.digest, e.occurred_at, e.recorded_at, e.known_from, e.moved_at, f.fields, "
            "f.recorded_at, f.occurred_at, r.sequence, r.occurred_at, r.rank, r.recorded_at, r.recorded_by, r.digest, "
            "r.content, c.status, c.tags, c.description, c.title, c.properties, c.removed, c.superseded_by "
            "FROM revision r LEFT JOIN entity e ON e.key = r.entity LEFT JOIN revised_fields f ON f.entity = r.entity "
            "LEFT JOIN revision_content c ON c.entity = r.entity AND c.id = r.content "
            f"WHERE {where} ORDER BY r.entity, r.sequence",
            parameters,
        )
        count = 0
        for _, group in groupby(rows, key=lambda row: row[0]):
            of_entity = list(group)
            try:
                self._check_revisions(of_entity)
            except UNREADABLE_ROWS as error:
                name = f"the revisions of {of_entity[0][1]}"
                self._problems.append(f"{name} cannot be read ({type(error).__name__}: {error})")
            count += len(of_entity)
            if count >= _ROWS_A_STEP:
                yield self._step(count)
                count = 0
        yield self._step(count)

    def _check_revisions(self, rows: list[Row]) -> None:
        key, urn, entity_digest, known_from, entity_recorded_at, expected_known, expected_moved = rows[0][:7]
        for row in rows:
            self._add("revision", row[13], row[15].hex(), row[12])
        if urn is None:
            self._problems.append("the entity of a revision is missing")
            return
        fields, moved_at, previous = RevisedFields(), None, None
        documents: dict[bytes, tuple[str, str]] = {}
        for number, row in enumerate(rows, 1):
            sequence, occurred_at, rank, recorded_at, recorded_by, kept, content = row[10:17]
            name = f"revision {sequence} of {urn}"
            if sequence != number:
                self._problems.append(f"a revision before number {sequence} of {urn} is missing")
                return
            revision = _revision(urn, row)
            if digest(revision_form(revision, entity_digest.hex(), previous, sequence)) != kept.hex():
                self._problems.append(wrong_digest(name))
            if content != (None if revision.is_sighting else change_digest(revision)):
                self._problems.append(f"the content of {name} is not that of its digest")
            self._check_recorder(name, recorded_at, recorded_by)
            fields.apply(revision, (occurred_at, rank, sequence))
            if occurred_at < known_from:
                known_from, moved_at = occurred_at, recorded_at if recorded_at != entity_recorded_at else None
            for property in revision.properties:
                self._property(property.key, key & KIND_MASK, occurred_at)
            if content is not None:
                documents[content] = revision_document(revision), revision_parts(revision)
            previous = kept.hex()
        self._index_revisions(key, documents.values())
        if (known_from, moved_at) != (expected_known, expected_moved):
            self._problems.append(f"the earliest time of {urn} is not that of its record and its revisions")
        revised, recorded_at, occurred_at = rows[0][7:10]
        newest = max(row[13] for row in rows), max(row[11] for row in rows)
        if revised is None or unpacked_fields(revised) != fields or (recorded_at, occurred_at) != newest:
            self._problems.append(f"what is shown of {urn} is not what its revisions give")

    def _index_revisions(self, key: int, documents: Iterable[tuple[str, str]]) -> None:
        """Add the entries of revisions to what the search indexes should have."""
        for terms, parts in documents:
            if terms:
                self._terms += _entries(-key, terms.lower().split(" "))
                self._parts += _entries(-key, _trigrams(parts))

    def _observations(self) -> Iterator[Verified]:
        rows = self._rows(
            "observations",
            "SELECT e.urn, s.metric, o.step, o.occurred_at, o.value, o.recorded_at FROM observation o "
            "LEFT JOIN series s ON s.id = o.series LEFT JOIN entity e ON e.key = s.entity",
        )
        yield from self._checked(rows, self._check_observation, lambda row: f"an observation of {row[0]}")

    def _check_observation(self, urn: str | None, metric: str | None, *rest: int) -> None:
        *values, recorded_at = rest
        self._add("observation", recorded_at, urn, metric, *values)
        if urn is None or metric is None:
            self._problems.append("the entity or the metric of an observation is missing")
        if recorded_at not in self._recorders:
            self._problems.append(f"an observation of {metric} of {urn} is of no batch: its time was changed")

    def _totals(self) -> Iterator[Verified]:
        if last_total(self._connection) != self._sum:
            self._problems.append(
                "the records are not those that the batches recorded: some were deleted, added or changed, for "
                "example observations, which have no digest"
            )
        yield self._step(0)

    def _property(self, key: str, kind: int, at: int) -> None:
        self._property_times[key, kind] = min(at, self._property_times.get((key, kind), at))

    def _property_keys(self) -> Iterator[Verified]:
        statement = "SELECT key, kind, min(occurred_at) FROM property_key GROUP BY key, kind"
        kept = {(key, kind): at for key, kind, at in self._rows("property keys", statement)}
        for key, kind in sorted(kept.keys() | self._property_times.keys()):
            if kept.get((key, kind)) != self._property_times.get((key, kind)):
                self._problems.append(f"the property key {key!r} of {KINDS.get(kind)} is not that of the records")
        for key, recorded_at in self._rows("property keys", "SELECT DISTINCT key, recorded_at FROM property_key"):
            if recorded_at not in self._recorders:
                self._problems.append(f"the property key {key!r} is of no batch: its time was changed")
        yield self._step(0)

    def _search_indexes(self) -> Iterator[Verified]:
        rows = self._rows("index", "SELECT document, entity FROM revised")
        entities = {-document: -entity for document, entity in rows}
        self._connection.execute(
            "CREATE VIRTUAL TABLE IF NOT EXISTS temp.part_entry USING fts5vocab(main, part, instance)"
        )
        for name, table, expected in (("words", "term_entry", self._terms), ("texts", "part_entry", self._parts)):
            actual = 0
            for term, document in self._rows("index", f"SELECT term, doc FROM {table}"):
                actual += hash((term, entities.get(document, 0) if document < 0 else document))
            if actual & _WORD != expected & _WORD:
                self._problems.append(f"the search index of {name} is not that of the records: searches may miss some")
            yield self._step(0)

    def _leftovers(self) -> Iterator[Verified]:
        """Rows that belong to no record."""
        for name, statement in _LEFTOVERS.items():
            if self._connection.execute(f"SELECT EXISTS ({statement})").get:
                self._problems.append(f"{name} without its record")
        yield self._step(0)

    def _access(self) -> Iterator[Verified]:
        statement = "SELECT epoch, members_at, total FROM access_epoch"
        epoch, members_at, total = next(self._connection.execute(statement), (0, 0, EMPTY_SUM))
        statement = "SELECT part, id, content, epoch FROM access_document"
        hashes = [document_hash(*row) for row in self._rows("access documents", statement)]
        statement = "SELECT p.entity, c.groups FROM placement p JOIN compartment c ON c.id = p.compartment"
        hashes += [placement_hash(*row) for row in self._rows("groups of entities", statement)]
        if added(EMPTY_SUM, epoch_hash(epoch, members_at), *hashes) != total:
            self._problems.append(
                "accounts, groups, policies, shares or keys are not those that were recorded: some were changed"
            )
        yield self._step(0)

    def _quarantine(self) -> Iterator[Verified]:
        for id, account, document in self._rows("quarantine", "SELECT id, account, document FROM quarantine"):
            if id != quarantine_id(account, document):
                self._problems.append(f"the quarantined document {id} is not the one that was sent")
        yield self._step(0)


_LEFTOVERS: Final = {
    "content of an entity": "SELECT 1 FROM entity_content WHERE key NOT IN (SELECT key FROM entity)",
    "content of an association": "SELECT 1 FROM association_content c WHERE NOT EXISTS (SELECT 1 FROM association a "
    "WHERE a.source = c.source AND a.type = c.type AND a.destination = c.destination AND a.role = c.role)",
    "content of a revision": "SELECT 1 FROM revision_content c WHERE NOT EXISTS "
    "(SELECT 1 FROM revision r WHERE r.entity = c.entity AND r.content = c.id)",
    "fields of revisions": "SELECT 1 FROM revised_fields WHERE entity NOT IN (SELECT entity FROM revision)",
    "the groups of an entity": "SELECT 1 FROM placement WHERE entity NOT IN (SELECT key FROM entity) "
    "OR compartment NOT IN (SELECT id FROM compartment)",
    "an earliest time": "SELECT 1 FROM entity e WHERE (known_from <> occurred_at OR moved_at IS NOT NULL) "
    "AND NOT EXISTS (SELECT 1 FROM revision r WHERE r.entity = e.key)",
}
"""Statements that select rows of a kind without their record."""


def _revision(urn: str, row: Row) -> NewRevision:
    status, tags, description, title, properties, removed, superseded_by = row[17:24]
    return NewRevision(
        urn,
        None if status is None else EntityStatus(status),
        None if tags is None else unpacked_words(tags),
        description,
        unpacked_properties(properties),
        unpacked_words(removed),
        superseded_by,
        row[11],
        row[12],
        title,
    )


def _trigrams(text: str) -> Iterable[str]:
    return (text[start : start + 3] for start in range(len(text) - 2))


def _entries(document: int, terms: Iterable[str]) -> int:
    """The sum of the entries of a document in a search index."""
    return sum(hash((term, document)) for term in set(terms) if term)
