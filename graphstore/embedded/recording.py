"""One batch into the database, inside a transaction that the caller begins and ends."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from time import time_ns
from typing import Final, TypeVar

import apsw
import orjson

from lineal.auth.scopes import EVERYTHING
from lineal.graphstore.batches import Batch, NewAssociation, NewEntity, NewRevision
from lineal.graphstore.digests import (
    association_form,
    differing_fields,
    digest,
    entity_form,
    revision_form,
    revision_set_form,
)
from lineal.graphstore.embedded.content import packed, packed_properties, packed_source
from lineal.graphstore.embedded.migrations import KIND_BITS, KIND_CODES, TYPE_CODES
from lineal.graphstore.embedded.reading import AssociationKey, Reading, newest
from lineal.graphstore.embedded.standing import (
    as_new_association,
    as_new_entity,
    as_new_revision,
)
from lineal.graphstore.errors import BatchRefused, Problem, ProblemCode
from lineal.graphstore.records import AsOf, View
from lineal.graphstore.urns import entity_id

KEPT_MICROSECONDS: Final = 24 * 3600 * 1_000_000
"""How long an idempotency key counts."""


Part = TypeVar("Part", NewEntity, NewAssociation, NewRevision)


def now() -> int:
    """Microseconds since 1970."""
    return time_ns() // 1000


@dataclass(slots=True)
class Outcome:
    """What became of a batch: which parts are new, and which revision each became."""

    recorded_at: int | None = None
    entities: list[bool] = field(default_factory=list)
    associations: list[bool] = field(default_factory=list)
    revisions: list[bool] = field(default_factory=list)
    sequences: list[int] = field(default_factory=list)

    def packed(self) -> str:
        """As text, to be kept beside an idempotency key."""
        return packed([self.recorded_at, self.entities, self.associations, self.revisions, self.sequences])

    @classmethod
    def unpacked(cls, text: str) -> "Outcome":
        """What `packed` made a text of."""
        return cls(*orjson.loads(text))


class Recording:
    """One batch on its way in. Raises BatchRefused at the first stage that finds problems; the caller rolls back."""

    def __init__(self, connection: apsw.Connection, batch: Batch, urns: list[str], by: str) -> None:
        self.connection, self.batch, self.urns, self.by = connection, batch, urns, by
        self.at = max(now(), newest(connection) + 1)
        self.reading = Reading(connection, View(EVERYTHING, AsOf(self.at)))
        self.outcome = Outcome()
        self.problems: list[Problem] = []
        self.keys: dict[str, int] = {}
        """By urn: every entity of the batch, and what its associations and revisions name."""
        self.digests: dict[int, str] = {}
        self.occurred: dict[int, int] = {}
        """By key, of the same entities: their digests, and when they occurred."""
        self.new_keys: set[int] = set()
        self.property_keys: set[tuple[str, int, int]] = set()

    def run(self) -> Outcome:
        """Write what is new; tells what was."""
        entities, associations, revisions = self._entities(), self._associations(), self._revisions()
        if self.problems:
            raise BatchRefused(tuple(sorted(self.problems, key=_place)))
        if entities or associations or revisions:
            self.connection.execute("INSERT INTO batch VALUES (?, ?)", (self.at, self.by))
            self.outcome.recorded_at = self.at
        self._insert_entities(entities)
        self._insert_associations(associations)
        self._insert_revisions(revisions)
        self._insert_property_keys()
        return self.outcome

    # -- entities --

    def _entities(self) -> dict[int, tuple[str, str, NewEntity, str]]:
        ids = [entity_id(urn) for urn in self.urns]
        standing = self._standing(ids)
        new: dict[int, tuple[str, str, NewEntity, str]] = {}
        top: int = self.connection.execute("SELECT ifnull(max(key), 0) FROM entity").get
        sequence = (top >> KIND_BITS) + 1
        for index, (urn, id, entity) in enumerate(zip(self.urns, ids, self.batch.entities, strict=True)):
            known = standing.get(id)
            if known is None:
                settled = _settled(entity, self.at)
                key = sequence << KIND_BITS | KIND_CODES[entity.kind]
                sequence += 1
                self.digests[key] = digest(entity_form(settled))
                new[key] = (id, urn, settled, self.digests[key])
                standing[id] = (urn, key, settled.occurred_at or 0, self.digests[key])
                self.keys[urn], self.occurred[key] = key, settled.occurred_at or 0
                self.new_keys.add(key)
            else:
                stands, key, occurred_at, kept = known
                self.keys[urn] = key
                self.digests[key], self.occurred[key] = kept, occurred_at
                if stands != urn:
                    self._refuse(ProblemCode.INVALID_VALUE, f"the id of {urn} is taken by {stands}.", "entities", index)
                elif digest(entity_form(_settled(entity, occurred_at))) != kept:
                    first = (
                        new[key][2]
                        if key in new
                        else as_new_entity(self.reading.entities([key], as_recorded=True)[key])
                    )
                    self._conflict(
                        urn, entity_form(_settled(entity, occurred_at)), entity_form(first), "entities", index
                    )
            self.outcome.entities.append(known is None)
        return new

    def _standing(self, ids: list[str]) -> dict[str, tuple[str, int, int, str]]:
        rows = (
            self.connection.execute(
                "SELECT e.id, e.urn, e.key, e.occurred_at, e.digest "
                "FROM carray(?) f CROSS JOIN entity e ON e.id = f.value",
                (apsw.carray(tuple(ids)),),
            )
            if ids
            else ()
        )
        return {id: (urn, key, occurred_at, kept.hex()) for id, urn, key, occurred_at, kept in rows}

    def _insert_entities(self, new: dict[int, tuple[str, str, NewEntity, str]]) -> None:
        self.connection.executemany(
            "INSERT INTO entity VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    key, id, urn, entity.account, KIND_CODES[entity.kind], entity.name, entity.version,
                    entity.occurred_at, self.at, self.by, bytes.fromhex(kept),
                )
                for key, (id, urn, entity, kept) in new.items()
            ),
        )  # fmt: skip
        contents = ((key, *_content(entity)) for key, (_, _, entity, _) in new.items())
        self.connection.executemany(
            "INSERT INTO entity_content VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (row for row in contents if any(part is not None for part in row[1:])),
        )
        for _, _, entity, _ in new.values():
            self.property_keys.update(
                (p.key, KIND_CODES[entity.kind], entity.occurred_at or 0) for p in entity.properties
            )

    # -- associations --

    def _associations(self) -> dict[AssociationKey, tuple[NewAssociation, str]]:
        named = {urn for each in self.batch.associations for urn in (each.source, each.destination)}
        named |= {revision.entity for revision in self.batch.revisions}
        named |= {revision.superseded_by for revision in self.batch.revisions if revision.superseded_by is not None}
        self._look_up(named)
        placed: list[tuple[int, NewAssociation, AssociationKey]] = []
        for index, association in enumerate(self.batch.associations):
            ends = [self._key(association.source, "associations", index, "source"),
                    self._key(association.destination, "associations", index, "destination")]  # fmt: skip
            if ends[0] is not None and ends[1] is not None:
                key = (ends[0], TYPE_CODES[association.type], ends[1], association.role or "")
                placed.append((index, association, key))
        standing = self._standing_associations([key for _, _, key in placed])
        new: dict[AssociationKey, tuple[NewAssociation, str]] = {}
        self.outcome.associations = [False] * len(self.batch.associations)
        for index, association, key in placed:
            if key not in standing:
                settled = _settled(association, self.at)
                kept = digest(association_form(settled))
                new[key] = (settled, kept)
                standing[key] = (settled.occurred_at or 0, kept)
                self.outcome.associations[index] = True
                continue
            occurred_at, kept = standing[key]
            form = association_form(_settled(association, occurred_at))
            if digest(form) != kept:
                first = new[key][0] if key in new else as_new_association(self.reading.associations([key])[key])
                name = f"{association.source} {association.type} {association.destination}"
                self._conflict(name, form, association_form(first), "associations", index)
        return new

    def _look_up(self, urns: Iterable[str]) -> None:
        missing = [urn for urn in urns if urn not in self.keys]
        by_id = {entity_id(urn): urn for urn in missing}
        for id, (urn, key, occurred_at, kept) in self._standing(list(by_id)).items():
            if by_id[id] == urn:
                self.keys[urn], self.digests[key], self.occurred[key] = key, kept, occurred_at

    def _standing_associations(self, keys: list[AssociationKey]) -> dict[AssociationKey, tuple[int, str]]:
        old = [key for key in keys if key[0] not in self.new_keys and key[2] not in self.new_keys]
        rows = (
            self.connection.execute(
                "SELECT a.source, a.type, a.destination, a.role, a.occurred_at, a.digest "
                "FROM json_each(?) j CROSS JOIN association a ON a.source = j.value->>0 AND a.type = j.value->>1 "
                "AND a.destination = j.value->>2 AND a.role = j.value->>3",
                (packed(old),),
            )
            if old
            else ()
        )
        return {
            (source, type, destination, role): (at, kept.hex()) for source, type, destination, role, at, kept in rows
        }

    def _insert_associations(self, new: dict[AssociationKey, tuple[NewAssociation, str]]) -> None:
        ordered = sorted(new)
        self.connection.executemany(
            "INSERT INTO association VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            ((*key, new[key][0].occurred_at, self.at, self.by, bytes.fromhex(new[key][1])) for key in ordered),
        )
        contents = ((*key, packed_properties(new[key][0].properties)) for key in ordered if new[key][0].properties)
        self.connection.executemany("INSERT INTO association_content VALUES (?, ?, ?, ?, ?)", contents)

    # -- revisions --

    def _revisions(self) -> list[tuple[int, int, NewRevision, str]]:
        wanted: list[tuple[int, NewRevision, int]] = []
        for index, revision in enumerate(self.batch.revisions):
            key = self._key(revision.entity, "revisions", index, "entity")
            if revision.superseded_by is not None:
                self._key(revision.superseded_by, "revisions", index, "supersededBy")
            if key is not None:
                wanted.append((index, revision, key))
        standing = self.reading.revisions({key for _, _, key in wanted}) if wanted else {}
        stand: defaultdict[int, list[tuple[int, str, NewRevision]]] = defaultdict(list)
        for key, revisions in standing.items():
            for each in sorted(revisions, key=lambda each: each.sequence):
                stand[key].append((each.sequence, each.digest, as_new_revision(each, "")))
        self.outcome.revisions = [False] * len(self.batch.revisions)
        self.outcome.sequences = [0] * len(self.batch.revisions)
        new = []
        for index, revision, key in wanted:
            settled = _settled(revision, self.at)
            same = [] if revision.occurred_at is None else [s for s, _, each in stand[key] if _is_same(each, settled)]
            if same:
                self.outcome.sequences[index] = same[0]
                continue
            previous = stand[key][-1] if stand[key] else None
            sequence = previous[0] + 1 if previous else 1
            kept = digest(revision_form(settled, self.digests[key], previous[1] if previous else None, sequence))
            stand[key].append((sequence, kept, settled))
            new.append((key, sequence, settled, kept))
            self.outcome.revisions[index], self.outcome.sequences[index] = True, sequence
        return new

    def _insert_revisions(self, new: list[tuple[int, int, NewRevision, str]]) -> None:
        for key, sequence, revision, kept in new:
            self.connection.execute(
                "INSERT INTO revision VALUES (?, ?, ?, ?, ?, ?, ?)",
                (key, sequence, revision.occurred_at, revision.rank, self.at, self.by, bytes.fromhex(kept)),
            )
            self.connection.execute(
                "INSERT INTO revision_content VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    key,
                    sequence,
                    revision.status,
                    None if revision.tags is None else packed(sorted(set(revision.tags))),
                    revision.description,
                    packed_properties(revision.properties),
                    packed(sorted(set(revision.removed))) if revision.removed else None,
                    revision.superseded_by,
                ),
            )
            code = key & (1 << KIND_BITS) - 1
            # A revision does not exist before its entity does.
            occurred_at = max(revision.occurred_at or 0, self.occurred[key])
            self.property_keys.update((p.key, code, occurred_at) for p in revision.properties)

    # -- the rest --

    def _insert_property_keys(self) -> None:
        # A key counts from the earliest of its times on: a row only where none says so already.
        self.connection.executemany(
            "INSERT OR IGNORE INTO property_key SELECT ?1, ?2, ?4, ?3 WHERE NOT EXISTS "
            "(SELECT 1 FROM property_key WHERE key = ?1 AND kind = ?2 AND occurred_at <= ?3)",
            ((key, code, occurred_at, self.at) for key, code, occurred_at in sorted(self.property_keys)),
        )

    def _key(self, urn: str, *path: str | int) -> int | None:
        key = self.keys.get(urn)
        if key is None:
            self._refuse(ProblemCode.NOT_FOUND, f"{urn} is not recorded: record it first, or in the same batch.", *path)
        return key

    def _conflict(self, name: str, form: dict[str, object], standing: dict[str, object], *path: str | int) -> None:
        fields = ", ".join(differing_fields(form, standing)) or "content that has been erased"
        self._refuse(
            ProblemCode.IMMUTABLE_CONFLICT,
            f"{name} stands with other content, and what is recorded never changes. It differs in: {fields}. "
            "Append a revision, or record a new version.",
            *path,
        )

    def _refuse(self, code: ProblemCode, message: str, *path: str | int) -> None:
        self.problems.append(Problem(code, message, path))


def _place(problem: Problem) -> tuple[int, int]:
    parts = ("entities", "associations", "revisions")
    return parts.index(str(problem.path[0])), int(problem.path[1])


def _settled(part: Part, occurred_at: int) -> Part:
    return part if part.occurred_at is not None else replace(part, occurred_at=occurred_at)


def _is_same(left: NewRevision, right: NewRevision) -> bool:
    return (
        (left.occurred_at, left.rank) == (right.occurred_at, right.rank)
        and set(left.removed) == set(right.removed)
        and revision_set_form(left) == revision_set_form(right)
    )


def _content(entity: NewEntity) -> tuple[str | None, ...]:
    source = entity.source
    return (
        entity.type,
        entity.description,
        entity.status,
        packed(sorted(set(entity.tags))) if entity.tags else None,
        None if source is None else source.uri,
        packed_source(source),
        packed_properties(entity.properties),
    )
